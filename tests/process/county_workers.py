"""A receiver of several worker processes for a test, and what the kernel tells of them."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

LAST_LINES = 15
ESTABLISHED = "01"


@contextmanager
def receiver(
    folder: Path, port: int, *more: str, store: str = "", workers: int = 2
) -> Iterator[subprocess.Popen[str]]:
    """`weigh-terminal county` while the block runs; one that does not start tells why."""
    command = [
        sys.executable, "-m", "terminal.cli", "county", "--bind", f"127.0.0.1:{port}",
        "--workers", str(workers), "--store", store or str(folder / "county.sqlite"),
        "--keys", str(folder / "keys"), *more,
    ]  # fmt: skip
    with tempfile.TemporaryFile("w+") as told:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=told, text=True)
        assert process.stdout is not None
        try:
            said = process.stdout.readline()
            assert f"{workers} workers" in said, f"it does not start: {said}{last_lines(told)}"
            yield process
        except BaseException:
            sys.stderr.write(f"the receiver said:\n{last_lines(told)}")
            raise
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


def last_lines(told: IO[str]) -> str:
    """The end of what the receiver wrote to standard error."""
    told.seek(0)
    return "".join(told.readlines()[-LAST_LINES:])


def workers_of(parent: int) -> list[int]:
    """Process ids of the children that live."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                stat = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if int(stat[1]) == parent and stat[0] != "Z":
                found.append(int(entry.name))
    return sorted(found)


def connections(worker: int, port: int) -> int:
    """Connections to this port that this process holds."""
    established = {
        fields[9]
        for fields in map(str.split, Path("/proc/net/tcp").read_text().splitlines()[1:])
        if fields[1] == f"0100007F:{port:04X}" and fields[3] == ESTABLISHED
    }
    held = set()
    for descriptor in Path(f"/proc/{worker}/fd").iterdir():
        with suppress(OSError):
            held.add(str(descriptor.readlink()).removeprefix("socket:[").removesuffix("]"))
    return len(established & held)
