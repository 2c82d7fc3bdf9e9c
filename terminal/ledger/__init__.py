"""Ledger process: sole writer of the database, the evidence and the signing key."""

from terminal.ledger.build import build
from terminal.ledger.errors import LedgerCorruptError, LedgerRefusedError
from terminal.ledger.node import LedgerNode

__all__ = ["LedgerCorruptError", "LedgerNode", "LedgerRefusedError", "build"]
