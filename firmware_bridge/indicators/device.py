"""An approved indicator on a serial line, as the lane's Indicator.

Joins a line and a decoder. Values are passed on unchanged; whatever cannot be proved becomes a
counted rejection and, a few times a second at most, a fault. It never blocks and never raises
after opening; while the line is silent or away it simply has no reading.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from firmware_bridge.indicators.catalogue import Decodes, built_in, decoder, find, from_file
from firmware_bridge.indicators.decoder import part_width
from firmware_bridge.indicators.formatfile import FormatError
from firmware_bridge.indicators.reading import Reading, Reject, Step
from firmware_bridge.indicators.spec import Format
from firmware_bridge.link.port import Line, SerialLine, Settings
from hal.contract.devices import Clock
from hal.contract.types import (
    NS_PER_MS,
    NS_PER_S,
    DeviceAbsentError,
    DeviceInfo,
    Fault,
    FaultCode,
    IndicatorReading,
    MonotonicNs,
)

PENDING_MAX = 256
"""Readings waiting for the caller; the oldest go first, counted."""
SILENT_PERIODS = 2
PERIOD_NS_MIN = 20 * NS_PER_MS
PERIOD_NS_MAX = NS_PER_S
PERIOD_NS_FIRST = 500 * NS_PER_MS
PERIOD_SHARE = 8
FAULT_EVERY_NS = NS_PER_S

REJECT_CODES: dict[Step, FaultCode] = {
    Step.SHAPE: FaultCode.FRAME,
    Step.CHECK: FaultCode.FRAME,
    Step.MEANING: FaultCode.CONTRADICTION,
    Step.SCALING: FaultCode.CALIBRATION,
}
"""What each step of rejection is called outside."""


@dataclass(slots=True)
class Counters:
    """What went over the line since the start. dropped: readings nobody fetched."""

    octets: int = 0
    readings: int = 0
    dropped: int = 0
    polls: int = 0
    rejects: dict[Step, int] = field(default_factory=lambda: dict.fromkeys(Step, 0))


class SerialIndicator:
    """Indicator over any Line and any format. Public: counters, for the console and listen."""

    def __init__(
        self,
        line: Line,
        decodes: Decodes,
        *,
        name: str,
        octet_ns: int,
        now_ns: MonotonicNs,
        simulated: bool = False,
    ) -> None:
        self.counters = Counters()
        self._line, self._decoder = line, decodes
        self._info = DeviceInfo(name, decodes.format.title, simulated)
        self._octet_ns = octet_ns
        self._pending: deque[IndicatorReading] = deque(maxlen=PENDING_MAX)
        self._opened = line.opened
        self._proved = False
        self._period_ns = PERIOD_NS_FIRST
        self._last_ns = now_ns
        self._asked_ns = 0
        self._stamp_ns = 0
        self._said: dict[str, int] = {}

    def poll(self, now_ns: MonotonicNs, limit: int) -> Sequence[IndicatorReading | Fault]:
        """At most `limit` readings, oldest first, after the faults of this call."""
        faults: list[Fault] = []
        came = self._line.read(now_ns)
        if self._line.opened != self._opened:
            self._opened, self._proved = self._line.opened, False
            self._decoder.reset()
        if isinstance(came, Fault):
            faults.append(came)
        elif came:
            self._take(came, now_ns, faults)
        self._ask(now_ns, faults)
        self._silence(now_ns, faults)
        count = min(limit, len(self._pending))
        return [*faults, *(self._pending.popleft() for _ in range(count))]

    def describe(self) -> DeviceInfo:
        """Name from the configuration, model from the format."""
        return self._info

    def close(self) -> None:
        """Free the port."""
        self._line.close()

    def _take(self, octets: bytes, now_ns: MonotonicNs, faults: list[Fault]) -> None:
        self.counters.octets += len(octets)
        given = self._decoder.feed(octets)
        for item in given:
            if isinstance(item, Reject):
                self._reject(item, now_ns, faults)
            else:
                self._accept(item, now_ns)

    def _accept(self, reading: Reading, now_ns: MonotonicNs) -> None:
        """Stamp with the time at which the line can have delivered the frame's last byte."""
        behind = self._decoder.received - reading.end
        self._stamp_ns = max(self._stamp_ns, now_ns - behind * self._octet_ns)
        since_ns = self._stamp_ns - self._last_ns
        if self._proved and since_ns > 0:
            since_ns = min(max(since_ns, PERIOD_NS_MIN), PERIOD_NS_MAX)
            self._period_ns += (since_ns - self._period_ns) // PERIOD_SHARE
        self._last_ns, self._proved = MonotonicNs(self._stamp_ns), True
        self.counters.readings += 1
        self.counters.dropped += len(self._pending) == PENDING_MAX
        self._pending.append(
            IndicatorReading(
                at_ns=MonotonicNs(self._stamp_ns),
                gross_kg=reading.gross_kg,
                motion=reading.motion,
                overload=reading.overload,
                zero=reading.zero,
                net=reading.net,
                raw=reading.raw,
            )
        )

    def _reject(self, reject: Reject, now_ns: MonotonicNs, faults: list[Fault]) -> None:
        self.counters.rejects[reject.step] += 1
        if reject.step is Step.SHAPE and not self._proved:
            return  # the line was opened in the middle of a frame
        text = f"{reject.why}: {reject.raw.hex(' ')}"
        self._say(reject.step.value, REJECT_CODES[reject.step], text, now_ns, faults)

    def _ask(self, now_ns: MonotonicNs, faults: list[Fault]) -> None:
        poll = self._decoder.format.poll
        if poll is None or now_ns - self._asked_ns < poll.every_ms * NS_PER_MS:
            return
        self._asked_ns = now_ns
        question = poll.questions[self.counters.polls % len(poll.questions)]
        fault = self._line.write(question, now_ns)
        if fault is None:
            self.counters.polls += 1
        elif fault.code is not FaultCode.ABSENT:
            faults.append(fault)

    def _silence(self, now_ns: MonotonicNs, faults: list[Fault]) -> None:
        silent_ns = now_ns - self._last_ns
        if silent_ns > SILENT_PERIODS * self._period_ns:
            text = f"no frame for {silent_ns // NS_PER_MS} ms"
            self._say("silent", FaultCode.STALE, text, now_ns, faults)

    def _say(
        self, kind: str, code: FaultCode, text: str, now_ns: MonotonicNs, faults: list[Fault]
    ) -> None:
        if now_ns - self._said.get(kind, -FAULT_EVERY_NS) >= FAULT_EVERY_NS:
            self._said[kind] = now_ns
            faults.append(Fault(code, self._info.name, now_ns, text))


def format_for(protocol: str, format_file: Path | None, name: str) -> Format:
    """The format of the configuration. Raises DeviceAbsentError naming what there is."""
    if format_file is not None:
        try:
            return from_file(format_file)
        except FormatError as error:
            raise DeviceAbsentError(
                name, f"the format file is wrong: {error}", "Correct the file"
            ) from error
    found = find(protocol)
    if found is None:
        names = ", ".join(one.name for one in built_in())
        raise DeviceAbsentError(
            name,
            f"there is no protocol {protocol!r}",
            f"Use one of {names}, or `weigh-terminal listen` to find it",
        )
    return found


def period_ms(format_: Format, settings: Settings) -> int:
    """Shortest time between two frames: one frame on this line, or a round of questions."""
    width = max((sum(map(part_width, frame.parts)) for frame in format_.frames), default=0)
    line_ms = width * settings.octet_ns() // NS_PER_MS
    poll = format_.poll
    return line_ms if poll is None else max(line_ms, poll.every_ms * len(poll.questions))


def open_indicator(
    settings: Settings,
    *,
    protocol: str,
    confirmed_scaling: str,
    clock: Clock,
    name: str,
    format_file: Path | None = None,
    simulated: bool = False,
) -> SerialIndicator:
    """Open the indicator of the configuration. Raises DeviceAbsentError."""
    format_ = format_for(protocol, format_file, name)
    scaling = format_.scaling(confirmed_scaling)
    if confirmed_scaling and scaling is None:
        names = ", ".join(one.name for one in format_.scalings) or "none: leave it empty"
        raise DeviceAbsentError(
            name,
            f"{format_.name} has no scaling {confirmed_scaling!r}",
            f"It has: {names}. `weigh-terminal listen` finds which one is true",
        )
    return SerialIndicator(
        SerialLine(settings, name),
        decoder(format_, confirmed_scaling),
        name=name,
        octet_ns=settings.octet_ns(),
        now_ns=clock.monotonic_ns(),
        simulated=simulated,
    )
