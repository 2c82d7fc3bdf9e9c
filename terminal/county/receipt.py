"""The receipt: what a stored item is answered with, and the only proof of delivery.

A CBOR map with integer keys (interface description: records.cddl). It is made only after the
commit that makes the item durable.
"""

from __future__ import annotations

import cbor2

ID, DIGEST, STORED_AT, SEQ_HIGH, CLOCK_AHEAD_S, NEW_KEY = 1, 2, 3, 4, 5, 6
DIGEST_BYTES = 16


def encode_receipt(
    item_id: str,
    digest: bytes,
    stored_ns: int,
    seq_high: int,
    clock_ahead_s: int = 0,
    new_key: int = 0,
) -> bytes:
    """digest: SHA-256 of the stored bytes, 32 bytes. stored_ns: UTC. seq_high: contiguous.

    clock_ahead_s: 0 unless the record is dated impossibly far after its arrival.
    new_key: number of the rotation that waits for the terminal, 0 for none.
    """
    assert len(digest) == 32
    body: dict[int, object] = {
        ID: item_id,
        DIGEST: digest[:DIGEST_BYTES],
        STORED_AT: stored_ns // 1_000_000_000,
        SEQ_HIGH: seq_high,
    }
    if clock_ahead_s:
        body[CLOCK_AHEAD_S] = clock_ahead_s
    if new_key:
        body[NEW_KEY] = new_key
    return bytes(cbor2.dumps(body, canonical=True))
