"""Prints the uplink's measured figures (make bench-uplink ARGS="loss wrap photo alarm ...").

Asserts nothing: every line is a count or a ratio inside one run, beside its aim. Links are
emulated in namespaces of their own (tests/link); what cannot run here says why.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from terminal.county.conformance import load_vectors
from tests.link.fuzzer import fuzz
from tests.link.pair import FAR, LinkPair, why_not

PORT = 5683
WAIT_S_MAX = 3_600.0


@dataclass
class Row:
    """One figure. aim: what UPLINK's bars ask for."""

    name: str
    value: str
    aim: str
    holds: bool


@dataclass
class County:
    """The receiver in the far namespace (or here), restarted when killed."""

    folder: Path
    keys: Path
    link: LinkPair | None
    host: str = FAR
    extra: tuple[str, ...] = ()
    port: int = PORT
    process: subprocess.Popen[str] | None = None

    @property
    def store(self) -> Path:
        return self.folder / "county.sqlite"

    def start(self) -> None:
        """Start and wait until it serves."""
        command = [
            sys.executable, "-m", "terminal.cli", "county", "--bind", f"{self.host}:{self.port}",
            "--store", str(self.store), "--keys", str(self.keys), *self.extra,
        ]  # fmt: skip
        if self.link is not None:
            command = ["ip", "netns", "exec", self.link.far, *command]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        assert "receiver" in self.process.stdout.readline()

    def kill(self, number: int = signal.SIGKILL) -> None:
        """kill -9, or a polite end."""
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait()
            assert self.process.stdout is not None
            self.process.stdout.close()
            self.process = None

    def count(self) -> int:
        """Records stored."""
        with contextlib.closing(sqlite3.connect(self.store)) as db:
            return int(db.execute("select count(*) from record").fetchone()[0])


@dataclass
class Terminal:
    """tests.link.terminal_end in the near namespace."""

    folder: Path
    uri: str
    options: tuple[str, ...]
    link: LinkPair | None
    process: subprocess.Popen[str] | None = None
    lines: list[dict[str, object]] = field(default_factory=list)

    def start(self) -> None:
        """Start (again)."""
        command = [
            sys.executable, "-m", "tests.link.terminal_end", str(self.folder), self.uri,
            *self.options,
        ]  # fmt: skip
        if self.link is not None:
            command = ["ip", "netns", "exec", self.link.near, *command]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        os.set_blocking(self.process.stdout.fileno(), False)

    def kill(self) -> None:
        """kill -9."""
        if self.process is not None:
            self.read()
            self.process.kill()
            self.process.wait()
            assert self.process.stdout is not None
            self.process.stdout.close()
            self.process = None

    def read(self) -> bool:
        """Take what it printed; True when it is done."""
        assert self.process is not None
        assert self.process.stdout is not None
        for line in self.process.stdout.readlines() or ():
            with contextlib.suppress(ValueError):
                self.lines.append(json.loads(line))
        return bool(self.lines) and "done" in self.lines[-1]


@dataclass
class Compared:
    """Ledger against county."""

    committed: int
    received: int
    extra: int
    false_acks: int
    photos_committed: int
    photos_received: int


def compare(ledger: Path, county: Path) -> Compared:
    """Count by key and digest what both sides hold."""
    with contextlib.closing(sqlite3.connect(ledger / "ledger.db")) as db:
        items = db.execute(
            "select i.class, i.item_id, i.sha256, d.state from item i"
            " join delivery d on d.item = i.item where d.target = 'county'"
        ).fetchall()
    with contextlib.closing(sqlite3.connect(county)) as db:
        stored = dict(db.execute("select id, hash from record"))
        photos = {
            row[0].hex()
            for row in db.execute("select sha256 from photo where stored_ns is not null")
        }
    folder = county.with_name(f"{county.stem}-photos")
    photos = {name for name in photos if (folder / name[:2] / name).exists()}
    records = {name: digest for kind, name, digest, _ in items if kind != "photo"}
    pictures = {name for kind, name, _digest, _ in items if kind == "photo"}
    acked = [(kind, name) for kind, name, _digest, state in items if state == 1]
    return Compared(
        len(records),
        sum(stored.get(name) == digest for name, digest in records.items()),
        len(stored.keys() - records.keys()),
        sum(name not in (photos if kind == "photo" else stored) for kind, name in acked),
        len(pictures),
        len(pictures & photos),
    )


def bar_loss(args: argparse.Namespace) -> Iterator[Row]:
    """Bar 1: loss, kills of both sides, rebinds: nothing lost, nothing believed falsely."""
    rng = random.Random(args.seed)
    with tempfile.TemporaryDirectory() as name, LinkPair(delay_ms=5, loss=args.loss) as link:
        base = Path(name)
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
        while time.monotonic() - began < WAIT_S_MAX:
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
        with _served(delay_ms=100, loss=loss, kbit=5_000) as (link, keys):
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
        with _served(delay_ms=100, loss=0.05, kbit=5_000) as (link, keys):
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
    with _served(delay_ms=100, loss=0.0, kbit=5_000) as (link, keys):
        found = _probe(link, keys, "alarms", f"coap://{FAR}:{PORT}")
    idle = [took for name, took in found if name == "idle"]
    behind = [took for name, took in found if name == "behind photos"]
    (left,) = (took for name, took in found if name == "photos left")
    yield Row("idle; behind photos", f"{_median(idle):.3f}; {_median(behind):.3f} s", "-", True)
    yield Row("photos still waiting at the end", f"{left:.0f}", "> 0", bool(left))
    ratio = _median(behind) / _median(idle)
    yield Row("behind / idle", f"{ratio:.2f}", f"<= {ALARM_RATIO_MAX}", ratio <= ALARM_RATIO_MAX)


@contextlib.contextmanager
def _served(*, delay_ms: float, loss: float, kbit: int) -> Iterator[tuple[LinkPair, Path]]:
    """A link and a receiver behind it; yields the link and the folder of keys."""
    with tempfile.TemporaryDirectory() as name:
        keys = Path(name) / "keys"
        keys.mkdir()
        with LinkPair(delay_ms=delay_ms, loss=loss, kbit=kbit) as link:
            county = County(Path(name), keys, link)
            county.start()
            try:
                yield link, keys
            finally:
                county.kill(signal.SIGTERM)


@contextlib.contextmanager
def _local(port: int, *extra: str) -> Iterator[County]:
    """A receiver on loopback that knows the vectors' terminal."""
    with tempfile.TemporaryDirectory() as name:
        keys = Path(name) / "keys"
        keys.mkdir()
        (keys / "conformance.pub").write_text(load_vectors()[0] + "\n")
        county = County(Path(name), keys, None, "127.0.0.1", extra, port=port)
        county.start()
        try:
            yield county
        finally:
            county.kill(signal.SIGTERM)


def _rss_mb(process: subprocess.Popen[str]) -> float:
    for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


def _cpu_s(process: subprocess.Popen[str]) -> float:
    fields = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


RECEIVER_RSS_MB_MAX = 300


def bar_fuzz(args: argparse.Namespace) -> Iterator[Row]:
    """Mutated datagrams: the receiver goes on serving, within its memory, storing nothing new."""
    with _local(5_780, "--accept-simulated") as county:
        assert county.process is not None
        before = _rss_mb(county.process)
        began = time.monotonic()
        sent, _alive = fuzz("127.0.0.1", county.port, args.datagrams, args.seed)
        took = time.monotonic() - began
        after = _rss_mb(county.process)
        serving = county.process.poll() is None and sent == args.datagrams
        known = len({v.path for v in load_vectors()[1] if v.receipt})
        stored = county.count()
    yield Row("datagrams, still serving", f"{sent}, {serving}", f"{args.datagrams}", serving)
    yield Row("records stored / records in the seeds", f"{stored}/{known}", "<=", stored <= known)
    aim = f"<= {RECEIVER_RSS_MB_MAX}"
    grown = f"{before:.0f}, {after:.0f}"
    yield Row("resident MB before, after", grown, aim, after <= RECEIVER_RSS_MB_MAX)
    yield Row("seconds", f"{took:.0f}", "-", True)


SECOND_TARGET_RATIO_MIN = 0.95


def bar_second(args: argparse.Namespace) -> Iterator[Row]:
    """Bar 12: a second target that is down costs the first how much of its rate?"""
    seconds = {}
    for name, options in (("alone", ()), ("beside a dead one", ("--dead-target", DEAD))):
        with tempfile.TemporaryDirectory() as folder:
            base = Path(folder)
            county = County(base, base / "t" / "ledger", None, "127.0.0.1", (), port=5_784)
            county.start()
            words = ("--hold", "--records", str(args.second), *options)
            terminal = Terminal(base / "t", "coap+tcp://127.0.0.1:5784", words, None)
            terminal.start()
            while not terminal.read() and terminal.process is not None:
                assert terminal.process.poll() is None, "the terminal died"
                time.sleep(0.1)
            seconds[name] = float(str(terminal.lines[-1]["sending_s"]))
            terminal.kill()
            county.kill(signal.SIGTERM)
            yield Row(f"first target {name}", f"{args.second / seconds[name]:.0f} records/s", "-",
                      True)  # fmt: skip
    ratio = seconds["alone"] / seconds["beside a dead one"]
    yield Row("rate with / without", f"{ratio:.2f}", f">= {SECOND_TARGET_RATIO_MIN}",
              ratio >= SECOND_TARGET_RATIO_MIN)  # fmt: skip


DEAD = "coap+tcp://127.0.0.1:9"

BARS: dict[str, Callable[[argparse.Namespace], Iterator[Row]]] = {
    "loss": bar_loss,
    "photo": bar_photo,
    "record": bar_record,
    "alarm": bar_alarm,
    "fuzz": bar_fuzz,
    "second": bar_second,
}
NEEDS_LINK = {"loss", "photo", "record", "alarm"}


def main() -> int:
    """Run the bars named, or all."""
    parser = argparse.ArgumentParser()
    parser.add_argument("bars", nargs="*", choices=[*BARS, []])
    parser.add_argument("--records", type=int, default=2_000)
    parser.add_argument("--loss", type=float, default=0.2)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--rebinds", type=int, default=10)
    parser.add_argument("--between", type=float, default=4.0, help="mean seconds between blows")
    parser.add_argument("--latencies", type=int, default=200, help="records timed one by one")
    parser.add_argument("--datagrams", type=int, default=100_000)
    parser.add_argument("--second", type=int, default=1_000, help="records beside a dead target")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    reason = why_not()
    for name in args.bars or BARS:
        print(f"\n== {name}: {(BARS[name].__doc__ or '').splitlines()[0]}", flush=True)
        if reason and name in NEEDS_LINK:
            print(f"   not measured: {reason}")
            continue
        for row in BARS[name](args):
            mark = "holds" if row.holds else "FALLS SHORT"
            print(f"   {row.name:<44} {row.value:<28} aim {row.aim:<16} {mark}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
