"""From the latch to the end of the visit: film, exit camera, and telling the ledger."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from hal.contract.types import MonotonicNs
from terminal.anpr.types import PlateCandidate
from terminal.camera import after, recording, video
from terminal.camera.recording import Recording
from terminal.camera.spool import path_of
from terminal.link import Received
from terminal.messages import Capture, FollowedUp, FollowUp, Snapshot
from terminal.node import Send
from tests.tools.console_feeder import idle
from tests.unit.camera.rig import FakeReader, Rig, candidate

needs_video = pytest.mark.skipif(
    not video.available(), reason="the package av is not installed: no video on this machine"
)
PLATE = "晋L52188"
OTHER = "晋L52186"


def rig_with(
    folder: Path, *answers: list[PlateCandidate], roles: tuple[str, ...] = ("front", "exit")
) -> Rig:
    rig = Rig(folder, FakeReader(*(answers or ([],))), roles)
    kept = Recording(None, clip_ms=5_000, after_ms=10_000, clip_role="front", clock=rig.clock)
    rig.node._recording = rig.node._after.recording = kept
    return rig


def said(state: str, visit_id: int = 7) -> Snapshot:
    return msgspec.structs.replace(idle(), state=state, visit_id=visit_id)


def follow_ups(sends: list[Send]) -> list[FollowUp]:
    return [send.message for send in sends if isinstance(send.message, FollowUp)]


def drive(rig: Rig, state: str, ticks: int, visit_id: int = 7) -> list[FollowUp]:
    found: list[FollowUp] = []
    for _ in range(ticks):
        rig.hear(said(state, visit_id))
        found += follow_ups(rig.tick(200))
    return found


def passed(rig: Rig, seconds: int = 4) -> FollowUp:
    """A visit is latched, let go and gone; what the ledger is told first."""
    drive(rig, "weighing", 20)
    rig.hear(Capture(7, 48_960, PLATE))
    assert drive(rig, "clearing", seconds * 5) == []
    (message,) = drive(rig, "idle", 1, visit_id=0)
    return message


@needs_video
def test_the_film_goes_from_a_second_before_the_latch_until_the_vehicle_has_left(
    tmp_path: Path,
) -> None:
    message = passed(rig_with(tmp_path))
    film = next(photo for photo in message.photos if photo.role == "clip_after")
    shots = video.frames_of(path_of(tmp_path / "spool", film.sha256))
    assert 4_600 <= shots[-1][0] <= 5_200
    assert (message.visit_id, message.ended) == (7, "visit")


@needs_video
def test_the_film_ends_at_its_longest_and_the_exit_is_still_waited_for(tmp_path: Path) -> None:
    rig = rig_with(tmp_path, [candidate(PLATE)])
    message = passed(rig, seconds=20)
    film = next(photo for photo in message.photos if photo.role == "clip_after")
    shots = video.frames_of(path_of(tmp_path / "spool", film.sha256))
    assert 10_500 <= shots[-1][0] <= 11_200
    assert (message.ended, message.exit_plate) == ("time", PLATE)


@needs_video
def test_without_an_exit_camera_it_is_told_when_the_film_is_long_enough(tmp_path: Path) -> None:
    rig = rig_with(tmp_path, roles=("front",))
    drive(rig, "weighing", 5)
    rig.hear(Capture(7, 48_960, PLATE))
    (message, *_) = drive(rig, "releasing", 60)
    assert [photo.role for photo in message.photos] == ["clip_after"]
    assert message.ended == "time"


@needs_video
def test_a_film_that_grows_too_large_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "FILM_BYTES_MAX", 1)
    message = passed(rig_with(tmp_path))
    assert message.ended == "space"


def test_the_exit_camera_is_read_only_while_the_vehicle_passes_the_exit(tmp_path: Path) -> None:
    rig = rig_with(tmp_path, [candidate(OTHER)])
    rig.hear(Capture(7, 48_960, PLATE))
    drive(rig, "releasing", 10)
    assert rig.reader.reads == 0
    drive(rig, "clearing", 10)
    (message,) = drive(rig, "idle", 1, visit_id=0)
    assert message.exit_plate == OTHER
    assert [photo.role for photo in message.photos][-1] == "exit"
    assert rig.reader.reads == 2, "two frames that agree are enough"


def test_a_doubtful_reading_at_the_exit_claims_nothing_and_keeps_its_picture(
    tmp_path: Path,
) -> None:
    rig = rig_with(tmp_path, [candidate(OTHER, margin=0.5)])
    message = passed(rig)
    assert message.exit_plate == ""
    assert "exit" in [photo.role for photo in message.photos]
    assert rig.reader.reads <= after.EXIT_FRAMES_MAX


def test_the_photos_of_the_latch_do_not_show_the_empty_exit(tmp_path: Path) -> None:
    rig = rig_with(tmp_path, roles=("front", "rear", "exit"))
    (sent,) = rig.hear(Capture(7, 48_960, PLATE))
    roles = [photo.role for photo in sent.message.captured.photos]  # type: ignore[union-attr]
    assert roles == ["front", "rear"]


def test_it_is_repeated_until_the_ledger_answers_and_not_for_ever(tmp_path: Path) -> None:
    rig = rig_with(tmp_path, [candidate(PLATE)])
    message = passed(rig)
    again = drive(rig, "idle", 30, visit_id=0)
    assert again == [message] * 3, "every two seconds"
    rig.node.on_event(Received("ledger", FollowedUp(99)), rig.clock.now)
    assert drive(rig, "idle", 10, visit_id=0) == [message]
    rig.node.on_event(Received("ledger", FollowedUp(7)), rig.clock.now)
    assert drive(rig, "idle", 30, visit_id=0) == []


def test_a_visit_that_came_to_no_record_is_forgotten(tmp_path: Path) -> None:
    rig = rig_with(tmp_path, [candidate(PLATE)])
    passed(rig)
    rig.clock.now = MonotonicNs(rig.clock.now + after.KEPT_NS)
    assert drive(rig, "idle", 30, visit_id=0) == []


def test_the_next_latch_lets_go_of_the_visit_before(tmp_path: Path) -> None:
    rig = rig_with(tmp_path, [candidate(PLATE)])
    rig.hear(Capture(7, 48_960, PLATE))
    drive(rig, "clearing", 10)
    rig.hear(Capture(8, 40_000, OTHER))
    (message,) = follow_ups(rig.tick(200))
    assert (message.visit_id, message.exit_plate, message.ended) == (7, PLATE, "next")


def test_what_waits_is_bounded(tmp_path: Path) -> None:
    rig = rig_with(tmp_path, [candidate(PLATE)])
    for visit_id in range(1, 20):
        rig.hear(Capture(visit_id, 48_960, PLATE))
        drive(rig, "clearing", 5, visit_id)
    assert len(rig.node._after._waiting) == after.WAITING_MAX


def test_a_spool_that_refuses_is_reported_and_the_next_visit_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = rig_with(tmp_path, [candidate(PLATE)])
    rig.hear(Capture(7, 48_960, PLATE))
    drive(rig, "clearing", 10)
    with monkeypatch.context() as full:

        def refuse(*_args: object) -> None:
            raise OSError(28, "No space left on device")

        full.setattr("terminal.camera.spool.store", refuse)
        rig.hear(said("idle", 0))
    told = [str(send.message) for send in rig.tick(200)]
    assert any("No space left" in text for text in told)
    rig.hear(Capture(8, 48_960, PLATE))
    drive(rig, "clearing", 10, 8)
    (message,) = drive(rig, "idle", 1, visit_id=0)
    assert message.visit_id == 8
