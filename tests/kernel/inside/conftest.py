from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kernel.inside.lines import SimLines

INSIDE = "INSIDE_KERNEL_RUNG"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.environ.get(INSIDE):
        return
    here = str(Path(__file__).parent)
    for item in items:
        if str(item.path).startswith(here):
            why = "runs inside the User-mode Linux machine: make kernel"
            item.add_marker(pytest.mark.skip(reason=why))


@pytest.fixture
def lines() -> Iterator[SimLines]:
    found = SimLines()
    yield found
    found.release()
