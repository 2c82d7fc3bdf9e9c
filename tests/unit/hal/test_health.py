"""The board's health on a folder in the place of /sys: values, faults, and what is unknown."""

from __future__ import annotations

import subprocess

import pytest

from hal.contract.types import FaultCode, MonotonicNs, Tri
from hal.linux.health import Limits, judge, look

NOW = MonotonicNs(7)
GOOD = {
    "class/thermal/thermal_zone0/temp": "51234\n",
    "devices/platform/soc/soc:firmware/get_throttled": "0\n",
    "block/mmcblk0/device/life_time": "0x02 0x01\n",
    "class/rtc/rtc0/since_epoch": "1790000000\n",
    "class/power_supply/ac/type": "Mains\n",
    "class/power_supply/ac/online": "1\n",
    "class/power_supply/ups/type": "Battery\n",
    "class/power_supply/ups/status": "Full\n",
    "class/power_supply/ups/capacity": "99\n",
}


def board(folder, **changes):
    for name, text in (GOOD | changes).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return look(folder, ask_firmware=lambda: 1 / 0)


def silent():
    raise FileNotFoundError(2, "vcgencmd")


def test_a_healthy_board_has_values_and_no_fault(tmp_path):
    health = board(tmp_path)
    assert (health.cpu_mc, health.wear_pct, health.rtc) == (51_234, 20, Tri.YES)
    assert [(u.name, u.on_battery, u.charge_pct) for u in health.ups] == [("ups", Tri.NO, 99)]
    assert judge(health, NOW) == ()


@pytest.mark.parametrize(
    ("name", "text", "code", "words"),
    [
        ("class/thermal/thermal_zone0/temp", "78001", FaultCode.HOT, "78 degrees"),
        ("devices/platform/soc/soc:firmware/get_throttled", "4", FaultCode.HOT, "slows"),
        ("devices/platform/soc/soc:firmware/get_throttled", "50001", FaultCode.SUPPLY, "now"),
        ("devices/platform/soc/soc:firmware/get_throttled", "10000", FaultCode.SUPPLY, "since"),
        ("block/mmcblk0/device/life_time", "0x08 0x01", FaultCode.WORN, "80 %"),
        ("class/rtc/rtc0/since_epoch", "86400", FaultCode.CLOCK, "battery"),
        ("class/power_supply/ups/status", "Discharging", FaultCode.SUPPLY, "on ups, 99 %"),
        ("class/power_supply/ups/capacity", "29", FaultCode.SUPPLY, "29 % only"),
    ],
)
def test_each_value_beyond_its_limit_is_its_fault(tmp_path, name, text, code, words):
    faults = judge(board(tmp_path, **{name: text}), NOW)
    assert [(fault.code, fault.device) for fault in faults] == [(code, "board")]
    assert words in faults[0].detail


def test_limits_are_inclusive_where_they_say_so(tmp_path):
    health = board(tmp_path, **{"class/thermal/thermal_zone0/temp": "78000"})
    assert judge(health, NOW) == ()
    assert judge(health, NOW, Limits(wear_pct_max=20))[0].code is FaultCode.WORN


def test_a_ups_that_does_not_say_is_judged_by_the_mains(tmp_path):
    health = board(
        tmp_path,
        **{"class/power_supply/ups/status": "Unknown", "class/power_supply/ac/online": "0"},
    )
    assert health.ups[0].on_battery is Tri.YES


def test_a_machine_without_any_of_it_is_unknown_and_no_fault(tmp_path):
    health = look(tmp_path, ask_firmware=silent)
    assert (health.cpu_mc, health.wear_pct, health.ups) == (None, None, ())
    assert {health.under_voltage, health.slowed, health.dipped, health.rtc} == {Tri.UNKNOWN}
    assert judge(health, NOW) == ()


def test_without_the_sysfs_file_the_firmware_is_asked_and_may_hang(tmp_path):
    assert look(tmp_path, ask_firmware=lambda: "0x1\n").under_voltage is Tri.YES

    def hang():
        raise subprocess.TimeoutExpired("vcgencmd", 1)

    assert look(tmp_path, ask_firmware=hang).under_voltage is Tri.UNKNOWN


def test_nonsense_in_a_file_is_unknown(tmp_path):
    changes = {name: "what\n" for name in GOOD if "type" not in name}
    folder = tmp_path
    health = None
    for name, text in (GOOD | changes).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    health = look(folder, ask_firmware=silent)
    assert (health.cpu_mc, health.wear_pct, health.rtc) == (None, None, Tri.UNKNOWN)
