"""The terminal's half of an enrolment: ask once, install the answer once.

While a request is open its secret lies in the ledger folder; installing the grant removes it, so
the same grant cannot be installed twice, and nobody else's can be at all.
"""

from __future__ import annotations

import secrets
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from terminal.disk import put_private, write_once
from terminal.enrol.context_files import terminal_context
from terminal.enrol.papers import (
    Grant,
    PaperError,
    Request,
    Secret,
    read_grant,
    read_request,
    unseal,
    write_request,
)
from terminal.enrol.rotation import Rotation, binding, read_rotation
from terminal.records import Signer, key_line, parse_key_line

BOX_FILE = "enrol.box"
REQUEST_FILE = "enrol-request.txt"
COUNTY_FILE = "county.pub"
PSK_FILE = "dtls.psk"
OSCORE_FOLDER = "oscore"
CONTEXT_PREFIX = "rotated-"
TARGET_BOX_FILE = "box.key"
SERIAL_FILE = "rotation.serial"
SOURCE_CHARS_MAX = 160


def ask(folder: Path, signer: Signer, terminal_id: str, source_unit: str, now_s: int) -> str:
    """A new request's text; it replaces one that was still open. folder: of the ledger."""
    seed = secrets.token_bytes(32)
    box = X25519PrivateKey.from_private_bytes(seed)
    (folder / BOX_FILE).unlink(missing_ok=True)
    write_once(folder / BOX_FILE, seed)
    text = write_request(
        Request(
            terminal_id,
            signer.public_key,
            source_unit[:SOURCE_CHARS_MAX],
            box.public_key().public_bytes_raw(),
            now_s,
        ),
        signer,
    )
    (folder / REQUEST_FILE).write_text(text + "\n")
    return text


def open_grant(folder: Path, text: str, now_s: int) -> tuple[Grant, Secret]:
    """The grant of our open request and what is sealed in it. Raises PaperError."""
    grant = read_grant(text, now_s)
    try:
        box = X25519PrivateKey.from_private_bytes((folder / BOX_FILE).read_bytes())
        asked = (folder / REQUEST_FILE).read_text()
    except FileNotFoundError as error:
        raise PaperError(
            "No request is open here: this grant was installed already, or none was asked for."
            " Begin with: weigh-terminal enrol request"
        ) from error
    _request, digest = read_request(asked, grant.made_s)
    if grant.request_sha256 != digest:
        raise PaperError(
            "This grant answers another request: another terminal's, or an earlier one of ours."
        )
    return grant, unseal(grant.sealed, box, digest)


def install(into: Path, grant: Grant, secret: Secret) -> None:
    """Put the county's key and the DTLS key in place. Raises PaperError, OSError.

    into: the target's folder, made here. A county's key, once installed, is not replaced.
    """
    line = key_line(grant.county_key, "county") + "\n"
    known = into / COUNTY_FILE
    if known.exists() and known.read_text() != line:
        raise PaperError(
            f"{known} holds another county's key. Move {into} away if this terminal changes"
            " its county; otherwise this grant is not from your county."
        )
    into.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not known.exists():
        write_once(known, line.encode(), mode=0o644)
    (into / PSK_FILE).unlink(missing_ok=True)
    write_once(into / PSK_FILE, (secret.dtls_psk.hex() + "\n").encode())


def close_request(folder: Path, into: Path) -> None:
    """The grant is installed: its request may not be answered again.

    Its box stays with the target, for the rotations of this county.
    """
    put_private(into / TARGET_BOX_FILE, (folder / BOX_FILE).read_bytes())
    (folder / BOX_FILE).unlink()
    (folder / REQUEST_FILE).unlink(missing_ok=True)


def take_rotation(into: Path, terminal_id: str, text: str, now_s: int) -> Rotation:
    """New transport keys by the county's signed command. into: the target's folder.

    They lie beside the old ones, whole, before the command's number is spent, and are used only
    after that: a power cut leaves the command as good as before, or the keys in place. A context
    that is there is never written again. Raises PaperError, OSError.
    """
    try:
        county, _name = parse_key_line((into / COUNTY_FILE).read_text())
        box = X25519PrivateKey.from_private_bytes((into / TARGET_BOX_FILE).read_bytes())
    except FileNotFoundError as error:
        raise PaperError(
            f"{error.filename} is missing, so this terminal cannot take rotations from that"
            " county. Enrol it once (more): weigh-terminal enrol request"
        ) from error
    rotation = read_rotation(text, county, terminal_id, spent_serial(into), now_s)
    secret = unseal(rotation.sealed, box, binding(terminal_id, rotation.serial))
    put_private(into / psk_name(rotation.serial), (secret.dtls_psk.hex() + "\n").encode())
    context = into / context_name(rotation.serial)
    if not context.exists():
        terminal_context(context, secret)
    spend_serial(into, rotation.serial)
    return rotation


def spent_serial(into: Path) -> int:
    """Number of the last rotation obeyed, 0 for none. Raises PaperError when it is not known."""
    spent = into / SERIAL_FILE
    text = spent.read_text().strip() if spent.exists() else "0"
    if not text.isdecimal():
        raise PaperError(
            f"{spent} is damaged, so it is not known which commands were obeyed. Enrol this"
            " terminal anew: move that folder away, then weigh-terminal enrol request"
        )
    return int(text)


def spend_serial(into: Path, serial: int) -> None:
    """This command, and every earlier one, is never obeyed again. Raises OSError."""
    put_private(into / SERIAL_FILE, f"{serial}\n".encode())


def context_name(serial: int) -> str:
    """Folder of the OSCORE context of a rotation, beside the one before."""
    return f"{CONTEXT_PREFIX}{serial}"


def psk_name(serial: int) -> str:
    """File of the DTLS key of a rotation, beside the one before."""
    return f"dtls-{serial}.psk"
