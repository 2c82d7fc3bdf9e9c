"""A sign whose owner died goes dark: the command, and the unit that calls it."""

from __future__ import annotations

from hal.contract.types import DeviceAbsentError
from hal.sim.sign import SimSpi
from terminal import exits
from terminal.cli import main
from terminal.commands.units import service
from terminal.processes import PROCESSES
from tests.contract.worlds import HandClock, HandWorld


def test_the_last_picture_of_a_dead_owner_is_gone(tmp_path, monkeypatch):
    world, clock = HandWorld(), HandClock()
    world.lit = (128, 32, b"\xff" * 512)
    monkeypatch.setattr("hal.linux.spi.LinuxSpi", lambda _name: SimSpi(world, 128, 32, clock))
    file = tmp_path / "t.toml"
    file.write_text('[sign]\nkind = "max7219"\n')
    assert main(["blank-sign", "--config", str(file)]) == exits.OK
    assert not any(world.lit[2])


def test_no_sign_is_no_error_and_an_absent_one_is_said(tmp_path, monkeypatch, capsys):
    file = tmp_path / "t.toml"
    file.write_text('[sign]\nkind = "none"\n')
    assert main(["blank-sign", "--config", str(file)]) == exits.OK
    file.write_text("x = 1")
    assert main(["blank-sign", "--config", str(file)]) == exits.CONFIG
    file.write_text('[sign]\nkind = "max7219"\n')

    def absent(_name):
        raise DeviceAbsentError("sign", "gone", "Check its plug")

    monkeypatch.setattr("hal.linux.spi.LinuxSpi", absent)
    assert main(["blank-sign", "--config", str(file)]) == exits.ABSENT
    assert "Check its plug" in capsys.readouterr().err


def test_systemd_blanks_the_sign_after_the_panel_and_nothing_after_the_others():
    for row in PROCESSES:
        if row.simulated_only:
            continue
        text = service(row, "/opt/weigh", "/etc/t.toml")
        line = "ExecStopPost=-/opt/weigh blank-sign --config /etc/t.toml\n"
        assert (line in text) == (row.name == "panel")
