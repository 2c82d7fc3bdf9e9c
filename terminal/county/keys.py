"""Whom the receiver believes: the public keys of enrolled terminals, from files.

A key file is what a terminal exports (`terminal.pub`); --keys names one or a folder of them.
A terminal without a file here does not exist: there is no open enrolment. A missing,
unreadable or wrong file never lets anybody in.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from terminal.records import ALG_SM2_SM3, KeyLineError, PublicKey, parse_key_line, sm2_holds

RELOAD_NS = 1_000_000_000
"""An unknown terminal, or a folder that has changed, makes the files be read again, at most this
often: a revoked key is refused within a second."""
EDITED_NS = 10 * 1_000_000_000
"""A key file edited in its place leaves its folder's time alone, so all of them are looked at."""
FILES_MAX = 20_000
FILE_BYTES_MAX = 8_192


class KeyFileError(ValueError):
    """A key file that cannot be used. str(): file, what is wrong, what is expected."""


@dataclass(frozen=True, slots=True)
class Enrolled:
    """One terminal's entry. revoked: a reason, empty while the key is good."""

    terminal_id: str
    key: PublicKey
    revoked: str


def read_key_file(path: Path) -> Enrolled:
    """One key file: `ed25519 <64 hex digits> <terminal id>`, optionally `revoked <reason>` below.

    Raises KeyFileError.
    """
    try:
        wire = path.read_bytes()
        lines = wire.decode().splitlines() if len(wire) <= FILE_BYTES_MAX else []
    except (OSError, UnicodeDecodeError) as error:
        raise KeyFileError(f"{path}: cannot be read as text: {error}") from error
    try:
        key, terminal_id = parse_key_line(lines[0] if lines else "")
    except KeyLineError as error:
        raise KeyFileError(f"{path}: {error}") from error
    if key.alg == ALG_SM2_SM3:
        try:
            sm2_holds(key.raw, bytes(64), b"")  # so that no record is refused for want of OpenSSL
        except OSError as error:
            raise KeyFileError(f"{path}: {error}") from error
    below = " ".join(lines[1:]).strip()
    word, _, reason = below.partition(" ")
    if below and word != "revoked":
        raise KeyFileError(f"{path}: the second line may only be `revoked <reason>`")
    return Enrolled(terminal_id, key, (reason or "no reason given") if below else "")


class KeyRegistry:
    """Keys by terminal. Bad files are listed in `problems` and enrol nobody."""

    def __init__(self, path: Path) -> None:
        """path: a key file, or a folder searched for *.pub."""
        self._path = path
        self._loaded_ns: int | None = None
        self._read_at = 0
        self._looked_ns = 0
        self._files_at = 0
        self._by_id: dict[str, Enrolled] = {}
        self.problems: tuple[str, ...] = ()
        self.load()

    def load(self) -> None:
        """Read all files anew."""
        self._read_at = self._stamp()
        self._files_at = self._files_stamp()
        entries: dict[str, Enrolled] = {}
        keys: dict[bytes, str] = {}
        problems: list[str] = []
        for path in self._files():
            try:
                entry = read_key_file(path)
            except KeyFileError as error:
                problems.append(str(error))
                continue
            if entry.terminal_id in entries and entries[entry.terminal_id] != entry:
                problems.append(f"{path}: {entry.terminal_id} is already enrolled by another file")
            elif keys.setdefault(entry.key.raw, entry.terminal_id) != entry.terminal_id:
                problems.append(f"{path}: shares its key with {keys[entry.key.raw]}")
            else:
                entries[entry.terminal_id] = entry
        self._by_id, self.problems = entries, tuple(problems)

    def _files(self) -> list[Path]:
        if self._path.is_dir():
            return sorted(self._path.rglob("*.pub"))[:FILES_MAX]
        return [self._path] if self._path.exists() else []

    def find(self, terminal_id: str, now_ns: int) -> Enrolled | None:
        """The terminal's entry, or None. An unknown id or a change re-reads them, at most 1/s."""
        entry = self._by_id.get(terminal_id)
        due = self._loaded_ns is None or now_ns - self._loaded_ns >= RELOAD_NS
        if due and (entry is None or self._changed(now_ns)):
            self._loaded_ns = now_ns
            self.load()
            entry = self._by_id.get(terminal_id)
        return entry

    def _changed(self, now_ns: int) -> bool:
        """A file that came, went or was replaced; now and then also one edited in its place."""
        if self._stamp() != self._read_at:
            return True
        if now_ns - self._looked_ns < EDITED_NS:
            return False
        self._looked_ns = now_ns
        return self._files_stamp() != self._files_at

    def _files_stamp(self) -> int:
        """Changes when any file does."""
        stamp = 0
        for path in self._files():
            try:
                stamp = hash((stamp, path.stat().st_mtime_ns))
            except OSError:
                continue
        return stamp

    def _stamp(self) -> int:
        """When the folder (or file) last changed; 0 when it is gone."""
        try:
            return self._path.stat().st_mtime_ns
        except OSError:
            return 0

    def terminals(self) -> tuple[str, ...]:
        """Enrolled terminals, in order."""
        return tuple(sorted(self._by_id))
