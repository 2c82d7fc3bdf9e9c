"""Load cells behind converters that the kernel reads (IIO), one channel a cell.

The kernel keeps the chip's timing, which is what makes an HX711 fit for trade. This driver only
drains the buffers, keeps the kernel's time stamps and watches for silence; it sets no register.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from hal.contract.bus import ScanChannel
from hal.contract.devices import Clock
from hal.contract.types import (
    NS_PER_S,
    Counts,
    DeviceInfo,
    Fault,
    FaultCode,
    LoadCellInfo,
    MonotonicNs,
    RawSample,
)
from hal.drivers.plausible import SampleWatch
from hal.drivers.tally import Tally

FULL_SCALE: Final = (1 << 23) - 1
SILENT_PERIODS_MAX: Final = 8
SILENCE_DOUBLINGS_MAX: Final = 3
QUEUE_MAX: Final = 64
"""Scans kept of one cell between polls; more are an overrun."""
CELLS_MAX: Final = 8


@dataclass(slots=True)
class _Cell:
    """What the driver remembers of one channel."""

    index: int
    channel: ScanChannel
    waiting: list[tuple[int, int]] = field(default_factory=list)
    last_ns: int = 0
    heard_ns: int = 0
    due_ns: int = 0
    silences: int = 0
    watch: SampleWatch = field(default_factory=lambda: SampleWatch(FULL_SCALE))


class IioLoadCells:
    """LoadCell of IIO channels. Faults: BUS (the device went away), TIMEOUT, OVERRUN."""

    def __init__(
        self, channels: Sequence[ScanChannel], rate_sps: int, gain: int, clock: Clock, name: str
    ) -> None:
        assert 1 <= len(channels) <= CELLS_MAX
        self._name, self._rate_sps, self._gain = name, rate_sps, gain
        self._period_ns = NS_PER_S // rate_sps
        now_ns = clock.monotonic_ns()
        self._cells = tuple(
            _Cell(index, channel, heard_ns=now_ns) for index, channel in enumerate(channels)
        )
        self._next = 0
        self._closed = False
        self.tally = Tally()

    def poll(self, now_ns: MonotonicNs, limit: int) -> Sequence[RawSample | Fault]:
        """What the kernel has, cells in turn, `limit` in all; the rest waits for the next poll."""
        found: list[RawSample | Fault] = []
        for _ in range(0 if self._closed else len(self._cells)):
            if len(found) >= limit:
                break
            cell = self._cells[self._next]
            self._next = (self._next + 1) % len(self._cells)
            fault = self._drain(cell, now_ns)
            if fault is not None:
                found.append(fault)
            room = limit - len(found)
            taken, cell.waiting = cell.waiting[:room], cell.waiting[room:]
            found += [self._sample(cell, at_ns, counts) for at_ns, counts in taken]
        return self.tally.count(found, now_ns)

    def describe(self) -> LoadCellInfo:
        """Fixed after open."""
        simulated = any(cell.channel.simulated for cell in self._cells)
        device = DeviceInfo(self._name, "kernel IIO", simulated)
        return LoadCellInfo(
            device, len(self._cells), FULL_SCALE, self._rate_sps * 1_000, self._gain
        )

    def close(self) -> None:
        """Stop the buffers. Safe to call twice."""
        if self._closed:
            return
        self._closed = True
        for cell in self._cells:
            cell.channel.close()

    def _drain(self, cell: _Cell, now_ns: MonotonicNs) -> Fault | None:
        if now_ns < cell.due_ns:
            return None
        try:
            scans = cell.channel.read()
        except OSError as error:
            cell.due_ns = now_ns + (SILENT_PERIODS_MAX * self._period_ns << self._doubling(cell))
            return self._fail(cell, FaultCode.BUS, error.strerror or str(error), now_ns)
        if scans:
            cell.heard_ns, cell.silences = now_ns, 0
            cell.waiting += scans
            if len(cell.waiting) > QUEUE_MAX:
                del cell.waiting[:-QUEUE_MAX]
                return self._fail(cell, FaultCode.OVERRUN, "scans came too fast", now_ns)
            return None
        patience = SILENT_PERIODS_MAX << self._doubling(cell)
        if now_ns - cell.heard_ns <= patience * self._period_ns:
            return None
        cell.heard_ns = now_ns
        return self._fail(cell, FaultCode.TIMEOUT, "the kernel delivers no scans", now_ns)

    def _doubling(self, cell: _Cell) -> int:
        return min(cell.silences, SILENCE_DOUBLINGS_MAX)

    def _sample(self, cell: _Cell, at_ns: int, counts: int) -> RawSample:
        missed = bool(cell.last_ns) and at_ns - cell.last_ns >= 2 * self._period_ns
        cell.last_ns = at_ns
        flags = cell.watch.flags(counts, missed=missed and not cell.watch.after_fault)
        return RawSample(MonotonicNs(at_ns), cell.index, Counts(counts), flags)

    def _fail(self, cell: _Cell, code: FaultCode, why: str, now_ns: MonotonicNs) -> Fault:
        cell.silences += 1
        cell.watch.after_fault = True
        cell.watch.counts, cell.watch.repeats = None, 0
        return Fault(code, self._name, now_ns, f"cell {cell.index}: {why}")
