"""Inside the machine: pets the kernel's watchdog for a while, then stops. Never returns."""

from __future__ import annotations

import time

from hal.contract.types import MonotonicNs
from hal.linux.watchdog import LinuxWatchdog

TIMEOUT_S = 1
FED_S = 3
STARVED_S_MAX = 20

watchdog = LinuxWatchdog("watchdog", timeout_s=TIMEOUT_S)
for _ in range(FED_S * 5):
    time.sleep(0.2)
    watchdog.pet(MonotonicNs(time.monotonic_ns()))
print(f"fed for {FED_S} s, failures {watchdog.failures}; starving", flush=True)
time.sleep(STARVED_S_MAX)
print("the watchdog did nothing", flush=True)
