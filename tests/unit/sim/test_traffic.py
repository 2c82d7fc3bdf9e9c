"""Drivers and operator, with a stand-in for the terminal."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hal.contract.types import InputName, MonotonicNs, Side
from hal.sim.fleet import ARTICULATED_5, RIGID_4
from hal.sim.operator import PRESSES_MAX, Fingers, Operator, Reaction
from hal.sim.scripts import OVERLOADED_4, SCRIPTS, UNREADABLE_3, Script, plate_keys
from hal.sim.traffic import Finished, Stage, tailgating
from hal.sim.truck import TruckPlan
from hal.sim.world import TRUCKS_MAX
from hal.sim.world_local import LocalWorld
from hal.sim.yard import Yard
from tests.unit.sim.attendant import Attendant, run_yard


def run(
    plans: tuple[TruckPlan, ...],
    lane: str = "double",
    barrier: str = "hold",
    limit_kg: int = 50_000,
    minutes: int = 15,
) -> tuple[list[Finished], Attendant, Yard]:
    world = LocalWorld()
    yard = Yard(
        world,
        Script("test", plans, (), False),
        1,
        lane_kind=lane,
        barrier=barrier,
        trucks=len(plans),
    )
    finished, attendant = run_yard(yard, world, minutes, limit_kg)
    return finished, attendant, yard


@pytest.mark.parametrize("barrier", ["hold", "pulse"])
@pytest.mark.parametrize("lane", ["double", "exit-only"])
def test_legal_truck_passes_and_leaves(lane: str, barrier: str) -> None:
    finished, attendant, yard = run((RIGID_4,), lane, barrier)
    assert [(each.plan, each.what) for each in finished] == [(RIGID_4, "left")]
    assert attendant.weighed_kg[0] == pytest.approx(RIGID_4.mass_kg, abs=60)
    assert 10_000 < finished[0].deck_ms < 60_000
    assert yard.lane.struck == 0


def test_legal_truck_waits_for_ever_at_a_red_lamp() -> None:
    world = LocalWorld()
    yard = Yard(world, Script("test", (RIGID_4,), (), False), 1, trucks=1)
    yard.advance(200 * 120, MonotonicNs(1))
    assert [driver.stage for driver in yard.traffic.drivers] == [Stage.WAIT]
    world.set_relay("lamp_entry", True)
    yard.advance(200 * 30, MonotonicNs(1))
    assert [driver.stage for driver in yard.traffic.drivers] == [Stage.WAIT], "the arm is down"


@pytest.mark.parametrize("lane", ["double", "exit-only"])
def test_overloaded_truck_backs_out(lane: str) -> None:
    finished, _attendant, yard = run((OVERLOADED_4, RIGID_4), lane, limit_kg=31_000)
    assert [each.what for each in finished] == ["backed_out", "left"]
    assert yard.lane.struck == 0


def test_patient_driver_in_an_exit_only_lane_does_not_give_up() -> None:
    finished, _attendant, yard = run((UNREADABLE_3,), "exit-only", limit_kg=1_000, minutes=3)
    assert finished == []
    assert yard.on_deck() is not None


def test_tailgater_pushes_on_and_backs_off() -> None:
    finished, attendant, yard = run((RIGID_4, tailgating(ARTICULATED_5)))
    assert [(each.what, each.pushed) for each in finished] == [("left", False), ("left", True)]
    assert attendant.weighed_kg[0] == pytest.approx(RIGID_4.mass_kg, abs=60)
    assert yard.lane.struck == 0


def test_demo_script_runs_through_and_repeats() -> None:
    def once() -> tuple[list[tuple[str, str, int]], list[int]]:
        world = LocalWorld()
        yard = Yard(world, SCRIPTS["demo"], 4, trucks=6)
        crowd = []
        finished, attendant = run_yard(
            yard, world, 20, 50_000, lambda each: crowd.append(len(each.traffic.drivers))
        )
        assert max(crowd) <= TRUCKS_MAX
        return [(f.plan.plate, f.what, f.deck_ms) for f in finished], attendant.weighed_kg

    first = once()
    assert len(first[0]) == 6
    assert first == once()


@pytest.mark.parametrize(
    ("plate", "keys"),
    [
        ("晋LK7390", "555_55C7390"),
        ("晋LA8216", "5552C8216"),
        ("晋L26083D", "555C26083C3"),
        ("晋LABCZ9", "5552_22_2229999C9"),
        ("京A12345", ""),
    ],
)
def test_plates_are_spelt_as_the_keypad_wants_them(plate: str, keys: str) -> None:
    assert plate_keys(plate) == keys


def test_scripted_plate_keys_spell_the_scripted_plate() -> None:
    assert UNREADABLE_3.plate_keys == plate_keys(UNREADABLE_3.plate)


@pytest.mark.parametrize("lane", ["double", "exit-only"])
def test_driver_backs_out_when_the_sign_says_so_and_the_way_is_open(lane: str) -> None:
    world = LocalWorld()
    yard = Yard(world, Script("test", (RIGID_4,), (), False), 1, lane_kind=lane, trucks=1)
    world.set_relay("lamp_entry", True)
    world.set_relay("entry_open", True)
    yard.advance(200 * 30, MonotonicNs(1))
    driver = yard.on_deck()
    assert driver is not None
    world.set_relay("entry_open", False)
    world.set_relay("lamp_entry", False)
    yard.advance(200 * 60, MonotonicNs(1))
    assert driver.stage is Stage.STAND
    world.set_prompt("back_out")
    yard.advance(200 * 10, MonotonicNs(1))
    assert driver.stage is (Stage.STAND if lane == "double" else Stage.BACK)
    world.set_relay("entry_open", True)
    gone = yard.advance(200 * 60, MonotonicNs(1))
    assert [each.what for each in gone] == ["backed_out"]
    assert yard.lane.struck == 0


def test_pusher_leaves_loop_and_beam_free_while_the_other_is_served() -> None:
    plans = (RIGID_4, tailgating(ARTICULATED_5))
    world = LocalWorld()
    yard = Yard(world, Script("test", plans, (), False), 1)
    world.set_relay("lamp_entry", True)
    world.set_relay("entry_open", True)
    yard.advance(200 * 20, MonotonicNs(1))
    pusher = yard.traffic.drivers[1]
    assert pusher.pushed
    assert world.inputs() & 1 << InputName.BEAM_ENTRY
    world.set_relay("lamp_entry", False)
    yard.advance(200 * 20, MonotonicNs(1))
    assert pusher.stage is Stage.APPROACH
    assert world.inputs() == 0, "the first truck alone on the deck, nothing on loops or beams"


def test_driver_on_the_deck_does_not_pass_a_closing_exit() -> None:
    world = LocalWorld()
    yard = Yard(world, Script("test", (RIGID_4,), (), False), 1, lane_kind="exit-only")
    world.set_relay("lamp_entry", True)
    yard.advance(200 * 40, MonotonicNs(1))
    driver = yard.on_deck()
    assert driver is not None
    world.set_relay("lamp_exit", True)
    yard.advance(200 * 10, MonotonicNs(1))
    assert driver.stage is Stage.STAND, "green, but the arm is down"
    world.set_relay("exit_open", True)
    yard.advance(200 * 4, MonotonicNs(1))
    assert driver.stage is Stage.LEAVE
    world.set_relay("exit_open", False)
    yard.advance(200 * 30, MonotonicNs(1))
    assert driver.truck.front_mm < yard.lane.geometry.arm_mm(Side.EXIT)
    assert yard.lane.struck == 0


def test_a_person_sends_trucks_up_to_a_bound() -> None:
    yard = Yard(LocalWorld(), SCRIPTS["empty"], 1)
    assert not yard.send("submarine")
    assert yard.send("overloaded")
    assert all(yard.send("") for _ in range(15))
    assert not yard.send("legal")
    yard.advance(1, MonotonicNs(1))
    assert yard.traffic.drivers[0].truck.plan == OVERLOADED_4


def presses(fingers: Fingers, seconds: int) -> list[int]:
    """Contacts closed, in order, one entry a press."""
    seen = [0]
    for step in range(seconds * 200):
        bits = fingers.advance(step * 5_000_000)
        if bits != seen[-1]:
            seen.append(bits)
    return [bits for bits in seen if bits]


def test_fingers_close_the_printed_contacts() -> None:
    fingers = Fingers()
    assert fingers.press("1A0#*D_5")
    assert presses(fingers, 10) == [1 << n for n in (0, 3, 13, 14, 12, 15, 5)]
    assert not fingers.busy


def test_fingers_refuse_unknown_keys_and_too_many() -> None:
    fingers = Fingers()
    assert not fingers.press("1x")
    assert not fingers.busy
    assert fingers.press("1" * PRESSES_MAX)
    assert not fingers.press("1")


def test_operator_answers_a_prompt_late_and_only_so_often() -> None:
    fingers = Fingers()
    operator = Operator((Reaction("plate_unread", 3_000, "A{plate}#", 2),), fingers)
    truck = replace(UNREADABLE_3, plate_keys="73")
    reached = []
    was_busy = False
    for tenth in range(400):
        operator.saw_prompt("plate_unread", tenth * 100_000_000, truck)
        if fingers.busy and not was_busy:
            reached.append(tenth)
        for step in range(20):
            fingers.advance(tenth * 100_000_000 + step * 5_000_000)
        was_busy = fingers.busy
    assert reached == [30, 60], "3 s after the prompt, once more 3 s later, then never again"


def test_operator_does_nothing_without_a_truck_or_a_known_prompt() -> None:
    fingers = Fingers()
    operator = Operator((Reaction("plate_unread", 0, "A"),), fingers)
    operator.saw_prompt("plate_unread", 10**10, None)
    operator.saw_prompt("weighing", 2 * 10**10, RIGID_4)
    assert not fingers.busy


def test_operator_sees_the_prompt_through_the_wires() -> None:
    world = LocalWorld()
    script = Script("test", (UNREADABLE_3,), (Reaction("plate_unread", 1_000, "A"),), False)
    yard = Yard(world, script, 1, lane_kind="exit-only")
    world.set_relay("lamp_entry", True)
    world.set_prompt("plate_unread")
    pressed = set()
    for _ in range(600):
        yard.advance(20, MonotonicNs(1))
        pressed.add(world.keys())
    assert pressed == {0, 1 << 3}


def test_deck_time_counts_the_last_stay_only() -> None:
    finished, _attendant, _yard = run((RIGID_4, tailgating(ARTICULATED_5)))
    assert finished[1].pushed
    assert finished[1].deck_ms < 60_000


def test_a_script_shorter_than_wanted_is_done_when_its_last_truck_has_gone() -> None:
    world = LocalWorld()
    yard = Yard(world, Script("test", (RIGID_4,), (), False), 1, trucks=5)
    finished, _attendant = run_yard(yard, world, 5)
    assert len(finished) == 1
    assert yard.traffic.done
    assert not Yard(LocalWorld(), SCRIPTS["empty"], 1).traffic.done


def test_operator_helps_a_driver_who_is_stopped_while_backing_out() -> None:
    world = LocalWorld()
    script = Script("test", (RIGID_4,), (Reaction("starting", 5_000, "A"),), False)
    yard = Yard(world, script, 1)
    world.set_relay("lamp_entry", True)
    world.set_relay("entry_open", True)
    yard.advance(200 * 30, MonotonicNs(1))
    world.set_prompt("back_out")
    world.set_relay("lamp_entry", False)
    yard.advance(200 * 2, MonotonicNs(1))
    assert yard.traffic.drivers[0].stage is Stage.BACK
    world.set_relay("entry_open", False)
    world.set_prompt("starting")
    pressed = set()
    for _ in range(100):
        yard.advance(20, MonotonicNs(1))
        pressed.add(world.keys())
    assert pressed == {0, 1 << 3}
    assert yard.on_deck() is yard.traffic.drivers[0]


def test_a_driver_shut_in_while_backing_takes_the_exit_that_says_go() -> None:
    world = LocalWorld()
    yard = Yard(world, Script("test", (RIGID_4,), (), False), 1, trucks=1)
    world.set_relay("lamp_entry", True)
    world.set_relay("entry_open", True)
    yard.advance(200 * 30, MonotonicNs(1))
    driver = yard.on_deck()
    assert driver is not None
    world.set_relay("lamp_entry", False)
    world.set_relay("entry_open", False)
    driver.stage = Stage.BACK
    yard.advance(200 * 60, MonotonicNs(1))
    assert driver.stage is Stage.BACK, "no way is open"
    world.set_relay("lamp_exit", True)
    world.set_relay("exit_open", True)
    gone = yard.advance(200 * 60, MonotonicNs(1))
    assert [each.what for each in gone] == ["left"]
    assert yard.lane.struck == 0
