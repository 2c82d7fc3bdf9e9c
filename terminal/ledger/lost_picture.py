"""A picture whose file is gone: what a gap record says of it.

A record keeps the digest of its pictures for ever, so one that is lost cannot be forgotten
silently: it is declared, once, in the same chain. It never declares what may still be there.
"""

from __future__ import annotations

from terminal.ledger.evidence import Evidence
from terminal.ledger.store import Store
from terminal.records import Gap


def gap_of(store: Store, evidence: Evidence, number: int) -> Gap | None:
    """The gap to declare for an item of the outbox, None when its picture may be there.

    Reads every record, to name those that hold the picture's digest.
    """
    found = store.execute(
        "select class, item_id, sha256 from item where item = ? and path <> ''", (number,)
    )
    if not found:
        return None
    item_class, item_id, sha256 = str(found[0][0]), str(found[0][1]), found[0][2]
    assert isinstance(sha256, bytes)
    why = evidence.lost(sha256)
    if not why:
        return None
    (named,) = store.execute(
        "select min(seq), max(seq) from item where seq is not null and instr(body, ?)", (sha256,)
    )
    first_seq, last_seq = named
    assert isinstance(first_seq, int), f"no record names {item_id}"
    assert isinstance(last_seq, int)
    return Gap(
        gap_class=item_class,
        first_seq=first_seq,
        last_seq=last_seq,
        count=1,
        why=f"{why}: {item_id}",
    )
