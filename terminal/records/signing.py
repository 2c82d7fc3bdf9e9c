"""COSE_Sign1 (RFC 9052) around record bodies: sign, verify, and walk the chain.

The signed bytes are what is stored and sent, unchanged for ever; their SHA-256 is the record's
hash and the next record's prev_hash. Verification trusts nothing but the public key given to
it. It must never accept two encodings of one record.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

import cbor2
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from terminal.records.body import BODY_BYTES_MAX, decode_body, encode_body, load_cbor
from terminal.records.model import GENESIS_HASH, SEQ_FIRST, Record, RecordError
from terminal.records.sm2 import ALG_SM2_SM3, sm2_holds, sm2_public, sm2_sign

COSE_SIGN1_TAG = 18
HEADER_ALG = 1
HEADER_KID = 4
ALG_EDDSA = -8
SIGNED_BYTES_MAX = BODY_BYTES_MAX + 512
KEYS_MAX = 4_096
"""Public keys kept ready for use; a receiver sees the same ones all day."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """Whom to believe: COSE algorithm number and the key's raw bytes."""

    alg: int
    raw: bytes


class Signer(Protocol):
    """Something that signs for this terminal; the private key stays inside."""

    @property
    def alg(self) -> int:
        """COSE algorithm number."""

    @property
    def public_key(self) -> PublicKey:
        """The key that verifies what sign() makes."""

    def sign(self, message: bytes) -> bytes:
        """Signature of the message."""


class Ed25519Signer:
    """The default signer. seed: 32 secret bytes."""

    alg = ALG_EDDSA

    def __init__(self, seed: bytes) -> None:
        """Raises ValueError when the seed is not 32 bytes."""
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public_key = PublicKey(ALG_EDDSA, self._key.public_key().public_bytes_raw())

    def sign(self, message: bytes) -> bytes:
        """64 bytes."""
        return self._key.sign(message)


class Sm2Signer:
    """The second signer: SM2 with SM3. seed: 32 secret bytes."""

    alg = ALG_SM2_SM3

    def __init__(self, seed: bytes) -> None:
        """Raises ValueError when the seed is no SM2 key, OSError when OpenSSL has no SM2."""
        self._seed = seed
        self.public_key = PublicKey(ALG_SM2_SM3, sm2_public(seed))

    def sign(self, message: bytes) -> bytes:
        """64 bytes."""
        return sm2_sign(self._seed, message)


@functools.lru_cache(KEYS_MAX)
def _ed25519_key(raw_key: bytes) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(raw_key)


def _ed25519_holds(raw_key: bytes, signature: bytes, message: bytes) -> bool:
    try:
        _ed25519_key(raw_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


CHECKS: dict[int, Callable[[bytes, bytes, bytes], bool]] = {
    ALG_EDDSA: _ed25519_holds,
    ALG_SM2_SM3: sm2_holds,
}
"""Per COSE algorithm: does this signature of this message hold under this raw key?"""


def signature_holds(key: PublicKey, signature: bytes, message: bytes) -> bool:
    """Whether the signature of the message holds under the key. Raises OSError: no SM2 here."""
    return CHECKS[key.alg](key.raw, signature, message)


@dataclass(frozen=True, slots=True)
class Signed:
    """A COSE_Sign1 taken apart; nothing in it is believed yet."""

    alg: int
    kid: bytes
    payload: bytes
    signature: bytes
    record: Record

    def to_be_signed(self) -> bytes:
        """The bytes the signature covers (RFC 9052 4.4)."""
        return _to_be_signed(_protected(self.alg, self.kid), self.payload)


@functools.lru_cache(KEYS_MAX)
def _protected(alg: int, kid: bytes) -> bytes:
    return bytes(cbor2.dumps({HEADER_ALG: alg, HEADER_KID: kid}))


def _to_be_signed(protected: bytes, payload: bytes) -> bytes:
    return bytes(cbor2.dumps(["Signature1", protected, b"", payload]))


def _envelope(protected: bytes, payload: bytes, signature: bytes) -> bytes:
    return bytes(cbor2.dumps(cbor2.CBORTag(COSE_SIGN1_TAG, [protected, {}, payload, signature])))


def sign_record(record: Record, signer: Signer) -> bytes:
    """The signed bytes of a record. Raises RecordError when the record breaks its bounds."""
    payload = encode_body(record)
    protected = _protected(signer.alg, record.origin.terminal_id.encode())
    return _envelope(protected, payload, signer.sign(_to_be_signed(protected, payload)))


def record_hash(signed: bytes) -> bytes:
    """SHA-256 of the signed bytes: the record's identity in the chain, 32 bytes."""
    return hashlib.sha256(signed).digest()


def parse_signed(signed: bytes) -> Signed:
    """Take signed bytes apart, strictly; the signature is not checked here.

    Raises RecordError with the first thing that is wrong.
    """
    if len(signed) > SIGNED_BYTES_MAX:
        raise RecordError(f"record of {len(signed)} octets exceeds {SIGNED_BYTES_MAX}")
    tag = load_cbor(signed, "record")
    if not isinstance(tag, cbor2.CBORTag) or tag.tag != COSE_SIGN1_TAG:
        raise RecordError("record is not a COSE_Sign1 (tag 18)")
    parts: object = tag.value
    if not isinstance(parts, list | tuple) or len(parts) != 4 or parts[1] != {}:
        raise RecordError("COSE_Sign1 is not [protected, empty map, payload, signature]")
    protected, _unprotected, payload, signature = parts
    if not all(isinstance(part, bytes) for part in (protected, payload, signature)):
        raise RecordError("COSE_Sign1 parts are not byte strings")
    headers = load_cbor(protected, "protected header")
    if not isinstance(headers, dict) or set(headers) != {HEADER_ALG, HEADER_KID}:
        raise RecordError("protected header is not {alg, kid}")
    alg, kid = headers[HEADER_ALG], headers[HEADER_KID]
    if not isinstance(alg, int) or isinstance(alg, bool) or alg not in CHECKS:
        raise RecordError(f"unknown signature algorithm {alg!r}")
    if not isinstance(kid, bytes):
        raise RecordError("kid is not a byte string")
    if _envelope(_protected(alg, kid), payload, signature) != signed:
        raise RecordError("encoding is not canonical")
    record = decode_body(payload)
    if kid != record.origin.terminal_id.encode():
        raise RecordError("kid is not the record's terminal_id")
    return Signed(alg, kid, payload, signature, record)


def decode_signed(signed: bytes) -> Record:
    """The record in signed bytes, strictly decoded; its signature is NOT checked."""
    return parse_signed(signed).record


def verify_record(signed: bytes, public_key: PublicKey) -> Record:
    """The record in signed bytes whose signature holds. Raises RecordError otherwise."""
    parts = parse_signed(signed)
    if parts.alg != public_key.alg:
        raise RecordError(f"signed with algorithm {parts.alg}, expected {public_key.alg}")
    if not CHECKS[parts.alg](public_key.raw, parts.signature, parts.to_be_signed()):
        raise RecordError("signature does not hold")
    return parts.record


@dataclass(frozen=True, slots=True)
class ChainFailure:
    """The first record that cannot be believed: its place in the chain and why."""

    seq: int
    why: str


def verify_chain(
    records: Iterable[bytes],
    public_key: PublicKey,
    *,
    next_seq: int = SEQ_FIRST,
    prev_hash: bytes = GENESIS_HASH,
) -> ChainFailure | None:
    """Walk signed records in order; the first failure, or None when all hold.

    next_seq, prev_hash: where to start, for a walk that does not begin at the first record.
    """
    ledger_id: bytes | None = None
    for signed in records:
        try:
            record = verify_record(signed, public_key)
        except RecordError as error:
            return ChainFailure(next_seq, str(error))
        if record.seq != next_seq:
            return ChainFailure(next_seq, f"record {record.seq} stands in the place of {next_seq}")
        if record.prev_hash != prev_hash:
            return ChainFailure(next_seq, "prev_hash is not the hash of the record before")
        if ledger_id not in (None, record.origin.ledger_id):
            return ChainFailure(next_seq, "record belongs to another ledger")
        ledger_id = record.origin.ledger_id
        prev_hash = record_hash(signed)
        next_seq += 1
    return None
