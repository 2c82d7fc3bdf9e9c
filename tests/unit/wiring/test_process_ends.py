"""A process that had none left of something says so; any other error keeps its own words."""

from __future__ import annotations

import argparse
import errno
import os
from pathlib import Path

import cv2
import pytest

from terminal import exits
from terminal.commands import process

ENDS = [
    (MemoryError(), "out of memory"),
    (OSError(errno.EMFILE, os.strerror(errno.EMFILE)), "Too many open files"),
    (OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)), "Cannot allocate memory"),
    (RuntimeError("[ONNXRuntimeError] : 1 : FAIL : std::bad_alloc"), "out of memory"),
    (cv2.error("alloc.cpp:73: error: (-4:Insufficient memory) Failed"), "out of memory"),
]


def ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: Exception) -> int:
    def fail(_context: object) -> int:
        raise error

    path = tmp_path / "terminal.toml"
    path.write_text((Path(process.__file__).parents[1] / "examples" / "demo.toml").read_text())
    monkeypatch.setattr(process.Context, "catch_signals", lambda _context: None)
    monkeypatch.setattr(process, "_runner", lambda _name, _args: fail)
    return process.run(argparse.Namespace(name="panel", config=path))


@pytest.mark.parametrize(("error", "what"), ENDS)
def test_what_was_wanting_is_named(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
    what: str,
) -> None:
    assert ended(monkeypatch, tmp_path, error) == exits.STARVED
    said = capsys.readouterr().err
    assert f"panel: {what}. The process ends here and is started again" in said
    assert "Traceback" in said or type(error).__name__ in said


@pytest.mark.parametrize(
    "error", [OSError(errno.EIO, "Input/output error"), RuntimeError("a defect"), KeyError("x")]
)
def test_any_other_error_goes_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: Exception
) -> None:
    with pytest.raises(type(error)):
        ended(monkeypatch, tmp_path, error)
