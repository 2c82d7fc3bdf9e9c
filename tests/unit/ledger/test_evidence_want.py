"""A ledger short of descriptors refuses for now; it does not call pictures missing."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from terminal.camera import spool
from terminal.messages import CommitDone, CommitRefused
from tests.unit.ledger.builders import draft
from tests.unit.ledger.lane import Lane


@pytest.mark.parametrize(
    ("error", "kept"), [(errno.EMFILE, False), (errno.ENOMEM, False), (errno.ENOENT, True)]
)
def test_want_of_our_own_is_not_a_missing_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: int, kept: bool
) -> None:
    lane = Lane(tmp_path)
    node = lane.open()
    photo = spool.store(tmp_path / "run" / "spool", "front", b"front" * 400)

    def refuses(_path: Path) -> bytes:
        raise OSError(error, "no")

    with monkeypatch.context() as starving:
        starving.setattr(Path, "read_bytes", refuses)
        answer = lane.commit(node, draft(7, photos=(photo,)))
    assert isinstance(answer, CommitDone if kept else CommitRefused)
    again = lane.commit(node, draft(7, photos=(photo,)))
    assert isinstance(again, CommitDone)
    node.close()
    assert len(list((lane.folder / "evidence").rglob("*.jpg"))) == (0 if kept else 1)
