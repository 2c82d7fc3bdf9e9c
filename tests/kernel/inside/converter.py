"""A NAU7802's silicon behind the kernel's i2c-stub: registers answered, samples made ready.

i2c-stub is a register file that remembers. This thread is the chip behind it: it works the bits
that the chip would work, over the same kernel bus that the driver reads. Timing is only roughly
the chip's; noise and settling are not there. Errors and register behaviour are what it can show.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path
from types import TracebackType

from smbus2 import SMBus

ADDRESS = 0x2A
STUB = "SMBus stub"
ADAPTERS = Path("/sys/bus/i2c/devices")
PU_CTRL, CTRL2, ADCO, REVISION = 0x00, 0x02, 0x12, 0x1F
PUD, PUA, PUR, CS, CR = 0x02, 0x04, 0x08, 0x10, 0x20
CALS, CAL_ERR = 0x04, 0x08
STEP_S = 0.004


def stub_bus() -> int:
    """Number of the stub's adapter."""
    for entry in ADAPTERS.glob("i2c-*"):
        if STUB in (entry / "name").read_text():
            return int(entry.name.split("-")[1])
    raise AssertionError("i2c-stub is not loaded")


class Converter:
    """The chip, running while used as a context. counts: what its bridge gives."""

    def __init__(self, counts: int = 0) -> None:
        self.counts = counts
        self._bus = SMBus(stub_bus())
        self._stop = threading.Event()
        self._lost = threading.Event()
        self._turn = 0
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Converter:
        for register in (PU_CTRL, CTRL2):
            self._put(register, 0)
        self._put(REVISION, 0x0F)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join(5)
        self._bus.close()

    def brown_out(self) -> None:
        """The supply dips: every register at its reset value."""
        self._lost.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            if self._lost.is_set():
                for register in (PU_CTRL, CTRL2, 0x01):
                    self._put(register, 0)
                self._lost.clear()
            self._step()
            time.sleep(STEP_S)

    def _step(self) -> None:
        control = self._get(PU_CTRL)
        if control & PUD and not control & PUR:
            self._put(PU_CTRL, control | PUR)
        ctrl2 = self._get(CTRL2)
        if ctrl2 & CALS:
            self._put(CTRL2, ctrl2 & ~(CALS | CAL_ERR))
        if control & CS and control & PUA:
            self._turn ^= 1  # noise of the last bit: a converter never stands still
            raw = (self.counts & 0xFFFFFF).to_bytes(3, "big")
            self._bus.write_i2c_block_data(ADDRESS, ADCO, list(raw))
            again = self._get(PU_CTRL)
            if again & CS:
                self._put(PU_CTRL, again | CR)

    def _get(self, register: int) -> int:
        return int(self._bus.read_byte_data(ADDRESS, register))

    def _put(self, register: int, value: int) -> None:
        self._bus.write_byte_data(ADDRESS, register, value)
