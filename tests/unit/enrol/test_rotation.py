"""Rotation of transport keys by the county's signed command: obeyed once, by the right one."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import stat
import time
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from terminal.cli import main
from terminal.enrol import county_side, papers
from terminal.enrol.key_ring import KeyRing
from terminal.enrol.papers import PaperError
from terminal.enrol.rotation import Rotation, binding, read_rotation, write_rotation
from terminal.records import Ed25519Signer
from terminal.uplink.oscore import open_context
from tests.unit.enrol.test_enrol import NOW_S, Place, refused

CUTS_MIN = 20
COUNTY = Ed25519Signer(b"c" * 32)
GOOD = Rotation("T-1", 7, bytes(64), NOW_S)


@pytest.fixture
def place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Place:
    """An enrolled terminal."""
    found = Place(tmp_path)
    assert found.request() == found.grant("--oscore", str(tmp_path / "contexts")) == 0
    assert found.install() == 0
    capsys.readouterr()
    return found


def rotate(place: Place, terminal: str = "T-1") -> int:
    words = ["enrol", "rotate", terminal, "--keys", str(place.keys), "--out", str(place.granted)]
    return main([*words, "--oscore", str(place.base.parent / "contexts")])


def renew(place: Place, paper: Path | None = None) -> int:
    return main(["enrol", "renew", str(paper or place.granted), "--config", str(place.config)])


def test_new_keys_lie_beside_the_old_ones_at_both_ends(place: Place) -> None:
    into, contexts = place.base / "enrolled" / "county", place.base.parent / "contexts"
    before = {path: path.read_bytes() for path in into.rglob("*") if path.is_file()}
    config = place.config.read_bytes()
    assert rotate(place) == 0
    assert renew(place) == 0
    for path, content in before.items():
        assert path.read_bytes() == content, path
    assert place.config.read_bytes() == config
    new = {path for path in into.rglob("*") if path.is_file()} - set(before)
    serial = (into / "rotation.serial").read_text().strip()
    assert {path.relative_to(into).as_posix() for path in new} == {
        "rotation.serial", f"dtls-{serial}.psk",
        f"rotated-{serial}/secret.json", f"rotated-{serial}/settings.json",
        f"rotated-{serial}/sequence.json",
    }  # fmt: skip
    for path in (*new, into / "box.key", place.keys / "T-1.box"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    ours, theirs = into / f"rotated-{serial}", contexts / "T-1-2"
    assert (ours / "secret.json").read_text() == (theirs / "secret.json").read_text()
    assert (ours / "secret.json").read_text() != (into / "oscore" / "secret.json").read_text()
    ids = [json.loads((folder / "settings.json").read_text()) for folder in (ours, theirs)]
    assert ids[0]["sender-id_hex"] == ids[1]["recipient-id_hex"]
    assert open_context(ours) is not None
    psk = f"dtls-{serial}.psk"
    assert (into / psk).read_text() == (place.keys / f"T-1-{serial}.psk").read_text()


def test_a_command_is_obeyed_once_and_an_older_one_never(
    place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rotate(place)
    first = tmp_path / "first.txt"
    place.granted.rename(first)
    rotate(place)
    assert renew(place) == 0
    refused(renew(place), capsys, "is spent")
    refused(renew(place, first), capsys, "is spent")
    assert len(list((place.base / "enrolled" / "county").glob("rotated-*"))) == 1


class PowerCutError(Exception):
    """Nothing after this was written."""


def writes(monkeypatch: pytest.MonkeyPatch, cut_at: int) -> list[str]:
    """Count every step that a disk is asked for, and cut the power before step `cut_at`."""
    seen: list[str] = []

    def counted(name: str) -> None:
        real = getattr(os, name)

        def step(*args: object, **words: object) -> object:
            seen.append(name)
            if len(seen) > cut_at:
                raise PowerCutError
            return real(*args, **words)

        monkeypatch.setattr(os, name, step)

    for name in ("write", "fsync", "mkdir", "rename", "replace", "unlink"):
        counted(name)
    return seen


def test_a_power_cut_at_any_step_of_a_rotation_leaves_keys_that_work(
    place: Place, tmp_path: Path
) -> None:
    """Taking, going over, forgetting: cut before each write, then done again to the end."""
    rotate(place)
    text, now_s = place.granted.read_text(), int(time.time())
    enrolled = place.base / "enrolled" / "county"
    cuts = 0
    while True:
        into = tmp_path / f"cut-{cuts}"
        shutil.copytree(enrolled, into)
        ring = KeyRing(into, "oscore")
        with pytest.MonkeyPatch.context() as patched, contextlib.suppress(PowerCutError):
            seen = writes(patched, cuts)
            ring.adopt(ring.take("T-1", text, now_s))
            ring.forget_older()
        used = into / ring.in_use().oscore
        assert json.loads((used / "sequence.json").read_text())["next-to-send"] == 0
        assert (used / "secret.json").exists()
        if len(seen) <= cuts:
            break
        if not ring.pending() and not ring.in_use().number:
            assert ring.take("T-1", text, now_s) == ring.pending(), (
                "the command is as good as before"
            )
        if ring.pending():
            context = open_context(into / f"rotated-{ring.pending()}")
            context.new_sequence_number()
            context.release()
            ring.adopt(ring.pending())
        ring.forget_older()
        assert ring.take("T-1", text, now_s) == 0
        assert [path.parent.name for path in into.glob("*/secret.json")] == [ring.in_use().oscore]
        cuts += 1
    assert cuts > CUTS_MIN


def test_a_context_that_was_used_is_never_written_again(place: Place) -> None:
    rotate(place)
    text, now_s = place.granted.read_text(), int(time.time())
    ring = KeyRing(place.base / "enrolled" / "county", "oscore")
    number = ring.take("T-1", text, now_s)
    context = open_context(ring.into / f"rotated-{number}")
    context.new_sequence_number()
    context.release()
    (ring.into / "rotation.serial").unlink()
    assert ring.take("T-1", text, now_s) == number
    sequence = json.loads((ring.into / f"rotated-{number}" / "sequence.json").read_text())
    assert sequence["next-to-send"] == 1


def test_a_new_grant_counts_and_no_rotation_before_it(place: Place) -> None:
    rotate(place)
    assert renew(place) == 0
    ring = KeyRing(place.base / "enrolled" / "county", "oscore")
    number = ring.pending()
    assert number
    assert place.request() == place.grant() == place.install() == 0
    assert ring.pending() == 0
    assert (ring.in_use().oscore, ring.in_use().number) == ("oscore-2", number)
    assert ring.forget_older() == ["oscore", f"rotated-{number}"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"oscore": "../x", "number": 1, "psk": "p"}'])
def test_a_damaged_ring_reads_as_unsafe(place: Place, text: str) -> None:
    ring = KeyRing(place.base / "enrolled" / "county", "oscore")
    (ring.into / "keys.json").write_text(text)
    with pytest.raises(PaperError, match="not known which keys are in use"):
        ring.in_use()


def test_the_dtls_key_goes_along_and_the_one_before_stays(place: Place) -> None:
    ring = KeyRing(place.base / "enrolled" / "county", "oscore")
    numbers = []
    for _ in range(3):
        rotate(place)
        numbers.append(ring.take("T-1", place.granted.read_text(), int(time.time())))
        ring.adopt(numbers[-1])
        ring.forget_older()
    keys = ring.in_use()
    assert (keys.psk, keys.psk_before) == (f"dtls-{numbers[2]}.psk", f"dtls-{numbers[1]}.psk")
    assert sorted(path.name for path in ring.into.glob("*.psk")) == [keys.psk_before, keys.psk]


def test_another_terminals_and_another_countys_commands(
    place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = Place(tmp_path, "other", "T-2")
    refused(renew(other, place.granted), capsys, "county.pub is missing")
    other.request()
    other.grant()
    other.install()
    rotate(place)
    refused(renew(other, place.granted), capsys, "is for T-1; this is T-2")
    (place.keys / "county.key").write_bytes(b"i" * 32)
    rotate(place)
    refused(renew(place), capsys, "not signed by the county")
    refused(rotate(place, "T-9"), capsys, "not enrolled")
    main(["enrol", "revoke", "T-1", "--keys", str(place.keys)])
    refused(rotate(place), capsys, "was revoked")
    (place.keys / "T-2.box").unlink()
    refused(rotate(place, "T-2"), capsys, "enrol it once more")
    (place.keys / "county.key").unlink()
    refused(rotate(place, "T-2"), capsys, "holds no county.key")
    assert not (place.keys / "county.key").exists()


def test_a_damaged_number_reads_as_unsafe(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    rotate(place)
    (place.base / "enrolled" / "county" / "rotation.serial").write_text("")
    refused(renew(place), capsys, "is damaged")


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (GOOD, ""),
        (replace(GOOD, serial=6), "is spent"),
        (replace(GOOD, made_s=NOW_S + papers.CLOCK_OFF_S_MAX + 1), "clock is ahead"),
        (replace(GOOD, made_s=NOW_S - papers.AGE_S_MAX - 1), "days old"),
        (replace(GOOD, terminal_id="T-10"), "is for T-10"),
        (replace(GOOD, sealed=b""), "nothing is sealed"),
        (replace(GOOD, serial=-1), "damaged"),
    ],
)
def test_what_is_refused(command: Rotation, why: str) -> None:
    text = write_rotation(command, COUNTY)
    if not why:
        assert read_rotation(text, COUNTY.public_key, "T-1", 6, NOW_S) == command
        return
    with pytest.raises(PaperError, match=why):
        read_rotation(text, COUNTY.public_key, "T-1", 6, NOW_S)


@pytest.mark.parametrize("extra", [[], ["unlock"], [{"limit": 1}]])
def test_a_command_has_no_room_for_anything_else(extra: list[object]) -> None:
    fields = [GOOD.terminal_id, GOOD.serial, GOOD.sealed, GOOD.made_s]
    text = papers.write_paper(papers.ROTATION, [*fields, *extra], COUNTY)
    if not extra:
        assert read_rotation(text, COUNTY.public_key, "T-1", 6, NOW_S) == GOOD
        return
    with pytest.raises(PaperError, match="not a whole rotation"):
        read_rotation(text, COUNTY.public_key, "T-1", 6, NOW_S)


def test_no_altered_command_and_no_other_paper_is_obeyed() -> None:
    text = write_rotation(GOOD, COUNTY)
    start = text.rindex(":") + 1
    for at in range(start, len(text) - 1):
        other = "A" if text[at] != "A" else "B"
        bad = text[:at] + other + text[at + 1 :]
        with pytest.raises(PaperError):
            read_rotation(bad, COUNTY.public_key, "T-1", 6, NOW_S)
    for bad in ("", text[:30], text.replace("rotation", "grant", 1)):
        with pytest.raises(PaperError):
            read_rotation(bad, COUNTY.public_key, "T-1", 6, NOW_S)


def test_a_secret_opens_under_its_own_number_only() -> None:
    box = X25519PrivateKey.from_private_bytes(b"x" * 32)
    secret = county_side.new_secret()
    sealed = papers.seal(
        secret,
        box.public_key().public_bytes_raw(),
        binding("T-1", 7),
        X25519PrivateKey.generate(),
    )
    assert papers.unseal(sealed, box, binding("T-1", 7)) == secret
    for other in (binding("T-1", 8), binding("T-2", 7)):
        with pytest.raises(PaperError, match="sealed to another"):
            papers.unseal(sealed, box, other)


def test_numbers_rise_though_the_clock_stands_or_the_counter_is_lost(place: Place) -> None:
    serials = [county_side.rotate(place.keys, "T-1", NOW_S)[0].serial for _ in range(3)]
    assert serials == [NOW_S, NOW_S + 1, NOW_S + 2]
    (place.keys / "T-1.serial").unlink()
    assert county_side.rotate(place.keys, "T-1", NOW_S + 60)[0].serial == NOW_S + 60
