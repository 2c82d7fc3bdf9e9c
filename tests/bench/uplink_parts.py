"""What the uplink's bars are made of: both ends, a comparison of what they hold, one row."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from terminal.county.conformance import load_vectors
from tests.link.pair import FAR, LinkPair

PORT = 5683


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

    def wait(self, bound_s: float) -> bool:
        """Until it is done; False at the bound."""
        end_s = time.monotonic() + bound_s
        while not self.read():
            assert self.process is not None
            assert self.process.poll() is None, "the terminal died"
            if time.monotonic() > end_s:
                return False
            time.sleep(0.1)
        return True

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


@contextlib.contextmanager
def served(*, delay_ms: float, loss: float, kbit: int) -> Iterator[tuple[LinkPair, Path]]:
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
def local(port: int, *extra: str) -> Iterator[County]:
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


def rss_mb(process: subprocess.Popen[str]) -> float:
    for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


def process_cpu_s(process: subprocess.Popen[str]) -> float:
    fields = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
