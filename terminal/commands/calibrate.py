"""weigh-terminal calibrate: walks a person through zero, corners and loads, and seals the result.

Talks over stdin and stdout; the terminal itself must be stopped, since it owns the cells. What
is refused is said at once and asked again. Nothing is written before the person types SEAL.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from hal.contract.devices import LoadCell
from hal.contract.types import DeviceAbsentError, Fault
from terminal import exits
from terminal.config import ConfigError, Loaded
from terminal.config_load import load
from terminal.weighing import calibrating, calibration
from terminal.weighing.calibrating import Outcome, RefusedError

NAME = "calibrate"
HELP = "calibrate the deck: zero, corners, at least five loads; writes a signed report"
BLOCK_S = 3.0
POLL_S = 0.01
TRIES_MAX = 60
POINTS_MAX = 20
SEAL_WORD = "SEAL"


def configure(parser: argparse.ArgumentParser) -> None:
    """Which terminal, and who calibrates."""
    parser.add_argument("--config", type=Path, default=Path("terminal.toml"))
    parser.add_argument("--by", required=True, help="name of the person who calibrates")
    parser.add_argument("--report", type=Path, help="report file (default: beside the calibration)")


class GivenUpError(Exception):
    """The person stopped, or too much was refused; nothing was written."""


@dataclass(slots=True)
class Walk:
    """One calibration. ask: prompt to answer; tell: a line; block: counts, rows x cells."""

    ask: Callable[[str], str]
    tell: Callable[[str], None]
    block: Callable[[], np.ndarray]
    serial: str
    full_scale: int
    cell_cap_kg: int
    max_kg: int
    e_kg: int
    sealed_count: int

    def run(self) -> Outcome:
        """Zero, corners, loads. Raises GivenUpError."""
        zero = self._reading("Empty the deck, then press Enter. ")
        gains = self._corners(zero)
        points = self._loads(zero)
        try:
            return calibrating.solve(
                self.serial,
                self.full_scale,
                self.cell_cap_kg,
                self.sealed_count,
                zero,
                gains,
                points,
                self.e_kg,
            )
        except (RefusedError, calibration.CalibrationError) as error:
            raise GivenUpError(str(error)) from error

    def _reading(self, prompt: str) -> np.ndarray:
        for _ in range(TRIES_MAX):
            self.ask(prompt)
            try:
                return calibrating.steady_mean(self.block(), self.full_scale)
            except RefusedError as error:
                self.tell(f"Refused: {error}")
        raise GivenUpError("Too many readings were refused.")

    def _corners(self, zero: np.ndarray) -> np.ndarray:
        cells = len(zero)
        for _ in range(TRIES_MAX):
            answer = self.ask(
                "Corner test: press Enter to start, or type SKIP to trust the cells' own spans. "
            )
            if answer.strip().upper() == "SKIP":
                self.tell("Corner adjustment skipped: all cells count alike.")
                return np.ones(cells)
            placed = [
                self._reading(f"Put the same test mass close to cell {cell}, press Enter. ")
                for cell in range(cells)
            ]
            try:
                return calibrating.corner_gains(zero, placed)
            except RefusedError as error:
                self.tell(f"Refused: {error}")
        raise GivenUpError("Too many corner tests were refused.")

    def _loads(self, zero: np.ndarray) -> list[tuple[int, np.ndarray]]:
        points: list[tuple[int, np.ndarray]] = []
        for _ in range(TRIES_MAX):
            least = calibrating.POINTS_MIN - len(points)
            hint = f"{least} more needed" if least > 0 else "Enter alone ends"
            answer = self.ask(f"Load {len(points) + 1}: test mass on the deck in kg ({hint}): ")
            if not answer.strip():
                if least <= 0:
                    return points
                self.tell(f"Refused: {least} more loads are needed.")
                continue
            try:
                load_kg = _whole_kg(answer)
                counts = calibrating.steady_mean(self.block(), self.full_scale)
                calibrating.check_point(zero, points, load_kg, counts, self.max_kg)
            except RefusedError as error:
                self.tell(f"Refused: {error}")
                continue
            points.append((load_kg, counts))
            self.tell(f"Taken: {load_kg} kg.")
            if len(points) == POINTS_MAX:
                return points
        raise GivenUpError("Too many loads were refused.")


def _whole_kg(answer: str) -> int:
    try:
        return int(answer.strip())
    except ValueError:
        raise RefusedError(f"{answer.strip()!r} is not a whole number of kilograms.") from None


def finish(walk: Walk, by: str, made_at: str, seal: Callable[[Outcome, str], None]) -> int:
    """Run the walk, show the report, ask for the seal word, hand both to the writer."""
    try:
        outcome = walk.run()
    except GivenUpError as error:
        walk.tell(f"{error} Nothing was changed.")
        return exits.BAD_INPUT
    text = calibrating.report(outcome, walk.e_kg, walk.max_kg, made_at, by)
    walk.tell(text)
    if not outcome.within:
        walk.tell("The errors are outside the MPE; such a calibration is not sealed.")
        return exits.BAD_INPUT
    if walk.ask(f"Type {SEAL_WORD} to put this calibration in force: ").strip() != SEAL_WORD:
        walk.tell("Not sealed. Nothing was changed.")
        return exits.BAD_INPUT
    seal(outcome, text)
    return exits.OK


def run(args: argparse.Namespace) -> int:
    """0 sealed; 65 refused or given up; 69 no cells; 78 the configuration has problems."""
    try:
        loaded = load(args.config)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return exits.CONFIG
    config = loaded.config
    if config.weighing.source != "amplifier":
        print("This terminal reads an indicator; the indicator is calibrated by itself.")
        return exits.CONFIG
    try:
        cells = _open(loaded)
    except DeviceAbsentError as error:
        print(error, file=sys.stderr)
        return exits.ABSENT
    path = loaded.path(config.amplifier.calibration)
    info = cells.describe()
    previous = _previous(path)
    walk = Walk(
        ask=_ask,
        tell=print,
        block=lambda: _block(cells, info.cells),
        serial=config.amplifier.serial,
        full_scale=info.full_scale,
        cell_cap_kg=previous.cell_cap_kg if previous else 30_000,
        max_kg=config.weighing.max_kg,
        e_kg=config.weighing.e_kg,
        sealed_count=previous.sealed_count + 1 if previous else 1,
    )
    made_at = datetime.now(UTC).isoformat(timespec="seconds")
    report = args.report or path.with_name(f"calibration-report-{walk.sealed_count}.txt")
    try:
        return finish(walk, args.by, made_at, lambda o, text: _seal(loaded, path, report, o, text))
    finally:
        cells.close()


def _ask(prompt: str) -> str:
    try:
        return input(prompt)
    except EOFError:
        raise SystemExit(exits.BAD_INPUT) from None


def _open(loaded: Loaded) -> LoadCell:
    """The cells alone: no barrier, lamp or input is touched."""
    from hal.linux.clock import SystemClock
    from terminal.wiring.amplifiers import load_cell
    from terminal.wiring.context import Context

    context = Context("calibrate", loaded, SystemClock())
    lines: object = None
    if loaded.config.amplifier.kind == "hx711":
        from hal.linux.gpio import pin_factory

        lines = pin_factory("load cells")
    return load_cell(context, lines)


def _block(cells: LoadCell, count: int) -> np.ndarray:
    """A few seconds of counts, as many rows as every cell has."""
    from hal.linux.clock import SystemClock

    clock = SystemClock()
    rows: list[list[int]] = [[] for _ in range(count)]
    end_ns = clock.monotonic_ns() + round(BLOCK_S * 1e9)
    cells.poll(clock.monotonic_ns(), 4_096)
    while clock.monotonic_ns() < end_ns:
        for item in cells.poll(clock.monotonic_ns(), 64):
            if not isinstance(item, Fault) and not item.flags:
                rows[item.cell].append(int(item.counts))
        time.sleep(POLL_S)
    shortest = min(len(row) for row in rows)
    return np.asarray([row[:shortest] for row in rows], dtype=float).T


def _previous(path: Path) -> calibration.Calibration | None:
    """The calibration in force, whosever it is; its counter must go on."""
    try:
        return calibration.read_any(path.read_text(encoding="utf-8"))
    except (OSError, calibration.CalibrationError):
        return None


def _seal(loaded: Loaded, path: Path, report: Path, outcome: Outcome, text: str) -> None:
    """Keep the old file under its number, put the new one in place, sign and write the report.

    The ledger notes the new calibration, with its digest, when it starts.
    """
    from terminal.ledger.identity import load_signer
    from terminal.records import key_line

    folder = loaded.path(loaded.config.ledger.folder)
    folder.mkdir(parents=True, exist_ok=True)
    signer = load_signer(folder, loaded.config.ledger.signature)
    made = calibration.to_text(outcome.calibration)
    digest = hashlib.sha256(made.encode()).hexdigest()
    body = f"{text}calibration sha256 {digest}\n"
    signature = signer.sign(body.encode()).hex()
    key = key_line(signer.public_key, loaded.config.site.terminal_id)
    signed = f"{body}key {key}\nsignature {signature}\n"
    if path.exists():
        kept = path.with_name(f"{path.name}.{outcome.calibration.sealed_count - 1}")
        kept.write_bytes(path.read_bytes())
    _write(report, signed)
    _write(path, made)
    print(f"Sealed as calibration no. {outcome.calibration.sealed_count}: {path}")
    print(f"Signed report: {report}. Start the terminal again; its ledger notes the change.")


def _write(path: Path, text: str) -> None:
    part = path.with_name(path.name + ".part")
    with part.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
