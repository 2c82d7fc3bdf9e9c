"""OSCORE numbers across power cuts: what was used may never come back."""

from __future__ import annotations

import gc
import json
import os
import stat
from pathlib import Path

import pytest
from aiocoap.oscore import FilesystemSecurityContext

from terminal.cli import main
from terminal.enrol.context_files import ContextLostError
from terminal.enrol.power_safe import PowerSafeContext
from terminal.uplink.oscore import make_pair, open_context

USES = 4_000
CUTS_MIN = 200


class Disk:
    """Records what is durable: a rename counts only once its folder is synced."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.durable = [0]
        self.renamed = 0
        self.log: list[tuple[str, int]] = []
        real_replace, real_fsync = os.replace, os.fsync

        def replace(source: str, target: str) -> None:
            real_replace(source, target)
            self.renamed = json.loads((folder / "sequence.json").read_text())["next-to-send"]
            self.log.append(("renamed", self.renamed))

        def fsync(descriptor: int) -> None:
            real_fsync(descriptor)
            if stat.S_ISDIR(os.fstat(descriptor).st_mode):
                self.log.append(("durable", self.renamed))
            else:
                self.log.append(("synced", 0))

        monkeypatch.setattr(os, "replace", replace)
        monkeypatch.setattr(os, "fsync", fsync)

    def use(self, number: int) -> None:
        self.log.append(("used", number))

    def reused(self) -> int:
        """Over every cut point: numbers that were used and would be handed out again."""
        durable, highest, count = 0, -1, 0
        for what, number in self.log:
            if what == "durable":
                durable = number
            elif what == "used":
                highest = number
            count += highest >= durable and highest >= 0
        return count


def run(kind: type[FilesystemSecurityContext], folder: Path, disk: Disk) -> None:
    context = kind(str(folder), sequence_number_chunksize_start=10)
    for _ in range(USES):
        disk.use(context.new_sequence_number())
    del context
    gc.collect()


def test_no_number_is_used_twice_at_any_cut_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_pair(tmp_path / "t", tmp_path / "c")
    disk = Disk(monkeypatch, tmp_path / "t")
    run(PowerSafeContext, tmp_path / "t", disk)
    assert len(disk.log) > CUTS_MIN
    assert disk.reused() == 0


def test_the_test_finds_the_library_s_own_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_pair(tmp_path / "t", tmp_path / "c")
    disk = Disk(monkeypatch, tmp_path / "t")
    run(FilesystemSecurityContext, tmp_path / "t", disk)
    assert disk.reused() > CUTS_MIN


def test_both_ends_share_one_secret_and_mirror_their_ids(tmp_path: Path) -> None:
    make_pair(tmp_path / "t", tmp_path / "c")
    ours, theirs = (
        json.loads((tmp_path / end / "settings.json").read_text()) for end in ("t", "c")
    )
    assert ours["sender-id_hex"] == theirs["recipient-id_hex"]
    assert ours["recipient-id_hex"] == theirs["sender-id_hex"]
    assert (tmp_path / "t/secret.json").read_text() == (tmp_path / "c/secret.json").read_text()
    assert stat.S_IMODE((tmp_path / "t/secret.json").stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        make_pair(tmp_path / "t", tmp_path / "d")


def test_a_lost_number_or_a_held_lock_is_refused(tmp_path: Path) -> None:
    make_pair(tmp_path / "t", tmp_path / "c")
    held = open_context(tmp_path / "t")
    with pytest.raises(ContextLostError, match="cannot be used"):
        open_context(tmp_path / "t")
    del held
    gc.collect()
    (tmp_path / "t/sequence.json").unlink()
    with pytest.raises(ContextLostError, match=r"sequence\.json is missing"):
        open_context(tmp_path / "t")


def test_the_command_makes_a_pair_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["oscore-pair", str(tmp_path / "t"), str(tmp_path / "c")]
    assert main(words) == 0
    assert open_context(tmp_path / "t").sender_id != b""
    assert main(words) == 65
    assert "name a new folder" in capsys.readouterr().err
