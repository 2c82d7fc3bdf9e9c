"""One line to whoever started us. That nobody reads it any more is no reason to stop serving."""

from __future__ import annotations

import os
import sys
from typing import TextIO


def say(words: str, stream: TextIO | None = None) -> None:
    """Write a line and send it. stream: standard output by default.

    When its reader is gone, what is written from now on goes nowhere, also at our own end.
    """
    out = sys.stdout if stream is None else stream
    try:
        out.write(f"{words}\n")
        out.flush()
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, out.fileno())
        os.close(nowhere)
