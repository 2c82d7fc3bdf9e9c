"""A receipt printer behind a raw device file: /dev/usb/lp0, a serial port, any sink of bytes.

Opened for each slip and written without blocking, a piece a poll: a printer out of paper holds up
nobody, and one that was unplugged works again with the next slip.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from typing import Final

from hal.contract.types import NS_PER_S, Fault, FaultCode, MonotonicNs

SLIPS_MAX: Final = 4
"""Slips that wait; more are dropped and said so, because an old slip helps nobody."""
PIECE_BYTES: Final = 4_096
PRINT_NS_MAX: Final = 30 * NS_PER_S
CHECK: Final = "check paper, cover, cable and that this user is in the group lp"


class RawPrinter:
    """Printer on a device file. printed and dropped count slips. Never raises."""

    def __init__(self, path: str, name: str) -> None:
        self._path, self._name = path, name
        self._queue: list[bytes] = []
        self._fd: int | None = None
        self._begun_ns = 0
        self.printed = self.dropped = 0

    def put(self, slip: bytes, now_ns: MonotonicNs) -> Fault | None:
        """Take one slip; a Fault when no more can wait."""
        if len(self._queue) >= SLIPS_MAX:
            self.dropped += 1
            return self._fault(FaultCode.OVERRUN, f"{SLIPS_MAX} slips wait already", now_ns)
        self._queue.append(slip)
        return None

    def poll(self, now_ns: MonotonicNs) -> Fault | None:
        """Write what the printer takes now. A slip that fails is dropped."""
        if not self._queue:
            return None
        try:
            if self._fd is None:
                flags = os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC
                self._fd, self._begun_ns = os.open(self._path, flags), now_ns
            sent = os.write(self._fd, self._queue[0][:PIECE_BYTES])
        except BlockingIOError:
            if now_ns - self._begun_ns < PRINT_NS_MAX:
                return None
            return self._give_up(FaultCode.TIMEOUT, "takes nothing any more", now_ns)
        except OSError as error:
            gone = error.errno in (errno.ENOENT, errno.ENODEV, errno.ENXIO)
            code = FaultCode.ABSENT if gone else FaultCode.BUS
            return self._give_up(code, error.strerror or str(error), now_ns)
        self._queue[0] = self._queue[0][sent:]
        self._begun_ns = now_ns
        if not self._queue[0]:
            del self._queue[0]
            self.printed += 1
            self.close()
        return None

    def close(self) -> None:
        """Free the node."""
        if self._fd is not None:
            with suppress(OSError):  # a printer that is gone needs no closing
                os.close(self._fd)
            self._fd = None

    def _give_up(self, code: FaultCode, why: str, now_ns: MonotonicNs) -> Fault:
        del self._queue[0]
        self.dropped += 1
        self.close()
        return self._fault(code, f"{self._path}: {why}; {CHECK}", now_ns)

    def _fault(self, code: FaultCode, why: str, now_ns: MonotonicNs) -> Fault:
        return Fault(code, self._name, now_ns, why)
