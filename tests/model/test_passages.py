"""Random passages: no violation in a few, the same from the same seed, and planted bugs found."""

from __future__ import annotations

import pytest

from hal.contract.types import Authority, Lease, MonotonicNs, Side
from terminal.core import table
from terminal.core.effects import EFFECTS
from terminal.core.quality import Seen
from terminal.core.types import Verdict
from terminal.core.visit import Phase, State
from tests.model.passages import FAULTS, Passage, Tally, run

FEW = 600


def never() -> float:
    return 0.0


def passages(count: int = FEW, seed: str = "1") -> Tally:
    return run(seed, 0, count, 1.0, never)[0]


def test_no_passage_breaks_a_rule_and_every_vehicle_gets_away() -> None:
    found = passages()
    assert not found.stories, found.stories[0]
    assert found.passages == FEW
    assert found.records.keys() == {"pass", "over", "refused"}
    assert found.released > FEW
    assert found.faults.keys() == FAULTS.keys()


def test_a_seed_repeats() -> None:
    assert passages(100) == passages(100)
    assert passages(100) != passages(100, "2")


def test_time_that_is_up_names_the_next_passage() -> None:
    _, following = run("1", 100, 10_000, -1.0, never)
    assert following == 256


def early_exit(state: State, seen: Seen, until_ns: MonotonicNs) -> Lease | None:
    if state.phase is not Phase.COMMITTING:
        return None
    return Lease(Side.EXIT, Authority.RECORD, state.visit_id, bytes(32), until_ns)


def test_an_exit_before_the_record_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("terminal.core.interlock._exit", early_exit)
    story = passages(50).stories[0].splitlines()
    assert story[0].startswith("I1")
    assert story[0].split("python -m tests.model ")[1].startswith("--seed 1 --first ")
    assert "committing (none), opens ['exit']" in story[-1]


def test_a_judge_who_lets_everybody_pass_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """All invariants hold then: only the true mass tells."""
    judge = EFFECTS["JUDGE"]
    monkeypatch.setitem(
        EFFECTS, "JUDGE", lambda f, state: judge(f, state)._replace(verdict=Verdict.PASS)
    )
    assert any(" kg: python" in story for story in passages(100).stories)


def test_a_lane_that_does_not_come_home_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = tuple(row for row in table.BY_PHASE[Phase.EGRESS] if row.then is not Phase.IDLE)
    monkeypatch.setitem(table.BY_PHASE, Phase.EGRESS, rows)
    assert any(story.startswith("no way home") for story in passages(50).stories)


def test_a_story_is_the_passage_again() -> None:
    passage = Passage("1", 7, Tally(), story=True)
    assert passage.run() == ""
    assert passage.lines
