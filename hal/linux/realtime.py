"""What a real-time process asks of Linux, each with the answer it got.

A refusal is an answer, not an error: the demo runs without any of these, and the terminal
shows which of them this machine grants. Nothing here raises for a missing permission.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

MCL_CURRENT, MCL_FUTURE, MCL_ONFAULT = 1, 2, 4
PRIORITY_MAX: Final = 99


@dataclass(frozen=True, slots=True)
class Answer:
    """What was asked, whether it was granted, and if not, why and what would help."""

    asked: str
    granted: bool
    why: str = ""


def _ask(asked: str, call: Callable[[], None], remedy: str) -> Answer:
    try:
        call()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        return Answer(asked, False, f"{reason}. {remedy}")
    return Answer(asked, True)


def fifo(priority: int) -> Answer:
    """SCHED_FIFO at `priority` (1 to 99) for this process."""
    assert 1 <= priority <= PRIORITY_MAX
    return _ask(
        f"SCHED_FIFO {priority}",
        lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority)),
        f"Set LimitRTPRIO={priority} in the unit, or start as root",
    )


def lock_memory() -> Answer:
    """Keep every page this process touches, now or later, in memory."""

    def lock() -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))

    return _ask("mlockall", lock, "Set LimitMEMLOCK=infinity in the unit, or start as root")


def pin_to(cpus: frozenset[int]) -> Answer:
    """Run on these processors only."""
    names = ",".join(str(cpu) for cpu in sorted(cpus))
    return _ask(
        f"processors {names}",
        lambda: os.sched_setaffinity(0, cpus),
        f"This machine offers processors {sorted(os.sched_getaffinity(0))}",
    )
