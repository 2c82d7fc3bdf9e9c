"""One record a visit and no exit before it is durable, through crashes, losses and repeats."""

from __future__ import annotations

import multiprocessing
import os

import pytest

from terminal.core.types import BarrierKind
from tests.model.commit_protocol import Found, Protocol

JOBS = [(barrier, False) for barrier in BarrierKind] + [(BarrierKind.HOLD, True)]
"""Barrier, and whether the ledger answers before it has written."""


def search(job: tuple[BarrierKind, bool]) -> Found:
    barrier, early_answer = job
    return Protocol(barrier, early_answer=early_answer).run()


@pytest.fixture(scope="module")
def found() -> dict[tuple[BarrierKind, bool], Found]:
    """All searches, in two processes beside each other."""
    workers = min(2, os.cpu_count() or 1)
    with multiprocessing.get_context("fork").Pool(workers) as pool:
        return dict(zip(JOBS, pool.map(search, JOBS, chunksize=1), strict=True))


@pytest.mark.parametrize("barrier", list(BarrierKind))
def test_no_crash_or_loss_opens_the_exit_without_a_durable_record(
    barrier: BarrierKind, found: dict[tuple[BarrierKind, bool], Found]
) -> None:
    one = found[barrier, False]
    print(
        f"\ncontrol x ledger x link, {barrier.value}: {one.states:,} states, "
        f"{one.transitions:,} transitions, {one.seconds:.1f} s, "
        f"{one.released:,} ticks with the exit open"
    )
    assert one.released, "the search never released anybody: it proves nothing"
    assert not one.stories, "\n\n".join(one.stories or ())


def test_an_answer_before_the_record_is_durable_is_found(
    found: dict[tuple[BarrierKind, bool], Found],
) -> None:
    """A test of the test."""
    stories = found[BarrierKind.HOLD, True].stories or ()
    assert any("without a durable record" in story for story in stories)
