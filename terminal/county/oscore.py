"""OSCORE contexts of the enrolled terminals: found by their key id, opened when first used.

The folder is looked at again when it changes, at most once a second, so whom the county enrols,
rotates or puts out is known without a restart, in every worker. Numbers are power-safe (see
PowerSafeContext). A folder that cannot be used protects nobody and is named.
"""

from __future__ import annotations

import errno
import json
import logging
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiocoap import CON
from aiocoap.credentials import CredentialsMap
from aiocoap.error import BadOption
from aiocoap.oscore import (
    COSE_KID,
    COSE_KID_CONTEXT,
    DecodeError,
    ProtectionInvalid,
    ReplayError,
    ReplayErrorWithEcho,
)
from aiocoap.oscore_sitewrapper import OscoreSiteWrapper

from terminal.county.notes import KEY_BROKEN, KEY_REPLAY, KEY_RETIRED, KEY_UNKNOWN, KEY_WRONG, Notes
from terminal.county.sharding import ALONE, Place
from terminal.enrol.context_files import SEQUENCE_FILE, SETTINGS_FILE
from terminal.enrol.county_contexts import (
    FETCHED_FILE,
    USED_FILE,
    Label,
    Stage,
    folders,
    note,
    paper_of,
    read_stage,
    retire_older,
)
from terminal.enrol.power_safe import UNUSABLE, PowerSafeContext

LOOK_NS = 1_000_000_000
"""How often the time of the folder is looked at."""
OPEN_FILES_MAX = 65_536
"""Each open context holds a lock file open; a usual limit of 1,024 ends before 1,000 terminals."""
FILES_SPENT = (errno.EMFILE, errno.ENFILE)
NUMBER_BITS, NUMBER_BYTES_MAX, ID_CONTEXT_BIT, FOREIGN_BITS = 0x07, 5, 0x10, 0xE0
"""First octet of an OSCORE option. Foreign: reserved, or of group communication."""
Key = tuple[bytes, bytes | None]
"""Key id and id context, as they stand in a protected message."""
_LOG = logging.getLogger("county-coap")


@dataclass(slots=True)
class Entry:
    """One context. stage: what its label says, None when it has none; mine: ours to open.

    changed_ns: the folder's own time when that was read, 0 when it was too fresh to trust.
    """

    folder: Path
    key: Key
    stage: Stage | None
    mine: bool
    changed_ns: int = 0
    context: _Context | None = None
    used: bool = False
    broken: bool = False

    @property
    def label(self) -> Label | None:
        """Whose it is."""
        return self.stage.label if self.stage else None

    @property
    def who(self) -> str:
        """Whom a refusal is put down to."""
        return self.stage.label.terminal_id if self.stage else self.folder.name

    @property
    def retired(self) -> bool:
        """Whether a newer key has taken its place."""
        return self.stage is not None and self.stage.retired_s > 0


class _Context(PowerSafeContext):
    """Says which entry it is of, and notes what it does not let through."""

    entry: Entry
    notes: Notes

    def unprotect(self, protected_message: Any, request_id: Any = None) -> Any:
        """As the library's; an Echo challenge after a restart is no refusal."""
        try:
            return super().unprotect(protected_message, request_id)
        except ReplayErrorWithEcho:
            raise
        except ReplayError:
            self.notes.put(KEY_REPLAY, self.entry.who, "a number of this key that was used before")
            raise
        except (ProtectionInvalid, DecodeError):
            self.notes.put(KEY_WRONG, self.entry.who, "names this key, but does not hold it")
            raise


class Contexts(CredentialsMap):  # type: ignore[misc]  # the library has no types
    """The contexts under one folder; what aiocoap's OSCORE wrapper asks for keys."""

    def __init__(
        self,
        root: Path,
        place: Place = ALONE,
        notes: Notes | None = None,
        now_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """place: of several workers each opens its own ones only: a context in use twice gives
        its key away. notes: where refusals go.
        """
        super().__init__()
        self._root, self._place, self._now_ns = root, place, now_ns
        self._notes = notes or Notes()
        self._entries: dict[str, Entry] = {}
        self._by_key: dict[Key, Entry] = {}
        self._of_terminal: dict[str, list[Entry]] = {}
        self._stamp = self._looked_ns = 0
        self.problems: tuple[str, ...] = ()
        self.look()

    def look(self) -> None:
        """Read what is new in the folder and let go of what is gone."""
        self._stamp, self._looked_ns = self._time(), self._now_ns()
        problems: list[str] = []
        entries: dict[str, Entry] = {}
        try:
            found = folders(self._root)
        except OSError as error:
            found, problems = [], [f"{self._root}: cannot be read: {error.strerror}"]
        for folder in found:
            try:
                entries[folder.name] = self._entry(folder)
            except UNUSABLE as error:
                problems.append(f"{folder}: {SETTINGS_FILE} or label cannot be used: {error}")
        self._entries = entries
        self._by_key, self._of_terminal = {}, {}
        for entry in entries.values():
            twin = self._by_key.setdefault(entry.key, entry)
            if twin is not entry:
                problems.append(f"{entry.folder}: has the key id of {twin.folder.name}")
            if entry.label:
                self._of_terminal.setdefault(entry.label.terminal_id, []).append(entry)
            missing = not entry.retired and not (entry.folder / SEQUENCE_FILE).exists()
            if missing and entry.mine:
                problems.append(f"{entry.folder}: {SEQUENCE_FILE} is missing; enrol it again")
                entry.broken = True
        for problem in set(problems) - set(self.problems):
            _LOG.error("%s", problem)
        self.problems = tuple(problems)

    def _entry(self, folder: Path) -> Entry:
        known = self._entries.get(folder.name)
        changed_ns = folder.stat().st_mtime_ns
        if known is not None and known.changed_ns == changed_ns:
            return known
        if time.time_ns() - changed_ns < LOOK_NS:
            changed_ns = 0
        stage, key = read_stage(folder), _key(folder / SETTINGS_FILE)
        if known is not None and known.key == key:  # a name that was free may come again
            known.stage, known.changed_ns, known.broken = stage, changed_ns, False
            known.context = None if known.retired else known.context
            return known
        return Entry(folder, key, stage, self._place.owns(key[0]), changed_ns)

    def _time(self) -> int:
        try:
            return self._root.stat().st_mtime_ns
        except OSError:
            return 0

    def _look_again(self) -> None:
        if self._now_ns() - self._looked_ns >= LOOK_NS:
            self._looked_ns = self._now_ns()
            if self._time() != self._stamp:
                self.look()

    def find_oscore(self, unprotected: Any) -> Any:
        """The context of a protected message. Raises KeyError, which the library answers 4.01."""
        self._look_again()
        key = unprotected.get(COSE_KID), unprotected.get(COSE_KID_CONTEXT)
        entry = self._by_key.get(key)
        if entry is None:
            shown = key[0].hex()[:16] if isinstance(key[0], bytes) else "none"
            self._notes.put(KEY_UNKNOWN, "", f"key id {shown} is not one of ours")
            raise KeyError(key)
        if entry.retired:
            self._notes.put(KEY_RETIRED, entry.who, "its old key, which a newer one has replaced")
            raise KeyError(key)
        return self.open(entry.folder.name)

    def unreadable(self) -> None:
        """A message came that names no key in a way that could be read."""
        self._notes.put(KEY_UNKNOWN, "", "an OSCORE option that cannot be read")

    def open(self, name: str) -> _Context:
        """The context of this folder, open. Raises KeyError when it cannot be used."""
        entry = self._entries[name]
        if entry.context is None:
            entry.context = self._opened(entry)
        return entry.context

    def _opened(self, entry: Entry) -> _Context:
        assert entry.mine, "a context is opened by the worker that owns it"
        if not entry.broken:
            try:
                context = _Context(str(entry.folder))
                context.entry, context.notes = entry, self._notes
                return context
            except UNUSABLE as error:
                spent = isinstance(error, OSError) and error.errno in FILES_SPENT
                entry.broken = not spent
                remedy = "raise the limit of open files" if spent else "enrol this terminal again"
                problem = f"{entry.folder}: cannot be used: {error!r}; {remedy}"
                if problem not in self.problems:
                    self.problems = (*self.problems, problem)
                    _LOG.error("%s", problem)
        self._notes.put(KEY_BROKEN, entry.who, f"{entry.folder.name} cannot be used here")
        raise KeyError(entry.folder.name)

    def waiting(self, terminal_id: str, now_s: int) -> str:
        """The command that waits for a terminal, empty for none. now_s: UTC. Raises OSError."""
        offered = self._offered(terminal_id, now_s)
        if offered is None:
            return ""
        text = paper_of(offered)
        note(offered, FETCHED_FILE, now_s)
        return text

    def waiting_number(self, terminal_id: str, now_s: int) -> int:
        """The number of that command, 0 for none."""
        try:
            offered = self._offered(terminal_id, now_s)
        except OSError:
            return 0  # a hint only: who asks is told what is wrong
        return offered.label.number if offered is not None else 0

    def _offered(self, terminal_id: str, now_s: int) -> Stage | None:
        self._look_again()
        stages = [entry.stage for entry in self._of_terminal.get(terminal_id, []) if entry.stage]
        waits = [stage for stage in stages if stage.waits and not stage.expired(now_s)]
        newest = max((one.label.number for one in stages if one.used_s), default=-1)
        offered = max(waits, key=lambda one: one.label.number, default=None)
        return offered if offered is not None and offered.label.number >= newest else None

    def seen(self, entry: Entry, now_s: int) -> None:
        """Its terminal works with this key: older ones of it are forgotten. Raises OSError."""
        if entry.used or entry.stage is None:
            return
        if not entry.stage.used_s:
            note(entry.stage, USED_FILE, now_s)
        known = [one.stage for one in self._of_terminal.get(entry.who, []) if one.stage]
        if retire_older(self._root, entry.stage.label, known, now_s):
            self.look()
        else:
            entry.stage = read_stage(entry.folder)
        entry.used = True


class ProtectedSite(OscoreSiteWrapper):  # type: ignore[misc]  # the library has no types
    """The library's wrapper, which leaves a request over a stream unanswered when it refuses it,
    meets an OSCORE option that cannot be read with an exception and its traceback in the log, and
    answers EDHOC, for which nobody here has keys.
    """

    async def render_to_pipe(self, pipe: Any) -> None:
        """The library's entry. Over a stream nothing is repeated, so silence would tell nobody."""
        request = pipe.request
        if request.mtype is None:
            request.mtype = CON
        option = request.opt.oscore
        if option is None:
            await self._inner_site.render_to_pipe(pipe)
        elif readable(option):
            await super().render_to_pipe(pipe)
        else:
            self.server_credentials.unreadable()
            if request.mtype is CON:
                raise BadOption("Failed to decode COSE")


def readable(option: bytes) -> bool:
    """Whether an OSCORE option is whole (RFC 8613 6.1) and of a pair, not of a group."""
    if not option:
        return True
    number_bytes = option[0] & NUMBER_BITS
    rest = option[1 + number_bytes :]
    if option[0] & FOREIGN_BITS or number_bytes > NUMBER_BYTES_MAX:
        return False
    if len(option) < 1 + number_bytes:
        return False
    return not option[0] & ID_CONTEXT_BIT or (bool(rest) and len(rest) > rest[0])


def raise_open_files() -> int:
    """Take all the open files that this process may have, OPEN_FILES_MAX at most; gives how many.

    It never lowers what it has. Processes started after it have the same.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = OPEN_FILES_MAX if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES_MAX)
    if soft == resource.RLIM_INFINITY or soft >= allowed:
        return soft
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return allowed


def _key(settings: Path) -> Key:
    """What this context's terminal sends. Raises ValueError, LookupError, TypeError, OSError."""
    body = json.loads(settings.read_text())
    return _octets(body, "recipient-id"), (
        _octets(body, "id-context") if any(name.startswith("id-context") for name in body) else None
    )


def _octets(body: dict[str, str], name: str) -> bytes:
    if f"{name}_hex" in body:
        return bytes.fromhex(body[f"{name}_hex"])
    return str(body[f"{name}_ascii"]).encode()
