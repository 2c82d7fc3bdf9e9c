"""Slips, sounds and the board's health beside the panel: once each, faults to control."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from hal.contract.types import DeviceAbsentError, Fault, FaultCode, MonotonicNs
from hal.drivers.escpos import slip
from hal.linux.speaker import tone
from hal.sim.max17040 import SimGauge
from terminal.config import Config, Loaded, Site
from terminal.core.types import Display, Prompt
from terminal.link import Received
from terminal.messages import DeviceFault
from terminal.node import Tick
from terminal.panel.aids import HEALTH_NS, BoardHealth, Slips, Sounds, slip_lines
from terminal.panel.layout import Style
from terminal.panel.node import PanelNode
from terminal.wiring.context import Context
from terminal.wiring.panel_aids import TONES, aids
from tests.contract.worlds import HandClock
from tests.unit.panel.test_node import snapshot

NOW = MonotonicNs(5_000_000_000)
OVER = Display(
    prompt=Prompt.OVER, plate="晋K12345", axles=6, gross_kg=52_340, limit_kg=49_000, over_kg=3_340
)


class FakePrinter:
    def __init__(self):
        self.slips, self.fault, self.closed = [], None, False

    def put(self, slip, now_ns):
        self.slips.append(slip)

    def poll(self, now_ns):
        return self.fault

    def close(self):
        self.closed = True


class FakeSpeaker(FakePrinter):
    def play(self, wav, now_ns):
        self.slips.append(wav)
        return self.fault


def said(display, now=NOW, **more):
    return msgspec.structs.replace(snapshot(now, display), visit_id=7, **more)


def test_one_slip_a_visit_with_the_reports_own_words():
    printer = FakePrinter()
    slips = Slips(printer, Site(), HandClock(), slip)
    for display in (Display(prompt=Prompt.WEIGHING), OVER, OVER, Display(), OVER):
        slips.hear(said(display), NOW)
    assert len(printer.slips) == 1
    assert "毛重（kg）: 52340".encode("gb18030") in printer.slips[0]
    slips.close()
    assert printer.closed


def test_what_a_slip_says_in_both_languages():
    lines = slip_lines(said(OVER, simulated=True), Site(language="en"), "2026-11-23 12:00:00")
    assert "Plate: 晋K12345" in lines
    assert "Gross mass (kg): 52340" in lines
    assert "Limit (kg): 49000" in lines
    assert "Over by (kg): 3340" in lines
    assert lines[-1] == "Simulated: yes"
    passed = Display(prompt=Prompt.PASS, gross_kg=48_000)
    plain = slip_lines(said(passed, simulated=False), Site(), "x")
    assert not [line for line in plain if "模拟" in line or "车牌" in line or "超限" in line]


def test_a_sound_for_a_new_prompt_only():
    speaker = FakeSpeaker()
    sounds = Sounds(speaker, {Prompt.OVER: b"over"})
    for display in (Display(prompt=Prompt.IDLE), OVER, OVER, Display(prompt=Prompt.IDLE), OVER):
        sounds.hear(said(display), NOW)
    assert speaker.slips == [b"over", b"over"]


def test_faults_of_aids_reach_control_through_the_panel_and_all_are_closed():
    printer = FakePrinter()
    printer.fault = Fault(FaultCode.ABSENT, "printer", NOW, "gone")
    health = Fault(FaultCode.HOT, "board", NOW, "hot")
    looks = []

    def look(now_ns):
        looks.append(now_ns)
        return (health,)

    panel_aids = [Slips(printer, Site(), HandClock(), slip), BoardHealth(look)]
    node = PanelNode(None, None, Style("zh-CN", True, ""), NOW, aids=panel_aids)
    node.on_event(Received("control", said(OVER)), NOW)
    sends = [send.message for send in node.on_event(Tick(), NOW)]
    assert [m.fault.code for m in sends if isinstance(m, DeviceFault)] == [
        FaultCode.ABSENT,
        FaultCode.HOT,
    ]
    node.on_event(Tick(), MonotonicNs(NOW + HEALTH_NS - 1))
    node.on_event(Tick(), MonotonicNs(NOW + HEALTH_NS))
    assert len(looks) == 2
    assert len(printer.slips) == 1
    node.close()
    assert printer.closed


def context(folder: Path, **sections) -> Context:
    config = msgspec.convert(sections, Config)
    return Context("panel", Loaded(config, folder, b""), HandClock())


def test_wiring_gives_what_is_configured(tmp_path):
    assert aids(context(tmp_path)) == []
    assert len(TONES) >= 6
    (tmp_path / "words").mkdir()
    (tmp_path / "words" / "pass.wav").write_bytes(tone(((440, 10),)))
    real = {"field": {"kind": "gpio"}, "sign": {"kind": "none"}, "keypad": {"kind": "none"}}
    real |= {"camera": {"kind": "none"}, "amplifier": {"kind": "nau7802"}}
    speaker = {"enabled": True, "folder": "words"}
    found = aids(context(tmp_path, printer={"device": "/dev/null"}, speaker=speaker, **real))
    assert [type(aid).__name__ for aid in found] == ["Slips", "Sounds", "BoardHealth"]
    (tmp_path / "words" / "over.wav").write_bytes(b"MP3")
    with pytest.raises(DeviceAbsentError, match=r"over\.wav is no WAV"):
        aids(context(tmp_path, speaker=speaker))


def test_a_battery_gauge_is_opened_and_freed(tmp_path, monkeypatch):
    closed = []

    class Bus(SimGauge):
        def close(self):
            closed.append(True)

    monkeypatch.setattr("hal.linux.i2c.LinuxI2c", lambda _bus, _name: Bus())
    (gauge,) = aids(context(tmp_path, health={"ups_address": 0x36}))
    assert gauge.poll(NOW) == ()
    gauge.close()
    assert closed == [True]
