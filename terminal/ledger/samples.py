"""Raw samples of record: what control gives of a visit, and the folder of files made from it.

A file is durable before the record that names its digest. They are never sent; the oldest go when
their bounds are reached, which the database notes first. It must never change a stored file.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator
from itertools import chain, pairwise
from pathlib import Path
from typing import NamedTuple

from hal.contract.types import NS_PER_S
from terminal.disk import put
from terminal.ledger.evidence import amiss
from terminal.ledger.sample_file import npz
from terminal.ledger.store import Store
from terminal.raw_samples import PARTS_MAX, SAMPLE_BYTES, SamplesEnd, SamplesPart, unpack
from terminal.texts.report import REPORT

FOLDER = "samples"
SUFFIX = ".npz"
SAMPLES_BYTES_MAX = 4_000_000_000
"""Of all files together: about 30,000 visits."""
SAMPLES_DAYS_MAX = 400
"""A year and some weeks; longer than photos must be kept."""
SWEPT_MAX = 500
"""Files removed at a time: a sweep must not keep a vehicle waiting."""
HOLES_NOTE = (
    "What was dropped lay between these stamps. A mass held before it is the record's to the last"
    " digit; one held after it is settled anew there, within its uncertainty. The hole itself"
    " shows as a fault of the cells."
)
FROM_META = "samples_from_seq"
"""The first record whose file must still be there; below, it may have gone with time."""


class Kept(NamedTuple):
    """Digest and size of a file that is durable."""

    sha256: bytes
    size_bytes: int


class Missing(NamedTuple):
    """A record goes without its samples; why: for the journal, in every language."""

    why: str


class Samples:
    """take() parts and ends; keep() the visit's file before its record."""

    def __init__(self, folder: Path) -> None:
        """Make the folder when it is not there. Raises OSError."""
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._ring = 0
        self._parts: dict[int, bytes] = {}
        self._end: SamplesEnd | None = None

    def take(self, said: SamplesPart | SamplesEnd) -> None:
        """One message of control; a new ring makes the one before worthless."""
        if said.ring != self._ring:
            self._ring, self._end = said.ring, None
            self._parts.clear()
        if isinstance(said, SamplesEnd):
            self._end = said
            return
        self._parts.pop(said.gone, None)
        if len(said.packed) % SAMPLE_BYTES == 0 and len(self._parts) < PARTS_MAX:
            self._parts[said.number] = said.packed

    def keep(self, visit_id: int) -> Kept | Missing:
        """The visit's file, durable; or why there is none: its samples did not all come.

        Repeating it is harmless: the same samples make the same file. Raises OSError.
        """
        end = self._end
        if end is None or end.visit_id != visit_id:
            return _missing("untold", visit_id)
        numbers = [n for first, last in end.runs for n in range(first, last + 1)]
        if not numbers:
            return _missing("none", visit_id)
        lost = [place for place, number in enumerate(numbers, 1) if number not in self._parts]
        if lost:
            counts = {"parts": len(numbers), "lost": len(lost), "first": lost[0]}
            return _missing("lost", visit_id, **counts)
        told = {**json.loads(end.meta), "visit_id": visit_id, "dropped": end.dropped}
        told |= self._holes(end)
        packed = (self._parts[number] for number in numbers)
        fed = chain.from_iterable(unpack(part) for part in packed)
        cells = 1 if told["kind"] == "indicator" else len(told["zero_counts"])
        content = npz(fed, cells, json.dumps(told))
        digest = hashlib.sha256(content).digest()
        path = place(self.folder, digest)
        if not holds(path, digest):
            put(path, content)
        return Kept(digest, len(content))

    def _holes(self, end: SamplesEnd) -> dict[str, object]:
        """Of each hole the stamps of the last conversion before it and of the first one after."""
        holes = []
        for (_, last), (first, _) in pairwise(end.runs):
            before = next(unpack(self._parts[last][-SAMPLE_BYTES:])).at_ns
            after = next(unpack(self._parts[first])).at_ns
            holes.append((before / NS_PER_S, after / NS_PER_S))
        return {"holes_s": holes, "holes_note": HOLES_NOTE} if holes else {"holes_s": holes}

    def sweep(self, store: Store, wall_ns: int) -> int:
        """Remove what is beyond the bounds, the oldest first; how many files went.

        wall_ns: 0 while the clock is not set, when nothing can be too old. Raises
        LedgerRefusedError, apsw.Error.
        """
        last_seq = _beyond(store, wall_ns)
        rows = store.execute(
            "select seq, sha256 from samples where seq <= ? order by seq limit ?",
            (last_seq, SWEPT_MAX),
        )
        if not rows:
            return 0
        upto = int(str(rows[-1][0]))
        with store.transaction():
            store.execute("delete from samples where seq <= ?", (upto,))
            store.set_meta(FROM_META, str(upto + 1).encode())
        for _seq, digest in rows:
            assert isinstance(digest, bytes)
            with contextlib.suppress(OSError):
                place(self.folder, digest).unlink(missing_ok=True)
        return len(rows)

    def sweep_strays(self, store: Store) -> int:
        """Remove files that no record names (a crash before the commit, or amid a sweep)."""
        named = {row[0] for row in store.execute("select sha256 from samples")}
        swept = 0
        for path in self.stored():
            if path.suffix != SUFFIX or _digest_of(path) not in named:
                path.unlink(missing_ok=True)
                swept += 1
        return swept

    def stored(self) -> Iterator[Path]:
        """Every file of the folder, of any name."""
        return self.folder.iterdir()


def place(folder: Path, digest: bytes) -> Path:
    """Where a folder of samples keeps the file of this digest."""
    return folder / f"{digest.hex()}{SUFFIX}"


def holds(path: Path, digest: bytes) -> bool:
    """Whether this file is there and has that digest."""
    try:
        return not amiss(path, digest)
    except OSError:
        return False


def remember(store: Store, seq: int, kept: Kept, wall_ns: int) -> None:
    """A record names a file; inside the transaction that writes it. wall_ns: 0 for not known."""
    store.execute("insert into samples values (?, ?, ?, ?)", (seq, *kept, wall_ns))


def _missing(why: str, visit_id: int, **values: int) -> Missing:
    texts = REPORT[f"samples_missing.{why}"]
    return Missing(" ".join(text.format(visit_id=visit_id, **values) for text in texts))


def _digest_of(path: Path) -> bytes:
    try:
        return bytes.fromhex(path.stem)
    except ValueError:
        return b""


def _beyond(store: Store, wall_ns: int) -> int:
    """Number of the newest record whose file is too old or one too many; 0 for none."""
    oldest_ns = wall_ns - SAMPLES_DAYS_MAX * 86_400 * NS_PER_S
    ((old,),) = store.execute(
        "select coalesce(max(seq), 0) from samples where wall_ns > 0 and wall_ns < ?", (oldest_ns,)
    )
    ((many,),) = store.execute(
        "select coalesce(max(seq), 0) from (select seq, sum(size_bytes) over (order by seq desc) "
        "as upto from samples) where upto > ?",
        (SAMPLES_BYTES_MAX,),
    )
    return max(int(str(old)), int(str(many)))
