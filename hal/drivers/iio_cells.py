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
    NS_PER_MS,
    Counts,
    Fault,
    FaultCode,
    MonotonicNs,
    RawSample,
)
from hal.drivers.plausible import SampleWatch
from hal.drivers.polled_cells import FULL_SCALE, Outcome, PolledCells

POLL_NS_MAX: Final = 2 * NS_PER_MS
"""No new channel is read after this long in one poll."""
SILENT_PERIODS_MAX: Final = 8
SILENCE_DOUBLINGS_MAX: Final = 3
QUEUE_MAX: Final = 64
"""Scans kept of one cell between polls; more are an overrun."""


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


class IioLoadCells(PolledCells[_Cell]):
    """LoadCell of IIO channels. Faults: BUS (the device went away), TIMEOUT, OVERRUN."""

    poll_ns_max = POLL_NS_MAX

    def __init__(
        self, channels: Sequence[ScanChannel], rate_sps: int, gain: int, clock: Clock, name: str
    ) -> None:
        now_ns = clock.monotonic_ns()
        cells = [_Cell(index, channel, heard_ns=now_ns) for index, channel in enumerate(channels)]
        super().__init__(cells, rate_sps, gain, clock, name, "kernel IIO")

    def visit(self, cell: _Cell, now_ns: MonotonicNs, room: int) -> Sequence[Outcome]:
        """What the kernel has of one channel; what finds no room waits for the next poll."""
        fault = self._drain(cell, now_ns)
        found: list[Outcome] = [] if fault is None else [fault]
        room -= len(found)
        taken, cell.waiting = cell.waiting[:room], cell.waiting[room:]
        return found + [self._sample(cell, at_ns, counts) for at_ns, counts in taken]

    def simulated(self) -> bool:
        """Whether a model answers on any channel."""
        return any(cell.channel.simulated for cell in self._cells)

    def release(self) -> None:
        """Stop the buffers."""
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
        cell.watch.forget()
        return self.fault(cell, code, why, now_ns)
