"""Decides whether a body may be stored: the whole of what the receiver believes, in one place.

Pure apart from the key registry it is given. Cheap checks first, the signature before anything
in the body is used. Nothing passes that is not a canonical record of an enrolled terminal.
"""

from __future__ import annotations

from dataclasses import dataclass

import cbor2

from terminal.county.keys import Enrolled, KeyRegistry
from terminal.county.problems import RefusedError, refusing
from terminal.records import (
    CBOR_REFUSALS,
    GENESIS_HASH,
    SEQ_FIRST,
    SIGNED_BYTES_MAX,
    Record,
    RecordError,
    decode_signed,
    record_hash,
    verify_record,
)

HEADER_KID = 4
CLOCK_UNKNOWN = "unknown"
"""clock_quality of a terminal that claims no time; it is stored with our time of arrival."""
AHEAD_NS_MAX = 600 * 1_000_000_000
"""A record dated further ahead of its arrival than this has a wrong time: it is stored, and
its receipt, the counts and the page say so (DECISIONS D-012)."""
NS_PER_S = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Accepted:
    """A record that may be stored, its bytes and their SHA-256."""

    record: Record
    signed: bytes
    digest: bytes


def claimed_terminal(signed: bytes) -> str:
    """Whose record these bytes claim to be; nothing is believed yet. Raises RefusedError.

    Only the header is looked at, so that strangers cost little.
    """
    try:
        protected = cbor2.loads(signed).value[0]
        kid = cbor2.loads(protected)[HEADER_KID]
        return str(kid, "utf-8")
    except CBOR_REFUSALS as error:
        detail = f"not a COSE_Sign1 with a kid: {type(error).__name__}"
        raise RefusedError("malformed", detail, "body") from error


def _why_not(terminal_id: str, signed: bytes, error: RecordError) -> RefusedError:
    """Bad bytes, or good bytes with a bad signature: told apart only when it went wrong."""
    try:
        decode_signed(signed)
    except RecordError as malformed:
        return RefusedError("malformed", str(malformed), "body")
    return RefusedError("signature", f"{terminal_id}: {error}", "signature")


def accept_record(
    path_id: str,
    signed: bytes,
    registry: KeyRegistry,
    *,
    accept_simulated: bool,
    now_ns: int,
) -> Accepted:
    """Check one body. now_ns: monotonic. Raises RefusedError."""
    if len(signed) > SIGNED_BYTES_MAX:
        detail = f"{len(signed)} bytes; a record has at most {SIGNED_BYTES_MAX}"
        raise RefusedError("too-large", detail, "body")
    terminal_id = claimed_terminal(signed)
    with refusing(terminal_id):
        record = _believed(terminal_id, signed, registry.find(terminal_id, now_ns))
        _check(record, path_id, accept_simulated)
    return Accepted(record, signed, record_hash(signed))


def _believed(terminal_id: str, signed: bytes, entry: Enrolled | None) -> Record:
    """The record, if its terminal is enrolled and has signed it. Raises RefusedError."""
    if entry is None:
        detail = f"{terminal_id} has no key file here; enrol it with its terminal.pub"
        raise RefusedError("unknown-terminal", detail, "terminal_id")
    if entry.revoked:
        raise RefusedError("revoked", f"{terminal_id}: {entry.revoked}", "terminal_id")
    try:
        return verify_record(signed, entry.key)
    except RecordError as error:
        raise _why_not(terminal_id, signed, error) from error


def _check(record: Record, path_id: str, accept_simulated: bool) -> None:
    """What a truly signed record must fulfil besides. Raises RefusedError."""
    if path_id != record.record_id:
        detail = f"path says {path_id[:80]}, the record is {record.record_id}"
        raise RefusedError("wrong-id", detail, "Uri-Path")
    if record.simulated and not accept_simulated:
        detail = f"{record.record_id} comes from simulated devices"
        raise RefusedError("simulated", detail, "simulated")
    if record.seq == SEQ_FIRST and record.prev_hash != GENESIS_HASH:
        raise RefusedError("chain", "record 1 does not begin its chain", "prev_hash")
    _check_about(record)


def _check_about(record: Record) -> None:
    """What follows another record up was written after it. Raises RefusedError.

    The number counts in the record's own chain: it cannot name another terminal's record. Whether
    that record is here is no question, since records come in any order.
    """
    about = record.happening.about_seq if record.happening else None
    if about is not None and not SEQ_FIRST <= about < record.seq:
        detail = f"record {record.seq} says it is about record {about}, which is not before it"
        raise RefusedError("malformed", detail, "about_seq")


def ahead_s(record: Record, stored_ns: int) -> int:
    """Seconds by which a record is dated after its arrival; 0 when that may be, or it claims none.

    stored_ns: UTC when it was stored the first time, so that a repeat is told the same.
    """
    claims_time = record.clock_quality.value != CLOCK_UNKNOWN
    ahead_ns = record.wall_ns - stored_ns
    return ahead_ns // NS_PER_S if claims_time and ahead_ns > AHEAD_NS_MAX else 0
