"""The receipt: what a stored item is answered with, and the only proof of delivery.

A CBOR map with integer keys (interface description: records.cddl). It is made only after the
commit that makes the item durable.
"""

from __future__ import annotations

import cbor2

ID, DIGEST, STORED_AT, SEQ_HIGH = 1, 2, 3, 4
DIGEST_BYTES = 16


def encode_receipt(item_id: str, digest: bytes, stored_ns: int, seq_high: int) -> bytes:
    """digest: SHA-256 of the stored bytes, 32 bytes. stored_ns: UTC. seq_high: contiguous."""
    assert len(digest) == 32
    body = {
        ID: item_id,
        DIGEST: digest[:DIGEST_BYTES],
        STORED_AT: stored_ns // 1_000_000_000,
        SEQ_HIGH: seq_high,
    }
    return bytes(cbor2.dumps(body, canonical=True))
