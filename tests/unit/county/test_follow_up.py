"""What came after a weighing, at the county: its pictures are taken and shown with it."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import httpx

from terminal.core.types import PhotoRef
from terminal.county.accept import Accepted
from terminal.county.page import page_app
from terminal.county.photos import PhotoFolder
from terminal.county.store_sqlite import SqliteStore
from terminal.records import Happening, decode_signed, record_hash
from tests.unit.county.samples import Chain, photo, weigh

FILM, CONTENT = photo(b"\0\0\0\x18ftypisom and so on")


def site(folder: Path, arrived_ns: int = 10) -> tuple[str, httpx.ASGITransport]:
    """A weighing with one photo, another weighing, and the first one's follow-up with a film."""
    chain = Chain()
    still, _ = photo()
    first, _ = chain.add(weigh(photos=(still,)))
    chain.add(weigh(visit_id=8))
    film = PhotoRef("clip_after", FILM.sha256, FILM.size_bytes)
    chain.add(
        Happening(
            event="exit_mismatch",
            detail="晋L12345 was weighed, 晋L12346 left",
            at_ns=9,
            about_seq=1,
            evidence=(film,),
            exit_plate="晋L12346",
        )
    )
    store = SqliteStore(folder / "county.sqlite")
    for signed in chain.signed:
        store.put_record(Accepted(decode_signed(signed), signed, record_hash(signed)), arrived_ns)
    store.commit()
    row = store.photo(FILM.sha256)
    assert row is not None, "a film of a follow-up is expected like every picture of a record"
    assert row.size_bytes == FILM.size_bytes
    store.close()
    photos = PhotoFolder(folder / "photos")
    photos.prepare()
    photos.store(FILM.sha256, CONTENT)
    return first, httpx.ASGITransport(page_app(folder / "county.sqlite", photos))


def get(transport: httpx.ASGITransport, path: str) -> httpx.Response:
    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=transport, base_url="http://county") as client:
            return await client.get(path)

    return asyncio.run(ask())


def test_the_weighing_shows_the_plate_that_left_and_the_film(tmp_path: Path) -> None:
    first, transport = site(tmp_path)
    page = get(transport, f"/record?id={first}").text
    assert "another plate left" in page
    assert "晋L12346" in page
    assert FILM.sha256.hex() in page
    assert "clip_after" in page


def test_the_first_page_names_the_vehicle_that_left_with_another_plate(tmp_path: Path) -> None:
    first, transport = site(tmp_path, time.time_ns())
    page = get(transport, "/").text
    detail = "another plate left: 晋L12345 was weighed, 晋L12346 left"
    assert page.index("needs attention") < page.index(detail)
    assert f"record?id={first[:-1]}3'" in page
    _, transport = site(tmp_path / "old")
    assert detail not in get(transport, "/").text, "of long ago: in the table only"
    assert "晋L12345 was weighed" in get(transport, "/").text


def test_another_weighing_shows_nothing_of_it(tmp_path: Path) -> None:
    first, transport = site(tmp_path)
    page = get(transport, f"/record?id={first[:-1]}2").text
    assert "another plate left" not in page
    assert FILM.sha256.hex() not in page


def test_the_follow_up_leads_to_its_weighing(tmp_path: Path) -> None:
    first, transport = site(tmp_path)
    page = get(transport, f"/record?id={first[:-1]}3").text
    assert f"record?id={first}'" in page
    assert "50,200 kg" in page
    assert "not here yet" in page, "its film has not come"
    assert "about record 1" in page


def test_a_follow_up_whose_weighing_is_not_here_or_is_none_says_so(tmp_path: Path) -> None:
    chain = Chain()
    for about in (None, 1, 9):
        chain.add(Happening(event="follow_up", detail="", at_ns=1, about_seq=about))
    store = SqliteStore(tmp_path / "county.sqlite")
    for signed in chain.signed:
        store.put_record(Accepted(decode_signed(signed), signed, record_hash(signed)), 10)
    store.commit()
    store.close()
    transport = httpx.ASGITransport(
        page_app(tmp_path / "county.sqlite", PhotoFolder(tmp_path / "photos"))
    )
    at = f"/record?id=T-1-{chain.ledger_id.hex()}-"
    assert "about record" not in get(transport, f"{at}1").text
    assert "is not a weighing" in get(transport, f"{at}2").text
    assert "not here yet" in get(transport, f"{at}3").text


def test_a_film_is_given_out_as_one(tmp_path: Path) -> None:
    _, transport = site(tmp_path)
    answer = get(transport, f"/photo?sha256={FILM.sha256.hex()}")
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.content == CONTENT
