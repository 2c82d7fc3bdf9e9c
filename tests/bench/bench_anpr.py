"""Accuracy and cost of plate reading: the open set where it is present, and drawn suites.

The drawn suites use another typeface than real plates: their curves show where reading breaks
down, never how good it is at a gate. That is unknown until measured there with 200 lorries.
"""

from __future__ import annotations

import csv
import functools
import resource
import statistics
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from hal.sim.disturb import DISTURBANCES
from hal.sim.plate_art import Pixels
from terminal.anpr.files import load
from terminal.anpr.models import MODEL_FILES, RECOGNISER, checked, default_folder, missing
from terminal.anpr.reader import PlateReader
from terminal.anpr.recognise import Recogniser
from terminal.anpr.types import PlateCandidate
from tests.bench.plate_scenes import KINDS, draw_lot, photograph, plateless

ROOT = Path(__file__).resolve().parents[2]
OPEN_SET = ROOT.parent / "shared" / "data" / "plates"
PER_CELL = 12
WIDTHS_PX = (60, 80, 100, 150)
STRENGTHS = (0.25, 0.5, 0.75, 1.0)
DIRT_PCT = (20, 40, 60, 80)
PLATELESS = 50
SEED = 20

Row = tuple[str, ...]


@dataclass(frozen=True)
class Took:
    """One reading: CPU time of the process, and time on the wall, which others on it lengthen."""

    cpu_ms: float
    wall_ms: float


@dataclass
class Tally:
    """Counts of one group of pictures."""

    pictures: int = 0
    exact_any: int = 0
    top: int = 0
    province: int = 0
    accepted: int = 0
    wrong: int = 0
    times: list[Took] = field(default_factory=list)

    def add(self, truth: str, found: list[PlateCandidate], took: Took) -> None:
        self.pictures += 1
        self.times.append(took)
        self.exact_any += truth in [candidate.plate for candidate in found]
        if found:
            self.top += found[0].plate == truth
            self.province += found[0].plate[:1] == truth[:1]
            self.accepted += found[0].accepted
            self.wrong += found[0].accepted and found[0].plate != truth

    def row(self, name: str, reference_ms: float) -> Row:
        cpu_ms = sorted(took.cpu_ms for took in self.times)
        wall_ms = sorted(took.wall_ms for took in self.times)
        middle_ms = statistics.median(cpu_ms)
        return (
            name,
            str(self.pictures),
            f"{self.exact_any}",
            f"{self.top}",
            f"{self.province}",
            f"{self.accepted}",
            f"{self.wrong}",
            f"{middle_ms:.0f}",
            f"{_p95(cpu_ms):.0f}",
            f"{statistics.median(wall_ms):.0f}",
            f"{_p95(wall_ms):.0f}",
            f"{middle_ms / reference_ms:.1f}",
        )


def _p95(ranked: list[float]) -> float:
    return ranked[min(len(ranked) - 1, int(0.95 * len(ranked)))]


HEAD: Row = (
    *("pictures", "n", "exact any", "top-1", "province", "accepted", "wrong accepted"),
    *("cpu ms", "cpu p95", "wall ms", "wall p95", "calls"),
)
"""calls: median CPU time of a picture over that of one bare call of the recogniser, same run."""
CALLS = 40


def timed(reader: PlateReader, picture: Pixels) -> tuple[list[PlateCandidate], Took]:
    cpu_s, wall_s = time.process_time(), time.perf_counter()
    found = reader.read(picture)
    cpu_s, wall_s = time.process_time() - cpu_s, time.perf_counter() - wall_s
    return found, Took(cpu_s * 1_000, wall_s * 1_000)


def bare_call_ms() -> float:
    """Median CPU milliseconds of one call of the recogniser on a crop 3.1 times as wide as high."""
    recogniser = Recogniser(checked(RECOGNISER, default_folder()))
    crop = np.full((48, 149, 3), 90, np.uint8)
    took: list[float] = []
    for _ in range(CALLS):
        started_s = time.process_time()
        recogniser.scores(crop)
        took.append((time.process_time() - started_s) * 1_000)
    return statistics.median(took)


def open_rows(reader: PlateReader, reference_ms: float) -> Iterable[Row]:
    """The real pictures that lie beside the repository, and how they stand against the bars."""
    if not (OPEN_SET / "manifest.csv").exists():
        yield ("open set: not beside the repository, skipped",)
        return
    groups: dict[str, Tally] = {}
    with (OPEN_SET / "manifest.csv").open(encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            found, took = timed(reader, load(OPEN_SET / row["file"])[0])
            names = [f"open {row['kind']}s", f"open, {row['colour']}", "open, all"]
            names += ["open, two rows"] if row["rows"] == "2" else []
            for name in names:
                groups.setdefault(name, Tally()).add(row["plate"], found, took)
    for name in sorted(groups):
        yield groups[name].row(name, reference_ms)
    yield from bars(groups)


def bars(groups: dict[str, Tally]) -> Iterable[Row]:
    """The bars of plate reading, measured on the open set only."""
    whole, frames, crops = groups["open, all"], groups["open frames"], groups["open crops"]
    yellow = groups["open, yellow"]
    cpu_ms = sorted(took.cpu_ms for took in frames.times)
    for name, value, bar in (
        ("exact", whole.exact_any / whole.pictures, 0.95),
        ("top-1", whole.top / whole.pictures, 0.95),
        ("province", whole.province / whole.pictures, 0.98),
        ("yellow", yellow.exact_any / yellow.pictures, 22 / 25),
        ("crops exact", crops.exact_any / crops.pictures, 0.98),
        ("accepted", whole.accepted / whole.pictures, 0.90),
        ("right among accepted", 1 - whole.wrong / max(1, whole.accepted), 0.99),
    ):
        yield (f"bar, {name}", f"{100 * value:.1f} %", f">= {100 * bar:.0f} %", _held(value >= bar))
    for name, value, bar in (
        ("frame cpu median", statistics.median(cpu_ms), 200.0),
        ("frame cpu p95", _p95(cpu_ms), 700.0),
    ):
        yield (f"bar, {name}", f"{value:.0f} ms", f"<= {bar:.0f} ms", _held(value <= bar))


def _held(holds: bool) -> str:
    return "held" if holds else "MISSED"


def drawn(
    reader: PlateReader,
    name: str,
    width_px: int,
    *,
    disturbance: str = "",
    strength: float = 0.0,
    dirt_pct: int = 0,
    kinds: tuple[str, ...] = KINDS,
    per_kind: int = PER_CELL // 6,
    reference_ms: float,
) -> Row:
    tally = Tally()
    for kind in kinds:
        for number in range(per_kind):
            generator = np.random.default_rng([SEED, KINDS.index(kind), number, width_px])
            sample = draw_lot(generator, kind)
            picture = photograph(
                sample,
                width_px,
                generator,
                disturbance=disturbance,
                strength=strength,
                dirt_pct=dirt_pct,
            )
            found, took = timed(reader, picture)
            tally.add(sample.plate, found, took)
    return tally.row(name, reference_ms)


def plateless_row(reader: PlateReader, reference_ms: float) -> Row:
    tally = Tally()
    for number in range(PLATELESS):
        found, took = timed(reader, plateless(np.random.default_rng([SEED, number])))
        tally.add("", [c for c in found if c.accepted], took)
    return tally.row("drawn scenes without a plate", reference_ms)


def rows(reader: PlateReader) -> Iterable[Row]:
    reference_ms = bare_call_ms()
    yield ("one bare call of the recogniser", f"{reference_ms:.1f} ms CPU")
    yield HEAD
    yield from open_rows(reader, reference_ms)
    draw = functools.partial(drawn, reader, reference_ms=reference_ms)
    for kind in KINDS:
        for width_px in WIDTHS_PX:
            name = f"drawn {kind}, {width_px} px"
            yield draw(name, width_px, kinds=(kind,), per_kind=PER_CELL)
    for disturbance in DISTURBANCES:
        for strength in STRENGTHS:
            name = f"drawn {disturbance} {strength:.2f}, 120 px"
            yield draw(name, 120, disturbance=disturbance, strength=strength)
    for dirt_pct in DIRT_PCT:
        yield draw(f"drawn dirt {dirt_pct} %, 120 px", 120, dirt_pct=dirt_pct)
    yield plateless_row(reader, reference_ms)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024
    files_mb = sum(model.size_bytes for model in MODEL_FILES) / 1e6
    yield ("bar, peak resident memory", f"{peak_mb:.0f} MB", "<= 450 MB", _held(peak_mb <= 450))
    yield ("bar, network files", f"{files_mb:.1f} MB", "<= 16 MB", _held(files_mb <= 16))
    yield ("Accuracy at a real gate is unknown until measured there with at least 200 lorries.",)


def table() -> list[Row]:
    """The bench's table, or the reason why there is none."""
    if missing(default_folder()):
        return [("The reader's networks are not here: run weigh-terminal fetch-models.",)]
    return list(rows(PlateReader()))


def main() -> int:
    """Print the table line by line as it is measured."""
    if missing(default_folder()):
        print(table()[0][0])
        return 69
    for row in rows(PlateReader()):
        print(
            "  ".join(cell.ljust(34 if at == 0 else 9) for at, cell in enumerate(row)), flush=True
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
