"""A fault's coming and going: shown for some seconds, journaled once each, bounded."""

from __future__ import annotations

from hal.contract.types import Fault, FaultCode, MonotonicNs
from terminal.control.faults import BEGAN, CEASED, FAULTS_MAX, SHOWN_NS, Faults

MS = 1_000_000


def dark(at_ns: int, device: str = "camera front", detail: str = "") -> Fault:
    return Fault(FaultCode.DARK, device, MonotonicNs(at_ns), detail)


def told(faults: Faults) -> list[tuple[str, str]]:
    return [(event.kind, event.detail) for event in faults.drain_events()]


def test_a_fault_that_lasts_is_journaled_when_it_begins_and_when_it_has_ceased() -> None:
    faults = Faults()
    for at_ns in range(MS, 20 * MS, MS):
        faults.take([dark(at_ns, detail="lens covered")], MonotonicNs(at_ns))
    assert told(faults) == [(BEGAN, "camera front: dark: lens covered")]
    faults.take([], MonotonicNs(19 * MS + SHOWN_NS - 1))
    assert [fault.at_ns for fault in faults.shown()] == [19 * MS]
    assert told(faults) == []
    faults.take([], MonotonicNs(19 * MS + SHOWN_NS))
    assert faults.shown() == ()
    assert told(faults) == [(CEASED, "camera front: dark: lens covered")]
    faults.take([], MonotonicNs(19 * MS + 2 * SHOWN_NS))
    assert told(faults) == []


def test_each_device_and_each_code_is_its_own_fault() -> None:
    faults = Faults()
    bus = Fault(FaultCode.BUS, "camera front", MonotonicNs(1))
    faults.take([dark(1), bus, dark(1, "camera rear")], MonotonicNs(1))
    assert faults.began == [dark(1), bus, dark(1, "camera rear")]
    faults.take([dark(2)], MonotonicNs(2))
    assert faults.began == []
    assert len(faults.shown()) == 3
    assert [kind for kind, _detail in told(faults)] == [BEGAN] * 3


def test_names_without_end_cannot_flood_the_journal() -> None:
    faults = Faults()
    for number in range(10 * FAULTS_MAX):
        at_ns = MonotonicNs(1 + number)
        faults.take([dark(at_ns, f"camera {number}")], at_ns)
    assert len(faults.shown()) == FAULTS_MAX
    assert len(told(faults)) == FAULTS_MAX
    faults.take([dark(SHOWN_NS + 99, "one more")], MonotonicNs(SHOWN_NS + 99))
    faults.take([dark(SHOWN_NS + 100, "one more")], MonotonicNs(SHOWN_NS + 100))
    assert [fault.device for fault in faults.shown()] == ["one more"]
