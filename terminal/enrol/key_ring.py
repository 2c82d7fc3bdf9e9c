"""A terminal's keys for one target: which are in use, which wait for their proof, which are gone.

The configuration names the first ones; what came after is written here, because nothing a network
sends may write a configuration. Each change is one file put in place whole, so a power cut leaves
the state before it or the state after it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from terminal.disk import put_private
from terminal.enrol.context_files import SECRET_FILE, forget_secret
from terminal.enrol.papers import PaperError
from terminal.enrol.rotation import SpentError
from terminal.enrol.terminal_side import (
    CONTEXT_PREFIX,
    COUNTY_FILE,
    OSCORE_FOLDER,
    PSK_FILE,
    TARGET_BOX_FILE,
    context_name,
    psk_name,
    spend_serial,
    spent_serial,
    take_rotation,
)

RING_FILE = "keys.json"
FILE_BYTES_MAX = 1_024


@dataclass(frozen=True, slots=True)
class InUse:
    """What protects the way now. number: of its rotation, 0 before the first.

    psk_before: the DTLS key that it replaced, for an other end that has not gone over yet.
    """

    oscore: str
    number: int
    psk: str
    psk_before: str = ""


class KeyRing:
    """One target's folder of keys. All calls may raise OSError; nothing is kept in memory."""

    def __init__(self, into: Path, first: str) -> None:
        """into: the target's folder; first: the context that the configuration names in it."""
        self.into = into
        self._first = first

    @property
    def rotates(self) -> bool:
        """Whether this target was enrolled on paper, so that its county may command."""
        return (self.into / COUNTY_FILE).exists() and (self.into / TARGET_BOX_FILE).exists()

    def in_use(self) -> InUse:
        """The keys in use. Raises PaperError when that is not known."""
        path = self.into / RING_FILE
        try:
            text = path.read_text() if path.stat().st_size <= FILE_BYTES_MAX else ""
        except FileNotFoundError:
            return InUse(self._first, 0, PSK_FILE)
        try:
            found = InUse(**json.loads(text))
        except (ValueError, TypeError) as error:
            raise PaperError(_damaged(path)) from error
        names = (found.oscore, found.psk, found.psk_before)
        if type(found.number) is not int or not all(_is_name(name) for name in names):
            raise PaperError(_damaged(path))
        return found

    def pending(self) -> int:
        """Number of keys that were taken and not proved yet, 0 for none. Raises PaperError."""
        newest = max(self._taken(), default=0)
        if newest <= self.in_use().number:
            return 0
        if newest > spent_serial(self.into):  # a power cut came between the two
            spend_serial(self.into, newest)
        return newest

    def _taken(self) -> list[int]:
        """Numbers of the rotations whose contexts are whole."""
        found = [path.name.removeprefix(CONTEXT_PREFIX)
                 for path in self.into.glob(f"{CONTEXT_PREFIX}*")
                 if (path / SECRET_FILE).exists()]  # fmt: skip
        return [int(one) for one in found if one.isdecimal()]

    def take(self, terminal_id: str, text: str, now_s: int) -> int:
        """Obey a command; gives its number, 0 when that was done before.

        now_s: our UTC. Raises PaperError with the reason.
        """
        try:
            return take_rotation(self.into, terminal_id, text, now_s).serial
        except SpentError as error:
            if error.serial in (self.in_use().number, self.pending()):
                return 0
            raise

    def adopt(self, number: int) -> None:
        """The keys of this number are proved: they are in use from now on."""
        before = self.in_use().psk
        self._write(InUse(context_name(number), number, psk_name(number), before))

    def installed(self, oscore: str) -> None:
        """A grant was installed by hand: its keys count, and no rotation before it."""
        self._write(InUse(oscore, spent_serial(self.into), PSK_FILE))

    def _write(self, keys: InUse) -> None:
        put_private(self.into / RING_FILE, json.dumps(asdict(keys)).encode())

    def forget_older(self) -> list[str]:
        """Take away the secrets of what is no longer in use; gives the names of the contexts.

        Keys that were never replaced by a command are a person's: they stay.
        """
        if not (self.into / RING_FILE).exists():
            return []
        keys = self.in_use()
        kept = {keys.oscore} | {context_name(one) for one in self._taken() if one > keys.number}
        gone = [path for start in (OSCORE_FOLDER, CONTEXT_PREFIX)
                for path in sorted(self.into.glob(f"{start}*"))
                if path.name not in kept and (path / SECRET_FILE).exists()]  # fmt: skip
        for path in gone:
            forget_secret(path)
        psks = {path.name for path in self.into.glob("dtls*.psk")}
        for name in psks - {keys.psk, keys.psk_before} - {psk_name(one) for one in self._taken()}:
            (self.into / name).unlink()
        return [path.name for path in gone]


def _is_name(found: object) -> bool:
    return isinstance(found, str) and "/" not in found and found not in (".", "..")


def _damaged(path: Path) -> str:
    return (
        f"{path} is damaged, so it is not known which keys are in use. Enrol this terminal anew:"
        " move that folder away, then weigh-terminal enrol request"
    )
