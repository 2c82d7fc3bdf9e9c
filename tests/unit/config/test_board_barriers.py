"""field.barriers = "mcu": the arms hang on the microcontroller's own numbers, by its own rules."""

from __future__ import annotations

import pytest

from terminal.config import Config
from terminal.config_load import parse
from terminal.config_pins import used_lines
from terminal.config_rules import cross_check
from terminal.doctor.wires import wires

BOARD = """
[amplifier]
kind = "mcu"
port = "/dev/ttyACM0"
[field]
kind = "gpio"
barriers = "mcu"
exit_open = 0
exit_is_open = 0
exit_is_closed = 1
entry_open = 1
entry_is_open = 2
entry_is_closed = 3
"""


def read(text: str) -> Config:
    config, problems = parse(text.encode())
    assert config is not None, problems
    return config


def test_arms_on_the_board_use_its_numbers_and_leave_the_header_free() -> None:
    config = read(BOARD)
    assert not list(cross_check(config))
    keys = [key for key, _line in used_lines(config)]
    assert not [key for key in keys if key.startswith(("field.exit_", "field.entry_"))]
    assert "field.lamp_exit" in keys
    board = {wire.key: wire.bcm for wire in wires(config) if wire.place == "microcontroller"}
    assert board["field.exit_open"] == "output 0"
    assert board["field.entry_is_closed"] == "input 3"
    assert len(board) == 6


@pytest.mark.parametrize(
    ("before", "after", "key", "words"),
    [
        ('kind = "mcu"', 'kind = "nau7802"', "field.barriers", "amplifier.kind = 'mcu'"),
        ('kind = "gpio"', 'kind = "sim"', "field.kind", "'gpio'"),
        ("exit_open = 0", "exit_open = 8", "field.exit_open", "0 to 7"),
        ("entry_open = 1", "entry_open = 0", "field.entry_open", "field.exit_open"),
        ("entry_is_open = 2", "entry_is_open = 1", "field.entry_is_open", "exit_is_closed"),
        ("exit_is_open = 0", "exit_is_open = -1", "field.exit_is_open", "0 to 7"),
        ("[amplifier]", '[lane]\nbarrier = "pulse"\n[amplifier]', "lane.barrier", "'hold'"),
    ],
)
def test_what_does_not_fit_the_board_is_refused_by_name(
    before: str, after: str, key: str, words: str
) -> None:
    assert before in BOARD
    problems = {one.key: one.allowed for one in cross_check(read(BOARD.replace(before, after)))}
    assert words in problems[key]
