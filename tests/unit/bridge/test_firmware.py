"""The firmware's C code with the real session: leases fall by themselves, chips are read right."""

from __future__ import annotations

import zlib
from pathlib import Path
from random import Random

import pytest

from firmware_bridge.link.frame import VERSION, FrameReceiver, LinkFrame, cobs_encode, encode
from firmware_bridge.mcu import protocol
from firmware_bridge.mcu.protocol import Refused, Type, Why
from firmware_bridge.mcu.session import LinkState
from firmware_bridge.sim.host_firmware import HostFirmware
from hal.contract.types import NS_PER_MS, MonotonicNs, SampleFlag
from tests.unit.bridge.firmware import ADS1232, Bench, ChipPins

LEASE_MS = 300


def lease(bench: Bench, mask: int, milliseconds: int = LEASE_MS) -> bool:
    until_ns = MonotonicNs(bench.now_ns + milliseconds * NS_PER_MS)
    return bench.session.lease(mask, until_ns, bench.now_ns)


def refusals(bench: Bench, wire: bytes) -> list[int]:
    sent = bench.firmware.step(wire) + bench.firmware.step() + bench.firmware.step()
    given = FrameReceiver().feed(sent)
    parsed = [protocol.parse(frame.type, frame.payload) for frame in given]
    return [one.why for one in parsed if isinstance(one, Refused)]


def frame(bench: Bench, kind: int, payload: bytes) -> bytes:
    return encode(LinkFrame(kind, VERSION, 0, bench.session._session, payload))


def test_a_welcome_says_what_the_board_is(fe_library: Path) -> None:
    bench = Bench(HostFirmware(fe_library, (ChipPins(), ChipPins()))).up()
    welcome = bench.session.welcome
    assert welcome is not None
    assert (welcome.cells, welcome.outputs, welcome.lease_ms_max) == (2, 4, LEASE_MS)
    assert (welcome.name, welcome.adc, welcome.full_scale) == ("host", 1, 0x7FFFFF)


def test_a_lease_that_nobody_renews_falls_within_300_ms(fe_library: Path) -> None:
    bench = Bench(HostFirmware(fe_library)).up()
    assert lease(bench, 0b101)
    bench.once()
    assert bench.firmware.relays == 0b101
    bench.cut_down = True
    began_us = bench.firmware.now_us
    while bench.firmware.relays:
        last_us = bench.firmware.now_us
        bench.run(500)
    assert 200_000 <= last_us - began_us <= LEASE_MS * 1_000
    bench.run(10_000)
    assert bench.session.status is not None
    assert bench.session.status.leases_expired == 1


def test_a_renewed_lease_stays_and_a_release_is_at_once(fe_library: Path) -> None:
    bench = Bench(HostFirmware(fe_library)).up()
    for _ in range(20):
        assert lease(bench, 1)
        bench.run(100_000)
        assert bench.firmware.relays == 1
    assert lease(bench, 0)
    bench.once()
    assert bench.firmware.relays == 0


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (protocol.lease(1, 1, 0), Why.LATE),
        (protocol.lease(1, 1, 10_000_000_000), Why.TOO_LONG),
        (protocol.lease(1, 0x10, 0), Why.OUTPUT),
        (b"\x01", Why.FORM),
    ],
)
def test_a_lease_that_is_not_sound_moves_nothing(
    fe_library: Path, payload: bytes, why: int
) -> None:
    bench = Bench(HostFirmware(fe_library)).up()
    assert refusals(bench, frame(bench, Type.LEASE, payload)) == [why]
    assert bench.firmware.relays == 0


def test_a_lease_that_lay_in_a_buffer_is_late_and_not_long(fe_library: Path) -> None:
    bench = Bench(HostFirmware(fe_library)).up()
    assert lease(bench, 1)
    delayed = bench.session.outgoing()
    bench.run(400_000)
    assert Why.LATE in refusals(bench, delayed)
    assert bench.firmware.relays == 0


def test_an_older_lease_cannot_undo_a_newer_release(fe_library: Path) -> None:
    bench = Bench(HostFirmware(fe_library)).up()
    assert lease(bench, 1)
    first = bench.session.outgoing()
    bench.firmware.step(first)
    assert lease(bench, 0)
    bench.once()
    assert refusals(bench, first) == [Why.LATE]
    assert bench.firmware.relays == 0


def test_a_frame_of_another_session_is_refused(fe_library: Path) -> None:
    bench = Bench(HostFirmware(fe_library)).up()
    wire = encode(LinkFrame(Type.LEASE, VERSION, 0, 12_345, protocol.lease(1, 1, 100)))
    assert refusals(bench, wire) == [Why.SESSION]


def test_a_silent_host_ends_the_session_and_a_new_hello_drops_relays(fe_library: Path) -> None:
    bench = Bench(HostFirmware(fe_library)).up()
    bench.cut_down = bench.cut_up = True
    bench.run(700_000)
    assert bench.session.state is LinkState.DOWN
    bench.cut_down = bench.cut_up = False
    bench.run(300_000)
    bench.up()
    assert bench.session.counters.sessions == 2
    assert lease(bench, 1)
    bench.once()
    bench.firmware.step(encode(LinkFrame(Type.HELLO, VERSION, 0, 0, protocol.hello(9))))
    assert bench.firmware.relays == 0


def test_a_version_that_the_board_does_not_speak_is_refused(fe_library: Path) -> None:
    bench = Bench(HostFirmware(fe_library)).up()
    wire = encode(LinkFrame(Type.HELLO, 2, 0, 0, b"\x02\x03\x00\x00\x00\x00"))
    assert refusals(bench, wire) == [Why.VERSION]


@pytest.mark.parametrize("kind", [1, ADS1232])
@pytest.mark.parametrize("counts", [0, 1, -1, 123_456, -123_456, 0x7FFFFE, -0x7FFFFF])
def test_every_word_of_a_chip_arrives_as_it_was(fe_library: Path, kind: int, counts: int) -> None:
    chip = ChipPins()
    bench = Bench(HostFirmware(fe_library, (chip,), kind)).up()
    for _ in range(6):
        chip.convert(counts)
        bench.run(12_500)
        assert chip.pulses == 25
    assert [s.counts for s in bench.samples] == [counts] * 6
    flags = [s.flags for s in bench.samples]
    assert flags == [int(SampleFlag.AFTER_FAULT)] * 4 + [0] * 2


@pytest.mark.parametrize("counts", [0x7FFFFF, -0x800000])
def test_a_word_at_the_rail_is_saturated(fe_library: Path, counts: int) -> None:
    chip = ChipPins()
    bench = Bench(HostFirmware(fe_library, (chip,))).up()
    chip.convert(counts)
    bench.run(12_500)
    assert bench.samples[0].flags & SampleFlag.SATURATED


def test_a_low_line_after_the_word_is_a_desync_and_spoils_four_more(fe_library: Path) -> None:
    chip = ChipPins()
    bench = Bench(HostFirmware(fe_library, (chip,))).up()
    for index in range(10):
        chip.high_after_word = index != 5
        chip.convert(1_000)
        bench.once()
        chip.ready = False
        bench.run(12_500)
    marked = [s.flags for s in bench.samples]
    after = int(SampleFlag.AFTER_FAULT)
    assert marked == [after] * 4 + [0] + [int(SampleFlag.DESYNC)] + [after] * 4


def test_a_stretched_pulse_is_told(fe_library: Path) -> None:
    chip = ChipPins()
    firmware = HostFirmware(fe_library, (chip,))
    bench = Bench(firmware).up()
    chip.convert(5)
    honest = chip.clock

    def stretched(high: bool) -> None:
        honest(high)
        if high and chip.pulses == 12:
            firmware.advance(80)

    chip.clock = stretched  # type: ignore[method-assign]
    bench.run(12_500)
    assert bench.samples[0].flags & SampleFlag.READ_TOO_LONG


def test_rubbish_cuts_and_wrong_bits_never_move_a_relay(fe_library: Path) -> None:
    bench = Bench(HostFirmware(fe_library)).up()
    lease(bench, 1)
    good = bench.session.outgoing()
    for at in range(len(good) - 1):
        for bit in range(8):
            wrong = bytearray(good)
            wrong[at] ^= 1 << bit
            bench.firmware.step(b"\0" + bytes(wrong) + b"\0")
            assert bench.firmware.relays == 0
    bench.firmware.step(good)
    assert bench.firmware.relays == 1


def test_random_bytes_move_nothing_and_leave_the_session_usable(fe_library: Path) -> None:
    bench = Bench(HostFirmware(fe_library, (ChipPins(),))).up()
    random = Random("firmware noise")
    for _ in range(400):
        bench.firmware.step(random.randbytes(60))
        assert bench.firmware.relays == 0
    bench.firmware.step(b"\0")
    assert lease(bench, 1)
    bench.firmware.step(bench.session.outgoing())
    assert bench.firmware.relays == 1


def test_c_and_python_agree_on_every_frame_length(fe_library: Path) -> None:
    bench = Bench(HostFirmware(fe_library)).up()
    for length in range(129):
        payload = bytes((7 * index) % 5 for index in range(length))
        raw = bytes((0x7F, VERSION, 0, 0)) + bench.session._session.to_bytes(4, "little") + payload
        wire = cobs_encode(raw + zlib.crc32(raw).to_bytes(4, "little")) + b"\0"
        assert refusals(bench, wire) == [Why.FORM], length


def test_the_watchdog_is_kicked_by_every_pass(fe_library: Path) -> None:
    firmware = HostFirmware(fe_library)
    for _ in range(5):
        firmware.step()
    assert firmware.watchdog_kicks == 5
