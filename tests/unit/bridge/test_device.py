"""The indicator device over a line that lies, falls silent, vanishes and comes back."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware_bridge.indicators.catalogue import decoder, find
from firmware_bridge.indicators.device import SerialIndicator, open_indicator, period_ms
from firmware_bridge.indicators.formatfile import FormatError, parse
from firmware_bridge.link.port import RETRY_NS_MAX, SerialLine, Settings
from firmware_bridge.sim.null_modem import NullModem
from firmware_bridge.sim.pty_line import PtyLine
from hal.contract.devices import Indicator
from hal.contract.types import (
    NS_PER_MS,
    NS_PER_S,
    ClockQuality,
    DeviceAbsentError,
    Fault,
    FaultCode,
    IndicatorReading,
    MonotonicNs,
)
from terminal.config_load import load
from terminal.wiring.bridge import weight_age_ms

FRAME = bytes.fromhex("02 2B 30 30 31 35 36 30 30 31 39 03")
PERIOD_NS = 100 * NS_PER_MS


class Clock:
    def monotonic_ns(self) -> MonotonicNs:
        return MonotonicNs(NS_PER_S)

    def wall_ns(self) -> int:
        return 0

    def quality(self) -> ClockQuality:
        return ClockQuality.UNKNOWN


class Rig:
    def __init__(self, protocol: str = "xk3190-tf0", scaling: str = "places-kg") -> None:
        format_ = find(protocol)
        assert format_ is not None
        self.line = NullModem()
        self.now_ns = MonotonicNs(NS_PER_S)
        self.device = SerialIndicator(
            self.line,
            decoder(format_, scaling),
            name="indicator",
            octet_ns=1_000_000,
            now_ns=self.now_ns,
        )

    def poll(self, octets: bytes = b"", after_ns: int = PERIOD_NS) -> tuple[list[int | None], set]:
        self.now_ns = MonotonicNs(self.now_ns + after_ns)
        self.line.to_host(octets)
        given = self.device.poll(self.now_ns, 16)
        masses = [one.gross_kg for one in given if isinstance(one, IndicatorReading)]
        return masses, {one.code for one in given if isinstance(one, Fault)}


def test_it_is_an_indicator_of_the_contract() -> None:
    assert isinstance(Rig().device, Indicator)


def test_readings_carry_the_frame_and_the_time_of_its_last_byte() -> None:
    rig = Rig()
    rig.now_ns = MonotonicNs(2 * NS_PER_S)
    rig.line.to_host(FRAME + FRAME[:5])
    (reading,) = rig.device.poll(rig.now_ns, 16)
    assert isinstance(reading, IndicatorReading)
    assert reading.raw == FRAME
    assert reading.at_ns == 2 * NS_PER_S - 5 * NS_PER_MS


def test_two_silent_periods_are_stale_and_told_once_a_second() -> None:
    rig = Rig()
    for _ in range(60):
        assert rig.poll(FRAME) == ([1_560], set())
    assert rig.poll(after_ns=150 * NS_PER_MS)[1] == set()
    assert rig.poll(after_ns=100 * NS_PER_MS)[1] == {FaultCode.STALE}
    assert rig.poll(after_ns=100 * NS_PER_MS)[1] == set()
    assert rig.poll(after_ns=NS_PER_S)[1] == {FaultCode.STALE}
    assert rig.poll(FRAME)[0] == [1_560]


def test_a_wrong_check_is_a_fault_and_no_reading() -> None:
    rig = Rig()
    rig.poll(FRAME)
    masses, codes = rig.poll(FRAME.replace(b"19", b"18") + FRAME)
    assert (masses, codes) == ([1_560], {FaultCode.FRAME})


def test_half_a_frame_at_the_start_is_no_fault() -> None:
    assert Rig().poll(FRAME[4:] + FRAME) == ([1_560], set())


def test_a_line_that_vanishes_in_a_frame_gives_no_glued_number() -> None:
    rig = Rig()
    rig.poll(FRAME)
    rig.poll(FRAME[:6])
    rig.line.vanish()
    assert rig.poll()[1] == {FaultCode.ABSENT}
    rig.line.come_back()
    assert rig.poll(FRAME[6:])[0] == []
    assert rig.poll(FRAME)[0] == [1_560]


def test_no_more_readings_than_asked_for_and_the_rest_later() -> None:
    rig = Rig()
    rig.line.to_host(FRAME * 20)
    first = rig.device.poll(rig.now_ns, 16)
    second = rig.device.poll(rig.now_ns, 16)
    assert (len(first), len(second)) == (16, 4)


def test_a_polled_format_is_asked_as_often_as_it_says() -> None:
    rig = Rig("xk3190-command")
    for _ in range(10):
        rig.poll(after_ns=PERIOD_NS)
    assert rig.line.from_host() == bytes.fromhex("02 41 42 30 33 03") * 5


def test_a_pty_unplugged_and_plugged_is_found_again_with_growing_pauses(tmp_path: Path) -> None:
    peer = PtyLine(tmp_path / "line")
    line = SerialLine(Settings(str(tmp_path / "line")), "indicator")
    now_ns = NS_PER_S
    peer.unplug()
    first = line.read(MonotonicNs(now_ns))
    assert isinstance(first, Fault)
    assert first.code is FaultCode.ABSENT
    for _ in range(40):
        now_ns += NS_PER_S
        line.read(MonotonicNs(now_ns))
    peer.plug()
    opened = line.opened
    line.read(MonotonicNs(now_ns + RETRY_NS_MAX))
    assert line.opened == opened + 1
    peer.send(FRAME)
    assert line.read(MonotonicNs(now_ns + RETRY_NS_MAX + 1)) == FRAME
    line.close()
    peer.close()


def test_a_port_in_use_is_absent_with_the_reason(tmp_path: Path) -> None:
    peer = PtyLine(tmp_path / "line")
    settings = Settings(str(tmp_path / "line"))
    line = SerialLine(settings, "indicator")
    with pytest.raises(DeviceAbsentError, match="cannot be opened"):
        SerialLine(settings, "indicator")
    line.close()
    peer.close()


@pytest.mark.parametrize(
    ("protocol", "scaling", "words"),
    [
        ("nonsense", "", "no protocol 'nonsense'"),
        ("toledo", "places-kg", "no scaling 'places-kg'"),
        ("xk3190-tf0", "digit-kg", "cannot be opened"),
    ],
)
def test_what_cannot_be_opened_says_what_to_do(
    tmp_path: Path, protocol: str, scaling: str, words: str
) -> None:
    with pytest.raises(DeviceAbsentError, match=words):
        open_indicator(
            Settings(str(tmp_path / "none")),
            protocol=protocol,
            confirmed_scaling=scaling,
            clock=Clock(),
            name="indicator",
        )


@pytest.mark.parametrize(
    ("protocol", "baud", "milliseconds"),
    [("xk3190-tf0", 9_600, 12), ("xk3190-tf0", 600, 199), ("mt-sics", 9_600, 200)],
)
def test_the_shortest_time_between_frames_is_known(
    protocol: str, baud: int, milliseconds: int
) -> None:
    format_ = find(protocol)
    assert format_ is not None
    assert period_ms(format_, Settings("", baud)) == milliseconds


@pytest.mark.parametrize(
    ("section", "milliseconds"),
    [
        ('protocol = "toledo"', 250),
        ('protocol = "xk3190-tf0"\nconfirmed_scaling = "places-kg"\nbaud = 600', 448),
        ('protocol = "mt-sics"', 450),
        ('protocol = "toledo"\nperiod_ms = 500', 1_050),
    ],
)
def test_a_mass_of_a_slow_indicator_may_be_two_frames_old(
    tmp_path: Path, section: str, milliseconds: int
) -> None:
    (tmp_path / "t.toml").write_text(f'[weighing]\nsource = "indicator"\n[indicator]\n{section}\n')
    assert weight_age_ms(load(tmp_path / "t.toml")) == milliseconds


OWN = """
name = "own"
title = "A scale of our own"
lines = ["9600 8N1"]
confirm = "never"
[[frame]]
part = [
    { kind = "literal", hex = "23" },
    { kind = "number", width = 5 },
    { kind = "words", name = "unit", words = { "kg" = "kg" } },
]
"""


def test_a_format_file_of_the_site_adds_an_indicator(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(OWN)
    peer = PtyLine(tmp_path / "line")
    device = open_indicator(
        Settings(str(tmp_path / "line")),
        protocol="own",
        confirmed_scaling="",
        clock=Clock(),
        name="indicator",
        format_file=tmp_path / "own.toml",
    )
    peer.send(b"#04250kg")
    readings = [r for r in device.poll(Clock().monotonic_ns(), 4) if not isinstance(r, Fault)]
    assert [r.gross_kg for r in readings] == [4_250]
    device.close()
    peer.close()


def test_a_format_file_lists_all_its_problems() -> None:
    with pytest.raises(FormatError) as caught:
        parse(OWN.replace('"never"', '"maybe"').replace("width = 5", "width = 99, odd = 1"), "own")
    text = str(caught.value)
    assert len(caught.value.problems) == 3
    for word in ("maybe", "from 1 to 16", "odd: unknown key"):
        assert word in text


def test_closing_frees_every_descriptor(tmp_path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    peer = PtyLine(tmp_path / "line")
    line = SerialLine(Settings(str(tmp_path / "line")), "indicator")
    line.close()
    line.close()
    peer.close()
    assert len(list(Path("/proc/self/fd").iterdir())) == before
