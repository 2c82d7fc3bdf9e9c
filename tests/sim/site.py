"""What stands at the gate in one simulated run, and who comes: drawn from the seed.

Most runs have four cells and short patience, because that is quick; some have eight, a drawn
sign and the real tick; some weigh with an approved indicator on a serial line.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from hal.sim.deck import DeckParams
from hal.sim.fleet import TruckPlan
from hal.sim.scripts import random_truck
from hal.sim.traffic import tailgating
from terminal.wiring.plant import demo_vehicles

STORY = 0
"""Number of trucks that stands for a short story: one truck, or one and a tailgater behind it."""
OVERLOADED_SHARE, TAILGATED_SHARE = 0.2, 0.08
CRUISE_MM_S = (2_200, 4_000)
WHOLE_SHARE = 0.04
"""Share of the runs with eight cells, a drawn sign and the real tick; they cost thrice as much."""
INDICATOR_SHARE = 0.25
INDICATORS = (("xk3190-tf0", "places-kg"), ("toledo", "as-sent"))
"""Protocol and scaling of the indicators on the line: one with a check, one without."""
FOUR_X_CM, FOUR_Y_CM = (0, 0, 1_800, 1_800), (0, 300, 0, 300)
PATIENCE_S = ((20, 15, 6, 40), (30, 20, 8, 60), (90, 40, 12, 120))
PATIENCE_SHARES = (0.6, 0.3, 0.1)
"""Boarding, settling, reading and leaving: the shorter the lane waits, the less is waiting."""
PULSE_SHARE, DOUBLE_SHARE = 0.3, 0.75

CONFIG = """
[site]
terminal_id = "141025710001-1"
source_unit = "141025710001"
[lane]
kind = "{kind}"
barrier = "{barrier}"
boarding_s_max = {patience[0]}
settle_s_max = {patience[1]}
plate_s_max = {patience[2]}
leave_s_max = {patience[3]}
[weighing]
vehicle_list = "vehicles.csv"
{weighed_by}
[field]
exit_close = {close[1]}
entry_close = {close[0]}
[keypad]
operator_pins = ["demo$0ead2060b65992dca4769af601a1b3a35ef38cfad2c2c465bb160ea764157c5d"]
[[targets]]
name = "county"
uri = "coap+tcp://127.0.0.1"
"""
AMPLIFIER = """[amplifier]
cells = {cells}
rate_sps = {rate}
cell_x_cm = {xs}
cell_y_cm = {ys}
"""
INDICATOR = """source = "indicator"
[indicator]
kind = "sim"
protocol = "{0}"
confirmed_scaling = "{1}"
"""


@dataclass(frozen=True, slots=True)
class Site:
    """What was drawn. whole: eight cells, a drawn sign, the real tick."""

    whole: bool
    indicator: tuple[str, str] | None
    pulse: bool
    double: bool
    patience_s: tuple[int, ...]

    @property
    def deck(self) -> DeckParams:
        """The deck with its cells."""
        if self.whole:
            return DeckParams()
        return DeckParams(
            cell_x_mm=tuple(10 * x for x in FOUR_X_CM), cell_y_mm=tuple(10 * y for y in FOUR_Y_CM)
        )

    def write(self, folder: Path) -> Path:
        """The configuration and the vehicle list of this site."""
        (folder / "vehicles.csv").write_text(demo_vehicles())
        path = folder / "sim.toml"
        path.write_text(
            CONFIG.format(
                kind="double" if self.double else "exit-only",
                barrier="pulse" if self.pulse else "hold",
                close=(2, 3) if self.pulse else (-1, -1),
                patience=self.patience_s,
                weighed_by=self._weighed_by(),
            )
        )
        return path

    def _weighed_by(self) -> str:
        if self.indicator is not None:
            return INDICATOR.format(*self.indicator)
        deck = self.deck
        return AMPLIFIER.format(
            cells=len(deck.cell_x_mm),
            rate=80 if self.whole else 40,
            xs=[x // 10 for x in deck.cell_x_mm],
            ys=[y // 10 for y in deck.cell_y_mm],
        )


def site(shape: Random, behind_a_line: Random) -> Site:
    """Draw one. behind_a_line: the stream of whether an indicator weighs."""
    whole = shape.random() < WHOLE_SHARE
    pulse = shape.random() < PULSE_SHARE
    double = shape.random() < DOUBLE_SHARE
    weighs = behind_a_line.random() < INDICATOR_SHARE
    return Site(
        whole=whole,
        indicator=behind_a_line.choice(INDICATORS) if weighs else None,
        pulse=pulse,
        double=double,
        patience_s=shape.choices(PATIENCE_S, PATIENCE_SHARES)[0],
    )


def story(rng: Random) -> tuple[TruckPlan, ...]:
    """A truck or two, quicker and rather more often overloaded or impatient than real ones."""
    plan = replace(random_truck(rng, 0), cruise_mm_s=rng.randrange(*CRUISE_MM_S))
    if plan.behaviour != "overloaded" and rng.random() < OVERLOADED_SHARE:
        over_kg = round(plan.mass_kg * rng.uniform(1.1, 1.5))
        plan = replace(plan, mass_kg=over_kg, behaviour="overloaded")
    if rng.random() >= TAILGATED_SHARE:
        return (plan,)
    behind = replace(random_truck(rng, 0), cruise_mm_s=rng.randrange(*CRUISE_MM_S))
    return (plan, tailgating(behind))
