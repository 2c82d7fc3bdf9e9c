"""Who signs: the terminal's key, made once at first start, and what program is running.

The key file is readable by the ledger's user only and is never made a second time once a
ledger exists, since a new key would silently cut the chain. It must never be logged or sent.
"""

from __future__ import annotations

import hashlib
import secrets
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import terminal
from terminal.disk import put, put_private
from terminal.ledger.errors import LedgerCorruptError
from terminal.records import (
    SIGNERS,
    KeyLineError,
    PublicKey,
    Signer,
    algorithm_name,
    key_line,
    parse_key_line,
)

KEY_FILE = "identity.key"
PUBLIC_FILE = "terminal.pub"
BOOT_ID_FILE = Path("/proc/sys/kernel/random/boot_id")
DRAWS_MAX = 8
PACKAGES = ("hal", "firmware_bridge", "terminal")


def load_signer(
    folder: Path,
    algorithm: str = "ed25519",
    entropy: Callable[[int], bytes] = secrets.token_bytes,
) -> Signer:
    """The terminal's signer; its key is made here when this ledger is new.

    algorithm: "ed25519" or "sm2", as configured; a ledger keeps the one it began with.
    Raises LedgerCorruptError when the key of a ledger in use is missing, readable by others, not
    a key or of another algorithm; OSError when the folder cannot be written or this machine
    cannot do SM2.
    """
    path = folder / KEY_FILE
    used = (folder / PUBLIC_FILE).exists()
    if not path.exists():
        if used:
            raise LedgerCorruptError(
                f"{path} is missing although this ledger has been in use. Put the key back from "
                f"its backup, or move {folder} away to start a new ledger."
            )
        put_private(path, _new_seed(algorithm, entropy))
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise LedgerCorruptError(
            f"{path} can be read by others (mode {mode:o}). Find out who read it; then set mode "
            f"600, or enrol this terminal again with a new ledger folder."
        )
    if used:
        _check_algorithm(folder, algorithm)
    seed = path.read_bytes()
    try:
        return SIGNERS[algorithm](seed)
    except ValueError as error:
        raise LedgerCorruptError(
            f"{path} is not an {algorithm} key: {error}. Put the key back from its backup."
        ) from error


def _new_seed(algorithm: str, entropy: Callable[[int], bytes]) -> bytes:
    """A secret that is a key: one SM2 draw in four thousand million is none, and is drawn again."""
    for _ in range(DRAWS_MAX):
        seed = entropy(32)
        try:
            SIGNERS[algorithm](seed)
        except ValueError:
            continue
        return seed
    raise LedgerCorruptError(f"no {algorithm} key could be made from this machine's random source")


def _check_algorithm(folder: Path, algorithm: str) -> None:
    began = algorithm_name(read_public(folder / PUBLIC_FILE))
    if began != algorithm:
        raise LedgerCorruptError(
            f"ledger.signature is {algorithm!r}, but {folder} signs with {began!r}. Set it back, "
            f"or move {folder} away to start a new ledger, and enrol the terminal again."
        )


def export_public(folder: Path, terminal_id: str, key: PublicKey) -> None:
    """Write terminal.pub, what a county enrols: one key line (terminal.records.key_line)."""
    line = key_line(key, terminal_id) + "\n"
    path = folder / PUBLIC_FILE
    if path.exists() and path.read_text() == line:
        return
    put(path, line.encode())


def read_public(path: Path) -> PublicKey:
    """The key of a terminal.pub file. Raises ValueError when it is not one, or OSError."""
    try:
        return parse_key_line(path.read_text())[0]
    except KeyLineError as error:
        raise ValueError(f"{path} is not a public key file: {error}") from error


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
