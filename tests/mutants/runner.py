"""Runs the fast tests of the proved modules in a forked process, without pytest's machinery.

A mutant lives only in its child: the child installs a finder that serves the changed module,
imports everything anew and runs the tests that cover the changed line, quickest first. The first
that fails ends it. Tests that want fixtures or random data are left to `make test`.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import inspect
import itertools
import os
import resource
import sys
import traceback
import types
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from tests.mutants.mutate import Mutant

CPU_S_MAX = 40
"""A mutant that still runs then has lost its way, which a test notices by its own bound."""
TEST_MODULES = (
    "tests.unit.core.test_draft",
    "tests.unit.core.test_interlock",
    "tests.unit.core.test_invariants",
    "tests.unit.core.test_limits",
    "tests.unit.core.test_menu",
    "tests.unit.core.test_model_findings",
    "tests.unit.core.test_numbers",
    "tests.unit.core.test_scale",
    "tests.unit.core.test_scenarios",
    "tests.unit.anpr.test_plate_grammar",
    "tests.unit.test_outbox",
    "tests.unit.test_records",
)
KILLED, SURVIVED = 3, 0


class Case(NamedTuple):
    """One test with one set of parameters."""

    name: str
    run: Callable[[], object]


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

    def exec_module(self, module: types.ModuleType) -> None:
        module.__file__ = self.path
        exec(compile(self.mutant.build(), self.path, "exec"), module.__dict__)


def existing(modules: Sequence[str]) -> list[str]:
    return [name for name in modules if importlib.util.find_spec(name) is not None]


def cases(modules: Sequence[str]) -> Iterator[Case]:
    """Every test that needs neither fixtures nor random data."""
    for module_name in modules:
        module = importlib.import_module(module_name)
        for name, test in vars(module).items():
            if name.startswith("test_") and not hasattr(test, "is_hypothesis_test"):
                yield from _spread(f"{module_name}.{name}", test)


def _spread(name: str, test: Callable[..., object]) -> Iterator[Case]:
    axes = []
    for mark in getattr(test, "pytestmark", []):
        if mark.name == "parametrize":
            names, values = mark.args[0], mark.args[1]
            keys = [key.strip() for key in names.split(",")] if isinstance(names, str) else names
            axes.append([_bound(keys, value) for value in values])
    for number, chosen in enumerate(itertools.product(*axes)):
        given: dict[str, object] = {}
        for part in chosen:
            given.update(part)
        if set(inspect.signature(test).parameters) == set(given):
            yield Case(f"{name}[{number}]", _call(test, given))


def _bound(keys: Sequence[str], value: object) -> dict[str, object]:
    value = getattr(value, "values", value) if hasattr(value, "marks") else value
    if len(keys) == 1:
        return {keys[0]: value}
    assert isinstance(value, Sequence)
    return dict(zip(keys, value, strict=True))


def _call(test: Callable[..., object], given: dict[str, object]) -> Callable[[], object]:
    return lambda: test(**given)


def kill(mutant: Mutant, path: str, wanted: Sequence[str], write: int) -> int:
    """In the child: 0 when every wanted test passes over the mutant, KILLED when one fails."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S_MAX, CPU_S_MAX + 1))
    sys.meta_path.insert(0, Changed(mutant, path))
    try:
        found = {case.name: case for case in cases(existing(TEST_MODULES))}
        for name in wanted:
            case = found.get(name)
            if case is None:
                return _say(write, f"{name} is gone")
            case.run()
    except BaseException as error:  # whatever happens, the mutant was noticed
        where = traceback.extract_tb(error.__traceback__)[-1]
        return _say(write, f"{type(error).__name__} at {where.name}")
    return SURVIVED


def _say(write: int, text: str) -> int:
    os.write(write, text.encode()[:200])
    return KILLED
