"""Raw samples on their way to the ledger: all of a visit, in order, bounded, never for long."""

from __future__ import annotations

from typing import Any

import pytest

from hal.contract.types import NS_PER_MS, NS_PER_S, Counts, MonotonicNs, RawSample, Tri
from terminal.control.sample_ring import (
    BEFORE_PARTS,
    DRAFT_NS_MAX,
    FIRST_PARTS,
    MASS_PARTS,
    PARTS_A_TICK,
    SampleRing,
)
from terminal.core.types import NEVER_NS
from terminal.messages import Message
from terminal.raw_samples import PARTS_MAX, SamplesEnd, SamplesPart, pack, unpack

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

    def parts(self) -> dict[int, SamplesPart]:
        """What a ledger keeps of it, told part by part what has gone."""
        kept: dict[int, SamplesPart] = {}
        for part in self.got:
            if isinstance(part, SamplesPart):
                kept.pop(part.gone, None)
                kept[part.number] = part
        return kept

    def counts(self) -> list[int]:
        return [s.counts for part in self.parts().values() for s in unpack(part.packed)]

    def end(self) -> SamplesEnd:
        end = self.got[-1]
        assert isinstance(end, SamplesEnd)
        return end


class Rig:
    """A ring and a clock; every tick brings one conversion, numbered."""

    def __init__(self, tick_ns: int = TICK_NS) -> None:
        self.ring, self.ledger, self.now_ns, self.fed = SampleRing(), Ledger(), NS_PER_S, 0
        self.tick_ns, self.held_since_ns = tick_ns, NEVER_NS

    def run(self, seconds: float, *, on: bool, met: int = 1) -> None:
        hub: Any = self.ledger
        for _ in range(round(seconds * NS_PER_S / self.tick_ns)):
            self.now_ns += self.tick_ns
            now_ns = MonotonicNs(self.now_ns)
            samples = [RawSample(now_ns, 0, Counts(self.fed))]
            self.ring.take(pack(samples, *CLEAR), on, now_ns, self.held_since_ns)
            self.fed += 1
            self.ring.give(hub, met)

    def hold(self) -> None:
        """A mass is held from the next tick on."""
        self.held_since_ns = MonotonicNs(self.now_ns)

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
    end = rig.ledger.end()
    assert (end.visit_id, end.dropped) == (VISIT, 0)
    numbers = [*rig.ledger.parts()]
    assert end.runs == ((numbers[0], numbers[-1]),)
    assert numbers == list(range(numbers[0], numbers[-1] + 1))


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


SLOW_NS = NS_PER_S // 10


def stayed(before_s: float, after_s: float) -> tuple[Rig, list[int]]:
    """A stay with a mass held after before_s; the seconds of it that are kept, oldest first."""
    rig = Rig(SLOW_NS)
    rig.run(before_s, on=True)
    rig.hold()
    rig.run(after_s, on=True)
    assert rig.ended()
    end, parts = rig.ledger.end(), rig.ledger.parts()
    numbers = [n for first, last in end.runs for n in range(first, last + 1)]
    assert numbers == [*parts], "the ledger was told of everything that went"
    assert len(numbers) == PARTS_MAX
    assert end.dropped == rig.fed - len(rig.ledger.counts()) > 0
    return rig, numbers


def test_of_a_long_stay_the_middle_goes_and_is_counted() -> None:
    rig, numbers = stayed(before_s=PARTS_MAX + 49, after_s=1)
    assert numbers[:FIRST_PARTS] == list(range(FIRST_PARTS)), "how it drove on"
    newest = PARTS_MAX - FIRST_PARTS
    assert numbers[FIRST_PARTS:] == list(range(numbers[-1] + 1 - newest, numbers[-1] + 1))
    assert rig.ledger.counts()[-1] == rig.fed - 1, "up to the last one"


@pytest.mark.parametrize("held_at_s", [FIRST_PARTS - 5, FIRST_PARTS + 30, 250, 500])
def test_what_a_mass_was_read_from_stays_however_long_the_driver_waits(held_at_s: int) -> None:
    _, numbers = stayed(before_s=held_at_s, after_s=700)
    needed = [*range(FIRST_PARTS), *range(max(0, held_at_s - MASS_PARTS), held_at_s + 1)]
    assert set(needed) <= set(numbers)
    most = PARTS_MAX - FIRST_PARTS - MASS_PARTS - 2
    assert numbers[-most:] == list(range(numbers[-1] + 1 - most, numbers[-1] + 1))


def test_an_end_names_only_what_is_still_there() -> None:
    rig, numbers = stayed(before_s=100, after_s=300)
    before = rig.ledger.end()
    for _ in range(100):
        rig.run(0.1, on=True)
        assert rig.ended()
        end = next(m for m in reversed(rig.ledger.got) if isinstance(m, SamplesEnd))
        named = {n for first, last in end.runs for n in range(first, last + 1)}
        assert named <= set(rig.ledger.parts())
    assert end.dropped > before.dropped
    assert end.last - numbers[-1] <= 10, "one part a second"


def test_a_draft_that_ends_anew_waits_no_longer_for_that() -> None:
    rig, _ = stayed(before_s=100, after_s=300.5)
    rig.ledger.full = True
    may_go = []
    for _ in range(30):
        rig.run(0.1, on=True)
        may_go.append(rig.ended())
    assert not all(may_go[:10]), "an end that names what is there was not given"
    assert all(may_go[10:])


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
