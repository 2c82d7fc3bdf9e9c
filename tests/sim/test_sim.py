"""The simulator itself: repeatable to the byte, honest about idle time, and it finds bugs."""

from __future__ import annotations

import contextlib
import dataclasses
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from firmware_bridge.indicators.device import SerialIndicator
from hal.contract.types import (
    NS_PER_MS,
    NS_PER_S,
    Authority,
    IndicatorReading,
    InputName,
    Lease,
    Side,
)
from terminal import outbox
from terminal.core import facts, interlock, table
from terminal.core.types import Prompt
from terminal.core.visit import Phase
from terminal.ledger.store import Store
from terminal.outbox import DeliveryState
from terminal.uplink.adapters import coap_v1
from terminal.uplink.exchange import Judgement, Outcome
from tests.sim import soak
from tests.sim.faults import FAULTS
from tests.sim.run import STORY, Sim, simulate

ROOT = Path(__file__).resolve().parents[2]
SEEDS_MAX = 50
BUSY_SEED = 7


def test_a_seed_repeats_to_the_byte() -> None:
    first, second = simulate(BUSY_SEED), simulate(BUSY_SEED)
    assert first.timeline == second.timeline
    assert first.digest == second.digest
    assert first.faults
    assert simulate(BUSY_SEED + 1).digest != first.digest


def test_skipping_idle_time_changes_nothing() -> None:
    def awake(sim: Sim) -> None:
        sim.sleeps = False

    skipped, whole = simulate(BUSY_SEED), simulate(BUSY_SEED, prepare=awake)
    assert not skipped.violation
    assert skipped.timeline == whole.timeline


def test_without_faults_every_truck_gets_its_verdict() -> None:
    outcome = simulate(2, trucks=2, faults=False)
    assert (outcome.violation, outcome.passages, outcome.faults) == ("", 2, {})
    assert sum(outcome.verdicts.values()) == 2


@pytest.mark.parametrize(
    ("beam", "after_ms", "long_ms"),
    [
        (InputName.BEAM_ENTRY, 1_600, 600),
        (InputName.BEAM_ENTRY, 2_600, 60),
        (InputName.BEAM_EXIT, 2_600, 60),
    ],
)
def test_who_crosses_a_beam_beside_a_standing_vehicle_costs_it_nothing(
    beam: InputName, after_ms: int, long_ms: int
) -> None:
    """A bird or a person, once, so long after the sign told the vehicle to stand and wait."""

    def crosses(sim: Sim) -> None:
        def look() -> None:
            if sim.world.prompt() == Prompt.WAIT.value:
                sim.later(after_ms * NS_PER_MS, come)
            else:
                sim.later(50 * NS_PER_MS, look)

        def come() -> None:
            sim.log("somebody crosses a beam")
            sim.yard.lane.pressed |= 1 << beam
            sim.later(long_ms * NS_PER_MS, go)

        def go() -> None:
            sim.yard.lane.pressed &= ~(1 << beam)

        sim.later(NS_PER_S, look)

    outcome = simulate(96, trucks=1, faults=False, prepare=crosses)
    assert (outcome.violation, outcome.verdicts) == ("", {"pass": 1})
    assert [line for line in outcome.timeline if "crosses a beam" in line]


def test_every_fault_says_why_it_must_be_survived() -> None:
    names = [row.name for row in FAULTS]
    assert len(set(names)) == len(names)
    for row in FAULTS:
        assert row.survive_because
        assert 0 < row.per_passage < 1
        assert 0 < row.lasts_ms[0] <= row.lasts_ms[1]


def _without(phase: Phase, then: Phase, guard: str) -> AbstractContextManager[Any]:
    """The table with one guard struck out of the rows from phase to then."""
    rows = tuple(
        row._replace(when=tuple(name for name in row.when if name != guard))
        if row.phase is phase and row.then is then and guard in row.when
        else row
        for row in table.BY_PHASE[phase]
    )
    assert rows != table.BY_PHASE[phase]
    return mock.patch.dict(table.BY_PHASE, {phase: rows})


def _believes_any_code() -> AbstractContextManager[Any]:
    def judge(self: Any, request: Any, reply: Any) -> Judgement:
        if reply.code.startswith(("2.", "4.")):
            return Judgement(Outcome.DELIVERED, reply.code, "", b"believed")
        return Judgement(Outcome.LATER, reply.code, reply.why)

    return mock.patch.object(coap_v1.CoapV1, "judge", judge)


def _answers_before_the_commit() -> AbstractContextManager[Any]:
    visits: set[int] = set()

    @contextlib.contextmanager
    def forgetful(self: Store) -> Any:
        db = self._live()
        db.execute("begin immediate")
        yield
        db.execute("rollback" if id(self) in visits else "commit")
        visits.discard(id(self))

    def add_visit(self: Store, *_values: Any) -> None:
        visits.add(id(self))

    return mock.patch.multiple(Store, transaction=forgetful, add_visit=add_visit)


def _exit_before_the_record() -> AbstractContextManager[Any]:
    def lease(state: Any, seen: Any, until_ns: Any) -> Lease | None:
        if state.phase is not Phase.COMMITTING:
            return None
        return Lease(Side.EXIT, Authority.RECORD, state.visit_id, bytes(32), until_ns)

    return mock.patch.object(interlock, "_exit", lease)


def _last_mass_stays() -> AbstractContextManager[Any]:
    """A silent line repeats its last reading, and nobody says that it is silent."""
    polled, last = SerialIndicator.poll, dict[int, IndicatorReading]()

    def poll(self: Any, now_ns: Any, limit: int) -> list[Any]:
        came = [one for one in polled(self, now_ns, limit) if isinstance(one, IndicatorReading)]
        if came:
            last[id(self)] = came[-1]
        elif id(self) in last:
            came = [dataclasses.replace(last[id(self)], at_ns=now_ns)]
        return came

    return mock.patch.object(SerialIndicator, "poll", poll)


def _refused_is_done_with() -> AbstractContextManager[Any]:
    def forgotten(delivery: Any, code: str, *_rest: Any) -> Any:
        return dataclasses.replace(delivery, state=DeliveryState.DELIVERED, code=code)

    return mock.patch.object(outbox, "after_refusal", forgotten)


def _no_pace() -> AbstractContextManager[Any]:
    return mock.patch.object(outbox.Bucket, "take", lambda self, _now_ns: self)


def _any_axles() -> AbstractContextManager[Any]:
    """Nobody compares the axles that were counted with those of the list."""
    blind = {"axles_agree": lambda _facts: True, "axles_differ": lambda _facts: False}
    return mock.patch.dict(facts.GUARDS, blind)


PLANTED: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "weighed without trust": lambda: _without(Phase.WEIGHING, Phase.WEIGHING, "weight_trusted"),
    "any answer is a receipt": _believes_any_code,
    "acknowledged before the commit": _answers_before_the_commit,
    "exit leased before the record": _exit_before_the_record,
    "a silent line keeps its mass": _last_mass_stays,
    "what is refused is done with": _refused_is_done_with,
    "a backlog knows no pace": _no_pace,
    "any axles do for a plate": _any_axles,
}
"""Bugs as they might be written, by what goes wrong."""


def _violated(seed: int) -> bool:
    return bool(simulate(seed).violation)


@pytest.mark.parametrize("bug", PLANTED)
def test_a_planted_bug_is_found(bug: str) -> None:
    """On all cores: the forked workers carry the bug with them."""
    with PLANTED[bug](), ProcessPoolExecutor(mp_context=get_context("fork")) as pool:
        found = any(pool.map(_violated, range(1, SEEDS_MAX + 1)))
        pool.shutdown(cancel_futures=True)
    assert found, f"{bug}: not found within {SEEDS_MAX} seeds"


def test_a_soak_goes_on_where_it_was_cut_off(tmp_path: Path) -> None:
    out = tmp_path / "soak.jsonl"
    rows = [soak.timed((seed, STORY)) for seed in (4, 5)]
    out.write_text("".join(row.line() + "\n" for row in rows)[:-30])
    (kept,) = soak.read(out)
    assert (kept.seed, kept.digest) == (4, rows[0].digest)
    told = subprocess.run(
        [sys.executable, "-m", "tests.sim", "--seeds", "4:6", "--jobs", "1", "--out", str(out)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "holds 1 seeds" in told
    again = soak.read(out)
    assert [(row.seed, row.digest) for row in again] == [(row.seed, row.digest) for row in rows]
    assert "violations   0" in told


def test_the_summary_names_failed_seeds_and_faults_by_kind() -> None:
    def row(seed: int, visits: int, violation: str) -> soak.Result:
        faults = {"wire cut": 3, "e-stop": 1}
        return soak.Result(seed, 0, 1, visits, 1, faults, {"pass": 1}, 60.0, 2.0, "", violation)

    told = soak.summary([row(1, 1, ""), row(2, 0, "both arms up")])
    for line in ("2, 1 of them without a visit", "8, 4.0 a passage", "30x real time",
                 "1: seeds [2]", "wire cut 6, e-stop 2"):  # fmt: skip
        assert line in told
