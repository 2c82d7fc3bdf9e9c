"""The doctor's trials with a scripted person on chip models, its live page and its command."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from hal.contract.types import (
    Fault,
    FaultCode,
    InputName,
    Key,
    KeyPress,
    Level,
    MonotonicNs,
    Side,
    Tri,
)
from hal.linux.machine import LinuxMachine
from terminal import examples, exits
from terminal.cli import main
from terminal.commands import doctor
from terminal.config import Loaded
from terminal.config_pins import used_lines
from terminal.doctor.live import GREEN, RED, Page
from terminal.doctor.trials import KEYS, Bench
from terminal.doctor.wires import HEADER, POWER, wires
from terminal.wiring.context import Context
from terminal.wiring.devices import lane_devices
from terminal.wiring.panel_devices import keypad, sign
from tests.contract.worlds import HandClock, HandWorld
from tests.unit.doctor.machines import GATE, config

INPUTS = tuple(name.name.lower() for name in InputName)[:6]


class Person:
    """Does what the doctor asks for, unless told to be `clumsy` about one thing."""

    def __init__(self, world, clock, clumsy="", answer=True):
        self.world, self.clock, self.clumsy, self.answer = world, clock, clumsy, answer
        self.heard, self.asked = [], []

    def say(self, line):
        self.heard.append(line)
        words = line.split()
        if self.clumsy and self.clumsy in line:
            return
        if line.startswith("Make "):
            self.world.set_input(InputName[words[1].upper()], True)
        elif line.startswith("Let "):
            self.world.set_input(InputName[words[1].upper()], False)
        elif line.startswith("Move the arm"):
            side = Side.ENTRY if "entry" in line else Side.EXIT
            self.world.arms_mdeg[side] = 90_000 if "is_open" in line else 0
        elif line.startswith("Stand on"):
            self.world.cells_nv[int(words[-1])] += 2_000_000
        elif line.startswith("Press the key"):
            self.world.press(Key(words[-1]))

    def ask(self, line):
        self.asked.append(line)
        return self.answer

    def pause(self, ns):
        self.clock.now_ns += ns


@pytest.fixture
def lane(monkeypatch):
    def make(text='[site]\nlanguage = "en"\n', **person):
        clock, world = HandClock(), HandWorld()
        world.arms_mdeg = {Side.ENTRY: 45_000, Side.EXIT: 45_000}
        monkeypatch.setattr("hal.linux.clock.pause", clock.pause)
        loaded = Loaded(config(text), Path("/nowhere"), b"")
        context = Context("doctor", loaded, clock, _world=world)
        hands = Person(world, clock, **person)
        args = (lane_devices(context), sign(context), keypad(context), hands, clock, loaded.config)
        return Bench(*args), hands, world

    return make


def without_wires(bench):
    """The simulated default has no real lines; the trials show those of the gate's example."""
    bench.config = config('[site]\nlanguage = "en"\n' + GATE)
    return bench


def test_every_device_of_a_lane_passes_with_a_person_who_does_what_is_asked(lane):
    bench, hands, _world = lane()
    results = list(without_wires(bench).run())
    assert [r for r in results if r.why] == []
    names = {r.name for r in results}
    assert names >= {*INPUTS, "lamp_entry", "lamp_exit", "exit_is_open", "entry_is_closed"}
    assert names >= {"keypad", "sign", "cell_0", "cell_7"}
    wire = "Wire: field.beam_exit = GPIO6, pin 31, black, 0 V at rest, 3.3 V when it acts or is cut"
    assert wire in hands.heard
    assert len(hands.asked) == 3


@pytest.mark.parametrize(
    ("clumsy", "name"),
    [
        ("estop act", "estop"),
        ("Let beam_exit", "beam_exit"),
        ("exit_is_open", "exit_is_open"),
        ("load cell 3", "cell_3"),
        ("key C", "keypad"),
    ],
)
def test_what_does_not_happen_fails_by_name_within_its_bound(lane, clumsy, name):
    bench, hands, _world = lane(clumsy=clumsy)
    before = hands.clock.now_ns
    (result,) = list(without_wires(bench).run(name))
    assert result.name == name
    assert "nothing changed within 30 s" in result.why
    assert hands.clock.now_ns - before < 60_000_000_000
    assert f"{name}: FAILED" in hands.heard[-1]


def test_a_no_is_a_failure_and_lamps_go_back_to_red(lane):
    bench, _hands, world = lane(answer=False)
    failed = [r.name for r in without_wires(bench).run() if r.why]
    assert failed == ["lamp_entry", "lamp_exit", "sign"]
    assert not world.relay("lamp_exit")


def test_no_trial_ever_moves_an_arm(lane):
    bench, hands, world = lane()
    moved = []
    original = world.set_relay
    world.set_relay = lambda name, on: (moved.append(name) if on else None, original(name, on))
    list(without_wires(bench).run())
    assert not [name for name in moved if "open" in name or "close" in name]
    assert "never drives an arm" in hands.heard[0]


def test_the_live_page_shows_levels_cells_keys_and_faults(lane, capsys):
    bench, hands, world = lane()
    world.set_input(InputName.BEAM_ENTRY, True)
    world.press(Key.D5)
    hands.say("nothing")
    assert doctor.live(bench, pictures=101) == exits.OK
    shown = {line[:20].strip(): line[20:] for line in capsys.readouterr().out.splitlines()}
    assert shown["Entry beam"].startswith("ACTS")
    assert shown["exit barrier"].startswith("moving, contact open")
    assert "/s, 0 flagged" in shown["cell 7"]
    assert shown["keys"] == "5"


def test_the_page_is_coloured_by_level_and_bounded():
    page, now = Page(), MonotonicNs(10_000_000_000)
    page.take([KeyPress(Key.D1, now)] * 40, now)
    page.take([Fault(FaultCode.BUS, "deck", now, f"n{n}") for n in range(40)], now)
    levels = [Level(Tri.YES, now), *[Level(Tri.NO, now)] * 6, Level(Tri.UNKNOWN, MonotonicNs(0))]
    lines = page.lines(levels, {}, now, "en")
    assert lines[0].startswith(f"{'Entry beam':20}{RED}ACTS")
    assert GREEN in lines[1]
    assert lines[7].endswith("-")
    assert lines[8].split() == ["keys", "1" * 16]
    assert len(lines) == 9 + 6
    assert page.lines(levels, {}, now, "zh-CN")[0].startswith(f"入口光幕            {RED}动作")


def test_control_c_ends_the_trials_with_what_failed(lane, capsys, monkeypatch):
    bench, _hands, _world = lane(answer=False)

    def enough():
        raise KeyboardInterrupt

    trials = {"lamp": lambda: "you said no", "sign": enough}
    monkeypatch.setattr(Bench, "trials", lambda _self: trials)
    assert doctor._tried(bench, "") == exits.ABSENT
    shown = capsys.readouterr().out
    assert "Stopped" in shown
    assert "[WRONG] lamp: you said no" in shown


def test_every_line_of_the_gate_has_a_wire_with_a_real_pin():
    gate = config((Path(examples.__file__).parent / "gate.toml").read_text())
    table = wires(gate)
    keys = [wire.key for wire in table]
    assert [key for key, _line in used_lines(gate)] == keys[-len(list(used_lines(gate))) :]
    assert {"I2C-1 SDA", "I2C-1 SCL", "SPI0 MOSI", "SPI0 CE1"} <= set(keys)
    assert not [wire for wire in table if "no header" in wire.place]
    assert len(set(keys)) == len(keys)


def test_the_header_is_a_raspberry_pis():
    assert len(HEADER) == 28
    assert sorted((*HEADER.values(), *POWER)) == list(range(1, 41))
    assert (HEADER[2], HEADER[14], HEADER[21], POWER[17]) == (3, 8, 40, "3V3")


def test_the_command_looks_and_says_what_is_wrong(tmp_path, capsys, monkeypatch):
    root = tmp_path / "root"
    (root / "boot/firmware").mkdir(parents=True)
    (root / "boot/firmware/config.txt").write_text("[all]\ndtparam=spi=on\n")
    monkeypatch.setattr("hal.linux.machine.LinuxMachine", lambda: LinuxMachine(root))
    file = tmp_path / "t.toml"
    file.write_text(GATE)
    assert main(["doctor", "--config", str(file), "--language", "en"]) == exits.ABSENT
    shown = capsys.readouterr().out
    assert "[WRONG] config.txt lacks dtparam=strict_gpiod" in shown
    assert "[ok] config.txt has dtparam=spi=on" in shown
    assert main(["doctor", "--config", str(file), "--wiring"]) == exits.OK
    assert "GPIO20   pin 38" in capsys.readouterr().out
    assert main(["doctor", "--suggest"]) == exits.OK
    assert "[sign]" in capsys.readouterr().out
    file.write_text("x = 1")
    assert main(["doctor", "--config", str(file)]) == exits.CONFIG


def test_beside_a_running_terminal_nothing_is_touched(tmp_path, capsys):
    file = tmp_path / "t.toml"
    file.write_text('[site]\nlanguage = "en"\n')
    (tmp_path / "run").mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as control:
        control.bind(str(tmp_path / "run" / "control.sock"))
        control.listen()
        assert main(["doctor", "--config", str(file), "--live"]) == exits.ABSENT
    assert "The terminal is running" in capsys.readouterr().out


def test_a_machine_reads_lists_and_scans_below_its_root(tmp_path):
    machine = LinuxMachine(tmp_path)
    assert machine.read("/proc/none") is None
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "model").write_bytes(b"Pi\0")
    assert machine.read("/proc/model") == "Pi"
    assert machine.paths("/proc/m*") == ("/proc/model",)
    assert machine.may_open("/proc/model")
    assert machine.scan(1) is None
    assert KEYS.startswith("123A")
