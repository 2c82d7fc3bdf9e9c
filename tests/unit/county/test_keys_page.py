"""The page names who was refused and why, and how far each rotation is."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from terminal.county import page
from terminal.county.keys_page import FETCHED_LONG_S, TO_DO, rotation_troubles, rotations, what
from terminal.county.notes import KEY_BROKEN, KEY_REPLAY, KEY_RETIRED, KEY_UNKNOWN, KEY_WRONG
from terminal.county.page import REFUSED_NAMED_MAX, _page
from terminal.county.problems import IN_CHINESE, REFUSALS
from terminal.county.report import read_report
from terminal.county.store import STRANGERS_MAX
from terminal.county.store_sqlite import SqliteStore
from terminal.enrol.context_files import county_context
from terminal.enrol.county_contexts import (
    FETCHED_FILE,
    USED_FILE,
    Label,
    label_files,
    note,
    stages,
)
from terminal.enrol.county_side import new_secret
from terminal.enrol.papers import AGE_S_MAX

NOW_S = 1_800_000_000
NS_PER_S = 1_000_000_000


def page_of(folder: Path, contexts: Path | None = None) -> str:
    return _page(folder / "county.sqlite", NOW_S * NS_PER_S, contexts)


def test_every_terminal_that_was_refused_is_named_with_reason_and_count(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "county.sqlite")
    store.count_refusal("signature", "T-1: no", 1, "T-1")
    store.count_refusal("signature", "T-1: still <no>", NOW_S * NS_PER_S, "T-1", 4)
    store.count_refusal("revoked", "T-2: sold", NOW_S * NS_PER_S, "T-2")
    store.commit()
    rows = {
        (row.terminal, row.kind): row for row in read_report(tmp_path / "county.sqlite").refused
    }
    row = rows["T-1", "signature"]
    assert (row.count, row.first_ns, row.last) == (5, 1, "T-1: still <no>")
    assert rows["T-2", "revoked"].count == 1
    shown = page_of(tmp_path)
    assert "T-1：签名不符 signature ×5" in shown
    assert "still &lt;no&gt;" in shown
    assert TO_DO["revoked"].split(" ")[0] in shown
    store.close()


def test_made_up_names_cannot_crowd_out_the_others(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "county.sqlite")
    store.count_refusal("revoked", "T-2: sold", 1, "T-2")
    for number in range(STRANGERS_MAX + 20):
        store.count_refusal("unknown-terminal", "who?", 2 + number, f"X-{number}")
    store.commit()
    count = store._db.execute("SELECT count(*) FROM refused WHERE name='unknown-terminal'")
    assert count.fetchone() == (STRANGERS_MAX,)
    assert store._db.execute("SELECT count FROM refused WHERE terminal='T-2'").fetchone() == (1,)
    store.close()


def test_the_sentences_above_are_bounded(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "county.sqlite")
    for number in range(REFUSED_NAMED_MAX + 3):
        store.count_refusal("signature", "no", NOW_S * NS_PER_S, f"T-{number}")
    store.commit()
    assert "另有 3 项见下表" in page_of(tmp_path)
    store.close()


def test_each_kind_has_a_name_in_both_languages() -> None:
    ours = (KEY_UNKNOWN, KEY_RETIRED, KEY_WRONG, KEY_REPLAY, KEY_BROKEN, "clock-ahead")
    for kind in (*ours, *(row.name for row in REFUSALS)):
        assert IN_CHINESE[kind] in what(kind)
    assert set(ours) <= set(TO_DO)


def test_a_rotation_is_shown_from_its_offer_to_its_use(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "county.sqlite")
    store.close()
    contexts = tmp_path / "contexts"
    for number, paper in ((1, ""), (2, "the command")):
        files = label_files(Label("T-1", number), paper, NOW_S)
        county_context(contexts / f"T-1-{number}", new_secret(), files)
    assert "等待终端来取" in page_of(tmp_path, contexts)
    (stage,) = rotations(contexts, NOW_S)
    note(stage, FETCHED_FILE, NOW_S)
    shown = page_of(tmp_path, contexts)
    assert "已取走，待启用" in shown
    assert "没有需要处理的事项" in shown
    late = NOW_S + FETCHED_LONG_S + 1
    assert "取走后未启用" in rotation_troubles(rotations(contexts, late), late)[0]
    late = NOW_S + AGE_S_MAX + 1
    assert "已过期" in rotation_troubles(rotations(contexts, late), late)[0]
    note(stage, USED_FILE, NOW_S)
    assert "已启用，旧密钥已作废" in page_of(tmp_path, contexts)
    assert rotation_troubles(stages(contexts), late) == []


def test_without_oscore_nothing_is_said_of_rotations(tmp_path: Path) -> None:
    SqliteStore(tmp_path / "county.sqlite").close()
    assert "换钥" not in page_of(tmp_path)
    assert rotations(tmp_path / "absent", NOW_S) == []


def test_a_disk_that_is_nearly_full_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = {"bytes": page.FREE_BYTES_MIN}
    monkeypatch.setattr(
        page.shutil, "disk_usage", lambda _path: SimpleNamespace(free=free["bytes"])
    )
    assert page.disk_troubles(tmp_path / "county.sqlite") == []
    free["bytes"] = 7_900_000
    (said,) = page.disk_troubles(tmp_path / "county.sqlite")
    assert "7 MB left" in said
    assert page.disk_troubles("postgresql://db/county") == []
