"""Boots a Linux kernel as a process and runs the drivers on its own GPIO, SPI, I2C and watchdog.

`make kernel` builds that kernel once. Where it is absent this says so and skips; `make kernel`
itself sets KERNEL_RUNG=required, and then its absence fails.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.kernel.machine import LINUX, ROOT, Outcome, boot

pytestmark = pytest.mark.kernel

TESTS_MIN = 15
RUNG_S_MAX = 120


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    if not LINUX.exists():
        why = f"the kernel of this rung is not built ({LINUX} is absent): make kernel"
        if os.environ.get("KERNEL_RUNG") == "required":
            pytest.fail(why)
        pytest.skip(why)
    inside = ROOT / "tests/kernel/inside"
    drivers = ",".join(str(inside / name) for name in ("test_gpio.py", "test_buses.py"))
    ran = boot(tmp_path_factory.mktemp("kernel"), drivers)
    print(f"\nUser-mode Linux: {len(ran.cases)} tests, {ran.wall_s:.1f} s with boot and reset")
    for name, verdict in ran.cases.items():
        print(f"  {'ok  ' if not verdict else 'FAIL'} {name.rsplit('::', 1)[1]}")
    return ran


def test_every_driver_test_passes_inside(outcome: Outcome) -> None:
    assert outcome.rc is not None, f"the machine ended early:\n{outcome.console[-3000:]}"
    failed = {name: why for name, why in outcome.cases.items() if why}
    assert not failed, outcome.log[-6000:]
    assert outcome.rc == 0, outcome.log[-6000:]
    assert len(outcome.cases) >= TESTS_MIN


def test_a_lane_runs_on_kernel_lines_in_virtual_time(outcome: Outcome, tmp_path: Path) -> None:
    """outcome comes first: it says when there is no machine."""
    ran = boot(
        tmp_path, str(ROOT / "tests/kernel/inside/test_lane.py"), watchdog=False, virtual_time=True
    )
    assert ran.rc == 0, ran.log[-6000:] + ran.console[-2000:]
    print(f"\nthe lane: {ran.wall_s:.1f} s\n{(tmp_path / 'lane-states.txt').read_text()}")


def test_the_machine_resets_when_the_watchdog_starves_and_comes_back(outcome: Outcome) -> None:
    assert "fed for 3 s, failures 0" in outcome.watchdog_log, outcome.watchdog_log
    assert "did nothing" not in outcome.watchdog_log
    assert outcome.boots == 2
    assert outcome.reset_uptime_s is not None


def test_the_recipe_of_the_machine_is_whole() -> None:
    """Options that a smaller kernel would silently lack, and the pins that the tests use."""
    here = Path(__file__).parent
    config = set(re.findall(r"^CONFIG_(\w+)=([ym])$", (here / "uml.config").read_text(), re.M))
    assert {("GPIO_SIM", "y"), ("SPI_SPIDEV", "y"), ("I2C_STUB", "m"), ("64BIT", "y")} <= config
    assert 'gpio-sim,label = "pinctrl-bcm2711"' in (here / "pi.dts").read_text()
