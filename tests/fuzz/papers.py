"""Readers of enrolment papers: as text from a file or a QR code, and behind a good signature.

Behind the signature lies what only the county, or a thief of its key, can send; it may be refused,
with the reason, and nothing else.
"""

from __future__ import annotations

import base64
import tempfile
from pathlib import Path
from typing import Final

import cbor2
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from terminal.enrol.papers import (
    GRANT,
    PREFIX,
    REQUEST,
    ROTATION,
    Grant,
    Request,
    Secret,
    read_grant,
    read_request,
    seal,
    unseal,
    write_grant,
    write_request,
)
from terminal.enrol.rotation import Rotation, binding, read_rotation, write_rotation
from terminal.enrol.terminal_side import (
    COUNTY_FILE,
    TARGET_BOX_FILE,
    psk_name,
    spent_serial,
    take_rotation,
)
from terminal.records import key_line
from tests.unit.ledger.builders import SIGNER

NOW_S: Final = 1_790_000_000
TERMINAL: Final = "141025710001-1"
BOX: Final = X25519PrivateKey.from_private_bytes(b"b" * 32)
ONCE: Final = X25519PrivateKey.from_private_bytes(b"o" * 32)
OURS: Final = BOX.public_key().public_bytes_raw()
SECRET: Final = Secret(b"s" * 16, b"t" * 8, b"\x01", b"\x02", b"p" * 16)
SEALED: Final = seal(SECRET, OURS, bytes(32), ONCE)
ROTATED: Final = seal(SECRET, OURS, binding(TERMINAL, 3), ONCE)
REQUEST_TEXT: Final = write_request(
    Request(TERMINAL, SIGNER.public_key, "141025710001", OURS, NOW_S), SIGNER
)
GRANT_TEXT: Final = write_grant(
    Grant(bytes(32), SIGNER.public_key, "coap+tcp://county", SEALED, NOW_S), SIGNER
)
ROTATION_TEXT: Final = write_rotation(Rotation(TERMINAL, 3, ROTATED, NOW_S), SIGNER)
TEXTS: Final = tuple(text.encode() for text in (REQUEST_TEXT, GRANT_TEXT, ROTATION_TEXT))


def _fields(text: str) -> bytes:
    """The signed octets of a paper."""
    word = text.split(":")[2]
    signed: bytes = cbor2.loads(base64.urlsafe_b64decode(word + "=" * (-len(word) % 4)))[0]
    return signed


SIGNED: Final = tuple(_fields(text) for text in (REQUEST_TEXT, GRANT_TEXT, ROTATION_TEXT))


def _as_paper(kind: str, signed: bytes) -> str:
    wire = cbor2.dumps([signed, SIGNER.sign(signed)])
    return f"{PREFIX}:{kind}:{base64.urlsafe_b64encode(wire).decode().rstrip('=')}"


def requests(wire: bytes) -> None:
    """At the county."""
    read_request(wire.decode("utf-8", "replace"), NOW_S)


def signed_requests(wire: bytes) -> None:
    """A terminal that signs what it likes: what is read of it names its own key."""
    request, _digest = read_request(_as_paper(REQUEST, wire), NOW_S)
    assert request.key == SIGNER.public_key


def grants(wire: bytes) -> None:
    """At the terminal."""
    read_grant(wire.decode("utf-8", "replace"), NOW_S)


def signed_grants(wire: bytes) -> None:
    """The sealed part of a grant that reads well is opened, or refused."""
    grant = read_grant(_as_paper(GRANT, wire), NOW_S)
    unseal(grant.sealed, BOX, grant.request_sha256)


def rotations(wire: bytes) -> None:
    """The command as a terminal with a county's key gets it, by paper or over the network."""
    read_rotation(wire.decode("utf-8", "replace"), SIGNER.public_key, TERMINAL, 2, NOW_S)


def signed_rotations(wire: bytes) -> None:
    """The whole of obeying: no key changes unless the command is good, and its number is spent."""
    with tempfile.TemporaryDirectory() as name:
        into = Path(name)
        (into / COUNTY_FILE).write_text(key_line(SIGNER.public_key, "county") + "\n")
        (into / TARGET_BOX_FILE).write_bytes(b"b" * 32)
        before = sorted(into.iterdir())
        try:
            obeyed = take_rotation(into, TERMINAL, _as_paper(ROTATION, wire), NOW_S)
        except Exception:
            assert sorted(into.iterdir()) == before, "a refused command left something behind"
            raise
        assert (obeyed.terminal_id, spent_serial(into)) == (TERMINAL, obeyed.serial)
        assert (into / psk_name(obeyed.serial)).exists()
