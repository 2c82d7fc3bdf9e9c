"""Load cells behind converters that are clocked out bit by bit: what HX711 and ADS1232 share.

Settling, silence and line faults are here; a chip's own file says which words it vouches for.
Nothing blocks: recovery goes one bounded step a poll.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Final

from hal.contract.bus import ClockedPair
from hal.contract.devices import Clock
from hal.contract.types import (
    NS_PER_S,
    Counts,
    DeviceAbsentError,
    Fault,
    FaultCode,
    MonotonicNs,
    RawSample,
)
from hal.drivers.plausible import SampleWatch
from hal.drivers.polled_cells import FULL_SCALE, Outcome, PolledCells

WORD_BITS: Final = 24
OPEN_NS_MAX: Final = 4 * NS_PER_S
POLL_NS_MAX: Final = 1_000_000
"""No new cell is begun after this long in one poll."""
LINE_RETRY_PERIODS: Final = 8
SILENCE_DOUBLINGS_MAX: Final = 3


@dataclass(frozen=True, slots=True)
class ClockedChip:
    """Facts of one converter type.

    trailing: pulses after the word, by gain. settle: conversions that do not count after a
    start. silent_periods_max: longer without a conversion is a fault, the next one
    after twice as long. check: for a person.
    """

    model: str
    label: str
    rates_sps: tuple[int, ...]
    trailing: Mapping[int, int]
    settle: int
    silent_periods_max: int
    check: str


@dataclass(slots=True)
class Cell:
    """What a driver remembers of one chip.

    idle_ns: last moment at which no conversion waited. pending: a chip-specific step is owed.
    """

    index: int
    pair: ClockedPair
    discard: int
    ready_ns: int = 0
    idle_ns: int = 0
    due_ns: int = 0
    pending: bool = False
    silences: int = 0
    watch: SampleWatch = field(default_factory=lambda: SampleWatch(FULL_SCALE))


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a word is not believed. report: as a fault, else only counted. discard: words more."""

    why: str
    report: bool = True
    discard: int | None = None


class ClockedLoadCells(PolledCells[Cell]):
    """LoadCell of clocked converters, one pair each; rate_sps as strapped on the chip.

    Faults: DESYNC (a word thrown away), TIMEOUT (no conversion), BUS (a line failed). discarded
    counts the words thrown away since opening. Raises DeviceAbsentError at construction only.
    """

    chip: ClassVar[ClockedChip]
    poll_ns_max = POLL_NS_MAX

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
        assert rate_sps in self.chip.rates_sps
        settle = self.chip.settle
        cells = [Cell(index, pair, settle) for index, pair in enumerate(pairs)]
        super().__init__(cells, rate_sps, gain, clock, name, self.chip.label)
        self._trailing = self.chip.trailing[gain]
        self.discarded = 0
        self._open(pause)

    def visit(self, cell: Cell, now_ns: MonotonicNs, room: int) -> Sequence[Outcome]:
        """One look at one chip."""
        outcome = self._look(cell, now_ns)
        return () if outcome is None else (outcome,)

    def simulated(self) -> bool:
        """Whether a model drives any pair."""
        return any(cell.pair.simulated for cell in self._cells)

    def release(self) -> None:
        """Free the lines."""
        for cell in self._cells:
            cell.pair.close()

    def refuse(self, cell: Cell, bits: int, high_ns: int) -> Refused | None:
        """The chip's own judgement of a word, pulses included; None believes it."""
        raise AssertionError(f"{type(self).__name__} must judge its words")

    def silence(self, cell: Cell, now_ns: MonotonicNs) -> None:
        """The chip's own first step against silence. Raises OSError."""

    def resume(self, cell: Cell, now_ns: MonotonicNs) -> bool:
        """The step that `pending` owes; True when it used up this visit. Raises OSError."""
        return False

    def _open(self, pause: Callable[[int], None]) -> None:
        """Read and drop until every chip has settled at the wanted gain."""
        begun_ns = self._clock.monotonic_ns()
        for cell in self._cells:
            cell.ready_ns = cell.idle_ns = begun_ns
        missing = self.start(self._begin, lambda cell: not self._settling(cell), OPEN_NS_MAX, pause)
        self.discarded = 0
        if missing is not None:
            self.release()
            found = f"an {self.chip.model} does not start: {missing.detail}"
            raise DeviceAbsentError(self._name, found, self.chip.check)

    def _begin(self, cell: Cell, now_ns: MonotonicNs) -> Fault | None:
        outcome = self._look(cell, now_ns)
        return outcome if isinstance(outcome, Fault) else None

    def _settling(self, cell: Cell) -> bool:
        return bool(cell.discard) or cell.pending

    def _look(self, cell: Cell, now_ns: MonotonicNs) -> RawSample | Fault | None:
        """One bounded look at one chip; an OSError becomes a Fault and a pause."""
        if now_ns < cell.due_ns:
            return None
        try:
            if cell.pending and self.resume(cell, now_ns):
                return None
            if cell.pair.ready():
                return self._read(cell, now_ns)
            cell.idle_ns = now_ns
            doublings = min(cell.silences, SILENCE_DOUBLINGS_MAX)
            patience = self.chip.silent_periods_max << doublings
            if now_ns - cell.ready_ns <= patience * self._period_ns:
                return None
            cell.ready_ns, cell.silences = now_ns, cell.silences + 1
            self.silence(cell, now_ns)
        except OSError as error:
            cell.due_ns = now_ns + LINE_RETRY_PERIODS * self._period_ns
            return self._fail(cell, FaultCode.BUS, str(error), now_ns)
        return self._fail(cell, FaultCode.TIMEOUT, "no conversion became ready", now_ns)

    def _read(self, cell: Cell, now_ns: MonotonicNs) -> RawSample | Fault | None:
        """Shift one word and believe it only when nothing speaks against it."""
        bits, high_ns = cell.pair.shift(WORD_BITS + self._trailing)
        missed = now_ns - cell.ready_ns >= 2 * self._period_ns
        cell.ready_ns = now_ns
        refused = self.refuse(cell, bits, high_ns)
        cell.idle_ns = self._clock.monotonic_ns()
        if refused is not None and refused.report:
            discard = self.chip.settle if refused.discard is None else refused.discard
            return self._fail(cell, FaultCode.DESYNC, refused.why, now_ns, discard)
        if cell.discard:
            cell.discard -= 1
            self.discarded += 1
            return None
        if refused is not None:
            self.discarded += 1
            return None
        cell.silences = 0
        counts = signed(bits >> self._trailing)
        return RawSample(
            now_ns, cell.index, Counts(counts), cell.watch.flags(counts, missed=missed)
        )

    def _fail(
        self,
        cell: Cell,
        code: FaultCode,
        why: str,
        now_ns: MonotonicNs,
        discard: int | None = None,
    ) -> Fault:
        """Distrust the chip for the next `discard` words: by default until it has settled."""
        self.discarded += 1
        more = self.chip.settle if discard is None else discard
        cell.discard = max(cell.discard, more)
        cell.watch.forget()
        return self.fault(cell, code, why, now_ns)


def signed(word: int) -> int:
    """A 24-bit two's complement word as a number."""
    return word - (1 << WORD_BITS) if word >> (WORD_BITS - 1) else word
