"""OSCORE contexts of the enrolled terminals, one folder each, with power-safe numbers.

As at the terminal: a stored number must be durable before it is used, and the library does not
sync the folder it renames in. A folder that cannot be used protects nobody and is listed.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from aiocoap.credentials import CredentialsMap
from aiocoap.oscore import FilesystemSecurityContext

from terminal.county.sharding import ALONE, Place

CONTEXTS_MAX = 20_000
UNUSABLE = (OSError, ValueError, TypeError, LookupError, AttributeError, TimeoutError)
"""What the library raises on a damaged file; one folder must not keep the others out."""


class _PowerSafeContext(FilesystemSecurityContext):  # type: ignore[misc]  # no types there
    def _destroy(self) -> None:
        """One that could not be loaded has nothing to store at its end."""
        if hasattr(self, "sender_sequence_number"):
            super()._destroy()

    def _store(self) -> None:
        super()._store()
        descriptor = os.open(self.basedir, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def load_contexts(root: Path, place: Place = ALONE) -> tuple[CredentialsMap, list[str]]:
    """Every folder under root with a settings.json, by its name; and what could not be used.

    Of several workers each takes its own ones only: a context in use twice gives its key away.
    """
    found = CredentialsMap()
    problems: list[str] = []
    for settings in sorted(root.glob("*/settings.json"))[:CONTEXTS_MAX]:
        folder = settings.parent
        try:
            if not place.owns(_key_id(settings)):
                continue
        except (OSError, ValueError, LookupError, TypeError) as error:
            problems.append(f"{folder}: settings.json cannot be used: {error}")
            continue
        if not (folder / "sequence.json").exists():
            problems.append(f"{folder}: sequence.json is missing; enrol this terminal again")
            continue
        try:
            found[f":{folder.name}"] = _PowerSafeContext(str(folder))
        except UNUSABLE as error:
            problems.append(f"{folder}: cannot be used: {error!r}; enrol this terminal again")
    return found, problems


def _key_id(settings: Path) -> bytes:
    """The key id that this context's terminal sends."""
    body = json.loads(settings.read_text())
    if "recipient-id_hex" in body:
        return bytes.fromhex(body["recipient-id_hex"])
    return str(body["recipient-id_ascii"]).encode()
