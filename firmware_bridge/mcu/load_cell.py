"""The microcontroller front end as the lane's LoadCell, over any Line.

Stamps are mapped from the device's clock; a conversion that cannot be placed in time is not
passed on. Flags of the device are passed on unchanged, and MISSED marks the first conversion of
each cell after a gap in the numbering.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence

from firmware_bridge.link.port import Line
from firmware_bridge.mcu.protocol import ADC_NAMES, Sample, Welcome
from firmware_bridge.mcu.session import LinkState, Session
from hal.contract.devices import Clock
from hal.contract.types import (
    NS_PER_MS,
    NS_PER_S,
    Counts,
    DeviceAbsentError,
    DeviceInfo,
    Fault,
    FaultCode,
    LoadCellInfo,
    MonotonicNs,
    RawSample,
    SampleFlag,
)

OPEN_NS_MAX = 3 * NS_PER_S
OPEN_POLL_NS = 5 * NS_PER_MS
PENDING_MAX = 4_096
OVERRUN_EVERY_NS = 1_000 * NS_PER_MS


class Front:
    """One line, one session, shared by the load cells and the relays of one board."""

    def __init__(self, line: Line, session: Session) -> None:
        self.session = session
        self._line = line
        self._opened = line.opened
        self._samples: deque[Sample] = deque(maxlen=PENDING_MAX)
        self._faults: list[Fault] = []
        self._gap = False
        self._overrun_ns = -OVERRUN_EVERY_NS

    def pump(self, now_ns: MonotonicNs) -> None:
        """Read, answer, send: once a tick at least."""
        came = self._line.read(now_ns)
        if self._line.opened != self._opened:
            self._opened = self._line.opened
            self.session.line_lost()
        if isinstance(came, Fault):
            self.session.line_lost()
            self._faults.append(came)
        elif came:
            incoming = self.session.feed(came, now_ns)
            self._take(incoming.samples, now_ns)
            self._gap = self._gap or incoming.gap
            self._faults += incoming.faults
        self._faults += self.session.tick(now_ns)
        self.flush(now_ns)

    def flush(self, now_ns: MonotonicNs) -> None:
        """Send what the session wants to say."""
        out = self.session.outgoing()
        if out:
            fault = self._line.write(out, now_ns)
            if fault is not None and fault.code is not FaultCode.ABSENT:
                self._faults.append(fault)

    def drain(self, limit: int) -> tuple[list[Sample], list[Fault], bool]:
        """Conversions oldest first, faults, and whether some were lost before these."""
        faults, self._faults = self._faults, []
        count = min(limit, len(self._samples))
        gap = self._gap
        self._gap = self._gap and count == 0
        return [self._samples.popleft() for _ in range(count)], faults, gap

    def faults(self) -> list[Fault]:
        """Faults since the last call, when nobody drains samples."""
        faults, self._faults = self._faults, []
        return faults

    def close(self) -> None:
        """Release the outputs, free the port."""
        if self.session.lease(0, MonotonicNs(0), MonotonicNs(0)):
            self.flush(MonotonicNs(0))
        self._line.close()

    def _take(self, samples: list[Sample], now_ns: MonotonicNs) -> None:
        if len(self._samples) + len(samples) > PENDING_MAX:
            self._gap = True
            if now_ns - self._overrun_ns >= OVERRUN_EVERY_NS:
                self._overrun_ns = now_ns
                self._faults.append(
                    Fault(FaultCode.OVERRUN, "load cells", now_ns, "conversions were not fetched")
                )
        self._samples.extend(samples)


class McuLoadCells:
    """LoadCell of a front end. cells: how many of the board's channels carry a cell."""

    def __init__(self, front: Front, cells: int, name: str, *, simulated: bool) -> None:
        welcome = front.session.welcome
        assert welcome is not None, "open_front waits for the welcome"
        self.front = front
        self._cells = cells
        self._name = name
        self._missed = [False] * cells
        self._last_ns = [0] * cells
        self._welcome = welcome
        model = f"{welcome.name} ({ADC_NAMES.get(welcome.adc, 'unknown converter')})"
        self._info = LoadCellInfo(
            device=DeviceInfo(name, model, simulated),
            cells=cells,
            full_scale=welcome.full_scale,
            rate_mhz=welcome.rate_mhz,
            gain=welcome.gain,
        )

    @property
    def outputs(self) -> int:
        """Leased outputs that the board has."""
        return self._welcome.outputs

    def poll(self, now_ns: MonotonicNs, limit: int) -> Sequence[RawSample | Fault]:
        """At most `limit` conversions, oldest first, after the faults. Never blocks."""
        self.front.pump(now_ns)
        samples, faults, gap = self.front.drain(limit)
        if gap:
            self._missed = [True] * self._cells
        now_is = self.front.session.welcome
        if now_is is not None and self._changed(now_is):
            text = "another board answers than the one at start"
            return [*faults, Fault(FaultCode.CONTRADICTION, self._name, now_ns, text)]
        if not self.front.session.clock.known:
            return faults
        return [*faults, *self._samples(samples, now_ns)]

    def describe(self) -> LoadCellInfo:
        """As the board said at the first welcome."""
        return self._info

    def close(self) -> None:
        """Release outputs, free the port."""
        self.front.close()

    def _changed(self, now_is: Welcome) -> bool:
        return now_is._replace(nonce=0) != self._welcome._replace(nonce=0)

    def _samples(self, samples: list[Sample], now_ns: MonotonicNs) -> Iterator[RawSample]:
        clock = self.front.session.clock
        for sample in samples:
            cell = sample.cell
            if cell >= self._cells:
                continue
            at_ns = min(clock.host_ns(sample.device_us), now_ns)
            at_ns = MonotonicNs(max(at_ns, self._last_ns[cell] + 1))
            self._last_ns[cell] = at_ns
            flags = SampleFlag(sample.flags & SAMPLE_FLAGS)
            if self._missed[cell]:
                self._missed[cell] = False
                flags |= SampleFlag.MISSED
            yield RawSample(at_ns, cell, Counts(sample.counts), flags)


SAMPLE_FLAGS = int(
    SampleFlag.READ_TOO_LONG
    | SampleFlag.DESYNC
    | SampleFlag.SATURATED
    | SampleFlag.STUCK
    | SampleFlag.AFTER_FAULT
)


def open_front(
    line: Line, session: Session, clock: Clock, name: str, pause: Callable[[int], None]
) -> Front:
    """Wait for the board's welcome. Raises DeviceAbsentError after OPEN_NS_MAX."""
    front = Front(line, session)
    started_ns = clock.monotonic_ns()
    while clock.monotonic_ns() - started_ns < OPEN_NS_MAX:
        front.pump(clock.monotonic_ns())
        if session.state is LinkState.UP:
            return front
        pause(OPEN_POLL_NS)
    front.close()
    raise DeviceAbsentError(
        name,
        "the microcontroller does not answer",
        "Check its supply, the cable, that the baud rate is its firmware's, and the firmware with"
        " `weigh-terminal firmware info`",
    )
