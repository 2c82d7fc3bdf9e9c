"""OSCORE state that survives a power cut: the library's context with its folder synced.

An AEAD nonce used twice gives the key away, and the nonce is the sequence number in a file. The
library syncs the file and renames it but not the folder, so a power cut can bring an old number
back. Here the folder is synced too. Both ends use it; importing it costs 9 MB.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from aiocoap.oscore import FilesystemSecurityContext

from terminal.disk import durable

UNUSABLE = (OSError, ValueError, TypeError, LookupError, AttributeError, TimeoutError)
"""What the library raises on a damaged file; one folder must not keep the others out."""


class PowerSafeContext(FilesystemSecurityContext):  # type: ignore[misc]  # the library has no types
    """FilesystemSecurityContext whose stored number is durable before it is used."""

    def _destroy(self) -> None:
        """One that could not be loaded has nothing to store at its end.

        Nor has one whose folder a person has taken away: its key is not used again.
        """
        if hasattr(self, "sender_sequence_number"):
            with contextlib.suppress(FileNotFoundError):
                super()._destroy()

    def release(self) -> None:
        """Store the number and let go of the folder; after this it protects nothing any more."""
        if self.lockfile is not None:
            self._destroy()

    def _store(self) -> None:
        super()._store()
        durable(Path(self.basedir))
