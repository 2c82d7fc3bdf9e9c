"""The plant process's logic, and the process's own small parts."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from hal.contract.types import NS_PER_MS, NS_PER_S, InputName, MonotonicNs
from hal.sim.deck import STEP_NS
from hal.sim.fleet import RIGID_4
from hal.sim.scripts import SCRIPTS
from hal.sim.traffic import Finished
from hal.sim.world_local import LocalWorld
from hal.sim.world_shared import SharedWorld
from hal.sim.yard import Yard
from terminal.link import Received
from terminal.messages import Message, decode, encode
from terminal.node import Tick
from terminal.plant.__main__ import FINISHED_FILE, finished_line, main, run
from terminal.plant.node import CATCH_UP_STEPS_MAX, PlantNode
from terminal.plant_messages import PlantCommand, PlantTruth, PressKey


def made(script: str = "empty") -> tuple[PlantNode, LocalWorld]:
    world = LocalWorld()
    return PlantNode(Yard(world, SCRIPTS[script], 1), lambda _finished: None), world


def tell(node: PlantNode, message: Message) -> None:
    assert list(node.on_event(Received("console", message), MonotonicNs(0))) == []


def test_world_lives_while_ticked() -> None:
    node, world = made()
    assert not world.alive(MonotonicNs(NS_PER_S))
    node.on_event(Tick(), MonotonicNs(NS_PER_S))
    assert world.alive(MonotonicNs(NS_PER_S + 999 * NS_PER_MS))
    assert not world.alive(MonotonicNs(2 * NS_PER_S))


def test_catching_up_is_bounded_and_counted() -> None:
    node, _world = made()
    node.on_event(Tick(), MonotonicNs(0))
    start_ns = node.yard.now_ns
    node.on_event(Tick(), MonotonicNs(CATCH_UP_STEPS_MAX * STEP_NS))
    assert node.yard.now_ns - start_ns == CATCH_UP_STEPS_MAX * STEP_NS
    assert node.skipped_steps == 0
    node.on_event(Tick(), MonotonicNs((2 * CATCH_UP_STEPS_MAX + 7) * STEP_NS))
    assert node.yard.now_ns - start_ns == 2 * CATCH_UP_STEPS_MAX * STEP_NS
    assert node.skipped_steps == 7


def test_truth_goes_to_the_console_ten_times_a_second() -> None:
    node, _world = made("demo")
    sent = [
        effect
        for step in range(400)
        for effect in node.on_event(Tick(), MonotonicNs(step * STEP_NS))
    ]
    assert {effect.peer for effect in sent} == {"console"}
    assert len(sent) == 20
    truth = sent[-1].message
    assert isinstance(truth, PlantTruth)
    assert truth.trucks[0][3] == 48_320
    assert decode(encode(truth)) == truth


def test_console_presses_keys_and_pulls_the_cable() -> None:
    node, world = made()
    tell(node, PressKey("5", 120))
    tell(node, PlantCommand("network_down", ""))
    tell(node, PlantCommand("press_input", "ESTOP"))
    node.on_event(Tick(), MonotonicNs(0))
    assert world.keys() == 1 << 5
    assert not world.network_up()
    assert world.inputs() == 1 << InputName.ESTOP
    tell(node, PlantCommand("network_up", ""))
    tell(node, PlantCommand("release_input", "ESTOP"))
    tell(node, PlantCommand("send_truck", "legal"))
    node.on_event(Tick(), MonotonicNs(STEP_NS))
    assert world.network_up()
    assert world.inputs() == 0
    assert len(node.yard.traffic.drivers) == 1
    assert node.refused_commands == 0


@pytest.mark.parametrize(
    "message",
    [
        PressKey("x", 120),
        PressKey("12", 120),
        PressKey("", 120),
        PlantCommand("explode", ""),
        PlantCommand("send_truck", "submarine"),
        PlantCommand("press_input", "TRAPDOOR"),
    ],
)
def test_nonsense_from_the_console_is_counted(message: Message) -> None:
    node, _world = made()
    tell(node, message)
    assert node.refused_commands == 1


def test_done_when_the_wanted_trucks_have_gone() -> None:
    seen: list[Finished] = []
    yard = Yard(LocalWorld(), SCRIPTS["legal"], 1, trucks=1)
    node = PlantNode(yard, seen.append)
    node.on_event(Tick(), MonotonicNs(0))
    assert node.done_ns is None
    yard.traffic.finished.append(Finished(RIGID_4, "left", 20_000, False))
    node.on_event(Tick(), MonotonicNs(STEP_NS))
    assert node.done_ns == STEP_NS


def test_finished_line_says_what_happened() -> None:
    line = finished_line(Finished(RIGID_4, "left", 20_500, False))
    assert json.loads(line) == {
        "name": RIGID_4.name,
        "plate": RIGID_4.plate,
        "axles": 4,
        "mass_kg": RIGID_4.mass_kg,
        "what": "left",
        "pushed": False,
        "deck_s": 20.5,
    }
    assert RIGID_4.plate in line, "plates stay readable"


def test_run_makes_the_world_and_its_file_and_stops_when_told(tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    assert run(tmp_path / "world", tmp_path, "demo", 1, "double", "hold", 1, stop) == 0
    SharedWorld(tmp_path / "world").close()
    assert (tmp_path / FINISHED_FILE).read_text() == ""
    assert not (tmp_path / "plant.sock").exists()


def test_unknown_script_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--shared", "x", "--runtime", "y", "--script", "nonsense"])
    assert "nonsense" in capsys.readouterr().err
