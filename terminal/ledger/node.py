"""The ledger process as a Node: messages in, durable facts, answers out.

Sole writer of the database and the only holder of the signing key. A disk that refuses becomes
a CommitRefused with its reason; an answer is never sent before the commit returned.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import apsw
import msgspec

from hal.contract.types import NS_PER_S, MonotonicNs
from terminal import outbox
from terminal.core.types import Event, RecordDraft
from terminal.ledger import again, keepsakes, vehicles
from terminal.ledger.book import Book
from terminal.ledger.errors import LedgerRefusedError
from terminal.ledger.flight import FlightRecorder
from terminal.ledger.receipts import Receipts, Settled
from terminal.ledger.store import Item, Store
from terminal.link import PeerDown, PeerUp, Received
from terminal.messages import (
    CommitDone,
    CommitDraft,
    CommitRefused,
    CornersKept,
    Delivered,
    FlightFrame,
    FollowedUp,
    FollowUp,
    ItemClass,
    Journal,
    LedgerStatus,
    Message,
    Pending,
    Pull,
    PullDone,
    Reconcile,
    TargetStatus,
    Undeliverable,
    VehicleLookup,
    Wake,
    ZeroKept,
)
from terminal.node import NodeEvent, Send
from terminal.raw_samples import SamplesEnd, SamplesPart

PULL_MAX = 32
"""Items answered to one Pull: what a link's queue holds."""
JOURNAL_WAITING_MAX = 256
"""Events kept while the disk refuses; older ones are dropped and counted."""
SPOOL_SWEEP_S = 600
WHY_CHARS_MAX = 200
ALARM_RESERVE = 1_000
"""Alarms still become records this far beyond the outbox bound."""
KEPT = (SamplesPart, SamplesEnd, ZeroKept, CornersKept)
ALLOWED: dict[str, tuple[type, ...]] = {
    "control": (CommitDraft, Journal, VehicleLookup, FlightFrame, *KEPT),
    "camera": (FollowUp,),
    "uplink": (Pull, Delivered, Undeliverable, TargetStatus, Reconcile),
}
"""Which peer may say what. Snapshots and everything else are ignored."""


@dataclass(slots=True)
class TargetState:
    """One receiving platform as the ledger sees it."""

    name: str
    waiting: int = 0
    quarantined: int = 0
    up: bool = False
    rung: str = ""
    why: str = ""


@dataclass(slots=True)
class LedgerNode:
    """Logic of the ledger process. Made by terminal.ledger.build."""

    store: Store
    book: Book
    flight: FlightRecorder
    target_names: tuple[str, ...]
    outbox_max: int
    disk_free_bytes_min: int
    disk_free: Callable[[], int]
    simulated: bool
    rng: random.Random
    name: str = "ledger"
    period_ns: int = NS_PER_S
    targets: dict[str, TargetState] = field(default_factory=dict)
    events_waiting: list[Event] = field(default_factory=list)
    events_lost: int = 0
    last_refusal: str = ""
    _receipts: Receipts = field(init=False)
    _alarmed: bool = False
    _busy: bool = False
    _seconds: int = 0

    def __post_init__(self) -> None:
        """Take stock of what is owed."""
        self._receipts = Receipts(self.store)
        self.targets = {name: TargetState(name) for name in self.target_names}
        self._count()

    def on_event(self, event: NodeEvent, now_ns: MonotonicNs) -> Sequence[Send]:
        """One message, link change or second. Never raises for a disk that refuses."""
        match event:
            case PeerUp(peer, simulated):
                self.simulated = self.simulated or simulated
                return self._greet(peer)
            case PeerDown():
                return self._lost(event.peer)
            case Received(peer, message):
                if not isinstance(message, ALLOWED.get(peer, ())):
                    return ()
                return self._answer(peer, message, now_ns)
            case _:
                return self._second()

    def close(self) -> None:
        """Write what waits and close every file."""
        self._write_receipts()
        self.flight.close()
        self.store.close()

    def _greet(self, peer: str) -> Sequence[Send]:
        if peer == "control":
            return (self._status(), *self._kept())
        return (Send("uplink", Wake()),) if peer == "uplink" else ()

    def _kept(self) -> Sequence[Send]:
        """What control gave us to keep, as far as it can be read."""
        sends: list[Send] = []
        for what, read in keepsakes.READ.items():
            try:
                sends += [Send("control", message) for message in read(self.store)]
            except (apsw.Error, msgspec.MsgspecError) as error:
                self.last_refusal = f"the kept {what} cannot be read: {error}"
        return sends

    def _lost(self, peer: str) -> Sequence[Send]:
        if peer == "uplink":
            for target in self.targets.values():
                target.up, target.rung, target.why = False, "", ""
        return (self._status(),)

    def _second(self) -> Sequence[Send]:
        sends = list(self._write_receipts())
        if self.events_waiting:
            sends += self._write_events((), 0)
        try:
            self.store.checkpoint(quiet=not self._busy)
        except LedgerRefusedError as error:
            self.last_refusal = str(error)
        self._busy = False
        self._seconds += 1
        if self._seconds % SPOOL_SWEEP_S == 0:
            self.last_refusal = self.book.sweep() or self.last_refusal
        return [*sends, self._status()]

    def _answer(self, peer: str, message: Message, now_ns: MonotonicNs) -> Sequence[Send]:
        try:
            if isinstance(message, FollowUp):
                return self._follow_up(message)
            return self._control(message) if peer == "control" else self._uplink(message, now_ns)
        except (apsw.Error, OverflowError) as error:
            self.last_refusal = f"the ledger cannot be read: {error}"
        except LedgerRefusedError as error:
            self.last_refusal = str(error)
        if isinstance(message, CommitDraft):
            return (
                Send("control", CommitRefused(message.draft.visit_id, self.last_refusal)),
                self._status(),
            )
        return ()

    def _control(self, message: Message) -> Sequence[Send]:
        match message:
            case CommitDraft(draft):
                return self._commit(draft)
            case Journal(events, lost):
                return self._write_events(events, lost)
            case VehicleLookup(plate):
                return (Send("control", vehicles.find(self.store, plate)),)
            case FlightFrame(frame):
                self.flight.append(frame)
            case SamplesPart() | SamplesEnd():
                self.book.samples.take(message)
            case ZeroKept() | CornersKept():
                keepsakes.keep(self.store, message)
            case _:
                pass
        return ()

    def _uplink(self, message: Message, now_ns: MonotonicNs) -> Sequence[Send]:
        match message:
            case Pull(target, limit):
                return self._pull(target, limit, now_ns)
            case Delivered(target, item, receipt):
                if self._receipts.add(target, item, receipt):
                    return (*self._write_receipts(), self._status())
            case Undeliverable():
                return self._undeliverable(message, now_ns)
            case Reconcile(target, ledger_id, highest, missing):
                return self._reconcile(target, ledger_id, highest, missing)
            case TargetStatus(target, up, rung, why):
                if target in self.targets:
                    state = self.targets[target]
                    state.up, state.rung, state.why = up, rung, why[:WHY_CHARS_MAX]
                    return (self._status(),)
            case _:
                pass
        return ()

    def _undeliverable(self, said: Undeliverable, now_ns: MonotonicNs) -> Sequence[Send]:
        """Refused or not to be read: try again, or set aside; what is gone gets a gap record."""
        written = self._write_receipts()
        return (*written, *self._refused(said, now_ns))

    def _refused(self, said: Undeliverable, now_ns: MonotonicNs) -> Sequence[Send]:
        if said.code == outbox.UNREADABLE:
            try:
                if self.book.declare_lost(said.item, simulated=self.simulated):
                    self._count()
                    return self._after_new()
            except LedgerRefusedError as error:
                self.last_refusal = str(error)
        before = self.store.delivery(said.target, said.item)
        if before is None:
            return ()
        jitter = self.rng.randint(0, outbox.JITTER_MAX)
        after = outbox.after_refusal(before, said.code, said.why, now_ns, jitter)
        if after == before:
            return ()
        with self.store.transaction():
            self.store.set_delivery(said.target, said.item, after)
        return (*self._moved((Settled(said.target, said.item, before, after),)), self._status())

    def _reconcile(
        self, target: str, ledger_id: bytes, highest: int, missing: tuple[tuple[int, int], ...]
    ) -> Sequence[Send]:
        """What the platform lost (a restored backup) is owed again; the bytes are the same.

        What it refused is offered again too, a part at a time: it may have mended its ways.
        """
        if target not in self.targets or ledger_id != self.book.origin.ledger_id:
            return ()
        written = self._write_receipts()
        with self.store.transaction():
            lacking = (*missing, (highest + 1, self.book.last_seq))
            owed = again.reopen(self.store, target, lacking) + again.offer(self.store, target)
        if not owed:
            return written
        self._count()
        return (*written, self._status(), Send("uplink", Wake()))

    def _commit(self, draft: RecordDraft) -> Sequence[Send]:
        self._busy = True
        why_not = self._why_not()
        known = self.book.known(draft) if why_not else None  # what is committed stays so
        if known is not None:
            return (Send("control", CommitDone(known)),)
        if why_not:
            raise LedgerRefusedError(why_not)
        written = self.book.commit(draft, simulated=self.simulated)
        answer = Send("control", CommitDone(written.committed))
        if written.repeated:
            return (answer,)
        self.last_refusal = ""
        return (answer, *self._after_new())

    def _why_not(self) -> str:
        """Why no vehicle may be committed now; empty when one may."""
        free_bytes = self.disk_free()
        if free_bytes < self.disk_free_bytes_min:
            return (
                f"only {free_bytes // 1_000_000} MB are free on the ledger's disk; "
                f"{self.disk_free_bytes_min // 1_000_000} MB must stay free"
            )
        if self._fill() is outbox.Fill.FULL:
            self._write_receipts()  # no vehicle is refused for receipts that are here already
            if self._fill() is outbox.Fill.FULL:
                unsent = self._unsent()
                return f"the outbox holds {unsent} unsent items, its bound is {self.outbox_max}"
        return ""

    def _follow_up(self, said: FollowUp) -> Sequence[Send]:
        """What came after a visit. No answer while it cannot be kept: the camera repeats it."""
        if self._unsent() >= self.outbox_max + ALARM_RESERVE:
            return ()
        before = self.book.last_seq
        if not self.book.follow_up(said, simulated=self.simulated):
            return ()
        answer = Send("camera", FollowedUp(said.visit_id))
        return (answer,) if self.book.last_seq == before else (answer, *self._after_new())

    def _after_new(self) -> Sequence[Send]:
        self._count_new()
        return (*self._warn(), self._status(), Send("uplink", Wake()))

    def _warn(self) -> Sequence[Send]:
        if self._fill() is outbox.Fill.OK:
            self._alarmed = False
        elif not self._alarmed:
            self._alarmed = True
            now_ns = self.book.now_ns()
            detail = f"{self._unsent()} of {self.outbox_max} items wait"
            return self._write_events((Event("outbox_alarm", now_ns, detail),), 0)
        return ()

    def _write_events(self, events: Sequence[Event], lost: int) -> Sequence[Send]:
        self.events_waiting.extend(events)
        self.events_lost += lost + max(0, len(self.events_waiting) - JOURNAL_WAITING_MAX)
        del self.events_waiting[:-JOURNAL_WAITING_MAX]
        beyond = self._unsent() >= self.outbox_max + ALARM_RESERVE
        try:
            new = self.book.journal(
                self.events_waiting, self.events_lost, simulated=self.simulated, alarms=not beyond
            )
        except LedgerRefusedError as error:
            self.last_refusal = str(error)
            return ()
        self.events_waiting.clear()
        self.events_lost = 0
        if not new:
            return ()
        self._count_new()
        return (self._status(), Send("uplink", Wake()))

    def _pull(self, target: str, limit: int, now_ns: MonotonicNs) -> Sequence[Send]:
        if target not in self.targets:
            return (Send("uplink", PullDone(target, 0)),)
        written = self._write_receipts()
        items = self.store.pull(target, now_ns, max(0, min(limit, PULL_MAX)))
        pending = [Send("uplink", _pending(target, item)) for item in items]
        left = self.targets[target].waiting - len(items)
        return [*written, *pending, Send("uplink", PullDone(target, max(0, left)))]

    def _write_receipts(self) -> Sequence[Send]:
        """Whatever asks what is owed asks after this. A disk that refuses costs repeats only."""
        try:
            return self._moved(self._receipts.write())
        except LedgerRefusedError as error:
            self.last_refusal = str(error)
            return ()

    def _moved(self, group: Sequence[Settled]) -> Sequence[Send]:
        for one in group:
            state = self.targets.get(one.target)
            if state is not None:
                state.waiting += (one.after.state == 0) - (one.before.state == 0)
                state.quarantined += (one.after.state == 2) - (one.before.state == 2)
        return self._warn() if group else ()

    def _count(self) -> None:
        for target in self.targets.values():
            target.waiting, target.quarantined = self.store.counts(target.name)
            self.store.grown(target.name)  # is in that count

    def _count_new(self) -> None:
        """Costs what is new, not what waits: a backlog must not make every commit dearer."""
        for target in self.targets.values():
            target.waiting += self.store.grown(target.name)

    def _unsent(self) -> int:
        return max((target.waiting for target in self.targets.values()), default=0)

    def _fill(self) -> outbox.Fill:
        return outbox.fill_of(self._unsent(), self.outbox_max)

    def _status(self) -> Send:
        states = self.targets.values()
        return Send(
            "control",
            LedgerStatus(
                self.book.last_seq,
                self._unsent(),
                sum(target.quarantined for target in states),
                self.outbox_max,
                self.disk_free(),
                tuple((t.name, t.waiting, t.quarantined, t.up, t.rung, t.why) for t in states),
            ),
        )


def _pending(target: str, it: Item) -> Pending:
    item_class = ItemClass(it.item_class)
    return Pending(target, it.item, item_class, it.item_id, it.sha256, it.body, it.path)
