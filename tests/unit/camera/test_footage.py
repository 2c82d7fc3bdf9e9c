from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from terminal import exits
from terminal.camera import video
from terminal.camera.export import export, masked
from terminal.camera.footage import DAY_MS, Footage
from terminal.cli import main
from terminal.footage.index import SEGMENT_MS, FootageReader

pytestmark = pytest.mark.skipif(
    not video.available(), reason="the package av is not installed: no video on this machine"
)
START_MS = 1_700_000_000_000
STEP_MS = 5_000


def picture(number: int) -> np.ndarray:  # type: ignore[type-arg]
    shown = np.full((90, 160, 3), 60, np.uint8)
    shown[:, : 1 + number * 3 % 150] = 200
    return shown


def recorded(folder: Path, *, minutes: float = 3, days: int = 7, quota: int = 10**9) -> Footage:
    footage = Footage(folder, days=days, quota_bytes=quota)
    for number in range(round(minutes * 60_000 / STEP_MS)):
        for role in ("front", "rear"):
            footage.add(*(role, START_MS + number * STEP_MS, picture(number)), clock_known=True)
    return footage


def test_minutes_become_films_that_can_be_found_by_time(tmp_path: Path) -> None:
    recorded(tmp_path).close()
    reader = FootageReader(tmp_path)
    everything = reader.segments(0, START_MS * 2)
    assert [s.role for s in everything] == ["front", "rear"] * 3
    assert all(s.octets == s.path.stat().st_size > 0 for s in everything)
    second = reader.segments(START_MS + 70_000, START_MS + 80_000, "rear")
    assert [(s.role, s.start_ms) for s in second] == [("rear", START_MS + SEGMENT_MS)]
    shots = video.frames_of(second[0].path)
    assert len(shots) == SEGMENT_MS // STEP_MS
    assert [at for at, _ in shots] == list(range(0, SEGMENT_MS, STEP_MS))
    reader.close()


def test_old_films_and_films_beyond_the_quota_go_oldest_first(tmp_path: Path) -> None:
    footage = recorded(tmp_path / "quota", minutes=4)
    sizes = [p.stat().st_size for p in sorted((tmp_path / "quota").glob("*.mp4"))]
    footage.close()
    again = Footage(tmp_path / "quota", days=7, quota_bytes=2 * max(sizes) + 10)
    assert again.retain(START_MS + 240_000) == 6
    again.close()
    left = sorted(p.name for p in (tmp_path / "quota").glob("*.mp4"))
    assert left == [f"{role}-{START_MS + 3 * SEGMENT_MS}.mp4" for role in ("front", "rear")]
    footage = recorded(tmp_path / "age", minutes=2, days=1)
    footage.note(START_MS, 7, "晋L52188")
    footage.close()
    again = Footage(tmp_path / "age", days=1, quota_bytes=10**9)
    assert again.retain(START_MS + DAY_MS + 30_000) == 2
    again.close()
    reader = FootageReader(tmp_path / "age")
    assert reader.sightings("晋L52188") == []
    reader.close()


@pytest.mark.parametrize(("clock_known", "left"), [(False, 3), (True, 1)])
def test_a_clock_that_leaps_deletes_nothing_unless_it_is_known(
    tmp_path: Path, clock_known: bool, left: int
) -> None:
    footage = recorded(tmp_path, minutes=1, days=7)
    leap_ms = START_MS + 4_000 * DAY_MS
    footage.add("front", leap_ms, picture(1), clock_known=clock_known)
    footage.add("rear", leap_ms, picture(1), clock_known=clock_known)
    assert len(list(tmp_path.glob("*.mp4"))) == left + 1
    footage.close()


def test_a_film_cut_off_by_a_kill_is_found_again_and_plays(tmp_path: Path) -> None:
    footage = recorded(tmp_path / "live", minutes=0.9)
    shutil.copytree(tmp_path / "live", tmp_path / "after")
    footage.close()
    again = Footage(tmp_path / "after", days=7, quota_bytes=10**9)
    again.close()
    reader = FootageReader(tmp_path / "after")
    found = reader.segments(0, START_MS * 2, "front")
    assert len(found) == 1
    assert len(video.frames_of(found[0].path)) >= 5
    reader.close()


def test_plates_are_found_with_open_places(tmp_path: Path) -> None:
    footage = Footage(tmp_path, days=7, quota_bytes=10**9)
    for number, plate in enumerate(("晋L52188", "晋L52189", "冀B8Z217")):
        footage.note(START_MS + number, number + 1, plate)
    reader = FootageReader(tmp_path)
    assert [s.visit_id for s in reader.sightings("晋L5218?")] == [2, 1]
    assert [s.visit_id for s in reader.sightings("冀B8Z217")] == [3]
    assert reader.sightings("晋L") == []
    reader.close()
    footage.close()


def test_a_range_is_exported_with_masks(tmp_path: Path) -> None:
    recorded(tmp_path / "f").close()
    reader = FootageReader(tmp_path / "f")
    target = tmp_path / "out.mp4"
    count = export(
        *(reader, "front", START_MS + 30_000, START_MS + 90_000, target),
        regions=[(0, 0, 60, 40)],
    )
    reader.close()
    shots = video.frames_of(target)
    assert count == len(shots) == 13
    assert shots[-1][0] - shots[0][0] == 60_000


def test_masks_leave_nothing_to_recognise_and_nothing_else_touched() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (90, 160, 3), np.uint8)
    inside = masked(noise, [(20, 10, 100, 70)])
    assert np.array_equal(inside[:, 100:], noise[:, 100:])
    assert inside[10:70, 20:100].std() < noise[10:70, 20:100].std() / 3
    kept = masked(noise, [], keep=(20, 10, 100, 70))
    assert np.array_equal(kept[10:70, 20:100], noise[10:70, 20:100])
    assert not np.array_equal(kept[:10], noise[:10])
    assert np.array_equal(masked(noise, [(200, 200, 300, 300)]), noise)


def test_an_empty_range_is_said(tmp_path: Path) -> None:
    recorded(tmp_path, minutes=1).close()
    reader = FootageReader(tmp_path)
    with pytest.raises(OSError, match="nothing in that time"):
        export(reader, "front", 1, 1_000, tmp_path / "x.mp4")
    with pytest.raises(OSError, match="at most"):
        export(reader, "front", 1, 10**12, tmp_path / "x.mp4")
    reader.close()


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("in the way")
    with pytest.raises(OSError, match="f"):
        Footage(tmp_path / "f", days=1, quota_bytes=1)


def test_the_command_finds_and_exports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    toml = tmp_path / "terminal.toml"
    toml.write_text("")
    assert main(["footage", str(toml)]) == exits.ABSENT
    footage = recorded(tmp_path / "footage", minutes=2)
    footage.note(START_MS, 7, "晋L52188")
    footage.close()
    capsys.readouterr()
    assert main(["footage", str(toml), "--plate", "晋l5218?"]) == 0
    assert "visit 7  晋L52188" in capsys.readouterr().out
    assert main(["footage", str(toml)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 4
    assert main(["footage", str(toml), "--export", str(tmp_path / "o.mp4")]) == exits.BAD_INPUT
    span = ["--from", "2023-11-14T00:00:00", "--to", "2023-11-14T01:00:00"]
    assert main(["footage", str(toml), "--export", str(tmp_path / "o.mp4"), *span]) == 65
    assert "nothing in that time" in capsys.readouterr().err
