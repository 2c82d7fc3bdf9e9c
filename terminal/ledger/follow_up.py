"""What came after a visit's record: the film to its end, and the plate that was seen leaving.

The record is durable before the barrier opens, so what the cameras see afterwards can only come
in a record of its own, which names the first one. It reports; nothing is ever opened or held by it.
"""

from __future__ import annotations

from typing import Final

from terminal.core.plate import kind_of
from terminal.core.types import PhotoRef
from terminal.ledger.store import Store
from terminal.messages import FollowUp
from terminal.records import Happening, Weigh

AGREES: Final = "follow_up"
MISMATCH: Final = "exit_mismatch"
TRAILER: Final = "trailer"
ENDED: Final = {
    "visit": "the visit was over",
    "time": "it was as long as it may be",
    "space": "it was as large as it may be",
    "next": "the next vehicle stood there",
}
"""Why a film ends, by what the camera says."""


def kept(store: Store, about_seq: int) -> int | None:
    """Record that follows this one up, None while there is none."""
    found = store.execute("select seq from follow_up where about_seq = ?", (about_seq,))
    return int(str(found[0][0])) if found else None


def remember(store: Store, about_seq: int, seq: int) -> None:
    """One record follows another up; inside the transaction that writes it."""
    store.execute("insert into follow_up values (?, ?)", (about_seq, seq))


def differs(weigh: Weigh, exit_plate: str) -> bool:
    """Whether another vehicle left than the record names.

    A trailer's plate is held against the trailer's; where the record has none to compare, nothing
    is claimed.
    """
    known = weigh.rear_plate if kind_of(exit_plate) == TRAILER else weigh.plate
    return bool(exit_plate) and bool(known) and exit_plate != known


def happening(
    said: FollowUp,
    about_seq: int,
    weigh: Weigh,
    photos: tuple[PhotoRef, ...],
    missing: tuple[PhotoRef, ...],
    at_ns: int,
) -> Happening:
    """The content of the second record. photos: those that are durable; missing: the others."""
    other = differs(weigh, said.exit_plate)
    told = [f"the film ends because {ENDED.get(said.ended, said.ended)}"]
    if other:
        told.insert(0, f"{weigh.plate} was weighed, {said.exit_plate} left")
    if missing:
        told.append("not there: " + " ".join(f"{p.role} {p.sha256.hex()[:16]}" for p in missing))
    return Happening(
        event=MISMATCH if other else AGREES,
        detail="; ".join(told),
        at_ns=at_ns,
        about_seq=about_seq,
        evidence=photos or None,
        exit_plate=said.exit_plate or None,
    )
