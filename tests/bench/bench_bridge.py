"""The bars of the serial side: throughput, noise, clock mapping, relay drop. Asserts nothing.

Throughput is in processor time, so that other programs on the machine do not count.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random

from firmware_bridge.indicators.catalogue import built_in, decoder
from firmware_bridge.indicators.encoder import Shown, encode
from firmware_bridge.indicators.reading import Reading
from firmware_bridge.indicators.spec import Format
from firmware_bridge.link.frame import VERSION, FrameReceiver, LinkFrame
from firmware_bridge.link.frame import encode as encode_frame
from firmware_bridge.sim.qemu import QemuBoard, build_image, missing_tools
from hal.contract.types import NS_PER_MS, MonotonicNs
from tests.process.test_bridge_mcu import HOLDER
from tests.unit.bridge.test_clockmap import worst_error_ns
from tests.unit.bridge.vectors import MODBUS

FASTEST_LINE_OCTETS_S = 11_520
"""115200 baud, ten bits a byte."""
STREAM_OCTETS = 1_000_000
NOISE_OCTETS = 10_000_000
CHUNK = 1_024
DROPS = 10
WAIT_S_MAX = 20.0

Row = tuple[str, ...]


def _scaling(format_: Format) -> str:
    return format_.scalings[0].name if format_.scalings else ""


def _chunks(octets: bytes) -> list[bytes]:
    return [octets[at : at + CHUNK] for at in range(0, len(octets), CHUNK)]


def _format_row(format_: Format, noise: list[bytes]) -> Row:
    frame = encode(format_, Shown(48_980)) if format_.frames else MODBUS
    stream = _chunks(frame * (STREAM_OCTETS // len(frame)))
    one = decoder(format_, _scaling(format_))
    began_s = time.process_time()
    for chunk in stream:
        one.feed(chunk)
    times = STREAM_OCTETS / (time.process_time() - began_s) / FASTEST_LINE_OCTETS_S
    one = decoder(format_, _scaling(format_))
    given = [item for chunk in noise for item in one.feed(chunk)]
    readings = sum(isinstance(item, Reading) for item in given)
    check = "check" if format_.checked else "none"
    return (format_.name, check, f"{times:.0f} x", f"{readings}")


def _link_row(noise: list[bytes]) -> Row:
    wire = encode_frame(LinkFrame(0x83, VERSION, 1, 2, bytes(range(1, 66))))
    stream = _chunks(wire * (STREAM_OCTETS // len(wire)))
    receiver = FrameReceiver()
    began_s = time.process_time()
    for chunk in stream:
        receiver.feed(chunk)
    times = STREAM_OCTETS / (time.process_time() - began_s) / FASTEST_LINE_OCTETS_S
    receiver = FrameReceiver()
    frames = sum(len(receiver.feed(chunk)) for chunk in noise)
    return ("microcontroller link", "check", f"{times:.0f} x", f"{frames}")


def _until(board: QemuBoard, mask: int) -> float:
    deadline_s = time.monotonic() + WAIT_S_MAX
    while board.relays != mask and time.monotonic() < deadline_s:
        board.step(MonotonicNs(time.monotonic_ns()))
        time.sleep(0.001)
    return time.monotonic()


def _drops_ms(folder: Path) -> list[float]:
    """Milliseconds from kill -9 of the host to the relay's fall, as the board tells it."""
    board = QemuBoard(build_image(folder), folder / "mcu.line", lambda _cell: 0)
    drops = []
    try:
        for _ in range(DROPS):
            command = [sys.executable, "-c", HOLDER, str(folder / "mcu.line")]
            host = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(Path.cwd())})
            _until(board, 1)
            host.send_signal(signal.SIGKILL)
            killed_s = time.monotonic()
            host.wait()
            drops.append((_until(board, 0) - killed_s) * 1_000)
    finally:
        board.close()
    return drops


def _drop_row() -> Row:
    missing = missing_tools()
    if missing:
        return ("relay drop in QEMU", f"not measured: {', '.join(missing)} is not installed")
    with tempfile.TemporaryDirectory() as name:
        drops = sorted(_drops_ms(Path(name)))
    half = drops[len(drops) // 2]
    return (
        "relay drop after kill -9, QEMU",
        f"{DROPS} times",
        f"p50 {half:.0f} ms, max",
        f"{drops[-1]:.0f} ms",
    )


def table() -> list[Row]:
    """Rows: what, check, times the fastest line (bar 50), readings from ten million bytes."""
    noise = _chunks(Random("bench/noise").randbytes(NOISE_OCTETS))
    rows: list[Row] = [("decoder", "check", "of 115200 baud (bar 50 x)", "from 10 M random bytes")]
    rows += [_format_row(format_, noise) for format_ in built_in()]
    rows.append(_link_row(noise))
    worst = max(
        worst_error_ns(ppm, seed, 50 * NS_PER_MS) for ppm in (-100, 100) for seed in range(5)
    )
    rows.append(
        ("clock mapping, +-100 ppm", "50 ms stalls", "worst (bar 2 ms)", f"{worst / 1e6:.2f} ms")
    )
    rows.append(_drop_row())
    return rows
