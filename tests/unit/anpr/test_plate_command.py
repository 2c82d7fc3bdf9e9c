from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from hal.sim.plate_art import draw
from terminal.anpr import files
from terminal.anpr.files import PictureError, load
from terminal.anpr.models import default_folder, missing
from terminal.cli import main

PLATE = "晋L52188"


def scene() -> Image.Image:
    """A plate 176 px wide on a plain bumper, as RGB."""
    plate = cv2.resize(draw(PLATE, "yellow"), (176, 56), interpolation=cv2.INTER_AREA)
    picture = np.full((300, 500, 3), 90, np.uint8)
    picture[150:206, 160:336] = plate
    return Image.fromarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))


def sixteen_bit(path: Path, depth: int) -> None:
    grey = np.asarray(scene().convert("L"), dtype=np.uint16) * (depth // 255)
    assert cv2.imwrite(str(path), grey)


def write(folder: Path, kind: str) -> Path:
    image = scene()
    if kind == "cmyk.jpg":
        image.convert("CMYK").save(folder / kind, quality=95)
    elif kind == "grey.png":
        image.convert("L").save(folder / kind)
    elif kind == "palette.gif":
        image.quantize(64).save(folder / kind)
    elif kind == "rgba.png":
        image.convert("RGBA").save(folder / kind)
    elif kind in ("sixteen.png", "twelve.png"):
        sixteen_bit(folder / kind, 65_535 if kind == "sixteen.png" else 4_095)
    elif kind == "animated.gif":
        image.save(folder / kind, save_all=True, append_images=[Image.new("RGB", image.size)] * 3)
    elif kind == "turned.jpg":
        exif = Image.Exif()
        exif[0x0112] = 6  # the camera lay on its side: show turned by 90 degrees
        image.rotate(90, expand=True).save(folder / kind, quality=95, exif=exif)
    elif kind == "large.jpg":
        image.resize((6_000, 3_600)).save(folder / kind, quality=80)
    return folder / kind


KINDS = (
    "cmyk.jpg",
    "grey.png",
    "palette.gif",
    "rgba.png",
    "sixteen.png",
    "twelve.png",
    "animated.gif",
    "turned.jpg",
    "large.jpg",
)


@pytest.mark.parametrize("kind", KINDS)
def test_every_sort_of_picture_becomes_upright_bgr(tmp_path: Path, kind: str) -> None:
    picture, scale = load(write(tmp_path, kind))
    assert picture.dtype == np.uint8
    assert picture.ndim == 3
    expected = (6_000, 3_600) if kind == "large.jpg" else (500, 300)
    assert abs(picture.shape[1] * scale - expected[0]) < 4
    assert abs(picture.shape[0] * scale - expected[1]) < 4
    assert max(picture.shape) <= files.WORKING_SIDE_PX
    plate = picture[round(178 / scale * expected[1] / 300)][round(170 / scale * expected[0] / 500)]
    assert plate.max() > 0


def test_sixteen_bits_keep_their_brightness(tmp_path: Path) -> None:
    plain = np.asarray(scene().convert("L"), dtype=int)
    for kind in ("sixteen.png", "twelve.png"):
        picture, _ = load(write(tmp_path, kind))
        assert abs(int(picture[..., 0].mean()) - int(plain.mean())) < 4


def broken(folder: Path, kind: str) -> Path:
    path = folder / kind
    whole = folder / "whole.png"
    scene().save(whole)
    content = whole.read_bytes()
    if kind == "empty.jpg":
        path.write_bytes(b"")
    elif kind == "text.jpg":
        path.write_text("not a picture")
    elif kind == "cut.png":
        path.write_bytes(content[: len(content) // 2])
    elif kind == "flipped.png":
        path.write_bytes(content[:60] + bytes(255 - b for b in content[60:90]) + content[90:])
    elif kind == "bomb.png":
        Image.new("1", (9_000, 9_000)).save(path)
    elif kind == "head.jpg":
        path.write_bytes(b"\xff\xd8\xff\xe0")
    return path


BROKEN = ("empty.jpg", "text.jpg", "cut.png", "flipped.png", "bomb.png", "head.jpg")


@pytest.mark.parametrize("kind", BROKEN)
def test_defects_end_in_one_sentence(tmp_path: Path, kind: str) -> None:
    with pytest.raises(PictureError, match=r"\.$"):
        load(broken(tmp_path, kind))


needs_networks = pytest.mark.skipif(
    bool(missing(default_folder())),
    reason="the reader's networks are not here: run weigh-terminal fetch-models",
)


@needs_networks
def test_one_json_line_a_file_in_the_order_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [write(tmp_path, kind) for kind in KINDS] + [broken(tmp_path, kind) for kind in BROKEN]
    assert main(["plate", "--json", *map(str, paths)]) == 0
    out, err = capsys.readouterr()
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["file"] for line in lines] == [str(path) for path in paths]
    for line in lines[: len(KINDS)]:
        assert set(line) == {"file", "plates", "ms"}
        best = line["plates"][0]
        assert set(best) == {
            *("plate", "colour", "kind", "box", "logp", "margin", "chars", "accepted"),
        }
        assert best["plate"] == PLATE, line["file"]
        assert best["accepted"], line["file"]
        assert "".join(char["c"] for char in best["chars"]) == PLATE
        assert all(0.0 <= char["p"] <= 1.0 for char in best["chars"])
        middle = (best["box"][0] + best["box"][2]) / 2
        assert abs(middle - (248 if "large" not in line["file"] else 2_976)) < 400
    for line in lines[len(KINDS) :]:
        assert line["plates"] == []
        assert line["error"].endswith(".")
    assert len(err.splitlines()) == len(BROKEN)


@needs_networks
def test_a_missing_file_is_said_and_the_others_are_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, "rgba.png")
    assert main(["plate", "--json", str(tmp_path / "none.jpg"), str(tmp_path), str(path)]) == 65
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [len(line["plates"]) > 0 for line in lines] == [False, False, True]


@needs_networks
def test_lines_for_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plate", str(write(tmp_path, "rgba.png"))]) == 0
    assert f"{PLATE} yellow read" in capsys.readouterr().out


def test_without_networks_it_says_what_to_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plate", "--models", str(tmp_path), "x.jpg"]) == 69
    assert "weigh-terminal fetch-models" in capsys.readouterr().err


@pytest.mark.parametrize("roi", ["1,2,3", "a,b,c,d", "10,10,5,20", "-1,0,5,5"])
def test_a_wrong_region_is_refused(roi: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["plate", f"--roi={roi}", "x.jpg"])
    assert stopped.value.code == 2
    assert roi in capsys.readouterr().err
