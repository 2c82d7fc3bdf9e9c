"""The recording in the console: found by plate and time, played, exported."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import pytest

from terminal.camera import video
from terminal.camera.footage import Footage
from terminal.console.footage_page import form_time
from terminal.footage.index import FootageReader
from terminal.footage.join import join
from terminal.records.site_time import BEIJING
from tests.unit.console.site import Site

needs_video = pytest.mark.skipif(
    not video.available(), reason="the package av is not installed: no video on this machine"
)
START_MS = round(datetime(2026, 11, 23, 14, 5, tzinfo=BEIJING).timestamp() * 1_000)
SECONDS = 150


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """150 s of the front camera in three films, and one lorry."""
    site = Site(tmp_path)
    footage = Footage(tmp_path / "footage", days=7, quota_bytes=10**9)
    for second in range(SECONDS):
        picture = np.full((72, 128, 3), 40 + second, np.uint8)
        footage.add("front", START_MS + second * 1_000, picture, clock_known=True)
    footage.note(START_MS + 70_000, 7, "晋L52188")
    footage.close()
    return site


def ask(site: Site, path: str, **query: object) -> tuple[int, str]:
    answer = site.client.get(f"{path}?{urlencode(query)}")
    return answer.status_code, answer.text


def films(site: Site) -> list[str]:
    reader = FootageReader(site.base / "footage")
    found = [one.path.name for one in reader.segments(0, 1 << 52)]
    reader.close()
    return found


@needs_video
def test_a_plate_leads_to_the_films_around_it(site: Site) -> None:
    status, page = ask(site, "/footage", plate="晋L5?188", lang="en")
    assert status == 200
    assert "2026-11-23 14:06:10" in page
    status, page = ask(site, "/footage", **{"from": "2026-11-23T14:05", "to": "2026-11-23T14:07"})
    assert [name for name in films(site) if name in page] == films(site)
    assert "晋L99999" not in ask(site, "/footage", plate="晋L99998")[1]


@needs_video
def test_what_is_kept_and_for_how_long_is_said(site: Site) -> None:
    page = ask(site, "/footage", lang="en")[1]
    assert "/ 4000 MB" in page
    assert "days kept: 7" in page
    assert "2026-11-23 14:05:00" in page


@needs_video
def test_a_film_plays_and_can_be_sought_in(site: Site) -> None:
    name = films(site)[0]
    assert f'src="/footage/films/{name}"' in ask(site, "/footage", play=name)[1]
    whole = site.client.get(f"/footage/films/{name}")
    assert whole.headers["content-type"] == "video/mp4"
    assert whole.content[4:8] == b"ftyp"
    part = site.client.request("GET", f"/footage/films/{name}", headers={"range": "bytes=4-7"})
    assert (part.status_code, part.content) == (206, b"ftyp")


@pytest.mark.parametrize(
    "path",
    [
        "/footage/films/index.sqlite",
        "/footage/films/..%2Fledger%2Fledger.db",
        "/footage/films/nothing.mp4",
        "/footage/films/%00.mp4",
    ],
)
def test_only_films_are_given_out(site: Site, path: str) -> None:
    assert site.client.get(path).status_code == 404


@needs_video
def test_a_range_is_exported_as_one_film(site: Site, tmp_path: Path) -> None:
    query = urlencode({"role": "front", "from_ms": START_MS + 30_000, "to_ms": START_MS + 90_000})
    answer = site.client.get(f"/footage/export?{query}")
    assert answer.status_code == 200
    assert 'filename="front-2026-11-23T1405.mp4"' in answer.headers["content-disposition"]
    target = tmp_path / "out.mp4"
    target.write_bytes(answer.content)
    shots = video.frames_of(target)
    assert 60 <= len(shots) <= 63
    assert 59_000 <= shots[-1][0] - shots[0][0] <= 62_500
    assert [at for at, _ in shots] == sorted({at for at, _ in shots})


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"role": "front", "from_ms": "1", "to_ms": "x"}, 400),
        ({"role": "front", "from_ms": "5", "to_ms": "5"}, 400),
        ({"role": "front", "from_ms": "0", "to_ms": "3600001"}, 400),
        ({"role": "front", "from_ms": "9" * 30, "to_ms": "9" * 31}, 400),
        ({"role": "roof", "from_ms": "0", "to_ms": "1000"}, 404),
        ({"role": "front", "from_ms": "0", "to_ms": "1000"}, 404),
        ({}, 400),
    ],
)
def test_a_range_that_is_none_is_refused(site: Site, query: dict[str, str], status: int) -> None:
    assert ask(site, "/footage/export", **query)[0] == status


@needs_video
def test_one_export_at_a_time(site: Site) -> None:
    site.console.recording._exporting = True
    status, _ = ask(
        site, "/footage/export", role="front", from_ms=START_MS, to_ms=START_MS + 30_000
    )
    assert status == 503


@pytest.mark.parametrize("query", [{"from": "yesterday"}, {"to": "2026-99-99T00:00"}])
def test_a_time_nobody_can_read_is_said(site: Site, query: dict[str, str]) -> None:
    status, page = ask(site, "/footage", lang="en", **query)
    assert status == 400
    assert "That is no time" in page


def test_odd_questions_find_nothing(site: Site) -> None:
    for plate in ("%", "_______", "'; drop table sighting; --", "?" * 500):
        status, page = ask(site, "/footage", plate=plate, play="../x", role="roof")
        assert status == 200
        assert "14:06:10" not in page


def test_no_recording_is_said(tmp_path: Path) -> None:
    status, page = ask(Site(tmp_path), "/footage", lang="en")
    assert status == 200
    assert "No recording" in page


@needs_video
def test_a_film_that_cannot_be_read_is_left_out(site: Site) -> None:
    name = films(site)[1]
    (site.base / "footage" / name).write_bytes(b"no film at all")
    reader = FootageReader(site.base / "footage")
    segments = reader.segments(START_MS, START_MS + SECONDS * 1_000, "front")
    reader.close()
    whole = b"".join(join(segments, START_MS, START_MS + SECONDS * 1_000))
    assert whole[4:8] == b"ftyp"


def test_times_of_the_form_are_those_of_the_site() -> None:
    assert form_time(START_MS) == "2026-11-23T14:05"
    assert form_time(1 << 60) == ""
