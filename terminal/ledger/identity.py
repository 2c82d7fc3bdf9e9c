"""Who signs: the terminal's key, made once at first start, and what program is running.

The key file is readable by the ledger's user only and is never made a second time once a
ledger exists, since a new key would silently cut the chain. It must never be logged or sent.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import terminal
from terminal.ledger.errors import LedgerCorruptError
from terminal.ledger.evidence import durable
from terminal.records import ALG_EDDSA, Ed25519Signer, PublicKey

KEY_FILE = "identity.key"
PUBLIC_FILE = "terminal.pub"
BOOT_ID_FILE = Path("/proc/sys/kernel/random/boot_id")
PACKAGES = ("hal", "firmware_bridge", "terminal")


def load_signer(
    folder: Path, entropy: Callable[[int], bytes] = secrets.token_bytes
) -> Ed25519Signer:
    """The terminal's signer; its key is made here when this ledger is new.

    Raises LedgerCorruptError when the key of a ledger in use is missing, readable by others or
    not a key; OSError when the folder cannot be written.
    """
    path = folder / KEY_FILE
    if not path.exists():
        if (folder / PUBLIC_FILE).exists():
            raise LedgerCorruptError(
                f"{path} is missing although this ledger has been in use. Put the key back from "
                f"its backup, or move {folder} away to start a new ledger."
            )
        _create_key(path, entropy(32))
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise LedgerCorruptError(
            f"{path} can be read by others (mode {mode:o}). Find out who read it; then set mode "
            f"600, or enrol this terminal again with a new ledger folder."
        )
    seed = path.read_bytes()
    if len(seed) != 32:
        raise LedgerCorruptError(
            f"{path} holds {len(seed)} bytes instead of 32. Put the key back from its backup."
        )
    return Ed25519Signer(seed)


def _create_key(path: Path, seed: bytes) -> None:
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(fd, seed)
        os.fsync(fd)
    finally:
        os.close(fd)
    part.replace(path)
    durable(path.parent)


def export_public(folder: Path, terminal_id: str, key: PublicKey) -> None:
    """Write terminal.pub, what a county enrols: `ed25519 <hex> <terminal id>`, one line."""
    line = f"ed25519 {key.raw.hex()} {terminal_id}\n"
    path = folder / PUBLIC_FILE
    if path.exists() and path.read_text() == line:
        return
    part = path.with_suffix(".part")
    part.write_text(line)
    durable(part)
    part.replace(path)
    durable(folder)


def read_public(path: Path) -> PublicKey:
    """The key of a terminal.pub file. Raises ValueError when it is not one, or OSError."""
    words = path.read_text().split()
    if len(words) < 2 or words[0] != "ed25519" or len(words[1]) != 64:
        raise ValueError(f"{path} is not a public key file: expected `ed25519 <64 hex digits>`")
    return PublicKey(ALG_EDDSA, bytes.fromhex(words[1]))


def boot_id() -> bytes:
    """16 bytes that change with every boot of the machine, not with a restarted process."""
    try:
        return bytes.fromhex(BOOT_ID_FILE.read_text().strip().replace("-", ""))
    except (OSError, ValueError):
        return secrets.token_bytes(16)


def software_digest() -> bytes:
    """SHA-256 over every source file of the program, by name and content."""
    root = Path(terminal.__file__).parent.parent
    digest = hashlib.sha256()
    for path in sorted(_sources(root)):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.digest()


def _sources(root: Path) -> Iterator[Path]:
    for package in PACKAGES:
        yield from (root / package).rglob("*.py")
