"""The reference firmware's Cortex-M image in QEMU, its link on a pty, its conversions from us.

Needs qemu-system-arm, and arm-none-eabi-gcc and make to build the image; says which is missing.
The board is only ever driven through its two lines: the link, and the field line.
"""

from __future__ import annotations

import os
import re
import select
import shutil
import signal
import subprocess
import time
import tty
from collections.abc import Callable
from contextlib import suppress
from functools import reduce
from operator import xor
from pathlib import Path

from hal.contract.types import NS_PER_S, DeviceAbsentError, MonotonicNs

FIRMWARE = Path(__file__).resolve().parent.parent / "firmware"
TOOLS = ("qemu-system-arm", "arm-none-eabi-gcc", "make")
START_S_MAX = 10.0
STOP_S_MAX = 2.0
CATCH_UP_MAX = 8
"""Conversions made up for after the host slept; older ones are lost, as on a real chip."""
MARK = 0xA5
BOARD_CELLS = 8
RATE_SPS = 40
WORD = 1 << 24
READ_MAX = 256
_PTY = re.compile(rb"redirected to (/dev/pts/\d+) \(label serial([01])\)")


def missing_tools() -> tuple[str, ...]:
    """Programs that are not installed here."""
    return tuple(tool for tool in TOOLS if shutil.which(tool) is None)


def build_image(out: Path) -> Path:
    """The image for the MPS2 board. Raises DeviceAbsentError naming what is missing."""
    missing = missing_tools()
    if missing:
        raise DeviceAbsentError(
            "microcontroller",
            f"{', '.join(missing)} is not installed",
            "Install it with `apt-get install qemu-system-arm gcc-arm-none-eabi make`",
        )
    made = subprocess.run(  # noqa: S603 - our own makefile
        ["make", "-C", str(FIRMWARE), f"OUT={out.resolve()}", "mps2"],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        raise DeviceAbsentError(
            "microcontroller", "its firmware does not build", made.stderr[-400:]
        )
    return out / "mps2.elf"


class QemuBoard:
    """One running board. counts(cell): what the amplifier of that cell converts now."""

    def __init__(
        self,
        image: Path,
        link: Path,
        counts: Callable[[int], int],
        *,
        cells: int = BOARD_CELLS,
    ) -> None:
        self.relays = 0
        self.lost_octets = 0
        self._counts, self._cells = counts, cells
        self._period_ns = NS_PER_S // RATE_SPS
        self._due_ns = 0
        self._link = link
        self._image = image
        self._field = -1
        self._start()

    def step(self, now_ns: MonotonicNs) -> None:
        """Convert what is due, notice what the relays do. Never blocks."""
        if self._due_ns < now_ns - CATCH_UP_MAX * self._period_ns:
            self._due_ns = now_ns
        while self._due_ns <= now_ns:
            self._due_ns += self._period_ns
            self._send(self._record())
        with suppress(BlockingIOError, OSError):
            for octet in os.read(self._field, READ_MAX):
                self.relays = octet & 0x7F

    def pause(self) -> None:
        """The board hangs: it neither answers nor drops anything."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """And goes on."""
        self._process.send_signal(signal.SIGCONT)

    def restart(self) -> None:
        """Power off and on: another pty behind the same name."""
        self._stop()
        self._start()

    def close(self) -> None:
        """Power off."""
        self._stop()
        self._link.unlink(missing_ok=True)

    def _record(self) -> bytes:
        words = [self._counts(cell) % WORD for cell in range(self._cells)]
        octets = b"".join(word.to_bytes(3, "little") for word in words)
        octets = octets.ljust(3 * BOARD_CELLS, b"\0")
        return bytes((MARK,)) + octets + bytes((reduce(xor, octets),))

    def _send(self, octets: bytes) -> None:
        written = 0
        with suppress(BlockingIOError, OSError):
            written = os.write(self._field, octets)
        self.lost_octets += len(octets) - written

    def _start(self) -> None:
        command = ["qemu-system-arm", "-M", "mps2-an385", "-kernel", str(self._image)]
        command += ["-display", "none", "-monitor", "none", "-serial", "pty", "-serial", "pty"]
        self._process = subprocess.Popen(  # noqa: S603 - our own command
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        names = self._names()
        self._field = os.open(names[b"1"], os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        tty.setraw(self._field)
        self._link.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._link.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(names[b"0"].decode())
        fresh.replace(self._link)

    def _names(self) -> dict[bytes, bytes]:
        assert self._process.stdout is not None
        said = b""
        names: dict[bytes, bytes] = {}
        deadline_s = time.monotonic() + START_S_MAX
        while len(names) < 2 and time.monotonic() < deadline_s:
            if select.select([self._process.stdout], [], [], 0.1)[0]:
                came = os.read(self._process.stdout.fileno(), READ_MAX)
                said += came
                names = {number: name for name, number in _PTY.findall(said)}
                if not came:
                    break
        if len(names) < 2:
            self._stop()
            text = said.decode(errors="replace").strip()[-200:]
            raise DeviceAbsentError("microcontroller", f"QEMU said: {text}", "Check QEMU")
        return names

    def _stop(self) -> None:
        if self._field >= 0:
            os.close(self._field)
            self._field = -1
        self._process.kill()
        self._process.wait(STOP_S_MAX)
        if self._process.stdout is not None:
            self._process.stdout.close()
