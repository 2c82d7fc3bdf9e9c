"""Accuracy and cost of plate reading: the open set where it is present, and drawn suites.

The drawn suites use another typeface than real plates: their curves show where reading breaks
down, never how good it is at a gate. That is unknown until measured there with 200 lorries.
"""

from __future__ import annotations

import csv
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
from terminal.anpr.models import MODEL_FILES, default_folder, missing
from terminal.anpr.reader import PlateReader
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


@dataclass
class Tally:
    """Counts of one group of pictures."""

    pictures: int = 0
    exact_any: int = 0
    top: int = 0
    province: int = 0
    accepted: int = 0
    wrong: int = 0
    ms: list[float] = field(default_factory=list)

    def add(self, truth: str, found: list[PlateCandidate], took_ms: float) -> None:
        self.pictures += 1
        self.ms.append(took_ms)
        self.exact_any += truth in [candidate.plate for candidate in found]
        if found:
            self.top += found[0].plate == truth
            self.province += found[0].plate[:1] == truth[:1]
            self.accepted += found[0].accepted
            self.wrong += found[0].accepted and found[0].plate != truth

    def row(self, name: str) -> Row:
        ranked = sorted(self.ms)
        p95 = ranked[min(len(ranked) - 1, int(0.95 * len(ranked)))]
        return (
            name,
            str(self.pictures),
            f"{self.exact_any}",
            f"{self.top}",
            f"{self.province}",
            f"{self.accepted}",
            f"{self.wrong}",
            f"{statistics.median(ranked):.0f}",
            f"{p95:.0f}",
        )


HEAD: Row = (
    *("pictures", "n", "exact any", "top-1", "province", "accepted", "wrong accepted"),
    *("median ms", "p95 ms"),
)


def timed(reader: PlateReader, picture: Pixels) -> tuple[list[PlateCandidate], float]:
    started = time.thread_time()
    found = reader.read(picture)
    return found, (time.thread_time() - started) * 1_000


def open_rows(reader: PlateReader) -> Iterable[Row]:
    """The real pictures that lie beside the repository."""
    if not (OPEN_SET / "manifest.csv").exists():
        yield ("open set: not beside the repository, skipped",)
        return
    groups: dict[str, Tally] = {}
    with (OPEN_SET / "manifest.csv").open(encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            found, took_ms = timed(reader, load(OPEN_SET / row["file"])[0])
            for name in (f"open {row['kind']}s", f"open, {row['colour']}"):
                groups.setdefault(name, Tally()).add(row["plate"], found, took_ms)
    for name in sorted(groups):
        yield groups[name].row(name)


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
            found, took_ms = timed(reader, picture)
            tally.add(sample.plate, found, took_ms)
    return tally.row(name)


def plateless_row(reader: PlateReader) -> Row:
    tally = Tally()
    for number in range(PLATELESS):
        found, took_ms = timed(reader, plateless(np.random.default_rng([SEED, number])))
        tally.add("", [c for c in found if c.accepted], took_ms)
    return tally.row("drawn scenes without a plate")


def rows(reader: PlateReader) -> Iterable[Row]:
    yield HEAD
    yield from open_rows(reader)
    for kind in KINDS:
        for width_px in WIDTHS_PX:
            name = f"drawn {kind}, {width_px} px"
            yield drawn(reader, name, width_px, kinds=(kind,), per_kind=PER_CELL)
    for disturbance in DISTURBANCES:
        for strength in STRENGTHS:
            name = f"drawn {disturbance} {strength:.2f}, 120 px"
            yield drawn(reader, name, 120, disturbance=disturbance, strength=strength)
    for dirt_pct in DIRT_PCT:
        yield drawn(reader, f"drawn dirt {dirt_pct} %, 120 px", 120, dirt_pct=dirt_pct)
    yield plateless_row(reader)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024
    files_mb = sum(model.size_bytes for model in MODEL_FILES) / 1e6
    yield ("peak resident memory", f"{peak_mb:.0f} MB", "network files", f"{files_mb:.1f} MB")
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
