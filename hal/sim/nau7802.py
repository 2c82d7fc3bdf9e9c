"""NAU7802 load-cell converters and their TCA9548A multiplexer at register level, behind I2c.

The model keeps the chip's own rules: nothing converts before power-up, PUR and CS; a conversion
that is not read is overwritten; calibration takes time and can fail; a brown-out forgets every
register. It never knows what the driver expects. Source: Nuvoton NAU7802 datasheet 1.7, 10.
"""

from __future__ import annotations

import errno
from random import Random
from typing import Final

from hal.contract.devices import Clock
from hal.contract.types import NS_PER_S
from hal.sim.world import World

ADDRESS: Final = 0x2A
REGISTERS: Final = 0x20
PU_CTRL, CTRL1, CTRL2, I2C_CTRL, ADCO_B2, REVISION = 0x00, 0x01, 0x02, 0x11, 0x12, 0x1F
RR, PUD, PUA, PUR, CS, CR, AVDDS = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x80
CALS, CAL_ERR = 0x04, 0x08
TEMPERATURE_SENSOR: Final = 0x02

LDO_MV: Final = (4_500, 4_200, 3_900, 3_600, 3_300, 3_000, 2_700, 2_400)
RATE_SPS: Final = {0: 10, 1: 20, 2: 40, 3: 80, 7: 320}
SUPPLY_MV: Final = 3_300
PUR_NS: Final = 200_000
CALIBRATION_PERIODS: Final = 4
NOISE_NV: Final = {10: 67, 20: 95, 40: 134, 80: 190, 320: 380}
"""Input noise, one standard deviation, at gain 128: 190 nV at 80 SPS, scaled with the root."""
OFFSET_NV_MAX: Final = 20_000
"""Offset of a fresh chip before its own calibration, either sign."""
COUNTS_MAX: Final = (1 << 23) - 1


class Nau7802Chip:
    """One converter on one bridge. Faults are attributes a test sets and clears.

    nack: answers nobody. stuck: conversions keep their last value. cal_err: calibration fails.
    late: conversions take three times as long. brown_out(): the supply dipped once.
    """

    def __init__(self, world: World, cell: int, clock: Clock, seed: int) -> None:
        self.nack = self.stuck = self.cal_err = self.late = False
        self._world, self._cell, self._clock = world, cell, clock
        self._random = Random(f"nau7802/{seed}/{cell}")  # noqa: S311  # noise, not a secret
        self._offset_nv = self._random.randint(-OFFSET_NV_MAX, OFFSET_NV_MAX)
        self._powered = False
        self._counts = 0
        self.brown_out()

    def brown_out(self) -> None:
        """Forget everything, as after a dip of the supply: registers at default, asleep."""
        self._registers = bytearray(REGISTERS)
        self._registers[REVISION] = 0x0F
        self._pur_at_ns = self._next_ns = self._calibrated_at_ns = 0
        self._calibrating = self._calibrated = False
        self._ready = False

    def answers(self) -> bool:
        """Whether the chip acknowledges its address; follows the world's supply."""
        alive = self._world.alive(self._clock.monotonic_ns())
        if alive and not self._powered:
            self.brown_out()
        self._powered = alive
        return alive and not self.nack

    def drdy(self) -> bool:
        """The DRDY pin: high while a conversion waits; low without supply."""
        if not self.answers():
            return False
        self._advance()
        return self._ready

    def read(self, register: int, length: int) -> bytes:
        """Registers as they are now; reading the conversion clears cycle ready."""
        self._advance()
        answer = bytes([self._register(register + i) for i in range(length)])
        if register <= ADCO_B2 < register + length:
            self._ready = False
        return answer

    def write(self, register: int, payload: bytes) -> None:
        """Registers with their side effects; read-only bits keep the chip's value."""
        self._advance()
        for at, value in enumerate(payload, register):
            if at == PU_CTRL:
                self._write_power(value)
            elif at == CTRL2:
                self._write_rate(value)
            elif at < ADCO_B2 or ADCO_B2 + 3 <= at < REVISION:
                self._registers[at] = value

    def _write_power(self, value: int) -> None:
        now_ns = self._clock.monotonic_ns()
        if value & RR:
            self.brown_out()
            self._registers[PU_CTRL] = RR
            return
        before = self._registers[PU_CTRL]
        self._registers[PU_CTRL] = value & ~(PUR | CR) & 0xFF
        if value & PUD and not before & PUD:
            self._pur_at_ns = now_ns + PUR_NS
        if value & CS and not before & CS:
            self._restart(now_ns)

    def _write_rate(self, value: int) -> None:
        now_ns = self._clock.monotonic_ns()
        before = self._registers[CTRL2]
        self._registers[CTRL2] = value & ~CAL_ERR & 0xFF
        if value & CALS and not self._calibrating:
            self._calibrating = True
            self._calibrated_at_ns = now_ns + CALIBRATION_PERIODS * self._period_ns()
        if (value ^ before) & 0xF0:
            self._restart(now_ns)

    def _restart(self, now_ns: int) -> None:
        self._next_ns, self._ready = now_ns + self._period_ns(), False

    def _period_ns(self) -> int:
        rate = RATE_SPS.get(self._registers[CTRL2] >> 4 & 7, 10)
        return NS_PER_S // rate * (3 if self.late else 1)

    def _powered_up(self, now_ns: int) -> bool:
        return bool(self._registers[PU_CTRL] & PUD) and now_ns >= self._pur_at_ns

    def _advance(self) -> None:
        """Let the time since the last access pass: end calibration, finish conversions."""
        now_ns = self._clock.monotonic_ns()
        if self._calibrating and now_ns >= self._calibrated_at_ns:
            self._calibrating, self._calibrated = False, not self.cal_err
            self._registers[CTRL2] &= ~CALS & 0xFF
            if self.cal_err:
                self._registers[CTRL2] |= CAL_ERR
            self._restart(now_ns)
        control = self._registers[PU_CTRL]
        runs = control & (PUA | CS) == PUA | CS and self._powered_up(now_ns)
        if not runs or self._calibrating:
            return
        if now_ns >= self._next_ns:
            period_ns = self._period_ns()
            self._next_ns += ((now_ns - self._next_ns) // period_ns + 1) * period_ns
            self._ready = True
            if not self.stuck:
                self._counts = self._convert()

    def _convert(self) -> int:
        """One conversion: full scale is half the reference divided by the gain."""
        control, gain = self._registers[CTRL1], 1 << (self._registers[CTRL1] & 7)
        internal = self._registers[PU_CTRL] & AVDDS
        reference_nv = (LDO_MV[control >> 3 & 7] if internal else SUPPLY_MV) * 1_000_000
        if self._registers[I2C_CTRL] & TEMPERATURE_SENSOR:
            bridge_nv = 109_000_000 + 390 * (self._world.temperature_mc() - 25_000)
        else:
            bridge_nv = self._world.cell_nv(self._cell)
        rate = RATE_SPS.get(self._registers[CTRL2] >> 4 & 7, 10)
        # Twelve uniform bytes sum to nearly a normal distribution with deviation 256.
        noise_nv = (sum(self._random.randbytes(12)) - 1_530) * NOISE_NV[rate] // 256
        offset_nv = 0 if self._calibrated else self._offset_nv
        counts = ((bridge_nv + noise_nv + offset_nv) * gain << 24) // reference_nv
        return max(-COUNTS_MAX - 1, min(COUNTS_MAX, counts))

    def _register(self, at: int) -> int:
        if at == PU_CTRL:
            up = self._powered_up(self._clock.monotonic_ns())
            return self._registers[PU_CTRL] | (PUR if up else 0) | (CR if self._ready else 0)
        if ADCO_B2 <= at < ADCO_B2 + 3:
            return (self._counts & 0xFFFFFF) >> 8 * (ADCO_B2 + 2 - at) & 0xFF
        return self._registers[at] if at < REGISTERS else 0xFF


class SimI2c:
    """An I2c bus with one converter, or up to eight behind a multiplexer.

    mux: address of the TCA9548A, or None for a single chip straight on the bus. mux_nack: the
    multiplexer answers nobody. transactions: how many the bus has carried.
    """

    def __init__(
        self, world: World, cells: int, mux: int | None, clock: Clock, seed: int = 0
    ) -> None:
        assert 1 <= cells <= (8 if mux is not None else 1)
        self.chips = tuple(Nau7802Chip(world, cell, clock, seed) for cell in range(cells))
        self.mux_nack = False
        self.transactions = 0
        self._mux = mux
        self._mask = 0 if mux is not None else 1

    @property
    def simulated(self) -> bool:
        """A model answers."""
        return True

    def read(self, address: int, register: int, length: int) -> bytes:
        """Chips that drive the bus together are wired-and, as open drains are."""
        selected = self._selected(address)
        if len(selected) == 1:
            return selected[0].read(register, length)
        answers = [chip.read(register, length) for chip in selected]
        wire = bytearray(b"\xff" * length)
        for answer in answers:
            wire = bytearray(a & b for a, b in zip(wire, answer, strict=True))
        return bytes(wire)

    def write(self, address: int, register: int, payload: bytes) -> None:
        """Every selected chip hears the write."""
        for chip in self._selected(address):
            chip.write(register, payload)

    def write_byte(self, address: int, value: int) -> None:
        """The multiplexer's channel mask."""
        self.transactions += 1
        if self._mux is None or address != self._mux or self.mux_nack:
            raise OSError(errno.EREMOTEIO, f"no answer from 0x{address:02x}")
        self._mask = value

    def close(self) -> None:
        """Free the bus."""

    def _selected(self, address: int) -> list[Nau7802Chip]:
        self.transactions += 1
        chips = self.chips if address == ADDRESS else ()
        present = [chip for at, chip in enumerate(chips) if self._mask >> at & 1 and chip.answers()]
        if not present:
            raise OSError(errno.EREMOTEIO, f"no answer from 0x{address:02x}")
        return present
