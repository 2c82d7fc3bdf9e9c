"""What comes after the latch: the film until the vehicle has left, and the plate at the exit.

The record is durable before the barrier opens, so all of this reaches the ledger as a second
message, repeated until it is answered. It opens and holds nothing; a visit that came to no record
is never answered, and its pictures are forgotten after KEPT_NS.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from hal.contract.types import NS_PER_MS, NS_PER_S, MonotonicNs
from terminal.anpr.types import Pixels, PlateCandidate
from terminal.anpr.vote import Voter, VoteSettings
from terminal.camera import pictures, spool
from terminal.camera.recording import Recording
from terminal.core.types import PlateOutcome
from terminal.messages import FollowUp, Snapshot
from terminal.node import Send

LEDGER: Final = "ledger"
EXIT: Final = "exit"
CLIP_AFTER: Final = "clip_after"
CLEARING: Final = "clearing"
"""The lane's state while a released vehicle passes the exit: it is what the exit camera sees."""
REPEAT_NS: Final = 2 * NS_PER_S
KEPT_NS: Final = 600 * NS_PER_S
WAITING_MAX: Final = 8
EXIT_FRAMES_MAX: Final = 8
EXIT_PERIOD_NS: Final = 400 * NS_PER_MS
VISIT_NS_MAX: Final = 300 * NS_PER_S
"""A vehicle that has not left by then is no longer waited for."""


@dataclass(slots=True)
class _Visit:
    """The visit being followed."""

    visit_id: int
    since_ns: int
    voter: Voter
    clearest: float = -1_000.0
    shot: Pixels | None = None
    due_ns: int = 0
    film: bytes | None = None
    ended: str = ""

    @property
    def exit_plate(self) -> str:
        """What the exit camera read for certain; empty for nothing."""
        verdict = self.voter.verdict()
        return verdict.plate if verdict.outcome is PlateOutcome.READ else ""


@dataclass(slots=True)
class _Waiting:
    message: FollowUp
    since_ns: int
    due_ns: int


@dataclass(slots=True)
class Follower:
    """Follows one visit at a time from its latch to its end.

    exit_camera: whether there is one to wait for.
    problem: why the last film or picture could not be stored; taken by whoever reports it.
    """

    recording: Recording | None
    spool_dir: Path
    vote: VoteSettings
    jpeg_quality: int
    exit_camera: bool = False
    problem: str = ""
    _visit: _Visit | None = None
    _state: str = ""
    _waiting: list[_Waiting] = field(default_factory=list)

    @property
    def active(self) -> bool:
        """Whether a visit is being followed, so that pictures are wanted."""
        return self._visit is not None

    def latched(self, visit_id: int, now_ns: MonotonicNs) -> None:
        """The photos of this visit are taken: follow it, and let go of one before it."""
        if self._visit is not None:
            self._finish("next", now_ns)
        self._visit = _Visit(visit_id, now_ns, Voter(self.vote))
        if self.recording is not None:
            self.recording.follow(now_ns)

    def snapshot(self, said: Snapshot, now_ns: MonotonicNs) -> None:
        """What control says: in which state the lane is, and whether the visit still runs."""
        self._state = said.state
        if self._visit is not None and said.visit_id != self._visit.visit_id:
            self._finish("visit", now_ns)

    def exit_wanted(self, now_ns: MonotonicNs) -> bool:
        """Whether the exit camera's next picture should be read."""
        visit = self._visit
        return (
            visit is not None
            and self._state == CLEARING
            and now_ns >= visit.due_ns
            and visit.voter.frames < EXIT_FRAMES_MAX
            and not visit.exit_plate
        )

    def exit_seen(self, picture: Pixels, found: list[PlateCandidate], now_ns: MonotonicNs) -> None:
        """One picture of the exit camera and the plates in it, the nearest first."""
        visit = self._visit
        if visit is None:
            return
        visit.voter.add(found)
        visit.due_ns = now_ns + EXIT_PERIOD_NS
        score = found[0].score if found else -999.0
        if score > visit.clearest:
            visit.clearest, visit.shot = score, picture.copy()

    def tick(self, now_ns: MonotonicNs) -> list[Send]:
        """End a film that is long or large enough; repeat what is not answered."""
        visit = self._visit
        if visit is not None:
            full = self.recording is not None and self.recording.follow_full
            span_ns = now_ns - visit.since_ns
            after_ms = 0 if self.recording is None else self.recording.after_ms
            if visit.film is None and (full or span_ns >= after_ms * NS_PER_MS):
                self._end_film(visit, "space" if full else "time", now_ns)
            if visit.film is not None and (not self.exit_camera or span_ns >= VISIT_NS_MAX):
                self._finish(visit.ended, now_ns)
        self._waiting = [kept for kept in self._waiting if now_ns - kept.since_ns < KEPT_NS]
        sends: list[Send] = []
        for kept in self._waiting:
            if now_ns >= kept.due_ns:
                kept.due_ns = now_ns + REPEAT_NS
                sends.append(Send(LEDGER, kept.message))
        return sends

    def answered(self, visit_id: int) -> None:
        """The ledger has it."""
        self._waiting = [kept for kept in self._waiting if kept.message.visit_id != visit_id]

    def _end_film(self, visit: _Visit, ended: str, now_ns: MonotonicNs) -> None:
        visit.film = b"" if self.recording is None else self.recording.followed(now_ns)
        visit.ended = ended

    def _finish(self, ended: str, now_ns: MonotonicNs) -> None:
        """The visit is over: store its film and picture, and begin to tell the ledger."""
        visit, self._visit = self._visit, None
        assert visit is not None
        if visit.film is None:
            self._end_film(visit, ended, now_ns)
        shots = [(CLIP_AFTER, visit.film)] if visit.film else []
        if visit.shot is not None:
            shots.append((EXIT, pictures.jpeg(visit.shot, self.jpeg_quality)))
        try:
            refs = tuple(spool.store(self.spool_dir, role, encoded) for role, encoded in shots)
        except OSError as error:
            self.problem = f"what came after a visit cannot be stored: {error}"
            return
        if refs:
            message = FollowUp(visit.visit_id, refs, visit.exit_plate, visit.ended)
            self._waiting = [*self._waiting[1 - WAITING_MAX :], _Waiting(message, now_ns, now_ns)]
