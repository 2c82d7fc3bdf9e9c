"""Puts a mutant in the place of the original, in a process that ends with it.

What lies inside functions is exchanged in the living functions of a process that has imported
everything: a few milliseconds. What is run at import (tables, constants, class bodies) needs a
process that has imported nothing yet, and a finder that serves the changed module: 0.3 s.
"""

from __future__ import annotations

import gc
import importlib.abc
import importlib.machinery
import os
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

from tests.mutants.mutate import Mutant

CO_OPTIMIZED = 1
"""Set in the code of functions, not in that of modules and class bodies."""
Living = dict[tuple[str, str, int], list[FunctionType]]


class AtImportError(Exception):
    """This mutant changes what is run at import: living functions cannot show it."""


class Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Serves one module from a changed tree."""

    def __init__(self, mutant: Mutant, path: str) -> None:
        self.mutant, self.path = mutant, path

    def find_spec(
        self, fullname: str, path: object, target: object = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self.mutant.module:
            return None
        package = self.path.endswith("__init__.py")
        spec = importlib.machinery.ModuleSpec(fullname, self, origin=self.path, is_package=package)
        if package:
            spec.submodule_search_locations = [os.path.dirname(self.path)]  # noqa: PTH120
        return spec

    def exec_module(self, module: ModuleType) -> None:
        module.__file__ = self.path
        exec(compile(self.mutant.build(), self.path, "exec"), module.__dict__)


def serve(mutant: Mutant, path: str) -> None:
    """From here on an import of the mutant's module gets the mutant."""
    sys.meta_path.insert(0, Changed(mutant, path))


def living(prefix: str) -> Living:
    """Every function now alive whose source lies under `prefix`, by file, name and line."""
    found: Living = defaultdict(list)
    for one in gc.get_objects():
        if type(one) is FunctionType and one.__code__.co_filename.startswith(prefix):
            code = one.__code__
            found[code.co_filename, code.co_qualname, code.co_firstlineno].append(one)
    return found


def exchange(mutant: Mutant, path: str, alive: Living) -> None:
    """Give the living functions the mutant's code. Raises AtImportError when that cannot do."""
    original = compile(Path(path).read_text(encoding="utf-8"), path, "exec")
    exchanged = 0
    for old, new in _pairs(original, compile(mutant.build(), path, "exec")):
        if not old.co_flags & CO_OPTIMIZED:
            if _own(old) != _own(new):
                raise AtImportError(mutant.name)
        elif old != new:
            for function in alive[path, old.co_qualname, old.co_firstlineno]:
                if function.__code__ == old:
                    function.__code__ = new
                    exchanged += 1
    if not exchanged:
        raise AtImportError(mutant.name)


def _pairs(old: CodeType, new: CodeType) -> Iterator[tuple[CodeType, CodeType]]:
    """Both trees of code objects side by side."""
    yield old, new
    inner = [[c for c in code.co_consts if isinstance(c, CodeType)] for code in (old, new)]
    if len(inner[0]) != len(inner[1]):
        raise AtImportError(old.co_qualname)
    for pair in zip(*inner, strict=True):
        yield from _pairs(*pair)


def _own(code: CodeType) -> tuple[object, ...]:
    """What a code object does itself, without the functions it only makes."""
    values = tuple(
        code.co_qualname if isinstance(one, CodeType) else (type(one), one)
        for one in code.co_consts
    )
    return code.co_code, values, code.co_names
