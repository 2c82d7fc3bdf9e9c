"""NAU7802 24-bit load-cell converters over I2C, one alone or up to eight on a TCA9548A.

One small state machine a chip serves start-up and recovery alike: reset, power up, ramp the
LDO, calibrate, discard warm conversions, run. A brown-out or a pulled plug is seen in PU_CTRL
and healed in poll() without blocking. It never smooths, scales or guesses a value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from hal.contract.bus import I2c
from hal.contract.devices import Clock
from hal.contract.types import (
    NS_PER_MS,
    NS_PER_S,
    Counts,
    DeviceAbsentError,
    Fault,
    FaultCode,
    MonotonicNs,
    RawSample,
    Tri,
)
from hal.drivers.lines import Contact
from hal.drivers.plausible import SampleWatch
from hal.drivers.polled_cells import CELLS_MAX, FULL_SCALE, Outcome, PolledCells

PU_CTRL, CTRL1, CTRL2, ADCO_B2, ADC, PGA, POWER, REVISION = (
    *(0x00, 0x01, 0x02, 0x12),
    *(0x15, 0x1B, 0x1C, 0x1F),
)
RR, PUD, PUA, PUR, CS, CR, AVDDS = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x80
CALS, CAL_ERR = 0x04, 0x08
RUNNING: Final = AVDDS | CS | PUA | PUD
"""PU_CTRL as left after start; anything else means that the chip was reset."""
LDO_3V0: Final = 0b101 << 3
"""3.0 V, the highest that a 3.3 V supply still regulates (datasheet 11.2: 0.3 V headroom)."""
CHOPPER_OFF, PGA_DEFAULT, PGA_CAP_ON = 0x30, 0x00, 0x80
RATE_BITS: Final = {10: 0, 20: 1, 40: 2, 80: 3, 320: 7}
GAINS: Final = (1, 2, 4, 8, 16, 32, 64, 128)

POWER_UP_NS_MAX: Final = 20 * NS_PER_MS
LDO_RAMP_NS: Final = 250 * NS_PER_MS
CALIBRATION_NS_MAX: Final = 2 * NS_PER_S
OPEN_NS_MAX: Final = 6 * NS_PER_S
OPEN_ERRORS_MAX: Final = 3
POLL_NS_MAX: Final = 1_500_000
"""No new cell is begun after this long in one poll; the last one ends within 2 ms."""
WARM_DISCARD: Final = 6
"""Conversions thrown away after calibration; the filter settles in four (datasheet 9.4)."""
SILENT_PERIODS_MAX: Final = 8
RETRY_NS, RETRY_DOUBLINGS_MAX = 50 * NS_PER_MS, 4


class Stage(IntEnum):
    """Where one converter is on its way to running."""

    RESET = 0
    POWER_UP = 1
    RAMP = 2
    CALIBRATE = 3
    WARM = 4
    RUN = 5


@dataclass(slots=True)
class _Cell:
    """What the driver remembers of one converter."""

    index: int
    stage: Stage = Stage.RESET
    due_ns: int = 0
    deadline_ns: int = 0
    warm: int = 0
    ready_ns: int = 0
    errors: int = 0
    watch: SampleWatch = field(default_factory=lambda: SampleWatch(FULL_SCALE))


class Nau7802LoadCells(PolledCells[_Cell]):
    """LoadCell of a deck's NAU7802 converters: at most one outcome a cell and poll, in under 2 ms.

    address: the chips' own (0x2A always). mux_address: the TCA9548A, or None for one chip; cell
    n sits on channel n. pause: sleeps nanoseconds, called while opening only. ready: the DRDY
    line of a chip alone on its bus, which then is asked only when a conversion waits. Faults:
    BUS, RESET, TIMEOUT, CALIBRATION. Raises DeviceAbsentError at construction, nothing later.
    A sample's at_ns is the poll's: the conversion was ready then or became so within it.
    """

    poll_ns_max = POLL_NS_MAX

    def __init__(  # noqa: PLR0913  # the wiring of one front end, all of it needed
        self,
        bus: I2c,
        address: int,
        mux_address: int | None,
        cells: int,
        rate_sps: int,
        gain: int,
        clock: Clock,
        name: str,
        *,
        pause: Callable[[int], None],
        ready: Contact | None = None,
    ) -> None:
        assert ready is None or cells == 1, "one line tells of one chip"
        assert rate_sps in RATE_BITS
        assert gain in GAINS
        assert 1 <= cells <= (CELLS_MAX if mux_address is not None else 1)
        super().__init__(
            [_Cell(index) for index in range(cells)], rate_sps, gain, clock, name, "NAU7802"
        )
        self._bus, self._address, self._mux_address = bus, address, mux_address
        self._ready = ready
        self._ctrl1 = LDO_3V0 | GAINS.index(gain)
        self._ctrl2 = RATE_BITS[rate_sps] << 4
        self._steps: dict[Stage, Callable[[_Cell, MonotonicNs], RawSample | Fault | None]] = {
            Stage.RESET: self._reset,
            Stage.POWER_UP: self._power_up,
            Stage.RAMP: self._ramp,
            Stage.CALIBRATE: self._calibrate,
            Stage.WARM: self._convert,
            Stage.RUN: self._convert,
        }
        self._open(pause)

    def visit(self, cell: _Cell, now_ns: MonotonicNs, room: int) -> Sequence[Outcome]:
        """One step of one cell."""
        outcome = self._step(cell, now_ns)
        return () if outcome is None else (outcome,)

    def simulated(self) -> bool:
        """Whether a model answers."""
        return self._bus.simulated

    def release(self) -> None:
        """Put every reachable chip to sleep and free the bus."""
        for cell in self._cells:
            try:
                self._select(cell)
                self._put(PU_CTRL, 0)
            except OSError:
                continue  # an absent chip needs no power-down
        self._bus.close()
        if self._ready is not None:
            self._ready.close()

    def _quiet(self, cell: _Cell, now_ns: MonotonicNs) -> bool:
        """DRDY low for no longer than it may be: nothing to ask the bus for.

        A line that cannot be read counts as high, so a broken wire costs transfers, not samples.
        """
        if self._ready is None or now_ns - cell.ready_ns > SILENT_PERIODS_MAX * self._period_ns:
            return False
        return self._ready.closed() is Tri.YES

    def _open(self, pause: Callable[[int], None]) -> None:
        """Walk all cells to RUN together: the LDO ramp is waited for once, not once a cell."""
        missing = self.start(self._begin, lambda cell: cell.stage is Stage.RUN, OPEN_NS_MAX, pause)
        if missing is not None:
            raise self._absent(missing)

    def _begin(self, cell: _Cell, now_ns: MonotonicNs) -> Fault | None:
        outcome = self._step(cell, now_ns)
        fault = outcome if isinstance(outcome, Fault) else None
        if cell.errors >= OPEN_ERRORS_MAX:
            raise self._absent(fault)
        return fault

    def _absent(self, last: Fault | None) -> DeviceAbsentError:
        where = f"NAU7802 at 0x{self._address:02x}"
        if self._mux_address is not None:
            where += f" behind the multiplexer at 0x{self._mux_address:02x}"
        found = f"{where} does not start: {last.detail if last else 'it never became ready'}"
        check = (
            "Check the converter's supply and SDA/SCL, that i2cdetect shows both addresses, and "
            "that config.txt has dtparam=i2c_arm=on,i2c_arm_baudrate=400000"
        )
        return DeviceAbsentError(self._name, found, check)

    def _step(self, cell: _Cell, now_ns: MonotonicNs) -> RawSample | Fault | None:
        """One bounded step of one cell; an OSError becomes a Fault and a pause for the cell."""
        if now_ns < cell.due_ns:
            return None
        try:
            self._select(cell)
            return self._steps[cell.stage](cell, now_ns)
        except OSError as error:
            reason = error.strerror or str(error)
            return self._fail(cell, FaultCode.BUS, reason, now_ns, stage=cell.stage)

    def _select(self, cell: _Cell) -> None:
        if self._mux_address is not None:
            self._bus.write_byte(self._mux_address, 1 << cell.index)

    def _put(self, register: int, value: int) -> None:
        self._bus.write(self._address, register, bytes((value,)))

    def _get(self, register: int) -> int:
        return self._bus.read(self._address, register, 1)[0]

    def _fail(
        self, cell: _Cell, code: FaultCode, why: str, now_ns: MonotonicNs, stage: Stage
    ) -> Fault:
        """Note a fault, choose where to go on, and double the pause up to its bound."""
        cell.stage = stage
        cell.due_ns = now_ns + (RETRY_NS << min(cell.errors, RETRY_DOUBLINGS_MAX))
        cell.errors += 1
        return self.fault(cell, code, why, now_ns)

    def _reset(self, cell: _Cell, now_ns: MonotonicNs) -> None:
        self._put(PU_CTRL, RR)
        self._put(PU_CTRL, PUD)
        cell.stage, cell.deadline_ns = Stage.POWER_UP, now_ns + POWER_UP_NS_MAX

    def _power_up(self, cell: _Cell, now_ns: MonotonicNs) -> Fault | None:
        if not self._get(PU_CTRL) & PUR:
            if now_ns < cell.deadline_ns:
                return None
            return self._fail(cell, FaultCode.TIMEOUT, "no power-up", now_ns, Stage.RESET)
        revision = self._get(REVISION) & 0x0F
        if revision != 0x0F:
            why = f"revision code {revision:#x} is not a NAU7802's"
            return self._fail(cell, FaultCode.ABSENT, why, now_ns, Stage.RESET)
        self._put(PU_CTRL, AVDDS | PUA | PUD)
        self._put(CTRL1, self._ctrl1)
        self._put(CTRL2, self._ctrl2)
        self._put(ADC, CHOPPER_OFF)
        self._put(PGA, PGA_DEFAULT)
        self._put(POWER, PGA_CAP_ON)
        cell.stage, cell.due_ns = Stage.RAMP, now_ns + LDO_RAMP_NS
        return None

    def _ramp(self, cell: _Cell, now_ns: MonotonicNs) -> None:
        self._put(CTRL2, self._ctrl2 | CALS)
        cell.stage, cell.deadline_ns = Stage.CALIBRATE, now_ns + CALIBRATION_NS_MAX

    def _calibrate(self, cell: _Cell, now_ns: MonotonicNs) -> Fault | None:
        ctrl2 = self._get(CTRL2)
        if ctrl2 & CALS:
            if now_ns < cell.deadline_ns:
                return None
            why = "offset calibration does not end"
            return self._fail(cell, FaultCode.CALIBRATION, why, now_ns, Stage.RESET)
        if ctrl2 & CAL_ERR:
            why = "offset calibration failed (CAL_ERR)"
            return self._fail(cell, FaultCode.CALIBRATION, why, now_ns, Stage.RESET)
        powered = self._get(PU_CTRL) & ~(CR | PUR) & 0xFF
        self._put(PU_CTRL, RUNNING)
        # A dip of the supply during calibration must not leave the default gain running.
        if powered != AVDDS | PUA | PUD or self._get(CTRL1) != self._ctrl1:
            why = "the chip lost its supply during calibration and starts again"
            return self._fail(cell, FaultCode.RESET, why, now_ns, Stage.RESET)
        cell.stage, cell.warm, cell.ready_ns = Stage.WARM, WARM_DISCARD, now_ns
        cell.watch.counts, cell.watch.repeats = None, 0
        return None

    def _convert(self, cell: _Cell, now_ns: MonotonicNs) -> RawSample | Fault | None:
        """Read one conversion when it is ready; notice a reset and a silent converter."""
        if self._quiet(cell, now_ns):
            return None
        control = self._get(PU_CTRL)
        if control & ~(CR | PUR) & 0xFF != RUNNING:
            why = f"PU_CTRL reads {control:#04x}: the chip lost its supply and starts again"
            return self._fail(cell, FaultCode.RESET, why, now_ns, Stage.RESET)
        if not control & CR:
            if now_ns - cell.ready_ns <= SILENT_PERIODS_MAX * self._period_ns:
                return None
            why = "no conversion became ready"
            return self._fail(cell, FaultCode.TIMEOUT, why, now_ns, Stage.RESET)
        raw = self._bus.read(self._address, ADCO_B2, 3)
        counts = int.from_bytes(raw, "big", signed=True)
        late = now_ns - cell.ready_ns >= 2 * self._period_ns
        cell.ready_ns = now_ns
        if cell.stage is Stage.WARM:
            cell.warm -= 1
            if cell.warm <= 0:
                cell.stage = Stage.RUN
            return None
        # A conversion cannot be ready sooner than the next one: spare the bus until then.
        cell.due_ns = now_ns + self._period_ns // 2
        cell.errors = 0
        return RawSample(now_ns, cell.index, Counts(counts), cell.watch.flags(counts, missed=late))
