"""Control, ledger and the link between them: what a crash, a loss or a repeat can do.

Control is the real step; the ledger is its own few rules (one answer a visit for ever, durable
before answered, other content under a known visit refused; tests/unit/ledger holds the real one
to them); the link may lose, keep and reorder. Visits are counted through restarts, as visit ids
are. No state of all these may open the exit without a durable record of this very vehicle.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from hal.contract.types import Side
from terminal.core.invariants import check
from terminal.core.step import initial, step
from terminal.core.types import BarrierKind, Committed, Inputs, LaneKind, Outputs, Verdict
from terminal.core.visit import Phase, State
from tests.model import environment as env
from tests.model.canonical import Key, key_of, representative, waits_of
from tests.model.environment import TICK_MS, Abstract

CHANNEL_MAX = 2
CRASHES_MAX = 2
VISITS_MAX = 2
WEIGHTS = ("held", "heavy", "moving")


class Draft(NamedTuple):
    """What a CommitDraft says that matters here."""

    visit: int
    verdict: Verdict
    gross_kg: int


class Answer(NamedTuple):
    """CommitDone with its record's place in the book, or CommitRefused with place None."""

    visit: int
    place: int | None


class System(NamedTuple):
    """Everything at one moment. book: durable records in order. visit: count of visits so far."""

    control: Key
    visit: int
    to_ledger: tuple[Draft, ...] = ()
    to_control: tuple[Answer, ...] = ()
    book: tuple[Draft, ...] = ()
    ledger_up: bool = True
    crashes: int = 0


@dataclass
class Found:
    """Figures and findings."""

    states: int = 0
    transitions: int = 0
    seconds: float = 0.0
    released: int = 0
    stories: list[str] | None = None


def digest_of(place: int) -> bytes:
    return bytes([place + 1]) * 32


class Protocol:
    """The search. early_answer plants a bug: a ledger that answers before it has written."""

    def __init__(self, barrier: BarrierKind, *, early_answer: bool = False) -> None:
        self.params = env.params_of(LaneKind.EXIT_ONLY, barrier)
        self.early_answer = early_answer
        self.control: dict[Key, State] = {}
        self.stepped: dict[object, tuple[State, Outputs, tuple[str, ...], Key]] = {}
        self.came: dict[System, tuple[System, str] | None] = {}
        self.found = Found(stories=[])

    def run(self) -> Found:
        started = time.perf_counter()
        start = System(self._board(), 1)
        self.came[start] = None
        frontier = [start]
        while frontier:
            later = []
            for here in frontier:
                for told, there in self._moves(here):
                    self.found.transitions += 1
                    if there not in self.came:
                        self.came[there] = (here, told)
                        later.append(there)
            frontier = later
        self.found.states = len(self.came)
        self.found.seconds = time.perf_counter() - started
        return self.found

    # ------------------------------------------------------------------ moves
    def _moves(self, here: System) -> Iterator[tuple[str, System]]:
        yield from self._ticks(here)
        yield from self._ledger(here)
        yield from self._link(here)
        if here.crashes < CRASHES_MAX:
            crashed = here._replace(crashes=here.crashes + 1, to_ledger=(), to_control=())
            if here.visit < VISITS_MAX:
                back = crashed._replace(control=self._board(), visit=here.visit + 1)
                yield "control restarts; the vehicle backs out and comes again", back
            yield "the ledger dies", crashed._replace(ledger_up=False)
        if not here.ledger_up:
            yield "the ledger is back", here._replace(ledger_up=True)

    def _link(self, here: System) -> Iterator[tuple[str, System]]:
        for at in range(len(here.to_ledger)):
            yield "a draft is lost", here._replace(to_ledger=_without(here.to_ledger, at))
        for at in range(len(here.to_control)):
            yield "an answer is lost", here._replace(to_control=_without(here.to_control, at))

    def _ledger(self, here: System) -> Iterator[tuple[str, System]]:
        """Take any waiting draft; it may have been sent twice, so it may also stay."""
        if not here.ledger_up:
            return
        for at, draft in enumerate(here.to_ledger):
            taken = here._replace(to_ledger=_without(here.to_ledger, at))
            known = [place for place, record in enumerate(here.book) if record[0] == draft.visit]
            if known:
                same = here.book[known[0]] == draft
                answer = Answer(draft.visit, known[0] if same else None)
                yield f"ledger knows visit {draft.visit}", self._answered(taken, answer)
                continue
            written = taken._replace(book=(*here.book, draft))
            answer = Answer(draft.visit, len(here.book))
            yield f"ledger commits visit {draft.visit}", self._answered(written, answer)
            yield "the disk is full", self._answered(taken, Answer(draft.visit, None))
            if self.early_answer:
                yield "answered before durable", self._answered(taken, answer)
            if here.crashes < CRASHES_MAX:
                dead = written._replace(
                    crashes=here.crashes + 1, ledger_up=False, to_ledger=(), to_control=()
                )
                yield "ledger commits and dies before it answers", dead

    def _answered(self, here: System, answer: Answer) -> System:
        return here._replace(to_control=(*here.to_control, answer)[-CHANNEL_MAX:])

    def _ticks(self, here: System) -> Iterator[tuple[str, System]]:
        before = self.control[here.control]
        for wait_ms in (TICK_MS, *waits_of(here.control, before, self.params)):
            for weight in WEIGHTS:
                for entry in ("clear", "beam"):
                    for at in (None, *range(len(here.to_control))):
                        if at is None or wait_ms == TICK_MS:
                            yield from self._tick(here, before, (weight, entry, wait_ms, at))

    def _tick(
        self, here: System, before: State, how: tuple[str, str, int, int | None]
    ) -> Iterator[tuple[str, System]]:
        weight, entry, wait_ms, at = how
        answers = () if at is None else (here.to_control[at],)
        left = here.to_control if at is None else _without(here.to_control, at)
        # the core sees which answers are about its own visit, not how many visits there were
        own = tuple(one._replace(visit=int(one.visit == here.visit)) for one in answers)
        asked = (here.control, weight, entry, wait_ms, own, here.ledger_up)
        known = self.stepped.get(asked)
        if known is None:
            inputs = self._inputs(before, weight, entry, wait_ms, own, up=here.ledger_up)
            after, outputs = step(before, inputs, self.params)
            broken = check(before, inputs, after, outputs, self.params)
            known = self.stepped[asked] = (after, outputs, broken, self._keep(after, inputs))
        after, outputs, broken, kept = known
        visit = here.visit + after.serial - before.serial
        wrong = self._wrong(here, visit, after, outputs)
        told = f"+{wait_ms} ms {weight}, entry {entry}, {answers or 'no answer'}"
        if (broken or wrong) and len(self.found.stories or ()) < 3:
            self._tell(f"{broken} {wrong}", here, told)
        if visit > VISITS_MAX or after.visit_id == 0:
            return
        there = here._replace(control=kept, visit=visit, to_control=left)
        yield told, there
        draft = outputs.draft
        if draft is not None and here.ledger_up and len(here.to_ledger) < CHANNEL_MAX:
            sent = Draft(visit, draft.verdict, draft.gross_kg)
            yield f"{told}, sends {sent}", there._replace(to_ledger=(*here.to_ledger, sent))

    def _wrong(self, here: System, visit: int, after: State, outputs: Outputs) -> str:
        """What the lease rests on must lie in the book, once, and be about this vehicle."""
        visits = [record.visit for record in here.book]
        if len(visits) != len(set(visits)):
            return "two records of one visit"
        lease = outputs.leases[Side.EXIT]
        if lease is None:
            return ""
        self.found.released += 1
        assert after.latch is not None
        wanted = Draft(visit, Verdict.PASS, after.latch.gross_kg)
        if wanted not in here.book:
            return "the exit opens without a durable record"
        if lease.record_hash != digest_of(here.book.index(wanted)):
            return "the exit opens on another record"
        return ""

    # ------------------------------------------------------------------ control
    def _inputs(
        self,
        before: State,
        weight: str,
        entry: str,
        wait_ms: int,
        answers: tuple[Answer, ...],
        *,
        up: bool,
    ) -> Inputs:
        """answers: visit 1 stands for the core's own, 0 for any other."""
        exit_closed = not before.leased[Side.EXIT]
        base = env.real(Abstract(weight, entry, "clear", True, exit_closed), wait_ms, self.params)
        current = {
            answer: env.VISIT_ID if answer.visit else env.OTHER_VISIT_ID for answer in answers
        }
        return replace(
            base,
            committed=tuple(
                Committed(current[answer], answer.place + 1, digest_of(answer.place))
                for answer in answers
                if answer.place is not None
            ),
            refused_visit_ids=tuple(current[one] for one in answers if one.place is None),
            ledger_up=env.OK if up else env.AWAY,
        )

    def _keep(self, state: State, inputs: Inputs) -> Key:
        key = key_of(state, inputs.now_ns, self.params)
        committed = state.committed
        if committed is not None:  # which record it is matters here
            key = key._replace(facts=(*key.facts, committed.record_hash))
        if key not in self.control:
            kept = representative(state, key, self.params)
            if committed is not None and kept.committed is not None:
                kept = kept._replace(
                    committed=replace(kept.committed, record_hash=committed.record_hash)
                )
            self.control[key] = kept
        return key

    def _board(self) -> Key:
        """The real way from a start to a vehicle being weighed."""
        state, key = initial(self.params), None
        for weight, entry, wait_ms in (
            ("empty", "clear", TICK_MS),
            ("empty", "clear", 1_000),
            ("empty", "loop", TICK_MS),
            ("moving", "beam", TICK_MS),
            ("moving", "clear", TICK_MS),
            ("moving", "clear", TICK_MS),
        ):
            one = Abstract(weight, entry, "clear", True, True)
            inputs = env.real(one, wait_ms, self.params)
            raw, _ = step(state, inputs, self.params)
            key = key_of(raw, inputs.now_ns, self.params)
            state = representative(raw, key, self.params)
        assert key is not None
        assert state.phase is Phase.WEIGHING, state
        self.control.setdefault(key, state)
        return key

    def _tell(self, what: str, here: System, last: str) -> None:
        lines = [last]
        came = self.came[here]
        while came is not None:
            here, told = came
            lines.append(told)
            came = self.came[here]
        assert self.found.stories is not None
        self.found.stories.append("\n  ".join([what, *reversed(lines)]))


def _without(items: tuple[object, ...], at: int) -> tuple:  # type: ignore[type-arg]
    return (*items[:at], *items[at + 1 :])
