"""Every text exists in both languages, fits its cells and can be shown."""

from __future__ import annotations

import string

import pytest

from hal.contract.types import FaultCode
from terminal.core.types import Display, HoldReason, Prompt
from terminal.ledger.book import COUNTY_EVENTS
from terminal.texts.calibrate import CALIBRATE
from terminal.texts.catalogue import all_sign_characters, catalogue, text
from terminal.texts.cells import half_cells, limit_tonnes, over_per_cent, tonnes
from terminal.texts.console import CONSOLE
from terminal.texts.faults import FAULTS
from terminal.texts.holds import HOLDS
from terminal.texts.menu import MENU, MODES
from terminal.texts.prompts import (
    CELLS_BESIDE_ICON_MAX,
    CELLS_MAX,
    LANGS,
    PROMPTS,
    Icon,
    Lang,
    prompt_pages,
)
from terminal.texts.report import REPORT


def full(prompt: Prompt, reason: HoldReason = HoldReason.NONE) -> Display:
    """A display with the widest values the trade knows."""
    return Display(prompt, reason, "粤Z1234澳", 6, 150_000, 49_000, 101_000)


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("prompt", list(Prompt))
def test_every_prompt_fits_128_by_32(prompt: Prompt, lang: Lang) -> None:
    for display in (full(prompt), Display(prompt=prompt)):
        pages = prompt_pages(display, lang, phone="13800138000")
        assert pages
        for page in pages:
            assert 1 <= len(page.lines) <= 2
            cells_max = CELLS_MAX if page.icon is Icon.NONE else CELLS_BESIDE_ICON_MAX
            for line in page.lines:
                assert half_cells(line) <= cells_max, line
                assert "{" not in line


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("reason", list(HoldReason))
def test_every_hold_has_four_texts_and_its_sign_text_fits(reason: HoldReason, lang: Lang) -> None:
    hold = HOLDS[lang][reason]
    assert hold.sign
    assert half_cells(hold.sign) <= CELLS_MAX
    for sentence in (hold.operator, hold.first_aid, hold.todo):
        assert sentence.endswith(("。", ".", "?"))


def test_chinese_and_english_are_not_mixed_up() -> None:
    for reason in HoldReason:
        assert HOLDS["en"][reason].operator.isascii()
        assert not HOLDS["zh-CN"][reason].operator.isascii()
    for table in (CALIBRATE, CONSOLE, REPORT):
        for key, (_, en) in table.items():
            if key != "language.other":
                assert all(ord(c) < 0x2E80 for c in en), key


def test_every_fault_code_has_texts() -> None:
    assert set(FAULTS) == set(FaultCode)
    for fault in FAULTS.values():
        assert all((*fault.zh, *fault.en))


def test_the_sign_shows_gb2312_only() -> None:
    for char in all_sign_characters():
        char.encode("gb2312")


def test_menu_titles_fit() -> None:
    for entry in MENU.values():
        for column, words in enumerate(entry):
            for pair in MODES.values():
                assert half_cells(words.title.replace("{mode}", pair[column])) <= CELLS_MAX
            assert half_cells(words.line) <= CELLS_MAX
            assert words.line
            assert words.help


def test_both_languages_have_the_same_keys_and_fields() -> None:
    zh, en = catalogue("zh-CN"), catalogue("en")
    assert zh.keys() == en.keys()
    for key in zh:
        fields = [{f for _, f, _, _ in string.Formatter().parse(t[key])} - {None} for t in (zh, en)]
        assert fields[0] == fields[1], key
    for prompt in Prompt:
        assert prompt in PROMPTS["zh-CN"]
        assert prompt in PROMPTS["en"]


def test_an_over_limit_truck_reads_its_excess_and_what_to_do() -> None:
    display = Display(Prompt.OVER, HoldReason.OVER_LIMIT, "晋L12345", 6, 50_200, 49_000, 1_200)
    lines = [line for page in prompt_pages(display, "zh-CN") for line in page.lines]
    assert lines == [
        "晋L12345 6轴",
        "50.20t 限49t",
        "超限1.20t",
        "禁止出场",
        "超限2.4%",
        "请退回卸载",
    ]


def test_a_passing_truck_without_plate_on_the_sign() -> None:
    display = Display(Prompt.PASS, HoldReason.NONE, "晋L12345", 6, 48_960, 49_000, 0)
    pages = prompt_pages(display, "zh-CN", show_plate=False)
    assert [page.lines for page in pages] == [("48.96t 合格",), ("请通行", "限49t")]


def test_only_an_over_limit_truck_is_told_to_unload() -> None:
    plain = prompt_pages(Display(prompt=Prompt.BACK_OUT, gross_kg=20_000), "zh-CN")
    assert [page.lines for page in plain] == [("请倒车退回", "注意后方")]
    over = prompt_pages(full(Prompt.BACK_OUT), "zh-CN")
    assert over[1].lines == ("超限101.00t", "请卸载后重新称重")


def test_the_reason_is_shown_only_where_there_is_one() -> None:
    plain = prompt_pages(Display(prompt=Prompt.LOCKOUT), "zh-CN")
    told = prompt_pages(full(Prompt.LOCKOUT, HoldReason.ZERO_INVALID), "zh-CN")
    assert [page.lines[0] for page in told[len(plain) :]] == ["零点无效"]


@pytest.mark.parametrize(
    ("kg", "shown"),
    [(0, "0.00"), (20, "0.02"), (48_960, "48.96"), (100_000, "100.00"), (50_205, "50.205")],
)
def test_tonnes_never_round(kg: int, shown: str) -> None:
    assert tonnes(kg) == shown
    assert tonnes(-kg) == (f"-{shown}" if kg else shown)


def test_limits_and_per_cent() -> None:
    assert limit_tonnes(49_000) == "49"
    assert limit_tonnes(48_800) == "48.80"
    assert over_per_cent(1_200, 49_000) == "2.4"
    assert over_per_cent(20, 49_000) == "0.1"
    assert over_per_cent(0, 49_000) == "0.0"


def test_an_unknown_key_is_refused() -> None:
    assert text("console.lane", "en") == "Lane"
    assert "8080" in text("console.port.taken", "zh-CN", port=8080, host="127.0.0.1")
    with pytest.raises(KeyError):
        text("console.no_such_text", "en")


def test_every_event_the_county_hears_of_has_words() -> None:
    for event in COUNTY_EVENTS:
        assert f"event.{event}" in REPORT
