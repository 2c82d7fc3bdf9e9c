"""weigh-terminal listen PORT: find an indicator's line settings and format by listening.

Says in steps what is wrong, shows what each way of reading would give, and writes nothing before
a person has compared at least three different loads with the display.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from firmware_bridge.indicators.catalogue import built_in, from_file
from firmware_bridge.indicators.formatfile import FormatError
from firmware_bridge.indicators.listen import (
    Candidate,
    Finding,
    Load,
    Stage,
    distinct,
    judge,
    remaining,
)
from firmware_bridge.indicators.spec import Format
from firmware_bridge.link.port import SerialLine, Settings
from hal.contract.types import DeviceAbsentError, Fault, MonotonicNs
from terminal import exits

NAME = "listen"
HELP = "find an indicator's line settings and format by listening to its port"
LOADS_MIN = 3
LOADS_MAX = 12
ASKS = 12
"""Questions to a silent line in the time of listening."""
POLL_S = 0.01
EITHER = 2
SETTINGS = (
    "9600 8N1",
    "4800 8N1",
    "2400 8N1",
    "1200 8N1",
    "19200 8N1",
    "9600 7E1",
    "4800 7E1",
    "2400 7E1",
    "600 8N1",
    "38400 8N1",
    "57600 8N1",
    "115200 8N1",
    "9600 8E1",
)
"""In the order of how often they are met."""
TEMPLATE = """
[indicator]
port = "{port}"
baud = {baud}
parity = "{parity}"
data_bits = {bits}
protocol = "{protocol}"
confirmed_scaling = "{scaling}"
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """The port, what to try, where to write."""
    parser.add_argument("port", help="serial port, such as /dev/ttyUSB0")
    parser.add_argument("--line", choices=SETTINGS, help="try only these settings")
    parser.add_argument("--seconds", type=float, default=3.0, help="how long to listen to each")
    parser.add_argument("--format-file", type=Path, help="a format of your own, tried as well")
    parser.add_argument("--out", type=Path, help="write the [indicator] section to this file")


def run(args: argparse.Namespace) -> int:
    """0 when the format was confirmed, 69 without a port, 65 when nothing could be confirmed."""
    try:
        formats = [*built_in(), *([from_file(args.format_file)] if args.format_file else [])]
        lines = (args.line,) if args.line else SETTINGS
        settings, finding = _search(args.port, lines, args.seconds, formats)
    except (DeviceAbsentError, FormatError) as error:
        print(error, file=sys.stderr)
        return exits.ABSENT
    if not finding.candidates:
        print(f"Nothing found: {finding.detail}.")
        return exits.BAD_INPUT
    _show(settings, finding)
    chosen = _confirm(_listener(settings, args.seconds), finding.candidates, _ask)
    if chosen is None:
        return exits.BAD_INPUT
    text = TEMPLATE.format(
        port=args.port,
        baud=settings.baud,
        parity=settings.parity,
        bits=settings.data_bits,
        protocol=chosen.format.name,
        scaling=chosen.scaling_name,
    )
    print(f"Confirmed: {chosen.format.title}{_as(chosen)}.")
    if args.out is not None:
        args.out.write_text(text.lstrip(), encoding="utf-8")
        print(f"Written to {args.out}; put it into terminal.toml in place of [indicator].")
    else:
        print(f"Put this into terminal.toml:\n{text}")
    return exits.OK


def line_settings(port: str, line: str) -> Settings:
    """A line such as 9600 8N1 as settings of this port."""
    baud, form = line.split()
    return Settings(port, int(baud), form[1], int(form[0]))


def _search(
    port: str, lines: Iterable[str], seconds: float, formats: Sequence[Format]
) -> tuple[Settings, Finding]:
    """The first setting at which something streams, else the one that came furthest."""
    best: tuple[Settings, Finding] | None = None
    for line in lines:
        settings = line_settings(port, line)
        heard = record(settings, seconds)
        finding = judge(heard, formats)
        if not finding.candidates:
            finding = _asked(settings, seconds, formats, finding)
        stage = finding.stage.name.lower().replace("_", " ")
        print(f"  {line}: {len(heard)} bytes, {stage}", flush=True)
        if best is None or finding.stage > best[1].stage:
            best = settings, finding
        if finding.stage is Stage.STREAMING:
            break
    assert best is not None
    return best


def _asked(
    settings: Settings, seconds: float, formats: Sequence[Format], silent: Finding
) -> Finding:
    """Ask in the way of each format that only answers questions."""
    for format_ in formats:
        if format_.poll is not None:
            finding = judge(record(settings, seconds, format_.poll.questions), (format_,))
            if finding.stage > silent.stage:
                silent = finding
            if finding.candidates:
                break
    return silent


def record(settings: Settings, seconds: float, questions: Sequence[bytes] = ()) -> bytes:
    """What the port gives in so many seconds; with questions, asked in turn. DeviceAbsentError."""
    line = SerialLine(settings, "port")
    heard = b""
    asked = 0
    began_s = time.monotonic()
    try:
        while (passed_s := time.monotonic() - began_s) < seconds:
            now_ns = MonotonicNs(time.monotonic_ns())
            if questions and passed_s >= asked * seconds / ASKS:
                line.write(questions[asked % len(questions)], now_ns)
                asked += 1
            came = line.read(now_ns)
            if isinstance(came, Fault):
                raise DeviceAbsentError("port", came.detail, "Check the cable and try again")
            heard += came
            time.sleep(POLL_S)
    finally:
        line.close()
    return heard


def _listener(settings: Settings, seconds: float) -> Callable[[Format], bytes]:
    def listen(format_: Format) -> bytes:
        return record(settings, seconds, format_.poll.questions if format_.poll else ())

    return listen


def _as(candidate: Candidate) -> str:
    return f", {candidate.scaling.title}" if candidate.scaling is not None else ""


def _show(settings: Settings, finding: Finding) -> None:
    form = f"{settings.baud} {settings.data_bits}{settings.parity}1"
    print(f"Streaming at {form}. It can be read as:")
    for number, one in enumerate(finding.candidates, 1):
        mass = "no mass" if one.reading.gross_kg is None else f"{one.reading.gross_kg} kg"
        print(f"  {number}. {one.format.title}{_as(one)}: {mass}")


def _ask(question: str) -> str:
    print(question, end=" ", flush=True)
    return sys.stdin.readline().strip()


def _confirm(
    listen: Callable[[Format], bytes],
    candidates: Sequence[Candidate],
    ask: Callable[[str], str],
) -> Candidate | None:
    """Compare loads until at least three different ones leave one way of reading."""
    loads: list[Load] = []
    left = tuple(candidates)
    while len(loads) < LOADS_MAX:
        said = ask("With a still load: what does the display show, in kg (empty line ends)?")
        if not said:
            print(f"Ended with {distinct(loads)} of {LOADS_MIN} loads; nothing was written.")
            return None
        try:
            display_kg = int(said)
        except ValueError:
            print("A whole number of kilograms, please; tonnes times 1000.")
            continue
        loads.append(Load(display_kg, listen(left[0].format)))
        left = remaining(left, loads)
        if not left:
            print(
                "No way of reading agrees with the display in all loads. Was the load still?"
                " Nothing was written."
            )
            return None
        if distinct(loads) >= LOADS_MIN and len(left) == 1:
            return left[0]
        _tell(left, loads)
    return None


def _tell(left: Sequence[Candidate], loads: Sequence[Load]) -> None:
    missing = LOADS_MIN - distinct(loads)
    if missing > 0:
        print(f"Agreed. {missing} more different load{'s' if missing > 1 else ''}, please.")
    elif len(left) >= EITHER:
        names = " or ".join(f"{one.format.name} {one.scaling_name}".strip() for one in left)
        print(f"These loads cannot tell {names} apart; another load, please.")
