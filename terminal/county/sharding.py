"""Which worker process answers for what, when several share one address.

The kernel spreads senders over the workers (SO_REUSEPORT hashes the sender's address), so the
messages, blocks and connection of one sender stay with one process. A sender whose address
changes may come to another one; that is harmless, because records are serialised by terminal
in the database. Only an OSCORE context has exactly one owner, found here by its key id. Pure.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

WORKERS_MAX = 64


@dataclass(frozen=True, slots=True)
class Place:
    """One worker among `count`. relay_ports: where each one takes requests from the others."""

    index: int = 0
    relay_ports: tuple[int, ...] = ()

    @property
    def count(self) -> int:
        """Workers in all."""
        return max(1, len(self.relay_ports))

    def owner_of(self, key_id: bytes) -> int:
        """Index of the worker that alone may use the OSCORE context with this key id."""
        return int.from_bytes(hashlib.sha256(key_id).digest()[:4], "big") % self.count

    def owns(self, key_id: bytes) -> bool:
        """Whether that is this one."""
        return self.owner_of(key_id) == self.index


ALONE = Place()
