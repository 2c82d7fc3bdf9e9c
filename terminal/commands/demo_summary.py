"""The demo's last words: one line a record, read from the ledger as anybody could."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import apsw

from terminal.config import Loaded
from terminal.records import Weigh, parse_signed

HEADINGS = ("plate", "axles", "kg", "limit", "verdict", "record", "delivered", "deck s")
DELIVERED = 1
"""delivery.state of an item whose receipt came (terminal.ledger.schema)."""


@dataclass(frozen=True, slots=True)
class Line:
    """One judged visit of the demo."""

    plate: str
    axles: int | None
    gross_kg: int
    limit_kg: int | None
    verdict: str
    seq: int
    delivered: bool

    def cells(self, deck_s: str) -> tuple[str, ...]:
        """The line's columns, in the order of HEADINGS."""
        return (
            self.plate or "-",
            str(self.axles) if self.axles is not None else "-",
            str(self.gross_kg),
            str(self.limit_kg) if self.limit_kg is not None else "-",
            self.verdict,
            str(self.seq),
            "yes" if self.delivered else "no",
            deck_s,
        )


def lines(loaded: Loaded) -> Iterator[Line]:
    """Every weighing in the ledger, oldest first."""
    path = loaded.path(loaded.config.ledger.folder) / "ledger.db"
    if not path.exists():
        return
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        rows = connection.execute(
            "select seq, body, not exists (select 1 from delivery d"
            " where d.item = item.item and d.state <> ?) from item"
            " where seq is not null order by seq",
            (DELIVERED,),
        )
        for seq, body, delivered in rows:
            weigh = parse_signed(bytes(body)).record.content
            if isinstance(weigh, Weigh):
                yield Line(
                    weigh.plate,
                    weigh.axles,
                    weigh.gross_kg,
                    weigh.limit_kg,
                    weigh.verdict.value,
                    int(seq),
                    bool(delivered),
                )
    finally:
        connection.close()


def _deck_seconds(loaded: Loaded) -> list[tuple[str, float]]:
    path = loaded.path(loaded.config.runtime.folder) / "plant.jsonl"
    if not path.exists():
        return []
    rows = [json.loads(text) for text in path.read_text(encoding="utf-8").splitlines()]
    return [(str(row["plate"]), float(row["deck_s"])) for row in rows]


def summary(loaded: Loaded) -> str:
    """The table, as text; seconds on the deck are the simulated world's own count."""
    seconds = _deck_seconds(loaded)
    table: list[tuple[str, ...]] = [HEADINGS]
    for line in lines(loaded):
        found = next((pair for pair in seconds if pair[0] == line.plate), None)
        if found is not None:
            seconds.remove(found)
        table.append(line.cells(f"{found[1]:.1f}" if found is not None else "-"))
    widths = [max(len(row[column]) for row in table) for column in range(len(HEADINGS))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    )
