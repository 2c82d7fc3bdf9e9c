"""A serial line without a wire: two ends in one process, and what can go wrong between them.

The manipulator drops, repeats, corrupts, splits and delays bytes from a seeded source, so that a
failure is reproduced by its seed. It stands at the byte level because a pty has no baud rate.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from random import Random

from hal.contract.types import Fault, FaultCode, MonotonicNs

BUFFER_MAX = 65_536
PERMILLE = 1_000


@dataclass(frozen=True, slots=True)
class Faults:
    """Chances per byte, in thousandths, and the longest delay of a chunk in calls."""

    drop: int = 0
    repeat: int = 0
    corrupt: int = 0
    split: int = 0
    delay: int = 0
    delay_calls_max: int = 5


class Manipulator:
    """Bytes in, other bytes out. One direction; seeded."""

    def __init__(self, faults: Faults, seed: int) -> None:
        self.faults = faults
        self.touched = 0
        self._random = Random(f"manipulator/{seed}")  # noqa: S311 - reproducible on purpose
        self._held: deque[int] = deque(maxlen=BUFFER_MAX)
        self._waiting = 0

    def __call__(self, octets: bytes) -> bytes:
        """What comes out of the wire in this call."""
        for octet in octets:
            self._one(octet)
        if self._waiting:
            self._waiting -= 1
            return b""
        if self._held and self._happens(self.faults.delay):
            self._waiting = self._random.randint(1, self.faults.delay_calls_max)
            return b""
        count = len(self._held)
        if count > 1 and self._happens(self.faults.split):
            count = self._random.randint(1, count - 1)
        return bytes(self._held.popleft() for _ in range(count))

    def _one(self, octet: int) -> None:
        faults = self.faults
        if self._happens(faults.drop):
            self.touched += 1
            return
        if self._happens(faults.corrupt):
            self.touched += 1
            octet ^= 1 << self._random.randrange(8)
        self._held.append(octet)
        if self._happens(faults.repeat):
            self.touched += 1
            self._held.append(octet)

    def _happens(self, permille: int) -> bool:
        return permille > 0 and self._random.randrange(PERMILLE) < permille


class NullModem:
    """A Line for the bridge; the peer uses to_host() and from_host()."""

    def __init__(
        self, to_host: Manipulator | None = None, from_host: Manipulator | None = None
    ) -> None:
        self._to_host, self._from_host = to_host, from_host
        self._inward = bytearray()
        self._outward = bytearray()
        self._opened = 1
        self.gone = False

    @property
    def opened(self) -> int:
        """How often the line was opened."""
        return self._opened

    def vanish(self) -> None:
        """The converter is pulled out."""
        self.gone = True
        self._inward.clear()
        self._outward.clear()

    def come_back(self) -> None:
        """And put in again."""
        self.gone = False
        self._opened += 1

    def read(self, now_ns: MonotonicNs) -> bytes | Fault:
        """The host's end."""
        if self.gone:
            return Fault(FaultCode.ABSENT, "null modem", now_ns, "pulled out")
        octets = bytes(self._inward)
        self._inward.clear()
        return self._to_host(octets) if self._to_host is not None else octets

    def write(self, octets: bytes, now_ns: MonotonicNs) -> Fault | None:
        """The host's end."""
        if self.gone:
            return Fault(FaultCode.ABSENT, "null modem", now_ns, "pulled out")
        self._outward += octets
        del self._outward[BUFFER_MAX:]
        return None

    def close(self) -> None:
        """Nothing is held."""

    def to_host(self, octets: bytes) -> None:
        """The peer sends."""
        if not self.gone:
            self._inward += octets
            del self._inward[BUFFER_MAX:]

    def from_host(self) -> bytes:
        """What the peer receives."""
        octets = bytes(self._outward)
        self._outward.clear()
        return self._from_host(octets) if self._from_host is not None else octets
