"""Wiring of the control process: which load cell, inputs, relays and parameters it gets."""

from __future__ import annotations

import secrets
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from hal.contract.types import InputName
from terminal.config import Config, Field
from terminal.core.params import Params
from terminal.core.types import BarrierKind, LaneKind, WeightSource
from terminal.wiring.context import Context, simulated

if TYPE_CHECKING:
    from hal.linux.watchdog import LinuxWatchdog

BOOT_ID_BITS = 40
FIFO_PRIORITY = 50


def params(config: Config) -> Params:
    """The core's parameters of this configuration, with a fresh boot id."""
    lane, weighing = config.lane, config.weighing
    double = lane.kind == "double"
    return Params(
        lane=LaneKind(lane.kind),
        barrier=BarrierKind(lane.barrier),
        source=WeightSource(weighing.source),
        boot_id=secrets.randbits(BOOT_ID_BITS) or 1,
        simulated=simulated(config),
        max_kg=weighing.max_kg,
        e_kg=weighing.e_kg,
        occupied_kg=weighing.occupied_kg,
        site_margin_kg=weighing.site_margin_kg,
        required=required_inputs(config),
        readback=(
            double and _wired(config.field, "entry_contact"),
            _wired(config.field, "exit_contact"),
        ),
        boarding_s_max=lane.boarding_s_max,
        settle_s_max=lane.settle_s_max,
        plate_s_max=lane.plate_s_max,
        commit_s_max=lane.commit_s_max,
        leave_s_max=lane.leave_s_max,
        barrier_s_max=lane.barrier_s_max,
        close_delay_ms=lane.close_delay_ms,
        home_province=config.site.home_province,
        attended=bool(config.keypad.operator_pins),
    )


def required_inputs(config: Config) -> tuple[InputName, ...]:
    """The inputs that are wired here; each must then be known and fresh."""
    return tuple(name for name in InputName if _wired(config.field, name.name.lower()))


def _wired(field: Field, key: str) -> bool:
    pin = getattr(field, key)
    assert isinstance(pin, int)
    return pin >= 0


def run(context: Context) -> int:
    """Open the lane's devices and run the control loop until told to stop."""
    from terminal.control.control import Control
    from terminal.control.loop import Loop
    from terminal.wiring.bridge import weight_age_ms
    from terminal.wiring.devices import lane_devices
    from terminal.wiring.instrument import pipeline

    config = context.config
    devices = lane_devices(context)
    control = Control(
        devices=devices,
        pipeline=pipeline(context, devices),
        params=replace(params(config), weight_age_ms_max=weight_age_ms(context.loaded)),
        hub=context.hub(),
        clock=context.clock,
        lane_kind=config.lane.kind,
        operator_pins=config.keypad.operator_pins,
    )
    _map_work_space()
    control.realtime = _ask_for_realtime()
    watchdog = _watchdog(config)
    Loop(control, context.stop, watchdog=watchdog).run()
    if watchdog is not None:
        watchdog.disarm()  # only a wanted end comes here: a crash leaves it running
    return 0


def _map_work_space() -> None:
    """Let numpy's linear algebra map its work space now, not while a vehicle is weighed.

    OpenBLAS takes it at its first large product, keeps it, and ends the process when there is no
    memory for it. Sizes: of the largest study of a drive-on (gains.ROWS_MAX rows of three lines).
    """
    import numpy as np

    from terminal.weighing.gains import ROWS_MAX

    rows = np.eye(3 * ROWS_MAX, 16)
    np.linalg.eigh(rows.T @ rows)
    np.linalg.lstsq(rows, rows[:, 0], rcond=None)


def _watchdog(config: Config) -> LinuxWatchdog | None:
    """The board's own watchdog, armed from here on. Raises DeviceAbsentError."""
    if not config.health.watchdog:
        return None
    from hal.linux.watchdog import LinuxWatchdog

    return LinuxWatchdog("watchdog", config.health.watchdog, config.health.watchdog_s)


def _ask_for_realtime() -> bool:
    """Ask the kernel for what the loop wants; say once what was refused. True for SCHED_FIFO."""
    from hal.linux.realtime import fifo, lock_memory

    scheduler, memory = fifo(FIFO_PRIORITY), lock_memory()
    for answer in (scheduler, memory):
        if not answer.granted:
            print(f"control: {answer.asked} refused: {answer.why}", file=sys.stderr, flush=True)
    return scheduler.granted
