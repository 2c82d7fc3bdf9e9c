"""Records at the edges of their table: the largest that is taken and the smallest that is not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cbor2
import pytest

from terminal.core.types import PhotoRef, PlateSource
from terminal.records import RecordError, decode_body, encode_body, parse_signed
from terminal.records.body import BODY_BYTES_MAX
from terminal.records.keys import KEYS, UINT_MAX, Part, Shape
from terminal.records.signing import SIGNED_BYTES_MAX, signature_holds
from tests.unit.ledger.builders import EVENT, GAP, OTHER_SIGNER, SIGNER, WEIGH, record

PHOTO = PhotoRef("front", b"f" * 32, 1)


def taken(content: Any = WEIGH, **changes: Any) -> bool:
    try:
        one = record(replace(content, **changes))
        assert decode_body(encode_body(one)) == one
    except RecordError:
        return False
    return True


@pytest.mark.parametrize(
    ("read", "most"), [(decode_body, BODY_BYTES_MAX), (parse_signed, SIGNED_BYTES_MAX)]
)
def test_the_longest(read: Any, most: int) -> None:
    with pytest.raises(RecordError, match="exceeds") as told:
        read(bytes(most + 1))
    assert str(most + 1) in str(told.value)
    with pytest.raises(RecordError) as told:
        read(bytes(most))
    assert "exceeds" not in str(told.value)


@pytest.mark.parametrize(
    ("field", "value", "wanted"),
    [
        ("visit_id", 0, True),
        ("visit_id", -1, False),
        ("visit_id", UINT_MAX, True),
        ("visit_id", UINT_MAX + 1, False),
        ("visit_id", True, False),
        ("gross_kg", -UINT_MAX, True),
        ("gross_kg", -UINT_MAX - 1, False),
        ("gross_kg", UINT_MAX, True),
        ("gross_kg", UINT_MAX + 1, False),
        ("axle_loads_kg", (-UINT_MAX,) * 20, True),
        ("axle_loads_kg", (1,) * 21, False),
        ("axle_loads_kg", (-UINT_MAX - 1,), False),
        ("axle_loads_kg", (UINT_MAX,), True),
        ("axle_loads_kg", (UINT_MAX + 1,), False),
        ("axle_loads_kg", 7, False),
        ("photos", (PHOTO,) * 8, True),
        ("photos", (PHOTO,) * 9, False),
        ("photos", 7, False),
        ("photos", (replace(PHOTO, size_bytes=0),), True),
        ("photos", (replace(PHOTO, size_bytes=-1),), False),
        ("photos", (replace(PHOTO, size_bytes=UINT_MAX),), True),
        ("photos", (replace(PHOTO, size_bytes=UINT_MAX + 1),), False),
        ("photos", (replace(PHOTO, sha256=bytes(31)),), False),
        ("photos", (replace(PHOTO, sha256=bytes(33)),), False),
        ("photos", (replace(PHOTO, sha256="f" * 32),), False),
        ("photos", (replace(PHOTO, role="r" * 16),), True),
        ("photos", (replace(PHOTO, role="r" * 17),), False),
        ("plate", "p" * 40, True),
        ("plate", "p" * 41, False),
        ("plate", "晋" * 13 + "L", True),
        ("plate", "晋" * 13 + "LL", False),
        ("plate", "\ud800", False),
        ("plate", 7, False),
        ("plate", None, False),
    ],
)
def test_fields_at_their_edges(field: str, value: Any, wanted: bool) -> None:
    assert taken(**{field: value}) is wanted


TEXTS = [row for row in KEYS if row.shape is Shape.TEXT and row.part is not Part.ORIGIN]


@pytest.mark.parametrize("row", TEXTS, ids=lambda row: row.name)
def test_every_text_has_its_own_bound(row: Any) -> None:
    content = next(one for one in (WEIGH, EVENT, GAP) if hasattr(one, row.name))
    assert taken(content, **{row.name: "x" * row.size})
    with pytest.raises(RecordError, match=rf"\(key {row.key}\) .* of at most {row.size}$"):
        encode_body(record(replace(content, **{row.name: "x" * (row.size + 1)})))


def test_a_bound_is_told_only_where_there_is_one() -> None:
    with pytest.raises(RecordError, match=r"is not an? [a-z]+$"):
        encode_body(record(replace(WEIGH, visit_id=-1)))


def test_photos_as_a_peer_may_send_them() -> None:
    body = cbor2.loads(encode_body(record()))
    good = ["front", b"f" * 32, 5]
    for photo, wanted in (
        (good, True), (good[:2], False), ([*good, 1], False), ("photo", False),
        ([7, *good[1:]], False), ([good[0], "f" * 32, 5], False), ([*good[:2], "5"], False),
    ):  # fmt: skip
        body[45] = [photo]
        wire = cbor2.dumps(body, canonical=True)
        if wanted:
            decode_body(wire)
        else:
            with pytest.raises(RecordError, match="photos"):
                decode_body(wire)


def test_strange_keys_are_named_but_not_all_of_them() -> None:
    body = cbor2.loads(encode_body(record()))
    for key in range(900, 907):
        body[key] = 0
    with pytest.raises(RecordError) as told:
        decode_body(cbor2.dumps(body, canonical=True))
    assert str(told.value).endswith(": 900, 901, 902, 903, 904")


def test_a_strange_key_is_not_told_at_any_length() -> None:
    body = cbor2.loads(encode_body(record()))
    body[10**50] = 0
    with pytest.raises(RecordError) as told:
        decode_body(cbor2.dumps(body, canonical=True))
    assert str(told.value).endswith(": 1" + "0" * 39)


def test_a_signature_holds_for_its_message_and_key_only() -> None:
    signature = SIGNER.sign(b"message")
    assert signature_holds(SIGNER.public_key, signature, b"message")
    assert not signature_holds(SIGNER.public_key, signature, b"massage")
    assert not signature_holds(OTHER_SIGNER.public_key, signature, b"message")


def test_which_pictures_a_record_vouches_for() -> None:
    assert record(WEIGH).photos == WEIGH.photos
    assert record(EVENT).photos == ()
    assert record(replace(EVENT, evidence=(PHOTO,))).photos == (PHOTO,)
    assert record(GAP).photos == ()


@pytest.mark.parametrize(
    ("field", "value", "wanted"),
    [
        ("about_seq", 0, True),
        ("about_seq", UINT_MAX, True),
        ("about_seq", UINT_MAX + 1, False),
        ("evidence", (PHOTO,) * 9, False),
        ("exit_plate", "p" * 41, False),
        ("exit_plate", "", True),
    ],
)
def test_what_an_event_may_say_about_a_weighing(field: str, value: Any, wanted: bool) -> None:
    assert taken(EVENT, **{field: value}) is wanted


def test_the_code_nought_is_a_code() -> None:
    assert taken(plate="", plate_source=PlateSource.NONE)
