"""A simulated indicator on a pty: shows a mass as a display would and sends its format's frames.

Rounds to its division, calls a moving load motion, answers questions where the format asks them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from firmware_bridge.indicators import modbus
from firmware_bridge.indicators.checks import crc16_modbus_bytes
from firmware_bridge.indicators.encoder import Shown, encode
from firmware_bridge.indicators.spec import Format
from firmware_bridge.sim.pty_line import PtyLine
from hal.contract.types import NS_PER_MS, MonotonicNs

FRAME_NS = 100 * NS_PER_MS
STEADY_FRAMES = 5
QUESTION_OCTETS_MAX = 64


class IndicatorPeer:
    """step() often. mass_kg: what lies on the scale now; the peer does the rounding."""

    def __init__(
        self,
        line: PtyLine,
        format_: Format,
        mass_kg: Callable[[], int],
        *,
        e_kg: int = 20,
        max_kg: int = 100_000,
    ) -> None:
        self.line = line
        self._format = format_
        self._mass_kg = mass_kg
        self._e_kg, self._max_kg = e_kg, max_kg
        self._due_ns = 0
        self._asked = b""
        self._recent: deque[int] = deque(maxlen=STEADY_FRAMES)
        self.mangle: Callable[[bytes], bytes] = bytes

    def shown(self) -> Shown:
        """The display now: rounded to the division, motion, overload above Max + 9 e."""
        kg = (self._mass_kg() + self._e_kg // 2) // self._e_kg * self._e_kg
        self._recent.append(kg)
        still = len(self._recent) == STEADY_FRAMES and max(self._recent) - min(self._recent) == 0
        return Shown(kg, not still, kg > self._max_kg + 9 * self._e_kg)

    def step(self, now_ns: MonotonicNs) -> None:
        """Send what is due, answer what was asked."""
        asked = self.line.receive()
        if self._format.poll is None:
            if now_ns >= self._due_ns:
                self._due_ns = max(self._due_ns + FRAME_NS, now_ns)
                self._send(encode(self._format, self.shown()))
            return
        self._asked = (self._asked + asked)[-QUESTION_OCTETS_MAX:]
        for question in self._format.poll.questions:
            if question in self._asked:
                self._asked = b""
                self._send(self._answer(question))

    def close(self) -> None:
        """Free the pty."""
        self.line.close()

    def _send(self, octets: bytes) -> None:
        sent = self.mangle(octets)
        if sent:
            self.line.send(sent)

    def _answer(self, question: bytes) -> bytes:
        if self._format.name != modbus.FORMAT.name:
            return encode(self._format, self.shown())
        shown = self.shown()
        if question == modbus.read_request(modbus.UNIT, modbus.STATUS_REGISTER, 1):
            status = modbus.UNSTEADY * shown.motion | modbus.OVERLOAD * shown.overload
            status |= modbus.MINUS * (shown.gross_kg < 0)
            body = bytes((modbus.UNIT, 3, 2)) + status.to_bytes(2, "big")
        else:
            body = bytes((modbus.UNIT, 3, 4)) + abs(shown.gross_kg).to_bytes(4, "big")
        return body + crc16_modbus_bytes(body)
