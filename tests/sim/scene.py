"""Cameras and plate reader of the simulation: small pictures, plates from the scene.

The real networks need seconds of processor time a frame, which no simulation of thousands of
passages can pay; their quality has its own tests. What is simulated here is their outcome:
read, two candidates, nothing, a camera that does not deliver.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from hal.contract.types import DeviceInfo, Fault, FaultCode, Frame, MonotonicNs
from hal.sim.world import TruckPose, World
from terminal.anpr.types import Box, Hypothesis, Pixels, PlateCandidate

WIDTH_PX, HEIGHT_PX = 64, 48
DIRTY_PCT = 50
BOX: Box = (20.0, 20.0, 44.0, 30.0)


@dataclass
class Eyes:
    """What cameras and reader suffer from now."""

    dark: bool = False
    blind: float = 0.0
    torn: float = 0.0
    misread: Callable[[str], str] | None = None
    told: dict[str, set[str]] = field(default_factory=dict)
    """Wrong plates that the reader was sure of, by the true ones."""

    def reading_of(self, plate: str) -> str:
        """What is read where this plate is shown."""
        if self.misread is None:
            return plate
        read = self.misread(plate)
        self.told.setdefault(plate, set()).add(read)
        return read


class SceneCamera:
    """A camera whose pictures differ with time and nothing else."""

    def __init__(self, world: World, role: str, eyes: Eyes) -> None:
        self._world, self._role, self._eyes = world, role, eyes

    def capture(self, now_ns: MonotonicNs) -> Frame | Fault:
        if self._eyes.dark or not self._world.alive(now_ns):
            return Fault(FaultCode.TIMEOUT, f"camera-{self._role}", now_ns, "no picture")
        row = (now_ns // 1_000_000).to_bytes(8, "big") + self._role.encode()
        size = WIDTH_PX * HEIGHT_PX * 3
        return Frame(now_ns, WIDTH_PX, HEIGHT_PX, (row * (size // len(row) + 1))[:size])

    def describe(self) -> DeviceInfo:
        return DeviceInfo(f"camera-{self._role}", "scene", simulated=True)

    def close(self) -> None:
        return


class SceneReader:
    """Reads the plate of the truck that stands most on the deck, as far as dirt lets it."""

    def __init__(self, world: World, eyes: Eyes, rng: Random) -> None:
        self._world, self._eyes, self._rng = world, eyes, rng

    def read_nearest(self, picture: Pixels, roi: Box | None = None) -> list[PlateCandidate]:
        scene, rng = self._world.scene(), self._rng
        seen = [truck for truck in scene.trucks if truck.front_mm > scene.deck_length_mm // 2]
        if not seen or rng.random() < self._eyes.blind:
            return []
        truck = max(seen, key=lambda each: -abs(each.front_mm - scene.deck_length_mm))
        if truck.dirt_pct >= DIRTY_PCT:
            return []
        plate = self._eyes.reading_of(truck.plate)
        return [_candidate(truck, plate, sure=rng.random() >= self._eyes.torn)]


def _candidate(truck: TruckPose, plate: str, *, sure: bool) -> PlateCandidate:
    other = plate[:-1] + ("8" if plate[-1] != "8" else "3")
    return PlateCandidate(
        plate=plate,
        colour=truck.plate_colour,
        kind=truck.plate_kind,
        box=BOX,
        logp=-0.1 if sure else -1.0,
        margin=8.0 if sure else 0.2,
        score=4.0 if sure else -1.0,
        chars=tuple((symbol, 0.99 if sure else 0.6) for symbol in plate),
        alternatives=() if sure else (Hypothesis(other, -1.2),),
        rows=1,
        accepted=sure,
    )
