"""Number plates as pictures: GA 36 geometry for every kind, and what weather does to them.

Gives the simulated cameras something that must really be read. Symbols come from a bundled
subset of an open font, so faces differ from stamped plates: accuracy measured on these pictures
says nothing about a gate. Everything is seeded; no global state, no clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from hal.sim.fonts import PLATE_SYMBOLS

Pixels = NDArray[np.uint8]

PX_PER_MM: Final = 1
GLYPH_PX: Final = 160
BORDER_MM: Final = 4

BLUE, YELLOW, WHITE, BLACK = (165, 82, 20), (20, 178, 242), (240, 240, 240), (25, 25, 25)
RED, GREEN = (40, 40, 205), (128, 186, 98)
MUD: Final = (62, 78, 96)


@dataclass(frozen=True, slots=True)
class Ground:
    """Ground and symbol colour (BGR) of one plate colour."""

    ground: tuple[int, int, int]
    text: tuple[int, int, int]


GROUNDS: Final = {
    "blue": Ground(BLUE, WHITE),
    "yellow": Ground(YELLOW, BLACK),
    "white": Ground(WHITE, BLACK),
    "black": Ground(BLACK, WHITE),
    "green": Ground(GREEN, BLACK),
    "yellow_green": Ground(GREEN, BLACK),
}
RED_SYMBOLS: Final = "警急应使领"

Slot = tuple[float, float, float, float]
"""Left, top, width, height of one symbol, mm."""


def _slots_seven() -> tuple[tuple[Slot, ...], tuple[float, float, float]]:
    xs = (15.5, 72.5, *(151.5 + 57.0 * place for place in range(5)))
    return tuple((x, 25.0, 45.0, 90.0) for x in xs), (134.5, 70.0, 5.0)


def _slots_eight() -> tuple[tuple[Slot, ...], tuple[float, float, float]]:
    first = ((15.5, 25.0, 45.0, 90.0), (69.5, 25.0, 43.0, 90.0))
    rest = tuple((161.5 + 52.0 * place, 25.0, 43.0, 90.0) for place in range(6))
    return first + rest, (137.0, 70.0, 4.0)


def _slots_two_rows() -> tuple[tuple[Slot, ...], tuple[float, float, float]]:
    upper = ((110.0, 15.0, 80.0, 60.0), (250.0, 15.0, 80.0, 60.0))
    lower = tuple((27.5 + 80.0 * place, 90.0, 65.0, 110.0) for place in range(5))
    return upper + lower, (220.0, 45.0, 6.0)


@lru_cache(maxsize=1)
def _font() -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(PLATE_SYMBOLS), GLYPH_PX)


@lru_cache(maxsize=128)
def _glyph(symbol: str) -> NDArray[np.uint8]:
    """The symbol as an 8-bit mask, cropped to its ink."""
    canvas = Image.new("L", (GLYPH_PX * 2, GLYPH_PX * 2), 0)
    ImageDraw.Draw(canvas).text((GLYPH_PX // 2, GLYPH_PX // 4), symbol, font=_font(), fill=255)
    box = canvas.getbbox()
    assert box is not None, f"the plate font has no {symbol!r}"
    return np.asarray(canvas.crop(box), dtype=np.uint8)


def _stamp(plate: Pixels, symbol: str, slot: Slot, colour: tuple[int, int, int]) -> None:
    glyph = _glyph(symbol)
    left, top, width, height = slot
    # Latin symbols keep some of their own proportion (1, J and L are narrow); the rest fill up.
    own = glyph.shape[1] / glyph.shape[0] / 0.80
    if symbol.isascii():
        shown = max(10.0, width * min(1.0, own))
        left, width = left + (width - shown) / 2, shown
    size = (max(1, round(width * PX_PER_MM)), max(1, round(height * PX_PER_MM)))
    alpha = (
        cv2.resize(glyph, size, interpolation=cv2.INTER_AREA).astype(np.float32)[..., None] / 255
    )
    x, y = round(left * PX_PER_MM), round(top * PX_PER_MM)
    part = plate[y : y + size[1], x : x + size[0]]
    part[:] = (part * (1 - alpha) + np.array(colour, np.float32) * alpha).astype(np.uint8)


def _ground(colour: str, width: int, height: int) -> Pixels:
    plate: Pixels = np.empty((height, width, 3), np.uint8)
    plate[:] = GROUNDS[colour].ground
    if colour == "green":
        fade = np.linspace(1.0, 0.0, height, dtype=np.float32)[:, None, None]
        plate[:] = (np.array(WHITE) * fade + np.array(GREEN) * (1 - fade)).astype(np.uint8)
    if colour == "yellow_green":
        plate[:, : round(width * 0.29)] = YELLOW
    return plate


@lru_cache(maxsize=64)
def _clean(plate: str, colour: str, rows: int) -> Pixels:
    eight = len(plate) == 8
    width, height = (480 if eight else 440), (220 if rows == 2 else 140)
    slots, dot = _slots_two_rows() if rows == 2 else _slots_eight() if eight else _slots_seven()
    picture = _ground(colour, width * PX_PER_MM, height * PX_PER_MM)
    text = GROUNDS[colour].text
    inset = BORDER_MM * PX_PER_MM
    cv2.rectangle(
        picture,
        (inset, inset),
        (picture.shape[1] - inset - 1, picture.shape[0] - inset - 1),
        text,
        2,
        cv2.LINE_AA,
    )
    for symbol, slot in zip(plate, slots, strict=True):
        _stamp(picture, symbol, slot, RED if symbol in RED_SYMBOLS else text)
    if colour not in ("green", "yellow_green"):
        centre = (round(dot[0] * PX_PER_MM), round(dot[1] * PX_PER_MM))
        cv2.circle(picture, centre, round(dot[2] * PX_PER_MM), text, -1, cv2.LINE_AA)
    picture.setflags(write=False)
    return picture


def draw(plate: str, colour: str, *, rows: int = 1) -> Pixels:
    """A clean plate, 1 px a millimetre. colour: a name of GROUNDS; rows 2: 440 x 220 mm.

    Raises ValueError for a text that is not 7 or 8 places long or an unknown colour.
    """
    if len(plate) not in (7, 8) or (rows == 2 and len(plate) != 7):
        raise ValueError(f"a plate of {len(plate)} places in {rows} rows cannot be drawn")
    if colour not in GROUNDS:
        raise ValueError(f"no plate is {colour!r}")
    return _clean(plate, colour, rows).copy()


def soil(plate: Pixels, dirt_pct: int, seed: int) -> Pixels:
    """Mud on a plate: 0 clean, 30 splashed but legible, 100 covered. Same seed, same mud."""
    if dirt_pct <= 0:
        return plate.copy()
    generator = np.random.default_rng(seed)
    height, width = plate.shape[:2]
    cover = np.zeros((height, width), np.float32)
    for cells, weight in ((3, 0.5), (8, 0.3), (24, 0.2)):
        coarse = generator.random((max(2, cells // 2), cells), dtype=np.float32)
        cover += weight * cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    # Splashes come from below: the lower half is dirtier.
    cover += np.linspace(-0.12, 0.12, height, dtype=np.float32)[:, None]
    level = np.quantile(cover, 1.0 - min(1.0, dirt_pct / 100 * 1.1))
    thick = np.clip((cover - level) * 9.0 + (2.0 if dirt_pct >= 95 else 0.0), 0.0, 1.0)
    film = min(0.97, 0.25 * dirt_pct / 100 + 0.72 * max(0, dirt_pct - 60) / 40)
    alpha = np.maximum(thick * min(1.0, 0.35 + dirt_pct / 100), film)[..., None]
    grain = generator.normal(0.0, 9.0, (height, width, 1)).astype(np.float32)
    mud = np.array(MUD, np.float32) + grain
    soiled: Pixels = np.clip(plate * (1 - alpha) + mud * alpha, 0, 255).astype(np.uint8)
    return soiled
