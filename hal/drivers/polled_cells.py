"""What every load-cell front end does in poll(): cells in turn, bounds kept, outcomes counted.

A converter's own file visits one cell at a time and says what came of it. Kept here: whose turn it
is, how many outcomes and how much time one poll may take, what describe() answers, how a start
waits, and that nothing is polled after close().
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar, Final, Generic, Protocol, TypeVar

from hal.contract.devices import Clock
from hal.contract.types import (
    NS_PER_MS,
    NS_PER_S,
    DeviceInfo,
    Fault,
    FaultCode,
    LoadCellInfo,
    MonotonicNs,
    RawSample,
)
from hal.drivers.plausible import SampleWatch
from hal.drivers.tally import Tally

CELLS_MAX: Final = 8
FULL_SCALE: Final = (1 << 23) - 1
"""Every converter here has 24 bits, signed."""
OPEN_STEP_NS: Final = 1 * NS_PER_MS

Outcome = RawSample | Fault


class PolledCell(Protocol):
    """One cell of a front end."""

    index: int
    watch: SampleWatch


Cell = TypeVar("Cell", bound=PolledCell)


class PolledCells(ABC, Generic[Cell]):
    """LoadCell but for visit(), simulated() and release().

    poll_ns_max: no new cell is begun after this long in one poll. tally counts what came out.
    """

    poll_ns_max: ClassVar[int]

    def __init__(
        self,
        cells: Sequence[Cell],
        rate_sps: int,
        gain: int,
        clock: Clock,
        name: str,
        label: str,
    ) -> None:
        assert 1 <= len(cells) <= CELLS_MAX
        self._cells = tuple(cells)
        self._rate_sps, self._gain = rate_sps, gain
        self._period_ns = NS_PER_S // rate_sps
        self._clock, self._name, self._label = clock, name, label
        self._next = 0
        self._closed = False
        self.tally = Tally()

    def poll(self, now_ns: MonotonicNs, limit: int) -> Sequence[Outcome]:
        """Cells in turn, at most `limit` outcomes in all; what is left waits for the next poll."""
        found: list[Outcome] = []
        begun_ns = self._clock.monotonic_ns()
        for _ in range(0 if self._closed else len(self._cells)):
            if len(found) >= limit or self._clock.monotonic_ns() - begun_ns >= self.poll_ns_max:
                break
            cell = self._cells[self._next]
            self._next = (self._next + 1) % len(self._cells)
            found += self.visit(cell, now_ns, limit - len(found))
        return self.tally.count(found, now_ns)

    def describe(self) -> LoadCellInfo:
        """Fixed after open. Counts are 24 bits signed at the converter's full scale."""
        device = DeviceInfo(self._name, self._label, self.simulated())
        return LoadCellInfo(
            device, len(self._cells), FULL_SCALE, self._rate_sps * 1_000, self._gain
        )

    def close(self) -> None:
        """Free the lines or the bus. Safe to call twice."""
        if not self._closed:
            self._closed = True
            self.release()

    @abstractmethod
    def visit(self, cell: Cell, now_ns: MonotonicNs, room: int) -> Sequence[Outcome]:
        """One bounded look at one cell: at most `room` outcomes. Never raises."""

    @abstractmethod
    def simulated(self) -> bool:
        """Whether a model answers on any of the lines."""

    @abstractmethod
    def release(self) -> None:
        """Free the lines or the bus; called once."""

    def start(
        self,
        look: Callable[[Cell, MonotonicNs], Fault | None],
        ready: Callable[[Cell], bool],
        ns_max: int,
        pause: Callable[[int], None],
    ) -> Fault | None:
        """Look at the cells that are not ready until all are, together, for ns_max at most.

        Returns None then, else the last fault: TIMEOUT when there was none.
        """
        begun_ns = now_ns = self._clock.monotonic_ns()
        last = Fault(FaultCode.TIMEOUT, self._name, now_ns, "it never became ready")
        for _ in range(ns_max // OPEN_STEP_NS):
            now_ns = self._clock.monotonic_ns()
            for cell in self._cells:
                last = (None if ready(cell) else look(cell, now_ns)) or last
            if all(ready(cell) for cell in self._cells):
                for cell in self._cells:
                    cell.watch.after_fault = False
                return None
            if now_ns - begun_ns >= ns_max:
                break
            pause(OPEN_STEP_NS)
        return last

    def fault(self, cell: Cell, code: FaultCode, why: str, now_ns: MonotonicNs) -> Fault:
        """A fault of one cell; its next sample says that it is the first after one."""
        cell.watch.after_fault = True
        return Fault(code, self._name, now_ns, f"cell {cell.index}: {why}")
