"""What is owed to a platform once more after it said what it holds.

Run at the platform's cursor: at the uplink's start and hourly, inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Sequence

from terminal.ledger.store import Store
from terminal.outbox import LOST, DeliveryState

OFFERED_MAX = 64
"""Items that were set aside and are offered again at one cursor: a county that refused a day's
records by mistake has them within a day, one that goes on refusing is asked little."""

_REOPEN = (
    "update delivery set state = 0, attempts = 0, next_try_ns = 0, receipt = x'' "
    "where target = ? and state = ? and item in "
    "(select item from item where seq between ? and ?) returning item"
)
_OFFER = (
    "update delivery set state = 0, next_try_ns = 0 where target = ? and item in "
    "(select item from delivery where target = ? and state = ? and code <> ? "
    "order by attempts, rank, item limit ?) returning item"
)


def reopen(store: Store, target: str, runs: Sequence[tuple[int, int]]) -> int:
    """Records of these runs of seq that count as delivered are owed again; how many."""
    return sum(
        len(store.execute(_REOPEN, (target, int(DeliveryState.DELIVERED), first, last)))
        for first, last in runs
    )


def offer(store: Store, target: str) -> int:
    """Items set aside, but not those lost for good, are owed again; how many.

    Those refused least often first, so that a hopeless one keeps no other back.
    """
    values = (target, target, int(DeliveryState.QUARANTINED), LOST, OFFERED_MAX)
    return len(store.execute(_OFFER, values))
