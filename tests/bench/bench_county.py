"""The county receiver beside a bare aiocoap server: one load, one run, ratios only.

The rounds take turns, because both feel whatever else the machine does. Server CPU is counted
by the kernel, so the load's own cost is outside. Then a thousand terminals at a steady pace:

python -m tests.bench.bench_county --minutes 10 [--workers 2] [--period 20] [--plain]

Each of the thousand has an OSCORE context of its own, and so has the receiver for each.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from terminal.county.oscore import raise_open_files
from tests.bench.uplink_parts import County, local, process_cpu_s, rss_mb
from tests.link.load import LoadResult, prepare, send_all
from tests.link.sealed import share_secrets
from tests.link.terminals import Sums, run_terminals

ROUNDS, RECORDS, TERMINALS, OUTSTANDING = 5, 2_000, 50, 64
COUNTY_PORT, BARE_PORT = 5_786, 5_787
RATIO_MIN = 0.5
VARIANT_PORT, NATS_PORT = 5_789, 5_790
CROWD_PORT, CROWD = 5_788, 1_000
CROWD_MINUTES, CROWD_PERIOD_S = 0.5, 15.0
REPEAT_SHARE = 0.02
RSS_MB_MAX = 300


def table() -> list[tuple[str, ...]]:
    rows, ratios, stored = _receiver()
    aim = f"median of ours / bare >= {RATIO_MIN}"
    return [
        ("figure", "receiver", "bare aiocoap", "bare / ours", "aim"),
        *rows,
        ("records per core, median of rounds", "", "", f"{statistics.median(ratios):.2f}", aim),
        ("records stored / sent", f"{stored}/{ROUNDS * RECORDS}", "", "", "all"),
        ("", "", "", "", ""),
        *_variants(),
        ("", "", "", "", ""),
        *crowd(CROWD_MINUTES, CROWD_PERIOD_S, 1),
    ]


def _variants() -> list[tuple[str, ...]]:
    """The same load on one process, on two, and on one that publishes; ratios to the first."""
    rows: list[tuple[str, ...]] = []
    costs: list[float] = []
    with tempfile.TemporaryDirectory() as folder, _nats(Path(folder)) as url:
        wanted = [("one process", ()), ("two workers", ("--workers", "2"))]
        if url:
            wanted.append(("one process, publishing to nats-server", ("--publish", url)))
        for name, words in wanted:
            with local(VARIANT_PORT, *words) as county:
                items = prepare(county.keys, TERMINALS, RECORDS)
                assert county.process is not None
                before = sum(cpu_s(pid) for pid in family(county.process.pid))
                result = send_all(VARIANT_PORT, items, OUTSTANDING)
                spent = sum(cpu_s(pid) for pid in family(county.process.pid)) - before
                costs.append(spent / RECORDS * 1_000)
                assert county.count() == RECORDS
            rows.append((f"{name}: CPU ms a record; records/s; p99 ms", _shown(costs[-1], result),
                         "", f"{costs[0] / costs[-1]:.2f}", "-"))  # fmt: skip
    if not url:
        rows.append(("publishing", "not measured: no nats-server", "", "", ""))
    return rows


@contextlib.contextmanager
def _nats(folder: Path) -> Iterator[str]:
    """A nats-server on loopback; yields its address, or nothing where there is none."""
    program = shutil.which("nats-server") or shutil.which("nats-server", path="/usr/sbin")
    if program is None:
        yield ""
        return
    words = ["-js", "-sd", str(folder), "-a", "127.0.0.1", "-p", str(NATS_PORT)]
    quiet = subprocess.DEVNULL
    process = subprocess.Popen([program, *words], stdout=quiet, stderr=quiet)
    try:
        yield f"nats://127.0.0.1:{NATS_PORT}"
    finally:
        process.kill()
        process.wait()


def crowd(
    minutes: float, period_s: float, workers: int, *, plain: bool = False
) -> list[tuple[str, ...]]:
    """A thousand terminals, each with a record every period_s, over OSCORE unless plain."""
    each = max(2, round(minutes * 60 / period_s))
    raise_open_files()
    with contextlib.ExitStack() as opened:
        contexts = Path(opened.enter_context(tempfile.TemporaryDirectory()))
        words = ["--workers", str(workers)]
        if not plain:
            names = [f"T{number}" for number in range(CROWD)]
            share_secrets(names, contexts / "terminals", contexts / "county")
            words += ["--oscore", str(contexts / "county")]
        county = opened.enter_context(local(CROWD_PORT, *words))
        items = prepare(county.keys, CROWD, CROWD * each)
        records: dict[str, list[tuple[str, bytes]]] = {}
        for place, item in enumerate(items):
            records.setdefault(f"T{place % CROWD}", []).append(item)
        assert county.process is not None
        processes = family(county.process.pid)
        before_s = sum(cpu_s(pid) for pid in processes)
        before_mb = [status_mb(pid, "VmRSS") for pid in processes]
        sums = run_terminals(
            CROWD_PORT, records, period_s, REPEAT_SHARE,
            contexts=None if plain else contexts / "terminals",
        )  # fmt: skip
        spent_s = sum(cpu_s(pid) for pid in processes) - before_s
        after_mb = [status_mb(pid, "VmRSS") for pid in processes]
        peak_mb = max(status_mb(pid, "VmHWM") for pid in processes)
        stored = county.count()
    grown = ", ".join(f"{a:.0f} to {b:.0f}" for a, b in zip(before_mb, after_mb, strict=True))
    way = "plain CoAP" if plain else f"OSCORE, {sums.unsealed} answers not sealed"
    return [
        *_crowd_rows(sums, len(items), stored, peak_mb, spent_s),
        ("resident MB of each process, before to after", grown, "", "", ""),
        ("terminals; period s; workers", f"{CROWD}; {period_s:.0f}; {workers}", "", "", ""),
        ("way", way, "", "", "0 not sealed"),
    ]


def _crowd_rows(
    sums: Sums, signed: int, stored: int, peak_mb: float, spent_s: float
) -> list[tuple[str, ...]]:
    lost = sums.sent - stored
    receipted = len(sums.receipted)
    return [
        ("records sent / signed", f"{sums.sent}/{signed}", "", "", "all"),
        ("receipted; wrong; given up", f"{receipted}; {sums.wrong}; {sums.given_up}", "", "",
         f"{signed}; 0; 0"),
        ("stored; lost", f"{stored}; {lost}", "", "", f"{signed}; 0"),
        ("sent twice on purpose; receipted again", f"{sums.repeats}; {sums.repeats_receipted}",
         "", "", "equal, and stored once"),
        ("retransmissions; p99 ms; cursors", f"{sums.resends}; {sums.p99_ms():.0f};"
         f" {sums.cursors}", "", "", ""),
        ("peak resident MB of the largest process", f"{peak_mb:.0f}", "", "", f"<= {RSS_MB_MAX}"),
        ("receiver CPU ms a request", f"{spent_s / max(1, len(sums.waits_s)) * 1e3:.2f}", "", "",
         ""),
    ]  # fmt: skip


def family(pid: int) -> list[int]:
    """The process and its children."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    return [pid, *(int(word) for word in children.read_text().split())]


def status_mb(pid: int, name: str) -> float:
    """A memory figure of /proc/PID/status."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) / 1024
    return 0.0


def cpu_s(pid: int) -> float:
    """Seconds of CPU it has used."""
    words = Path(f"/proc/{pid}/schedstat").read_text().split()
    threads = Path(f"/proc/{pid}/task").iterdir()
    spent = [int((thread / "schedstat").read_text().split()[0]) for thread in threads]
    return max(sum(spent), int(words[0])) / 1e9


def _receiver() -> tuple[list[tuple[str, ...]], list[float], int]:
    rows: list[tuple[str, ...]] = []
    ratios: list[float] = []
    with local(COUNTY_PORT) as county:
        items = prepare(county.keys, TERMINALS, ROUNDS * RECORDS)
        command = [sys.executable, "-m", "tests.link.bare_server", str(BARE_PORT)]
        bare = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert bare.stdout is not None
        bare.stdout.readline()
        try:
            for turn in range(ROUNDS):
                part = items[turn * RECORDS : (turn + 1) * RECORDS]
                ours_ms, ours = _cost(county, COUNTY_PORT, part, turn * RECORDS)
                bare_ms, plain = _cost(bare, BARE_PORT, part, turn * RECORDS)
                ratios.append(bare_ms / ours_ms)
                rows.append((
                    f"round {turn + 1}: CPU ms a record; records/s; p99 ms", _shown(ours_ms, ours),
                    _shown(bare_ms, plain), f"{ratios[-1]:.2f}", "",
                ))  # fmt: skip
            assert county.process is not None
            rows.append(("resident MB", f"{rss_mb(county.process):.0f}", f"{rss_mb(bare):.0f}",
                         "", "<= 300"))  # fmt: skip
        finally:
            bare.kill()
            bare.wait()
            bare.stdout.close()
        return rows, ratios, county.count()


def _cost(
    server: County | subprocess.Popen[str],
    port: int,
    items: list[tuple[str, bytes]],
    first_mid: int,
) -> tuple[float, LoadResult]:
    process = server.process if isinstance(server, County) else server
    assert process is not None
    before = process_cpu_s(process)
    result = send_all(port, items, OUTSTANDING, first_mid=first_mid)
    return (process_cpu_s(process) - before) / len(items) * 1_000, result


def _shown(cost_ms: float, result: LoadResult) -> str:
    return f"{cost_ms:.2f}; {(result.acked + result.unproven) / result.seconds:.0f};" \
           f" {result.p99_ms:.0f}"  # fmt: skip


def main() -> int:
    """The long run of the crowd by itself."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--period", type=float, default=20.0, help="seconds between two records")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--plain", action="store_true", help="without OSCORE")
    args = parser.parse_args()
    for row in crowd(args.minutes, args.period, args.workers, plain=args.plain):
        print(f"{row[0]:<44} {row[1]:<24} {row[4]}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
