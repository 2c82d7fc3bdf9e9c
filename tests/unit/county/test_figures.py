"""Monthly figures: months of China, days, online counting, late and unset clocks, pages."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from hal.contract.types import ClockQuality
from terminal.core.types import Verdict
from terminal.county import page as county_page
from terminal.county.accept import Accepted
from terminal.county.figures import GapRow, UnitRow, month_of, parse_month, read_figures
from terminal.county.page import page_app
from terminal.county.photos import PhotoFolder
from terminal.county.store_sqlite import SqliteStore
from terminal.records import decode_signed, record_hash
from tests.unit.county.samples import Chain, photo, weigh

UNIT = "141025710001"
HOUR_NS = 3_600 * 1_000_000_000
OK = weigh(verdict=Verdict.PASS, reason="within_limit", gross_kg=40_000, over_kg=0, over_permille=0)


def utc_ns(*moment: int) -> int:
    return round(datetime(*moment, tzinfo=UTC).timestamp()) * 1_000_000_000  # type: ignore[misc,arg-type]


def put(store: SqliteStore, chain: Chain, place: int, arrived_ns: int) -> None:
    signed = chain.signed[place]
    store.put_record(Accepted(decode_signed(signed), signed, record_hash(signed)), arrived_ns)


def get(store: Path, path: str, **params: str) -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(page_app(store, PhotoFolder(store.parent / "photos")))
        async with httpx.AsyncClient(transport=transport, base_url="http://county") as client:
            return await client.get(path, params=params)

    return asyncio.run(ask())


@pytest.fixture
def march(tmp_path: Path) -> Path:
    """Nine records around March 2027: its first and last hour, a gap, a late one, no clock."""
    path = tmp_path / "county.sqlite"
    store, chain = SqliteStore(path), Chain()
    begin, end = utc_ns(2027, 2, 28, 16), utc_ns(2027, 3, 31, 16)
    for wall_ns, content in (
        (begin - 1, OK),
        (begin, weigh(plate="=1+1")),
        (begin + 2 * HOUR_NS, OK),
        (begin + 25 * HOUR_NS, OK),
        (begin + 26 * HOUR_NS, OK),
        (end - 1, weigh()),
        (end, weigh()),
    ):
        chain.wall_ns = wall_ns
        chain.add(content)
    chain.wall_ns, chain.clock = 5, ClockQuality.UNKNOWN
    chain.add(OK)
    for place, late_ns in ((0, 1), (1, 1), (2, 1), (4, 1), (5, HOUR_NS), (6, 1)):
        put(store, chain, place, decode_signed(chain.signed[place]).wall_ns + late_ns)
    put(store, chain, 7, begin + 49 * HOUR_NS)
    store.commit()
    store.close()
    return path


def test_figures_of_a_month_and_its_edges(march: Path) -> None:
    figures = read_figures(march, parse_month("2027-03"))
    # In it: 1, 2, 4, 5 and the one without a clock; days 1, 2, 3 and 31.
    mass_kg = 2 * 50_200 + 3 * 40_000
    assert figures.units == (UnitRow(UNIT, 5, mass_kg, 2, 4, 1, 0),)
    assert [row.plate for row in figures.over] == ["=1+1", "晋L12345"]
    assert figures.gaps == (GapRow(UNIT, "T-1", 4, 4),)
    assert figures.online_permille == 0


def test_a_clock_that_is_ahead_counts_by_arrival(tmp_path: Path) -> None:
    path = tmp_path / "county.sqlite"
    store = SqliteStore(path)
    chain = Chain(wall_ns=utc_ns(2100, 1, 1))
    chain.add(OK)
    put(store, chain, 0, utc_ns(2027, 3, 5))
    store.commit()
    store.close()
    assert [row.trucks for row in read_figures(path, parse_month("2027-03")).units] == [1]
    assert [row.trucks for row in read_figures(path, parse_month("2100-01")).units] == [0]


def test_a_silent_unit_counts_against_the_online_rate(march: Path) -> None:
    later = read_figures(march, parse_month("2027-12"))
    assert later.units == (UnitRow(UNIT, 0, 0, 0, 0, 0, 0),)
    assert read_figures(march, parse_month("2027-01")).online_permille is None


@pytest.mark.parametrize(
    ("row", "online"),
    [
        (UnitRow(UNIT, 410, 20_000_000, 0, 20, 0, 0), False),
        (UnitRow(UNIT, 411, 0, 0, 1, 0, 0), True),
        (UnitRow(UNIT, 1, 20_000_001, 0, 1, 0, 0), True),
        (UnitRow(UNIT, 21, 0, 0, 21, 0, 0), True),
    ],
)
def test_online_by_days_mass_or_trucks(row: UnitRow, online: bool) -> None:
    assert row.online == online


def test_months_are_those_of_china() -> None:
    december = parse_month("2027-12")
    assert (december.days, parse_month("2028-02").days) == (31, 29)
    assert month_of(december.end_ns - 1) == december
    assert month_of(december.end_ns).text == "2028-01"


@pytest.mark.parametrize(
    "text", ["", "2027", "2027-13", "2027-00", "1999-01", "２０２７-03", "27-3"]
)
def test_what_is_not_a_month_is_told(march: Path, text: str) -> None:
    with pytest.raises(ValueError, match="YYYY-MM"):
        parse_month(text)
    answer = get(march, "/figures", month=text or "x")
    assert answer.status_code == 400


def test_pages_show_and_guard(march: Path) -> None:
    page = get(march, "/figures", month="2027-03").text
    assert "220.400" in page
    assert "<td>示例煤场 141025710001</td><td>T-1</td><td class='n'>4</td>" in page
    assert "figures?month=2027-02" in page
    rows = get(march, "/figures.csv", month="2027-03").text.splitlines()
    assert rows[1].startswith(f"{UNIT},示例煤场,5,220.400,2,4,12.9,")
    assert ",'=1+1," in get(march, "/figures-over.csv", month="2027-03").text
    assert get(march, "/figures").status_code == 200
    assert "href=figures" in get(march, "/").text


def test_what_needs_attention_comes_first(march: Path) -> None:
    store = SqliteStore(march)
    store.count_refusal("unknown-terminal", "T-9 has no key <file> here", time.time_ns())
    store.commit()
    store.close()
    page = get(march, "/").text
    begin, end = page.index("needs attention"), page.index("<h2>")
    assert begin < page.index("缺 1 条 records missing: 4") < end
    assert begin < page.index("终端未登记 unknown-terminal ×1") < end
    assert "T-9 has no key &lt;file&gt; here" in page


def test_an_empty_store_needs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(county_page, "FREE_BYTES_MIN", 0)  # of the machine that runs this
    SqliteStore(tmp_path / "new.sqlite").close()
    assert "nothing needs attention" in get(tmp_path / "new.sqlite", "/").text


def test_a_record_is_shown_with_its_photos_and_its_bytes(tmp_path: Path) -> None:
    chain, (here, body), (away, _) = Chain("T-1-a"), photo(b"\xff\xd8 one"), photo(b"two")
    name, signed = chain.add(weigh(photos=(here, away), plate="<晋>"))
    path = tmp_path / "county.sqlite"
    store = SqliteStore(path)
    put(store, chain, 0, chain.wall_ns)
    store.photo_stored(here.sha256, 1)
    store.commit()
    store.close()
    folder = PhotoFolder(tmp_path / "photos")
    folder.prepare()
    folder.store(here.sha256, body)
    page = get(path, "/record", id=name).text
    assert "&lt;晋&gt;" in page
    assert "not here yet" in page
    assert f"photo?sha256={here.sha256.hex()}" in page
    assert get(path, "/record.cose", id=name).content == signed
    answer = get(path, "/photo", sha256=here.sha256.hex())
    assert (answer.content, answer.headers["content-type"]) == (body, "image/jpeg")
    for path_, params in (
        ("/photo", {"sha256": away.sha256.hex()}),
        ("/photo", {"sha256": "../../etc"}),
        ("/record", {"id": name + "1"}),
        ("/record", {"id": "T-1-zz-1"}),
        ("/record", {"id": ""}),
    ):
        assert get(path, path_, **params).status_code == 404


def test_a_store_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    answer = get(tmp_path / "none.sqlite", "/figures")
    assert answer.status_code == 503
