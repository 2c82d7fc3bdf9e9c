"""A process that had none left of something says so; any other error keeps its own words."""

from __future__ import annotations

import argparse
import errno
import importlib
import os
from pathlib import Path

import cv2
import pytest

from terminal import exits
from terminal.camera import video
from terminal.camera.build import build
from terminal.commands import process
from terminal.config import CameraSection, Config, Loaded
from tests.contract.worlds import HandClock
from tests.unit.camera.rig import FakeReader

ENDS = [
    (MemoryError(), "out of memory"),
    (OSError(errno.EMFILE, os.strerror(errno.EMFILE)), "Too many open files"),
    (OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)), "Cannot allocate memory"),
    (ImportError("av.so: cannot open: Too many open files"), "Too many open files"),
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
    "error",
    [OSError(errno.EIO, "Input/output error"), RuntimeError("a defect"), ImportError("no x")],
)
def test_any_other_error_goes_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: Exception
) -> None:
    with pytest.raises(type(error)):
        ended(monkeypatch, tmp_path, error)


def test_a_camera_that_makes_films_has_all_it_needs_in_memory_before_it_starts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(importlib, "import_module", asked.append)
    monkeypatch.setattr(video, "available", lambda: True)
    for days, clip_s, loads in ((0, 0, []), (1, 0, ["av"]), (0, 5, ["av"])):
        asked.clear()
        camera = CameraSection(record_days=days, clip_before_s=clip_s, clip_after_s=clip_s)
        loaded = Loaded(Config(camera=camera), tmp_path, bytes(32))
        build(loaded, {}, FakeReader([]), HandClock(), runtime_dir=tmp_path)
        assert asked == loads
