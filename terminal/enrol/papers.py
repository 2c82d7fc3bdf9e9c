"""The two papers of an enrolment as text that a file or a QR code carries. Pure.

A request says who a terminal is and proves that it holds its key. The grant answers that one
request: the county's key, and a transport secret that only the asking terminal can open. A paper
names its time, so an old one and a clock that is far off are told apart from a good one.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

import cbor2
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from terminal.records import (
    CBOR_REFUSALS,
    PublicKey,
    Signer,
    key_line,
    parse_key_line,
    signature_holds,
)

REQUEST, GRANT, ROTATION = "request", "grant", "rotation"
PREFIX = "WEIGH-TERMINAL"
TEXT_CHARS_MAX = 2_000
"""Longest paper; a QR code of version 40 holds more."""
BOX_BYTES = 32
AGE_S_MAX = 7 * 86_400
CLOCK_OFF_S_MAX = 600
_NONCE = bytes(12)
"""Every sealing has a key of its own, so the nonce need not change."""


class PaperError(ValueError):
    """This paper is refused. str(): why, and what to do."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a terminal asks with. box: where an answer may be sealed to. made_s: UTC."""

    terminal_id: str
    key: PublicKey
    source_unit: str
    box: bytes
    made_s: int


@dataclass(frozen=True, slots=True)
class Grant:
    """The county's answer to one request. sealed: the transport secret. uri: may be empty."""

    request_sha256: bytes
    county_key: PublicKey
    uri: str
    sealed: bytes
    made_s: int


@dataclass(frozen=True, slots=True)
class Secret:
    """What protects the way between the two. ids: OSCORE, as the terminal sees them."""

    oscore_secret: bytes
    oscore_salt: bytes
    sender_id: bytes
    recipient_id: bytes
    dtls_psk: bytes


def write_request(request: Request, signer: Signer) -> str:
    """The request as text, signed by the terminal's own key."""
    line = key_line(request.key, request.terminal_id)
    return write_paper(REQUEST, [line, request.source_unit, request.box, request.made_s], signer)


def read_request(text: str, now_s: int) -> tuple[Request, bytes]:
    """A request and its digest. now_s: the county's UTC. Raises PaperError."""
    fields, signed, signature = read_paper(REQUEST, text)
    try:
        line, source_unit, box, made_s = fields
        key, terminal_id = parse_key_line(str(line))
    except (ValueError, TypeError, AttributeError) as error:
        raise PaperError(f"This is not a whole request: {error}") from error
    request = Request(
        terminal_id, key, str(source_unit), octets(box, BOX_BYTES), whole_number(made_s)
    )
    check_signature(key, signature, signed)
    check_age(request.made_s, now_s, "the terminal's clock", "this machine's clock")
    return request, hashlib.sha256(signed).digest()


def write_grant(grant: Grant, signer: Signer) -> str:
    """The grant as text, signed by the county's key."""
    line = key_line(grant.county_key, "county")
    fields = [grant.request_sha256, line, grant.uri, grant.sealed, grant.made_s]
    return write_paper(GRANT, fields, signer)


def read_grant(text: str, now_s: int) -> Grant:
    """A grant whose signature holds under the key it names. now_s: the terminal's UTC.

    Whether that key is the county's is for the person who brings the paper. Raises PaperError.
    """
    fields, signed, signature = read_paper(GRANT, text)
    try:
        digest, line, uri, sealed, made_s = fields
        key, _name = parse_key_line(str(line))
    except (ValueError, TypeError, AttributeError) as error:
        raise PaperError(f"This is not a whole grant: {error}") from error
    if not isinstance(sealed, bytes) or len(sealed) < BOX_BYTES:
        raise PaperError("This is not a whole grant: nothing is sealed in it.")
    check_signature(key, signature, signed)
    grant = Grant(octets(digest, 32), key, str(uri), sealed, whole_number(made_s))
    check_age(grant.made_s, now_s, "the county's clock", "this terminal's clock")
    return grant


def check_age(made_s: int, now_s: int, theirs: str, ours: str) -> None:
    """Raises PaperError for a paper from the future, or an old one."""
    if made_s > now_s + CLOCK_OFF_S_MAX:
        raise PaperError(
            f"The paper was made {made_s - now_s} s after now: {theirs} is ahead, or {ours} is"
            " behind. Set the wrong one, then make the paper again."
        )
    if made_s < now_s - AGE_S_MAX:
        raise PaperError(
            f"The paper is {(now_s - made_s) // 86_400} days old, or {ours} is ahead. Set the"
            " clock, or make a new one: a paper is good for seven days."
        )


def seal(secret: Secret, box: bytes, request_sha256: bytes, ours: X25519PrivateKey) -> bytes:
    """The secret for one request. ours: a key made for this one use."""
    fields = (
        secret.oscore_secret, secret.oscore_salt, secret.sender_id, secret.recipient_id,
        secret.dtls_psk,
    )  # fmt: skip
    key = _shared(ours, box, request_sha256)
    hidden = ChaCha20Poly1305(key).encrypt(_NONCE, cbor2.dumps(list(fields)), request_sha256)
    return ours.public_key().public_bytes_raw() + hidden


def unseal(sealed: bytes, box: X25519PrivateKey, request_sha256: bytes) -> Secret:
    """The secret of a grant. Raises PaperError when it is sealed to somebody else."""
    try:
        key = _shared(box, sealed[:BOX_BYTES], request_sha256)
        fields = cbor2.loads(
            ChaCha20Poly1305(key).decrypt(_NONCE, sealed[BOX_BYTES:], request_sha256)
        )
        return Secret(*(bytes(field) for field in fields))
    except (InvalidTag, *CBOR_REFUSALS) as error:
        raise PaperError("The grant is sealed to another terminal or request.") from error


def fingerprint(key: PublicKey) -> str:
    """A key as two persons compare it by telephone: 32 hex digits in groups of four."""
    digits = hashlib.sha256(key.raw).hexdigest()[:32]
    return " ".join(digits[at : at + 4] for at in range(0, 32, 4))


def _shared(ours: X25519PrivateKey, theirs: bytes, request_sha256: bytes) -> bytes:
    exchanged = ours.exchange(X25519PublicKey.from_public_bytes(theirs))
    return HKDF(SHA256(), 32, request_sha256, b"weigh-terminal enrolment 1").derive(exchanged)


def write_paper(kind: str, fields: list[object], signer: Signer) -> str:
    """Fields as a signed text."""
    signed = bytes(cbor2.dumps([kind, *fields], canonical=True))
    wire = bytes(cbor2.dumps([signed, signer.sign(signed)], canonical=True))
    return f"{PREFIX}:{kind}:{base64.urlsafe_b64encode(wire).decode().rstrip('=')}"


def read_paper(kind: str, text: str) -> tuple[list[object], bytes, bytes]:
    """Fields, the signed bytes and their signature, which is not checked. Raises PaperError."""
    words = "".join(text.split()).split(":")
    if len(words) != 3 or words[0] != PREFIX or len(text) > TEXT_CHARS_MAX:
        raise PaperError(f"This is no paper of an enrolment: it does not begin {PREFIX}:{kind}:")
    if words[1] != kind:
        raise PaperError(f"This is a {words[1][:20]}, and a {kind} is wanted.")
    try:
        wire = base64.urlsafe_b64decode(words[2] + "=" * (-len(words[2]) % 4))
        signed, signature = cbor2.loads(wire)
        named, *fields = cbor2.loads(signed)
    except CBOR_REFUSALS as error:
        raise PaperError("The paper is damaged: copy or scan it again.") from error
    if named != kind or not isinstance(signature, bytes):
        raise PaperError("The paper is damaged: copy or scan it again.")
    return fields, signed, signature


def check_signature(key: PublicKey, signature: bytes, signed: bytes) -> None:
    """Raises PaperError when it does not hold."""
    if not signature_holds(key, signature, signed):
        raise PaperError("The paper's signature does not hold: it was altered on its way.")


def octets(found: object, size: int) -> bytes:
    """A field of so many octets. Raises PaperError."""
    if not isinstance(found, bytes) or len(found) != size:
        raise PaperError("The paper is damaged: copy or scan it again.")
    return found


def whole_number(found: object) -> int:
    """A field that counts something. Raises PaperError."""
    if not isinstance(found, int) or isinstance(found, bool) or found < 0:
        raise PaperError("The paper is damaged: copy or scan it again.")
    return found
