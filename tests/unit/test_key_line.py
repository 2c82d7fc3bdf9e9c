"""Key lines: what is written is read, and everything else is told what it should be."""

from __future__ import annotations

import pytest

from terminal.records.key_line import (
    ID_CHARS_MAX,
    KeyLineError,
    algorithm_name,
    key_line,
    parse_key_line,
)
from terminal.records.signing import ALG_EDDSA, PublicKey
from terminal.records.sm2 import ALG_SM2_SM3

ED, SM2 = PublicKey(ALG_EDDSA, bytes(range(32))), PublicKey(ALG_SM2_SM3, bytes(range(65)))


@pytest.mark.parametrize(("key", "name"), [(ED, "ed25519"), (SM2, "sm2")])
@pytest.mark.parametrize("terminal_id", ["1", "x" * 40])
def test_there_and_back(key: PublicKey, name: str, terminal_id: str) -> None:
    assert algorithm_name(key) == name
    line = key_line(key, terminal_id)
    assert line == f"{name} {key.raw.hex()} {terminal_id}"
    assert parse_key_line(f"  {line}\n") == (key, terminal_id)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("", "expected one line"),
        (f"ed25519 {ED.raw.hex()}", "expected one line"),
        (f"ed25519 {ED.raw.hex()} a b", "expected one line"),
        (f"rsa {ED.raw.hex()} a", "expected one line"),
        ("ed25519 xyz a", "not hex digits"),
        (f"ed25519 {ED.raw.hex()[2:]} a", "an ed25519 key has 64 hex digits, not 62, and"),
        (f"sm2 {ED.raw.hex()} a", "an sm2 key has 130 hex digits, not 64, and"),
        (f"ed25519 {ED.raw.hex()} {'x' * 41}", "at most 40 characters"),
    ],
)
def test_what_is_no_key_line(line: str, told: str) -> None:
    with pytest.raises(KeyLineError, match=told):
        parse_key_line(line)
    assert ID_CHARS_MAX == 40
