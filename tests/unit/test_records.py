"""Records: one encoding, every tampering found, the chain's breaks named."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import cbor2
import pytest

import terminal
from terminal.records import (
    GENESIS_HASH,
    KEYS,
    PublicKey,
    Record,
    RecordError,
    decode_body,
    decode_signed,
    encode_body,
    key_of,
    over_permille,
    parse_signed,
    record_hash,
    sign_record,
    verify_chain,
    verify_record,
)
from terminal.records.cddl import cddl
from terminal.records.site_time import shown_time
from tests.unit.ledger.builders import EVENT, GAP, ORIGIN, OTHER_SIGNER, SIGNER, WEIGH, record

ALL_KINDS = (record(), record(EVENT), record(GAP))


def chain(length: int) -> list[bytes]:
    out: list[bytes] = []
    prev_hash = GENESIS_HASH
    for seq in range(1, length + 1):
        out.append(sign_record(record(EVENT, seq=seq, prev_hash=prev_hash), SIGNER))
        prev_hash = record_hash(out[-1])
    return out


@pytest.mark.parametrize("one", ALL_KINDS, ids=lambda one: one.kind.value)
def test_round_trip_and_view(one: Record) -> None:
    signed = sign_record(one, SIGNER)
    assert verify_record(signed, SIGNER.public_key) == one
    assert decode_signed(signed) == one
    assert [one.weigh, one.happening, one.gap].count(None) == 2


@pytest.mark.parametrize("one", ALL_KINDS, ids=lambda one: one.kind.value)
def test_all_that_is_signed_is_in_canonical_order(one: Record) -> None:
    body = encode_body(one)
    keys = list(cbor2.loads(body))
    assert keys == sorted(keys)
    assert set(keys) <= {row.key for row in KEYS}
    assert cbor2.dumps(cbor2.loads(body), canonical=True) == body
    signed = sign_record(one, SIGNER)
    assert cbor2.dumps(cbor2.loads(signed), canonical=True) == signed
    protected = cbor2.loads(signed).value[0]
    assert cbor2.dumps(cbor2.loads(protected), canonical=True) == protected


def test_codes_are_written_for_names() -> None:
    assert cbor2.loads(encode_body(record()))[key_of("plate_colour").key] == 2


def test_every_record_says_its_own_origin() -> None:
    origins = [ORIGIN, dataclasses.replace(ORIGIN, lane=7), dataclasses.replace(ORIGIN, lane=8)]
    for origin in (*origins, *reversed(origins)):
        assert decode_body(encode_body(record(origin=origin))).origin == origin
    for _ in range(2):
        with pytest.raises(RecordError, match="lane"):
            encode_body(record(origin=dataclasses.replace(ORIGIN, lane=-1)))


@pytest.mark.parametrize("key", [True, 1.0])
def test_a_key_that_only_equals_its_number_is_refused(key: object) -> None:
    body = cbor2.loads(encode_body(record()))
    body[key] = body.pop(1)
    with pytest.raises(RecordError, match="not an integer"):
        decode_body(cbor2.dumps(body, canonical=True))


def test_table_has_no_key_or_name_twice() -> None:
    assert len({row.key for row in KEYS}) == len(KEYS)
    assert len({row.name for row in KEYS}) == len(KEYS)
    assert all(row.why for row in KEYS)
    with pytest.raises(KeyError):
        key_of("goods")


def test_absent_optionals_are_left_out() -> None:
    bare = dataclasses.replace(
        WEIGH, limit_kg=None, over_permille=None, axles=None, vehicle_type=None
    )
    body = encode_body(record(bare))
    assert {27, 29, 32, 34, 46, 47} & set(cbor2.loads(body)) == set()
    assert decode_body(body).content == bare


def test_the_trailer_plate_has_a_key_of_its_own() -> None:
    coupled = dataclasses.replace(WEIGH, rear_plate="晋L7731挂")
    body = encode_body(record(coupled))
    assert cbor2.loads(body)[47] == "晋L7731挂"
    assert decode_body(body).content == coupled


@pytest.mark.parametrize("one", ALL_KINDS, ids=lambda one: one.kind.value)
def test_every_flipped_bit_is_found(one: Record) -> None:
    signed = sign_record(one, SIGNER)
    for at in range(len(signed)):
        for bit in range(8):
            bad = bytearray(signed)
            bad[at] ^= 1 << bit
            with pytest.raises(RecordError):
                verify_record(bytes(bad), SIGNER.public_key)


def test_every_truncation_and_any_tail_is_found() -> None:
    signed = sign_record(record(), SIGNER)
    for length in range(len(signed)):
        with pytest.raises(RecordError):
            verify_record(signed[:length], SIGNER.public_key)
    with pytest.raises(RecordError, match="canonical"):
        verify_record(signed + b"\x00", SIGNER.public_key)


def test_another_key_or_algorithm_is_refused() -> None:
    signed = sign_record(record(), SIGNER)
    with pytest.raises(RecordError, match="does not hold"):
        verify_record(signed, OTHER_SIGNER.public_key)
    with pytest.raises(RecordError, match="expected -70"):
        verify_record(signed, PublicKey(-70, SIGNER.public_key.raw))
    with pytest.raises(RecordError, match="does not hold"):
        verify_record(signed, PublicKey(-8, b"short"))


def body_with(**changes: object) -> bytes:
    """A body whose named fields are replaced, or left out when None."""
    body = cbor2.loads(encode_body(record()))
    for name, value in changes.items():
        body.pop(key_of(name).key, None)
        if value is not None:
            body[key_of(name).key] = value
    return bytes(cbor2.dumps(body, canonical=True))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"gross_kg": None}, "gross_kg .key 23. is missing"),
        ({"gross_kg": "50200"}, "gross_kg"),
        ({"gross_kg": 50_200.0}, "gross_kg"),
        ({"gross_kg": True}, "gross_kg"),
        ({"over_kg": -1}, "over_kg"),
        ({"seq": 2**63}, "seq"),
        ({"simulated": 0}, "simulated"),
        ({"prev_hash": b"h" * 31}, "prev_hash"),
        ({"verdict": 9}, "verdict"),
        ({"kind": 4}, "kind"),
        ({"plate": "晋" * 14}, "plate"),
        ({"axle_loads_kg": [1] * 21}, "axle_loads_kg"),
        ({"axle_loads_kg": ["1"]}, "axle_loads_kg"),
        ({"photos": [["front", b"x" * 31, 1]]}, "photos"),
        ({"photos": [["front", b"x" * 32]]}, "photos"),
        ({"photos": [["f" * 17, b"x" * 32, 1]]}, "photos"),
        ({"photos": [["front", b"x" * 32, -1]]}, "photos"),
        ({"photos": {}}, "photos"),
        ({"format": 2}, "format is 2"),
        ({"format": None}, "format is None"),
        ({"event": "lockout"}, "unknown keys"),
    ],
)
def test_wrong_bodies_are_refused_with_the_field(changes: dict[str, object], why: str) -> None:
    with pytest.raises(RecordError, match=why):
        decode_body(body_with(**changes))


def test_what_is_no_body_at_all_is_refused() -> None:
    for wire in (b"", b"\xff", cbor2.dumps([1]), b"\x00" * 20_000, b"\xa1\x01\x01", b"\x9f" * 9000):
        with pytest.raises(RecordError):
            decode_body(wire)


def test_other_encodings_of_the_same_body_are_refused() -> None:
    body = cbor2.loads(encode_body(record()))
    backwards = dict(reversed(body.items()))
    indefinite = b"\xbf" + encode_body(record())[2:] + b"\xff"
    assert cbor2.loads(indefinite) == body
    for wire in (cbor2.dumps(backwards), indefinite):
        with pytest.raises(RecordError, match="canonical"):
            decode_body(wire)


def test_what_is_no_envelope_is_refused() -> None:
    good = cbor2.loads(sign_record(record(), SIGNER)).value
    kid = ORIGIN.terminal_id.encode()

    def tag(number: int, parts: object) -> bytes:
        return bytes(cbor2.dumps(cbor2.CBORTag(number, parts), canonical=True))

    def header(headers: object) -> bytes:
        return tag(18, [cbor2.dumps(headers, canonical=True), {}, good[2], good[3]])

    for wire, why in (
        (cbor2.dumps(good), "tag 18"),
        (tag(98, good), "tag 18"),
        (tag(18, good[:3]), "not .protected"),
        (tag(18, [good[0], {4: b"x"}, good[2], good[3]]), "not .protected"),
        (tag(18, [good[0], {}, None, good[3]]), "byte strings"),
        (header({1: -8}), "not .alg, kid"),
        (header([1]), "not .alg, kid"),
        (header({1: -7, 4: kid}), "unknown signature algorithm -7"),
        (header({1: True, 4: kid}), "unknown signature algorithm"),
        (header({1: -8, 4: "text"}), "kid is not"),
        (header({1: -8, 4: b"other"}), "kid is not the record's"),
        (b"\x00" * 20_000, "exceeds"),
    ):
        with pytest.raises(RecordError, match=why):
            parse_signed(wire)


def test_records_beyond_the_bounds_are_not_made() -> None:
    for bad in (
        record(seq=-1),
        record(prev_hash=b""),
        record(dataclasses.replace(WEIGH, plate_colour="pink")),
        record(dataclasses.replace(WEIGH, reason="x" * 401)),
        record(dataclasses.replace(EVENT, detail="\ud800")),
    ):
        with pytest.raises(RecordError):
            sign_record(bad, SIGNER)
    with pytest.raises(RecordError, match="gross_kg is missing"):
        encode_body(record(dataclasses.replace(WEIGH, gross_kg=None)))  # type: ignore[arg-type]


def test_record_id_is_terminal_ledger_seq() -> None:
    assert record(seq=12).record_id == "141025710001-1-0001020304050607-12"


@pytest.mark.parametrize(
    ("gross_kg", "limit_kg", "expected"),
    [
        (49_000, 49_000, 0),
        (49_049, 49_000, 1),
        (49_048, 49_000, 0),
        (30_000, 49_000, 0),
        (98_000, 49_000, 1_000),
        (1, 1, 0),
        (2, 1, 1_000),
        (49_000, None, None),
        (49_000, 0, None),
    ],
)
def test_over_rate(gross_kg: int, limit_kg: int | None, expected: int | None) -> None:
    assert over_permille(gross_kg, limit_kg) == expected


def test_good_chain_holds_also_from_the_middle() -> None:
    signed = chain(5)
    assert verify_chain([], SIGNER.public_key) is None
    assert verify_chain(signed, SIGNER.public_key) is None
    assert (
        verify_chain(signed[3:], SIGNER.public_key, next_seq=4, prev_hash=record_hash(signed[2]))
        is None
    )


def test_breaks_of_the_chain_are_named() -> None:
    signed = chain(5)
    cut = signed[:2] + signed[3:]
    forged = sign_record(record(EVENT, seq=3, prev_hash=b"x" * 32), SIGNER)
    stranger = dataclasses.replace(ORIGIN, ledger_id=b"otherone")
    swapped = sign_record(
        record(EVENT, seq=3, prev_hash=record_hash(signed[1]), origin=stranger), SIGNER
    )
    for records, seq, why in (
        (cut, 3, "record 4 stands in the place of 3"),
        (signed[1:], 1, "record 2 stands in the place of 1"),
        ([*signed[:2], forged], 3, "prev_hash"),
        ([*signed[:2], swapped], 3, "another ledger"),
        ([*signed[:3], signed[3][:-1] + b"\x00", signed[4]], 4, "does not hold"),
    ):
        failure = verify_chain(records, SIGNER.public_key)
        assert failure is not None
        assert failure.seq == seq
        assert why in failure.why


def test_the_cddl_file_is_that_of_the_table() -> None:
    path = Path(terminal.__file__).parent / "records.cddl"
    assert path.read_text(encoding="utf-8") == cddl(), (
        "records.cddl is not what the table says: write cddl()'s text to it again"
    )
    for row in KEYS:
        assert f"  {row.key} => " in cddl().replace("? ", "")


def test_a_record_is_shown_in_china_time_to_the_second_that_has_begun() -> None:
    assert shown_time(0) == "1970-01-01 08:00:00"
    assert shown_time(1_763_000_720_999_999_999) == "2025-11-13 10:25:20"
    assert shown_time(1_763_000_721_000_000_000) == "2025-11-13 10:25:21"
