"""OIML R 76-1:2006 clause by clause: every row of the table is run, and the page shows them."""

from __future__ import annotations

import pytest

from tests.tools import r76_table
from tests.unit.weighing.r76_load import Row
from tests.unit.weighing.r76_rows import ROWS
from tests.unit.weighing.r76_zero import keeper, settle


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.clause} {row.what}: {row.case}")
def test_the_clause_is_kept(row: Row) -> None:
    found = row.run()
    assert row.met(found), f"{row.clause}: {found!r}, expected {row.expected}"


def test_the_page_shows_the_rows() -> None:
    page = r76_table.PAGE.read_text(encoding="utf-8")
    assert page == r76_table.rendered(), "run python -m tests.tools.r76_table"


def test_every_zero_action_leaves_an_event() -> None:
    zero = settle(settle(keeper(), 0, 3), -60, 8, 3)
    assert [e.kind for e in zero.drain_events()] == ["zero_initial", "zero_automatic"]
