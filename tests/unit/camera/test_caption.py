from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import apsw
import cv2
import numpy as np
import pytest

from terminal.camera.caption import burnt_in, captioned
from terminal.camera.pictures import jpeg
from terminal.cli import main
from terminal.commands.evidence import caption_of
from terminal.core.types import PhotoRef
from terminal.ledger.evidence import Evidence
from terminal.records import sign_record
from tests.unit.ledger.builders import EVENT, SIGNER, WEIGH, record

PICTURE = np.full((360, 640, 3), 90, np.uint8)


def test_the_caption_stands_below_and_covers_nothing() -> None:
    shown = burnt_in(PICTURE, ("2026-11-23 14:05  示例煤场", "晋L12345  48960 kg"))
    assert np.array_equal(shown[:360], PICTURE)
    assert shown.shape[1] == 640
    assert 380 < shown.shape[0] < 460
    assert shown[360:].max() > 200


def test_long_lines_and_small_pictures_still_fit() -> None:
    shown = burnt_in(PICTURE[:40, :160], ("晋" * 60,))
    assert shown.shape[1] == 160


def test_what_is_no_jpeg_gives_nothing() -> None:
    assert captioned(b"not a picture", ("x",)) == b""


def test_the_caption_names_time_site_mass_plate_and_simulation() -> None:
    when, what = caption_of(record(seq=12, simulated=True))
    assert "示例煤场" in when
    assert "141025710001-1" in when
    assert what.startswith("晋L12345  50200 kg / 49000 kg  No. 12")
    assert what.endswith("模拟 SIMULATED")
    bare = dataclasses.replace(WEIGH, plate="", limit_kg=None)
    assert caption_of(record(bare))[1] == "未识别  50200 kg  No. 1"
    coupled = dataclasses.replace(WEIGH, rear_plate="晋L7731挂")
    assert caption_of(record(coupled))[1].startswith("晋L12345 / 晋L7731挂  50200 kg")


def ledger(folder: Path) -> list[PhotoRef]:
    evidence = Evidence(folder / "evidence", folder / "spool")
    photos = []
    for role, content in (("front", jpeg(PICTURE, 90)), ("clip", b"\0\0\0\x18ftypisom")):
        digest = hashlib.sha256(content).digest()
        evidence.path_of(digest).write_bytes(content)
        photos.append(PhotoRef(role, digest, len(content)))
    db = apsw.Connection(str(folder / "ledger.db"))
    db.execute("create table item(seq integer, body blob)")
    content = dataclasses.replace(WEIGH, photos=tuple(photos))
    db.execute("insert into item values (1, ?)", (sign_record(record(content), SIGNER),))
    db.execute("insert into item values (2, ?)", (sign_record(record(EVENT, seq=2), SIGNER),))
    db.close()
    return photos


def test_a_records_pictures_are_handed_over_untouched_and_with_captions(tmp_path: Path) -> None:
    photos = ledger(tmp_path)
    out = tmp_path / "out"
    assert main(["evidence", str(tmp_path), "1", str(out), "--original", "--mask=0,0,99,99"]) == 0
    assert sorted(p.name for p in out.iterdir()) == [
        *("1-clip-original.mp4", "1-front-original.jpg", "1-front.jpg"),
    ]
    original = (out / "1-front-original.jpg").read_bytes()
    assert hashlib.sha256(original).digest() == photos[0].sha256
    assert cv2.imread(str(out / "1-front.jpg")).shape[0] > 360


@pytest.mark.parametrize("number", ["2", "99"])
def test_what_is_no_weighing_is_said(
    tmp_path: Path, number: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger(tmp_path)
    assert main(["evidence", str(tmp_path), number, str(tmp_path / "out")]) == 65
    assert f"Record {number} is not a weighing" in capsys.readouterr().err


def test_a_changed_picture_is_not_handed_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = ledger(tmp_path)
    Evidence.place(tmp_path / "evidence", photos[0].sha256).write_bytes(b"x" * 10)
    assert main(["evidence", str(tmp_path), "1", str(tmp_path / "out")]) == 65
    assert "not what record 1 says" in capsys.readouterr().err
    assert not (tmp_path / "out" / "1-front.jpg").exists()
