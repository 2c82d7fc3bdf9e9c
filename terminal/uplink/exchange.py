"""What passes between the uplink's logic and whatever carries its bytes.

The node asks for Requests to be carried; a Transport carries one and says what came back; an
Adapter knows one receiving platform's paths, codes and receipts. Pure values and Protocols: no
sockets, no clock, so the seeded simulator can stand in for the network.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from terminal.messages import ItemClass


class Lane(Enum):
    """Requests of one lane wait for each other; lanes never do (own context, own port)."""

    ALARM = "alarm"
    RECORD = "record"
    PHOTO = "photo"


LANE_OF: dict[ItemClass, Lane] = {
    ItemClass.ALARM: Lane.ALARM,
    ItemClass.RECORD: Lane.RECORD,
    ItemClass.HEALTH: Lane.RECORD,
    ItemClass.PHOTO: Lane.PHOTO,
    ItemClass.CLIP: Lane.PHOTO,
}

DEADLINE_MS: dict[ItemClass, int] = {
    ItemClass.ALARM: 20_000,
    ItemClass.RECORD: 30_000,
    ItemClass.HEALTH: 20_000,
    ItemClass.PHOTO: 180_000,
    ItemClass.CLIP: 600_000,
}
"""Longest wait for one request. Without it a peer that dies after an empty ACK is waited for
for ever."""


@dataclass(frozen=True, slots=True)
class Request:
    """One item to carry to one target. path: file of a photo; body: bytes of everything else.

    id and sha256 stay the same over every repeat, and so do the bytes.
    """

    target: str
    item: int
    item_class: ItemClass
    item_id: str
    sha256: bytes
    body: bytes
    path: str

    @property
    def lane(self) -> Lane:
        """The lane this request waits in."""
        return LANE_OF[self.item_class]

    @property
    def deadline_ms(self) -> int:
        """Longest wait for the answer."""
        return DEADLINE_MS[self.item_class]


@dataclass(frozen=True, slots=True)
class WireRequest:
    """One request as the platform's protocol has it; path without the leading slash."""

    method: str
    path: tuple[str, ...]
    content_format: int
    payload: bytes
    if_none_match: bool


@dataclass(frozen=True, slots=True)
class WireReply:
    """What came back. code: "2.01" style, empty when nothing came; why: then the reason.

    max_age_s: the answer's Max-Age in seconds, 0 when it has none.
    """

    code: str
    payload: bytes
    why: str
    rung: str
    max_age_s: int = 0


PROBE = WireRequest("GET", ("v1", "time"), 0, b"", False)
PROBED = "2.05"
"""The question whether anybody answers, and the code that says so."""


class Outcome(Enum):
    """What a reply means for the item.

    DELIVERED: a receipt echoes id and digest. REFUSED: this item will never be taken as it is.
    LATER: the target (or the way to it) is not well; the item is as good as before.
    ASIDE: the target is well but wants this item later (a photo before its record).
    """

    DELIVERED = "delivered"
    REFUSED = "refused"
    LATER = "later"
    ASIDE = "aside"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A reply, understood. receipt: its bytes as received, the proof that is kept.

    clock_ahead_s: by how much the platform finds the item dated after its arrival, 0 for fine.
    new_key: number of the rotation that the platform says is waiting, 0 for none.
    retry_after_s: how long the platform wants to be left alone, 0 when it does not say.
    """

    outcome: Outcome
    code: str
    why: str
    receipt: bytes = b""
    clock_ahead_s: int = 0
    retry_after_s: int = 0
    new_key: int = 0


@dataclass(frozen=True, slots=True)
class Held:
    """What a platform holds of one chain: highest seq, and the runs missing below it."""

    ledger_id: bytes
    highest: int
    missing: tuple[tuple[int, int], ...]


class Topic(Enum):
    """What a platform is asked beside the sending."""

    CURSOR = "cursor"
    TIME = "time"


@dataclass(frozen=True, slots=True)
class Question:
    """One small question to one target."""

    target: str
    topic: Topic
    wire: WireRequest


class Adapter(Protocol):
    """One receiving platform: its paths, its codes, its receipts. Pure."""

    name: str

    def to_wire(self, request: Request, payload: bytes) -> WireRequest:
        """The request in the platform's protocol. payload: the body, or the photo's bytes."""

    def cursor_wire(self, terminal_id: str) -> WireRequest:
        """The question what the platform holds of our records."""

    def decode_cursor(self, reply: WireReply) -> tuple[Held, ...] | None:
        """Its answer, chain by chain; None when it is none."""

    def time_wire(self) -> WireRequest:
        """The question what time the platform has."""

    def decode_time(self, reply: WireReply) -> int | None:
        """Its answer, milliseconds since 1970 UTC; None when it is none."""

    def keys_wire(self, terminal_id: str) -> WireRequest:
        """The question whether new keys wait for us."""

    def decode_keys(self, reply: WireReply) -> str | None:
        """Its answer: the county's command, empty for none; None when it is no answer."""

    def judge(self, request: Request, reply: WireReply) -> Judgement:
        """What the reply proves. Never DELIVERED without a receipt of this very item."""


class Transport(Protocol):
    """The way to one target. Never raises for the network's sake: it answers with a reason."""

    async def send(self, request: Request, wire: WireRequest) -> WireReply:
        """Carry one request and wait for its answer, at most request.deadline_ms."""

    async def ask(self, wire: WireRequest) -> WireReply:
        """One small question, bounded in time, beside everything else."""

    async def close(self) -> None:
        """Let go of every socket."""
