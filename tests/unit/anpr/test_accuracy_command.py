from __future__ import annotations

import dataclasses
from datetime import datetime
from pathlib import Path

import apsw
import pytest

from terminal.cli import main
from terminal.core.types import PlateSource
from terminal.records import sign_record
from tests.unit.ledger.builders import EVENT, SIGNER, WEIGH, record


def ledger(folder: Path, *, read: int, keyed: int, hour: int = 12) -> Path:
    at_ns = int(datetime(2026, 11, 18, hour).astimezone().timestamp()) * 10**9
    db = apsw.Connection(str(folder / "ledger.db"))
    db.execute("create table item(seq integer, body blob)")
    sources = [PlateSource.CAMERA] * read + [PlateSource.KEYPAD] * keyed
    for number, source in enumerate(sources):
        content = dataclasses.replace(WEIGH, plate_source=source)
        body = sign_record(record(content, seq=number + 1, wall_ns=at_ns), SIGNER)
        db.execute("insert into item values (?, ?)", (number + 1, body))
    event = sign_record(record(EVENT, seq=len(sources) + 1, wall_ns=at_ns), SIGNER)
    db.execute("insert into item values (?, ?)", (len(sources) + 1, event))
    db.close()
    return folder


@pytest.mark.parametrize(
    ("read", "keyed", "hour", "code", "said"),
    [
        (9, 1, 12, 0, "day 9 of 10 = 90.0 % (95 %: 60 to 98)  night no lorries"),
        (5, 45, 12, 1, "BELOW 90 %"),
        (5, 45, 2, 1, "BELOW 80 %"),
        (42, 8, 2, 0, "night 42 of 50 = 84.0 %"),
    ],
)
def test_weekly_figures_with_their_interval_and_alarm(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    read: int,
    keyed: int,
    hour: int,
    code: int,
    said: str,
) -> None:
    folder = ledger(tmp_path, read=read, keyed=keyed, hour=hour)
    assert main(["plate-accuracy", str(folder)]) == code
    out = capsys.readouterr().out
    assert out.startswith("2026-W47  ")
    assert said in out
    assert "Below 200 lorries" in out


def test_no_ledger_and_an_empty_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plate-accuracy", str(tmp_path)]) == 65
    assert "Name the ledger's folder" in capsys.readouterr().err
    assert main(["plate-accuracy", str(ledger(tmp_path, read=0, keyed=0))]) == 0
    assert "no judged visit" in capsys.readouterr().out
