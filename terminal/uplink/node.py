"""The uplink's logic as a Node: pulls from the ledger, decides what goes next, weighs answers.

It neither sends nor waits: take() hands out the requests that are due and on_reply() takes
what came of one, so that the real shell and the seeded simulator drive the same object. It
must never report a delivery that no receipt proves, and never drop an item.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from hal.contract.types import NS_PER_S, MonotonicNs
from terminal.config import Target
from terminal.link import PeerDown, PeerUp, Received
from terminal.messages import (
    Delivered,
    Message,
    Pending,
    Pull,
    PullDone,
    Reconcile,
    TargetStatus,
    Undeliverable,
    Wake,
)
from terminal.node import NodeEvent, Send, Tick
from terminal.outbox import UNREADABLE, Bucket
from terminal.uplink.adapters import ADAPTERS
from terminal.uplink.exchange import (
    Adapter,
    Outcome,
    Question,
    Request,
    Topic,
    WireReply,
    WireRequest,
)
from terminal.uplink.queue import PERIOD_NS, WINDOW_MAX, Item, TargetQueue

LEDGER = "ledger"
CURSOR_NS = 3_600 * NS_PER_S
"""How often a platform is asked what it holds; also once after every start of ours."""
CURSOR_RETRY_NS = 60 * NS_PER_S
STATUS_NS = 5 * NS_PER_S
"""A target's state is repeated this often, and at once when it changes."""


@dataclass(slots=True)
class _Target:
    queue: TargetQueue
    adapter: Adapter
    told: TargetStatus | None = None
    told_ns: int = 0
    cursor_due_ns: int = 0
    asking: bool = False


class UplinkNode:
    """One queue a target; targets never wait for each other."""

    name = "uplink"
    period_ns = PERIOD_NS

    def __init__(
        self, targets: Sequence[Target], rng: random.Random, terminal_id: str = ""
    ) -> None:
        """targets: as configured; rng: seeded, for back-off jitter and the random start.

        terminal_id: whose cursor is asked for; empty for no reconciliation.
        """
        self._terminal_id = terminal_id
        self._targets = {
            target.name: _Target(
                TargetQueue(target.name, _bucket(target.records_per_s_max), target.photos, rng),
                ADAPTERS[target.adapter](),
            )
            for target in targets
        }
        self._ledger_up = False
        self.unknown_targets = 0

    def on_event(self, event: NodeEvent, now_ns: MonotonicNs) -> Sequence[Send]:
        """React to the ledger and to time."""
        if isinstance(event, Received):
            if event.peer != LEDGER:  # control shows itself to the resources, not to the queue
                return ()
            if not self._receive(event.message):
                return ()
        elif isinstance(event, PeerUp) and event.peer == LEDGER:
            self._ledger_up = True
            for target in self._targets.values():
                target.told = None
        elif isinstance(event, PeerDown) and event.peer == LEDGER:
            self._ledger_up = False
            for target in self._targets.values():
                target.queue.forget()
        elif not isinstance(event, Tick):
            return ()
        return self._housekeeping(now_ns)

    def _receive(self, message: Message) -> bool:
        """Take it in. False: one item of many, nothing to be done before the last of them."""
        if isinstance(message, Wake):
            for target in self._targets.values():
                target.queue.wanted = True
        elif isinstance(message, Pending | PullDone):
            known = self._targets.get(message.target)
            if known is None:
                self.unknown_targets += 1
            elif isinstance(message, Pending):
                known.queue.offer(message)
                return False
            else:
                known.queue.pull_done(message.left)
        return True

    def _housekeeping(self, now_ns: int) -> list[Send]:
        if not self._ledger_up:
            return []
        sends: list[Send] = []
        for name, target in self._targets.items():
            if target.queue.pull_due(now_ns):
                target.queue.pull(now_ns)
                sends.append(Send(LEDGER, Pull(name, WINDOW_MAX)))
            sends.extend(self._tell(target, now_ns))
        return sends

    def _tell(self, target: _Target, now_ns: int) -> list[Send]:
        queue = target.queue
        why = queue.why or queue.clock_note or queue.key_note
        status = TargetStatus(queue.name, queue.up, queue.rung, why)
        if status == target.told and now_ns - target.told_ns < STATUS_NS:
            return []
        target.told, target.told_ns = status, now_ns
        return [Send(LEDGER, status)]

    def take(self, now_ns: MonotonicNs) -> list[tuple[Request, Adapter]]:
        """Requests to carry now. Each must come back through on_reply, whatever happens."""
        if not self._ledger_up:
            return []
        return [
            (item.request(), target.adapter)
            for target in self._targets.values()
            for item in target.queue.due(now_ns)
        ]

    def questions(self, now_ns: MonotonicNs) -> list[Question]:
        """What to ask the targets now. Each answer must come back through on_answer."""
        found: list[Question] = []
        for name, target in self._targets.items():
            queue = target.queue
            ready = self._ledger_up and queue.up and not target.asking
            due_ns = max(target.cursor_due_ns, queue.held_until_ns)
            if self._terminal_id and ready and now_ns >= due_ns:
                target.asking = True
                wire = target.adapter.cursor_wire(self._terminal_id)
                found.append(Question(name, Topic.CURSOR, wire))
                found.append(Question(name, Topic.TIME, target.adapter.time_wire()))
        return found

    def on_answer(
        self, question: Question, reply: WireReply, now_ns: MonotonicNs, wall_ns: int
    ) -> list[Send]:
        """What came of a question. wall_ns: our UTC at the moment of the answer."""
        target = self._targets[question.target]
        if question.topic is Topic.CURSOR:
            return self._on_cursor(question.target, target, reply, now_ns)
        their_ms = target.adapter.decode_time(reply)
        if their_ms is not None:
            target.queue.told_clock(wall_ns // NS_PER_S - their_ms // 1_000)
        return self._housekeeping(now_ns)

    def _on_cursor(
        self, name: str, target: _Target, reply: WireReply, now_ns: MonotonicNs
    ) -> list[Send]:
        """What the platform holds goes to the ledger, which knows what it should hold."""
        target.asking = False
        held = target.adapter.decode_cursor(reply)
        target.cursor_due_ns = now_ns + (CURSOR_RETRY_NS if held is None else CURSOR_NS)
        return [
            Send(LEDGER, Reconcile(name, chain.ledger_id, chain.highest, chain.missing))
            for chain in held or ()
        ]

    def on_reply(self, request: Request, reply: WireReply, now_ns: MonotonicNs) -> list[Send]:
        """Weigh what came of one request; the answer is what the ledger must be told."""
        target = self._targets[request.target]
        item = target.queue.items.get(request.item)
        assert item is not None, "a reply to something that was never under way"
        assert item.in_flight, "a second reply to one request"
        item.in_flight = False
        return self._judge(target, item, request, reply, now_ns)

    def _judge(
        self, target: _Target, item: Item, request: Request, reply: WireReply, now_ns: int
    ) -> list[Send]:
        queue = target.queue
        judgement = target.adapter.judge(request, reply)
        sends: list[Send] = []
        if judgement.outcome is Outcome.DELIVERED:
            queue.succeeded(now_ns, reply.rung)
            queue.settle(request.item)
            if judgement.clock_ahead_s:
                queue.told_clock(judgement.clock_ahead_s)
            queue.new_key = judgement.new_key or queue.new_key
            sends.append(Send(LEDGER, Delivered(queue.name, request.item, judgement.receipt)))
        elif judgement.outcome is Outcome.REFUSED:
            queue.succeeded(now_ns, reply.rung)
            if queue.refused(item, now_ns):
                queue.settle(request.item)
                message = Undeliverable(queue.name, request.item, judgement.code, judgement.why)
                sends.append(Send(LEDGER, message))
        elif judgement.outcome is Outcome.ASIDE:
            queue.succeeded(now_ns, reply.rung)
            queue.step_aside(item, now_ns, judgement.why)
        else:
            queue.failed(item, now_ns, judgement.why, judgement.retry_after_s)
        return sends + self._housekeeping(now_ns)

    def told_keys(self, target: str, note: str) -> None:
        """How the replacement of a target's keys stands, for the operator; empty for nothing."""
        self._targets[target].queue.key_note = note

    def new_key(self, target: str) -> int:
        """The last rotation that a receipt of this target named, 0 for none."""
        return self._targets[target].queue.new_key

    def unreadable(self, request: Request, why: str, now_ns: MonotonicNs) -> list[Send]:
        """The item's own file cannot be read here: set it aside, say so, go on."""
        queue = self._targets[request.target].queue
        queue.settle(request.item)
        message = Undeliverable(queue.name, request.item, UNREADABLE, why)
        return [Send(LEDGER, message), *self._housekeeping(now_ns)]

    def network_changed(self, now_ns: MonotonicNs) -> list[Send]:
        """A link came up: every wait for the old one is over."""
        for target in self._targets.values():
            target.queue.retry_now()
        return self._housekeeping(now_ns)

    def close(self) -> None:
        """Nothing is held: the ledger has it all."""


def _bucket(rate_per_s: int) -> Bucket:
    return Bucket.full(rate_per_s, rate_per_s, 0)


def wire_of(adapter: Adapter, request: Request, photo: bytes) -> WireRequest:
    """The wire form of a request; photo: the file's bytes when it has a path."""
    return adapter.to_wire(request, photo if request.path else request.body)
