"""A barrier on a microcontroller's leased output, on the firmware's own C code."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware_bridge.mcu.load_cell import Front
from firmware_bridge.mcu.relay import McuHoldBarrier, McuOutputs
from firmware_bridge.mcu.session import Session
from firmware_bridge.sim.host_firmware import HostFirmware
from firmware_bridge.sim.null_modem import NullModem
from hal.contract.devices import Barrier
from hal.contract.types import (
    NS_PER_MS,
    Authority,
    BarrierFeedback,
    FaultCode,
    Lease,
    MonotonicNs,
    Position,
    Side,
    Tri,
)

STEP_NS = 10 * NS_PER_MS


class Gate:
    def __init__(self, library: Path) -> None:
        self.firmware = HostFirmware(library)
        self.wire = NullModem()
        self.front = Front(self.wire, Session("mcu", 1))
        outputs = McuOutputs(self.front)
        self.exit = McuHoldBarrier(
            outputs, Side.EXIT, 2, is_open=0, is_closed=1, name="exit", simulated=True
        )
        self.entry = McuHoldBarrier(
            outputs, Side.ENTRY, 0, is_open=None, is_closed=None, name="entry", simulated=True
        )
        self.run(200)

    @property
    def now_ns(self) -> MonotonicNs:
        return MonotonicNs(self.firmware.now_us * 1_000)

    def lease(self, side: Side = Side.EXIT, ms: int = 300) -> Lease:
        expires_ns = MonotonicNs(self.now_ns + ms * NS_PER_MS)
        return Lease(side, Authority.RECORD, 1, b"x" * 32, expires_ns)

    def run(self, milliseconds: int, *, leased: bool = False) -> BarrierFeedback:
        for _ in range(milliseconds // 10):
            self.wire.to_host(self.firmware.step(self.wire.from_host()))
            self.front.pump(self.now_ns)
            told = self.exit.drive(self.lease() if leased else None, None, self.now_ns)
            self.firmware.advance(STEP_NS // 1_000)
        return told


@pytest.fixture
def gate(fe_library: Path) -> Gate:
    return Gate(fe_library)


def test_it_is_a_barrier_of_the_contract(gate: Gate) -> None:
    assert isinstance(gate.exit, Barrier)


def test_it_is_energised_while_the_lease_is_renewed_and_falls_with_it(gate: Gate) -> None:
    told = gate.run(1_000, leased=True)
    assert gate.firmware.relays == 0b100
    assert (told.commanded, told.energised) == (True, Tri.YES)
    told = gate.run(200)
    assert gate.firmware.relays == 0
    assert (told.commanded, told.energised) == (False, Tri.NO)


def test_a_lease_of_the_other_side_or_an_old_one_moves_nothing(gate: Gate) -> None:
    gate.exit.drive(gate.lease(Side.ENTRY), None, gate.now_ns)
    gate.exit.drive(gate.lease(ms=0), None, gate.now_ns)
    gate.wire.to_host(gate.firmware.step(gate.wire.from_host()))
    assert gate.firmware.relays == 0


def test_without_its_host_the_board_drops_the_barrier(gate: Gate) -> None:
    gate.run(200, leased=True)
    for _ in range(30):
        gate.firmware.step()
        gate.firmware.advance(10_000)
    assert gate.firmware.relays == 0


def test_two_barriers_share_one_lease(gate: Gate) -> None:
    gate.run(200, leased=True)
    gate.entry.drive(gate.lease(Side.ENTRY), None, gate.now_ns)
    gate.firmware.step(gate.wire.from_host())
    assert gate.firmware.relays == 0b101


@pytest.mark.parametrize(
    ("inputs", "position"),
    [
        (0b01, Position.OPEN),
        (0b10, Position.CLOSED),
        (0b00, Position.MOVING),
        (0b11, Position.UNKNOWN),
    ],
)
def test_limit_switches_give_the_position(gate: Gate, inputs: int, position: Position) -> None:
    gate.firmware.inputs = inputs
    assert gate.run(300).position is position


def test_a_silent_board_is_an_unknown_barrier(gate: Gate) -> None:
    gate.run(200, leased=True)
    gate.wire.vanish()
    told = gate.run(400)
    assert (told.position, told.energised) == (Position.UNKNOWN, Tri.UNKNOWN)
    assert told.fault is not None
    assert told.fault.code is FaultCode.STALE
