from __future__ import annotations

import csv
from pathlib import Path

import pytest

from terminal.anpr.models import default_folder, missing
from terminal.anpr.reader import PlateReader

ROOT = Path(__file__).resolve().parents[3]
PLATES = ROOT.parent / "shared" / "data" / "plates"


@pytest.fixture(scope="session")
def reader() -> PlateReader:
    if missing(default_folder()):
        pytest.skip("the reader's networks are not here: run weigh-terminal fetch-models")
    return PlateReader()


@pytest.fixture(scope="session")
def open_set() -> list[dict[str, str]]:
    if not (PLATES / "manifest.csv").exists():
        pytest.skip("the open plate pictures are not beside the repository")
    with (PLATES / "manifest.csv").open(encoding="utf-8") as rows:
        return [{**row, "path": str(PLATES / row["file"])} for row in csv.DictReader(rows)]
