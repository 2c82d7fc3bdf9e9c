"""Play the other processes to a console, for screenshots: control, panel, camera and plant.

python -m tests.tools.console_feeder FOLDER PORT console   the real shell, sockets in FOLDER
python -m tests.tools.console_feeder FOLDER PORT SCENE     feed it one of SCENES until killed
"""

from __future__ import annotations

import asyncio
import dataclasses
import sys
import threading
import time
from pathlib import Path

import msgspec

from hal.contract.types import (
    NS_PER_S,
    BarrierFeedback,
    Fault,
    FaultCode,
    Level,
    MonotonicNs,
    Position,
    Tri,
)
from terminal.config import Config, ConsoleSection, Loaded
from terminal.console.server import serve
from terminal.core.types import Display, HoldReason, Prompt, Verdict, Weighed, WeighFlag
from terminal.link import Hub
from terminal.messages import LiveFrame, LoopStats, Message, SignFrame, Snapshot
from terminal.panel.layout import Style, pages, render
from terminal.plant_messages import PlantTruth
from tests.unit.ledger.builders import draft
from tests.unit.ledger.lane import Lane

LOOP = LoopStats(184_220, 3, 0, 21, 88, 140, 412, 96, True)
AXLES_MM = (1_400, 4_400, 5_750, 12_400, 13_710, 15_020)


def levels(**yes: bool) -> tuple[Level, ...]:
    names = ("beam_entry", "beam_exit", "loop_entry", "loop_exit", "estop", "wired_release")
    made = [Level(Tri.YES if yes.get(name) else Tri.NO, MonotonicNs(1)) for name in names]
    return (*made, Level(Tri.UNKNOWN, MonotonicNs(0)), Level(Tri.UNKNOWN, MonotonicNs(0)))


def feedback(position: Position) -> BarrierFeedback:
    return BarrierFeedback(position, Tri.NO, False, 812, MonotonicNs(1))


def weighed(kg: int | None, motion: Tri = Tri.NO) -> Weighed:
    empty = Tri.YES if kg is not None and kg < 100 else Tri.NO
    return Weighed(MonotonicNs(1), kg, motion, empty, Tri.YES, kg if motion is Tri.NO else None)


def snapshot(state: str, display: Display, kg: int | None) -> Snapshot:
    return Snapshot(
        time.monotonic_ns(),
        state.lower(),
        41,
        display,
        weighed(kg),
        levels(),
        (feedback(Position.CLOSED), feedback(Position.CLOSED)),
        ("", ""),
        (0, 0),
        False,
        (("ledger", True), ("panel", True), ("camera", True), ("uplink", True)),
        (),
        128,
        2,
        0,
        (
            ("county", 2, 0, True, "coap+tcp+oscore", ""),
            ("city", 14, 1, False, "udp", "no answer within 30 s"),
        ),
        LOOP,
        "double",
        True,
    )


def over() -> Snapshot:
    display = Display(
        Prompt.OVER, HoldReason.OVER_LIMIT, "晋L12345", 6, 50_200, 49_000, over_kg=1_200
    )
    return snapshot("HELD", display, 50_200)


def passing() -> Snapshot:
    display = Display(Prompt.PASS, HoldReason.NONE, "晋L88016", 6, 48_960, 49_000)
    return msgspec.structs.replace(
        snapshot("RELEASING", display, 48_960),
        barriers=(feedback(Position.CLOSED), feedback(Position.OPEN)),
        leases=("", "record"),
        lamps=(0, 1),
    )


def idle() -> Snapshot:
    return snapshot("IDLE", Display(Prompt.IDLE), 0)


def fault() -> Snapshot:
    display = Display(Prompt.LOCKOUT, HoldReason.BARRIER_FAULT)
    faults = (Fault(FaultCode.CONTRADICTION, "barrier_exit", MonotonicNs(1)),)
    return msgspec.structs.replace(
        snapshot("LOCKOUT", display, None),
        weighed=dataclasses.replace(weighed(None), zero_valid=Tri.NO, motion=Tri.UNKNOWN),
        barriers=(feedback(Position.CLOSED), feedback(Position.UNKNOWN)),
        levels=levels(beam_exit=True)[:3],
        faults=faults,
    )


def lowering() -> Snapshot:
    """The vehicle is gone and the exit arm comes down."""
    display = Display(Prompt.WAIT, HoldReason.BARRIER_OPEN, "晋L88016", 6, 48_960, 49_000)
    return msgspec.structs.replace(
        snapshot("CLEARING", display, 0),
        barriers=(feedback(Position.CLOSED), feedback(Position.MOVING)),
    )


def dead_cell() -> Snapshot:
    held = snapshot("HELD", Display(Prompt.FAULT, HoldReason.WEIGH_FAULT, "晋L12345", 6), None)
    return msgspec.structs.replace(
        held,
        weighed=dataclasses.replace(weighed(None), cell=5),
        corners=(23, 2, 3, 12_400, 1),
        estimate=(48_320, 5),
        flags=((int(WeighFlag.CELL_FAULT), 99, True),),
    )


def jacked() -> Snapshot:
    display = Display(Prompt.FAULT, HoldReason.WEIGH_FAULT, "晋L12345", 6)
    support, spikes = int(WeighFlag.EXTERNAL_SUPPORT), int(WeighFlag.GLITCH)
    flags = ((support, 63, True), (spikes, 55, False))
    shown = dataclasses.replace(weighed(46_100), held_kg=None)
    return msgspec.structs.replace(snapshot("HELD", display, 46_100), weighed=shown, flags=flags)


SCENES = {
    "over": over,
    "pass": passing,
    "idle": idle,
    "fault": fault,
    "lowering": lowering,
    "dead_cell": dead_cell,
    "jacked": jacked,
}


def sign_frame(display: Display) -> SignFrame:
    page = pages(display, (128, 32), Style())[0]
    return SignFrame(128, 32, render(page, (128, 32)), page.lines)


def camera_picture() -> bytes:
    import cv2
    import numpy as np

    picture = np.full((360, 640, 3), (150, 140, 120), np.uint8)
    cv2.rectangle(picture, (180, 60), (460, 300), (70, 90, 160), -1)
    cv2.rectangle(picture, (260, 240), (380, 275), (0, 190, 240), -1)
    return bytes(cv2.imencode(".jpg", picture)[1])


def fill(folder: Path) -> None:
    """A few records in a real ledger, as the ledger process would have them."""
    lane = Lane(folder, simulated=True)
    ledger = lane.open()
    photo = lane.spool(camera_picture())
    trucks = (
        ("晋L12345", 50_200, 49_000),
        ("晋L88016", 48_960, 49_000),
        ("冀B7T231", 30_980, 31_000),
    )
    for number, (plate, gross_kg, limit_kg) in enumerate(trucks, 1):
        over_kg = max(0, gross_kg - limit_kg)
        lane.clock.wall += 240 * NS_PER_S
        lane.commit(
            ledger,
            draft(
                number,
                plate=plate,
                gross_kg=gross_kg,
                limit_kg=limit_kg,
                over_kg=over_kg,
                verdict=Verdict.OVER if over_kg else Verdict.PASS,
                reason="over_limit" if over_kg else "none",
                photos=(photo,),
            ),
        )
    ledger.close()


def play(folder: Path, scene: str) -> None:
    fill(folder)
    hubs = {n: Hub(n, folder, simulated=True) for n in ("control", "panel", "camera", "plant")}
    jpeg = camera_picture()
    truth = PlantTruth(
        0, 18_000, ((17_600, 16_500, AXLES_MM, 50_190, "晋L12345", ""),), True, 3, ""
    )
    shown = ""
    while True:
        now = SCENES[scene]()
        told: list[tuple[str, Message]] = [("control", now)]
        if not hubs["panel"].is_up("console") or shown != scene:
            shown = scene if hubs["panel"].is_up("console") else ""
            told += [("panel", sign_frame(now.display)), ("camera", LiveFrame("front", jpeg, ""))]
        told.append(
            (
                "plant",
                msgspec.structs.replace(truth, trucks=truth.trucks if scene != "idle" else ()),
            )
        )
        for peer, message in told:
            hubs[peer].send("console", message)
        for hub in hubs.values():
            hub.poll(time.monotonic_ns())
        time.sleep(0.1)


class SystemClock:
    def monotonic_ns(self) -> MonotonicNs:
        return MonotonicNs(time.monotonic_ns())


def main(folder: Path, port: int, scene: str) -> None:
    loaded = Loaded(Config(console=ConsoleSection(port=port)), folder, bytes(32))
    if scene == "console":
        hub = Hub("console", folder, simulated=True)
        asyncio.run(serve(loaded, hub, SystemClock(), threading.Event(), simulated=True))  # type: ignore[arg-type]
    else:
        play(folder, scene)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
