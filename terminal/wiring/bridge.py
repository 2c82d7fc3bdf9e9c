"""Wiring of what is behind a serial line: the approved indicator and the microcontroller."""

from __future__ import annotations

from hal.contract.devices import Indicator
from terminal.wiring.context import INDICATOR_PEER, Context


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
