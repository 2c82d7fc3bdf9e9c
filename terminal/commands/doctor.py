"""weigh-terminal doctor: what is connected, what is missing, and how to mend it.

Without options it only looks. --live and --test open the lane's devices, so they refuse beside a
running terminal; none of them ever drives a barrier.
"""

from __future__ import annotations

import argparse
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from hal.contract.types import DeviceAbsentError, Fault, Side
from terminal import exits
from terminal.config import Config, ConfigError, Loaded
from terminal.config_load import load
from terminal.doctor.drawing import svg
from terminal.doctor.findings import Doctor, Finding, of_the_board
from terminal.doctor.live import HOME, Page
from terminal.doctor.suggest import suggest
from terminal.doctor.trials import Bench
from terminal.doctor.wires import wires
from terminal.texts.catalogue import text
from terminal.texts.prompts import Lang
from terminal.wiring.context import Context

NAME = "doctor"
HELP = "find what is connected and what is missing, and try each device"
SAMPLES_MAX = 64
POLL_NS = 5_000_000
"""Often enough that no converter at 80 samples/s is read late: the page shows its true rate."""
DRAW_EVERY = 20
Device = TypeVar("Device")


def configure(parser: argparse.ArgumentParser) -> None:
    """Which file, and what to do beside looking."""
    parser.add_argument("--config", type=Path, help="terminal.toml; without it a bare machine")
    parser.add_argument("--language", choices=("zh-CN", "en"), help="instead of the file's own")
    parser.add_argument("--suggest", action="store_true", help="print a terminal.toml")
    parser.add_argument("--wiring", action="store_true", help="print the wiring table")
    parser.add_argument("--drawing", type=Path, metavar="FILE", help="draw the wiring as SVG")
    parser.add_argument("--live", action="store_true", help="show all inputs and cells as they are")
    parser.add_argument("--test", nargs="?", const="", metavar="NAME", help="try devices, guided")


def run(args: argparse.Namespace) -> int:
    """0 when nothing is wrong, 69 when something is missing, 78 for a bad file."""
    try:
        loaded = load(args.config) if args.config else Loaded(Config(), Path.cwd(), b"")
    except ConfigError as error:
        print(error, file=sys.stderr)
        return exits.CONFIG
    lang: Lang = args.language or loaded.config.site.language
    loaded = _speaking(loaded, lang)
    if args.wiring:
        print_wiring(loaded.config, lang)
        return exits.OK
    if args.drawing:
        args.drawing.write_text(svg(loaded.config, lang), encoding="utf-8")
        return exits.OK
    if running(loaded):
        busy = Finding("wrong", _say("running", lang), _say("running.do", lang))
        return show((busy,), lang)
    return _examine(args, loaded, lang)


def _speaking(loaded: Loaded, lang: Lang) -> Loaded:
    """The same configuration in the language of the person at this terminal."""
    site = msgspec.structs.replace(loaded.config.site, language=lang)
    config = msgspec.structs.replace(loaded.config, site=site)
    return Loaded(config, loaded.base, loaded.sha256)


def _examine(args: argparse.Namespace, loaded: Loaded, lang: Lang) -> int:
    from hal.linux.machine import LinuxMachine

    if args.suggest:
        print(suggest(LinuxMachine()), end="")
        return exits.OK
    if not args.live and args.test is None:
        found = Doctor(LinuxMachine(), loaded.config, lang).examine()
        return show((*found, *of_the_board(_board(loaded.config), lang)), lang)
    try:
        return _hands_on(args, loaded)
    except DeviceAbsentError as error:
        print(f"doctor: {error}", file=sys.stderr)
        return exits.ABSENT


def _board(config: Config) -> tuple[Fault, ...]:
    """Heat, supply, storage and clock, by the limits of this configuration."""
    from hal.linux.clock import SystemClock
    from hal.linux.health import Limits, judge, look

    section = config.health
    limits = Limits(section.cpu_c_max * 1_000, section.wear_pct_max, section.charge_pct_min)
    return judge(look(), SystemClock().monotonic_ns(), limits)


def _say(key: str, lang: Lang) -> str:
    return text(f"doctor.{key}", lang)


def show(findings: tuple[Finding, ...], lang: Lang) -> int:
    """Print them, what is wrong last. 69 when anything is."""
    for finding in sorted(findings, key=lambda one: one.grade == "wrong"):
        print(f"[{_say(finding.grade, lang)}] {finding.what}")
        if finding.do:
            print(f"    {_say('do', lang)}: {finding.do}")
    return exits.ABSENT if any(one.grade == "wrong" for one in findings) else exits.OK


def print_wiring(config: Config, lang: Lang) -> None:
    """Every wire with its pin, colour and level."""
    for wire in wires(config):
        level = _say(wire.level, lang)
        colour = _say(f"colour.{wire.colour}", lang)
        print(f"{wire.key:24} {wire.bcm:8} {wire.place:18} {colour:8} {level}")


def running(loaded: Loaded) -> bool:
    """Whether a control process of this configuration answers on its socket."""
    path = loaded.path(loaded.config.runtime.folder) / "control.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


class Person:
    """The person at this terminal."""

    def say(self, line: str) -> None:
        """Print it."""
        print(line, flush=True)

    def ask(self, line: str) -> bool:
        """Only a y is a yes."""
        return input(line + " ").strip().lower().startswith("y")

    def pause(self, ns: int) -> None:
        """Sleep."""
        from hal.linux.clock import pause

        pause(ns)


def _hands_on(args: argparse.Namespace, loaded: Loaded) -> int:
    from hal.linux.clock import SystemClock
    from terminal.wiring.devices import lane_devices
    from terminal.wiring.panel_devices import keypad, sign

    context = Context("doctor", loaded, SystemClock())
    devices = lane_devices(context, _without)
    try:
        panel = _present(lambda: sign(context)), _present(lambda: keypad(context))
        bench = Bench(devices, *panel, Person(), context.clock, loaded.config)
        if args.live:
            return live(bench)
        return _tried(bench, args.test)
    finally:
        devices.close()


def _tried(bench: Bench, wanted: str) -> int:
    """Every trial, or until Ctrl-C; then what failed is said once more."""
    failed: list[str] = []
    stopped = False
    try:
        failed += (f"{one.name}: {one.why}" for one in bench.run(wanted) if one.why)
    except KeyboardInterrupt:
        stopped = True
        print("\n" + _say("stopped", bench.config.site.language))
    for line in failed:
        print(f"[{_say('wrong', bench.config.site.language)}] {line}")
    return exits.ABSENT if failed or stopped else exits.OK


def _without(error: DeviceAbsentError) -> None:
    """One device is not there; the others can still be tried."""
    print(f"doctor: {error}", file=sys.stderr)


def _present(opener: Callable[[], Device]) -> Device | None:
    try:
        return opener()
    except DeviceAbsentError as error:
        _without(error)
        return None


def live(bench: Bench, pictures: int = 0) -> int:
    """Poll and draw until Ctrl-C, or for so many polls."""
    page, drawn = Page(), 0
    colour = sys.stdout.isatty()
    try:
        while not pictures or drawn < pictures:
            now_ns = bench.clock.monotonic_ns()
            levels = bench.devices.inputs.poll(now_ns)
            page.take([*bench.devices.inputs.faults()], now_ns)
            if bench.devices.load_cell is not None:
                page.take(bench.devices.load_cell.poll(now_ns, SAMPLES_MAX), now_ns)
            if bench.keypad is not None:
                page.take(bench.keypad.poll(now_ns), now_ns)
            arms = {
                side: barrier.drive(None, None, now_ns)
                for side in Side
                if (barrier := bench.devices.barriers[side]) is not None
            }
            if drawn % DRAW_EVERY == 0:
                lang = bench.config.site.language
                title = _say("live", lang)
                lines = page.lines(levels, arms, now_ns, lang, colour=colour)
                print((HOME if colour else "") + "\n".join([title, *lines]), flush=True)
            drawn += 1
            bench.hands.pause(POLL_NS)
    except KeyboardInterrupt:
        pass
    return exits.OK
