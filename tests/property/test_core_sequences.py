"""Random lanes: whatever the sensors and peers say, in any order, the invariants hold."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from hal.contract.types import InputName, Key, Tri
from terminal.core.types import (
    BarrierKind,
    HoldReason,
    LaneKind,
    PlateOutcome,
    Prompt,
    WeighFlag,
)
from terminal.core.visit import Phase
from tests.unit.core.lane import PIN, PLATE, LaneRig

INPUTS = st.tuples(
    st.just("input"),
    st.sampled_from(list(InputName)[:6]),
    st.sampled_from([Tri.NO, Tri.NO, Tri.YES, Tri.YES, Tri.UNKNOWN]),
)
WEIGHTS = st.tuples(
    st.just("weight"),
    st.sampled_from([None, -401, 0, 60, 400, 799, 800, 30_000, 48_000, 49_020, 100_200]),
    st.booleans(),
)
ACTS = st.tuples(
    st.just("act"),
    st.sampled_from(["arrive", "drive_on", "settle", "take_exit", "back_out", "menu"]),
    st.just(0),
)
PEERS = st.tuples(
    st.just("peer"), st.sampled_from(["camera", "ledger", "ledger_refuses"]), st.booleans()
)
MISC = st.one_of(
    st.tuples(st.just("flags"), st.sampled_from(list(WeighFlag)), st.just(0)),
    st.tuples(st.just("zero"), st.sampled_from(list(Tri)), st.just(0)),
    st.tuples(st.just("key"), st.sampled_from(list(Key)), st.just(0)),
    st.tuples(st.just("axles"), st.sampled_from([None, 1, 2, 6]), st.just(0)),
    st.tuples(st.just("plate"), st.sampled_from(list(PlateOutcome)), st.just(0)),
    st.tuples(st.just("arm"), st.sampled_from([0, 1]), st.sampled_from([0, 7, 20])),
    st.tuples(st.just("weld"), st.sampled_from([0, 1]), st.booleans()),
    st.tuples(st.just("stale"), st.sampled_from(list(InputName)[:6]), st.booleans()),
)
TIMES = st.tuples(
    st.just("run"), st.sampled_from([10, 10, 30, 500, 1_600, 3_100, 6_000]), st.just(0)
)
SCRIPTS = st.lists(st.one_of(ACTS, ACTS, TIMES, INPUTS, WEIGHTS, PEERS, MISC), max_size=25)


def play(rig: LaneRig, step: tuple[str, object, object]) -> None:
    """One line of the script. The rig itself asserts every invariant on every tick."""
    kind, what, value = step
    if kind == "input":
        rig.levels[what] = value
    elif kind == "weight":
        rig.load(what or 0, held=value)
        rig.gross_kg = what
    elif kind == "act" and what == "settle":
        rig.settle(48_000)
    elif kind == "act" and what == "menu":
        rig.press("*A" + PIN + "#2#")
    elif kind == "act":
        getattr(rig, what)()
    elif kind == "peer":
        setattr(rig, what, value)
    elif kind == "flags":
        rig.flags = what
    elif kind == "zero":
        rig.zero_valid = what
    elif kind == "key":
        rig.press(what.value)
    elif kind == "axles":
        rig.axles = what
    elif kind == "plate":
        rig.reading = (what, PLATE)
    elif kind == "arm":
        rig.arms[what].lift = value
    elif kind == "weld":
        rig.arms[what].welded = value
    elif kind == "stale":
        rig.stale_inputs.add(what) if value else rig.stale_inputs.discard(what)
    else:
        rig.run(what)
    rig.tick()
    shown = rig.out.display.reason
    assert isinstance(shown, HoldReason)
    if rig.phase in (Phase.HELD, Phase.LOCKOUT):
        assert rig.state.reason is not HoldReason.NONE
        waits = rig.phase is Phase.LOCKOUT and rig.out.display.prompt is Prompt.OFF_ENTRY
        assert shown is (HoldReason.BARRIER_OPEN if waits else rig.state.reason)
    hash(rig.state)


@settings(max_examples=60, deadline=None)
@given(
    script=SCRIPTS,
    lane=st.sampled_from(list(LaneKind)),
    barrier=st.sampled_from(list(BarrierKind)),
)
def test_no_sequence_breaks_an_invariant(
    script: list[tuple[str, object, object]], lane: LaneKind, barrier: BarrierKind
) -> None:
    rig = LaneRig(lane, barrier).ready()
    for line in script:
        play(rig, line)
    heal(rig)


def heal(rig: LaneRig) -> None:
    """Everything works again and every vehicle is gone: the lane must come back to IDLE."""
    rig.levels = dict.fromkeys(InputName, Tri.NO)
    rig.stale_inputs.clear()
    rig.flags, rig.zero_valid, rig.axles = WeighFlag.NONE, Tri.YES, 6
    rig.camera = rig.ledger = True
    rig.ledger_refuses = False
    for arm in rig.arms:
        arm.welded = False
    rig.load(0).until(Phase.IDLE, 140_000)


@settings(max_examples=30, deadline=None)
@given(script=SCRIPTS)
def test_same_script_same_states(script: list[tuple[str, object, object]]) -> None:
    ends = []
    for _ in range(2):
        rig = LaneRig()
        for line in script[:10]:
            play(rig, line)
        ends.append((rig.state, rig.out))
    assert ends[0] == ends[1]


def test_the_checker_sees_a_broken_transition() -> None:
    """A test of the test: a lease without a record is noticed."""
    from terminal.core.invariants import check

    rig = LaneRig().weigh().until(Phase.RELEASING)
    inputs = rig.inputs()
    forged = rig.state._replace(committed=None)
    assert "I1" in check(rig.state, inputs, forged, rig.out, rig.params)
