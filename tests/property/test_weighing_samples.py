"""Whatever the cells send, the pipeline neither raises nor vouches for what it may not."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from hal.contract.types import NS_PER_S, Counts, IndicatorReading, MonotonicNs, RawSample, Tri
from hal.contract.types import SampleFlag as Flag
from terminal.core.types import WeighFlag
from terminal.weighing import Pipeline
from terminal.weighing.calibration import CalibrationError, from_text, simulated, to_text
from terminal.weighing.params import round_to_division
from tests.unit.weighing.test_pipeline import params

samples = st.builds(
    RawSample,
    st.integers(0, 3 * NS_PER_S).map(MonotonicNs),
    st.integers(-1, 9),
    st.integers(-(2**31), 2**31).map(Counts),
    st.sampled_from([Flag.NONE, Flag.DESYNC, Flag.SATURATED, Flag.MISSED]),
)
tris = st.sampled_from(list(Tri))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.lists(samples, max_size=40), tris, tris), max_size=25))
def test_any_samples_give_whole_divisions_or_nothing(
    ticks: list[tuple[list[RawSample], Tri, Tri]],
) -> None:
    p = params()
    pipe = Pipeline(p)
    for k, (some, entry, leave) in enumerate(ticks):
        out = pipe.feed(some, entry, leave, True, MonotonicNs(k * 10_000_000))
        if out is None:
            continue
        assert out.gross_kg is None or out.gross_kg % p.e_kg == 0
        assert out.gross_kg is None or p.gross_kg_min <= out.gross_kg <= p.gross_kg_max
        if out.held_kg is not None:
            assert out.zero_valid is Tri.YES
            assert (entry, leave) == (Tri.NO, Tri.NO)
            assert not out.flags & ~(WeighFlag.GLITCH | WeighFlag.DISTURBED)


readings = st.builds(
    IndicatorReading,
    st.integers(0, 20 * NS_PER_S).map(MonotonicNs),
    st.one_of(st.none(), st.integers(-2_000, 120_000)),
    tris,
    tris,
    tris,
    tris,
    st.just(b""),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(readings, tris, tris), max_size=60))
def test_an_indicator_value_is_unchanged_or_withheld(
    frames: list[tuple[IndicatorReading, Tri, Tri]],
) -> None:
    pipe = Pipeline(params())
    shown = {reading.gross_kg for reading, _, _ in frames}
    for reading, entry, leave in frames:
        out = pipe.feed_indicator([reading], entry, leave, reading.at_ns)
        if out is not None and out.held_kg is not None:
            assert out.held_kg in shown
            assert (entry, leave) == (Tri.NO, Tri.NO)


@given(st.floats(-2e5, 2e5), st.sampled_from([1, 2, 5, 10, 20, 50]))
def test_rounding_is_never_off_by_more_than_half_a_division(mass_kg: float, d_kg: int) -> None:
    shown = round_to_division(mass_kg, d_kg)
    assert shown % d_kg == 0
    assert abs(shown - mass_kg) <= d_kg / 2 + 1e-6


@given(st.integers(0, 10_000), st.characters(codec="ascii"))
def test_a_touched_calibration_is_never_accepted(at: int, put: str) -> None:
    good = to_text(simulated("SN-1"))
    at %= len(good)
    touched = good[:at] + put + good[at + 1 :]
    with suppress(CalibrationError):
        assert from_text(touched, "SN-1") == simulated("SN-1")
