"""The fast tests of the proved modules as plain calls, without pytest's machinery.

Fixtures are filled in as far as these tests use them: tmp_path, monkeypatch and what a test
module defines itself. Tests of random data are left to `make test`: a kill must repeat.
"""

from __future__ import annotations

import importlib
import inspect
import itertools
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEST_MODULES = (
    "tests.unit.core.test_axles_listed",
    "tests.unit.core.test_draft",
    "tests.unit.core.test_effects",
    "tests.unit.core.test_guards",
    "tests.unit.core.test_interlock",
    "tests.unit.core.test_invariant_edges",
    "tests.unit.core.test_invariants",
    "tests.unit.core.test_limits",
    "tests.unit.core.test_looks",
    "tests.unit.core.test_menu",
    "tests.unit.core.test_model_findings",
    "tests.unit.core.test_numbers",
    "tests.unit.core.test_one_tick",
    "tests.unit.core.test_rows",
    "tests.unit.core.test_scale",
    "tests.unit.core.test_scenarios",
    "tests.unit.core.test_signs",
    "tests.unit.anpr.test_plate_grammar",
    "tests.unit.test_key_line",
    "tests.unit.test_outbox",
    "tests.unit.test_record_bounds",
    "tests.unit.test_records",
    "tests.unit.test_sm2",
)
SUPPORT = ("tests/unit/core/lane.py", "tests/unit/core/moment.py", "tests/unit/ledger/builders.py")
"""What these tests are built on: it counts as part of each of them."""


class Case(NamedTuple):
    """One test with one set of parameters."""

    name: str
    run: Callable[[], object]


def module_of(case: str) -> str:
    """The test module of a case's name."""
    return case.split("[", 1)[0].rsplit(".", 1)[0]


def existing() -> list[str]:
    return [name for name in TEST_MODULES if module_path(name).exists()]


def module_path(name: str) -> Path:
    return ROOT / (name.replace(".", "/") + ".py")


def cases(module_name: str) -> Iterator[Case]:
    """Every test of one module that needs no random data."""
    module = importlib.import_module(module_name)
    for name, test in vars(module).items():
        if name.startswith("test_") and not hasattr(test, "is_hypothesis_test"):
            yield from _spread(module, f"{module_name}.{name}", test)


def _spread(module: ModuleType, name: str, test: Callable[..., object]) -> Iterator[Case]:
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
        yield Case(f"{name}[{number}]", _call(module, test, given))


def _bound(keys: Sequence[str], value: object) -> dict[str, object]:
    value = getattr(value, "values", value) if hasattr(value, "marks") else value
    if len(keys) == 1:
        return {keys[0]: value}
    assert isinstance(value, Sequence)
    return dict(zip(keys, value, strict=True))


def _call(
    module: ModuleType, test: Callable[..., object], given: dict[str, object]
) -> Callable[[], object]:
    def run() -> None:
        with ExitStack() as after:
            try:
                test(**_filled(module, test, given, after))
            except pytest.skip.Exception:
                return  # a skipped test notices nothing

    return run


def _filled(
    module: ModuleType, test: Callable[..., object], given: dict[str, object], after: ExitStack
) -> dict[str, object]:
    """The arguments of a test or fixture: its parameters, then fixtures by name."""
    found: dict[str, object] = {}
    for name in inspect.signature(test).parameters:
        if name in given:
            found[name] = given[name]
        elif name == "tmp_path":
            found[name] = Path(after.enter_context(tempfile.TemporaryDirectory()))
        elif name == "monkeypatch":
            found[name] = after.enter_context(pytest.MonkeyPatch.context())
        else:
            made = getattr(module, name)._get_wrapped_function()
            assert not inspect.isgeneratorfunction(made), (
                f"{name}: return it, or leave it to pytest"
            )
            found[name] = made(**_filled(module, made, {}, after))
    return found
