"""Wiring of the processes that are not the lane: each gets its devices, its hub, its clock."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping

from hal.contract.devices import Camera, Keypad, Sign
from hal.contract.types import NS_PER_MS, DeviceAbsentError
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

    node = build(
        context.loaded,
        _sign(context),
        _keypad(context),
        context.clock,
        simulated=simulated(context.config),
        on_prompt=_prompt_wire(context),
    )
    run_node(node, context.hub(), context.clock, context.stop)
    return 0


def _prompt_wire(context: Context) -> Callable[[str], None] | None:
    """In a simulated run the simulated operator reads the sign through the world's wires."""
    return context.world().set_prompt if simulated(context.config) else None


def _sign(context: Context) -> Sign | None:
    config = context.config.sign
    if config.kind == "none":
        return None
    from hal.contract.bus import Spi
    from hal.drivers.sign_max7219 import Max7219Sign

    spi: Spi
    if config.kind == "sim":
        from hal.sim.sign import SimSpi

        spi = SimSpi(
            context.world(),
            config.width_px,
            config.height_px,
            context.clock,
            block_orientation=config.block_orientation,
        )
    else:
        from hal.linux.spi import LinuxSpi

        spi = LinuxSpi("sign")
    return Max7219Sign(
        spi,
        config.width_px,
        config.height_px,
        context.clock,
        "sign",
        block_orientation=config.block_orientation,
    )


def _keypad(context: Context) -> Keypad | None:
    config = context.config.keypad
    if config.kind == "none":
        return None
    from hal.drivers.keypad_matrix import MatrixKeypad

    if config.kind == "sim":
        from hal.sim.gpio import SimGpio
        from hal.sim.keypad import SimKeypad

        gpio = SimGpio()
        SimKeypad(gpio, context.world(), config.rows, config.columns)
        factory: object = gpio
    else:
        from hal.linux.gpio import pin_factory

        factory = pin_factory("keypad")
    return MatrixKeypad(
        factory,
        config.rows,
        config.columns,
        name="keypad",
        debounce_ns=config.debounce_ms * NS_PER_MS,
    )


def run_camera(context: Context) -> int:
    """Cameras and plate reading, at low priority."""
    from terminal.anpr.models import ModelError
    from terminal.anpr.reader import PlateReader
    from terminal.camera.node import build

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
    raise DeviceAbsentError(
        "camera",
        f"this version has no driver for camera.kind = {config.kind!r}",
        'Use camera.kind = "none"; plates are then entered at the keypad',
    )


def run_uplink(context: Context) -> int:
    """Store and forward."""
    from terminal.uplink.shell import main_loop

    link_is_up = context.world().network_up if simulated(context.config) else None
    asyncio.run(
        main_loop(context.loaded, context.hub(), context.clock, context.stop, link_is_up=link_is_up)
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
