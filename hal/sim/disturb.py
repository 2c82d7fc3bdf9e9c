"""What weather, lenses and lamps do to a picture of a plate, as a table of seeded disturbances.

Each takes a picture and a strength from 0 (none) to 1 (worst meant to be survivable) and gives
a new picture. Used by the accuracy suites and by cameras that are told to misbehave.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from hal.sim.plate_art import Pixels

Disturbance = Callable[[Pixels, float, np.random.Generator], Pixels]


def _clip(picture: NDArray[np.float32]) -> Pixels:
    clipped: Pixels = np.clip(picture, 0, 255).astype(np.uint8)
    return clipped


def blur(picture: Pixels, strength: float, generator: np.random.Generator) -> Pixels:
    """Out of focus: a round smear of up to 2.5 px."""
    del generator
    if strength <= 0:
        return picture.copy()
    blurred: Pixels = cv2.GaussianBlur(picture, (0, 0), 2.5 * strength)
    return blurred


def motion(picture: Pixels, strength: float, generator: np.random.Generator) -> Pixels:
    """Moving while exposed: a straight smear of up to 9 px, mostly downwards."""
    length = 1 + round(8 * strength)
    kernel = np.zeros((length, length), np.float32)
    slope = float(generator.uniform(-0.4, 0.4))
    for step in range(length):
        column = length // 2 + round((step - length // 2) * slope)
        kernel[step, min(length - 1, max(0, column))] = 1.0
    smeared: Pixels = cv2.filter2D(picture, -1, kernel / kernel.sum())
    return smeared


def night(picture: Pixels, strength: float, generator: np.random.Generator) -> Pixels:
    """Little light: dark, noisy, colours faded."""
    gain = 1.0 - 0.85 * strength
    grey = picture.mean(axis=2, keepdims=True, dtype=np.float32)
    faded = grey + (picture - grey) * (1 - 0.4 * strength)
    noise = generator.normal(0.0, 1.0 + 7.0 * strength, picture.shape).astype(np.float32)
    return _clip((faded * gain + noise).astype(np.float32))


def infrared(picture: Pixels, strength: float, generator: np.random.Generator) -> Pixels:
    """Infrared lamp and filter: no colour, less contrast between ground and symbols."""
    weights = np.array((0.15, 0.35, 0.5), np.float32)
    grey = (picture.astype(np.float32) @ weights)[..., np.newaxis]
    flat = grey.mean() + (grey - grey.mean()) * (1 - 0.5 * strength)
    noise = generator.normal(0.0, 3.0, flat.shape).astype(np.float32)
    return _clip(np.repeat(flat + noise, 3, axis=2).astype(np.float32))


def headlights(picture: Pixels, strength: float, generator: np.random.Generator) -> Pixels:
    """Two glaring lamps beside the plate and the veil they lay over it."""
    height, width = picture.shape[:2]
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    veil = np.zeros((height, width), np.float32)
    for side in (0.08, 0.92):
        x = (side + float(generator.uniform(-0.05, 0.05))) * width
        y = float(generator.uniform(0.2, 0.6)) * height
        distance = np.hypot(columns - x, rows - y) / max(1.0, 0.22 * width)
        veil += 255 * np.exp(-(distance**2)) + 60 * np.exp(-distance)
    return _clip((picture * (1 - 0.4 * strength) + strength * veil[..., None]).astype(np.float32))


def rain(picture: Pixels, strength: float, generator: np.random.Generator) -> Pixels:
    """Streaks and drops on the glass, a little mist."""
    height, width = picture.shape[:2]
    layer = np.zeros((height, width), np.uint8)
    for _ in range(round(strength * width * height / 1_500)):
        x, y = int(generator.integers(0, width)), int(generator.integers(0, height))
        length = int(generator.integers(4, 14))
        cv2.line(layer, (x, y), (x + length // 4, y + length), 160, 1, cv2.LINE_AA)
    wet = cv2.GaussianBlur(picture, (0, 0), 0.3 + 0.9 * strength).astype(np.float32)
    weight = cv2.GaussianBlur(layer, (3, 3), 0).astype(np.float32)[..., None] / 255 * 0.6
    mist = 0.25 * strength
    wet = wet * (1 - mist) + 170 * mist
    return _clip((wet * (1 - weight) + 210 * weight).astype(np.float32))


def noise(picture: Pixels, strength: float, generator: np.random.Generator) -> Pixels:
    """A cheap sensor: noise of up to 25 grey levels and hard JPEG blocks."""
    grains = generator.normal(0.0, 25.0 * strength, picture.shape).astype(np.float32)
    grainy = _clip((picture + grains).astype(np.float32))
    quality = round(95 - 70 * strength)
    done, encoded = cv2.imencode(".jpg", grainy, [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert done
    decoded = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
    assert decoded is not None
    return np.asarray(decoded, dtype=np.uint8)


def slant(picture: Pixels, strength: float, generator: np.random.Generator) -> Pixels:
    """Seen from aside and above: up to 35 degrees of yaw, 8 of roll."""
    height, width = picture.shape[:2]
    yaw = np.deg2rad(35 * strength) * (1 if generator.random() < 0.5 else -1)
    roll = float(np.deg2rad(8 * strength) * generator.uniform(-1, 1))
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)], np.float32)
    corners = corners * np.array((width / 2, height / 2), np.float32)
    depth = 4.0 * width
    x, y = corners[:, 0] * np.cos(yaw), corners[:, 1]
    scale = depth / (depth + corners[:, 0] * np.sin(yaw))
    x, y = x * scale, y * scale
    turned = np.stack(
        [x * np.cos(roll) - y * np.sin(roll), x * np.sin(roll) + y * np.cos(roll)], axis=1
    )
    middle = np.array((width / 2, height / 2), np.float32)
    matrix = cv2.getPerspectiveTransform(
        (corners + middle).astype(np.float32), (turned + middle).astype(np.float32)
    )
    seen: Pixels = cv2.warpPerspective(
        picture, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE
    )
    return seen


DISTURBANCES: Final[dict[str, Disturbance]] = {
    "blur": blur,
    "motion": motion,
    "slant": slant,
    "night": night,
    "infrared": infrared,
    "headlights": headlights,
    "rain": rain,
    "noise": noise,
}
