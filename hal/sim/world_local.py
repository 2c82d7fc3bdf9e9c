"""LocalWorld: the simulated wires in one object, for tests and the seeded simulator.

Everything is visible at once to whoever holds the object; there is no second process. It must
behave as SharedWorld does, which one suite of tests checks against both.
"""

from __future__ import annotations

from hal.contract.types import MonotonicNs, Side
from hal.sim.world import (
    ALIVE_NS,
    PROMPT_BYTES_MAX,
    RELAYS,
    SIGN_BYTES_MAX,
    PlantState,
    Scene,
)


class LocalWorld:
    """World and PlantSide in memory. A fresh one is dead until the plant's first put()."""

    def __init__(self) -> None:
        """No plant yet, every coil released, sign dark."""
        self._state: PlantState | None = None
        self._none = PlantState(0)
        self._relays = dict.fromkeys(RELAYS, False)
        self._sign = (0, 0, b"")
        self._prompt = ""

    def put(self, state: PlantState) -> None:
        """Replace everything the plant drives."""
        self._state = state

    def alive(self, now_ns: MonotonicNs) -> bool:
        """Whether the last put() is younger than ALIVE_NS."""
        state = self._state
        return state is not None and abs(now_ns - state.heartbeat_ns) < ALIVE_NS

    def _now(self) -> PlantState:
        return self._state if self._state is not None else self._none

    def cell_nv(self, cell: int) -> int:
        """Bridge signal, nanovolts."""
        return self._now().cell_nv[cell]

    def temperature_mc(self) -> int:
        """Thousandths of a degree Celsius."""
        return self._now().temperature_mc

    def inputs(self) -> int:
        """Bit InputName n set: blocked, occupied, pressed."""
        return self._now().inputs

    def arm_mdeg(self, side: Side) -> int:
        """0 closed to 90,000 open."""
        return self._now().arms_mdeg[side]

    def keys(self) -> int:
        """Closed contacts, bit row * 4 + column."""
        return self._now().keys

    def scene(self) -> Scene:
        """What the cameras see."""
        return self._now().scene

    def network_up(self) -> bool:
        """Whether the cable to the county is in."""
        return self._now().network_up

    def struck(self) -> int:
        """Times an arm met a truck."""
        return self._now().struck

    def set_relay(self, name: str, energised: bool) -> None:
        """Drive one coil. Raises KeyError for a coil that does not exist."""
        if name not in self._relays:
            raise KeyError(f"no relay coil is called {name!r}; there are {', '.join(RELAYS)}")
        self._relays[name] = energised

    def relay(self, name: str) -> bool:
        """Whether that coil is energised. Raises KeyError for an unknown one."""
        return self._relays[name]

    def set_sign(self, width_px: int, height_px: int, rows: bytes) -> None:
        """Light the sign."""
        assert len(rows) <= SIGN_BYTES_MAX, f"a sign of {len(rows)} bytes does not exist"
        self._sign = (width_px, height_px, bytes(rows))

    def sign(self) -> tuple[int, int, bytes]:
        """The sign as lit."""
        return self._sign

    def set_prompt(self, name: str) -> None:
        """What the sign says, by name."""
        assert len(name.encode()) <= PROMPT_BYTES_MAX, f"prompt name {name!r} is too long"
        self._prompt = name

    def prompt(self) -> str:
        """What the sign says, by name."""
        return self._prompt

    def close(self) -> None:
        """Nothing to free."""
