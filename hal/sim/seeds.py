"""One random stream per source of chance, all from one seed.

Separate streams, so that adding a source never shifts what the others draw. Only simulators
may use this; nothing here is fit for secrets.
"""

from __future__ import annotations

import random


def stream(seed: int, source: str) -> random.Random:
    """The repeatable stream of this source."""
    return random.Random(f"{seed}/{source}")  # noqa: S311  # repeatable on purpose
