"""The control loop: 100 Hz, fixed phase, SCHED_FIFO where permitted, no garbage collection.

Opens nothing once it runs. A late tick is counted, never caught up. Cyclic garbage is collected
only while the lane is idle, because a collection may take longer than a tick.
"""

from __future__ import annotations

import gc
import time
from dataclasses import dataclass, field
from typing import Protocol

from hal.contract.devices import Watchdog
from hal.contract.types import NS_PER_MS, NS_PER_S
from terminal.control.control import Control
from terminal.control.lateness import Histogram, Ratekeeper
from terminal.core.types import Prompt
from terminal.messages import LoopStats
from terminal.node import StopFlag
from terminal.notify import Notifier

PERIOD_NS = 10 * NS_PER_MS
LATE_NS = 2 * NS_PER_MS
STATS_EVERY = 50
COLLECT_NS = 60 * NS_PER_S
PET_EVERY = 10
WARM_UP_TICKS = 100
"""Ticks not counted in the statistics: imports and first connections happen there."""


class Waiter(Protocol):
    """Sleeps until a monotonic time; replaced by virtual time in tests."""

    def __call__(self, until_ns: int) -> None:
        """Return at or after until_ns."""


def sleep_until(until_ns: int) -> None:
    """time.sleep to a deadline: measured steadier than clock_nanosleep through ctypes."""
    remaining_ns = until_ns - time.monotonic_ns()
    if remaining_ns > 0:
        time.sleep(remaining_ns / NS_PER_S)


@dataclass(slots=True)
class Loop:
    """Runs a Control until stopped."""

    control: Control
    stop: StopFlag
    wait: Waiter = sleep_until
    notifier: Notifier = field(default_factory=Notifier)
    watchdog: Watchdog | None = None
    _collect_due_ns: int = 0

    def run(self) -> None:
        """Tick until stopped; everything is de-energised however this ends."""
        control = self.control
        keeper = Ratekeeper(PERIOD_NS, control.clock.monotonic_ns() + PERIOD_NS, LATE_NS)
        stats = self._stats(keeper)
        gc.collect()
        gc.freeze()
        gc.disable()
        self.notifier.send("READY=1")
        try:
            while not self.stop.is_set():
                self.wait(keeper.next_ns)
                late_ns = keeper.woke(control.clock.monotonic_ns())
                if keeper.ticks == WARM_UP_TICKS:
                    keeper.lateness, control.step_times = Histogram(10), Histogram(2)
                    keeper.late = keeper.skipped = 0
                if keeper.ticks % STATS_EVERY == 0:
                    stats = self._stats(keeper)
                result = control.tick(late_ns, stats)
                if keeper.ticks % PET_EVERY == 0:
                    self.notifier.send("WATCHDOG=1")
                    if self.watchdog is not None:
                        self.watchdog.pet(result.inputs.now_ns)
                if result.outputs.display.prompt is Prompt.IDLE:
                    self._collect(result.inputs.now_ns)
        finally:
            control.devices.close()
            control.hub.close()
            self.notifier.close()

    def _collect(self, now_ns: int) -> None:
        if now_ns >= self._collect_due_ns:
            self._collect_due_ns = now_ns + COLLECT_NS
            gc.collect()

    def _stats(self, keeper: Ratekeeper) -> LoopStats:
        lateness, steps = keeper.lateness, self.control.step_times
        return LoopStats(
            ticks=keeper.ticks,
            late=keeper.late,
            skipped=keeper.skipped,
            p50_us=lateness.permille_us(500),
            p99_us=lateness.permille_us(990),
            p999_us=lateness.permille_us(999),
            max_us=lateness.max_us,
            step_p50_us=steps.permille_us(500),
            realtime=self.control.realtime,
        )
