"""What the doctor finds on machines that lack one thing each, and the file it suggests."""

from __future__ import annotations

import pytest

from hal.contract.types import Fault, FaultCode, MonotonicNs
from terminal.config_load import parse
from terminal.config_rules import cross_check
from terminal.doctor.findings import Doctor, active_lines, chip_name, of_the_board
from terminal.doctor.suggest import suggest
from tests.unit.doctor.machines import CONFIG_TXT, FILES, GATE, NODES, PI4, FakeMachine, config


def wrong(machine, text=GATE, lang="en"):
    return [f for f in Doctor(machine, config(text), lang).examine() if f.grade == "wrong"]


def test_a_machine_that_has_everything_has_nothing_wrong_and_names_it():
    found = Doctor(FakeMachine(), config(), "en").examine()
    assert not [f for f in found if f.grade == "wrong"]
    said = "\n".join(f.what for f in found)
    for words in (PI4, "0x20: MCP23017", "0x70: TCA9548A", "DS3231", "unicam-image", "usb-FTDI"):
        assert words in said


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("dtparam=strict_gpiod", "dtparam=strict_gpiod"),
        ("dtparam=spi=on  # the sign", "dtparam=spi=on"),
        ("dtparam=i2c_arm=on,i2c_arm_baudrate=400000", "dtparam=i2c_arm=on,i2c_arm_baud"),
    ],
)
def test_a_line_missing_from_config_txt_is_said_with_the_line_to_add(line, named):
    files = FILES | {"/boot/firmware/config.txt": CONFIG_TXT.replace(line, "")}
    (finding,) = wrong(FakeMachine(files))
    assert finding.what.startswith(f"config.txt lacks {named}")
    assert f"Add the line {named}" in finding.do
    assert "/boot/firmware/config.txt" in finding.do


def test_a_kernel_that_keeps_relays_energised_is_wrong_and_an_unseen_one_a_note():
    persist = "/sys/module/pinctrl_bcm2835/parameters/persist_gpio_outputs"
    (finding,) = wrong(FakeMachine(FILES | {persist: "Y"}))
    assert "relays stay energised" in finding.what
    assert "dtparam=strict_gpiod" in finding.do
    files = {path: text for path, text in FILES.items() if path != persist}
    older = files | {"/sys/module/pinctrl_rp1/parameters/strict_gpiod": "Y"}
    assert not wrong(FakeMachine(older))
    older |= {"/sys/module/pinctrl_rp1/parameters/strict_gpiod": "N"}
    assert "relays stay energised" in wrong(FakeMachine(older))[0].what
    notes = [f for f in Doctor(FakeMachine(files), config(), "en").examine() if f.grade == "note"]
    assert "Cannot see" in notes[0].what


@pytest.mark.parametrize(
    ("machine", "words"),
    [
        (FakeMachine(bus=None), "I2C-1 cannot be opened"),
        (FakeMachine(bus=(0x70,)), "Nothing answers at 0x20 on I2C-1 (keypad.expander_address)"),
        (FakeMachine(bus=(0x20, 0x71)), "Nothing answers at 0x70"),
        (FakeMachine(cells=3), "No converter on channel 3"),
        (FakeMachine(nodes=NODES[:2]), "/dev/spidev0.1 does not exist (sign)"),
        (FakeMachine(nodes=NODES[1:]), "No GPIO chip"),
        (FakeMachine(FILES | {"/proc/device-tree/model": "PC"}), "Not a Raspberry Pi (PC)"),
    ],
)
def test_each_thing_missing_is_one_finding_with_a_remedy(machine, words):
    found = wrong(machine)
    assert words in "\n".join(f.what for f in found)
    assert all(f.do for f in found)


def test_the_wrong_address_shows_what_does_answer():
    (finding,) = wrong(FakeMachine(bus=(0x21, 0x70)))
    assert "0x21, 0x70" in finding.do


def test_a_node_that_this_user_may_not_open():
    machine = FakeMachine()
    machine.refused.add("/dev/spidev0.1")
    assert "may not open /dev/spidev0.1" in wrong(machine)[0].what


def test_chinese_is_spoken_too():
    assert "没有" in wrong(FakeMachine(bus=(0x70,)), lang="zh-CN")[0].what


def test_sections_of_config_txt_hold_for_their_board_only():
    text = "a=1\n[pi4]\nb=1\n[cm4]\nc=1\n[none]\nd=1\n[all]\ndtparam=x=on,y=off #z\n"
    assert active_lines(text, PI4) == {"a=1", "b=1", "dtparam=x", "dtparam=y=off"}
    module = "Raspberry Pi Compute Module 4 Rev 1.0"
    assert active_lines(text, module) == {"a=1", "c=1", "dtparam=x", "dtparam=y=off"}
    assert "b=1" not in active_lines(text, "PC")


def test_uart_watchdog_and_other_buses_want_their_lines():
    text = """
    [weighing]
    source = "indicator"
    [indicator]
    port = "/dev/serial0"
    [health]
    watchdog = "/dev/watchdog"
    [keypad]
    kind = "matrix"
    expander_bus = 3
    [sign]
    kind = "max7219"
    spi_port = 1
    """
    said = "\n".join(f.what for f in wrong(FakeMachine(), text))
    for line in ("enable_uart=1", "dtparam=watchdog=on", "dtoverlay=i2c3", "dtoverlay=spi1-3cs"):
        assert line in said


def test_chip_names_are_those_of_the_usual_addresses():
    assert (chip_name(0x2A), chip_name(0x77), chip_name(0x11)) == ("NAU7802", "TCA9548A", "?")


@pytest.mark.parametrize(
    ("machine", "words"),
    [
        (FakeMachine(), ("cells = 4", "mux_address = 0x70", 'kind = "usb"', "spi_device = 1")),
        (FakeMachine(nodes=NODES[:3]), ('kind = "matrix"', "expander_address = 0x20")),
        (FakeMachine(bus=(0x2A,)), ("cells = 1", "mux_address = 0")),
        (FakeMachine(bus=()), ("weigh-terminal listen /dev/", "usb-FTDI-port0")),
        (FakeMachine({}, (), None), ('kind = "none"', "No load-cell front end answered")),
        (FakeMachine(nodes=(*NODES, "/dev/usb/lp0")), ('device = "/dev/usb/lp0"',)),
    ],
)
def test_what_is_suggested_names_what_was_found_and_passes_the_check(machine, words):
    text = suggest(machine)
    for word in words:
        assert word in text
    found, problems = parse(text.encode())
    assert found is not None
    assert not problems
    assert not list(cross_check(found))


def test_the_boards_own_trouble_is_told_with_first_aid_and_none_is_said_to_be_none():
    fault = Fault(FaultCode.SUPPLY, "board", MonotonicNs(1), "the 5 V supply is too low now")
    (told,) = of_the_board((fault,), "en")
    assert told.grade == "wrong"
    assert told.what.endswith("the 5 V supply is too low now")
    assert "supply voltage" in told.do
    assert [one.grade for one in of_the_board((), "zh-CN")] == ["ok"]
