from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from hal.contract.types import FaultCode, MonotonicNs
from terminal.camera import node as camera_node
from terminal.core.types import PlateOutcome
from terminal.link import PeerDown
from terminal.messages import Capture, DeviceFault, LiveFrame, Look, PhotosTaken, PlateSeen, encode
from terminal.node import Node
from tests.unit.camera.rig import FakeReader, Rig, candidate

PLATE = "晋L52188"


def readings(sends: list) -> list:  # type: ignore[type-arg]
    return [s.message.reading for s in sends if isinstance(s.message, PlateSeen)]


def test_it_is_a_node(tmp_path: Path) -> None:
    node: Node = Rig(tmp_path, FakeReader([])).node
    assert node.name == "camera"


def test_nothing_is_read_while_nobody_asks(tmp_path: Path) -> None:
    rig = Rig(tmp_path, FakeReader([candidate(PLATE)]))
    for _ in range(5):
        assert rig.tick() == []
    assert rig.reader.reads == 0


def test_a_plate_is_read_after_two_agreeing_frames_and_answered_again(tmp_path: Path) -> None:
    rig = Rig(tmp_path, FakeReader([candidate(PLATE)]))
    assert rig.hear(Look(7)) == []
    first, second = readings(rig.tick())[0], readings(rig.tick())[0]
    assert first.outcome is PlateOutcome.UNSURE
    assert second.outcome is PlateOutcome.READ
    assert (second.visit_id, second.plate, second.colour, second.kind) == (
        7,
        PLATE,
        "yellow",
        "ordinary",
    )
    assert second.margin_mn >= 2_000
    assert second.rear_plate == ""
    assert rig.tick() == []
    third = readings(rig.tick())[0]
    assert third == replace(second, rear_plate=PLATE)
    assert rig.tick() == []
    assert rig.reader.reads == 4
    assert readings(rig.hear(Look(7))) == [third]


def test_tractor_and_trailer_plates_are_both_told(tmp_path: Path) -> None:
    trailer = [candidate("晋L7731挂")]
    rig = Rig(tmp_path, FakeReader([candidate(PLATE)], [candidate(PLATE)], trailer))
    rig.hear(Look(7))
    last = [reading for _ in range(5) for reading in readings(rig.tick())][-1]
    assert (last.plate, last.rear_plate) == (PLATE, "晋L7731挂")


def test_an_unreadable_rear_plate_is_given_up(tmp_path: Path) -> None:
    rig = Rig(tmp_path, FakeReader([candidate(PLATE)], [candidate(PLATE)], []))
    rig.hear(Look(7))
    for _ in range(30):
        rig.tick()
    assert rig.reader.reads == 2 + camera_node.REAR_FRAMES_MAX
    assert readings(rig.hear(Look(7)))[0].rear_plate == ""


def test_another_visit_starts_from_nothing(tmp_path: Path) -> None:
    rig = Rig(tmp_path, FakeReader([candidate(PLATE)], [candidate(PLATE)], []))
    rig.hear(Look(7))
    rig.tick(), rig.tick()
    assert rig.hear(Look(8)) == []
    answer = readings(rig.tick())[0]
    assert answer.visit_id == 8
    assert answer.outcome is PlateOutcome.NO_PLATE
    assert answer.plate == ""


@pytest.mark.parametrize("end", ["look 0", "control died"])
def test_reading_ends(tmp_path: Path, end: str) -> None:
    rig = Rig(tmp_path, FakeReader([candidate(PLATE)]))
    rig.hear(Look(7))
    if end == "look 0":
        rig.hear(Look(0))
    else:
        rig.node.on_event(PeerDown("control"), rig.clock.now)
    assert rig.tick() == []
    assert rig.reader.reads == 0


def test_readings_slow_down_when_nothing_comes(tmp_path: Path) -> None:
    rig = Rig(tmp_path, FakeReader([]))
    rig.hear(Look(7))
    for _ in range(10):
        rig.tick()
    assert rig.reader.reads == 10
    for _ in range(10):
        rig.tick()
    assert rig.reader.reads == 12


def test_a_broken_camera_is_a_fault_and_never_a_plate(tmp_path: Path) -> None:
    rig = Rig(tmp_path, FakeReader([candidate(PLATE)]))
    rig.cameras["front"].broken = True
    rig.hear(Look(7))
    sends = rig.tick()
    assert readings(sends)[0].outcome is PlateOutcome.CAMERA_FAULT
    assert [s.message.fault.device for s in sends if isinstance(s.message, DeviceFault)] == [
        "camera-front"
    ]
    assert not any(isinstance(s.message, DeviceFault) for s in rig.tick())
    rig.cameras["front"].broken = False
    rig.tick()
    assert readings(rig.tick())[0].outcome is PlateOutcome.READ


def test_photos_are_durable_named_by_digest_and_the_same_when_asked_again(tmp_path: Path) -> None:
    rig = Rig(tmp_path, FakeReader([candidate(PLATE)]))
    rig.hear(Look(7))
    rig.tick()
    (first,) = rig.hear(Capture(7, 48_960, PLATE))
    assert isinstance(first.message, PhotosTaken)
    photos = first.message.captured.photos
    assert [photo.role for photo in photos] == ["front", "rear", "plate"]
    for photo in photos:
        stored = (tmp_path / "spool" / f"{photo.sha256.hex()}.jpg").read_bytes()
        assert hashlib.sha256(stored).digest() == photo.sha256
        assert len(stored) == photo.size_bytes
        assert stored[:2] == b"\xff\xd8"
    taken = rig.cameras["front"].taken
    assert rig.hear(Capture(7, 48_960, PLATE)) == [first]
    assert rig.cameras["front"].taken == taken
    assert not list((tmp_path / "spool").glob("*.part"))


def test_one_broken_camera_leaves_the_other_picture(tmp_path: Path) -> None:
    rig = Rig(tmp_path, FakeReader([]))
    rig.cameras["rear"].broken = True
    sends = rig.hear(Capture(7, 1, ""))
    assert [type(s.message) for s in sends] == [DeviceFault, PhotosTaken]
    assert [p.role for p in sends[1].message.captured.photos] == ["front"]  # type: ignore[union-attr]


def test_no_picture_at_all_is_not_called_taken(tmp_path: Path) -> None:
    rig = Rig(tmp_path, FakeReader([]))
    for camera in rig.cameras.values():
        camera.broken = True
    assert all(isinstance(s.message, DeviceFault) for s in rig.hear(Capture(7, 1, "")))
    rig.cameras["front"].broken = False
    assert any(isinstance(s.message, PhotosTaken) for s in rig.hear(Capture(7, 1, "")))


def test_a_lane_without_cameras_answers_with_no_photos(tmp_path: Path) -> None:
    rig = Rig(tmp_path, FakeReader([]), roles=())
    (sent,) = rig.hear(Capture(7, 1, ""))
    assert isinstance(sent.message, PhotosTaken)
    assert sent.message.captured.photos == ()
    rig.hear(Look(7))
    assert rig.tick() == []


def test_a_spool_that_cannot_be_written_is_a_fault(tmp_path: Path) -> None:
    rig = Rig(tmp_path, FakeReader([]))
    (tmp_path / "spool").write_text("in the way")
    sends = rig.hear(Capture(7, 1, ""))
    assert [type(s.message) for s in sends] == [DeviceFault]
    (tmp_path / "spool").unlink()
    assert any(isinstance(s.message, PhotosTaken) for s in rig.hear(Capture(7, 1, "")))


def test_remembered_visits_are_bounded(tmp_path: Path) -> None:
    rig = Rig(tmp_path, FakeReader([]))
    for visit_id in range(1, camera_node.VISITS_KEPT_MAX + 5):
        rig.hear(Capture(visit_id, 1, ""))
    taken = rig.cameras["front"].taken
    rig.hear(Capture(camera_node.VISITS_KEPT_MAX + 4, 1, ""))
    assert rig.cameras["front"].taken == taken
    rig.hear(Capture(1, 1, ""))
    assert rig.cameras["front"].taken == taken + 1


def test_live_frames_go_to_the_console_only_and_not_too_often(tmp_path: Path) -> None:
    rig = Rig(tmp_path, FakeReader([]))
    assert rig.tick() == []
    rig.console()
    frames = [send for _ in range(20) for send in rig.tick(50)]
    assert 2 <= len(frames) <= 3
    assert {send.peer for send in frames} == {"console"}
    assert {send.message.role for send in frames if isinstance(send.message, LiveFrame)} == {
        "front",
        "rear",
    }
    assert all(len(encode(send.message)) < 110_000 for send in frames)


def test_close_stops_the_cameras(tmp_path: Path) -> None:
    rig = Rig(tmp_path, FakeReader([]))
    rig.node.close()
    assert all(camera.closed for camera in rig.cameras.values())
    assert rig.clock.now > MonotonicNs(0)


def faults(sends: list) -> list:  # type: ignore[type-arg]
    return [s.message.fault for s in sends if isinstance(s.message, DeviceFault)]


def test_a_frozen_camera_is_never_read(tmp_path: Path) -> None:
    rig = Rig(tmp_path, FakeReader([candidate(PLATE)]))
    rig.cameras["front"].frozen = 90
    rig.hear(Look(7))
    sends = [send for _ in range(6) for send in rig.tick()]
    assert all(r.outcome is not PlateOutcome.READ for r in readings(sends))
    assert readings(sends)[-1].outcome is PlateOutcome.CAMERA_FAULT
    assert {fault.code for fault in faults(sends)} == {FaultCode.FROZEN}
    assert rig.reader.reads <= 1
    rig.cameras["front"].frozen = None
    sends = [send for _ in range(3) for send in rig.tick()]
    assert readings(sends)[-1].outcome is PlateOutcome.READ


def test_a_frozen_picture_is_no_photo(tmp_path: Path) -> None:
    rig = Rig(tmp_path, FakeReader([]))
    rig.cameras["front"].frozen = 90
    rig.console()
    for _ in range(10):
        rig.tick()
    sends = rig.hear(Capture(7, 1, ""))
    assert [p.role for p in sends[-1].message.captured.photos] == ["rear"]  # type: ignore[union-attr]


@pytest.mark.parametrize(("level", "code"), [(3, FaultCode.DARK), (120, FaultCode.BLOCKED)])
def test_a_dark_or_covered_camera_is_named_once_it_persists(
    tmp_path: Path, level: int, code: FaultCode
) -> None:
    rig = Rig(tmp_path, FakeReader([]))
    rig.cameras["front"].level = level
    rig.hear(Look(7))
    assert faults(rig.tick()) == []
    sends = [send for _ in range(5) for send in rig.tick()]
    assert {fault.code for fault in faults(sends)} == {code}
    assert readings(sends)[-1].outcome is PlateOutcome.CAMERA_FAULT
    rig.cameras["front"].level = None
    rig.tick()
    assert readings(rig.tick())[-1].outcome is PlateOutcome.NO_PLATE
