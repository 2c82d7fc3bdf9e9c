"""Wiring of what the panel has beside sign and keypad: printer, speaker, the board's health."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from hal.contract.types import DeviceAbsentError, Fault, MonotonicNs
from terminal.config import HealthSection
from terminal.core.types import Prompt
from terminal.panel.aids import Aid, BoardHealth, Slips, Sounds
from terminal.wiring.context import Context, simulated

TONES: Final[dict[Prompt, tuple[tuple[int, int], ...]]] = {
    Prompt.BOARD: ((880, 150), (0, 60), (1_175, 200)),
    Prompt.PASS: ((784, 150), (988, 150), (1_175, 250)),
    Prompt.OVER: ((440, 400), (0, 120), (440, 400), (0, 120), (440, 400)),
    Prompt.REFUSED: ((440, 400), (0, 120), (440, 400)),
    Prompt.BACK_OUT: ((440, 200), (0, 100)) * 3,
    Prompt.OFF_ENTRY: ((440, 200), (0, 100)) * 2,
    Prompt.ATTENDANT: ((660, 200), (0, 100), (660, 200)),
}
"""(hertz, milliseconds) for prompts that a driver must not miss; recorded words replace them."""


def aids(context: Context) -> list[Aid]:
    """What this configuration has. Raises DeviceAbsentError for a recording that is no WAV."""
    found: list[Aid] = []
    if context.config.printer.device:
        found.append(_slips(context))
    if context.config.speaker.enabled:
        found.append(_sounds(context))
    if not simulated(context.config):
        found.append(BoardHealth(_looker(context.config.health)))
    if context.config.health.ups_address:
        found.append(_gauge(context.config.health))
    return found


def _gauge(section: HealthSection) -> Aid:
    from hal.drivers.max17040 import Max17040
    from hal.linux.i2c import LinuxI2c

    bus = LinuxI2c(section.ups_bus, "UPS")
    gauge = Max17040(bus, section.ups_address, "UPS", section.charge_pct_min)
    return BoardHealth(gauge.look, gauge.close)


def _slips(context: Context) -> Aid:
    from hal.drivers.escpos import slip
    from hal.linux.printer import RawPrinter

    config = context.config
    printer = RawPrinter(config.printer.device, "printer")
    return Slips(printer, config.site, context.clock, slip)


def _sounds(context: Context) -> Aid:
    from hal.linux.speaker import WAV_BYTES_MAX, Speaker, tone

    sounds = {prompt: tone(notes) for prompt, notes in TONES.items()}
    folder = context.config.speaker.folder
    for prompt in Prompt if folder else ():
        path = context.loaded.path(folder) / f"{prompt.value}.wav"
        if not path.is_file():
            continue
        recorded = path.read_bytes()
        if not recorded.startswith(b"RIFF") or len(recorded) > WAV_BYTES_MAX:
            found = f"{path.name} is no WAV file of at most {WAV_BYTES_MAX} bytes"
            raise DeviceAbsentError("speaker", found, "Record it again, mono, 16 kHz, 16 bit")
        sounds[prompt] = recorded
    return Sounds(Speaker("speaker"), sounds)


def _looker(section: HealthSection) -> Callable[[MonotonicNs], Sequence[Fault]]:
    from hal.linux.health import Limits, judge, look

    limits = Limits(section.cpu_c_max * 1_000, section.wear_pct_max, section.charge_pct_min)
    return lambda now_ns: judge(look(), now_ns, limits)
