"""weigh-terminal firmware info|flash: the microcontroller front end, looked at or written anew.

Flashing uses the board maker's own tool. It is refused while anything lies on the deck, while
the deck cannot be weighed, and while the terminal itself uses the port.
"""

from __future__ import annotations

import argparse
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from firmware_bridge.link.port import SerialLine, Settings
from firmware_bridge.mcu.load_cell import Front, McuLoadCells, open_front
from firmware_bridge.mcu.protocol import ADC_NAMES
from firmware_bridge.mcu.session import Session
from hal.contract.types import DeviceAbsentError, Fault, MonotonicNs, RawSample
from hal.linux.clock import SystemClock, pause
from terminal import exits
from terminal.config import ConfigError, Loaded
from terminal.config_load import load
from terminal.weighing.calibration import Calibration, CalibrationError, from_text

NAME = "firmware"
HELP = "look at the microcontroller front end, or write its firmware"
DEVICE = "load cells"
LOOK_S = 2.0
POLL_S = 0.01
LIMIT = 256
SAMPLES_MIN = 10
"""Conversions of each cell that must agree before the deck counts as weighed."""
EMPTY_DIVISIONS = 20
NONCE_BITS = 32
TOOLS: dict[str, tuple[str, ...]] = {
    "dfu-util": ("dfu-util", "-a", "0", "-s", "0x08000000:leave", "-D", "{image}"),
    "stm32flash": ("stm32flash", "-w", "{image}", "-v", "{port}"),
    "picotool": ("picotool", "load", "-v", "-x", "{image}"),
    "avrdude": ("avrdude", "-c", "arduino", "-P", "{port}", "-U", "flash:w:{image}"),
}
"""Bootloader tools by name; {image} and {port} are filled in."""


def configure(parser: argparse.ArgumentParser) -> None:
    """What to do, with which terminal's configuration."""
    parser.add_argument("action", choices=("info", "flash"))
    parser.add_argument("image", nargs="?", type=Path, help="image to write, for flash")
    parser.add_argument("--config", type=Path, default=Path("terminal.toml"))
    parser.add_argument("--tool", choices=tuple(TOOLS), default="dfu-util")


def run(args: argparse.Namespace) -> int:
    """0 when done; 69 when the board or the tool is not there; 65 when flashing was refused."""
    try:
        loaded = load(args.config)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return exits.CONFIG
    if loaded.config.amplifier.kind != "mcu":
        print('amplifier.kind is not "mcu": this terminal has no microcontroller.', file=sys.stderr)
        return exits.CONFIG
    try:
        front = _open(loaded)
    except DeviceAbsentError as error:
        print(error, file=sys.stderr)
        return exits.ABSENT
    try:
        samples, faults = look(front, loaded.config.amplifier.cells)
    finally:
        front.close()
    if args.action == "info":
        _tell(front, samples, faults)
        return exits.OK
    return _flash(args, loaded, samples)


def _open(loaded: Loaded) -> Front:
    amplifier = loaded.config.amplifier
    line = SerialLine(Settings(amplifier.port, amplifier.baud), DEVICE)
    session = Session(DEVICE, secrets.randbits(NONCE_BITS))
    return open_front(line, session, SystemClock(), DEVICE, pause)


def look(front: Front, cells: int) -> tuple[list[RawSample], list[Fault]]:
    """Two seconds of conversions."""
    device = McuLoadCells(front, cells, DEVICE, simulated=False)
    samples: list[RawSample] = []
    faults: list[Fault] = []
    began_s = time.monotonic()
    while time.monotonic() - began_s < LOOK_S:
        for item in device.poll(MonotonicNs(time.monotonic_ns()), LIMIT):
            if isinstance(item, Fault):
                faults.append(item)
            else:
                samples.append(item)
        time.sleep(POLL_S)
    return samples, faults


def _tell(front: Front, samples: Sequence[RawSample], faults: Sequence[Fault]) -> None:
    welcome, status = front.session.welcome, front.session.status
    assert welcome is not None
    print(f"{welcome.name}, build {welcome.build}, link version 1")
    print(
        f"  converter {ADC_NAMES.get(welcome.adc, 'unknown')}, {welcome.cells} cells at"
        f" {welcome.rate_mhz / 1_000:g} conversions a second, gain {welcome.gain}"
    )
    print(f"  {welcome.outputs} outputs, lease at most {welcome.lease_ms_max} ms")
    for cell in sorted({sample.cell for sample in samples}):
        counts = [sample.counts for sample in samples if sample.cell == cell]
        flagged = sum(bool(sample.flags) for sample in samples if sample.cell == cell)
        print(
            f"  cell {cell}: {len(counts)} conversions, mean {sum(counts) // len(counts)},"
            f" {flagged} flagged"
        )
    if status is not None:
        print(
            f"  bad frames {status.bad_frames}, overruns {status.overruns}, samples dropped"
            f" {status.samples_dropped}, leases expired {status.leases_expired}, refused"
            f" {status.leases_refused}"
        )
    for fault in faults:
        print(f"  fault: {fault.code.value}, {fault.detail}")


def refusal(
    samples: Sequence[RawSample], calibration: Calibration, cells: int, e_kg: int
) -> str | None:
    """Why the deck is not known to be empty; None when it is."""
    total_kg = 0.0
    for cell in range(cells):
        counts = [s.counts for s in samples if s.cell == cell and not s.flags]
        if len(counts) < SAMPLES_MIN:
            return f"cell {cell} gives no clean conversions, so the deck cannot be weighed"
        zero, span = calibration.zero_counts[cell], calibration.kg_per_count[cell]
        total_kg += (sum(counts) / len(counts) - zero) * span
    if abs(total_kg) >= EMPTY_DIVISIONS * e_kg:
        return f"the deck carries {total_kg:.0f} kg; let the vehicle leave first"
    return None


def _flash(args: argparse.Namespace, loaded: Loaded, samples: Sequence[RawSample]) -> int:
    config = loaded.config
    if args.image is None or not args.image.is_file():
        print("Give the image to write: weigh-terminal firmware flash IMAGE.", file=sys.stderr)
        return exits.BAD_INPUT
    if shutil.which(args.tool) is None:
        print(
            f"{args.tool} is not installed; install it or choose another --tool.", file=sys.stderr
        )
        return exits.ABSENT
    path = loaded.path(config.amplifier.calibration)
    try:
        calibration = from_text(path.read_text(encoding="utf-8"), DEVICE)
        why = refusal(samples, calibration, config.amplifier.cells, config.weighing.e_kg)
    except (OSError, CalibrationError) as error:
        why = f"without the sealed calibration the deck cannot be weighed ({error})"
    if why is not None:
        print(f"Refused: {why}.", file=sys.stderr)
        return exits.BAD_INPUT
    words = [w.format(image=args.image, port=config.amplifier.port) for w in TOOLS[args.tool]]
    print(" ".join(words), flush=True)
    done = subprocess.run(words, check=False)  # noqa: S603 - a row of our own table
    return exits.OK if done.returncode == 0 else exits.BAD_INPUT
