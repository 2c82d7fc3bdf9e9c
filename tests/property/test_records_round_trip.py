"""Records of any content: one encoding, read back the same, and nothing else is let in."""

from __future__ import annotations

import cbor2
from hypothesis import given
from hypothesis import strategies as st

from hal.contract.types import ClockQuality
from terminal.core.types import PhotoRef, PlateSource, Verdict, WeightSource
from terminal.records import (
    COLOUR_CODES,
    KEYS,
    Gap,
    Happening,
    Origin,
    Part,
    Record,
    RecordError,
    Weigh,
    decode_body,
    decode_signed,
    encode_body,
    record_hash,
    sign_record,
    verify_chain,
    verify_record,
)
from tests.unit.ledger.builders import SIGNER, record

SIZES = {row.name: row.size for row in KEYS}
counts = st.integers(0, 2**63 - 1)
masses = st.integers(-(2**63 - 1), 2**63 - 1)


def octets(name: str) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=SIZES[name], max_size=SIZES[name])


def words(name: str) -> st.SearchStrategy[str]:
    return st.text(max_size=SIZES[name] // 4)


photos = st.builds(PhotoRef, st.text(max_size=4), st.binary(min_size=32, max_size=32), counts)
weighs = st.builds(
    Weigh,
    visit_id=counts,
    verdict=st.sampled_from(Verdict),
    reason=words("reason"),
    gross_kg=masses,
    uncertainty_kg=counts,
    e_kg=counts,
    source=st.sampled_from(WeightSource),
    limit_kg=st.none() | counts,
    over_kg=counts,
    over_permille=st.none() | counts,
    limit_row=words("limit_row"),
    limit_edition=words("limit_edition"),
    axles=st.none() | counts,
    axle_loads_kg=st.lists(masses, max_size=SIZES["axle_loads_kg"]).map(tuple),
    vehicle_type=st.none() | words("vehicle_type"),
    plate=words("plate"),
    plate_colour=st.sampled_from(sorted(map(str, COLOUR_CODES))),
    colour_table=words("colour_table"),
    plate_kind=words("plate_kind"),
    plate_source=st.sampled_from(PlateSource),
    plate_margin_mn=counts,
    weigh_flags=counts,
    zero_age_ms=counts,
    arrived_ns=counts,
    weighed_ns=counts,
    photos=st.lists(photos, max_size=SIZES["photos"]).map(tuple),
    supersedes=st.none() | counts,
    rear_plate=st.none() | words("rear_plate"),
)
happenings = st.builds(Happening, event=words("event"), detail=words("detail"), at_ns=counts)
gaps = st.builds(
    Gap,
    gap_class=words("gap_class"),
    first_seq=counts,
    last_seq=counts,
    count=counts,
    why=words("why"),
)
origins = st.builds(
    Origin,
    terminal_id=words("terminal_id"),
    ledger_id=octets("ledger_id"),
    source_unit=words("source_unit"),
    source_name=words("source_name"),
    lane=counts,
    boot_id=octets("boot_id"),
    software_version=words("software_version"),
    software_sha256=octets("software_sha256"),
    config_sha256=octets("config_sha256"),
    calibration_id=words("calibration_id"),
)
records = st.builds(
    Record,
    origin=origins,
    seq=counts,
    prev_hash=octets("prev_hash"),
    wall_ns=counts,
    clock_quality=st.sampled_from(ClockQuality),
    recorded_ns=counts,
    simulated=st.booleans(),
    content=weighs | happenings | gaps,
)


@given(records)
def test_round_trip_is_exact_and_canonical(one: Record) -> None:
    body = encode_body(one)
    assert decode_body(body) == one
    keys = list(cbor2.loads(body))
    assert keys == sorted(keys)
    parts = {row.part for row in KEYS if row.key in keys}
    assert parts == {Part.ORIGIN, Part.HEAD, next(p for p in Part if p.value == one.kind.value)}
    assert verify_record(sign_record(one, SIGNER), SIGNER.public_key) == one


@given(records, st.data())
def test_one_changed_octet_is_always_found(one: Record, data: st.DataObject) -> None:
    signed = bytearray(sign_record(one, SIGNER))
    at = data.draw(st.integers(0, len(signed) - 1))
    signed[at] ^= data.draw(st.integers(1, 255))
    try:
        verify_record(bytes(signed), SIGNER.public_key)
    except RecordError:
        return
    raise AssertionError(f"a change of octet {at} was not found")


@given(st.binary(max_size=300))
def test_any_octets_are_refused_with_a_record_error(wire: bytes) -> None:
    for read in (decode_signed, decode_body):
        try:
            read(wire)
        except RecordError:
            continue
        raise AssertionError("random octets were taken for a record")


@given(st.lists(happenings, min_size=1, max_size=6), st.data())
def test_a_chain_holds_until_it_is_cut(contents: list[Happening], data: st.DataObject) -> None:
    signed: list[bytes] = []
    prev_hash = bytes(32)
    for seq, content in enumerate(contents, 1):
        signed.append(sign_record(record(content, seq=seq, prev_hash=prev_hash), SIGNER))
        prev_hash = record_hash(signed[-1])
    assert verify_chain(signed, SIGNER.public_key) is None
    cut = data.draw(st.integers(0, len(signed) - 1))
    left = signed[:cut] + signed[cut + 1 :]
    failure = verify_chain(left, SIGNER.public_key)
    if cut == len(signed) - 1:
        assert failure is None
    else:
        assert failure is not None
        assert failure.seq == cut + 1
