"""A whole visit on kernel interfaces: `weigh-terminal run` with the example of a real gate.

The terminal's processes open /dev/gpiochip0, /dev/i2c-1 and /dev/spidev0.1; eight NAU7802 behind a
TCA9548A, an MCP23017 with the keypad, a chain of MAX7219 and the yard's contacts are at the other
ends, in a process of the test. No camera: the attendant types the plate, as a gate whose camera is
out does it. Runs in virtual time.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import MappingProxyType

import apsw
import pytest

import terminal.examples
from hal.sim.deck import DeckParams
from terminal.config_load import load
from terminal.link import Hub, Received
from terminal.messages import Snapshot
from terminal.records import decode_signed
from terminal.weighing import calibration
from terminal.wiring.context import process_names, simulated
from terminal.wiring.plant import demo_vehicles
from tests.kernel.inside.gate import TRUCK

OUT = Path("/run/out")
DIVISION_KG = 20
VISIT_S_MAX = 180
STOP_S_MAX = 15

OURS = {
    "operator_pins = []": "operator_pins = "
    '["demo$0ead2060b65992dca4769af601a1b3a35ef38cfad2c2c465bb160ea764157c5d"]',
    'kind = "picamera2"': 'kind = "none"',
    "max_kg = 100000 ": 'vehicle_list = "vehicles.csv"\nmax_kg = 100000 ',
    "coap+tcp://county.invalid": "coap+tcp://127.0.0.1",
    "plate_s_max = 12 ": "plate_s_max = 3 ",
    "[console]\nenabled = true": "[console]\nenabled = false",
}
"""What this site has changed in the example: attendant's PIN 1234, no camera and so no
long wait for a plate, a vehicle list, no
county in reach, and the console's place at the links is the test's."""


@contextmanager
def child(name: str, folder: Path, *words: str) -> Iterator[subprocess.Popen]:
    """One process of ours with its log; ended politely, then not."""
    with (folder / f"{name}.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *words],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            yield process
        finally:
            assert process.stdin is not None
            process.stdin.close()
            if words[0] == "terminal.cli":
                process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_S_MAX)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


BOARD = {
    'kind = "nau7802"': 'kind = "mcu"\nport = "{port}"',
    'barriers = "lines" ': 'barriers = "mcu" ',
    "exit_open = 20\nexit_is_open = 21\nexit_is_closed = 22\n": "exit_open = 0\n"
    "exit_is_open = 0\nexit_is_closed = 1\n",
    "entry_open = 24\nentry_is_open = 25\nentry_is_closed = 26\n": "entry_open = 1\n"
    "entry_is_open = 2\nentry_is_closed = 3\n",
}
"""The same gate with its cells and arms on a microcontroller."""


def real_site(folder: Path, more: Mapping[str, str] = MappingProxyType({})) -> Path:
    """The example configuration with a site's own lines, its calibration and vehicle list."""
    text = (Path(terminal.examples.__file__).parent / "gate.toml").read_text()
    changes = {
        **OURS,
        **{old: new.replace("{port}", str(folder / "mcu")) for old, new in more.items()},
    }
    for example, ours in changes.items():
        assert text.count(example) == 1, example
        text = text.replace(example, ours.replace("{port}", str(folder / "mcu")))
    config = folder / "terminal.toml"
    config.write_text(text)
    exact = calibration.simulated("unmarked")
    dead_counts = DeckParams().dead_kg * exact.counts_per_kg()[0]
    sealed = calibration.simulated("unmarked", zero_counts=dead_counts)
    (folder / "calibration.json").write_text(calibration.to_text(sealed))
    (folder / "vehicles.csv").write_text(demo_vehicles())
    loaded = load(config).config
    assert not simulated(loaded), "no device here may be a simulated one"
    assert "plant" not in process_names(loaded)
    return config


def cli(site: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """One command of ours, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "terminal.cli", *words],
        cwd=site,
        capture_output=True,
        text=True,
        check=False,
    )


def until(what: str, seen, seconds: float) -> None:
    deadline_s = time.monotonic() + seconds
    while not seen():
        assert time.monotonic() < deadline_s, f"not within {seconds} s: {what}"
        time.sleep(0.1)


class Watch:
    """What the lane tells its console: the states it went through, and what its sign says."""

    def __init__(self, runtime: Path, told: Path) -> None:
        runtime.mkdir(exist_ok=True)
        self._told = told
        self._hub = Hub("console", runtime, simulated=False)
        self.states: list[str] = []
        self.prompts: list[str] = []
        self.last: Snapshot | None = None

    def look(self) -> str | None:
        """Take in what came; the prompt when it is a new one."""
        before = self.prompts[-1:]
        for event in self._hub.poll(time.monotonic_ns()):
            if isinstance(event, Received) and isinstance(event.message, Snapshot):
                self._take(event.message)
        return self.prompts[-1] if self.prompts[-1:] != before else None

    def _take(self, seen: Snapshot) -> None:
        self.last, shown = seen, seen.display
        gross_kg = seen.weighed.gross_kg if seen.weighed is not None else None
        if self.prompts[-1:] != [shown.prompt.value]:
            self.prompts.append(shown.prompt.value)
        row = f"{seen.state} {shown.prompt.value} {shown.reason.value}"
        if self.states[-1:] != [row]:
            self.states.append(row)
            with self._told.open("a") as told:
                told.write(f"{time.monotonic():.1f} {row} {gross_kg} kg\n")

    def phases(self) -> list[str]:
        return [row.split()[0] for row in self.states]

    def close(self) -> None:
        self._hub.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    for log in sorted(tmp_path.glob("*.log")):
        print(f"--- {log.name}\n{log.read_text()[-2500:]}")


def test_a_truck_is_weighed_named_at_the_keypad_and_let_out_on_kernel_buses(site: Path) -> None:
    config = real_site(site)
    with child("gate", site, *gate_of(site, config)):
        until("the gate stands", (site / "gate.log").read_text, 30)
        doctor = cli(site, "doctor", "--config", str(config), "--language", "en")
    (OUT / "doctor.txt").write_text(doctor.stdout + doctor.stderr)
    assert "All 8 load-cell converters" in doctor.stdout, doctor.stdout
    watch = visit(site, config, "lane-states.txt")
    judge_the_lane(watch)
    judge_the_record(site)


def test_the_same_visit_with_cells_and_arms_on_a_microcontroller(site: Path) -> None:
    config = real_site(site, BOARD)
    watch = visit(site, config, "mcu-states.txt")
    judge_the_lane(watch)
    judge_the_record(site)


def gate_of(site: Path, config: Path) -> tuple[str, ...]:
    return "tests.kernel.inside.gate", str(config), str(site / "gate.json")


def visit(site: Path, config: Path, told: str) -> Watch:
    """One truck through the gate; what the yard says of it is judged here."""
    (site / "gate.log").unlink(missing_ok=True)
    with ExitStack() as stack:
        gate = stack.enter_context(child("gate", site, *gate_of(site, config)))
        until("the gate stands", (site / "gate.log").read_text, 30)
        watch = Watch(site / "run", OUT / told)
        stack.callback(watch.close)
        lane = stack.enter_context(
            child("lane", site, "terminal.cli", "run", "--config", str(config))
        )

        def let_out_and_idle_again() -> bool:
            prompt = watch.look()
            if prompt is not None:
                assert gate.stdin is not None
                gate.stdin.write(f"{prompt}\n".encode())
                gate.stdin.flush()
            assert lane.poll() is None, "the terminal ended"
            return "clearing" in watch.phases() and watch.phases()[-1] == "idle"

        until("the truck has left and the lane is idle", let_out_and_idle_again, VISIT_S_MAX)
        assert gate.stdin is not None
        gate.stdin.close()
        gate.wait(STOP_S_MAX)
        report = (site / "gate.json").read_text()
        (OUT / "gate.json").write_text(report)
        judge_the_yard(json.loads(report))
    return watch


def judge_the_yard(told: dict) -> None:
    """What happened out there, whatever the terminal believes."""
    assert [each["what"] for each in told["gone"]] == ["left"]
    assert told["struck"] == 0
    pulls = {
        name: [level for _at, coil, level in told["coils"] if coil == name]
        for name in ("entry_open", "exit_open", "lamp_exit")
    }
    assert pulls["entry_open"] == [True, False], "the entry relay pulls once and falls"
    assert pulls["exit_open"] == [True, False], "the exit relay pulls once and falls"
    assert pulls["lamp_exit"] == [True, False]


def judge_the_lane(watch: Watch) -> None:
    """Called on, weighed to a division, released and cleared: in this order."""
    phases = list(dict.fromkeys(watch.phases()))
    wanted = ["lockout", "idle", "entering", "positioning", "weighing", "held"]
    assert phases[: len(wanted)] == wanted, watch.states
    assert phases[-2:] == ["releasing", "clearing"], watch.states
    assert watch.last is not None
    assert not watch.last.simulated
    assert {name for name, ok in watch.last.peers if ok} >= {"ledger", "panel"}
    assert not watch.last.faults, watch.last.faults


def judge_the_record(site: Path) -> None:
    """One weighing, sealed before the arm moved, that no simulated device has touched."""
    verdict = cli(site, "verify", "ledger")
    assert verdict.returncode == 0, verdict.stdout + verdict.stderr
    assert "simulated" not in verdict.stdout
    rows = apsw.Connection(str(site / "ledger/ledger.db")).execute(
        "select body from item where seq is not null order by seq"
    )
    weighings = [record.weigh for (body,) in rows if (record := decode_signed(bytes(body))).weigh]
    assert len(weighings) == 1
    (weigh,) = weighings
    assert weigh is not None
    assert abs(weigh.gross_kg - TRUCK.mass_kg) <= DIVISION_KG
    assert weigh.axles == len(TRUCK.axle_x_mm)
    assert (weigh.plate, weigh.plate_source.value) == (TRUCK.plate, "keypad")
    (OUT / "record.txt").write_text(f"{weigh}\n{verdict.stdout}")
