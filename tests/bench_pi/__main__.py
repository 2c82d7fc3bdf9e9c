"""The bench of a real Pi: measured points, then a checklist for a person, then a report.

    sudo sh images/bench-pi [CONFIG] [REPORT]

Refuses any other machine (exit 69): nothing here may be pretended.
"""

from __future__ import annotations

import argparse
import datetime
import sys
from collections.abc import Callable
from pathlib import Path

from terminal import exits
from terminal.config import Config, ConfigError
from terminal.config_load import load
from tests.bench_pi import measured
from tests.bench_pi.report import Point, Verdict, passed, write

MODEL = Path("/proc/device-tree/model")
CONFIG = Path("/var/lib/weigh-terminal/terminal.toml")

CHECKLIST: tuple[tuple[str, str], ...] = (
    ("boot", "Switch the board off and on. Did any relay click or lamp turn green while booting?"),
    ("beam wire", "Unplug one beam's wire. Does the console show it blocked?"),
    ("stop button", "Press the emergency stop. Did the arm fall and every lamp turn red?"),
    ("limit switches", "Raise the arm by hand. Does the console follow: closed, moving, open?"),
    ("sign", "Run the sign test of `weigh-terminal doctor`. Is every module lit and in place?"),
    ("keypad", "Press all 16 keys, then three on a rectangle. 16 right and no ghost?"),
    ("load cell unplugged", "Unplug one load cell while idle. Does the lane lock out and recover?"),
    (
        "camera unplugged",
        "Pull the camera's cable and put it back. Fault, then pictures?",
    ),
    (
        "power cut",
        "Cut the power during a visit. Then LOCKOUT, chain good, no record lost?",
    ),
    ("watchdog", "kill -STOP the control process. Did the board or the unit restart it in 15 s?"),
)
"""Name and question; the good answer to the first is no, to all others yes."""
GOOD_ANSWER_NO = ("boot",)


def board() -> str:
    """The Pi's own model name; empty on any other machine."""
    try:
        model = MODEL.read_bytes().rstrip(b"\0").decode(errors="replace")
    except OSError:
        return ""
    return model if model.startswith("Raspberry Pi") else ""


def terminal_runs(config_path: Path, config: Config) -> bool:
    """Whether a terminal with this configuration holds its sockets."""
    folder = Path(config.runtime.folder)
    runtime = folder if folder.is_absolute() else config_path.parent / folder
    return any(runtime.glob("*.sock"))


def ask(name: str, question: str, answer: Callable[[str], str]) -> Point:
    """y, n, or anything else for "not done"."""
    wanted = "no" if name in GOOD_ANSWER_NO else "yes"
    said = answer(f"{name}: {question} [y/n, Enter: not done] ").strip().lower()
    if said[:1] not in ("y", "n"):
        return Point(name, question, Verdict.NOT_DONE, "nobody looked")
    found = "yes" if said[0] == "y" else "no"
    return Point(name, question, Verdict.PASS if found == wanted else Verdict.FAIL, found)


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="bench-pi", description=__doc__)
    parser.add_argument("config", type=Path, nargs="?", default=CONFIG)
    parser.add_argument("report", type=Path, nargs="?", default=Path("bench-pi.md"))
    args = parser.parse_args(words)
    model = board()
    if not model:
        print("bench-pi: this is no Raspberry Pi; nothing was measured and no report was written.")
        return exits.ABSENT
    try:
        config = load(args.config).config
    except ConfigError as error:
        print(error)
        return exits.CONFIG
    if terminal_runs(args.config, config):
        print("bench-pi: the terminal is running: systemctl stop weigh-terminal.target first.")
        return exits.ABSENT
    print("The barrier will move: keep people and vehicles away from the arm.", flush=True)
    points = [
        measured.relay_drop(config),
        measured.lease_width(config),
        measured.lateness(),
        measured.encoder(config),
        measured.thermal(),
    ]
    points += [ask(name, question, input) for name, question in CHECKLIST]
    stamp = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    write(args.report, model, stamp, points)
    print(args.report.read_text())
    return exits.OK if passed(points) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
