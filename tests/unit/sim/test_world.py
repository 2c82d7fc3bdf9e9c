"""Both worlds against one suite, and what only the shared one must do."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hal.contract.types import DeviceAbsentError, MonotonicNs, Side
from hal.sim.world import ALIVE_NS, RELAYS, PlantSide, PlantState, Scene, TruckPose
from hal.sim.world_local import LocalWorld
from hal.sim.world_shared import FILE_BYTES, REGIONS, SharedWorld

TRUCK = TruckPose(-12_345, 17_000, "晋LA8888", "yellow_green", "new_energy_large", "晋L123挂", 100)
STATE = PlantState(
    heartbeat_ns=5_000_000_000,
    cell_nv=tuple(range(-400_000_000, 400_000_000, 100_000_000)),
    temperature_mc=-18_250,
    inputs=0b1010_0101,
    arms_mdeg=(0, 90_000),
    keys=0x8001,
    network_up=False,
    struck=3,
    scene=Scene((TRUCK, TRUCK, TRUCK), 5, 18_000),
)


@pytest.fixture(params=["local", "shared", "shared-two-ends"])
def ends(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[PlantSide, PlantSide]]:
    """The plant's end and a device's end of the same wires."""
    if request.param == "local":
        world = LocalWorld()
        yield world, world
        return
    plant = SharedWorld(tmp_path / "world", create=True)
    device = plant if request.param == "shared" else SharedWorld(tmp_path / "world")
    yield plant, device
    plant.close()
    if device is not plant:
        device.close()


def test_fresh_world_is_dead_and_safe(ends: tuple[PlantSide, PlantSide]) -> None:
    _plant, device = ends
    assert not device.alive(MonotonicNs(0))
    assert not device.alive(MonotonicNs(10**12))
    assert not any(device.relay(name) for name in RELAYS)
    assert device.sign() == (0, 0, b"")
    assert device.prompt() == ""


def test_device_reads_what_the_plant_put(ends: tuple[PlantSide, PlantSide]) -> None:
    plant, device = ends
    plant.put(STATE)
    assert tuple(device.cell_nv(cell) for cell in range(8)) == STATE.cell_nv
    assert device.temperature_mc() == STATE.temperature_mc
    assert device.inputs() == STATE.inputs
    assert (device.arm_mdeg(Side.ENTRY), device.arm_mdeg(Side.EXIT)) == (0, 90_000)
    assert device.keys() == STATE.keys
    assert device.network_up() is False
    assert device.struck() == 3
    assert device.scene() == STATE.scene


@pytest.mark.parametrize(
    ("age_ns", "alive"),
    [(0, True), (ALIVE_NS - 1, True), (ALIVE_NS, False), (-1, True), (-ALIVE_NS, False)],
)
def test_alive_ends_with_the_heartbeat(
    ends: tuple[PlantSide, PlantSide], age_ns: int, alive: bool
) -> None:
    plant, device = ends
    plant.put(STATE)
    assert device.alive(MonotonicNs(STATE.heartbeat_ns + age_ns)) is alive


def test_every_coil_is_its_own(ends: tuple[PlantSide, PlantSide]) -> None:
    plant, device = ends
    for name in RELAYS:
        device.set_relay(name, True)
        assert [other for other in RELAYS if plant.relay(other)] == [name]
        device.set_relay(name, False)
    with pytest.raises(KeyError, match="no relay coil"):
        device.set_relay("trapdoor", True)


def test_sign_and_prompt_reach_the_plant(ends: tuple[PlantSide, PlantSide]) -> None:
    plant, device = ends
    rows = bytes(range(256)) * 2
    device.set_sign(128, 32, rows)
    device.set_prompt("plate_unread")
    assert plant.sign() == (128, 32, rows)
    assert plant.prompt() == "plate_unread"
    device.set_prompt("")
    assert plant.prompt() == ""


def test_absent_world_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(DeviceAbsentError, match="Start the plant process first"):
        SharedWorld(tmp_path / "world")


def test_foreign_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "world").write_bytes(b"x" * FILE_BYTES)
    with pytest.raises(DeviceAbsentError, match="not a world file"):
        SharedWorld(tmp_path / "world")


def test_restarted_plant_keeps_the_same_wires(tmp_path: Path) -> None:
    first = SharedWorld(tmp_path / "world", create=True)
    device = SharedWorld(tmp_path / "world")
    first.close()
    again = SharedWorld(tmp_path / "world", create=True)
    again.put(STATE)
    assert device.inputs() == STATE.inputs
    again.close()
    device.close()


@pytest.mark.parametrize("fault", ["half written", "torn payload"])
def test_torn_read_answers_with_the_previous_copy(tmp_path: Path, fault: str) -> None:
    plant = SharedWorld(tmp_path / "world", create=True)
    device = SharedWorld(tmp_path / "world")
    plant.put(STATE)
    assert device.temperature_mc() == STATE.temperature_mc
    at = REGIONS["wires"].offset
    if fault == "half written":
        (count,) = struct.unpack_from("<Q", plant._map, at)
        struct.pack_into("<Q", plant._map, at, count + 1)
    plant._map[at + 12 + 74] ^= 0xFF
    assert device.temperature_mc() == STATE.temperature_mc
    plant.put(STATE)
    assert device.temperature_mc() == STATE.temperature_mc
    plant.close()
    device.close()


def test_coils_fall_when_their_driver_is_killed(tmp_path: Path) -> None:
    plant = SharedWorld(tmp_path / "world", create=True)
    program = (
        "import sys, signal; from pathlib import Path; from hal.sim.world_shared import *;"
        "w = SharedWorld(Path(sys.argv[1])); w.set_relay('exit_open', True);"
        "print('on', flush=True); signal.pause()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "world")], stdout=subprocess.PIPE
    ) as driver:
        assert driver.stdout is not None
        assert driver.stdout.readline() == b"on\n"
        assert plant.relay("exit_open")
        os.kill(driver.pid, signal.SIGKILL)
        driver.wait()
        assert not plant.relay("exit_open")
    successor = SharedWorld(tmp_path / "world")
    successor.set_relay("siren", True)
    assert plant.relay("siren")
    assert not plant.relay("exit_open"), "the dead driver's coil came back with its successor"
    successor.close()
    plant.close()
