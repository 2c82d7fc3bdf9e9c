"""What control gives the ledger to keep over a restart: its zero, its evidence on the cells."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from terminal.ledger.store import Store
from terminal.messages import CornersKept, ZeroKept

ZERO_META = "zero"
CORNERS_META = "corners"


def keep(store: Store, said: ZeroKept | CornersKept) -> None:
    """Replace what was kept. Raises LedgerRefusedError when the disk refuses."""
    with store.transaction():
        if isinstance(said, ZeroKept):
            store.set_meta(ZERO_META, msgspec.json.encode(said))
        else:
            store.set_meta(CORNERS_META, said.text.encode())


def decode_zero(kept: bytes) -> ZeroKept:
    """The zero as it was stored. Raises msgspec.MsgspecError when it is not one."""
    return msgspec.json.decode(kept, type=ZeroKept)


def _zero(store: Store) -> Sequence[ZeroKept]:
    kept = store.meta(ZERO_META)
    return () if kept is None else (decode_zero(kept),)


def _corners(store: Store) -> Sequence[CornersKept]:
    """Always one, empty for none: control keeps nothing before this word, so that what cannot
    be read now is not overwritten.
    """
    kept = store.meta(CORNERS_META)
    return (CornersKept((kept or b"").decode("utf-8", "replace")),)


READ: dict[str, Callable[[Store], Sequence[ZeroKept | CornersKept]]] = {
    "zero": _zero,
    "corner evidence": _corners,
}
"""By what it is called. Each raises apsw.Error or msgspec.MsgspecError when it cannot be read."""
