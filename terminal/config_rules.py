"""Rules between keys of terminal.toml. One pure function lists every broken one."""

from __future__ import annotations

from collections.abc import Iterator

from terminal.config import Config, IndicatorSection, Problem, Target
from terminal.config_pins import pin_problems

FULL_DIVISIONS_MAX = 10_000
FULL_DIVISIONS_MIN = 500
ENTRY_BARRIER = ("entry_open", "entry_is_open", "entry_is_closed", "entry_contact")
EXIT_BARRIER = ("exit_open", "exit_is_open", "exit_is_closed", "exit_contact")
WIRES = ("beam_exit", "loop_exit", "estop", "lamp_entry", "lamp_exit")

BOARD_LAST = 7
"""A microcontroller tells its inputs and outputs in one octet each."""

CONVERTERS: dict[str, dict[str, tuple[int, ...]]] = {
    "hx711": {"rate_sps": (10, 80), "gain": (128, 64, 32)},
    "ads1232": {"rate_sps": (10, 80), "gain": (1, 2, 64, 128)},
    "iio": {"rate_sps": (10, 80)},
}
"""What each converter can be strapped or told to, by key of [amplifier]."""
LISTS: dict[str, tuple[str, ...]] = {
    "hx711": ("clock_pins", "data_pins"),
    "ads1232": ("clock_pins", "data_pins"),
    "iio": ("iio_devices",),
}
"""Keys of [amplifier] that need one value a cell."""
PLACE_CM = 30
"""Cells so close are at one place, as for the weighing."""


def cross_check(config: Config) -> Iterator[Problem]:
    """Every contradiction between keys that are each allowed on their own."""
    yield from _instrument(config)
    yield from _cells(config)
    yield from _wires(config)
    yield from pin_problems(config)
    yield from _names(config)
    for key, section in (
        ("amplifier", config.amplifier),
        ("sign", config.sign),
        ("keypad", config.keypad),
    ):
        if section.kind == "plugin" and not section.plugin:
            yield Problem(f"{key}.plugin", "empty", "the name of an installed device")


def _instrument(config: Config) -> Iterator[Problem]:
    weighing = config.weighing
    if weighing.max_kg % weighing.e_kg:
        yield Problem(
            "weighing.max_kg", str(weighing.max_kg), f"a multiple of e_kg = {weighing.e_kg}"
        )
    divisions = weighing.max_kg // weighing.e_kg
    if not FULL_DIVISIONS_MIN <= divisions <= FULL_DIVISIONS_MAX:
        yield Problem(
            "weighing.e_kg",
            f"{divisions} divisions",
            f"max_kg / e_kg from {FULL_DIVISIONS_MIN} to {FULL_DIVISIONS_MAX} (R 76 class III)",
        )
    if weighing.occupied_kg < 20 * weighing.e_kg:
        yield Problem(
            "weighing.occupied_kg",
            str(weighing.occupied_kg),
            f"at least 20 e = {20 * weighing.e_kg} (R 76 minimum capacity)",
        )
    if weighing.source == "indicator" and not weighing.beams:
        yield Problem("weighing.beams", "false", "true when source is 'indicator'")
    if weighing.source == "indicator":
        yield from _indicator(config.indicator)


def _indicator(section: IndicatorSection) -> Iterator[Problem]:
    """The protocol is one of ours and its scaling was confirmed, where the wire cannot tell it."""
    if section.format_file:
        return
    from firmware_bridge.indicators.catalogue import built_in
    from firmware_bridge.indicators.spec import Confirm

    formats = {one.name: one for one in built_in()}
    found = formats.get(section.protocol)
    if found is None:
        yield Problem("indicator.protocol", section.protocol, f"one of {', '.join(formats)}")
        return
    names = ", ".join(one.name for one in found.scalings) or "nothing"
    if section.confirmed_scaling and found.scaling(section.confirmed_scaling) is None:
        yield Problem("indicator.confirmed_scaling", section.confirmed_scaling, names)
    if not section.confirmed_scaling and found.confirm is Confirm.ALWAYS:
        allowed = f"one of {names}, found with `weigh-terminal listen`"
        yield Problem("indicator.confirmed_scaling", "empty", allowed)


def _cells(config: Config) -> Iterator[Problem]:
    amplifier = config.amplifier
    if config.weighing.source != "amplifier":
        return
    for key, places in (("cell_x_cm", amplifier.cell_x_cm), ("cell_y_cm", amplifier.cell_y_cm)):
        if len(places) < amplifier.cells:
            yield Problem(
                f"amplifier.{key}", f"{len(places)} values", f"one for each of {amplifier.cells}"
            )
    along = amplifier.cell_x_cm[: amplifier.cells] or (0,)
    if not config.weighing.beams and max(along) - min(along) <= PLACE_CM:
        yield Problem(
            "weighing.beams",
            "false",
            "true where all cells stand at one place along the deck: half a vehicle looks whole",
        )
    if amplifier.kind == "nau7802" and amplifier.cells > 1 and amplifier.mux_address == 0:
        yield Problem(
            "amplifier.mux_address", "0", "the multiplexer's address (all NAU7802 share 0x2A)"
        )
    if amplifier.ready_pin >= 0 and amplifier.cells > 1:
        yield Problem("amplifier.ready_pin", str(amplifier.ready_pin), "-1: DRDY is of one chip")
    settings = CONVERTERS.get(amplifier.kind, {})
    for key, allowed in settings.items():
        if getattr(amplifier, key) not in allowed:
            found = str(getattr(amplifier, key))
            yield Problem(f"amplifier.{key}", found, " or ".join(str(one) for one in allowed))
    for key in LISTS.get(amplifier.kind, ()):
        if len(getattr(amplifier, key)) < amplifier.cells:
            found = f"{len(getattr(amplifier, key))} values"
            yield Problem(f"amplifier.{key}", found, f"one for each of {amplifier.cells} cells")
    if amplifier.kind == "mcu" and not amplifier.port:
        yield Problem("amplifier.port", "empty", "the serial port of the microcontroller")


def _wires(config: Config) -> Iterator[Problem]:
    field, double = config.field, config.lane.kind == "double"
    if field.kind == "sim":
        if field.barriers == "mcu":
            yield Problem("field.kind", "sim", "'gpio' when field.barriers is 'mcu'")
        return
    needed: tuple[str, ...] = WIRES
    if field.barriers == "mcu":
        yield from _board(config)
    else:
        needed += EXIT_BARRIER + (ENTRY_BARRIER if double else ())
        if config.lane.barrier == "pulse":
            needed += ("exit_close",) + (("entry_close",) if double else ())
    if config.weighing.beams:
        needed += ("beam_entry",)
    for key in needed:
        if getattr(field, key) < 0:
            yield Problem(f"field.{key}", "-1 (not wired)", "a BCM pin: this lane needs it")


def _board(config: Config) -> Iterator[Problem]:
    """Barriers on the microcontroller: which one, which kind, and each number used once."""
    if config.weighing.source != "amplifier" or config.amplifier.kind != "mcu":
        allowed = "'lines', or amplifier.kind = 'mcu': the board of the load cells drives them"
        yield Problem("field.barriers", "mcu", allowed)
    if config.lane.barrier != "hold":
        allowed = "'hold': the board keeps an output only while its lease is renewed"
        yield Problem("lane.barrier", config.lane.barrier, allowed)
    sides = ("exit", "entry") if config.lane.kind == "double" else ("exit",)
    for what, parts in (("output", ("open",)), ("input", ("is_open", "is_closed"))):
        used: dict[int, str] = {}
        for key in (f"{side}_{part}" for side in sides for part in parts):
            number = int(getattr(config.field, key))
            if not 0 <= number <= BOARD_LAST:
                allowed = f"an {what} of the microcontroller, 0 to {BOARD_LAST}"
                yield Problem(f"field.{key}", str(number), allowed)
            elif number in used:
                allowed = f"an {what} not used by field.{used[number]}"
                yield Problem(f"field.{key}", str(number), allowed)
            used.setdefault(number, key)


def _dtls(key: str, target: Target) -> Iterator[Problem]:
    """DTLS never survives a change of address, so it stands behind every other way."""
    ways = (target.uri, *target.fallback_uris)
    dtls = [way for way in ways if way.startswith("coaps://")]
    if dtls and (len(dtls) > 1 or ways[-1] != dtls[0]):
        yield Problem(f"{key}.fallback_uris", dtls[0], "a coaps:// way once, and last")
    if dtls and not target.dtls_psk:
        yield Problem(f"{key}.dtls_psk", '""', "the key's file: a coaps:// way needs one")


def _names(config: Config) -> Iterator[Problem]:
    seen: list[str] = []
    for index, target in enumerate(config.targets):
        if target.name in seen:
            yield Problem(f"targets[{index}].name", target.name, "a name used once")
        seen.append(target.name)
        yield from _dtls(f"targets[{index}]", target)
    if config.camera.roles[:1] == ("exit",):
        yield Problem("camera.roles", "exit first", "front first: it reads who is weighed")
    if config.camera.kind == "stream" and len(config.camera.sources) < len(config.camera.roles):
        yield Problem(
            "camera.sources",
            f"{len(config.camera.sources)} values",
            "one address or device for each of camera.roles",
        )
