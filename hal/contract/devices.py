"""One Protocol per device of the lane. Implementations: hal.drivers (wired to the machine) and
firmware_bridge (behind a serial line). None may block a caller longer than its docstring says;
none starts a thread; after opening none raises for an operating fault: it returns a Fault.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from hal.contract.types import (
    Aspect,
    BarrierFeedback,
    ClockQuality,
    ClosePermit,
    DeviceInfo,
    Fault,
    Frame,
    IndicatorReading,
    KeyPress,
    Lease,
    Level,
    LoadCellInfo,
    MonotonicNs,
    RawSample,
)


@runtime_checkable
class LoadCell(Protocol):
    """Load-cell amplifiers of one deck, one sample per conversion and cell."""

    def poll(self, now_ns: MonotonicNs, limit: int) -> Sequence[RawSample | Fault]:
        """Drain at most `limit` ready samples, oldest first. Never blocks over 2 ms."""

    def describe(self) -> LoadCellInfo:
        """Counts range, nominal rate and gain: fixed after open."""

    def close(self) -> None:
        """Power the converters down and free the bus."""


@runtime_checkable
class Indicator(Protocol):
    """An approved weighing indicator on a serial line."""

    def poll(self, now_ns: MonotonicNs, limit: int) -> Sequence[IndicatorReading | Fault]:
        """Drain at most `limit` decoded frames, oldest first. Never blocks."""

    def describe(self) -> DeviceInfo:
        """Who it is."""

    def close(self) -> None:
        """Free the port."""


@runtime_checkable
class FieldInputs(Protocol):
    """All two-state inputs of the lane, polled and debounced."""

    def poll(self, now_ns: MonotonicNs) -> tuple[Level, ...]:
        """Levels in InputName order (INPUT_COUNT of them). An unwired input is UNKNOWN at 0.

        Wiring is normally closed: a cut wire reads YES (blocked, pressed). Never blocks.
        """

    def faults(self) -> Sequence[Fault]:
        """Faults since the last call."""

    def describe(self) -> DeviceInfo:
        """Who it is."""

    def close(self) -> None:
        """Free the lines."""


@runtime_checkable
class Barrier(Protocol):
    """One barrier arm. De-energised means: a hold barrier falls shut, a pulse barrier stays."""

    def drive(
        self, lease: Lease | None, close: ClosePermit | None, now_ns: MonotonicNs
    ) -> BarrierFeedback:
        """Energise only while the lease is alive at now_ns; close only on a live permit.

        hold kind: the open contact is made while the lease lives. pulse kind: one open pulse
        when a lease is first seen and the arm is not open; one close pulse on a live permit,
        never while a lease lives. Checks expiry itself. Call every tick; never blocks.
        """

    def describe(self) -> DeviceInfo:
        """Who it is."""

    def close(self) -> None:
        """De-energise everything and free the lines."""


@runtime_checkable
class Lamp(Protocol):
    """One traffic lamp, red by wiring while de-energised."""

    def show(self, aspect: Aspect, now_ns: MonotonicNs) -> None:
        """Show the aspect. Never blocks."""

    def describe(self) -> DeviceInfo:
        """Who it is."""

    def close(self) -> None:
        """De-energise: red."""


@runtime_checkable
class Siren(Protocol):
    """Audible alarm, silent while de-energised."""

    def sound(self, on: bool, now_ns: MonotonicNs) -> None:
        """Sound or silence. The driver cuts a tone longer than its configured maximum."""

    def describe(self) -> DeviceInfo:
        """Who it is."""

    def close(self) -> None:
        """De-energise: silent."""


@runtime_checkable
class Sign(Protocol):
    """The LED sign: a bitmap, one bit a pixel."""

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height in pixels."""

    def show(self, rows: bytes) -> Fault | None:
        """Show a bitmap: height rows of width/8 bytes, most significant bit left."""

    def blank(self) -> None:
        """All pixels off."""

    def describe(self) -> DeviceInfo:
        """Who it is."""

    def close(self) -> None:
        """Blank and free the bus."""


@runtime_checkable
class Keypad(Protocol):
    """The operator's keys."""

    def poll(self, now_ns: MonotonicNs) -> Sequence[KeyPress | Fault]:
        """Presses since the last call, debounced, ghost combinations dropped. Never blocks."""

    def describe(self) -> DeviceInfo:
        """Who it is."""

    def close(self) -> None:
        """Free the lines."""


@runtime_checkable
class Camera(Protocol):
    """One camera. May block for one frame time; never used by the control process."""

    def capture(self, now_ns: MonotonicNs) -> Frame | Fault:
        """The newest picture."""

    def describe(self) -> DeviceInfo:
        """Who it is."""

    def close(self) -> None:
        """Stop streaming."""


@runtime_checkable
class Clock(Protocol):
    """Time. The core gets monotonic time only; the ledger alone asks for wall time."""

    def monotonic_ns(self) -> MonotonicNs:
        """CLOCK_MONOTONIC."""

    def wall_ns(self) -> int:
        """Nanoseconds since 1970-01-01 UTC."""

    def quality(self) -> ClockQuality:
        """How far wall_ns is to be trusted."""


@runtime_checkable
class Watchdog(Protocol):
    """Something that restarts us when we stop petting it."""

    def pet(self, now_ns: MonotonicNs) -> None:
        """We are healthy."""
