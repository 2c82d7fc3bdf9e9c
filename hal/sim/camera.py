"""Camera that photographs the simulated world: the same Protocol as a real one, pixels only.

Nobody behind it learns the plate but by reading it. Noise comes from seeded tiles, so that a
frame costs a few milliseconds and the same seed gives the same frames.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from hal.contract.types import DeviceInfo, Fault, FaultCode, Frame, MonotonicNs
from hal.sim.plate_art import Pixels
from hal.sim.scenery import View, paint
from hal.sim.world import Scene, World

NOISE_MARGIN_PX: Final = 64
NOISE_SIGMA: Final = 2.5
NIGHT_NOISE: Final = 2.2
NIGHT_PCT: Final = 30

EXIT_BACK_MM: Final = 24_000
WATCHED: Final = {
    "front": View(0, 0, front=True),
    "exit": View(0, 0, front=True, set_back_mm=EXIT_BACK_MM),
}
ROLES: Final = ("deck", "front", "rear", "exit")
"""The place in this row seeds a camera's noise."""


class SimCamera:
    """One simulated camera. role "front" watches the deck's exit end, "exit" the same way from
    further on, the others its entry end.
    """

    def __init__(
        self,
        world: World,
        role: str,
        *,
        seed: int = 1,
        width_px: int = 1280,
        height_px: int = 720,
    ) -> None:
        """Put the camera up; the world may still be dead."""
        self._world = world
        self._info = DeviceInfo(f"camera-{role}", "simulated pinhole camera", simulated=True)
        watched = WATCHED.get(role, View(0, 0, front=False))
        self._view = replace(watched, width_px=width_px, height_px=height_px)
        self._generator = np.random.default_rng([seed, ROLES.index(role)])
        shape = (height_px + NOISE_MARGIN_PX, width_px + NOISE_MARGIN_PX, 3)
        self._noise: NDArray[np.int8] = np.clip(
            self._generator.normal(0.0, NOISE_SIGMA * 8, shape), -127, 127
        ).astype(np.int8)
        self._painted: tuple[Scene, Pixels] | None = None

    def capture(self, now_ns: MonotonicNs) -> Frame | Fault:
        """The newest picture, or TIMEOUT while the simulated world stands still."""
        if not self._world.alive(now_ns):
            return Fault(
                FaultCode.TIMEOUT, self._info.name, now_ns, "the simulated world stands still"
            )
        scene = self._world.scene()
        if self._painted is None or self._painted[0] != scene:
            self._painted = (scene, paint(scene, self._view))
        picture = self._exposed(self._painted[1], scene.light_pct)
        return Frame(now_ns, self._view.width_px, self._view.height_px, picture.tobytes())

    def describe(self) -> DeviceInfo:
        """Who it is: always marked simulated."""
        return self._info

    def close(self) -> None:
        """Nothing to stop."""

    def _exposed(self, picture: Pixels, light_pct: int) -> Pixels:
        """Add this frame's sensor noise, more of it by night."""
        down, right = self._generator.integers(0, NOISE_MARGIN_PX, 2).tolist()
        height, width = picture.shape[:2]
        noise = self._noise[down : down + height, right : right + width]
        scale = (NIGHT_NOISE if light_pct <= NIGHT_PCT else 1.0) / 8
        exposed: Pixels = cv2.add(picture, noise.astype(np.float32) * scale, dtype=cv2.CV_8U)
        return exposed
