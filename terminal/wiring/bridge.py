"""Wiring of what is behind a serial line: the approved indicator and the microcontroller."""

from __future__ import annotations

import secrets

from hal.contract.devices import Indicator, LoadCell
from terminal.config import Loaded
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
