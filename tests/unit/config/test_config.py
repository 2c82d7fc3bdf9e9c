"""The configuration file: every problem at once, nothing unknown accepted."""

from __future__ import annotations

from pathlib import Path

import pytest

from terminal import exits
from terminal.cli import main
from terminal.config import Config, ConfigError
from terminal.config_load import describe, load, parse
from terminal.config_rules import PLACE_CM, cross_check
from terminal.weighing.gains import LINE_M


def problems(text: str) -> dict[str, tuple[str, str]]:
    config, found = parse(text.encode())
    rules: list[tuple[str, str, str]] = [(p.key, p.found, p.allowed) for p in found]
    if config is not None:
        from terminal.config_rules import cross_check

        rules += [(p.key, p.found, p.allowed) for p in cross_check(config)]
    return {key: (seen, allowed) for key, seen, allowed in rules}


def test_an_empty_file_is_the_simulated_default() -> None:
    assert parse(b"") == (Config(), ())
    assert problems("") == {}


def test_all_problems_come_at_once_with_key_found_and_allowed() -> None:
    found = problems(
        """
        colour = 1
        [lane]
        kind = "triple"
        boardng_s_max = 3
        [weighing]
        max_kg = 5
        e_kg = 3
        [[targets]]
        uri = "http://x"
        nmae = "a"
        [field]
        kind = "gpio"
        beam_exit = 5
        """
    )
    assert found["lane.kind"] == ("'triple'", "one of 'exit-only', 'double'")
    assert found["lane.boardng_s_max"] == ("unknown key", "perhaps 'boarding_s_max'")
    assert found["weighing.max_kg"][1] == "a whole number from 1000 to 300000"
    assert "targets[0].uri" in found
    assert "targets[0].nmae" in found
    assert "colour" in found
    assert found["field.beam_exit"][1] == "a pin not used by field.beam_entry"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[weighing]\nmax_kg = 100010", "weighing.max_kg"),
        ("[weighing]\nmax_kg = 300000\ne_kg = 10", "weighing.e_kg"),
        ("[weighing]\noccupied_kg = 399", "weighing.occupied_kg"),
        ('[weighing]\nsource = "indicator"\nbeams = false', "weighing.beams"),
        ("[weighing]\nbeams = false\n[amplifier]\ncells = 1", "weighing.beams"),
        ("[weighing]\nbeams = false\n[amplifier]\ncells = 2", "weighing.beams"),
        ('[weighing]\nsource = "indicator"', "indicator.confirmed_scaling"),
        (
            '[weighing]\nsource = "indicator"\n[indicator]\nprotocol = "own"',
            "indicator.protocol",
        ),
        (
            '[weighing]\nsource = "indicator"\n[indicator]\nconfirmed_scaling = "kg"',
            "indicator.confirmed_scaling",
        ),
        ("[amplifier]\ncells = 8\ncell_x_cm = [0, 1]", "amplifier.cell_x_cm"),
        ('[amplifier]\nkind = "nau7802"\nmux_address = 0', "amplifier.mux_address"),
        ('[amplifier]\nkind = "mcu"', "amplifier.port"),
        ('[field]\nkind = "gpio"\nestop = -1', "field.estop"),
        ('[lane]\nbarrier = "pulse"\n[field]\nkind = "gpio"', "field.exit_close"),
        ('[[targets]]\nname = "a"\n[[targets]]\nname = "a"', "targets[1].name"),
        ('[camera]\nkind = "stream"', "camera.sources"),
    ],
)
def test_rules_between_keys(text: str, key: str) -> None:
    assert key in problems(text)


def test_cells_along_the_deck_do_without_beams() -> None:
    assert "weighing.beams" not in problems("[weighing]\nbeams = false\n[amplifier]\ncells = 4")
    assert "weighing.beams" not in problems("[amplifier]\ncells = 1")
    near = "[weighing]\nbeams = false\n[amplifier]\ncells = 2\ncell_x_cm = [100, {}]"
    assert "weighing.beams" in problems(near.format(100 + PLACE_CM))
    assert "weighing.beams" not in problems(near.format(100 + PLACE_CM + 1))
    assert PLACE_CM == 100 * LINE_M


def test_bounds_are_inclusive() -> None:
    assert "lane.boarding_s_max" not in problems("[lane]\nboarding_s_max = 10")
    assert "lane.boarding_s_max" in problems("[lane]\nboarding_s_max = 9")
    assert "lane.boarding_s_max" in problems("[lane]\nboarding_s_max = 601")
    assert "weighing.occupied_kg" not in problems("[weighing]\noccupied_kg = 400")


@pytest.mark.parametrize("raw", [b"\xff\xfe", b"= 1", b"[lane", b'lane = "x"'])
def test_what_is_not_toml_is_one_problem(raw: bytes) -> None:
    _config, found = parse(raw)
    assert len(found) == 1


def test_types_are_described_for_people() -> None:
    assert describe(int) == "a whole number"
    assert describe(tuple[int, ...]) == "a list, each item a whole number"


def test_check_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text('[lane]\nkind = "x"\nfoo = 1\n')
    assert main(["check", str(bad)]) == exits.CONFIG
    shown = capsys.readouterr()
    assert "lane.kind" in shown.err
    assert "lane.foo" in shown.err
    assert "2 problems; nothing was started" in shown.out
    good = tmp_path / "good.toml"
    good.write_text('[site]\nterminal_id = "T-1"\n')
    assert main(["check", str(good)]) == exits.OK


def test_a_missing_or_huge_file_is_a_problem_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no such file.*gate\.toml"):
        load(tmp_path / "none.toml")
    huge = tmp_path / "huge.toml"
    huge.write_bytes(b"#" * 300_000)
    with pytest.raises(ConfigError, match="at most"):
        load(huge)


def test_digest_and_paths(tmp_path: Path) -> None:
    file = tmp_path / "t.toml"
    file.write_text("")
    loaded = load(file)
    assert len(loaded.sha256) == 32
    assert loaded.path("ledger") == tmp_path / "ledger"


REAL = '[field]\nkind = "gpio"\n'
SIGN = '[sign]\nkind = "max7219"\n'
CELLS = '[amplifier]\nkind = "nau7802"\n'
MATRIX = '[keypad]\nkind = "matrix"\n'


@pytest.mark.parametrize(
    ("text", "key", "allowed"),
    [
        (SIGN + MATRIX + "rows = [4, 7, 14, 15]", "keypad.rows[1]", "SPI0"),
        (SIGN + "spi_port = 1\n" + REAL, "field.exit_open", "SPI1"),
        (CELLS + REAL + "siren = 2", "field.siren", "I2C-1"),
        (MATRIX + REAL + "door = 3", "field.door", "I2C-1"),
        (REAL + "expander_address = 0x21\nsiren = 104", "field.siren", "keeps a relay energised"),
        (REAL + "seal = 104", "field.seal", "field.expander_address"),
        (REAL + "expander_address = 0x21\nseal = 107", "field.seal", "GPA7"),
        (REAL + "expander_address = 0x21\nseal = 100\ndoor = 100", "field.door", "field.seal"),
        (REAL + "seal = 60", "field.seal", "up to 27"),
        (REAL + "seal = 1", "field.seal", "EEPROM"),
        (MATRIX + REAL + "expander_address = 0x20", "keypad.expander_address", "field.expander"),
        (CELLS + MATRIX + "expander_address = 0x70", "keypad.expander_address", "mux_address"),
        ('[weighing]\nsource = "indicator"\n[indicator]\nport = "/dev/serial0"\n' + REAL
         + "siren = 14", "field.siren", "serial port /dev/serial0"),
    ],
)  # fmt: skip
def test_lines_of_the_header_are_used_once_and_not_taken_from_a_bus(text, key, allowed) -> None:
    assert allowed in problems(text)[key][1]


def test_the_default_lines_fit_one_header_with_everything_real() -> None:
    text = SIGN + CELLS + MATRIX + REAL + "siren = 4\nseal = 14\ndoor = 15"
    assert problems(text) == {}


@pytest.mark.parametrize("name", ["demo", "gate", "indicator"])
def test_the_examples_that_ship_are_good(name: str) -> None:
    import terminal.examples

    folder = Path(terminal.examples.__file__).parent
    assert load(folder / f"{name}.toml").config.site.source_name


def test_a_count_of_problems_is_said_as_people_say_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "none.toml")
    assert caught.value.summary.endswith(": 1 problem; nothing was started")


DTLS = '[[targets]]\nuri = "coap+tcp://county.example"\n'


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (DTLS + 'fallback_uris = ["coap://a.example", "coaps://a.example"]\ndtls_psk = "p"', ""),
        (DTLS + 'fallback_uris = ["coaps://a.example"]', "targets[0].dtls_psk"),
        (
            DTLS + 'fallback_uris = ["coaps://a.example", "coap://a.example"]\ndtls_psk = "p"',
            "targets[0].fallback_uris",
        ),
        (
            DTLS + 'fallback_uris = ["coaps://a.example", "coaps://b.example"]\ndtls_psk = "p"',
            "targets[0].fallback_uris",
        ),
    ],
)
def test_dtls_stands_last_and_has_a_key(text: str, key: str) -> None:
    config, problems = parse(text.encode())
    assert config is not None
    assert not problems
    assert [problem.key for problem in cross_check(config)] == ([key] if key else [])
