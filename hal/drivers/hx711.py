"""HX711 24-bit converters on clocked pairs. Not for trade: no process on Linux can promise the
60 us that the chip allows a clock pulse.

So every pulse is judged: a word with a long pulse is thrown away together with the conversions
until the filter has settled, a word with a wrong trailing bit or a tail of ones alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from hal.contract.bus import ClockedPair
from hal.contract.devices import Clock
from hal.contract.types import (
    NS_PER_MS,
    NS_PER_S,
    Counts,
    DeviceAbsentError,
    DeviceInfo,
    Fault,
    FaultCode,
    LoadCellInfo,
    MonotonicNs,
    RawSample,
)
from hal.drivers.plausible import SampleWatch

FULL_SCALE: Final = (1 << 23) - 1
WORD_BITS: Final = 24
TRAILING: Final = {128: 1, 64: 3}
"""Pulses after the word that choose channel A at this gain for the next conversion."""
RATES_SPS: Final = (10, 80)
HIGH_NS_MAX: Final = 55_000
"""The chip sleeps after 60 us high (datasheet, pin PD_SCK); the pair never measures short."""
ONES_MASK: Final = 0xFFF
"""A word that ends in this many ones looks like a chip that fell asleep while it was read."""
SETTLE_DISCARD: Final = 4
SILENT_PERIODS_MAX: Final = 8
OPEN_NS_MAX: Final = 3 * NS_PER_S
OPEN_STEP_NS: Final = 1 * NS_PER_MS
POLL_NS_MAX: Final = 1_000_000
CELLS_MAX: Final = 8


@dataclass(slots=True)
class _Cell:
    """What the driver remembers of one chip."""

    index: int
    pair: ClockedPair
    discard: int = SETTLE_DISCARD
    ready_ns: int = 0
    due_ns: int = 0
    watch: SampleWatch = field(default_factory=lambda: SampleWatch(FULL_SCALE))


class Hx711LoadCells:
    """LoadCell of HX711 chips, one pair each; rate_sps as strapped on the RATE pin.

    Faults: DESYNC (a word thrown away), TIMEOUT (no conversion), BUS (a line failed). discarded
    counts the words thrown away since opening. Raises DeviceAbsentError at construction only.
    """

    def __init__(
        self,
        pairs: Sequence[ClockedPair],
        rate_sps: int,
        gain: int,
        clock: Clock,
        name: str,
        *,
        pause: Callable[[int], None],
    ) -> None:
        assert 1 <= len(pairs) <= CELLS_MAX
        assert rate_sps in RATES_SPS
        self._trailing = TRAILING[gain]
        self._clock, self._name = clock, name
        self._rate_sps, self._gain = rate_sps, gain
        self._period_ns = NS_PER_S // rate_sps
        self._cells = tuple(_Cell(index, pair) for index, pair in enumerate(pairs))
        self._next = 0
        self._closed = False
        self.discarded = 0
        self._open(pause)

    def poll(self, now_ns: MonotonicNs, limit: int) -> Sequence[RawSample | Fault]:
        """At most one outcome a chip, chips in turn, `limit` in all."""
        found: list[RawSample | Fault] = []
        begun_ns = self._clock.monotonic_ns()
        for _ in range(0 if self._closed else len(self._cells)):
            if len(found) >= limit or self._clock.monotonic_ns() - begun_ns >= POLL_NS_MAX:
                break
            cell = self._cells[self._next]
            self._next = (self._next + 1) % len(self._cells)
            outcome = self._visit(cell, now_ns)
            if outcome is not None:
                found.append(outcome)
        return found

    def describe(self) -> LoadCellInfo:
        """Fixed after open. The model's name says what it is good for."""
        simulated = any(cell.pair.simulated for cell in self._cells)
        device = DeviceInfo(self._name, "HX711 (not for trade)", simulated)
        return LoadCellInfo(
            device, len(self._cells), FULL_SCALE, self._rate_sps * 1_000, self._gain
        )

    def close(self) -> None:
        """Free the lines. Safe to call twice."""
        self._closed = True
        for cell in self._cells:
            cell.pair.close()

    def _open(self, pause: Callable[[int], None]) -> None:
        """Read and drop until every chip has settled at the wanted gain."""
        last: Fault | None = None
        begun_ns = self._clock.monotonic_ns()
        for cell in self._cells:
            cell.ready_ns = begun_ns
        for _ in range(OPEN_NS_MAX // OPEN_STEP_NS):
            now_ns = self._clock.monotonic_ns()
            for cell in self._cells:
                outcome = self._visit(cell, now_ns) if cell.discard else None
                last = outcome if isinstance(outcome, Fault) else last
            if not any(cell.discard for cell in self._cells):
                for cell in self._cells:
                    cell.watch.after_fault = False
                self.discarded = 0
                return
            if now_ns - begun_ns >= OPEN_NS_MAX:
                break
            pause(OPEN_STEP_NS)
        for cell in self._cells:
            cell.pair.close()
        found = f"an HX711 does not start: {last.detail if last else 'it never became ready'}"
        check = "Check the chip's supply and that DT and SCK are on the GPIO of the configuration"
        raise DeviceAbsentError(self._name, found, check)

    def _visit(self, cell: _Cell, now_ns: MonotonicNs) -> RawSample | Fault | None:
        """One bounded look at one chip; an OSError becomes a Fault and a pause."""
        if now_ns < cell.due_ns:
            return None
        try:
            if cell.pair.ready():
                return self._read(cell, now_ns)
        except OSError as error:
            cell.due_ns = now_ns + SILENT_PERIODS_MAX * self._period_ns
            return self._fail(cell, FaultCode.BUS, str(error), now_ns)
        if now_ns - cell.ready_ns <= SILENT_PERIODS_MAX * self._period_ns:
            return None
        cell.ready_ns = now_ns
        return self._fail(cell, FaultCode.TIMEOUT, "no conversion became ready", now_ns)

    def _read(self, cell: _Cell, now_ns: MonotonicNs) -> RawSample | Fault | None:
        """Shift one word and believe it only when nothing speaks against it."""
        bits, high_ns = cell.pair.shift(WORD_BITS + self._trailing)
        ones = (1 << self._trailing) - 1
        missed = now_ns - cell.ready_ns >= 2 * self._period_ns
        cell.ready_ns = now_ns
        if high_ns > HIGH_NS_MAX:
            why = f"a clock pulse was high for {high_ns // 1_000} us: the chip fell asleep"
            return self._fail(cell, FaultCode.DESYNC, why, now_ns)
        if bits & ones != ones:
            # Also what a conversion that ends during the last pulse looks like, so it costs only
            # this word: a chip that truly lags answers ones next, which is caught below.
            why = "the data line was not high after the word: chip and clock disagree"
            return self._fail(cell, FaultCode.DESYNC, why, now_ns, discard=0)
        word = bits >> self._trailing
        counts = word - (1 << WORD_BITS) if word >> (WORD_BITS - 1) else word
        if cell.discard:
            cell.discard -= 1
            self.discarded += 1
            return None
        if word & ONES_MASK == ONES_MASK and counts != FULL_SCALE:
            self.discarded += 1
            return None
        flags = cell.watch.flags(counts, missed=missed)
        return RawSample(now_ns, cell.index, Counts(counts), flags)

    def _fail(
        self,
        cell: _Cell,
        code: FaultCode,
        why: str,
        now_ns: MonotonicNs,
        discard: int = SETTLE_DISCARD,
    ) -> Fault:
        """Distrust the chip for the next `discard` words: by default until it has settled."""
        self.discarded += 1
        cell.discard, cell.watch.after_fault = max(cell.discard, discard), True
        cell.watch.counts, cell.watch.repeats = None, 0
        return Fault(code, self._name, now_ns, f"cell {cell.index}: {why}")
