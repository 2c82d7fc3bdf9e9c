"""Boots a Linux kernel as a process and runs the drivers on its own GPIO, SPI, I2C and watchdog.

`make kernel` builds that kernel once. Where it is absent this says so and skips; `make kernel`
itself sets KERNEL_RUNG=required, and then its absence fails.
"""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from firmware_bridge.sim.host_firmware import build
from tests.kernel.machine import CACHE, LINUX, SMALL, Outcome, boot
from tests.tools.rungs import ROOT, need

pytestmark = pytest.mark.kernel

TESTS_MIN = 22
LANES = (
    "test_a_truck_is_weighed_named_at_the_keypad_and_let_out_on_kernel_buses",
    "test_the_same_visit_with_cells_and_arms_on_a_microcontroller",
)


def absent() -> str:
    """Why the rung cannot run here; empty when it can."""
    if not (CACHE / "built").exists():
        return f"the kernel of this rung is not built ({LINUX} is absent): make kernel"
    if not (SMALL / "wires.ko").exists():
        return f"this clone's parts of the machine are not built ({SMALL} has none): make kernel"
    return ""


INSIDE = ROOT / "tests/kernel/inside"
MACHINES = {
    "drivers": ",".join(
        str(INSIDE / name) for name in ("test_gpio.py", "test_buses.py", "test_nodes.py")
    ),
    "lane": f"{INSIDE / 'test_lane.py'}::{LANES[0]}",
    "lane-mcu": f"{INSIDE / 'test_lane.py'}::{LANES[1]}",
}
"""What each machine runs: the drivers in real time, the lanes in virtual time."""


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    """Every machine's outcome; they run side by side."""
    need(absent(), "KERNEL")
    build(SMALL)
    folder = tmp_path_factory.mktemp("kernel")
    begun_s = time.monotonic()

    def run(name: str) -> Outcome:
        real = name == "drivers"
        return boot(folder / name, MACHINES[name], watchdog=real, virtual_time=not real)

    with ThreadPoolExecutor(len(MACHINES)) as pool:
        ran = dict(zip(MACHINES, pool.map(run, MACHINES), strict=True))
    for what, machine in ran.items():
        print(f"\nUser-mode Linux, {what}: {len(machine.cases)} tests, {machine.wall_s:.1f} s")
        for name, verdict in machine.cases.items():
            print(f"  {'ok  ' if not verdict else 'FAIL'} {name.rsplit('::', 1)[1]}")
    print(f"all side by side: {time.monotonic() - begun_s:.1f} s")
    for states in sorted(folder.glob("*/*-states.txt")):
        print(f"{states.stem}, virtual seconds:\n{states.read_text()}")
    return ran


@pytest.fixture
def outcome(outcomes: dict[str, Outcome]) -> Outcome:
    return outcomes["drivers"]


def test_every_driver_test_passes_inside(outcome: Outcome) -> None:
    assert outcome.rc is not None, f"the machine ended early:\n{outcome.console[-3000:]}"
    failed = {name: why for name, why in outcome.cases.items() if why}
    assert not failed, outcome.log[-6000:]
    assert outcome.rc == 0, outcome.log[-6000:]
    assert len(outcome.cases) >= TESTS_MIN


@pytest.mark.parametrize("name", ["lane", "lane-mcu"])
def test_a_whole_visit_runs_on_kernel_buses_in_virtual_time(
    outcomes: dict[str, Outcome], name: str
) -> None:
    ran = outcomes[name]
    assert ran.rc == 0, ran.log[-6000:] + ran.console[-2000:]
    assert len(ran.cases) == 1


def test_the_machine_resets_when_the_watchdog_starves_and_comes_back(outcome: Outcome) -> None:
    assert "fed for 3 s, failures 0" in outcome.watchdog_log, outcome.watchdog_log
    assert "did nothing" not in outcome.watchdog_log
    assert outcome.boots == 2
    assert outcome.reset_uptime_s is not None


def test_the_recipe_of_the_machine_is_whole() -> None:
    """Options that a smaller kernel would silently lack, and the pins that the tests use."""
    here = Path(__file__).parent
    config = set(re.findall(r"^CONFIG_(\w+)=([ym])$", (here / "uml.config").read_text(), re.M))
    assert {("GPIO_SIM", "y"), ("SPI_SPIDEV", "y"), ("I2C_CHARDEV", "y"), ("64BIT", "y")} <= config
    assert 'gpio-sim,label = "pinctrl-bcm2711"' in (here / "pi.dts").read_text()
