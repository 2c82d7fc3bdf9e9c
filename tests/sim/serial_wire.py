"""A serial line in memory between the simulated indicator and the bridge, and what befalls it.

The peer's end is PtyLine's, the host's end is port.Line's, so the real indicator and the real
decoder talk over it. All chance comes from the stream handed in; time from the clock.
"""

from __future__ import annotations

from collections import deque
from pathlib import Path
from random import Random
from typing import Any

from firmware_bridge.link.port import READ_OCTETS_MAX, RETRY_NS_MIN
from firmware_bridge.sim.indicator import IndicatorPeer
from hal.contract.types import (
    NS_PER_MS,
    NS_PER_S,
    DeviceAbsentError,
    Fault,
    FaultCode,
    MonotonicNs,
)
from tests.sim.clock import VirtualClock

KERNEL_OCTETS_MAX = 4_096
PEER_BOOT_NS = 4 * NS_PER_S


class SerialWire:
    """The cable. The attributes are what it suffers from now; chances are per frame.

    came_ns: when octets last came through to the host's kernel.
    """

    def __init__(self, clock: VirtualClock, rng: Random) -> None:
        self.plugged = True
        self.corrupt = self.lost = self.twice = 0.0
        self.late_ms = 0
        self.octets_a_read = READ_OCTETS_MAX
        self.frozen = False
        self.dead_until_ns = 0
        self.came_ns = 0
        self._clock, self._rng = clock, rng
        self._under_way: deque[tuple[int, bytes]] = deque()
        self._arrived = bytearray()
        self._last = b""
        self.host: HostLine | None = None

    def send(self, octets: bytes) -> None:
        """The peer sends one frame."""
        if not self.plugged or self._clock.at_ns < self.dead_until_ns:
            return
        rng = self._rng
        octets = self._last = self._last if self.frozen and self._last else octets
        for _ in range(1 + (rng.random() < self.twice)):
            if rng.random() < self.lost:
                continue
            came = self._bent(octets) if rng.random() < self.corrupt else octets
            self._under_way.append((self._clock.at_ns + self.late_ms * NS_PER_MS, came))

    def _bent(self, octets: bytes) -> bytes:
        """A bit turned over, a byte lost, a byte too many."""
        at, bent = self._rng.randrange(len(octets)), bytearray(octets)
        what = self._rng.randrange(3)
        if what == 0:
            bent[at] ^= 1 << self._rng.randrange(7)
        elif what == 1:
            del bent[at]
        else:
            bent.insert(at, self._rng.randrange(256))
        return bytes(bent)

    def receive(self) -> bytes:
        """What the host sent: nothing, for this indicator sends by itself."""
        return b""

    def close(self) -> None:
        """Nothing to free."""

    def pull_out(self) -> None:
        """What was under way is gone."""
        self.plugged = False
        self._under_way.clear()
        self._arrived.clear()

    def reboot_peer(self) -> None:
        """The indicator starts again and is silent meanwhile."""
        self.dead_until_ns = self._clock.at_ns + PEER_BOOT_NS

    def arrived(self, octets_max: int) -> bytes:
        """What has come by now, as far as one read takes it."""
        while self._under_way and self._under_way[0][0] <= self._clock.at_ns:
            due_ns, came = self._under_way.popleft()
            # What was sent last, after a delay has ceased, still comes behind what was delayed.
            self.came_ns = max(self.came_ns, due_ns)
            self._arrived += came
        del self._arrived[:-KERNEL_OCTETS_MAX]
        count = min(octets_max, self.octets_a_read)
        octets = bytes(self._arrived[:count])
        del self._arrived[:count]
        return octets

    def open(self, _settings: Any, name: str) -> HostLine:
        """Stands for SerialLine. Raises DeviceAbsentError while it is pulled out."""
        if not self.plugged:
            raise DeviceAbsentError(name, "the line is pulled out", "Plug it in")
        self.host = HostLine(self, name)
        return self.host


class HostLine:
    """The bridge's end: port.Line."""

    def __init__(self, wire: SerialWire, name: str) -> None:
        self.opened = 1
        self._wire, self._name = wire, name
        self._open, self._due_ns = True, 0

    def read(self, now_ns: MonotonicNs) -> bytes | Fault:
        if not self._wire.plugged:
            said = not self._open
            self._open, self._due_ns = False, now_ns + RETRY_NS_MIN
            return b"" if said else Fault(FaultCode.ABSENT, self._name, now_ns, "pulled out")
        if not self._open:
            if now_ns < self._due_ns:
                return b""
            self._open, self.opened = True, self.opened + 1
        return self._wire.arrived(READ_OCTETS_MAX)

    def write(self, octets: bytes, now_ns: MonotonicNs) -> Fault | None:
        return None if self._open else Fault(FaultCode.ABSENT, self._name, now_ns, "pulled out")

    def close(self) -> None:
        self._open = False


def place_of(runtime: Path, name: str) -> None:
    """The name under which the bridge looks for the simulated line."""
    runtime.mkdir(parents=True, exist_ok=True)
    (runtime / name).touch()


__all__ = ["HostLine", "IndicatorPeer", "SerialWire", "place_of"]
