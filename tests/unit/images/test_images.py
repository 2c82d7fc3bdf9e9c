"""Units against the process table, firmware settings, first boot, and the boot slots."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from terminal import exits
from terminal.cli import main
from terminal.commands.units import ACCESS, units
from terminal.config_load import load
from terminal.processes import PROCESSES

ROOT = Path(__file__).resolve().parents[3]
IMAGES = ROOT / "images"
STRICT = re.compile(r"^dtparam=strict_gpiod$", re.MULTILINE)


def test_the_checked_in_units_are_those_of_the_table() -> None:
    for name, text in units().items():
        stored = (IMAGES / "systemd" / name).read_text()
        assert stored == text, f"{name} is stale: weigh-terminal units images/systemd"


def test_every_real_process_has_a_unit_and_a_row_of_what_it_may_reach() -> None:
    real = {row.name for row in PROCESSES if not row.simulated_only}
    assert set(ACCESS) == real
    assert {name for name in units() if name.endswith(".service")} == {
        f"weigh-terminal-{name}.service" for name in real
    }


def test_only_processes_that_speak_to_others_have_a_network() -> None:
    alone = {name for name in ACCESS if "PrivateNetwork=yes" in units()[_unit(name)]}
    assert alone == {"control", "ledger", "panel"}
    assert "gpiochip" not in units()[_unit("uplink")]
    assert "gpiochip" not in units()[_unit("console")]


def test_the_watchdog_of_each_unit_is_the_tables() -> None:
    for row in PROCESSES:
        if not row.simulated_only:
            assert f"\nWatchdogSec={row.watchdog_s}\n" in units()[_unit(row.name)]


def _unit(name: str) -> str:
    return f"weigh-terminal-{name}.service"


def test_the_command_writes_units_and_refuses_a_file_as_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["units", str(tmp_path / "out"), "--program", "/usr/bin/wt"]) == exits.OK
    assert "ExecStart=/usr/bin/wt process" in (tmp_path / "out" / _unit("control")).read_text()
    (tmp_path / "file").write_text("")
    assert main(["units", str(tmp_path / "file")]) == exits.ABSENT
    assert "choose another folder" in capsys.readouterr().out


def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed: the units are compared, not parsed")
    for path in (IMAGES / "systemd").iterdir():
        text = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", path.read_text(), flags=re.M)
        (tmp_path / path.name).write_text(text)
    shown = subprocess.run(
        ["systemd-analyze", "verify", *(str(path) for path in tmp_path.iterdir())],
        capture_output=True,
        text=True,
        check=False,
    )
    complaints = [line for line in shown.stderr.splitlines() if "weigh-terminal" in line]
    assert not complaints


def test_relays_fall_with_their_owner() -> None:
    assert STRICT.search((IMAGES / "config.txt").read_text())


@pytest.fixture
def card(tmp_path: Path) -> Path:
    (tmp_path / "boot/firmware").mkdir(parents=True)
    (tmp_path / "etc").mkdir()
    (tmp_path / "share").mkdir()
    shutil.copy(IMAGES / "config.txt", tmp_path / "boot/firmware/config.txt")
    shutil.copy(IMAGES / "first-boot/sysusers.conf", tmp_path / "share/sysusers.conf")
    shutil.copy(ROOT / "terminal/examples/gate.toml", tmp_path / "share/gate.toml")
    return tmp_path


def first_boot(card: Path) -> subprocess.CompletedProcess[str]:
    if os.geteuid() != 0 or shutil.which("systemd-sysusers") is None:
        pytest.skip("first boot makes a user: it needs root and systemd-sysusers")
    return subprocess.run(
        ["sh", str(IMAGES / "first-boot/first-boot")],
        env={**os.environ, "ROOT": str(card), "SHARE": str(card / "share")},
        capture_output=True,
        text=True,
        check=False,
    )


def test_first_boot_leaves_a_configuration_that_passes_and_keeps_it(card: Path) -> None:
    shown = first_boot(card)
    assert shown.returncode == 0, shown.stderr
    stored = card / "var/lib/weigh-terminal/terminal.toml"
    config = load(stored).config
    assert config.runtime.folder == "/run/weigh-terminal"
    assert config.field.kind == "gpio"
    assert stored.stat().st_uid != 0
    stored.write_text("edited")
    assert first_boot(card).returncode == 0
    assert stored.read_text() == "edited"


@pytest.mark.parametrize("line", ["", "#dtparam=strict_gpiod", "dtparam=strict_gpiod_not"])
def test_first_boot_refuses_a_board_that_keeps_relays_on(card: Path, line: str) -> None:
    config = card / "boot/firmware/config.txt"
    config.write_text(STRICT.sub(line, config.read_text()))
    shown = first_boot(card)
    assert shown.returncode == exits.ABSENT
    assert "strict_gpiod" in shown.stderr
    assert not (card / "var/lib/weigh-terminal/terminal.toml").exists()


class Slots:
    """`boot-slot` on files, as RAUC would call it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.autoboot = folder / "autoboot.txt"
        self.autoboot.write_text(
            "[all]\ntryboot_a_b=1\nboot_partition=2\n[tryboot]\nboot_partition=3\n"
        )
        self.runs("a")

    def runs(self, slot: str) -> None:
        (self.folder / "cmdline").write_text(f"root=x rauc.slot={slot} quiet\n")

    def __call__(self, *words: str) -> str:
        done = subprocess.run(
            ["sh", str(IMAGES / "rauc/boot-slot"), *words],
            env={
                **os.environ,
                "AUTOBOOT": str(self.autoboot),
                "STATE": str(self.folder / "state"),
                "CMDLINE": str(self.folder / "cmdline"),
            },
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()


def test_a_new_slot_is_tried_and_becomes_usual_only_once_it_ran(tmp_path: Path) -> None:
    slot = Slots(tmp_path)
    assert (slot("get-current"), slot("get-primary")) == ("a", "a")
    slot("set-primary", "b")
    slot("set-state", "b", "good")
    assert slot("get-primary") == "b"
    assert "[all]\ntryboot_a_b=1\nboot_partition=2\n" in slot.autoboot.read_text()
    slot.runs("b")
    slot("set-state", "b", "good")
    assert "[all]\ntryboot_a_b=1\nboot_partition=3\n" in slot.autoboot.read_text()
    assert slot("get-primary") == "b"


def test_a_slot_called_bad_is_not_tried_again(tmp_path: Path) -> None:
    slot = Slots(tmp_path)
    slot("set-primary", "b")
    slot("set-state", "b", "bad")
    assert (slot("get-state", "b"), slot("get-primary")) == ("bad", "a")
    with pytest.raises(subprocess.CalledProcessError):
        slot("set-primary", "c")
