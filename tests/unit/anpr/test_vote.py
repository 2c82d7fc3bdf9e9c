from __future__ import annotations

from dataclasses import replace

from terminal.anpr.types import PlateCandidate
from terminal.anpr.vote import FRAMES_MAX, Voter, VoteSettings
from terminal.core.types import PlateOutcome
from tests.unit.camera.rig import candidate

PLATE = "晋L52188"
CLEAR = candidate(PLATE)
CLOSE = candidate(PLATE, logp=-1.5, margin=0.4)


def after(*frames: list[PlateCandidate], settings: VoteSettings | None = None) -> Voter:
    voter = Voter(settings or VoteSettings())
    for frame in frames:
        voter.add(frame)
    return voter


def test_nothing_seen_is_no_plate() -> None:
    assert after().verdict().outcome is PlateOutcome.NO_PLATE
    verdict = after([], [], []).verdict()
    assert (verdict.outcome, verdict.plate, verdict.frames) == (PlateOutcome.NO_PLATE, "", 3)


def test_two_clear_frames_are_read_and_one_is_not() -> None:
    assert after([CLEAR]).verdict().outcome is PlateOutcome.UNSURE
    verdict = after([CLEAR], [CLEAR]).verdict()
    assert (verdict.outcome, verdict.plate) == (PlateOutcome.READ, PLATE)
    assert verdict.margin >= 2.0


def test_frames_that_see_nothing_do_not_speak_against_those_that_do() -> None:
    assert after([], [CLEAR], [], [CLEAR]).verdict().outcome is PlateOutcome.READ


def test_close_readings_are_offered_best_first() -> None:
    verdict = after([CLOSE], [CLOSE], [CLOSE]).verdict()
    assert verdict.outcome is PlateOutcome.UNSURE
    assert verdict.candidates == (PLATE, "晋L52181")
    assert verdict.weights[0] > verdict.weights[1]


def test_fixed_doubt_does_not_vote_itself_away() -> None:
    dim = candidate(PLATE, logp=-4.0, margin=3.0)
    assert after(*[[dim]] * 30).verdict().outcome is PlateOutcome.UNSURE


def test_frames_that_contradict_each_other_are_not_read() -> None:
    other = candidate("晋L52186")
    frames = [[CLEAR], [other]] * 5
    assert after(*frames).verdict().outcome is PlateOutcome.UNSURE


def test_one_odd_frame_is_outvoted() -> None:
    odd = candidate("晋L62188", margin=1.0)
    assert after([odd], [CLEAR], [CLEAR], [CLEAR]).verdict().plate == PLATE


def test_what_the_reader_did_not_accept_is_not_read() -> None:
    refused = replace(CLEAR, accepted=False)
    assert after([refused], [refused], [refused]).verdict().outcome is PlateOutcome.UNSURE


def test_a_partly_legible_plate_shows_its_open_places() -> None:
    chars = tuple((s, 0.99 if at in (0, 1, 2, 3, 6) else 0.4) for at, s in enumerate(PLATE))
    poor = replace(candidate(PLATE, logp=-12.0, margin=0.1), chars=chars)
    verdict = after([poor], [poor]).verdict()
    assert (verdict.outcome, verdict.plate) == (PlateOutcome.PARTLY, "晋L52??8")
    blind = replace(poor, chars=tuple((s, 0.4) for s in PLATE))
    assert after([blind]).verdict().outcome is PlateOutcome.NO_PLATE


def test_frames_are_bounded() -> None:
    assert after(*[[CLEAR]] * (FRAMES_MAX + 20)).frames == FRAMES_MAX
