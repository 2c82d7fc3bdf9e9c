"""The county receiver beside a bare aiocoap server: one load, one run, ratios only.

The rounds take turns, because both feel whatever else the machine does. Server CPU is counted
by the kernel, so the load's own cost is outside.
"""

from __future__ import annotations

import statistics
import subprocess
import sys

from tests.bench.bench_uplink import County, _cpu_s, _local, _rss_mb
from tests.link.load import LoadResult, prepare, send_all

ROUNDS, RECORDS, TERMINALS, OUTSTANDING = 5, 2_000, 50, 64
COUNTY_PORT, BARE_PORT = 5_786, 5_787
RATIO_MIN = 0.5


def table() -> list[tuple[str, ...]]:
    rows, ratios, stored = _receiver()
    aim = f"median of ours / bare >= {RATIO_MIN}"
    return [
        ("figure", "receiver", "bare aiocoap", "bare / ours", "aim"),
        *rows,
        ("records per core, median of rounds", "", "", f"{statistics.median(ratios):.2f}", aim),
        ("records stored / sent", f"{stored}/{ROUNDS * RECORDS}", "", "", "all"),
    ]


def _receiver() -> tuple[list[tuple[str, ...]], list[float], int]:
    rows: list[tuple[str, ...]] = []
    ratios: list[float] = []
    with _local(COUNTY_PORT) as county:
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
            rows.append(("resident MB", f"{_rss_mb(county.process):.0f}", f"{_rss_mb(bare):.0f}",
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
    before = _cpu_s(process)
    result = send_all(port, items, OUTSTANDING, first_mid=first_mid)
    return (_cpu_s(process) - before) / len(items) * 1_000, result


def _shown(cost_ms: float, result: LoadResult) -> str:
    return f"{cost_ms:.2f}; {(result.acked + result.unproven) / result.seconds:.0f};" \
           f" {result.p99_ms:.0f}"  # fmt: skip
