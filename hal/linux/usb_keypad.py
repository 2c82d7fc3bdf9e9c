"""USB numeric keypads on /dev/input/event*: evdev events as key presses, replugging included.

The device is grabbed, or every PIN would also be typed into the console's login. Reads never
block; a keypad that was pulled out is one fault, and the node is looked for again every second.
The kernel's struct is read as it is: no library, nothing to compile on the Pi.
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from fcntl import ioctl
from pathlib import Path
from typing import Final

from hal.contract.types import (
    NS_PER_S,
    DeviceAbsentError,
    DeviceInfo,
    Fault,
    FaultCode,
    Key,
    KeyPress,
    MonotonicNs,
)
from hal.linux.absent import absent

EVENT: Final = struct.Struct("@llHHi")
EV_SYN, EV_KEY = 0, 1
SYN_DROPPED: Final = 3
RELEASED, PRESSED = 0, 1
EVIOCGRAB: Final = 0x40044590
BY_ID: Final = Path("/dev/input/by-id")
READ_EVENTS: Final = 64
REOPEN_NS: Final = 1 * NS_PER_S
STUCK_NS_MAX: Final = 30 * NS_PER_S
CHECK: Final = (
    "Check that the keypad is plugged in, that /dev/input/by-id shows it with -event-kbd, and "
    "that this user is in the group input"
)

_TOP_ROW: Final = dict(enumerate("1234567890", start=2))
_PAD: Final = {82: "0", 79: "1", 80: "2", 81: "3", 75: "4", 76: "5", 77: "6", 71: "7", 72: "8"}
_REST: Final = {
    **{73: "9", 96: "#", 28: "#"},  # both Enter keys confirm
    **{83: "*", 1: "*"},  # the pad's decimal point and Escape cancel
    **{98: "A", 55: "B", 74: "C", 78: "D", 14: "D"},  # / * - + and Backspace
}
KEYS: Final[Mapping[int, Key]] = {
    code: Key(print_) for code, print_ in (_TOP_ROW | _PAD | _REST).items()
}
"""Linux key codes (input-event-codes.h) by the terminal's key; NumLock makes no difference."""


def find_keypads(folder: Path = BY_ID) -> tuple[str, ...]:
    """Nodes of keyboards and keypads, the stable names, sorted."""
    return tuple(str(path) for path in sorted(folder.glob("*-event-kbd")))


class UsbKeypad:
    """Keypad on one evdev node. path: the node, or empty for the first keypad found.

    Faults: ABSENT (pulled out), OVERRUN (the kernel dropped events), STUCK (held over 30 s).
    Raises DeviceAbsentError at construction.
    """

    def __init__(
        self,
        path: str,
        name: str,
        *,
        find: Callable[[], Sequence[str]] = find_keypads,
        grab: Callable[[int, int, int], object] = ioctl,
    ) -> None:
        self._path, self._name, self._find, self._grab = path, name, find, grab
        self._fd: int | None = None
        self._left = b""
        self._held: dict[Key, int] = {}
        self._stuck: dict[Key, None] = {}
        self._reopen_ns = 0
        self._closed = False
        self._open()

    def poll(self, now_ns: MonotonicNs) -> Sequence[KeyPress | Fault]:
        """Presses since the last call; the kernel and the keypad have debounced them."""
        if self._closed:
            return ()
        if self._fd is None:
            self._try_again(now_ns)
            return ()
        try:
            raw = self._left + os.read(self._fd, READ_EVENTS * EVENT.size)
        except BlockingIOError:
            return self._stuck_keys(now_ns)
        except OSError as error:
            return (self._lost(error, now_ns),)
        if not raw:
            return (self._lost(OSError(errno.ENODEV, "end of file"), now_ns),)
        whole = len(raw) // EVENT.size * EVENT.size
        self._left = raw[whole:]
        found: list[KeyPress | Fault] = []
        for _s, _us, kind, code, value in EVENT.iter_unpack(raw[:whole]):
            found += self._take(kind, code, value, now_ns)
        return found

    def describe(self) -> DeviceInfo:
        """Who it is."""
        return DeviceInfo(self._name, "USB keypad", simulated=False)

    def close(self) -> None:
        """Free the node; the kernel lets go of the grab. Safe to call twice."""
        self._closed = True
        self._drop()

    def _take(
        self, kind: int, code: int, value: int, now_ns: MonotonicNs
    ) -> list[KeyPress | Fault]:
        if kind == EV_SYN and code == SYN_DROPPED:
            self._held.clear()
            why = "the kernel dropped key events"
            return [Fault(FaultCode.OVERRUN, self._name, now_ns, why)]
        key = KEYS.get(code)
        if kind != EV_KEY or key is None:
            return []
        if value == RELEASED:
            self._held.pop(key, None)
            self._stuck.pop(key, None)
        if value != PRESSED or key in self._held:
            return []
        self._held[key] = now_ns
        return [KeyPress(key, now_ns)]

    def _stuck_keys(self, now_ns: MonotonicNs) -> list[KeyPress | Fault]:
        found: list[KeyPress | Fault] = []
        for key, since_ns in self._held.items():
            if now_ns - since_ns > STUCK_NS_MAX and key not in self._stuck:
                self._stuck[key] = None
                why = f"key {key.value} held for over {STUCK_NS_MAX // NS_PER_S} s"
                found.append(Fault(FaultCode.STUCK, self._name, now_ns, why))
        return found

    def _open(self) -> None:
        path = self._path or next(iter(self._find()), "")
        if not path:
            raise DeviceAbsentError(self._name, "no USB keypad was found", CHECK)
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise absent(self._name, path, error, CHECK) from error
        try:
            self._grab(fd, EVIOCGRAB, 1)
        except OSError as error:
            os.close(fd)
            raise absent(self._name, path, error, CHECK) from error
        self._fd, self._left = fd, b""

    def _try_again(self, now_ns: MonotonicNs) -> None:
        if now_ns < self._reopen_ns:
            return
        self._reopen_ns = now_ns + REOPEN_NS
        with suppress(DeviceAbsentError):  # reported once, when it went
            self._open()

    def _lost(self, error: OSError, now_ns: MonotonicNs) -> Fault:
        self._drop()
        self._reopen_ns = now_ns + REOPEN_NS
        why = f"pulled out ({error.strerror})"
        return Fault(FaultCode.ABSENT, self._name, now_ns, why)

    def _drop(self) -> None:
        self._held.clear()
        self._stuck.clear()
        if self._fd is not None:
            with suppress(OSError):  # a device that is gone needs no closing
                os.close(self._fd)
            self._fd = None
