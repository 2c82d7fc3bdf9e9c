"""Wiring of the processes that are not the lane: each gets its devices, its hub, its clock."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping

from hal.contract.devices import Camera
from hal.contract.types import DeviceAbsentError
from terminal import exits
from terminal.node import run_node
from terminal.wiring.context import Context, simulated, version


def run_ledger(context: Context) -> int:
    """The sole writer of records."""
    from terminal.ledger.build import build
    from terminal.ledger.errors import LedgerCorruptError

    try:
        node = build(
            context.loaded,
            context.clock,
            simulated=simulated(context.config),
            software_id=version(),
        )
    except LedgerCorruptError as error:
        print(f"ledger: {error}", file=sys.stderr, flush=True)
        return exits.CORRUPT
    run_node(node, context.hub(), context.clock, context.stop)
    return 0


def run_panel(context: Context) -> int:
    """Sign and keypad."""
    from terminal.panel.node import build
    from terminal.wiring.panel_aids import aids
    from terminal.wiring.panel_devices import keypad, sign

    node = build(
        context.loaded,
        sign(context),
        keypad(context),
        context.clock,
        simulated=simulated(context.config),
        on_prompt=_prompt_wire(context),
        aids=aids(context),
    )
    run_node(node, context.hub(), context.clock, context.stop)
    return 0


def _prompt_wire(context: Context) -> Callable[[str], None] | None:
    """In a simulated run the simulated operator reads the sign through the world's wires."""
    return context.world().set_prompt if simulated(context.config) else None


def run_camera(context: Context) -> int:
    """Cameras and plate reading, at low priority."""
    from terminal.anpr.models import ModelError
    from terminal.anpr.reader import PlateReader
    from terminal.camera.build import build

    try:
        reader = PlateReader()
    except ModelError as error:
        raise DeviceAbsentError(
            "plate models", str(error), "Without them no plate can be read"
        ) from error
    node = build(
        context.loaded,
        _cameras(context),
        reader,
        context.clock,
        runtime_dir=context.runtime,
    )
    run_node(node, context.hub(), context.clock, context.stop)
    return 0


def _cameras(context: Context) -> Mapping[str, Camera]:
    config = context.config.camera
    if config.kind == "sim":
        from hal.sim.camera import SimCamera

        world = context.world()
        return {
            role: SimCamera(world, role, width_px=config.width_px, height_px=config.height_px)
            for role in config.roles
        }
    size_px = (config.width_px, config.height_px)
    if config.kind == "picamera2":
        from hal.linux.camera import PicameraCamera

        return {
            role: PicameraCamera(number, f"camera-{role}", size_px)
            for number, role in enumerate(config.roles)
        }
    from hal.linux.stream import StreamCamera

    return {
        role: StreamCamera(source, f"camera-{role}", size_px)
        for role, source in zip(config.roles, config.sources, strict=False)
    }


def run_uplink(context: Context) -> int:
    """Store and forward."""
    from terminal.uplink.shell import main_loop

    link_is_up = context.world().network_up if simulated(context.config) else None
    asyncio.run(
        main_loop(
            context.loaded,
            context.hub(),
            context.clock,
            context.stop,
            link_is_up=link_is_up,
            version=version(),
        )
    )
    return 0


def run_console(context: Context) -> int:
    """The operator's page."""
    from terminal.console.server import serve

    asyncio.run(
        serve(
            context.loaded,
            context.hub(),
            context.clock,
            context.stop,
            simulated=simulated(context.config),
        )
    )
    return 0
