"""The interface description says what the code does: codes, resources, bounds, meaning."""

from __future__ import annotations

import re
from pathlib import Path

import terminal.county
from terminal.county.gate import ROUTES
from terminal.county.problems import REFUSALS
from terminal.county.service import PHOTO_BYTES_MAX, RECORD_BYTES_MAX
from terminal.messages import ItemClass
from terminal.uplink.adapters.coap_v1 import RETRY_AFTER, CoapV1
from terminal.uplink.exchange import Outcome, Request, WireReply
from terminal.uplink.queue import RETRY_AFTER_S_MAX

PAGE = (Path(terminal.county.__file__).parent / "INTERFACE.md").read_text()


def rows(first: str) -> list[list[str]]:
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines()]
    return [row for row in cells if row[0][:1] in first and len(row) == 4]


def test_the_table_of_refusals_is_the_code_s() -> None:
    written = [tuple(row) for row in rows("45")]
    known = [(k.code, k.name, k.title, "yes" if k.for_good else "no") for k in REFUSALS]
    assert written == known


def test_when_to_come_again_is_the_code_s() -> None:
    told = {kind.code: kind.retry_after_s for kind in REFUSALS if kind.retry_after_s}
    assert set(told) == RETRY_AFTER, "told with every code whose Max-Age is read, and no other"
    for code, seconds in told.items():
        assert re.search(rf"{code} (comes )?with Max-Age {seconds}\b", PAGE)
    assert f"no more than {RETRY_AFTER_S_MAX} s of it" in PAGE


def test_the_table_of_resources_is_the_code_s() -> None:
    written = {(row[0], row[1].strip("`").split("/")[2]) for row in rows("PG")}
    assert written == {(route.method, route.path[1]) for route in ROUTES if route.path[0] == "v1"}
    assert f"{RECORD_BYTES_MAX:,}" in PAGE
    assert f"{PHOTO_BYTES_MAX:,}" in PAGE


def test_the_terminal_sets_aside_exactly_what_is_refused_for_good() -> None:
    adapter = CoapV1()
    for kind in REFUSALS:
        item_class = ItemClass.PHOTO if kind.name == "unreferenced" else ItemClass.RECORD
        request = Request("county", 1, item_class, "T-1", bytes(32), b"body", "")
        outcome = adapter.judge(request, WireReply(kind.code, b"", "", "")).outcome
        assert (outcome is Outcome.REFUSED) == kind.for_good, kind
