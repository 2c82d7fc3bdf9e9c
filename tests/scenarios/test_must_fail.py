"""What public weighbridge systems got wrong, played to this lane: none of it may happen here.

Each scenario is taken from the published source of another system (gate dropped by a timer, relay
pulsed and believed, exit opened because saving failed, beam switched off, remote open).
"""

from __future__ import annotations

import itertools

import pytest

from hal.contract.types import InputName, Key, KeyPress, Side, Tri
from terminal.control.mailbox import ALLOWED, Mailbox
from terminal.core.menu import ACTIONS, PAGES
from terminal.core.params import Params
from terminal.core.types import BarrierKind, HoldReason, LaneKind
from terminal.core.visit import Phase
from terminal.link import Received
from terminal.messages import CommitDone, KeyPressed
from tests.unit.core.lane import PIN, LaneRig

KINDS = [(lane, barrier) for lane in LaneKind for barrier in BarrierKind]
every_kind = pytest.mark.parametrize(("lane", "barrier"), KINDS, ids=lambda kind: kind.value)


@every_kind
def test_gate_does_not_drop_on_a_trailer(lane: LaneKind, barrier: BarrierKind) -> None:
    """Elsewhere: down 5 s after the weight fell, beam unread; the trailer still stood there."""
    rig = LaneRig(lane, barrier).weigh().until(Phase.RELEASING).run(1_000)
    rig.set(InputName.BEAM_EXIT, True).load(0)
    for _ in range(60):
        rig.run(1_000)
        assert rig.out.close == (None, None)
        assert rig.out.leases[Side.EXIT] is not None
        assert rig.arms[Side.EXIT].lift > 0
    rig.set(InputName.BEAM_EXIT, False).until(Phase.IDLE)
    assert rig.arms[Side.EXIT].lift == 0


@every_kind
def test_a_trailer_that_stops_again_under_the_falling_boom_is_waited_for(
    lane: LaneKind, barrier: BarrierKind
) -> None:
    rig = LaneRig(lane, barrier).weigh().until(Phase.RELEASING).run(1_000).take_exit()
    rig.run(1_400).set(InputName.LOOP_EXIT, True)
    rig.run(30_000)
    assert rig.out.leases[Side.EXIT] is not None
    assert rig.arms[Side.EXIT].lift > 0


@every_kind
def test_an_open_command_is_not_an_open_barrier(lane: LaneKind, barrier: BarrierKind) -> None:
    """Elsewhere: relay pulsed, state written as open, driver waved on towards a shut boom."""
    rig = LaneRig(lane, barrier).weigh()
    rig.arms[Side.EXIT].stuck = True
    rig.until(Phase.RELEASING).until(Phase.LOCKOUT, 16_000)
    assert rig.state.reason is HoldReason.BARRIER_FAULT
    assert rig.out.leases == (None, None)


@every_kind
@pytest.mark.parametrize("fault", ["refuses", "away", "dies while asked"])
def test_exit_stays_shut_when_saving_fails(
    lane: LaneKind, barrier: BarrierKind, fault: str
) -> None:
    """Elsewhere: the save failed, and the branch behind it opened the gate all the same."""
    rig = LaneRig(lane, barrier).board()
    rig.ledger_refuses = fault == "refuses"
    rig.ledger = fault != "away"
    rig.settle(46_000)
    if fault == "dies while asked":
        rig.ledger = False
    for _ in range(60):
        rig.run(1_000)
        assert rig.out.leases[Side.EXIT] is None
        assert rig.arms[Side.EXIT].lift == 0
    assert rig.phase is Phase.HELD
    rig.ledger, rig.ledger_refuses = True, False
    rig.until(Phase.RELEASING, 15_000)


@pytest.mark.parametrize("left_out", ["BEAM_ENTRY", "BEAM_EXIT", "ESTOP"])
def test_no_setting_leaves_a_beam_or_the_stop_out(left_out: str) -> None:
    """Elsewhere: a tick box switched the photocell check off, without a trace."""
    required = tuple(name for name in Params().required if name.name != left_out)
    with pytest.raises(AssertionError):
        Params(required=required)


def test_a_silent_beam_is_never_a_clear_one() -> None:
    rig = LaneRig().weigh().until(Phase.RELEASING).run(1_000)
    rig.set(InputName.BEAM_EXIT, True).run(500)
    rig.set(InputName.BEAM_EXIT, Tri.UNKNOWN).run(10_000)
    assert rig.phase is Phase.LOCKOUT
    assert rig.out.close == (None, None)


def test_no_menu_page_knows_a_way_to_open() -> None:
    commands = {target for page in PAGES.values() for target in page.values()} | set(ACTIONS)
    known = {"", "pin", "try_pin", "start_plate", "refuse", "egress", "menu", "plate", "try_plate"}
    assert commands <= known | {"say_refuse", "say_egress"}


def test_no_key_sequence_opens_the_exit() -> None:
    """Every order of the keys that mean anything behind a right PIN, a vehicle on the deck."""
    rig = LaneRig()
    rig.axles = None
    rig.weigh().until(Phase.HELD)
    held, now_ns = rig.state, rig.now_ns
    for keys in itertools.product(map(Key, "0123#*"), repeat=3):
        rig.state, rig.now_ns = held, now_ns
        for key in (*map(Key, "A" + PIN + "#"), *keys):
            rig.keys.append(KeyPress(key, rig.now_ns))
            rig.tick()
            assert rig.out.leases[Side.EXIT] is None


def test_the_console_may_say_nothing_to_control() -> None:
    """Elsewhere: a web request lifted the gate past the flow."""
    assert "console" not in ALLOWED
    assert "uplink" not in ALLOWED
    mailbox = Mailbox()
    now_ns = LaneRig().now_ns
    press = KeyPressed(KeyPress(Key.A, now_ns))
    mailbox.start_tick([Received("console", press), Received("uplink", press)], now_ns)
    assert (mailbox.keys, mailbox.ignored) == ([], 2)


def test_an_answer_of_the_ledger_from_anybody_else_is_ignored() -> None:
    rig = LaneRig().weigh().until(Phase.RELEASING)
    committed = rig.state.committed
    assert committed is not None
    mailbox = Mailbox()
    said = [Received(peer, CommitDone(committed)) for peer in ("panel", "camera")]
    mailbox.start_tick(said, rig.now_ns)
    assert (mailbox.committed, mailbox.ignored) == ([], 2)
