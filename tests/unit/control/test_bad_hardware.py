"""Bad hardware under the whole control process: a fault by name, no lease, and back by itself.

The real drivers on chip models on one LocalWorld; the ledger and the other processes are a hub
that a test fills. Nothing is restarted between the fault and the recovery.
"""

from __future__ import annotations

import errno
import gc
from dataclasses import replace
from pathlib import Path

import pytest

from hal.contract.types import DeviceAbsentError, Fault, FaultCode, InputName, MonotonicNs, Tri
from hal.sim.world import PlantState
from hal.sim.world_local import LocalWorld
from terminal.config import Loaded
from terminal.config_load import parse
from terminal.control.control import Control
from terminal.control.loop import Loop
from terminal.core.types import WeighFlag
from terminal.core.visit import Phase
from terminal.link import PeerUp, Received
from terminal.messages import DeviceFault, Journal, LedgerStatus, LoopStats
from terminal.wiring.context import Context
from terminal.wiring.devices import lane_devices
from terminal.wiring.instrument import pipeline
from terminal.wiring.lane import params
from tests.contract.worlds import HandClock

TICK_NS = 10_000_000
DEAD_NV = 250_000
"""1250 kg of deck on a cell of 200 nV/kg."""
STATS = LoopStats(0, 0, 0, 0, 0, 0, 0, 0, False)
STATUS = LedgerStatus(0, 0, 0, 1_000, 10**9, ())


class PlantClock(HandClock):
    """Moves the plant's heartbeat along while time passes."""

    def __init__(self, world):
        super().__init__()
        self.world, self.alive = world, True
        self.state = PlantState(self.now_ns, cell_nv=(DEAD_NV,) * 8)
        self.pause(0)

    def pause(self, ns):
        self.now_ns += ns
        if self.alive:
            self.state = replace(self.state, heartbeat_ns=self.now_ns)
            self.world.put(self.state)


class FakeHub:
    def __init__(self):
        self.sent, self.waiting = [], []

    def poll(self, _now_ns, _timeout_s=0.0):
        events, self.waiting = self.waiting, []
        return events

    def send(self, _peer, message):
        self.sent.append(message)
        return True

    def close(self):
        pass


class Rig:
    def __init__(self, monkeypatch, text=""):
        config, problems = parse(text.encode())
        assert config is not None
        assert not problems
        self.world = LocalWorld()
        self.clock = PlantClock(self.world)
        monkeypatch.setattr("hal.linux.clock.pause", self.clock.pause)
        loaded = Loaded(config, Path("/nowhere"), b"")
        context = Context("control", loaded, self.clock, _world=self.world)
        self.devices = lane_devices(context)
        self.hub = FakeHub()
        self.control = Control(
            devices=self.devices,
            pipeline=pipeline(context, self.devices),
            params=params(config),
            hub=self.hub,
            clock=self.clock,
            lane_kind=config.lane.kind,
            operator_pins=config.keypad.operator_pins,
        )
        self.hub.waiting += [PeerUp(peer, True) for peer in ("ledger", "panel", "camera")]
        self.leases = 0

    @property
    def chips(self):
        return self.devices.load_cell._bus.chips

    @property
    def bus(self):
        return self.devices.load_cell._bus

    @property
    def phase(self):
        return self.control.state.phase

    def run(self, seconds):
        """Tick for so long; how many leases were given."""
        self.leases, faults = 0, []
        for tick in range(round(seconds * 100)):
            self.clock.pause(TICK_NS)
            if tick % 50 == 0:
                self.hub.waiting.append(Received("ledger", STATUS))
            result = self.control.tick(0, STATS)
            self.leases += sum(lease is not None for lease in result.outputs.leases)
            faults += result.inputs.faults
        return faults

    def heal(self):
        """Run until the lane is idle again; without a restart, and not for ever."""
        for _ in range(600):
            self.run(0.1)
            if self.phase is Phase.IDLE:
                return
        raise AssertionError(f"still {self.phase} after a minute")

    def journaled(self, kind):
        """What the ledger was given of this kind."""
        events = [event for m in self.hub.sent if isinstance(m, Journal) for event in m.events]
        return [event.detail for event in events if event.kind == kind]

    def snapshot(self):
        """What the console and the county see now."""
        result = self.control.tick(0, STATS)
        return self.control.snapshot(result.inputs, result.outputs, STATS)

    def shown(self):
        return self.snapshot().faults


@pytest.fixture
def rig(monkeypatch):
    rig = Rig(monkeypatch)
    rig.heal()
    return rig


def unplug_cell(rig):
    rig.chips[3].nack = True


def plug_cell(rig):
    rig.chips[3].nack = False


def dead_mux(rig):
    rig.bus.mux_nack = True


def live_mux(rig):
    rig.bus.mux_nack = False


def brown_out(rig):
    for chip in rig.chips:
        chip.brown_out()


def nothing(rig):
    pass


def saturate(rig):
    rig.clock.state = replace(rig.clock.state, cell_nv=(50_000_000,) + (DEAD_NV,) * 7)


def relieve(rig):
    rig.clock.state = replace(rig.clock.state, cell_nv=(DEAD_NV,) * 8)


@pytest.mark.parametrize(
    ("break_it", "mend_it", "code", "words"),
    [
        (unplug_cell, plug_cell, FaultCode.BUS, "cell 3"),
        (dead_mux, live_mux, FaultCode.BUS, "no answer from 0x70"),
        (brown_out, nothing, FaultCode.RESET, "lost its supply"),
        (saturate, relieve, None, ""),
    ],
)
def test_amplifier_trouble_holds_the_lane_and_heals_without_a_restart(
    rig, break_it, mend_it, code, words
):
    break_it(rig)
    faults = rig.run(1)
    if code is not None:
        assert {fault.code for fault in faults} == {code}
        assert {fault.device for fault in faults} == {"load cells"}
        assert words in faults[0].detail
        assert [fault.device for fault in rig.shown()] == ["load cells"]
    rig.run(4)
    if break_it is not brown_out:
        assert rig.phase in (Phase.LOCKOUT, Phase.HELD)
    assert rig.leases == 0
    mend_it(rig)
    rig.heal()
    assert not rig.run(1)


def test_a_stuck_converter_is_named_and_can_hold_no_mass_until_it_lives_again(rig):
    rig.chips[0].stuck = True
    rig.run(4)
    weighed = rig.control._weighed
    assert weighed.flags & WeighFlag.CELL_FAULT
    assert (weighed.cell, weighed.held_kg) == (0, None)
    assert (WeighFlag.CELL_FAULT, 99, True) in rig.snapshot().flags
    rig.chips[0].stuck = False
    rig.run(20)
    assert not rig.control._weighed.flags & WeighFlag.CELL_FAULT
    assert rig.snapshot().flags == ()


def test_a_standing_flag_is_told_with_how_sure_it_is_and_whether_it_blocks(rig):
    drifts, spikes, leaves = WeighFlag.CELL_DRIFT, WeighFlag.GLITCH, WeighFlag.LEFT_EARLY
    rig.control.pipeline.checks.sure.say(spikes, 2.0)
    rig.control._weighed = replace(rig.control._weighed, flags=drifts | spikes | leaves)
    assert rig.control._flags() == ((drifts, 50, True), (leaves, 50, True), (spikes, 75, False))
    rig.control._weighed = None
    assert rig.control._flags() == ()


def test_rates_overruns_and_every_fault_are_counted_for_people(rig):
    rig.run(11)
    counts = {(device, what): n for device, what, n in rig.snapshot().device_counts}
    assert 639_000 <= counts["load cells", "rate_mhz"] <= 641_000
    assert counts["load cells", "samples"] > 5_000
    assert counts["load cells", "missed"] == 0
    brown_out(rig)
    fault = Fault(FaultCode.BUS, "sign", rig.clock.monotonic_ns(), "gone")
    for _ in range(3):
        rig.hub.waiting.append(Received("panel", DeviceFault(fault)))
        rig.run(0.1)
    counts = {(device, what): n for device, what, n in rig.snapshot().device_counts}
    assert counts["load cells", "reset"] == 8
    assert counts["sign", "bus"] == 1


def test_a_dead_supply_of_the_whole_field_locks_and_heals(rig):
    rig.clock.alive = False
    rig.run(3)
    assert rig.phase is Phase.LOCKOUT
    assert rig.leases == 0
    rig.clock.alive = True
    rig.heal()


def test_an_input_line_that_fails_is_unknown_by_name_and_heals(rig):
    contact = rig.devices.inputs._inputs[InputName.BEAM_EXIT].contact
    line, contact._line = contact._line, Broken()
    faults = rig.run(2)
    assert {fault.code for fault in faults} == {FaultCode.BUS}
    assert faults[0].detail.startswith("beam_exit: GPIO6 cannot be read")
    assert rig.control.devices.inputs.poll(rig.clock.monotonic_ns())[1].value is Tri.UNKNOWN
    assert rig.phase is Phase.LOCKOUT
    assert rig.leases == 0
    contact._line = line
    rig.heal()


class Broken:
    @property
    def is_active(self):
        raise OSError(errno.EIO, "line gone")

    def close(self):
        pass


def test_a_cut_wire_of_the_stop_button_reads_pressed(rig):
    rig.devices.inputs._inputs[InputName.ESTOP].contact._line.pin_factory.cut(16)
    rig.run(1)
    assert rig.phase is Phase.LOCKOUT
    rig.devices.inputs._inputs[InputName.ESTOP].contact._line.pin_factory.cut(16, cut=False)
    rig.heal()


@pytest.mark.parametrize(
    ("peer", "device", "code"),
    [
        ("camera", "camera front", FaultCode.ABSENT),
        ("panel", "keypad", FaultCode.ABSENT),
        ("panel", "sign", FaultCode.BUS),
    ],
)
def test_what_another_process_lost_is_shown_by_name_and_forgotten_when_it_is_back(
    rig, peer, device, code
):
    fault = Fault(code, device, rig.clock.monotonic_ns(), "unplugged")
    rig.hub.waiting.append(Received(peer, DeviceFault(fault)))
    rig.run(0.1)
    assert (device, code) in [(f.device, f.code) for f in rig.shown()]
    rig.run(5)
    assert rig.shown() == ()
    assert rig.phase is Phase.IDLE
    told = f"{device}: {code.value}: unplugged"
    assert rig.journaled("device_fault") == [told]
    assert rig.journaled("device_fault_over") == [told]


@pytest.mark.parametrize(
    ("text", "change", "words"),
    [
        ("", lambda bus: setattr(bus, "mux_nack", True), "multiplexer at 0x70"),
        ("[amplifier]\naddress = 0x2B", lambda bus: None, "NAU7802 at 0x2b"),
    ],
)
def test_a_wrong_address_or_a_wrong_bus_is_said_at_start_with_what_to_check(
    monkeypatch, text, change, words
):
    from hal.sim import nau7802

    class Bus(nau7802.SimI2c):
        def __init__(self, *args):
            super().__init__(*args)
            change(self)

    monkeypatch.setattr(nau7802, "SimI2c", Bus)
    with pytest.raises(DeviceAbsentError, match=words) as caught:
        Rig(monkeypatch, text)
    assert caught.value.device == "load cells"
    assert "i2cdetect" in caught.value.check


def test_a_pin_used_twice_is_refused_at_start_by_name(monkeypatch):
    with pytest.raises(DeviceAbsentError, match="GPIO5 cannot be claimed") as caught:
        Rig(monkeypatch, "[field]\nbeam_exit = 5")
    assert "BCM number" in caught.value.check


def test_a_healthy_loop_pets_the_boards_watchdog_and_stops_with_it(rig):
    class Dog:
        def __init__(self):
            self.pets = []

        def pet(self, now_ns):
            self.pets.append(now_ns)

    class Stop:
        left = 100

        def is_set(self):
            self.left -= 1
            return self.left < 0

    def wait(until_ns):
        rig.clock.pause(max(0, until_ns - rig.clock.now_ns))

    dog = Dog()
    try:
        Loop(rig.control, Stop(), wait=wait, watchdog=dog).run()
    finally:
        gc.enable()
        gc.unfreeze()
    assert len(dog.pets) == 10
    assert MonotonicNs(dog.pets[-1]) > dog.pets[0]
