"""What the receiver believes: one good record, and every way of being refused."""

from __future__ import annotations

import os
from pathlib import Path

import cbor2
import pytest

from hal.contract.types import ClockQuality
from terminal.county.accept import AHEAD_NS_MAX, Accepted, accept_record, ahead_s
from terminal.county.keys import EDITED_NS, KeyFileError, KeyRegistry, read_key_file
from terminal.county.problems import DETAIL, REFUSALS, RESPONSE_CODE, TITLE, RefusedError
from terminal.records import Happening
from tests.unit.county.samples import WALL_NS, Chain, kept_tracebacks


def registry_of(tmp_path: Path, *chains: Chain, tail: str = "") -> KeyRegistry:
    for chain in chains:
        (tmp_path / f"{chain.terminal_id}.pub").write_text(chain.key_line + tail)
    return KeyRegistry(tmp_path)


def accept(registry: KeyRegistry, item: tuple[str, bytes], *, simulated: bool = False) -> Accepted:
    return accept_record(*item, registry, accept_simulated=simulated, now_ns=1)


def refusal(registry: KeyRegistry, item: tuple[str, bytes]) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        accept(registry, item)
    return caught.value


def test_a_good_record_is_accepted(tmp_path: Path) -> None:
    chain = Chain()
    item = chain.add()
    accepted = accept(registry_of(tmp_path, chain), item)
    assert accepted.record.record_id == item[0]
    assert accepted.signed == item[1]


def test_unknown_terminal_is_refused_until_its_key_file_comes(tmp_path: Path) -> None:
    chain = Chain()
    item = chain.add()
    registry = KeyRegistry(tmp_path)
    assert refusal(registry, item).kind.name == "unknown-terminal"
    (tmp_path / "a.pub").write_text(chain.key_line)
    assert refusal(registry, item).kind.name == "unknown-terminal", "re-read at most once a second"
    accept_record(*item, registry, accept_simulated=False, now_ns=1_000_000_002)


def test_wrong_key_wrong_id_simulated_and_revoked(tmp_path: Path) -> None:
    chain = Chain()
    item = chain.add()
    thief = Chain(seed=b"t" * 32)
    registry = registry_of(tmp_path, chain)
    assert refusal(registry, thief.add()).kind.name == "signature"
    wrong_id = refusal(registry, ("T-1-other-1", item[1]))
    assert wrong_id.kind.name == "wrong-id"
    assert wrong_id.terminal == chain.terminal_id, "every refusal says whom it met"
    pretended = Chain(simulated=True).add()
    assert refusal(registry, pretended).kind.name == "simulated"
    assert accept(registry, pretended, simulated=True).record.simulated
    revoked = registry_of(tmp_path, chain, tail="revoked stolen\n")
    assert refusal(revoked, item).detail == "T-1: stolen"


@pytest.mark.parametrize("cut", [0, 1, 10, 100, -1])
def test_truncated_and_non_canonical_bodies(tmp_path: Path, cut: int) -> None:
    chain = Chain()
    name, signed = chain.add()
    registry = registry_of(tmp_path, chain)
    assert refusal(registry, (name, signed[:cut])).kind.name == "malformed"
    assert refusal(registry, (name, signed + b"\x00")).kind.name == "malformed"


def test_every_flipped_byte_is_refused(tmp_path: Path) -> None:
    chain = Chain()
    name, signed = chain.add()
    registry = registry_of(tmp_path, chain)
    for place in range(len(signed)):
        flipped = bytearray(signed)
        flipped[place] ^= 1
        assert refusal(registry, (name, bytes(flipped)))


@pytest.mark.parametrize(
    ("beyond_ns", "clock", "ahead"),
    [
        (0, ClockQuality.SYNCED, 0),
        (1, ClockQuality.SYNCED, 600),
        (1, ClockQuality.RTC, 600),
        (10**18, ClockQuality.SYNCED, 1_000_000_600),
        (1, ClockQuality.UNKNOWN, 0),
    ],
)
def test_no_record_is_refused_for_its_clock_but_a_wrong_time_is_told(
    tmp_path: Path, beyond_ns: int, clock: ClockQuality, ahead: int
) -> None:
    chain = Chain(wall_ns=WALL_NS + AHEAD_NS_MAX + beyond_ns, clock=clock)
    accepted = accept(registry_of(tmp_path, chain), chain.add())
    assert ahead_s(accepted.record, WALL_NS) == ahead


def test_oversized_body(tmp_path: Path) -> None:
    assert refusal(KeyRegistry(tmp_path), ("x", bytes(20_000))).kind.name == "too-large"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ed25519 00 T-1",
        "ed25519 zz T-1",
        "rsa 00 T-1",
        "ed25519 " + "00" * 32,
        "ed25519 " + "00" * 32 + " " + "x" * 41,
        "ed25519 " + "00" * 32 + " T-1\nand more",
    ],
)
def test_bad_key_files_enrol_nobody(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.pub"
    path.write_text(text)
    with pytest.raises(KeyFileError):
        read_key_file(path)
    registry = KeyRegistry(tmp_path)
    assert registry.terminals() == ()
    assert len(registry.problems) == 1


def test_two_terminals_may_not_share_a_key_nor_one_have_two(tmp_path: Path) -> None:
    one = Chain()
    (tmp_path / "1.pub").write_text(one.key_line)
    (tmp_path / "2.pub").write_text(one.key_line.replace("T-1", "T-2"))
    (tmp_path / "3.pub").write_text(Chain(seed=b"z" * 32).key_line)
    registry = KeyRegistry(tmp_path)
    assert registry.terminals() == ("T-1",)
    assert len(registry.problems) == 2


def test_problem_details_say_title_detail_and_code() -> None:
    for kind in REFUSALS:
        body = cbor2.loads(RefusedError(kind.name, "why", "field").payload())
        assert body[TITLE] == kind.title
        assert body[DETAIL] == "why"
        assert f"{body[RESPONSE_CODE] >> 5}.{body[RESPONSE_CODE] & 31:02d}" == kind.code


def test_a_key_revoked_by_editing_its_file_is_out_within_ten_seconds(tmp_path: Path) -> None:
    chain = Chain()
    file = tmp_path / "a.pub"
    file.write_text(chain.key_line)
    registry = KeyRegistry(tmp_path)
    found = registry.find("T-1", EDITED_NS)
    assert found is not None
    assert not found.revoked
    folder = tmp_path.stat()
    with file.open("a") as opened:
        opened.write("revoked stolen\n")
    os.utime(file, ns=(folder.st_atime_ns, folder.st_mtime_ns + 1))
    assert tmp_path.stat().st_mtime_ns == folder.st_mtime_ns
    found = registry.find("T-1", 2 * EDITED_NS)
    assert found is not None
    assert found.revoked == "stolen"


@pytest.mark.parametrize(("about", "taken"), [(None, True), (1, True), (0, False), (2, False),
                                              (3, False)])  # fmt: skip
def test_a_follow_up_is_about_a_record_before_it(
    tmp_path: Path, about: int | None, taken: bool
) -> None:
    chain = Chain()
    registry = registry_of(tmp_path, chain)
    chain.add()
    item = chain.add(Happening(event="follow_up", detail="", at_ns=1, about_seq=about))
    if taken:
        assert accept(registry, item).record.seq == 2
        return
    why = refusal(registry, item)
    assert (why.kind.name, why.terminal) == ("malformed", "T-1")
    assert f"about record {about}" in why.detail


KEPT_FOR_GOOD = {
    "a text that is no UTF-8": b"\x63\xff\xfe\xfd",
    "such a text as a key": b"\xa1\x62\xff\xfe\x01",
    "such a text in pieces": b"\x7f\x62\xff\xfe\xff",
    "a UUID of one octet": b"\xd8\x25\x41a",
    "a regular expression that is none": b"\xd8\x23\x61[",
    "a decimal of words": b"\xc4\x82\x63abc\x01",
    "cut off": b"\x63a",
}
"""What version 5 of the library could not read, and in part never let go of."""


@pytest.mark.parametrize("what", KEPT_FOR_GOOD)
def test_nothing_of_a_body_that_cannot_be_read_stays_in_memory(tmp_path: Path, what: str) -> None:
    registry = registry_of(tmp_path, Chain())
    header = cbor2.dumps({1: -8, 4: b"T-1"})
    bodies = (
        KEPT_FOR_GOOD[what],
        b"\xd2\x84" + KEPT_FOR_GOOD[what],
        cbor2.dumps(cbor2.CBORTag(18, [KEPT_FOR_GOOD[what], {}, b"", b""])),
        cbor2.dumps(cbor2.CBORTag(18, [header, {}, KEPT_FOR_GOOD[what], b""])),
    )

    before = kept_tracebacks()
    for body in bodies * 20:
        with pytest.raises(RefusedError):
            accept(registry, ("T-1-0000-1", body))
    assert kept_tracebacks() - before < 20
