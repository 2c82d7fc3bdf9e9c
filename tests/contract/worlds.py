"""A world whose wires a test sets by hand, and a clock that it turns by hand."""

from __future__ import annotations

from hal.contract.types import ClockQuality, InputName, Key, MonotonicNs, Side
from hal.sim.world import Scene

KEY_LAYOUT = "123A456B789C*0#D"


class HandClock:
    """Clock that moves only when told; pause() is its sleep."""

    def __init__(self) -> None:
        self.now_ns = 1_000_000_000

    def monotonic_ns(self) -> MonotonicNs:
        return MonotonicNs(self.now_ns)

    def wall_ns(self) -> int:
        return self.now_ns

    def quality(self) -> ClockQuality:
        return ClockQuality.UNKNOWN

    def pause(self, ns: int) -> None:
        self.now_ns += ns


class HandWorld:
    """Wires as plain attributes."""

    def __init__(self) -> None:
        self.powered = True
        self.cells_nv = [1_000_000] * 8
        self.input_bits = 0
        self.arms_mdeg = {Side.ENTRY: 0, Side.EXIT: 0}
        self.key_bits = 0
        self.relays: dict[str, bool] = {}
        self.lit: tuple[int, int, bytes] = (0, 0, b"")

    def alive(self, now_ns: MonotonicNs) -> bool:
        return self.powered

    def cell_nv(self, cell: int) -> int:
        return self.cells_nv[cell]

    def temperature_mc(self) -> int:
        return 25_000

    def inputs(self) -> int:
        return self.input_bits

    def arm_mdeg(self, side: Side) -> int:
        return self.arms_mdeg[side]

    def keys(self) -> int:
        return self.key_bits

    def scene(self) -> Scene:
        return Scene((), 100, 18_000)

    def set_relay(self, name: str, energised: bool) -> None:
        self.relays[name] = energised

    def relay(self, name: str) -> bool:
        return self.relays.get(name, False)

    def set_sign(self, width_px: int, height_px: int, rows: bytes) -> None:
        self.lit = (width_px, height_px, rows)

    def sign(self) -> tuple[int, int, bytes]:
        return self.lit

    def set_input(self, name: InputName, on: bool) -> None:
        self.input_bits = self.input_bits & ~(1 << name) | on << name

    def press(self, *keys: Key) -> None:
        self.key_bits = sum(1 << KEY_LAYOUT.index(key.value) for key in keys)
