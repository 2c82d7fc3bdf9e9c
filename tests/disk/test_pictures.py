"""Pictures on a dying disk: what a record names is there, whole, after every k-th failure.

The camera's spool and the ledger's evidence folder, operation by operation, over one whole
visit; the database's own writes have their loop in tests/unit/ledger/test_crash.py.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from unittest import mock

import pytest

from terminal.camera import spool
from terminal.commands.verify import Walk
from terminal.core.types import PhotoRef
from terminal.ledger.errors import LedgerRefusedError
from terminal.ledger.store import DB_FILE
from terminal.messages import CommitDone, CommitRefused
from tests.disk.pictures_disk import PicturesDisk
from tests.unit.ledger.builders import draft
from tests.unit.ledger.lane import Lane

ROLES = ("front", "rear", "plate")
OPERATIONS_MAX = 80
VISIT = 7


def photograph(lane: Lane) -> tuple[PhotoRef, ...]:
    """What the camera process does at the latch. Raises OSError."""
    folder = lane.base / "run" / "spool"
    return tuple(spool.store(folder, role, role.encode() * 400) for role in ROLES)


def commit(lane: Lane) -> tuple[CommitDone | None, tuple[PhotoRef, ...]]:
    """One visit: photos, draft, answer; and whatever pictures the camera vouched for."""
    node = lane.open()
    try:
        try:
            photos = photograph(lane)
        except OSError:
            return None, ()
        answer = lane.commit(node, draft(VISIT, photos=photos))
        if isinstance(answer, CommitDone):
            return answer, photos
        assert isinstance(answer, CommitRefused)
        assert "stored" in answer.why or "written" in answer.why or "write" in answer.why
        return None, photos
    finally:
        node.close()


def good(lane: Lane) -> int:
    """Pictures that the records name and that are what they say. Fails at the first that is not."""
    import apsw

    node = lane.open()
    key = node.book.public_key
    node.close()
    db = apsw.Connection(str(lane.folder / DB_FILE), flags=apsw.SQLITE_OPEN_READONLY)
    walk = Walk(db, key, lane.folder / "evidence")
    failure = walk.first_failure()
    db.close()
    assert failure is None, failure
    return walk.pictures


def dies_at(base: Path, k: int, how: str, error: int = errno.EIO) -> bool:
    """One visit on a disk that dies at operation k, then a sound one. False: it did not die."""
    lane = Lane(base)
    lane.open().close()
    with PicturesDisk(base, k, how, error) as disk:
        try:
            done, photos = commit(lane)
        except (LedgerRefusedError, OSError):
            done, photos = None, ()
    if how == "lose":
        disk.power_cut()
    kept = good(lane)
    if done is not None:
        assert kept == len(photos), "the answer came before the pictures were durable"
    again, photos = commit(lane)
    assert again is not None
    assert done is None or again.committed == done.committed
    assert good(lane) == len(ROLES)
    return disk.operations >= k


@pytest.mark.parametrize("links", [True, False], ids=["links", "copies"])
@pytest.mark.parametrize("how", ["fail", "tear", "lose"])
def test_named_pictures_survive_every_dying_disk(tmp_path: Path, how: str, links: bool) -> None:
    def refused(*_paths: object, **_named: object) -> None:
        raise OSError(errno.EXDEV, "another file system")

    k = 1
    with mock.patch.object(os, "link", os.link if links else refused):
        while dies_at(tmp_path / f"k{k}", k, how):
            k += 1
            assert k < OPERATIONS_MAX
    assert k > 10, "the visit has that many operations"


def test_a_full_disk_is_said_and_left(tmp_path: Path) -> None:
    for k in (1, 4, 8, 12):
        assert dies_at(tmp_path / f"k{k}", k, "fail", errno.ENOSPC)
