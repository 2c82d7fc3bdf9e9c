from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from hal.contract.types import (
    ClockQuality,
    DeviceInfo,
    Fault,
    FaultCode,
    Frame,
    MonotonicNs,
)
from hal.sim.world import PlantState, Scene, TruckPose
from hal.sim.world_local import LocalWorld
from terminal.anpr.types import Box, Hypothesis, Pixels, PlateCandidate
from terminal.anpr.vote import VoteSettings
from terminal.camera.node import CameraNode
from terminal.core.plate import kind_of
from terminal.link import PeerUp, Received
from terminal.messages import Message
from terminal.node import Send, Tick

TRUCK = TruckPose(
    front_mm=17_000,
    length_mm=16_500,
    plate="晋L52188",
    plate_colour="yellow",
    plate_kind="ordinary",
    rear_plate="晋L7731挂",
    dirt_pct=10,
)


def world_with(*trucks: TruckPose, light_pct: int = 100) -> LocalWorld:
    world = LocalWorld()
    scene = Scene(trucks, light_pct, 18_000)
    world.put(replace(PlantState(0), heartbeat_ns=1, scene=scene))
    return world


class TestClock:
    __test__ = False

    def __init__(self) -> None:
        self.now = MonotonicNs(1_000_000_000)

    def monotonic_ns(self) -> MonotonicNs:
        return self.now

    def wall_ns(self) -> int:
        return 0

    def quality(self) -> ClockQuality:
        return ClockQuality.UNKNOWN


class FakeCamera:
    """Gives numbered plain frames, or a fault while `broken`."""

    def __init__(self, role: str) -> None:
        self.role, self.broken, self.taken, self.closed = role, False, 0, False
        self.level: int | None = None
        self.frozen: int | None = None

    def capture(self, now_ns: MonotonicNs) -> Frame | Fault:
        if self.broken:
            return Fault(FaultCode.TIMEOUT, f"camera-{self.role}", now_ns, "pulled out")
        self.taken += 1
        picture = np.full((360, 640, 3), self.taken % 200 + 20, np.uint8)
        picture[:, 200:400] //= 2
        picture[::2, ::7] += 30
        if self.frozen is not None:
            picture[:] = self.frozen
        elif self.level is not None:
            picture[:] = self.level
            picture[0, 0] = self.taken % 2
        return Frame(now_ns, 640, 360, picture.tobytes())

    def describe(self) -> DeviceInfo:
        return DeviceInfo(f"camera-{self.role}", "fake", simulated=True)

    def close(self) -> None:
        self.closed = True


def candidate(plate: str, *, logp: float = -0.1, margin: float = 6.0) -> PlateCandidate:
    rival = plate[:-1] + ("1" if plate[-1] != "1" else "7")
    score = 0.5 * logp + 0.5 * min(margin, 8.0)
    return PlateCandidate(
        plate=plate,
        colour="yellow",
        kind=kind_of(plate) or "",
        box=(100, 100, 260, 150),
        logp=logp,
        margin=margin,
        score=score,
        chars=tuple((symbol, 0.99) for symbol in plate),
        alternatives=(Hypothesis(rival, logp - margin),),
        rows=1,
        accepted=score > -0.3,
    )


class FakeReader:
    """Answers each read with the next of the given lists, the last one for ever."""

    def __init__(self, *answers: list[PlateCandidate]) -> None:
        self.answers, self.reads = list(answers), 0

    def read_nearest(self, picture: Pixels, roi: Box | None = None) -> list[PlateCandidate]:
        self.reads += 1
        return self.answers[min(self.reads, len(self.answers)) - 1]


class Rig:
    """A camera node with its fakes and a hand-turned clock."""

    def __init__(self, folder: Path, reader: FakeReader, roles: Sequence[str] = ("front", "rear")):
        self.clock = TestClock()
        self.cameras = {role: FakeCamera(role) for role in roles}
        self.reader = reader
        self.folder = folder
        self.node = CameraNode(
            self.cameras,
            reader,
            self.clock,
            folder / "spool",
            vote=VoteSettings(),
            jpeg_quality=85,
        )

    def hear(self, message: Message) -> list[Send]:
        return list(self.node.on_event(Received("control", message), self.clock.now))

    def tick(self, ms: int = 200) -> list[Send]:
        self.clock.now = MonotonicNs(self.clock.now + ms * 1_000_000)
        return list(self.node.on_event(Tick(), self.clock.now))

    def console(self) -> None:
        self.node.on_event(PeerUp("console", True), self.clock.now)
