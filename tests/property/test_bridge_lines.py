"""Whatever a line does to bytes: no exception, no number that nobody sent, no relay by chance."""

from __future__ import annotations

import zlib
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge.indicators.catalogue import built_in, decoder
from firmware_bridge.indicators.encoder import Shown, encode
from firmware_bridge.indicators.reading import Reading
from firmware_bridge.indicators.spec import Format
from firmware_bridge.link.frame import (
    VERSION,
    FrameReceiver,
    LinkFrame,
    cobs_decode,
    cobs_encode,
)
from firmware_bridge.link.frame import (
    encode as encode_frame,
)
from firmware_bridge.sim.null_modem import Faults, Manipulator

NOISE_OCTETS = 200_000
CHUNK = 977
CHECKED = [one for one in built_in() if one.checked and one.frames]
"""What the others cannot show is listed in tests/unit/bridge/test_unchecked.py."""
each_format = pytest.mark.parametrize("format_", built_in(), ids=lambda f: f.name)


def scaling(format_: Format) -> str:
    return format_.scalings[0].name if format_.scalings else ""


@each_format
def test_noise_raises_nothing_and_gives_no_mass_where_there_is_a_check(format_: Format) -> None:
    noise = Random(f"noise/{format_.name}").randbytes(NOISE_OCTETS)
    one = decoder(format_, scaling(format_))
    given_ = [
        item for at in range(0, len(noise), CHUNK) for item in one.feed(noise[at : at + CHUNK])
    ]
    if format_.checked:
        assert not [item for item in given_ if isinstance(item, Reading)]


@each_format
@given(st.lists(st.integers(0, 99_999), min_size=2, max_size=6), st.data())
@settings(max_examples=30, deadline=None)
def test_any_cutting_of_a_stream_gives_the_same_masses(
    format_: Format, masses: list[int], data: st.DataObject
) -> None:
    frames = [encode(format_, Shown(kg)) for kg in masses]
    whole = b"".join(frames)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=8)))
    one = decoder(format_, scaling(format_))
    seen: list[int | None] = []
    for low, high in zip([0, *cuts], [*cuts, len(whole)], strict=True):
        seen += [i.gross_kg for i in one.feed(whole[low:high]) if isinstance(i, Reading)]
    expected = masses if frames[0] else []
    assert seen in (expected, expected[:-1])


@pytest.mark.parametrize("format_", CHECKED, ids=lambda f: f.name)
@pytest.mark.parametrize("seed", range(3))
def test_a_line_that_drops_and_repeats_shows_no_mass_that_was_not_sent(
    format_: Format, seed: int
) -> None:
    wire = Manipulator(Faults(drop=5, repeat=5, corrupt=10, split=200, delay=50), seed)
    sent = [20 * index for index in range(300)]
    one = decoder(format_, scaling(format_))
    seen: list[int | None] = []
    for kg in sent:
        seen += [
            item.gross_kg
            for item in one.feed(wire(encode(format_, Shown(kg))))
            if isinstance(item, Reading)
        ]
    assert wire.touched
    assert set(seen) <= set(sent)


@given(st.binary(max_size=400))
def test_cobs_comes_back_and_holds_no_zero(octets: bytes) -> None:
    wire = cobs_encode(octets)
    assert 0 not in wire
    assert cobs_decode(wire) == octets


@given(st.binary(max_size=300))
def test_any_bytes_are_a_frame_only_with_their_check(octets: bytes) -> None:
    for frame in FrameReceiver().feed(octets + b"\0"):
        raw = bytes((frame.type, frame.version)) + frame.seq.to_bytes(2, "little")
        raw += frame.session.to_bytes(4, "little") + frame.payload
        assert cobs_encode(raw + zlib.crc32(raw).to_bytes(4, "little")) in octets


@given(
    st.integers(0, 255), st.integers(0, 65_535), st.integers(0, 2**32 - 1), st.binary(max_size=128)
)
def test_link_frames_come_back(kind: int, seq: int, session: int, payload: bytes) -> None:
    frame = LinkFrame(kind, VERSION, seq, session, payload)
    receiver = FrameReceiver()
    wire = encode_frame(frame)
    assert receiver.feed(b"\x07\x00" + wire[:3]) == []
    assert receiver.feed(wire[3:]) == [frame]
    assert receiver.bad_frames == 1


@given(st.binary(min_size=1, max_size=40), st.integers(0, 10**6))
def test_one_wrong_bit_is_never_a_link_frame(payload: bytes, where: int) -> None:
    wire = bytearray(encode_frame(LinkFrame(4, VERSION, 1, 2, payload)))
    bit = where % (8 * (len(wire) - 1))
    wire[bit // 8] ^= 1 << bit % 8
    assert FrameReceiver().feed(bytes(wire)) == []
