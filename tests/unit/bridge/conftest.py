from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.bridge import firmware


@pytest.fixture(scope="session")
def fe_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return firmware.library(tmp_path_factory)
