"""Indicator mode: an approved instrument weighs, we only decide when its value may be used.

The value is passed on unchanged; the instrument's motion, overload and zero flags are obeyed.
Where its format has no motion flag, the display must stand within 1 d for 1 s and show the middle
of its last 2 s. Without light beams nothing is held: a display cannot tell half a vehicle from a
whole one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from hal.contract.types import NS_PER_MS, NS_PER_S, IndicatorReading, MonotonicNs, Tri
from terminal.core.types import NEVER_NS, Event, Weighed, WeighFlag
from terminal.weighing.params import WeighParams

BAND_NS = NS_PER_S
AFTER_MOTION_NS = 300 * NS_PER_MS
"""How long the display must stand after the instrument's own motion flag has gone."""
FRESH_NS_MAX = 1_500 * NS_PER_MS
"""A display older than this says nothing."""
MIDDLE_NS = 2 * NS_PER_S
"""Without a motion flag a vehicle that still rings makes the display swing by a division or two:
only the middle of so long, with nobody in a beam, is taken."""
EMPTY_NS_MIN = NS_PER_S
READINGS_MAX = 512
VOID_DIVISIONS = 2
EVENTS_MAX = 16


def _runs(frames: Sequence[bytes]) -> str:
    """Frames in hexadecimal, oldest first, equal ones in a row as a count."""
    runs: list[tuple[int, bytes]] = []
    for frame in frames:
        if runs and runs[-1][1] == frame:
            runs[-1] = (runs[-1][0] + 1, frame)
        else:
            runs.append((1, frame))
    return ", ".join(f"{count} x {frame.hex()}" for count, frame in runs)


class IndicatorWatch:
    """feed() with each tick's frames and beams; the newest Weighed, or None."""

    def __init__(self, params: WeighParams) -> None:
        self._params = params
        self._recent: deque[IndicatorReading] = deque(maxlen=READINGS_MAX)
        self._clear_since_ns: int | None = None
        self._empty_since_ns: int | None = None
        self._zero_ns: int | None = None
        self._held: tuple[int, MonotonicNs] | None = None
        self._last_ns = 0
        self._events: list[Event] = []
        self.late = 0

    def feed(
        self,
        readings: Sequence[IndicatorReading],
        beam_entry: Tri,
        beam_exit: Tri,
        now_ns: MonotonicNs,
    ) -> Weighed | None:
        """Frames out of order are dropped and counted; a cut between two frames ends the hold."""
        clear = beam_entry is Tri.NO and beam_exit is Tri.NO and self._params.beams
        if not clear:
            self._clear_since_ns = self._held = None
        elif self._clear_since_ns is None:
            self._clear_since_ns = now_ns
        weighed = None
        for reading in readings:
            if reading.at_ns < self._last_ns:
                self.late += 1
                continue
            self._last_ns = reading.at_ns
            self._recent.append(reading)
            weighed = self._judge(reading)
        if weighed is None and self._recent and now_ns - self._last_ns > FRESH_NS_MAX:
            self._held = None
            self._recent.clear()
            # As old as the last frame: that nothing came is no news from the deck.
            heard_ns = MonotonicNs(self._last_ns)
            return Weighed(heard_ns, None, Tri.UNKNOWN, Tri.UNKNOWN, Tri.UNKNOWN)
        return weighed

    def held_kg(self) -> int | None:
        """The mass now held, None when none is."""
        return self._held[0] if self._held else None

    def drain_events(self) -> Sequence[Event]:
        """The frames behind each hold since the last call, for the journal."""
        events, self._events = self._events, []
        return events

    def _judge(self, reading: IndicatorReading) -> Weighed:
        params = self._params
        mass_kg = reading.gross_kg
        over = reading.overload is Tri.YES or (
            mass_kg is not None and mass_kg > params.gross_kg_max
        )
        flags = WeighFlag.OVERLOAD if over else WeighFlag.NONE
        if over:
            mass_kg = None
        motion = self._motion(reading, mass_kg)
        empty = self._empty(reading, mass_kg, motion)
        zero_valid = Tri.YES if self._zero_ns is not None else Tri.NO
        if empty is Tri.NO and zero_valid is Tri.NO:
            flags |= WeighFlag.NO_ZERO_REF
        self._hold(reading, mass_kg, motion, empty, flags)
        held = self._held
        return Weighed(
            at_ns=reading.at_ns,
            gross_kg=mass_kg,
            motion=motion,
            deck_empty=empty,
            zero_valid=zero_valid,
            held_kg=held[0] if held else None,
            held_u_kg=params.e_kg if held else 0,
            held_since_ns=held[1] if held else NEVER_NS,
            flags=flags,
            zero_age_ns=0 if self._zero_ns is None else reading.at_ns - self._zero_ns,
        )

    def _motion(self, reading: IndicatorReading, mass_kg: int | None) -> Tri:
        if mass_kg is None:
            return Tri.UNKNOWN
        if reading.motion is Tri.YES:
            return Tri.YES
        window_ns = AFTER_MOTION_NS if reading.motion is Tri.NO else BAND_NS
        inside = [r for r in self._recent if reading.at_ns - r.at_ns <= window_ns]
        spans = reading.at_ns - self._recent[0].at_ns >= window_ns
        masses = [r.gross_kg for r in inside]
        known = [m for m in masses if m is not None]
        if not spans or len(known) < len(masses) or any(r.motion is Tri.YES for r in inside):
            return Tri.YES
        return Tri.NO if max(known) - min(known) <= self._params.e_kg else Tri.YES

    def _middle(self, reading: IndicatorReading, window_ns: int) -> bool:
        """Whether the display now shows what lies in the middle of the last window_ns."""
        shown = sorted(
            r.gross_kg
            for r in self._recent
            if reading.at_ns - r.at_ns <= window_ns and r.gross_kg is not None
        )
        return shown[len(shown) // 2] == reading.gross_kg

    def _empty(self, reading: IndicatorReading, mass_kg: int | None, motion: Tri) -> Tri:
        """Empty after a quiet second near zero; then its zero counts as seen."""
        if mass_kg is None:
            self._empty_since_ns = None
            return Tri.UNKNOWN
        if mass_kg >= 0.75 * self._params.occupied_kg:
            self._empty_since_ns = None
            return Tri.NO
        at_zero = reading.zero is Tri.YES or abs(mass_kg) <= self._params.e_kg
        if motion is not Tri.YES and at_zero and reading.zero is not Tri.NO:
            if self._empty_since_ns is None:
                self._empty_since_ns = reading.at_ns
            elif reading.at_ns - self._empty_since_ns >= EMPTY_NS_MIN:
                self._zero_ns = reading.at_ns
        return Tri.YES

    def _hold(
        self,
        reading: IndicatorReading,
        mass_kg: int | None,
        motion: Tri,
        empty: Tri,
        flags: WeighFlag,
    ) -> None:
        if mass_kg is None or empty is not Tri.NO or flags or self._clear_since_ns is None:
            self._held = None
            return
        held = self._held
        if held is not None:
            if abs(mass_kg - held[0]) > VOID_DIVISIONS * self._params.e_kg:
                self._held = None
            return
        clear_ns = reading.at_ns - self._clear_since_ns
        window_ns = AFTER_MOTION_NS if reading.motion is Tri.NO else MIDDLE_NS
        if motion is Tri.NO and clear_ns >= window_ns and self._middle(reading, window_ns):
            self._held = (mass_kg, reading.at_ns)
            deciding = [r.raw for r in self._recent if reading.at_ns - r.at_ns <= window_ns]
            self._events.append(Event("indicator_frames", reading.at_ns, _runs(deciding)))
            del self._events[:-EVENTS_MAX]
