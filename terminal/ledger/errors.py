"""What can be wrong with a ledger, as errors that tell a person what to do.

A refusal leaves everything as it is; a ledger that cannot be read refuses to serve and keeps
its files. Nothing here repairs or recreates.
"""

from __future__ import annotations


class LedgerCorruptError(Exception):
    """The stored ledger cannot be trusted. Nothing is served, nothing is changed."""


class LedgerRefusedError(Exception):
    """This one write cannot be made durable now. str() says why, in one sentence."""
