"""The board's own health: heat, supply, storage wear, UPS and hardware clock, as typed values.

Everything comes from sysfs files that the kernel keeps; what a board does not have is None or
UNKNOWN and never a fault. Reads files, so it has no place in the control process.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hal.contract.types import Fault, FaultCode, MonotonicNs, Tri
from hal.linux.clock import RTC_EPOCH_S_MIN

SYS: Final = Path("/sys")
THERMAL: Final = "class/thermal/thermal_zone0/temp"
THROTTLED: Final = "devices/platform/soc/soc:firmware/get_throttled"
UNDER_VOLTAGE, CAPPED, THROTTLING, SOFT_LIMIT = 0x1, 0x2, 0x4, 0x8
"""Bits of get_throttled that hold now; the same bits 16 places up say "since boot"."""
WEAR_STEP_PCT: Final = 10
"""An eMMC's life_time counts tenths of its life used (JEDEC JESD84-B51, EXT_CSD 268)."""
VCGENCMD_S_MAX: Final = 1.0
DEVICE: Final = "board"


@dataclass(frozen=True, slots=True)
class Ups:
    """One supply that can run out. charge_pct: None when it does not say."""

    name: str
    on_battery: Tri
    charge_pct: int | None


@dataclass(frozen=True, slots=True)
class Health:
    """One look at the board. cpu_mc: thousandths of a degree Celsius. wear_pct: life used.

    under_voltage, slowed: now; dipped: under-voltage since boot. rtc: a hardware clock with a
    plausible time is there.
    """

    cpu_mc: int | None
    under_voltage: Tri
    slowed: Tri
    dipped: Tri
    wear_pct: int | None
    ups: tuple[Ups, ...]
    rtc: Tri


@dataclass(frozen=True, slots=True)
class Limits:
    """From where on a value is a fault. A Pi slows itself at 80 degrees."""

    cpu_mc_max: int = 78_000
    wear_pct_max: int = 80
    charge_pct_min: int = 30


def _vcgencmd() -> str:
    """The firmware's own word, for kernels without the sysfs file. Bounded to a second."""
    return subprocess.run(
        ["/usr/bin/vcgencmd", "get_throttled"],
        capture_output=True,
        text=True,
        timeout=VCGENCMD_S_MAX,
        check=True,
    ).stdout.partition("=")[2]


def look(sys: Path = SYS, ask_firmware: Callable[[], str] = _vcgencmd) -> Health:
    """Read everything once. Never raises; milliseconds, a second where vcgencmd hangs."""
    bits = _throttled(sys, ask_firmware)
    return Health(
        cpu_mc=_number(sys / THERMAL),
        under_voltage=_bit(bits, UNDER_VOLTAGE),
        slowed=_bit(bits, CAPPED | THROTTLING | SOFT_LIMIT),
        dipped=_bit(bits, UNDER_VOLTAGE << 16),
        wear_pct=_wear(sys),
        ups=tuple(_supplies(sys)),
        rtc=_rtc(sys),
    )


def judge(health: Health, now_ns: MonotonicNs, limits: Limits | None = None) -> tuple[Fault, ...]:
    """The faults in it: HOT, SUPPLY, WORN, CLOCK; unknown is no fault."""
    limits = limits or Limits()
    found: list[tuple[FaultCode, str]] = []
    if health.cpu_mc is not None and health.cpu_mc > limits.cpu_mc_max:
        found.append((FaultCode.HOT, f"the processor is at {health.cpu_mc // 1_000} degrees"))
    elif health.slowed is Tri.YES:
        found.append((FaultCode.HOT, "the firmware slows the processor down"))
    if health.under_voltage is Tri.YES:
        found.append((FaultCode.SUPPLY, "the 5 V supply is too low now"))
    elif health.dipped is Tri.YES:
        found.append((FaultCode.SUPPLY, "the 5 V supply was too low since the last start"))
    for ups in health.ups:
        if ups.on_battery is Tri.YES:
            left = "" if ups.charge_pct is None else f", {ups.charge_pct} % left"
            found.append((FaultCode.SUPPLY, f"running on {ups.name}{left}"))
        elif ups.charge_pct is not None and ups.charge_pct < limits.charge_pct_min:
            found.append((FaultCode.SUPPLY, f"{ups.name} holds {ups.charge_pct} % only"))
    if health.wear_pct is not None and health.wear_pct >= limits.wear_pct_max:
        found.append((FaultCode.WORN, f"{health.wear_pct} % of the storage's life is used"))
    if health.rtc is Tri.NO:
        found.append((FaultCode.CLOCK, "the hardware clock has no plausible time: its battery?"))
    return tuple(Fault(code, DEVICE, now_ns, detail) for code, detail in found)


def _number(path: Path, base: int = 10) -> int | None:
    try:
        return int(path.read_text().split()[0], base)
    except (OSError, ValueError, IndexError):
        return None


def _throttled(sys: Path, ask_firmware: Callable[[], str]) -> int | None:
    bits = _number(sys / THROTTLED, 16)
    if bits is None:
        with suppress(OSError, ValueError, subprocess.SubprocessError):
            return int(ask_firmware().strip(), 16)
    return bits


def _bit(bits: int | None, mask: int) -> Tri:
    if bits is None:
        return Tri.UNKNOWN
    return Tri.YES if bits & mask else Tri.NO


def _wear(sys: Path) -> int | None:
    """The most worn eMMC; an SD card keeps its wear to itself."""
    found: list[int] = []
    for path in sorted(sys.glob("block/mmcblk*/device/life_time")):
        with suppress(OSError, ValueError):
            steps = [int(word, 16) for word in path.read_text().split()]
            found += [min(100, step * WEAR_STEP_PCT) for step in steps if step]
    return max(found, default=None)


def _supplies(sys: Path) -> Iterator[Ups]:
    """Batteries and UPS; on battery is what "Discharging" says, else that no mains is online."""
    folders = sorted(sys.glob("class/power_supply/*"))
    mains = [_number(folder / "online") for folder in folders if _word(folder / "type") == "Mains"]
    for folder in folders:
        if _word(folder / "type") not in ("Battery", "UPS"):
            continue
        status = _word(folder / "status")
        on_battery = Tri.YES if status == "Discharging" else Tri.NO
        if status in ("", "Unknown"):
            on_battery = Tri.UNKNOWN if not mains else Tri.NO if any(mains) else Tri.YES
        yield Ups(folder.name, on_battery, _number(folder / "capacity"))


def _word(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _rtc(sys: Path) -> Tri:
    epoch_s = _number(sys / "class/rtc/rtc0/since_epoch")
    if epoch_s is None:
        return Tri.UNKNOWN
    return Tri.YES if epoch_s >= RTC_EPOCH_S_MIN else Tri.NO
