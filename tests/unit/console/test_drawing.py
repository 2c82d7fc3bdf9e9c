"""The pure parts of the page: lane, curve, sign pixels and the port's error."""

from __future__ import annotations

import dataclasses
import socket
from pathlib import Path

import msgspec
import pytest

from hal.contract.types import DeviceAbsentError, Level, MonotonicNs, Tri
from terminal.config import Config, ConsoleSection, Loaded
from terminal.console.curve import HEIGHT_PX, curve, sign_path
from terminal.console.lane import lane
from terminal.console.server import PortTakenError, bind
from terminal.console.state import Weight
from terminal.plant_messages import PlantTruth
from tests.tools.console_feeder import SCENES, levels, weighed

DECK_MM = 18_000


def test_an_empty_lane_has_no_truck() -> None:
    assert lane(SCENES["idle"](), None, DECK_MM).truck is None


def test_a_loaded_deck_has_a_truck_on_it() -> None:
    drawn = lane(SCENES["over"](), None, DECK_MM)
    assert drawn.truck is not None
    assert drawn.deck_px[0] <= drawn.truck.x_px
    assert drawn.truck.x_px + drawn.truck.w_px <= drawn.deck_px[1]
    assert len(drawn.truck.wheels_px) == 6


@pytest.mark.parametrize(("beam", "side"), [("beam_entry", 0), ("beam_exit", 1)])
def test_a_blocked_beam_has_the_truck_across_it(beam: str, side: int) -> None:
    drawn = lane(
        msgspec.structs.replace(SCENES["over"](), levels=levels(**{beam: True})), None, DECK_MM
    )
    assert drawn.truck is not None
    edge_px = drawn.deck_px[side]
    assert drawn.truck.x_px < edge_px < drawn.truck.x_px + drawn.truck.w_px


def test_missing_or_unknown_inputs_and_positions_are_unknown() -> None:
    drawn = lane(SCENES["fault"](), None, DECK_MM)
    assert drawn.levels["beam_exit"] == "yes"
    assert drawn.levels["loop_exit"] == "unknown"
    assert drawn.barriers == ("closed", "unknown")
    none = msgspec.structs.replace(SCENES["over"](), barriers=(None, None), lane_kind="exit-only")
    assert lane(none, None, DECK_MM).barriers == (None, "unknown")
    strange = (Level(Tri.UNKNOWN, MonotonicNs(0)),) * 8
    unknown = msgspec.structs.replace(SCENES["idle"](), levels=strange)
    assert set(lane(unknown, None, DECK_MM).levels.values()) == {"unknown"}


def test_the_plants_truth_is_drawn_beside_what_is_known() -> None:
    truth = PlantTruth(0, DECK_MM, ((9_000, 9_000, (1_000, 7_000), 9, "P", ""),) * 5, True, 0, "")
    drawn = lane(SCENES["idle"](), truth, DECK_MM)
    assert drawn.truck is None
    assert len(drawn.truth) == 3
    assert drawn.truth[0].x_px == drawn.deck_px[0]


def test_no_word_of_the_weight_means_no_inferred_truck() -> None:
    blank = msgspec.structs.replace(SCENES["idle"](), weighed=None)
    assert lane(blank, None, DECK_MM).truck is None
    assert dataclasses.replace(weighed(None)).gross_kg is None


def test_the_curve_has_gaps_where_nothing_is_known() -> None:
    points = [
        Weight(59_000_000_000, 0),
        Weight(60_000_000_000, 20_000),
        Weight(60_500_000_000, None),
        Weight(61_000_000_000, 40_000),
        Weight(62_000_000_001, 30_000),
        Weight(62_500_000_000, -40),
    ]
    drawn = curve(points, 62_500_000_000, 49_000)
    assert drawn.top_kg == 60_000
    assert drawn.limit_px == HEIGHT_PX - 122
    assert drawn.lines == ("377,150 384,100", "390,50", "397,75 400,150")


def test_an_empty_curve() -> None:
    drawn = curve((), 0, None)
    assert (drawn.lines, drawn.limit_px, drawn.top_kg) == ((), None, 10_000)


def test_sign_pixels_as_a_path() -> None:
    assert sign_path(8, 2, bytes((0b11000001, 0))) == "M0 0h2v1h-2zM7 0h1v1h-1z"
    assert sign_path(8, 2, b"") == ""


def test_a_taken_port_is_one_sentence_with_the_option(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen(1)
        port = other.getsockname()[1]
        loaded = Loaded(Config(console=ConsoleSection(port=port)), tmp_path, bytes(32))
        with pytest.raises(PortTakenError) as caught:
            bind(loaded)
    assert isinstance(caught.value, DeviceAbsentError)
    said = str(caught.value)
    assert str(port) in said
    assert "[console]" in said
    assert "\n" not in said
