"""The wiring drawings: what is checked in is what the examples say, and every wire is on it."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from terminal import examples
from terminal.cli import main
from terminal.config_load import load
from terminal.doctor.drawing import SHADES, svg
from terminal.doctor.wires import BUS_COLOURS, COLOURS, wires
from tests.unit.doctor.machines import config

DRAWINGS = Path(__file__).parents[3] / "hal" / "wiring"
EXAMPLES = Path(examples.__file__).parent
CASES = [(name, lang) for name in ("gate", "indicator") for lang in ("en", "zh-CN")]


@pytest.mark.parametrize(("name", "lang"), CASES)
def test_the_drawing_checked_in_is_the_examples_own(name, lang):
    drawn = svg(load(EXAMPLES / f"{name}.toml").config, lang)
    redraw = f"weigh-terminal doctor --config terminal/examples/{name}.toml --language {lang} "
    redraw += f"--drawing hal/wiring/{name}.{lang}.svg"
    assert (DRAWINGS / f"{name}.{lang}.svg").read_text() == drawn, f"drift; draw again: {redraw}"


@pytest.mark.parametrize("name", ["gate", "indicator"])
def test_every_wire_is_on_the_drawing_once(name):
    found = load(EXAMPLES / f"{name}.toml").config
    tree = ElementTree.fromstring(svg(found, "en"))
    words = [node.text for node in tree.iter() if node.tag.endswith("text")]
    for wire in wires(found):
        assert words.count(wire.key) == 1, wire.key


def test_lines_without_a_place_on_the_header_are_not_drawn_and_shades_are_complete():
    odd = config('[field]\nkind = "gpio"\nsiren = 40\nexpander_address = 0x21\nseal = 104\n')
    drawn = svg(odd, "en")
    assert "field.siren" not in drawn
    assert "field MCP23017, I2C-1 0x21" in drawn
    assert {colour for _part, colour in COLOURS} | set(BUS_COLOURS.values()) <= set(SHADES)


def test_the_command_draws_the_configuration_of_the_site(tmp_path):
    target = tmp_path / "wires.svg"
    assert main(["doctor", "--config", str(EXAMPLES / "gate.toml"), "--drawing", str(target)]) == 0
    assert "针接线图" in target.read_text()
