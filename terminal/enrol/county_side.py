"""The county's half of an enrolment: whose request is granted, and who is put out again.

Key files are the receiver's own (terminal.county.keys): one a terminal, never overwritten with
another key. The county's signing key is made once, readable by its owner only.
"""

from __future__ import annotations

import secrets
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from terminal.disk import durable, put_private, write_once
from terminal.enrol.papers import Grant, PaperError, Request, Secret, seal, write_grant
from terminal.enrol.rotation import Rotation, binding
from terminal.records import Ed25519Signer, Signer, key_line, parse_key_line

COUNTY_KEY_FILE = "county.key"
SEED_BYTES = 32
FILES_MAX = 20_000
BOX_SUFFIX, SERIAL_SUFFIX = ".box", ".serial"
"""Beside a key file: the terminal's box, and the number of its last rotation."""


def county_signer(folder: Path) -> Signer:
    """The county's signer; its key is made here at the first grant.

    Raises OSError, or ValueError when the file is not a key.
    """
    path = folder / COUNTY_KEY_FILE
    if not path.exists():
        write_once(path, secrets.token_bytes(SEED_BYTES))
    return Ed25519Signer(path.read_bytes())


def admit(folder: Path, request: Request) -> Path:
    """Enrol the terminal of a request; gives its key file. Raises PaperError, OSError.

    The same key again is no change (a lost grant is made anew); another key for a known
    terminal, a key of another terminal and a revoked key are refused.
    """
    line = key_line(request.key, request.terminal_id)
    for path in sorted(folder.rglob("*.pub"))[:FILES_MAX]:
        first, _, below = path.read_text().partition("\n")
        key, terminal_id = parse_key_line(first)
        if below.strip() and (key == request.key or terminal_id == request.terminal_id):
            raise PaperError(
                f"{terminal_id} was revoked ({path.name}: {below.strip()}). Its key is never used"
                " again; a new ledger folder there makes a new one. Then remove that file here."
            )
        if terminal_id == request.terminal_id and key != request.key:
            raise PaperError(
                f"{terminal_id} is enrolled with another key ({path.name}). If its storage was"
                f" replaced, first: weigh-terminal enrol revoke {terminal_id}"
            )
        if key == request.key and terminal_id != request.terminal_id:
            raise PaperError(
                f"This key belongs to {terminal_id} ({path.name}): two terminals never share one."
                " The storage was copied; move the ledger folder of the copy away."
            )
        if key == request.key:
            return path
    path = folder / f"{_file_name(request.terminal_id)}.pub"
    write_once(path, (line + "\n").encode(), mode=0o644)
    return path


def revoke(folder: Path, terminal_id: str, reason: str) -> Path:
    """Put a terminal out: the receiver refuses it from its next look on. Raises PaperError."""
    for path in sorted(folder.rglob("*.pub"))[:FILES_MAX]:
        text = path.read_text()
        if parse_key_line(text.partition("\n")[0])[1] != terminal_id:
            continue
        if "\nrevoked " not in text:
            part = path.with_suffix(".part")
            part.write_text(f"{text.rstrip()}\nrevoked {reason}\n")
            part.replace(path)
            durable(folder)
        return path
    raise PaperError(f"{terminal_id} is not enrolled in {folder}.")


def new_secret() -> Secret:
    """A transport secret for one terminal, random throughout."""
    draw = secrets.token_bytes
    return Secret(draw(16), draw(8), draw(4), draw(4), draw(16))


def write_box(path: Path, box: bytes) -> None:
    """Keep beside a terminal's key file where later secrets are sealed to."""
    put_private(path.with_suffix(BOX_SUFFIX), (box.hex() + "\n").encode())


def next_number(path: Path, now_s: int) -> int:
    """A number for new keys of the terminal with this key file, above all before, taken for good.

    Raises OSError, and ValueError when the last one cannot be read.
    """
    counter = path.with_suffix(SERIAL_SUFFIX)
    last = int(counter.read_text()) if counter.exists() else 0
    number = max(last + 1, now_s)
    put_private(counter, f"{number}\n".encode())
    return number


def rotate(folder: Path, terminal_id: str, now_s: int) -> tuple[Rotation, Secret, str]:
    """A command that gives an enrolled terminal new transport keys, its secret and its key file.

    The number is taken for good before the command exists. Raises PaperError, OSError.
    """
    path = _enrolled(folder, terminal_id)
    try:
        box = bytes.fromhex(path.with_suffix(BOX_SUFFIX).read_text().strip())
    except (FileNotFoundError, ValueError) as error:
        raise PaperError(
            f"{path.with_suffix(BOX_SUFFIX)} does not say where a secret for {terminal_id} is"
            " sealed to: enrol it once more (request, grant, install), its key stays."
        ) from error
    serial = next_number(path, now_s)
    secret = new_secret()
    sealed = seal(secret, box, binding(terminal_id, serial), X25519PrivateKey.generate())
    return Rotation(terminal_id, serial, sealed, now_s), secret, path.stem


def _enrolled(folder: Path, terminal_id: str) -> Path:
    """The key file of a terminal that is not revoked. Raises PaperError."""
    for path in sorted(folder.rglob("*.pub"))[:FILES_MAX]:
        first, _, below = path.read_text().partition("\n")
        if parse_key_line(first)[1] != terminal_id:
            continue
        if below.strip():
            raise PaperError(f"{terminal_id} was revoked ({path.name}: {below.strip()}).")
        return path
    raise PaperError(f"{terminal_id} is not enrolled in {folder}.")


def write_psk(folder: Path, name: str, psk: bytes) -> None:
    """Keep a terminal's DTLS key beside its key file, for whatever ends DTLS in front of us."""
    path = folder / f"{name}.psk"
    path.unlink(missing_ok=True)
    write_once(path, (psk.hex() + "\n").encode())


def answer(
    request: Request, digest: bytes, secret: Secret, signer: Signer, uri: str, now_s: int
) -> str:
    """The grant's text."""
    sealed = seal(secret, request.box, digest, X25519PrivateKey.generate())
    return write_grant(Grant(digest, signer.public_key, uri, sealed, now_s), signer)


def _file_name(terminal_id: str) -> str:
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in terminal_id).lstrip(".") or "_"
