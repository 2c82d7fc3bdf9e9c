"""Prints the uplink's thirteen bars and more (make bench-uplink ARGS="--bars 2,7,alarm").

Asserts nothing: every line is a count or a ratio inside one run, beside its aim. Links are
emulated in namespaces of their own (tests/link); what cannot run here says why.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import signal
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from terminal.county.conformance import load_vectors
from tests.bench.uplink_more import MORE
from tests.bench.uplink_parts import (
    PORT,
    County,
    Row,
    Terminal,
    compare,
    local,
    rss_mb,
    served,
)
from tests.bench.uplink_sender import bar_sender
from tests.link.fuzzer import fuzz
from tests.link.pair import FAR, LinkPair, why_not


@contextlib.contextmanager
def kept_or_temporary(kept: Path | None) -> Iterator[Path]:
    """A folder for one run, or one that the next run goes on with."""
    if kept is None:
        with tempfile.TemporaryDirectory() as name:
            yield Path(name)
    else:
        kept.mkdir(parents=True, exist_ok=True)
        yield kept


def bar_loss(args: argparse.Namespace) -> Iterator[Row]:
    """Bar 1: loss, kills of both sides, rebinds: nothing lost, nothing believed falsely."""
    rng = random.Random(args.seed)
    with kept_or_temporary(args.keep) as base, LinkPair(delay_ms=5, loss=args.loss) as link:
        county = County(base, base / "t" / "ledger", link)
        terminal = Terminal(
            base / "t", f"coap://{FAR}:{PORT}",
            ("--records", str(args.records), "--photo-every", "200", "--pace", "400"), link,
        )  # fmt: skip
        county.start()
        terminal.start()
        todo = ["county"] * args.kills + ["terminal"] * args.kills + ["rebind"] * args.rebinds
        rng.shuffle(todo)
        done = dict.fromkeys(("county", "terminal", "rebind"), 0)
        began = time.monotonic()
        next_s = began + 5
        while time.monotonic() - began < args.bound:
            time.sleep(0.2)
            if terminal.read() and not todo:
                break
            if terminal.process is not None and terminal.process.poll() is not None:
                terminal.start()
            if todo and time.monotonic() >= next_s:
                what = todo.pop()
                done[what] += 1
                if what == "county":
                    county.kill()
                    time.sleep(rng.random())
                    county.start()
                elif what == "terminal":
                    terminal.kill()
                    terminal.start()
                else:
                    link.tell("rebind")
                next_s = time.monotonic() + args.between * rng.random() * 2
        took = time.monotonic() - began
        stats = link.tell("stats")
        terminal.kill()
        county.kill(signal.SIGTERM)
        found = compare(base / "t" / "ledger", county.store)
    ratio = found.received / max(1, found.committed)
    yield Row("records received / committed", f"{found.received}/{found.committed} = {ratio:.3f}",
              "1.000", found.received == found.committed == args.records)  # fmt: skip
    yield Row("photos received / committed", f"{found.photos_received}/{found.photos_committed}",
              "all", found.photos_received == found.photos_committed)  # fmt: skip
    yield Row("extra rows, false acknowledgements", f"{found.extra}, {found.false_acks}",
              "0, 0", found.extra == found.false_acks == 0)  # fmt: skip
    yield Row("kills of county, of terminal, rebinds", " ".join(str(n) for n in done.values()),
              f"{args.kills} {args.kills} {args.rebinds}", True)  # fmt: skip
    share = stats["lost"] / max(1, stats["lost"] + stats["passed"])
    yield Row("packets lost on the way; seconds", f"{share:.3f}; {took:.0f}", "-", True)


def _probe(
    link: LinkPair, keys: Path, what: str, uri: str, *options: str
) -> list[tuple[str, float | None]]:
    command = [sys.executable, "-m", "tests.link.probe", what, uri, str(keys), *options]
    process = link.popen(link.near, *command)
    out, _ = process.communicate()
    found: list[tuple[str, float | None]] = json.loads(out.splitlines()[-1])
    return found


def _shown(times: list[float | None]) -> str:
    return " ".join("never" if took is None else f"{took:.1f}" for took in times)


def _median(times: list[float | None]) -> float:
    return sorted(float("inf") if took is None else took for took in times)[len(times) // 2]


PHOTO_CASES: tuple[tuple[float, str, int, int, float], ...] = (
    (0.0, "coap", 3, 1, 10),
    (0.05, "coap", 3, 1, 10),
    (0.2, "coap", 10, 0, 0),
    (0.0, "coap+tcp", 3, 0, 30),
    (0.05, "coap+tcp", 3, 0, 0),
    (0.2, "coap+tcp", 3, 0, 0),
)
"""Loss each way, scheme, photos of ours, photos of stock, aim of the ratio."""
UDP_20_S_MAX = 60.0


def bar_photo(args: argparse.Namespace) -> Iterator[Row]:
    """Bar 3: one 200 KB photo at 200 ms round trip and 5 Mbit/s, beside stock block-wise."""
    stock_s: dict[float, float] = {}
    for loss, scheme, count, stock_count, aim in PHOTO_CASES:
        with served(delay_ms=100, loss=loss, kbit=5_000) as (link, keys):
            uri = f"{scheme}://{FAR}:{PORT}"
            ours = [t for _, t in _probe(link, keys, "photos", uri, "--count", str(count))]
            if stock_count:
                options = ("--stock-uri", uri, "--count", str(stock_count), "--seed", "2")
                stock = [t for _, t in _probe(link, keys, "photos", uri, *options)]
                stock_s[loss] = _median(stock)
                yield Row(f"stock block1, loss {loss:.0%}", f"{_shown(stock)} s", "-", True)
        name = f"ours over {scheme}, loss {loss:.0%}"
        if aim:
            ratio = stock_s[loss] / _median(ours)
            yield Row(name, f"{_shown(ours)} s, {ratio:.0f}x", f">= {aim:.0f}x", ratio >= aim)
        elif scheme == "coap":
            good = sum(took is not None and took <= UDP_20_S_MAX for took in ours)
            yield Row(name, f"{_shown(ours)} s", "9 of 10 in 60 s", good >= 9)
        else:
            yield Row(name, f"{_shown(ours)} s", "-", True)


def bar_record(args: argparse.Namespace) -> Iterator[Row]:
    """Bar 4: latency of single records at 200 ms round trip and 5 % loss each way."""
    uri = f"coap://{FAR}:{PORT}"
    p99 = {}
    for name, options in (("stock", ("--stock-uri", uri)), ("ours", ())):
        with served(delay_ms=100, loss=0.05, kbit=5_000) as (link, keys):
            found = _probe(link, keys, "records", uri, "--count", str(args.latencies), *options)
        times = sorted(float("inf") if took is None else took for _, took in found)
        p99[name] = times[len(times) * 99 // 100]
        middle = times[len(times) // 2]
        yield Row(f"{name}: p50, p99", f"{middle:.2f} s, {p99[name]:.2f} s", "-", True)
    ratio = p99["stock"] / p99["ours"]
    yield Row("p99 stock / ours", f"{ratio:.1f}", ">= 4", ratio >= 4)


ALARM_RATIO_MAX = 2.0


def bar_alarm(args: argparse.Namespace) -> Iterator[Row]:
    """Bar 5: an alarm behind 500 photos beside one on an idle queue; 200 ms, 5 Mbit/s, UDP."""
    with served(delay_ms=100, loss=0.0, kbit=5_000) as (link, keys):
        found = _probe(link, keys, "alarms", f"coap://{FAR}:{PORT}")
    idle = [took for name, took in found if name == "idle"]
    behind = [took for name, took in found if name == "behind photos"]
    (left,) = (took for name, took in found if name == "photos left")
    yield Row("idle; behind photos", f"{_median(idle):.3f}; {_median(behind):.3f} s", "-", True)
    yield Row("photos still waiting at the end", f"{left:.0f}", "> 0", bool(left))
    ratio = _median(behind) / _median(idle)
    yield Row("behind / idle", f"{ratio:.2f}", f"<= {ALARM_RATIO_MAX}", ratio <= ALARM_RATIO_MAX)


RECEIVER_RSS_MB_MAX = 300
FUZZ_SLICE = 20_000
"""Each with a seed of its own, and the bound is looked at after each."""


def bar_fuzz(args: argparse.Namespace) -> Iterator[Row]:
    """Mutated datagrams: the receiver goes on serving, within its memory, storing nothing new."""
    with local(5_780, "--accept-simulated") as county:
        assert county.process is not None
        before = rss_mb(county.process)
        began = time.monotonic()
        sent = slices = 0
        while sent < args.datagrams and time.monotonic() - began < args.bound:
            count = min(FUZZ_SLICE, args.datagrams - sent)
            gone, _alive = fuzz("127.0.0.1", county.port, count, args.seed + slices)
            sent, slices = sent + gone, slices + 1
            if gone < count:
                break
        took = time.monotonic() - began
        after = rss_mb(county.process)
        serving = county.process.poll() is None and gone == count
        known = len({v.path for v in load_vectors()[1] if v.receipt})
        stored = county.count()
    yield Row("datagrams, still serving", f"{sent}, {serving}", f"{args.datagrams}",
              serving and sent == args.datagrams)  # fmt: skip
    yield Row("records stored / records in the seeds", f"{stored}/{known}", "<=", stored <= known)
    aim = f"<= {RECEIVER_RSS_MB_MAX}"
    grown = f"{before:.0f}, {after:.0f}"
    yield Row("resident MB before, after", grown, aim, after <= RECEIVER_RSS_MB_MAX)
    yield Row("seconds", f"{took:.0f}", "-", True)


SECOND_TARGET_RATIO_MIN = 0.95
SECOND_ROUNDS = 6


def bar_second(args: argparse.Namespace) -> Iterator[Row]:
    """A second target that is down costs the first how much of its rate? Rounds take turns."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))
        silent = f"coap://127.0.0.1:{deaf.getsockname()[1]}"
        words: dict[str, tuple[str, ...]] = {
            "alone": (),
            "beside one that refuses": ("--dead-target", DEAD),
            "beside one that is silent": ("--dead-target", silent),
        }
        rates: dict[str, list[float]] = {name: [] for name in words}
        for turn in range(SECOND_ROUNDS):
            for name in list(words)[:: 1 if turn % 2 == 0 else -1]:
                seconds = _sending_s(args, words[name])
                if seconds is None:
                    yield Row(f"first target {name}", "did not end", "-", False)
                    return
                rates[name].append(args.second / seconds)
    alone = rates.pop("alone")
    yield Row("first target alone", f"{_rates(alone)} records/s", "-", True)
    for name, found in rates.items():
        yield Row(f"first target {name}", f"{_rates(found)} records/s", "-", True)
        pairs = sorted(one / other for one, other in zip(found, alone, strict=True))
        ratio = statistics.median(pairs)
        shown = f"{ratio:.2f} ({pairs[0]:.2f}-{pairs[-1]:.2f})"
        yield Row("with / without, median of the rounds", shown, f">= {SECOND_TARGET_RATIO_MIN}",
                  ratio >= SECOND_TARGET_RATIO_MIN)  # fmt: skip


def _rates(found: list[float]) -> str:
    return " ".join(f"{rate:.0f}" for rate in found)


def _sending_s(args: argparse.Namespace, options: tuple[str, ...]) -> float | None:
    """Seconds of the sending alone: all is committed before any is sent."""
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        county = County(base, base / "t" / "ledger", None, "127.0.0.1", (), port=5_784)
        county.start()
        words = ("--hold", "--records", str(args.second), *options)
        terminal = Terminal(base / "t", "coap+tcp://127.0.0.1:5784", words, None)
        terminal.start()
        ended = terminal.wait(args.bound / (3 * SECOND_ROUNDS))
        terminal.kill()
        county.kill(signal.SIGTERM)
    return float(str(terminal.lines[-1]["sending_s"])) if ended else None


DEAD = "coap+tcp://127.0.0.1:9"

BARS: dict[str, tuple[int, Callable[[argparse.Namespace], Iterator[Row]]]] = {
    "loss": (1, bar_loss),
    "wrap": (2, MORE["wrap"]),
    "photo": (3, bar_photo),
    "record": (4, bar_record),
    "alarm": (5, bar_alarm),
    "sender": (6, bar_sender),
    "queue": (7, MORE["queue"]),
    "catchup": (8, MORE["catchup"]),
    "observer": (9, MORE["observer"]),
    "dtls": (10, MORE["dtls"]),
    "power": (11, MORE["power"]),
    "second": (12, bar_second),
    "conformance": (13, MORE["conformance"]),
    "fuzz": (0, bar_fuzz),
}
"""By name: number of the bar in the design (0: none) and what measures it."""
NEEDS_LINK = {"loss", "photo", "record", "alarm", "catchup", "observer", "dtls"}


def chosen(text: str) -> list[str]:
    """Names for a list of names and numbers; empty for all. Raises argparse's own error."""
    names = []
    for word in text.split(","):
        found = [name for name, (number, _bar) in BARS.items() if word in (name, str(number))]
        if not found or word == "0":
            known = ", ".join(BARS)
            raise argparse.ArgumentTypeError(f"{word}: a number of 1 to 13, or one of {known}")
        names += found
    return names


def options() -> argparse.ArgumentParser:
    """What may be said on the command line; without any of it, all bars."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--bars", type=chosen, default=list(BARS), help="such as 2,7,alarm")
    parser.add_argument("--bound", type=float, default=450.0, help="longest seconds of one run")
    parser.add_argument("--wrap", type=int, default=70_000, help="records of the wrap bar")
    parser.add_argument("--stock", type=int, default=70_000, help="the same of the stock client")
    parser.add_argument("--sender", type=int, default=1_500, help="records of the sender bar")
    parser.add_argument("--backlog", type=int, default=1_500, help="records after the outage")
    parser.add_argument("--records", type=int, default=2_000)
    parser.add_argument("--keep", type=Path, help="folder of the loss bar, to go on with later")
    parser.add_argument("--loss", type=float, default=0.2)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--rebinds", type=int, default=10)
    parser.add_argument("--between", type=float, default=4.0, help="mean seconds between blows")
    parser.add_argument("--latencies", type=int, default=200, help="records timed one by one")
    parser.add_argument("--datagrams", type=int, default=100_000)
    parser.add_argument("--second", type=int, default=1_000, help="records beside a dead target")
    parser.add_argument("--seed", type=int, default=1)
    return parser


def rows(args: argparse.Namespace) -> Iterator[tuple[str, ...]]:
    """A title a bar, its figures below, as they are measured."""
    reason = why_not()
    for name in args.bars:
        number, bar = BARS[name]
        title = f"bar {number}, {name}" if number else name
        yield (f"== {title}: {(bar.__doc__ or '').splitlines()[0]}",)
        if reason and name in NEEDS_LINK:
            yield (f"   not measured: {reason}",)
            continue
        for row in bar(args):
            mark = "holds" if row.holds else "FALLS SHORT"
            yield (f"   {row.name}", row.value, f"aim {row.aim}", mark)


def table() -> list[tuple[str, ...]]:
    """All bars, as every bench answers `python -m tests.bench`."""
    return list(rows(options().parse_args([])))


def main() -> int:
    """Run the bars named, or all."""
    for row in rows(options().parse_args()):
        if len(row) == 1:
            print(("\n" if row[0].startswith("==") else "") + row[0], flush=True)
            continue
        name, value, aim, mark = row
        print(f"{name:<47} {value:<28} {aim:<20} {mark}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
