"""The camera process: reads the plate while a vehicle stands, takes the photos of the latch.

Answers control's Look and Capture, repeats its answers, and owns nothing that opens a barrier.
One frame and at most one reading an event, so a queue never builds up: a slow reading only
makes the next one later. It must never answer with a plate of another visit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from hal.contract.devices import Camera, Clock
from hal.contract.types import NS_PER_MS, NS_PER_S, Fault, FaultCode, MonotonicNs
from terminal.anpr.types import Box, Pixels, PlateCandidate
from terminal.anpr.vote import Verdict, Voter, VoteSettings
from terminal.camera import pictures, spool
from terminal.camera.after import EXIT, Follower
from terminal.camera.health import Health
from terminal.camera.known import ordered
from terminal.camera.recording import Recording
from terminal.core.plate import UNKNOWN_COLOUR
from terminal.core.types import Captured, PhotoRef, PlateOutcome, PlateReading
from terminal.link import PeerDown, PeerUp, Received
from terminal.messages import (
    Capture,
    DeviceFault,
    FollowedUp,
    LiveFrame,
    Look,
    PhotosTaken,
    PlateSeen,
    Snapshot,
)
from terminal.node import NodeEvent, Send, Tick

PERIOD_NS: Final = 200 * NS_PER_MS
IDLE_PERIOD_NS: Final = 400 * NS_PER_MS
"""Between pictures for the live view and the recording while no vehicle stands."""
FAULT_PERIOD_NS: Final = NS_PER_S
SLOW_PERIOD_NS: Final = NS_PER_S
"""Between readings once EAGER_FRAMES brought nothing: dirt does not clear up in a hurry."""
EAGER_FRAMES: Final = 10
VISITS_KEPT_MAX: Final = 8
SEEN_FAULTS: Final = {
    FaultCode.DARK: "the picture is black",
    FaultCode.BLOCKED: "something covers the lens",
    FaultCode.BLURRED: "the picture is out of focus",
    FaultCode.FROZEN: "the picture stands still",
}
REAR: Final = "rear"
REAR_FRAMES_MAX: Final = 8
CONTROL: Final = "control"
CONSOLE: Final = "console"


class Reader(Protocol):
    """Whoever finds plates in a picture."""

    def read_nearest(self, picture: Pixels, roi: Box | None = None) -> list[PlateCandidate]:
        """At most a handful of plates, the nearest first; boxes in picture coordinates."""


@dataclass(slots=True)
class _Watch:
    """The reading of one visit's plate by one camera."""

    visit_id: int
    voter: Voter
    rear: Voter
    rear_plate: str = ""
    due_ns: int = 0
    clearest: float = -1_000.0
    crop: Pixels | None = None
    at_ns: MonotonicNs = field(default_factory=lambda: MonotonicNs(0))
    verdict: Verdict | None = None
    fault: Fault | None = None


class CameraNode:
    """Node of the process `camera`."""

    name = "camera"
    period_ns = PERIOD_NS

    def __init__(
        self,
        cameras: Mapping[str, Camera],
        reader: Reader,
        clock: Clock,
        spool_dir: Path,
        *,
        vote: VoteSettings,
        jpeg_quality: int,
        recording: Recording | None = None,
        known: frozenset[str] = frozenset(),
    ) -> None:
        """cameras: by role, "front" first; an empty mapping means a lane without cameras."""
        self._recording = recording
        self._known = known
        self._cameras = dict(cameras)
        self._roles = tuple(self._cameras)
        self._health = {role: Health() for role in self._roles}
        self._reader = reader
        self._clock = clock
        self._spool = spool_dir
        self._vote = vote
        self._quality = jpeg_quality
        self._watch: _Watch | None = None
        self._captured: dict[int, Captured] = {}
        self._console_up = False
        self._live_due_ns = 0
        self._live_turn = 0
        self._fault_due_ns: dict[str, int] = {}
        self._unsharp: list[Fault] = []
        self._after = Follower(recording, spool_dir, vote, jpeg_quality, EXIT in self._roles)

    def on_event(self, event: NodeEvent, now_ns: MonotonicNs) -> Sequence[Send]:
        """React to one event: at most one picture read for a plate."""
        if isinstance(event, Received) and event.peer == CONTROL:
            if isinstance(event.message, Look):
                return self._look(event.message.visit_id, now_ns)
            if isinstance(event.message, Capture):
                return self._capture(event.message, now_ns)
            if isinstance(event.message, Snapshot):
                self._after.snapshot(event.message, now_ns)
        elif isinstance(event, Received) and isinstance(event.message, FollowedUp):
            self._after.answered(event.message.visit_id)
        elif isinstance(event, PeerUp | PeerDown):
            if event.peer == CONSOLE:
                self._console_up = isinstance(event, PeerUp)
            elif event.peer == CONTROL and isinstance(event, PeerDown):
                self._watch = None
        elif isinstance(event, Tick):
            return [
                *self._read(now_ns),
                *self._follow(now_ns),
                *self._live(now_ns),
                *self._late_reports(now_ns),
            ]
        return []

    def close(self) -> None:
        """Stop every camera."""
        for camera in self._cameras.values():
            camera.close()
        if self._recording is not None:
            self._recording.close()

    def _look(self, visit_id: int, now_ns: MonotonicNs) -> list[Send]:
        """Begin, go on with, or end a visit's reading; answer what is known."""
        if visit_id == 0:
            self._watch = None
            return []
        if self._watch is None or self._watch.visit_id != visit_id:
            self._watch = _Watch(visit_id, Voter(self._vote), Voter(self._vote))
            return []
        return self._answer(self._watch)

    def _read(self, now_ns: MonotonicNs) -> list[Send]:
        watch = self._watch
        if watch is None or not self._roles or now_ns < watch.due_ns:
            return []
        if watch.verdict is not None and watch.verdict.outcome is PlateOutcome.READ:
            return self._read_rear(watch, now_ns)
        role = self._roles[0]
        taken = self._photograph(role, now_ns, standing=True)
        if isinstance(taken, Fault):
            watch.fault = taken
            return [*self._report(taken, now_ns), *self._answer(watch)]
        if not self._health[role].fresh:
            return []
        watch.fault = None
        if self._recording is not None:
            shown = pictures.small(taken)
            self._recording.see(role, shown, pictures.within(shown), now_ns)
        found = self._reader.read_nearest(taken)
        watch.voter.add(found)
        watch.verdict = watch.voter.verdict()
        watch.at_ns = now_ns
        if found and found[0].score > watch.clearest:
            watch.clearest = found[0].score
            watch.crop = pictures.plate_crop(taken, found[0].box)
        slow = watch.voter.frames >= EAGER_FRAMES
        watch.due_ns = self._clock.monotonic_ns() + (SLOW_PERIOD_NS if slow else 0)
        return self._answer(watch)

    def _read_rear(self, watch: _Watch, now_ns: MonotonicNs) -> list[Send]:
        """The rear plate, once the front one is known: a trailer has a plate of its own."""
        if REAR not in self._roles or watch.rear_plate or watch.rear.frames >= REAR_FRAMES_MAX:
            return []
        taken = self._photograph(REAR, now_ns)
        if isinstance(taken, Fault):
            return self._report(taken, now_ns)
        if not self._health[REAR].fresh:
            return []
        watch.rear.add(self._reader.read_nearest(taken))
        verdict = watch.rear.verdict()
        if verdict.outcome is not PlateOutcome.READ:
            return []
        watch.rear_plate = verdict.plate
        return self._answer(watch)

    def _answer(self, watch: _Watch) -> list[Send]:
        reading = _reading(watch)
        if reading is None:
            return []
        weights = () if watch.verdict is None else watch.verdict.weights
        return [Send(CONTROL, PlateSeen(ordered(reading, weights, self._known)))]

    def _capture(self, wanted: Capture, now_ns: MonotonicNs) -> list[Send]:
        """Photos of the latch moment, once a visit; the same answer to every repetition."""
        visit_id = wanted.visit_id
        known = self._captured.get(visit_id)
        if known is not None:
            return [Send(CONTROL, PhotosTaken(known))]
        sends: list[Send] = []
        shots: list[tuple[str, bytes]] = []
        for role in self._roles:
            if role == EXIT:  # nobody stands there yet; its picture comes with the follow-up
                continue
            taken = self._photograph(role, now_ns)
            if isinstance(taken, Fault):
                sends.extend(self._report(taken, now_ns))
            else:
                shots.append((role, pictures.jpeg(taken, self._quality)))
        if self._roles and not shots:
            return sends
        if self._watch is not None and self._watch.visit_id == visit_id:
            crop = self._watch.crop
            if crop is not None:
                shots.append(("plate", pictures.jpeg(crop, self._quality)))
        if self._recording is not None:
            film = self._recording.clip(now_ns)
            shots.extend([("clip", film)] if film else [])
            self._recording.note(visit_id, wanted.plate, now_ns)
            if self._watch is not None and self._watch.visit_id == visit_id:
                self._recording.note(visit_id, self._watch.rear_plate, now_ns)
        try:
            refs = tuple(spool.store(self._spool, role, encoded) for role, encoded in shots)
        except OSError as error:
            fault = Fault(FaultCode.BUS, "spool", now_ns, f"a photo cannot be stored: {error}")
            return [*sends, *self._report(fault, now_ns)]
        self._after.latched(visit_id, now_ns)
        return [*sends, Send(CONTROL, PhotosTaken(self._keep(visit_id, refs)))]

    def _follow(self, now_ns: MonotonicNs) -> list[Send]:
        """A judged vehicle on its way: film it, and read its plate at the exit."""
        sends: list[Send] = []
        if self._after.active and self._recording is not None and self._roles:
            taken = self._photograph(self._roles[0], now_ns, standing=True)
            if not isinstance(taken, Fault):
                shown = pictures.small(taken)
                self._recording.see(self._roles[0], shown, pictures.within(shown), now_ns)
        if EXIT in self._roles and self._after.exit_wanted(now_ns):
            taken = self._photograph(EXIT, now_ns)
            if isinstance(taken, Fault):
                sends.extend(self._report(taken, now_ns))
            elif self._health[EXIT].fresh:
                self._after.exit_seen(taken, self._reader.read_nearest(taken), now_ns)
        return [*sends, *self._after.tick(now_ns)]

    def _keep(self, visit_id: int, refs: tuple[PhotoRef, ...]) -> Captured:
        while len(self._captured) >= VISITS_KEPT_MAX:
            del self._captured[next(iter(self._captured))]
        captured = Captured(visit_id, refs)
        self._captured[visit_id] = captured
        return captured

    def _photograph(
        self, role: str, now_ns: MonotonicNs, *, standing: bool = False
    ) -> Pixels | Fault:
        """The newest picture, or why it shows nothing of this moment.

        A picture out of focus is reported and still given: it may be read or not.
        """
        taken = self._cameras[role].capture(now_ns)
        if isinstance(taken, Fault):
            return taken
        picture = pictures.pixels(taken)
        code = self._health[role].judge(picture, taken.at_ns, standing=standing)
        if code is None:
            return picture
        device = self._cameras[role].describe().name
        fault = Fault(code, device, now_ns, SEEN_FAULTS[code])
        if code is FaultCode.BLURRED:
            self._unsharp.append(fault)
            return picture
        return fault

    def _report(self, fault: Fault, now_ns: MonotonicNs) -> list[Send]:
        if now_ns < self._fault_due_ns.get(fault.device, 0):
            return []
        self._fault_due_ns[fault.device] = now_ns + FAULT_PERIOD_NS
        return [Send(CONTROL, DeviceFault(fault))]

    def _late_reports(self, now_ns: MonotonicNs) -> list[Send]:
        faults, self._unsharp = self._unsharp, []
        if self._after.problem:
            faults.append(Fault(FaultCode.BUS, "spool", now_ns, self._after.problem))
            self._after.problem = ""
        if self._recording is not None and self._recording.fault is not None:
            faults.append(self._recording.fault)
        return [send for fault in faults for send in self._report(fault, now_ns)]

    def _live(self, now_ns: MonotonicNs) -> list[Send]:
        recorded = self._recording is not None and self._recording.wanted
        if not (self._console_up or recorded) or not self._roles or now_ns < self._live_due_ns:
            return []
        busy = self._watch is not None
        self._live_due_ns = now_ns + (PERIOD_NS if busy else IDLE_PERIOD_NS)
        role = self._roles[self._live_turn % len(self._roles)]
        self._live_turn += 1
        taken = self._photograph(role, now_ns, standing=busy and role != EXIT)
        if isinstance(taken, Fault):
            return self._report(taken, now_ns)
        shown = pictures.small(taken)
        encoded = pictures.within(shown)
        if self._recording is not None:
            self._recording.see(role, shown, encoded, now_ns)
        if not encoded or not self._console_up:
            return []
        plate = ""
        if self._watch is not None and self._watch.verdict is not None:
            plate = self._watch.verdict.plate
        return [Send(CONSOLE, LiveFrame(role, encoded, plate))]


def _reading(watch: _Watch) -> PlateReading | None:
    """What control is told of this visit, None before the first frame."""
    if watch.fault is not None and (
        watch.verdict is None or watch.verdict.outcome is not PlateOutcome.READ
    ):
        return PlateReading(
            visit_id=watch.visit_id,
            outcome=PlateOutcome.CAMERA_FAULT,
            plate="",
            colour=UNKNOWN_COLOUR,
            kind="",
            margin_mn=0,
            candidates=(),
            frames=watch.voter.frames,
            at_ns=watch.fault.at_ns,
        )
    verdict = watch.verdict
    if verdict is None:
        return None
    return PlateReading(
        visit_id=watch.visit_id,
        outcome=verdict.outcome,
        plate=verdict.plate,
        colour=verdict.colour,
        kind=verdict.kind,
        margin_mn=round(verdict.margin * 1_000),
        candidates=verdict.candidates,
        frames=verdict.frames,
        at_ns=watch.at_ns,
        rear_plate=watch.rear_plate,
    )
