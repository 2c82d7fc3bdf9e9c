"""What earlier runs found, so that a rerun only redoes what changed.

A kill holds as long as the sources and the test that made it are the same; when they are not, that
test is tried first. A survivor holds until any source or any test changes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from tests.mutants.cases import ROOT, SUPPORT, existing, module_of, module_path

FILE = ROOT / ".cache" / "mutants.json"
OURS = ("cases.py", "mutate.py", "patch.py", "runner.py")


class Verdict(NamedTuple):
    """by: the test that noticed the mutant, "" for a survivor. key: what it rests on."""

    by: str
    key: str
    how: str


class Kept:
    """The verdicts by mutant's name."""

    def __init__(self, sources: Iterable[Path]) -> None:
        ours = [ROOT / "tests/mutants" / name for name in OURS]
        self.sources = digest_of([*sources, *ours, *(ROOT / name for name in SUPPORT)])
        self.modules = {name: digest_of([module_path(name)]) for name in existing()}
        raw = json.loads(FILE.read_text()) if FILE.exists() else {}
        self._verdicts = {name: Verdict(*one) for name, one in raw.items()}

    def hint(self, name: str) -> str:
        """The test that noticed this mutant last time, "" when none did."""
        known = self._verdicts.get(name)
        return "" if known is None else known.by

    def known(self, name: str) -> Verdict | None:
        """The verdict, when it still holds."""
        known = self._verdicts.get(name)
        return known if known is not None and known.key == self._key(known.by) else None

    def put(self, name: str, by: str, how: str) -> None:
        self._verdicts[name] = Verdict(by, self._key(by), how)

    def save(self) -> None:
        FILE.parent.mkdir(exist_ok=True)
        FILE.write_text(json.dumps(self._verdicts, ensure_ascii=False))

    def _key(self, by: str) -> str:
        tests = self.modules.get(module_of(by), "") if by else "".join(self.modules.values())
        return hashlib.sha256((self.sources + tests).encode()).hexdigest()[:16]


def digest_of(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
