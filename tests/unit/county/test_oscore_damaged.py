"""A damaged pairing folder enrols nobody, is named, and keeps no other terminal out."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from terminal.county.oscore import Contexts
from terminal.enrol.context_files import ContextLostError
from terminal.uplink.oscore import make_pair, open_context


@pytest.mark.parametrize(
    "content", [b"7", b"[]", b"{}", b"\x00", b"null", b'{"next-to-send": "x"}']
)
def test_one_damaged_folder_is_named_and_the_others_work(tmp_path: Path, content: bytes) -> None:
    for name in ("good", "torn"):
        make_pair(tmp_path / "terminal" / name, tmp_path / "county" / name)
    for end in ("terminal", "county"):
        (tmp_path / end / "torn" / "sequence.json").write_bytes(content)
    found = Contexts(tmp_path / "county")
    assert found.open("good") is not None
    with pytest.raises(KeyError):
        found.open("torn")
    assert len(found.problems) == 1
    assert "torn" in found.problems[0]
    assert "enrol this terminal again" in found.problems[0]
    with pytest.raises(ContextLostError, match="enrol this terminal again"):
        open_context(tmp_path / "terminal" / "torn")
    del found
    gc.collect()
