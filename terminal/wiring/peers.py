"""Simulated devices behind serial lines: they live in the plant process, fed from its world."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hal.sim.deck import DeckParams
from hal.sim.world import World
from terminal.plant.node import Peer
from terminal.wiring.context import INDICATOR_PEER, MCU_PEER, SIMULATED, Context

IMAGE_FOLDER = "firmware"
GAIN = 128
NV_PER_MV = 1_000_000
TRACKED_KG_MAX = 10.0
TRACKED_SHARE = 0.02
"""An indicator's zero tracking: slow, and only near zero."""


def peers(context: Context, world_of: Callable[[], World]) -> Sequence[Peer]:
    """What this configuration has on simulated lines. Raises DeviceAbsentError.

    world_of: the world, which is there when the first step is made.
    """
    config = context.config
    if config.weighing.source == "indicator":
        return (_indicator(context, world_of),) if config.indicator.kind == SIMULATED else ()
    amplifier = config.amplifier
    if amplifier.kind != "mcu" or amplifier.port != SIMULATED:
        return ()
    from firmware_bridge.sim.qemu import QemuBoard, build_image

    scale = DeckParams().excitation_mv * NV_PER_MV

    def counts(cell: int) -> int:
        return (world_of().cell_nv(cell) * GAIN << 24) // scale

    image = build_image(context.runtime / IMAGE_FOLDER)
    return (QemuBoard(image, context.runtime / MCU_PEER, counts),)


def _indicator(context: Context, world_of: Callable[[], World]) -> Peer:
    from firmware_bridge.indicators.device import format_for
    from firmware_bridge.sim.indicator import IndicatorPeer
    from firmware_bridge.sim.pty_line import PtyLine

    section, weighing = context.config.indicator, context.config.weighing
    path = context.loaded.path(section.format_file) if section.format_file else None
    return IndicatorPeer(
        PtyLine(context.runtime / INDICATOR_PEER),
        format_for(section.protocol, path, "indicator"),
        DeckMass(world_of, DeckParams()).kg,
        e_kg=weighing.e_kg,
        max_kg=weighing.max_kg,
    )


class DeckMass:
    """What an indicator on this deck would find, its zero tracked."""

    def __init__(self, world_of: Callable[[], World], deck: DeckParams) -> None:
        self._world_of, self._cells = world_of, len(deck.cell_x_mm)
        self._nv_per_kg = deck.nv_per_kg()
        self._zero_kg = float(deck.dead_kg * self._cells)

    def kg(self) -> int:
        """Whole kilograms on the deck now."""
        world = self._world_of()
        total_nv = sum(world.cell_nv(cell) for cell in range(self._cells))
        kg = total_nv / self._nv_per_kg - self._zero_kg
        if abs(kg) < TRACKED_KG_MAX:
            self._zero_kg += kg * TRACKED_SHARE
        return round(kg)
