"""The receiver's contexts without a restart: enrolled, rotated, taken away, and who was refused."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiocoap.oscore import COSE_KID, COSE_KID_CONTEXT

from terminal.county.notes import KEPT_MAX, KEY_BROKEN, KEY_RETIRED, KEY_UNKNOWN, Notes
from terminal.county.oscore import LOOK_NS, Contexts
from terminal.county.sharding import Place
from terminal.enrol.context_files import SECRET_FILE, county_context
from terminal.enrol.county_contexts import (
    FETCHED_FILE,
    LABEL_FILE,
    RETIRED_FILE,
    USED_FILE,
    Label,
    adopt,
    label_files,
    stages,
)
from terminal.enrol.county_side import new_secret
from terminal.enrol.papers import AGE_S_MAX, Secret

NOW_S = 1_800_000_000


class Shop:
    """A folder of contexts, a receiver that looks at it, and its clock."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir()
        self.now_ns = 0
        self.notes = Notes()

    def put(self, name: str, terminal: str, number: int, paper: str = "") -> Secret:
        secret = new_secret()
        files = label_files(Label(terminal, number), paper, NOW_S)
        county_context(self.root / name, secret, files)
        return secret

    def contexts(self, place: Place | None = None) -> Contexts:
        return Contexts(self.root, place or Place(), self.notes, lambda: self.now_ns)

    def later(self) -> None:
        self.now_ns += LOOK_NS

    def refused(self) -> dict[tuple[str, str], int]:
        return {key: count for key, (count, _) in self.notes._kept.items()}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    yield Shop(tmp_path / "contexts")
    gc.collect()


def header(secret: Secret) -> dict[object, object]:
    """What stands in a message that the terminal protects with this secret."""
    return {COSE_KID: secret.sender_id, COSE_KID_CONTEXT: None}


def test_a_new_context_is_known_within_a_second_and_one_taken_away_is_not(shop: Shop) -> None:
    first = shop.put("T-1", "T-1", 1)
    found = shop.contexts()
    assert found.find_oscore(header(first)).entry.who == "T-1"
    second = shop.put("T-2", "T-2", 1)
    with pytest.raises(KeyError):
        found.find_oscore(header(second))
    shop.later()
    assert found.find_oscore(header(second)).entry.who == "T-2"
    for path in (shop.root / "T-2").iterdir():
        path.unlink()
    (shop.root / "T-2").rmdir()
    shop.later()
    with pytest.raises(KeyError):
        found.find_oscore(header(second))
    assert shop.refused() == {(KEY_UNKNOWN, ""): 2}


def test_a_name_that_comes_again_is_another_context(shop: Shop) -> None:
    first = shop.put("T-1", "T-1", 1)
    found = shop.contexts()
    found.find_oscore(header(first))
    shutil.rmtree(shop.root / "T-1")
    second = shop.put("T-1", "T-1", 2)
    shop.later()
    assert found.find_oscore(header(second)).entry.label == Label("T-1", 2)
    with pytest.raises(KeyError):
        found.find_oscore(header(first))


def test_the_folder_is_read_again_only_when_it_changed(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = shop.put("T-1", "T-1", 1)
    found = shop.contexts()
    looks = []
    monkeypatch.setattr(found, "look", lambda: looks.append(1))
    for _ in range(5):
        shop.later()
        found.find_oscore(header(secret))
    assert looks == []
    os.utime(shop.root, (1, 1))
    found.find_oscore(header(secret))
    shop.later()
    found.find_oscore(header(secret))
    assert looks == [1]


def test_the_old_key_goes_when_the_new_one_is_used_and_not_before(shop: Shop) -> None:
    old = shop.put("T-1", "T-1", 1)
    new = shop.put("T-1-2", "T-1", 2, "the command")
    other = shop.put("T-10", "T-10", 1)
    found = shop.contexts()
    assert found.waiting("T-1", NOW_S) == "the command"
    assert (shop.root / "T-1-2" / FETCHED_FILE).exists()
    found.seen(found.find_oscore(header(old)).entry, NOW_S + 1)
    assert found.waiting("T-1", NOW_S) == "the command", "the old key says nothing of the new one"
    found.seen(found.find_oscore(header(new)).entry, NOW_S + 2)
    assert found.waiting("T-1", NOW_S) == ""
    assert found.find_oscore(header(new)) is not None
    assert found.find_oscore(header(other)) is not None
    with pytest.raises(KeyError):
        found.find_oscore(header(old))
    assert shop.refused() == {(KEY_RETIRED, "T-1"): 1}
    assert not (shop.root / "T-1" / SECRET_FILE).exists()
    assert (shop.root / "T-10" / SECRET_FILE).exists()


def test_another_worker_hears_of_it(shop: Shop) -> None:
    old, new = shop.put("T-1", "T-1", 1), shop.put("T-1-2", "T-1", 2, "the command")
    one, two = shop.contexts(), Contexts(shop.root, now_ns=lambda: shop.now_ns)
    kept = one.find_oscore(header(old))
    entry = next(entry for entry in two._entries.values() if entry.key[0] == new.sender_id)
    two.seen(entry, NOW_S)
    shop.later()
    with pytest.raises(KeyError):
        one.find_oscore(header(old))
    assert one.waiting("T-1", NOW_S) == ""
    assert kept is not None


@pytest.mark.parametrize("cut", ["before", RETIRED_FILE, SECRET_FILE])
def test_a_power_cut_while_forgetting_is_made_good_by_the_next_use(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, cut: str
) -> None:
    shop.put("T-1", "T-1", 1)
    new = shop.put("T-1-2", "T-1", 2, "the command")
    found = shop.contexts()
    names = {"before": "retire_older", RETIRED_FILE: "forget_secret", SECRET_FILE: "touch"}
    place = "terminal.county.oscore" if cut == "before" else "terminal.enrol.county_contexts"

    def power_cut(*_args: object) -> None:
        raise InterruptedError("power")

    with monkeypatch.context() as patched:
        patched.setattr(f"{place}.{names[cut]}", power_cut)
        with pytest.raises(InterruptedError):
            found.seen(found.find_oscore(header(new)).entry, NOW_S)
    assert (shop.root / "T-1-2" / USED_FILE).exists()
    del found
    gc.collect()
    again = shop.contexts()
    again.seen(again.find_oscore(header(new)).entry, NOW_S)
    assert not (shop.root / "T-1" / SECRET_FILE).exists()
    assert next(one for one in stages(shop.root) if one.label.number == 1).retired_s


def test_one_retired_context_a_terminal_is_kept(shop: Shop) -> None:
    for number in range(1, 5):
        secret = shop.put(f"T-1-{number}", "T-1", number)
        found = shop.contexts()
        found.seen(found.find_oscore(header(secret)).entry, NOW_S)
        del found
        gc.collect()
    assert sorted(path.name for path in shop.root.iterdir()) == ["T-1-3", "T-1-4"]


def test_an_expired_command_is_not_handed_out_and_the_newest_one_is(shop: Shop) -> None:
    shop.put("T-1-2", "T-1", 2, "second")
    shop.put("T-1-3", "T-1", 3, "third")
    found = shop.contexts()
    assert found.waiting("T-1", NOW_S + AGE_S_MAX) == "third"
    assert found.waiting("T-1", NOW_S + AGE_S_MAX + 1) == ""
    assert found.waiting("T-9", NOW_S) == ""


def test_a_context_without_a_label_is_used_but_is_nobody_s_until_it_is_adopted(shop: Shop) -> None:
    secret = new_secret()
    county_context(shop.root / "T-1", secret, {})
    found = shop.contexts()
    assert found.find_oscore(header(secret)).entry.label is None
    assert adopt(shop.root, "T-1", "T-1")
    assert not adopt(shop.root, "T-1", "T-2")
    assert not adopt(shop.root, "T-7", "T-7")
    shop.later()
    assert found.find_oscore(header(secret)).entry.label == Label("T-1", 0)


@pytest.mark.parametrize("text", ["", "[]", '{"terminal": 7, "number": 1}', '{"terminal": "T-1"}'])
def test_a_damaged_label_makes_the_context_nobody_s_and_is_named(shop: Shop, text: str) -> None:
    secret = shop.put("T-1", "T-1", 1)
    (shop.root / "T-1" / LABEL_FILE).write_text(text)
    found = shop.contexts()
    assert len(found.problems) == 1
    with pytest.raises(KeyError):
        found.find_oscore(header(secret))


def test_a_broken_context_is_opened_once_and_put_down_to_its_terminal(shop: Shop) -> None:
    secret = shop.put("T-1", "T-1", 1)
    (shop.root / "T-1" / SECRET_FILE).write_text("{}")
    found = shop.contexts()
    for _ in range(3):
        with pytest.raises(KeyError):
            found.find_oscore(header(secret))
    assert shop.refused() == {(KEY_BROKEN, "T-1"): 3}
    assert len(found.problems) == 1


def test_two_contexts_with_one_key_id_are_named(shop: Shop) -> None:
    shop.put("A", "A", 1)
    settings = (shop.root / "A" / "settings.json").read_text()
    shop.put("B", "B", 1)
    (shop.root / "B" / "settings.json").write_text(settings)
    assert json.loads(settings)
    assert "has the key id of A" in shop.contexts().problems[0]


def test_refusals_of_strangers_are_counted_together_and_bounded() -> None:
    written: list[tuple[str, str, int]] = []

    async def write(kind: str, who: str, _detail: str, count: int) -> None:
        written.append((kind, who, count))

    async def scenario() -> None:
        notes = Notes()
        notes.into(write)
        for number in range(2 * KEPT_MAX):
            notes.put(KEY_UNKNOWN, "", "again")
            notes.put(KEY_RETIRED, f"T-{number}", "once")
        await notes.close()

    asyncio.run(scenario())
    assert (KEY_UNKNOWN, "", 2 * KEPT_MAX) in written
    assert len(written) == KEPT_MAX
