"""Converters that a kernel driver reads: the triggered buffer of an IIO device, never blocking.

sysfs reads of a raw value wait for the next conversion, tens of milliseconds long, so they have
no place under a 100 Hz loop: a device without a buffer is refused with that reason. The kernel
stamps each scan with CLOCK_MONOTONIC. Layout as Documentation/driver-api/iio/buffers.rst.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal

from hal.contract.types import DeviceAbsentError
from hal.linux.absent import absent

SYSFS: Final = Path("/sys/bus/iio/devices")
NODES: Final = Path("/dev")
BUFFER_SCANS: Final = 64
SCANS_MAX: Final = 16
"""Scans taken in one read."""
STAMP_BYTES: Final = 8
TYPE: Final = re.compile(r"(le|be):([su])(\d+)/(\d+)(?:X\d+)?>>(\d+)")
CHECK: Final = (
    "Check that config.txt loads the converter's overlay, that /sys/bus/iio/devices lists it, "
    "and that an IIO trigger exists (modprobe iio-trig-hrtimer; mkdir "
    "/sys/kernel/config/iio/triggers/hrtimer/weigh)"
)


class LinuxIio:
    """One channel of one IIO device. which: "hx711" (its name) or "iio:device0".

    channel: as in sysfs, in_<channel>_en. Raises DeviceAbsentError at construction, OSError
    from read().
    """

    simulated = False

    def __init__(
        self,
        which: str,
        name: str,
        *,
        channel: str = "voltage0",
        sysfs: Path = SYSFS,
        nodes: Path = NODES,
    ) -> None:
        folder = _find(which, name, sysfs)
        node = nodes / folder.name
        if not (folder / "buffer").is_dir() or not (folder / "scan_elements").is_dir():
            found = f"the kernel driver of {which} has no buffer: each of its reads would wait"
            check = 'Use amplifier.kind = "nau7802" or "hx711": our own drivers never wait'
            raise DeviceAbsentError(name, found, check)
        try:
            text = (folder / "scan_elements" / f"in_{channel}_type").read_text().strip()
            kind = TYPE.fullmatch(text)
            if kind is None:
                raise DeviceAbsentError(name, f"{which} has the unknown format {text!r}", CHECK)
            self._order: Literal["little", "big"] = "little" if kind[1] == "le" else "big"
            self._unsigned, self._bits = kind[2] == "u", int(kind[3])
            self._bytes, self._shift = int(kind[4]) // 8, int(kind[5])
            self._folder = folder
            _set_up(folder, channel, sysfs)
            self._fd = os.open(node, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise absent(name, str(node), error, CHECK) from error
        self._stamp_at = -(-self._bytes // STAMP_BYTES) * STAMP_BYTES
        self._scan_bytes = self._stamp_at + STAMP_BYTES
        self._left = b""

    def read(self) -> Sequence[tuple[int, int]]:
        """(monotonic ns, signed counts) of each scan that waits. Raises OSError when gone."""
        try:
            fresh = os.read(self._fd, SCANS_MAX * self._scan_bytes)
        except BlockingIOError:
            return ()
        raw = self._left + fresh
        whole = len(raw) // self._scan_bytes * self._scan_bytes
        self._left = raw[whole:]
        return [
            self._scan(raw[at : at + self._scan_bytes]) for at in range(0, whole, self._scan_bytes)
        ]

    def close(self) -> None:
        """Stop the buffer and free the node."""
        with suppress(OSError):  # a device that is gone needs no stopping
            (self._folder / "buffer" / "enable").write_text("0")
        os.close(self._fd)

    def _scan(self, raw: bytes) -> tuple[int, int]:
        word = int.from_bytes(raw[: self._bytes], self._order) >> self._shift
        word &= (1 << self._bits) - 1
        half = 1 << (self._bits - 1)
        counts = word - half if self._unsigned else word - (word >= half) * 2 * half
        stamp_ns = int.from_bytes(raw[self._stamp_at :], "little", signed=True)
        return stamp_ns, counts


def _find(which: str, name: str, sysfs: Path) -> Path:
    """The device's folder by number or by the driver's name."""
    for folder in sorted(sysfs.glob("iio:device*")):
        with suppress(OSError):
            if which in (folder.name, (folder / "name").read_text().strip()):
                return folder
    raise DeviceAbsentError(name, f"{sysfs} lists no device called {which!r}", CHECK)


def _set_up(folder: Path, channel: str, sysfs: Path) -> None:
    """One channel and its time into a buffer, by the trigger it has or the first there is."""
    buffer, scan = folder / "buffer", folder / "scan_elements"
    (buffer / "enable").write_text("0")
    for element in scan.glob("in_*_en"):
        wanted = element.name in (f"in_{channel}_en", "in_timestamp_en")
        element.write_text("1" if wanted else "0")
    with suppress(OSError):  # kernels before 4.9 know one clock only
        (folder / "current_timestamp_clock").write_text("monotonic")
    current = folder / "trigger" / "current_trigger"
    if not current.read_text().strip():
        names = [path / "name" for path in sorted(sysfs.glob("trigger*"))]
        if not names:
            raise FileNotFoundError(2, "no IIO trigger")
        current.write_text(names[0].read_text().strip())
    (buffer / "length").write_text(str(BUFFER_SCANS))
    (buffer / "enable").write_text("1")
