"""The table of processes and of the links between them. Supervisor, units and docs read it.

A process is a row here or it does not exist. What its death means is part of the row, because
the rest of the terminal is built on that meaning (DESIGN 5).
"""

from __future__ import annotations

from dataclasses import dataclass

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""For whoever weighs, before numpy is loaded: threads for sums as small get in each other's way."""


@dataclass(frozen=True, slots=True)
class ProcessRow:
    """One process. rss_mb_max: budget shown by the bench. nice: 0 unless low priority."""

    name: str
    module: str
    realtime: bool
    nice: int
    rss_mb_max: int
    watchdog_s: int
    simulated_only: bool
    death_means: str


PROCESSES: tuple[ProcessRow, ...] = (
    ProcessRow(
        "plant",
        "terminal.plant",
        False,
        0,
        60,
        5,
        True,
        "the simulated world stands still: samples go stale, the lane locks out",
    ),
    ProcessRow(
        "ledger",
        "terminal.ledger",
        False,
        0,
        60,
        5,
        False,
        "nothing can be committed, so no exit lease; after 5 s the driver is sent to the attendant",
    ),
    ProcessRow(
        "control",
        "terminal.control",
        True,
        0,
        60,
        1,
        False,
        "relays fall, lamps go red by wiring; restart begins in LOCKOUT and needs an empty deck",
    ),
    ProcessRow(
        "panel",
        "terminal.panel",
        False,
        0,
        60,
        5,
        False,
        "the sign is blanked, keys are dead; the lamps rule",
    ),
    ProcessRow(
        "camera",
        "terminal.camera",
        False,
        10,
        450,
        10,
        False,
        "the plate stays unknown: keypad entry or attendant, never a guess",
    ),
    ProcessRow(
        "uplink",
        "terminal.uplink",
        False,
        5,
        60,
        10,
        False,
        "records queue in the outbox; the deck goes on",
    ),
    ProcessRow(
        "console",
        "terminal.console",
        False,
        5,
        60,
        10,
        False,
        "no view for the operator; the deck works on",
    ),
)

LINKS: tuple[tuple[str, str], ...] = (
    ("control", "ledger"),
    ("control", "panel"),
    ("control", "camera"),
    ("control", "console"),
    ("control", "uplink"),
    ("ledger", "uplink"),
    ("ledger", "camera"),
    ("panel", "console"),
    ("camera", "console"),
    ("plant", "console"),
)
"""(listener, dialler). The dialler reconnects for ever with a fixed, bounded interval."""


def row(name: str) -> ProcessRow:
    """The row of one process. Raises KeyError for a name that is not in the table."""
    for candidate in PROCESSES:
        if candidate.name == name:
            return candidate
    raise KeyError(f"no process is called {name!r}")


def listens(name: str) -> tuple[str, ...]:
    """Peers that dial into `name`."""
    return tuple(dialler for listener, dialler in LINKS if listener == name)


def dials(name: str) -> tuple[str, ...]:
    """Peers that `name` dials."""
    return tuple(listener for listener, dialler in LINKS if dialler == name)
