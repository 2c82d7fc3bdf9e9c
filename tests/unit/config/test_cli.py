"""The table of subcommands: every module is in it, every row has its module."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

import pytest

import terminal.commands
from terminal.cli import COMMANDS, main


def modules() -> dict[str, object]:
    names = [info.name for info in pkgutil.iter_modules(terminal.commands.__path__)]
    loaded = {name: importlib.import_module(f"terminal.commands.{name}") for name in names}
    return {module.NAME: module for module in loaded.values() if hasattr(module, "NAME")}


def test_every_command_module_is_in_the_table_and_back() -> None:
    assert sorted(modules()) == sorted(name for name, _help in COMMANDS)


def test_help_texts_agree() -> None:
    for name, module in modules().items():
        assert dict(COMMANDS)[name] == module.HELP, name


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name, _help in COMMANDS)


def test_an_unknown_command_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["frobnicate"])
    assert ended.value.code == 2
    assert "frobnicate" in capsys.readouterr().err


@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md"])
def test_the_readmes_name_every_command_a_person_calls(page: str) -> None:
    text = (Path(terminal.commands.__file__).parents[2] / page).read_text(encoding="utf-8")
    missing = [name for name, _help in COMMANDS if name != "process" and f"`{name}" not in text]
    assert not missing, f"{page} does not mention {missing}"
