"""weigh-terminal calibrate: walks a person through zero, corners and loads, and seals the result.

Talks over stdin and stdout; the terminal itself must be stopped, since it owns the cells. What
would only fail at the end is found before the walk. Nothing is written before the person types
SEAL; `weigh-terminal verify REPORT` checks what was signed.
"""

from __future__ import annotations

import argparse
import grp
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from hal.contract.devices import Clock, LoadCell
from hal.contract.types import (
    NS_PER_S,
    ClockQuality,
    DeviceAbsentError,
    Fault,
    LoadCellInfo,
    SampleFlag,
)
from terminal import exits
from terminal.commands import calibrate_files
from terminal.commands.calibrate_files import Sealed
from terminal.commands.calibrate_walk import GivenUpError, Walk
from terminal.commands.doctor import running
from terminal.config import ConfigError, Loaded
from terminal.config_load import load
from terminal.ledger.errors import LedgerCorruptError
from terminal.ledger.identity import PUBLIC_FILE, load_signer, software_digest
from terminal.texts.catalogue import text
from terminal.texts.prompts import Lang
from terminal.weighing.calibrating import ROWS_MIN, LoadError, Outcome, RefusedError
from terminal.weighing.calibration_report import Facts, report
from terminal.wiring.context import SIMULATED, version

NAME = "calibrate"
HELP = "calibrate the deck: zero, corners, at least five loads; writes a signed report"
BLOCK_S = 3.0
POLL_NS = 10_000_000
ROUNDS_MAX = 20
NAME_CHARS_MAX = 60
FAULTS_SHOWN_MAX = 3
SEAL_WORD = "SEAL"
DEVICE_GROUPS = ("gpio", "i2c", "spi", "dialout")
ON_LINES = ("hx711", "ads1232")
"""Converters read over the header's own lines."""
UNMARKED = "unmarked"
Seal = Callable[[Outcome, str], None]


def configure(parser: argparse.ArgumentParser) -> None:
    """Which terminal, and who calibrates."""
    parser.add_argument("--config", type=Path, default=Path("terminal.toml"))
    parser.add_argument("--by", required=True, help="name of the person who calibrates")
    parser.add_argument("--report", type=Path, help="report file (default: beside the calibration)")
    parser.add_argument("--language", choices=("zh-CN", "en"), help="instead of the file's own")


def run(args: argparse.Namespace) -> int:
    """0 sealed; 65 refused or given up; 69 no cells; 74 no key to sign; 78 bad configuration."""
    try:
        loaded = load(args.config)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return exits.CONFIG
    lang: Lang = args.language or loaded.config.site.language
    path = loaded.path(loaded.config.amplifier.calibration)
    owner = args.config.absolute().parent.stat()
    act_as(owner.st_uid, owner.st_gid)
    try:
        sealed = calibrate_files.before(path) if (why := unfit(loaded)) is None else None
        if sealed is None:
            print(text(f"calibrate.{why}", lang), file=sys.stderr)
            return exits.ABSENT if why == "running" else exits.CONFIG
        target = args.report or calibrate_files.report_place(path, sealed.last + 1)
        _check_places(loaded, path, target, args.by)
        signer = load_signer(_ledger(loaded), loaded.config.ledger.signature)
        cells = _open(loaded)
    except RefusedError as error:
        print(error.said(lang), file=sys.stderr)
        return exits.BAD_INPUT
    except (LedgerCorruptError, OSError) as error:
        print(error, file=sys.stderr)
        return exits.CORRUPT
    except DeviceAbsentError as error:
        print(not_opened(error, lang), file=sys.stderr)
        return exits.ABSENT

    def put_in_force(outcome: Outcome, body: str) -> None:
        site, inforce = loaded.config.site, sealed.inforce
        calibrate_files.seal(path, target, outcome, body, signer, site.terminal_id, inforce)

    try:
        walk = _walk(loaded, cells, sealed, lang)
        code = finish(
            walk,
            lambda outcome: report(outcome, _facts(loaded, cells, sealed, args.by, lang), lang),
            put_in_force,
        )
    finally:
        cells.close()
    if code == exits.OK:
        public = _ledger(loaded) / PUBLIC_FILE
        count = walk.sealed_count
        print(walk.say("sealed", count=count, path=path, report=target, public=public))
    return code


def unfit(loaded: Loaded) -> str | None:
    """Why this configuration has nothing to calibrate now, as a key of the catalogue."""
    amplifier = loaded.config.amplifier
    if loaded.config.weighing.source != "amplifier":
        return "indicator"
    if SIMULATED in (amplifier.kind, amplifier.port):
        return "simulated"
    if amplifier.serial == UNMARKED:
        return "unmarked"
    return "running" if running(loaded) else None


def _ledger(loaded: Loaded) -> Path:
    folder = loaded.path(loaded.config.ledger.folder)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _check_places(loaded: Loaded, path: Path, target: Path, by: str) -> None:
    """What would only fail after hours of moving test masses. Raises RefusedError."""
    if not by.strip() or not by.isprintable() or len(by) > NAME_CHARS_MAX:
        raise RefusedError("bad_name", most=NAME_CHARS_MAX)
    if target.exists():
        raise RefusedError("report_exists", report=target)
    for folder in (path.parent, target.parent):
        if not folder.is_dir() or not os.access(folder, os.W_OK):
            raise RefusedError("no_folder", folder=folder)


def act_as(uid: int, gid: int) -> None:
    """Go on as the owner of the terminal's folder when root started this.

    A signing key or a calibration that belongs to root is one the terminal cannot read. The
    groups of the devices are kept, since a driver may open its line again.
    """
    if os.geteuid() != 0 or uid == 0:
        return
    os.setgroups([group.gr_gid for group in grp.getgrall() if group.gr_name in DEVICE_GROUPS])
    os.setgid(gid)
    os.setuid(uid)


def _walk(loaded: Loaded, cells: LoadCell, sealed: Sealed, lang: Lang) -> Walk:
    """The walk for this deck, told first what it starts from."""
    config, info = loaded.config, cells.describe()
    inforce = sealed.inforce
    same = inforce is not None and inforce.serial == config.amplifier.serial
    walk = Walk(
        ask=input,
        tell=print,
        block=lambda: block(cells, info, lang),
        serial=config.amplifier.serial,
        full_scale=info.full_scale,
        cells=info.cells,
        cell_cap_kg=inforce.cell_cap_kg if inforce is not None and same else 0,
        max_kg=config.weighing.max_kg,
        e_kg=config.weighing.e_kg,
        sealed_count=sealed.last + 1,
        lang=lang,
        places_cm=tuple(zip(config.amplifier.cell_x_cm, config.amplifier.cell_y_cm, strict=False)),
    )
    key = "again" if inforce is not None else "lost" if sealed.last else "first"
    walk.tell(
        walk.say(
            key,
            serial=walk.serial,
            cells=walk.cells,
            max_kg=walk.max_kg,
            e_kg=walk.e_kg,
            before=inforce.serial if inforce is not None else "",
            last=sealed.last,
            count=walk.sealed_count,
        )
    )
    walk.tell(walk.say("stop_hint"))
    return walk


def finish(walk: Walk, written: Callable[[Outcome], str], seal: Seal) -> int:
    """Run the walk, show the report, ask for the seal word, hand both to the writer."""
    try:
        walk.begin()
        for _ in range(ROUNDS_MAX):
            outcome = walk.outcome()
            body = written(outcome)
            walk.tell("\n" + body)
            if outcome.within:
                return _sealed(walk, outcome, body, seal)
            number, worst = furthest(outcome)
            walk.tell(walk.say("outside", number=number, kg=worst.load_kg))
        raise GivenUpError(walk.say("too_many"))
    except GivenUpError as error:
        walk.tell(f"{error} {walk.say('nothing')}")
    except (KeyboardInterrupt, EOFError):
        walk.tell(f"\n{walk.say('stopped')} {walk.say('nothing')}")
    return exits.BAD_INPUT


def furthest(outcome: Outcome) -> tuple[int, LoadError]:
    """Number from 1 and line of the load that is furthest off, measured by its own MPE."""
    rows = enumerate(outcome.errors, 1)
    return max(rows, key=lambda row: abs(row[1].error_e) / row[1].mpe_e)


def _sealed(walk: Walk, outcome: Outcome, body: str, seal: Seal) -> int:
    """Neither a slip of the fingers nor a full disk may cost the walk: both may be mended."""
    prompt = walk.say("ask.seal", word=SEAL_WORD)
    for _ in range(ROUNDS_MAX):
        if walk.ask(prompt).strip().upper() != SEAL_WORD:
            walk.tell(walk.say("not_the_word", word=SEAL_WORD))
            continue
        try:
            seal(outcome, body)
        except OSError as error:
            walk.tell(walk.say("unwritten", why=error.strerror, word=SEAL_WORD))
        else:
            return exits.OK
    walk.tell(f"{walk.say('not_sealed')} {walk.say('nothing')}")
    return exits.BAD_INPUT


def _open(loaded: Loaded) -> LoadCell:
    """The cells alone: no barrier, lamp or input is touched."""
    from hal.linux.clock import SystemClock
    from terminal.wiring.amplifiers import load_cell
    from terminal.wiring.context import Context

    context = Context("calibrate", loaded, SystemClock())
    lines: object = None
    amplifier = loaded.config.amplifier
    if amplifier.kind in ON_LINES or amplifier.ready_pin >= 0:
        from hal.linux.gpio import pin_factory

        lines = pin_factory("load cells")
    return load_cell(context, lines)


def said(fault: Fault, lang: Lang) -> str:
    """A driver's fault for whoever calibrates; its own words are English and stay there."""
    what = f"{fault.device}: {text(f'fault.{fault.code.value}.operator', lang)}"
    return f"{what}: {fault.detail}" if fault.detail and lang == "en" else what


def not_opened(error: DeviceAbsentError, lang: Lang) -> str:
    """Why the cells cannot be had, and what to check; what was found is an address or a file."""
    if lang == "en":
        return str(error)
    return text("calibrate.not_opened", lang, device=error.device, found=error.found)


def timing() -> tuple[Clock, Callable[[int], None]]:
    """The machine's clock, and how to wait for so many nanoseconds."""
    from hal.linux.clock import SystemClock, pause

    return SystemClock(), pause


def block(cells: LoadCell, info: LoadCellInfo, lang: Lang) -> np.ndarray:
    """A few seconds of counts, as many rows as every cell has.

    Raises RefusedError naming a cell that gave fewer than ROWS_MIN, with the driver's faults.
    """
    clock, pause = timing()
    print(text("calibrate.measuring", lang, seconds=BLOCK_S), flush=True)
    rows: list[list[int]] = [[] for _ in range(info.cells)]
    faults: list[str] = []
    cells.poll(clock.monotonic_ns(), 4_096)
    end_ns = clock.monotonic_ns() + round(BLOCK_S * NS_PER_S)
    while clock.monotonic_ns() < end_ns:
        for item in cells.poll(clock.monotonic_ns(), 64):
            if isinstance(item, Fault):
                faults.append(said(item, lang))
            elif SampleFlag.SATURATED in item.flags:
                raise RefusedError("saturated", cell=item.cell)
            elif not item.flags:
                rows[item.cell].append(int(item.counts))
        pause(POLL_NS)
    fewest = min(range(info.cells), key=lambda cell: len(rows[cell]))
    shortest = len(rows[fewest])
    if shortest < ROWS_MIN:
        shown = "; ".join([*dict.fromkeys(faults)][:FAULTS_SHOWN_MAX])
        told = text("calibrate.few.faults", lang, faults=shown) if shown else ""
        raise RefusedError("few", cell=fewest, rows=shortest, seconds=BLOCK_S, faults=told)
    return np.asarray([row[:shortest] for row in rows], dtype=float).T


def _facts(loaded: Loaded, cells: LoadCell, sealed: Sealed, by: str, lang: Lang) -> Facts:
    config, device = loaded.config, cells.describe().device
    clock, _ = timing()
    made_at = datetime.fromtimestamp(clock.wall_ns() // NS_PER_S, UTC).isoformat()
    unset = clock.quality() is ClockQuality.UNKNOWN
    return Facts(
        terminal=config.site.terminal_id,
        lane=config.site.lane,
        source=config.site.source_name,
        model=device.model,
        simulated=device.simulated,
        max_kg=config.weighing.max_kg,
        e_kg=config.weighing.e_kg,
        by=by,
        made_at=made_at + (text("calibrate.report.clock", lang) if unset else ""),
        last=sealed.last,
        before=sealed.inforce.serial if sealed.inforce is not None else "",
        version=version(),
        software=software_digest().hex(),
        config=loaded.sha256.hex(),
    )
