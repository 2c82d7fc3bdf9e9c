"""Listening: every format is found among all, or the two that the wire cannot tell are named."""

from __future__ import annotations

import pytest

from firmware_bridge.indicators import modbus
from firmware_bridge.indicators.catalogue import built_in
from firmware_bridge.indicators.checks import crc16_modbus_bytes
from firmware_bridge.indicators.encoder import Shown, encode
from firmware_bridge.indicators.listen import Load, Stage, distinct, judge, remaining
from firmware_bridge.indicators.spec import Format

MASSES_KG = (0, 15_600, 48_980)
REPEATS = 12


def stream(format_: Format, kg: int) -> bytes:
    if format_.name != modbus.FORMAT.name:
        return encode(format_, Shown(kg)) * REPEATS
    status = bytes((1, 3, 2, 0, 0))
    gross = bytes((1, 3, 4)) + kg.to_bytes(4, "big")
    pair = status + crc16_modbus_bytes(status) + gross + crc16_modbus_bytes(gross)
    return pair * REPEATS


@pytest.mark.parametrize("format_", built_in(), ids=lambda f: f.name)
def test_three_loads_leave_the_format_that_sends_or_name_its_twin(format_: Format) -> None:
    finding = judge(stream(format_, MASSES_KG[1]), built_in())
    assert finding.stage is Stage.STREAMING
    loads = [Load(kg, stream(format_, kg)) for kg in MASSES_KG]
    left = {one.format.name for one in remaining(finding.candidates, loads)}
    assert format_.name in left
    assert left - {format_.name} <= TWINS.get(format_.name, set())


TWINS: dict[str, set[str]] = {}


@pytest.mark.parametrize("format_", built_in(), ids=lambda f: f.name)
def test_a_wrong_display_leaves_nothing(format_: Format) -> None:
    finding = judge(stream(format_, MASSES_KG[1]), built_in())
    loads = [Load(kg + 20, stream(format_, kg)) for kg in MASSES_KG]
    assert remaining(finding.candidates, loads) == ()


def test_the_steps_are_told_apart() -> None:
    tf0 = next(one for one in built_in() if one.name == "xk3190-tf0")
    good = stream(tf0, 1_560)
    assert judge(b"", built_in()).stage is Stage.NO_BYTES
    assert judge(bytes(range(128, 256)) * 3, built_in()).stage is Stage.NO_FRAMES
    assert judge(good.replace(b"19\x03", b"18\x03"), built_in()).stage is Stage.CHECK_FAILS
    assert judge(good, built_in()).stage is Stage.STREAMING
    pounds = b"ST,GS,+ 000060lb\r\n" * REPEATS
    assert judge(pounds, built_in()).stage is Stage.NO_MEANING


def test_the_same_load_twice_is_one_load() -> None:
    assert distinct([Load(0, b""), Load(60, b""), Load(60, b"")]) == 2
