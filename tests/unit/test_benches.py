"""Every bench answers the call that `make bench` makes, and its tables can be printed."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path

import pytest

import tests.bench
from tests.bench import bench_uplink
from tests.bench.__main__ import bench_names, main, print_table


def test_the_list_of_benches_is_the_folder() -> None:
    folder = Path(tests.bench.__path__[0])
    assert bench_names() == sorted(path.stem for path in folder.glob("bench_*.py"))


@pytest.mark.parametrize("name", bench_names())
def test_every_bench_has_a_table_that_needs_no_argument(name: str) -> None:
    module = importlib.import_module(f"tests.bench.{name}")
    needed = [
        parameter
        for parameter in inspect.signature(module.table).parameters.values()
        if parameter.default is inspect.Parameter.empty
    ]
    assert needed == []


def test_the_uplinks_table_has_a_title_and_its_rows(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def bar(_args: object) -> object:
        """What is measured."""
        yield bench_uplink.Row("a figure", "3", ">= 4", False)

    monkeypatch.setattr(bench_uplink, "BARS", {"queue": (7, bar)})
    assert main(["uplink"]) == 0
    said = capsys.readouterr().out
    assert "== bar 7, queue: What is measured." in said
    assert "   a figure  3  aim >= 4  FALLS SHORT" in said


def test_a_heading_does_not_widen_the_columns(capsys: pytest.CaptureFixture[str]) -> None:
    print_table([("a heading that is long",), ("a", "1"), ("bb", "22")])
    assert capsys.readouterr().out.splitlines() == ["a heading that is long", "a   1", "bb  22"]
    assert main(["no such"]) == 65
