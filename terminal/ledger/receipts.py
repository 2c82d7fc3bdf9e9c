"""Receipts on their way into the database: a group of them costs one synced transaction.

A receipt lost with the power means that its item is sent once more, which changes nothing; so
ordinary ones may wait, bounded in number and by the ledger's second. It must never hold back an
alarm's receipt, nor count as delivered what is not written.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from terminal.ledger.store import Store
from terminal.outbox import CLASS_ORDER, Delivery, after_receipt

GROUP_MAX = 32
"""So many receipts wait at most: one pull's worth. Measured: 0.45 ms of processor time for a
transaction of its own, 0.04 ms as one of 32."""
URGENT = CLASS_ORDER[0]


@dataclass(frozen=True, slots=True)
class Settled:
    """One delivery before and after."""

    target: str
    item: int
    before: Delivery
    after: Delivery


@dataclass(slots=True)
class Receipts:
    """What came since the last writing, by target and item."""

    store: Store
    _held: dict[tuple[str, int], Settled] = field(default_factory=dict)

    def add(self, target: str, item: int, receipt: bytes) -> bool:
        """Take one. True: do not wait any longer, the group is full or holds an alarm's.

        What is not owed, has its receipt already or came without one is ignored. Raises
        apsw.Error or OverflowError when the database cannot be asked.
        """
        if (target, item) in self._held:
            return False
        found = self.store.owed(target, item)
        if found is None:
            return False
        before, item_class = found
        after = after_receipt(before, receipt)
        if after == before:
            return False
        self._held[target, item] = Settled(target, item, before, after)
        return item_class == URGENT or len(self._held) >= GROUP_MAX

    def write(self) -> list[Settled]:
        """Make what waits durable, all in one; empty when nothing did.

        Raises LedgerRefusedError when the disk refuses: the group is then forgotten, and its
        items, still owed, go out again.
        """
        group, self._held = list(self._held.values()), {}
        if group:
            with self.store.transaction():
                for one in group:
                    self.store.set_delivery(one.target, one.item, one.after)
        return group
