"""A county of many terminals: every open context holds a file, and a usual limit is small."""

from __future__ import annotations

import contextlib
import gc
import itertools
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from terminal.county.oscore import OPEN_FILES_MAX, Contexts, raise_open_files
from terminal.uplink.oscore import make_pair

ROOM = 12
TERMINALS = 20


@pytest.fixture
def few_files() -> Iterator[int]:
    """Room for a few files more than are open now; gives that limit."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    gc.collect()
    taken = {int(entry.name) for entry in Path("/proc/self/fd").iterdir()}
    free = (number for number in itertools.count() if number not in taken)
    limit = next(itertools.islice(free, ROOM, None))
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, before[1]))
    yield limit
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def _many(tmp_path: Path) -> list[str]:
    names = [f"T-{number}" for number in range(TERMINALS)]
    for name in names:
        make_pair(tmp_path / "terminals" / name, tmp_path / "county" / name)
    return names


def test_a_receiver_takes_the_open_files_it_may_have(tmp_path: Path, few_files: int) -> None:
    names = _many(tmp_path)
    contexts = Contexts(tmp_path / "county")
    assert few_files < raise_open_files() <= OPEN_FILES_MAX
    opened = [contexts.open(name) for name in names]
    assert len({id(one) for one in opened}) == TERMINALS
    assert contexts.problems == ()
    for one in opened:
        one.release()


def test_without_files_a_context_is_not_called_damaged(tmp_path: Path, few_files: int) -> None:
    """It is served again as soon as there is room; enrolling anew would mend nothing."""
    names = _many(tmp_path)
    contexts, opened = Contexts(tmp_path / "county"), []
    with contextlib.suppress(KeyError):
        for name in names:
            opened.append(contexts.open(name))
    assert len(opened) < TERMINALS
    failed = names[len(opened)]
    assert "raise the limit of open files" in contexts.problems[0]
    for one in opened:
        one.release()
    assert few_files < raise_open_files()
    contexts.open(failed).release()
