"""One record a visit and no exit before it is durable, through crashes, losses and repeats."""

from __future__ import annotations

import pytest

from terminal.core.types import BarrierKind
from tests.model.commit_protocol import Protocol


@pytest.mark.parametrize("barrier", list(BarrierKind))
def test_no_crash_or_loss_opens_the_exit_without_a_durable_record(barrier: BarrierKind) -> None:
    found = Protocol(barrier).run()
    print(
        f"\ncontrol x ledger x link, {barrier.value}: {found.states:,} states, "
        f"{found.transitions:,} transitions, {found.seconds:.1f} s, "
        f"{found.released:,} ticks with the exit open"
    )
    assert found.released, "the search never released anybody: it proves nothing"
    assert not found.stories, "\n\n".join(found.stories or ())


def test_an_answer_before_the_record_is_durable_is_found() -> None:
    """A test of the test."""
    found = Protocol(BarrierKind.HOLD, early_answer=True).run()
    assert any("without a durable record" in story for story in found.stories or ())
