"""The lane's processes on kernel interfaces: `weigh-terminal run`, no simulated device, one truck.

They open /dev/gpiochip0, /dev/i2c-N and /dev/spidev0.0; beside them the yard moves a truck and its
wires. One converter (i2c-stub holds one register file) weighs but cannot tell where the truck
stands, so this lane must call it on, weigh it, and hold it. Runs in virtual time.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

import terminal.examples
from hal.sim.fleet import ARTICULATED_6
from terminal.config_load import load
from terminal.link import Hub, Received
from terminal.messages import Snapshot
from terminal.weighing.calibration import to_text
from terminal.wiring.context import simulated
from terminal.wiring.plant import demo_vehicles
from tests.kernel.inside.converter import stub_bus
from tests.kernel.inside.yard import calibration

OUT = Path("/run/out")
DIVISION_KG = 20
VISIT_S_MAX = 150
STOP_S_MAX = 15

REAL = """
[site]
terminal_id = "141025710001-1"
[lane]
kind = "double"
barrier = "hold"
settle_s_max = 10
[weighing]
source = "amplifier"
vehicle_list = "vehicles.csv"
[amplifier]
kind = "nau7802"
bus = {bus}
mux_address = 0
cells = 1
cell_x_cm = [900]
cell_y_cm = [150]
serial = "load cells"
calibration = "calibration.json"
[field]
kind = "gpio"
[sign]
kind = "max7219"
spi_device = 0
[keypad]
kind = "none"
[camera]
kind = "none"
[console]
enabled = false
[[targets]]
name = "county"
uri = "coap+tcp://127.0.0.1"
"""


@contextmanager
def child(name: str, folder: Path, *words: str, module: str = "terminal.cli") -> Iterator:
    """One process of ours with its log; ended politely, then not."""
    with (folder / f"{name}.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *words],
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
            if module == "terminal.cli":
                process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_S_MAX)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def real_site(folder: Path) -> Path:
    """Configuration, calibration and vehicle list of a lane of real devices."""
    config = folder / "terminal.toml"
    config.write_text(REAL.format(bus=stub_bus()))
    (folder / "calibration.json").write_text(to_text(calibration()))
    (folder / "vehicles.csv").write_text(demo_vehicles())
    assert not simulated(load(config).config), "no device here may be a simulated one"
    return config


def until(what: str, seen, seconds: float) -> None:
    deadline_s = time.monotonic() + seconds
    while not seen():
        assert time.monotonic() < deadline_s, f"not within {seconds} s: {what}"
        time.sleep(0.2)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    for log in sorted(tmp_path.glob("*.log")):
        print(f"--- {log.name}\n{log.read_text()[-2500:]}")


class Watch:
    """What the lane tells its console: the states it went through, for the report."""

    def __init__(self, runtime: Path) -> None:
        runtime.mkdir(exist_ok=True)
        self._hub = Hub("console", runtime, simulated=False)
        self.states: list[str] = []
        self.gross_kg: int | None = None

    def look(self) -> None:
        for event in self._hub.poll(time.monotonic_ns()):
            if isinstance(event, Received) and isinstance(event.message, Snapshot):
                seen, shown = event.message, event.message.display
                self.gross_kg = seen.weighed.gross_kg if seen.weighed is not None else None
                row = f"{seen.state} {shown.prompt.value} {shown.reason.value}"
                if not self.states or self.states[-1] != row:
                    self.states.append(row)
                    with (OUT / "lane-states.txt").open("a") as told:
                        told.write(f"{time.monotonic():.1f} {row} {self.gross_kg} kg\n")

    def close(self) -> None:
        self._hub.close()
        print("\n".join(self.states))


def test_a_truck_is_called_on_and_weighed_on_kernel_lines_and_held_without_proof(
    site: Path,
) -> None:
    config = real_site(site)
    yard = site / "yard"
    yard.mkdir()
    demo = Path(terminal.examples.__file__).parent / "demo.toml"
    (yard / "terminal.toml").write_text(demo.read_text())
    (yard / "vehicles.csv").write_text(demo_vehicles())
    world, finished = yard / "run/plant.world", yard / "run/plant.jsonl"
    events = site / "coils.txt"
    with ExitStack() as stack:
        plant = ("process", "plant", "--config", str(yard / "terminal.toml"), "--trucks", "1")
        stack.enter_context(child("plant", site, *plant))
        until("the yard stands", world.exists, 30)
        wiring = stack.enter_context(
            child("wiring", site, str(world), str(events), module="tests.kernel.inside.yard")
        )
        watch = Watch(site / "run")
        stack.callback(watch.close)
        lane = stack.enter_context(child("lane", site, "run", "--config", str(config)))

        def held() -> bool:
            watch.look()
            assert lane.poll() is None, "the terminal ended"
            return bool(watch.states) and watch.states[-1].startswith("held")

        until("the truck was weighed", held, VISIT_S_MAX)
        assert wiring.stdin is not None
        wiring.stdin.close()
        wiring.wait(STOP_S_MAX)
    assert not finished.exists() or not finished.read_text(), "nobody was let out"
    judge(watch, events)


def judge(watch: Watch, events: Path) -> None:
    """Called on, weighed to a division, and not let out."""
    phases = list(dict.fromkeys(row.split()[0] for row in watch.states))
    wanted = ["lockout", "idle", "entering", "positioning", "weighing", "held"]
    assert phases == wanted, watch.states
    assert watch.gross_kg is not None
    assert abs(watch.gross_kg - ARTICULATED_6.mass_kg) <= 2 * DIVISION_KG
    coils = [line.split() for line in events.read_text().splitlines()]
    entry = [level for _, coil, level in coils if coil == "entry_open"]
    assert entry == ["0", "1", "0"], "the entry relay pulls once and falls with its lease"
    assert {level for _, coil, level in coils if coil == "exit_open"} == {"0"}
