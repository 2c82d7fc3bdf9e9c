"""Commit latency and rate of the ledger beside a bare append + fsync in the same folder.

Beside both the price of a signed chain without a ledger: the same records written as CBOR, signed,
chained and appended with a sync each. What a commit costs beyond that is the database's share.
Prints, asserts nothing. All are interleaved in small turns, so that a disk that is slow for
a minute is slow for each.
"""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from terminal.ledger import LedgerNode
from terminal.messages import CommitDone
from terminal.records import GENESIS_HASH, record_hash, sign_record
from tests.unit.ledger.builders import SIGNER, WEIGH, draft, record
from tests.unit.ledger.lane import Lane

COMMITS = 600
TURN = 20
RECORD_BYTES = 900
PHOTO = os.urandom(180_000)
PLAIN = replace(WEIGH, photos=())


def _append_turn(fd: int) -> list[int]:
    """Nanoseconds of each append + fsync."""
    spent = []
    for _ in range(TURN):
        begin_ns = time.perf_counter_ns()
        os.write(fd, b"x" * RECORD_BYTES)
        os.fsync(fd)
        spent.append(time.perf_counter_ns() - begin_ns)
    return spent


def _signed_turn(fd: int, prev_hash: bytes) -> tuple[list[int], bytes]:
    """Nanoseconds of each record written, signed, chained and appended; the hash of the last."""
    spent = []
    for number in range(TURN):
        begin_ns = time.perf_counter_ns()
        signed = sign_record(record(PLAIN, seq=number + 1, prev_hash=prev_hash), SIGNER)
        prev_hash = record_hash(signed)
        os.write(fd, signed)
        os.fsync(fd)
        spent.append(time.perf_counter_ns() - begin_ns)
    return spent, prev_hash


def _commit_turn(lane: Lane, node: LedgerNode, first_visit: int, photos: int) -> list[int]:
    """Nanoseconds of each commit, pictures already in the spool."""
    drafts = []
    for visit_id in range(first_visit, first_visit + TURN):
        spooled = tuple(
            lane.spool(PHOTO + b"%d-%d" % (visit_id, number)) for number in range(photos)
        )
        drafts.append(draft(visit_id, photos=spooled))
    os.sync()
    spent = []
    for one in drafts:
        begin_ns = time.perf_counter_ns()
        answer = lane.commit(node, one)
        spent.append(time.perf_counter_ns() - begin_ns)
        assert isinstance(answer, CommitDone)
    begin_ns = time.perf_counter_ns()
    for _ in range(2):  # the second one is quiet, and writing back is part of the price
        lane.tick(node)
    spent[-1] += time.perf_counter_ns() - begin_ns
    return spent


def _row(name: str, spent: list[int], bare: list[int]) -> tuple[str, ...]:
    ordered = sorted(spent)

    def at_ms(permille: int) -> str:
        return f"{ordered[min(len(ordered) - 1, len(ordered) * permille // 1000)] / 1e6:.2f}"

    rate = len(spent) / (sum(spent) / 1e9)
    ratio = (sum(bare) / len(bare)) / (sum(spent) / len(spent))
    return (name, at_ms(500), at_ms(990), f"{rate:.0f}", f"{ratio:.2f}")


def table(folder: Path | None = None) -> list[tuple[str, ...]]:
    """Rows of the table: what, p50 ms, p99 ms, per second, rate / bare rate (aim >= 0.8)."""
    bare: list[int] = []
    signed: list[int] = []
    plain: list[int] = []
    pictured: list[int] = []
    with tempfile.TemporaryDirectory(dir=folder or Path.cwd()) as name:
        lane = Lane(Path(name), outbox_max=100_000)
        node = lane.open()
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        fd, chain_fd = (os.open(lane.base / name, flags) for name in ("bare", "chain"))
        head = GENESIS_HASH
        try:
            for turn in range(COMMITS // TURN):
                bare += _append_turn(fd)
                spent, head = _signed_turn(chain_fd, head)
                signed += spent
                plain += _commit_turn(lane, node, turn * TURN, 0)
                if turn % 5 == 0:
                    pictured += _commit_turn(lane, node, 1_000_000 + turn * TURN, 2)
        finally:
            os.close(fd)
            os.close(chain_fd)
            node.close()
    return [
        ("ledger", "p50 ms", "p99 ms", "per second", "rate / bare"),
        _row(f"bare append + fsync, {RECORD_BYTES} octets", bare, bare),
        _row("record signed, chained, appended + fsync", signed, bare),
        _row("commit of one visit", plain, bare),
        _row("commit of one visit with 2 pictures of 180 KB", pictured, bare),
    ]


if __name__ == "__main__":
    for row in table():
        print(" | ".join(row))
