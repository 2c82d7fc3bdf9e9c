"""Decides whether a body may be stored: the whole of what the receiver believes, in one place.

Pure apart from the key registry it is given. Cheap checks first, the signature before anything
in the body is used. Nothing passes that is not a canonical record of an enrolled terminal.
"""

from __future__ import annotations

from dataclasses import dataclass

from terminal.county.keys import KeyRegistry
from terminal.county.problems import RefusedError
from terminal.records import (
    GENESIS_HASH,
    SEQ_FIRST,
    SIGNED_BYTES_MAX,
    Record,
    RecordError,
    decode_signed,
    record_hash,
    verify_record,
)

FORMAT_COSE_SIGN1 = 18
CLOCK_UNKNOWN = "unknown"
"""clock_quality of a terminal that claims no time; it is stored with our time of arrival."""
AHEAD_NS_MAX = 600 * 1_000_000_000
"""A synchronised clock further ahead of ours than this is wrong."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A record that may be stored, its bytes and their SHA-256."""

    record: Record
    signed: bytes
    digest: bytes


def accept_record(
    path_id: str,
    signed: bytes,
    registry: KeyRegistry,
    *,
    accept_simulated: bool,
    wall_ns: int,
    now_ns: int,
) -> Accepted:
    """Check one body. wall_ns: the receiver's UTC; now_ns: monotonic. Raises RefusedError."""
    if len(signed) > SIGNED_BYTES_MAX:
        detail = f"{len(signed)} bytes; a record has at most {SIGNED_BYTES_MAX}"
        raise RefusedError("too-large", detail, "body")
    try:
        claimed = decode_signed(signed)
    except RecordError as error:
        raise RefusedError("malformed", str(error), "body") from error
    terminal_id = claimed.origin.terminal_id
    entry = registry.find(terminal_id, now_ns)
    if entry is None:
        detail = f"{terminal_id} has no key file here; enrol it with its terminal.pub"
        raise RefusedError("unknown-terminal", detail, "terminal_id")
    if entry.revoked:
        raise RefusedError("revoked", f"{terminal_id}: {entry.revoked}", "terminal_id")
    try:
        record = verify_record(signed, entry.key)
    except RecordError as error:
        raise RefusedError("signature", f"{terminal_id}: {error}", "signature") from error
    if path_id != record.record_id:
        detail = f"path says {path_id[:80]}, the record is {record.record_id}"
        raise RefusedError("wrong-id", detail, "Uri-Path")
    if record.simulated and not accept_simulated:
        detail = f"{record.record_id} comes from simulated devices"
        raise RefusedError("simulated", detail, "simulated")
    claims_time = record.clock_quality.value != CLOCK_UNKNOWN
    if claims_time and record.wall_ns > wall_ns + AHEAD_NS_MAX:
        ahead_s = (record.wall_ns - wall_ns) // 1_000_000_000
        raise RefusedError("future", f"its wall time is {ahead_s} s ahead of ours", "wall_ns")
    if record.seq == SEQ_FIRST and record.prev_hash != GENESIS_HASH:
        raise RefusedError("chain", "record 1 does not begin its chain", "prev_hash")
    return Accepted(record, signed, record_hash(signed))
