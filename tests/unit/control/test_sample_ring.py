"""Raw samples on their way to the ledger: all of a visit, in order, bounded, never for long."""

from __future__ import annotations

from typing import Any

from hal.contract.types import NS_PER_MS, NS_PER_S, Counts, MonotonicNs, RawSample, Tri
from terminal.control.sample_ring import (
    BEFORE_PARTS,
    DRAFT_NS_MAX,
    PARTS_A_TICK,
    SampleRing,
)
from terminal.messages import Message
from terminal.raw_samples import PARTS_MAX, SamplesEnd, SamplesPart, unpack

TICK_NS = 10 * NS_PER_MS
CLEAR = (Tri.NO, Tri.NO)
VISIT = 7


class Ledger:
    """What a ledger got; full: its queue takes nothing."""

    def __init__(self) -> None:
        self.got: list[Message] = []
        self.full = False

    def send(self, _peer: str, message: Message) -> bool:
        if not self.full:
            self.got.append(message)
        return not self.full

    def counts(self) -> list[int]:
        parts = [m for m in self.got if isinstance(m, SamplesPart)]
        return [sample.counts for part in parts for sample in unpack(part.packed)]


class Rig:
    """A ring and a clock; every tick brings one conversion, numbered."""

    def __init__(self) -> None:
        self.ring, self.ledger, self.now_ns, self.fed = SampleRing(), Ledger(), NS_PER_S, 0

    def run(self, seconds: float, *, on: bool, met: int = 1) -> None:
        hub: Any = self.ledger
        for _ in range(round(seconds * NS_PER_S / TICK_NS)):
            self.now_ns += TICK_NS
            now_ns = MonotonicNs(self.now_ns)
            self.ring.take([RawSample(now_ns, 0, Counts(self.fed))], CLEAR, on, now_ns)
            self.fed += 1
            self.ring.give(hub, met)

    def ended(self, visit_id: int = VISIT) -> bool:
        hub: Any = self.ledger
        return self.ring.ended(hub, visit_id, lambda: "{}", MonotonicNs(self.now_ns))


def test_nothing_is_given_while_nobody_is_there_and_all_of_a_visit_is() -> None:
    rig = Rig()
    rig.run(60, on=False)
    assert rig.ledger.got == []
    rig.run(5, on=True)
    assert rig.ended()
    counts = rig.ledger.counts()
    assert counts == list(range(counts[0], rig.fed)), "without a gap, up to the last one"
    assert BEFORE_PARTS * 100 <= rig.fed - 500 - counts[0] <= (BEFORE_PARTS + 1) * 100
    end = rig.ledger.got[-1]
    assert isinstance(end, SamplesEnd)
    assert (end.visit_id, end.dropped) == (VISIT, 0)
    numbers = [part.number for part in rig.ledger.got if isinstance(part, SamplesPart)]
    assert numbers == list(range(end.first, end.last + 1))


def test_the_next_vehicle_has_a_ring_of_its_own() -> None:
    rig = Rig()
    rig.run(3, on=True)
    assert rig.ended()
    before = rig.fed
    rig.run(2, on=False)
    rig.ledger.got.clear()
    rig.run(2, on=True)
    assert rig.ended(VISIT + 1)
    assert rig.ledger.counts() == list(range(before, rig.fed))


def test_of_a_long_stay_the_oldest_go_and_are_counted() -> None:
    rig = Rig()
    rig.run(PARTS_MAX + 50, on=True)
    assert rig.ended()
    end = rig.ledger.got[-1]
    assert isinstance(end, SamplesEnd)
    assert end.last - end.first + 1 <= PARTS_MAX + 1
    assert end.dropped == end.first * 100 > 0


def test_a_ledger_that_was_away_gets_everything_again_a_little_a_tick() -> None:
    rig = Rig()
    rig.run(20, on=True)
    rig.ledger.got.clear()
    rig.run(0.01, on=True, met=0)
    assert rig.ended(), "no draft can go while it is away, so none is kept back"
    rig.run(0.01, on=True, met=2)
    assert len(rig.ledger.got) == PARTS_A_TICK
    assert not rig.ended()
    rig.run(0.1, on=True, met=2)
    assert rig.ended()
    assert rig.ledger.counts()[0] == 0


def test_a_draft_waits_for_its_samples_only_so_long() -> None:
    rig = Rig()
    rig.run(3, on=True)
    rig.ledger.full = True
    assert not rig.ended()
    rig.now_ns += DRAFT_NS_MAX - 1
    assert not rig.ended()
    rig.now_ns += 1
    assert rig.ended()


def test_a_second_draft_of_the_same_stay_ends_it_anew() -> None:
    rig = Rig()
    rig.run(3, on=True)
    assert rig.ended()
    rig.run(2, on=True)
    assert rig.ended(VISIT + 1)
    ends = [m for m in rig.ledger.got if isinstance(m, SamplesEnd)]
    assert [end.visit_id for end in ends] == [VISIT, VISIT + 1]
    assert rig.ledger.counts() == list(range(rig.fed))
