"""Rules between keys of terminal.toml. One pure function lists every broken one."""

from __future__ import annotations

from collections.abc import Iterator

from terminal.config import Config, Field, Problem

FULL_DIVISIONS_MAX = 10_000
FULL_DIVISIONS_MIN = 500
ENTRY_BARRIER = ("entry_open", "entry_is_open", "entry_is_closed", "entry_contact")
EXIT_BARRIER = ("exit_open", "exit_is_open", "exit_is_closed", "exit_contact")
NOT_PINS = ("debounce_ms", "pulse_ms")
WIRES = ("beam_exit", "loop_exit", "estop", "lamp_entry", "lamp_exit")


def cross_check(config: Config) -> Iterator[Problem]:
    """Every contradiction between keys that are each allowed on their own."""
    yield from _instrument(config)
    yield from _cells(config)
    yield from _wires(config)
    yield from _names(config)


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


def _cells(config: Config) -> Iterator[Problem]:
    amplifier = config.amplifier
    if config.weighing.source != "amplifier":
        return
    for key, places in (("cell_x_cm", amplifier.cell_x_cm), ("cell_y_cm", amplifier.cell_y_cm)):
        if len(places) < amplifier.cells:
            yield Problem(
                f"amplifier.{key}", f"{len(places)} values", f"one for each of {amplifier.cells}"
            )
    if amplifier.kind == "nau7802" and amplifier.cells > 1 and amplifier.mux_address == 0:
        yield Problem(
            "amplifier.mux_address", "0", "the multiplexer's address (all NAU7802 share 0x2A)"
        )
    if amplifier.kind == "mcu" and not amplifier.port:
        yield Problem("amplifier.port", "empty", "the serial port of the microcontroller")


def _pins(field: Field, double: bool) -> Iterator[tuple[str, int]]:
    for key in field.__struct_fields__:
        value = getattr(field, key)
        unused = key.startswith("entry_") and not double
        if key in NOT_PINS or unused or isinstance(value, bool) or not isinstance(value, int):
            continue
        if value >= 0:
            yield f"field.{key}", value


def _wires(config: Config) -> Iterator[Problem]:
    field, double = config.field, config.lane.kind == "double"
    if field.kind == "sim":
        return
    needed = WIRES + EXIT_BARRIER + (ENTRY_BARRIER if double else ())
    if config.lane.barrier == "pulse":
        needed += ("exit_close",) + (("entry_close",) if double else ())
    if config.weighing.beams:
        needed += ("beam_entry",)
    for key in needed:
        if getattr(field, key) < 0:
            yield Problem(f"field.{key}", "-1 (not wired)", "a BCM pin: this lane needs it")
    used: dict[int, str] = {}
    pins = list(_pins(field, double))
    if config.keypad.kind == "matrix":
        pins += [(f"keypad.rows[{i}]", pin) for i, pin in enumerate(config.keypad.rows)]
        pins += [(f"keypad.columns[{i}]", pin) for i, pin in enumerate(config.keypad.columns)]
    for key, pin in pins:
        if pin in used:
            yield Problem(key, f"pin {pin}", f"a pin not used by {used[pin]}")
        used.setdefault(pin, key)


def _names(config: Config) -> Iterator[Problem]:
    seen: list[str] = []
    for index, target in enumerate(config.targets):
        if target.name in seen:
            yield Problem(f"targets[{index}].name", target.name, "a name used once")
        seen.append(target.name)
    if config.camera.kind == "stream" and len(config.camera.sources) < len(config.camera.roles):
        yield Problem(
            "camera.sources",
            f"{len(config.camera.sources)} values",
            "one address or device for each of camera.roles",
        )
