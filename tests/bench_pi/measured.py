"""Points a machine can measure on a real board: relay drop, pulse width, lateness, encoder, heat.

Each opens only what it needs, gives it back, and answers with a Point; a device that is not there
is "not done" with the reason, never a pass.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from hal.contract.types import (
    NS_PER_MS,
    NS_PER_S,
    Authority,
    DeviceAbsentError,
    Frame,
    Lease,
    MonotonicNs,
    Side,
    Tri,
)
from hal.linux.realtime import fifo, lock_memory
from terminal.config import Config
from terminal.control.lateness import Histogram, Ratekeeper
from terminal.control.loop import sleep_until
from tests.bench_pi.report import Point, judged, not_done

DROP_MS_MAX = 100
LEASE_MS = 300
WIDTH_SLACK_MS = 30
PERIOD_NS = 10 * NS_PER_MS
LATE_US_MAX = 2_000
TICKS = 30_000
CLIP_S = 10
HEAT_S = 300
HEAT_C_MAX = 80.0

HOLDER = """
import sys, time
from hal.linux.gpio import pin_factory
from gpiozero import OutputDevice
lines = pin_factory("bench")
coil = OutputDevice({pin}, active_high={high}, initial_value=False, pin_factory=lines)
coil.on(); print("on", flush=True); time.sleep(60)
"""


def now() -> MonotonicNs:
    return MonotonicNs(time.monotonic_ns())


def relay_drop(config: Config) -> Point:
    """kill -9 the process that holds the exit relay; time until its contact opens."""
    name, wanted = "relay falls after kill -9", f"contact opens within {DROP_MS_MAX} ms"
    field = config.field
    if field.exit_contact < 0:
        return not_done(name, wanted, "field.exit_contact is not wired")
    from hal.drivers.lines import Contact
    from hal.linux.gpio import pin_factory

    contact = Contact(pin_factory("bench"), field.exit_contact, "exit contact")
    program = HOLDER.format(pin=field.exit_open, high=field.relay_active_high)
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True
    ) as holder:
        try:
            assert holder.stdout is not None
            holder.stdout.readline()
            if _until(lambda: contact.closed() is Tri.YES, 1_000) is None:
                return judged(name, wanted, False, "the contact never closed: check its wiring")
            os.kill(holder.pid, signal.SIGKILL)
            taken_ms = _until(lambda: contact.closed() is Tri.NO, 5_000)
        finally:
            holder.kill()
            contact.close()
    if taken_ms is None:
        return judged(name, wanted, False, "still closed after 5 s: is strict_gpiod in config.txt?")
    return judged(name, wanted, taken_ms <= DROP_MS_MAX, f"{taken_ms:.1f} ms")


def lease_width(config: Config) -> Point:
    """One lease of 300 ms, never renewed: how long the contact is closed."""
    name = "lease ends by itself"
    wanted = f"contact closed {LEASE_MS} ms, at most {WIDTH_SLACK_MS} ms more"
    if config.field.exit_contact < 0 or config.lane.barrier != "hold":
        return not_done(name, wanted, "needs lane.barrier = hold and field.exit_contact wired")
    from hal.drivers.relay import HoldBarrier
    from hal.linux.gpio import pin_factory
    from terminal.wiring.devices import _barrier

    barrier = _barrier(config, pin_factory("bench"), Side.EXIT)
    assert isinstance(barrier, HoldBarrier)
    begun_ns = now()
    lease = Lease(
        Side.EXIT,
        Authority.RECORD,
        1,
        bytes(32),
        MonotonicNs(begun_ns + LEASE_MS * NS_PER_MS),
    )
    closed_ns: list[int] = []
    while (at_ns := now()) < begun_ns + NS_PER_S:
        if barrier.drive(lease, None, at_ns).energised is Tri.YES:
            closed_ns.append(at_ns)
        time.sleep(0.001)
    barrier.close()
    width_ms = (closed_ns[-1] - closed_ns[0]) / NS_PER_MS if closed_ns else 0.0
    good = LEASE_MS / 2 <= width_ms <= LEASE_MS + WIDTH_SLACK_MS
    return judged(name, wanted, good, f"{width_ms:.0f} ms")


def lateness(ticks: int = TICKS) -> Point:
    """The control loop's own pace, empty, as it runs at the gate."""
    name, wanted = "tick lateness", f"p99.9 under {LATE_US_MAX} us over {ticks} ticks of 10 ms"
    refused = [answer.asked for answer in (fifo(50), lock_memory()) if not answer.granted]
    keeper = Ratekeeper(PERIOD_NS, now() + PERIOD_NS, 2 * NS_PER_MS)
    keeper.lateness = Histogram(10)
    for _ in range(ticks):
        sleep_until(keeper.next_ns)
        keeper.woke(now())
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    seen = keeper.lateness
    p999_us = seen.permille_us(999)
    found = f"p50 {seen.permille_us(500)}, p99 {seen.permille_us(990)}, p99.9 {p999_us}, "
    found += f"max {seen.max_us} us; late {keeper.late}, skipped {keeper.skipped}"
    if refused:
        found += f"; refused: {', '.join(refused)}"
    return judged(name, wanted, p999_us < LATE_US_MAX and not refused, found)


def encoder(config: Config) -> Point:
    """Pictures while a clip is recorded with the board's own encoder, and what that costs."""
    name, wanted = "camera and encoder", f"{CLIP_S} s clip decodes, pictures go on"
    if config.camera.kind != "picamera2":
        return not_done(name, wanted, f"camera.kind is {config.camera.kind}")
    import av

    from hal.linux.camera import PicameraCamera

    size_px = (config.camera.width_px, config.camera.height_px)
    try:
        camera = PicameraCamera(0, "bench", size_px, before_s=2, after_s=CLIP_S - 2)
    except DeviceAbsentError as error:
        return not_done(name, wanted, str(error))
    with tempfile.TemporaryDirectory() as folder:
        path, pictures, begun_s, cpu_s = Path(folder) / "clip.ts", 0, time.monotonic(), _cpu_s()
        try:
            while not path.exists() and time.monotonic() - begun_s < 4 * CLIP_S:
                if time.monotonic() - begun_s > 3:
                    camera.begin_clip(path)
                pictures += isinstance(camera.capture(now()), Frame)
        finally:
            camera.close()
        span_s = time.monotonic() - begun_s
        if not path.exists():
            return judged(name, wanted, False, "no clip was finished")
        with av.open(str(path)) as clip:
            times = [frame.time for frame in clip.decode(video=0)]
    found = (
        f"clip {times[-1] - times[0]:.1f} s, {len(times)} pictures; read {pictures / span_s:.1f}"
    )
    found += f" pictures/s; {100 * (_cpu_s() - cpu_s) / span_s:.0f} % of one core"
    return judged(name, wanted, times[-1] - times[0] >= CLIP_S - 1.5, found)


def thermal(seconds: int = HEAT_S) -> Point:
    """All cores busy: temperature and whether the firmware throttled."""
    from hal.linux.health import look

    name, wanted = "heat", f"under {HEAT_C_MAX} C and not throttled after {seconds} s of load"
    before = look()
    burn = [sys.executable, "-c", "while True: pass"]
    load = [subprocess.Popen(burn) for _ in range(os.cpu_count() or 1)]
    try:
        time.sleep(seconds)
        after = look()
    finally:
        for process in load:
            process.kill()
            process.wait()
    if after.cpu_mc is None:
        return not_done(name, wanted, "the board tells no temperature")
    hot_c = after.cpu_mc / 1_000
    found = f"{(before.cpu_mc or 0) / 1_000:.1f} to {hot_c:.1f} C, throttled: "
    found += after.slowed.name.lower()
    return judged(name, wanted, hot_c < HEAT_C_MAX and after.slowed is Tri.NO, found)


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _until(seen: Callable[[], bool], ms_max: int) -> float | None:
    """Milliseconds until seen() holds, None when it never did."""
    begun_ns = time.monotonic_ns()
    while (taken_ns := time.monotonic_ns() - begun_ns) < ms_max * NS_PER_MS:
        if seen():
            return taken_ns / NS_PER_MS
        time.sleep(0.0005)
    return None
