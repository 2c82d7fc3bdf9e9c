"""Files written whole: a kernel that takes less than it was given is asked again."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from terminal.disk import put_private, write_once

CONTENT = bytes(range(256)) * 40


@pytest.mark.parametrize("write", [write_once, put_private])
@pytest.mark.parametrize("taken", [1, 7, 4_096, len(CONTENT)])
def test_a_short_write_is_carried_on(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    write: Callable[[Path, bytes], None],
    taken: int,
) -> None:
    calls, real = [], os.write

    def short(descriptor: int, content: bytes) -> int:
        calls.append(len(content))
        return real(descriptor, content[:taken])

    monkeypatch.setattr(os, "write", short)
    write(tmp_path / "key", CONTENT)
    assert (tmp_path / "key").read_bytes() == CONTENT
    assert len(calls) == -(-len(CONTENT) // taken)


@pytest.mark.parametrize("write", [write_once, put_private])
def test_nothing_to_write_is_an_empty_file(
    tmp_path: Path, write: Callable[[Path, bytes], None]
) -> None:
    write(tmp_path / "key", b"")
    assert (tmp_path / "key").read_bytes() == b""


def test_a_file_that_exists_is_left_alone(tmp_path: Path) -> None:
    write_once(tmp_path / "key", b"first")
    with pytest.raises(FileExistsError):
        write_once(tmp_path / "key", b"second")
    assert (tmp_path / "key").read_bytes() == b"first"
