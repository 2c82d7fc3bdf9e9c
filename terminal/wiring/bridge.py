"""Wiring of what is behind a serial line: the approved indicator and the microcontroller."""

from __future__ import annotations

import secrets

from hal.contract.devices import Barrier, Indicator, LoadCell
from hal.contract.types import DeviceAbsentError, Side
from terminal.config import Config, Loaded
from terminal.wiring.context import INDICATOR_PEER, MCU_PEER, SIMULATED, Context

NAME = "load cells"
NONCE_BITS = 32
WEIGHT_AGE_MS_MIN = 250
PERIODS, JITTER_MS = 2, 50


def indicator(context: Context) -> Indicator:
    """The approved indicator. Raises DeviceAbsentError naming what to check."""
    from firmware_bridge.indicators.device import open_indicator
    from firmware_bridge.link.port import Settings

    section = context.config.indicator
    port = section.port if section.kind == "serial" else context.peer_port(INDICATOR_PEER)
    return open_indicator(
        Settings(port, section.baud, section.parity, section.data_bits),
        protocol=section.protocol,
        confirmed_scaling=section.confirmed_scaling,
        clock=context.clock,
        name="indicator",
        format_file=context.loaded.path(section.format_file) if section.format_file else None,
        simulated=section.kind == "sim",
    )


def weight_age_ms(loaded: Loaded) -> int:
    """How old a mass may be: two frames of a slow indicator, else what the core allows."""
    from firmware_bridge.indicators.device import format_for, period_ms
    from firmware_bridge.link.port import Settings

    if loaded.config.weighing.source != "indicator":
        return WEIGHT_AGE_MS_MIN
    section = loaded.config.indicator
    path = loaded.path(section.format_file) if section.format_file else None
    settings = Settings(section.port, section.baud, section.parity, section.data_bits)
    format_ = format_for(section.protocol, path, "indicator")
    slowest_ms = max(section.period_ms, period_ms(format_, settings))
    return max(WEIGHT_AGE_MS_MIN, PERIODS * slowest_ms + JITTER_MS)


def mcu_load_cells(context: Context) -> LoadCell:
    """The microcontroller front end. Raises DeviceAbsentError when it does not answer."""
    from firmware_bridge.link.port import SerialLine, Settings
    from firmware_bridge.mcu.load_cell import McuLoadCells, open_front
    from firmware_bridge.mcu.session import Session
    from hal.linux.clock import pause

    amplifier = context.config.amplifier
    simulated = amplifier.port == SIMULATED
    port = context.peer_port(MCU_PEER) if simulated else amplifier.port
    settings = Settings(port, amplifier.baud)
    session = Session(
        NAME, secrets.randbits(NONCE_BITS), octet_ns=0 if simulated else settings.octet_ns()
    )
    front = open_front(SerialLine(settings, NAME), session, context.clock, NAME, pause)
    return McuLoadCells(front, amplifier.cells, NAME, simulated=simulated)


def mcu_barriers(config: Config, cells: LoadCell | None) -> tuple[Barrier | None, Barrier]:
    """Arms on leased outputs of the board that carries the load cells, entry first.

    Raises DeviceAbsentError when that board is not there or has no such output.
    """
    from firmware_bridge.mcu.load_cell import McuLoadCells
    from firmware_bridge.mcu.relay import McuHoldBarrier, McuOutputs

    if not isinstance(cells, McuLoadCells):
        raise DeviceAbsentError(
            "barriers",
            "the microcontroller that drives them does not answer",
            'Check amplifier.port and its cable, or set field.barriers = "lines"',
        )
    outputs = McuOutputs(cells.front)
    simulated = cells.describe().device.simulated

    def barrier(side: Side) -> McuHoldBarrier:
        word = side.name.lower()
        output = int(getattr(config.field, f"{word}_open"))
        if output >= cells.outputs:
            found = f"the board has {cells.outputs} outputs, and field.{word}_open is {output}"
            check = "Choose one that it has, or flash firmware for a board with more"
            raise DeviceAbsentError(f"{word} barrier", found, check)
        return McuHoldBarrier(
            outputs,
            side,
            output,
            is_open=int(getattr(config.field, f"{word}_is_open")),
            is_closed=int(getattr(config.field, f"{word}_is_closed")),
            name=f"{word} barrier",
            simulated=simulated,
        )

    double = config.lane.kind == "double"
    return barrier(Side.ENTRY) if double else None, barrier(Side.EXIT)
