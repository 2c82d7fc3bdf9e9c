"""The county's folder of contexts: whose each is, which is in use, and what waits to be fetched.

One folder a context, beside the library's files a label (terminal and number, rising), the
command that waits in it, and what became of it. Older keys of a terminal are forgotten only by
retire_older(), and that is called only when a newer one has been used by the terminal itself.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from terminal.disk import durable, put_private, write_once
from terminal.enrol.context_files import (
    PART_PREFIX,
    SECRET_FILE,
    SETTINGS_FILE,
    forget_secret,
)
from terminal.enrol.papers import AGE_S_MAX, TEXT_CHARS_MAX

LABEL_FILE = "label.json"
PAPER_FILE = "rotation.txt"
FETCHED_FILE, USED_FILE, RETIRED_FILE = "fetched.json", "used.json", "retired.json"
CONTEXTS_MAX = 40_000
FILE_BYTES_MAX = 4_096


@dataclass(frozen=True, slots=True)
class Label:
    """Whose a context is. number: of its grant or rotation; 0: before there were numbers."""

    terminal_id: str
    number: int


@dataclass(frozen=True, slots=True)
class Stage:
    """What became of one context. Times: UTC seconds, 0 for not yet. offered_s: 0: no command."""

    folder: Path
    label: Label
    offered_s: int
    fetched_s: int
    used_s: int
    retired_s: int

    @property
    def waits(self) -> bool:
        """Whether a command is in it that its terminal has not obeyed yet."""
        return bool(self.offered_s) and not self.used_s and not self.retired_s

    def expired(self, now_s: int) -> bool:
        """Whether its terminal would find the command too old."""
        return self.offered_s < now_s - AGE_S_MAX


def label_files(label: Label, paper: str = "", made_s: int = 0) -> dict[str, str]:
    """What lies beside the library's files in a new context. paper: the command, if any."""
    body: dict[str, object] = {"terminal": label.terminal_id, "number": label.number}
    if paper:
        body["offered_s"] = made_s
    return {LABEL_FILE: json.dumps(body)} | ({PAPER_FILE: paper + "\n"} if paper else {})


def folders(root: Path) -> list[Path]:
    """Folders of contexts, in order, without those still being written. Raises OSError."""
    with os.scandir(root) as found:
        names = [one.name for one in found if one.name[:1] != PART_PREFIX]
    names = sorted(names)[:CONTEXTS_MAX]
    return [root / name for name in names if (root / name / SETTINGS_FILE).exists()]


def read_stage(folder: Path) -> Stage | None:
    """What the files of a context say; None without a label. Raises ValueError, OSError."""
    if not (folder / LABEL_FILE).exists():
        return None
    body = _read(folder / LABEL_FILE)
    terminal_id, number = body.get("terminal"), body.get("number")
    if not isinstance(terminal_id, str) or type(number) is not int:
        raise ValueError(f"{folder / LABEL_FILE} names no terminal and number")
    return Stage(
        folder,
        Label(terminal_id, number),
        _time(body, "offered_s"),
        *(_at(folder / name) for name in (FETCHED_FILE, USED_FILE, RETIRED_FILE)),
    )


def stages(root: Path) -> list[Stage]:
    """All labelled contexts; what cannot be read is left out. Raises OSError."""
    found = []
    for folder in folders(root):
        with contextlib.suppress(OSError, ValueError):
            stage = read_stage(folder)
            if stage is not None:
                found.append(stage)
    return found


def paper_of(stage: Stage) -> str:
    """The command that waits in it. Raises OSError."""
    return (stage.folder / PAPER_FILE).read_text()[:TEXT_CHARS_MAX].strip()


def note(stage: Stage, name: str, now_s: int) -> None:
    """Write down durably that something came about: FETCHED_FILE or USED_FILE."""
    put_private(stage.folder / name, json.dumps({"at_s": now_s}).encode())


def retire_older(root: Path, label: Label, known: Iterable[Stage], now_s: int) -> list[Path]:
    """Forget the keys of a terminal that are older than this one; gives their folders.

    known: contexts to look among. May be repeated after a power cut. The last retired folder of a
    terminal is kept, so that who comes with its key is told apart from a stranger; other workers
    notice by the time of the root.
    """
    older = [
        one
        for one in known
        if one.label.terminal_id == label.terminal_id and one.label.number < label.number
    ]
    fresh = [one for one in older if (one.folder / SECRET_FILE).exists()]
    if not fresh:
        return []
    for stage in older:
        if stage not in fresh:
            shutil.rmtree(stage.folder, ignore_errors=True)
    for stage in fresh:
        put_private(stage.folder / RETIRED_FILE, json.dumps({"at_s": now_s}).encode())
        forget_secret(stage.folder)
    touch(root)
    return [stage.folder for stage in fresh]


def adopt(root: Path, name: str, terminal_id: str) -> bool:
    """Label a context that was made before there were labels: the one named as the key file."""
    folder = root / name
    if not (folder / SETTINGS_FILE).exists() or (folder / LABEL_FILE).exists():
        return False
    write_once(folder / LABEL_FILE, label_files(Label(terminal_id, 0))[LABEL_FILE].encode())
    touch(root)
    return True


def touch(root: Path) -> None:
    """Tell every worker that something in here has changed."""
    os.utime(root)
    durable(root)


def _read(path: Path) -> dict[str, object]:
    """Raises ValueError, OSError."""
    if path.stat().st_size > FILE_BYTES_MAX:
        raise ValueError(f"{path} is too large")
    body = json.loads(path.read_text())
    if not isinstance(body, dict):
        raise ValueError(f"{path} is not an object")
    return body


def _time(body: dict[str, object], name: str) -> int:
    found = body.get(name, 0)
    return found if type(found) is int and found >= 0 else 0


def _at(path: Path) -> int:
    """When something came about; a mark that cannot be read still says that it did."""
    if not path.exists():
        return 0
    try:
        return max(1, _time(_read(path), "at_s"))
    except ValueError:
        return 1
