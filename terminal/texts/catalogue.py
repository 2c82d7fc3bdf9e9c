"""One lookup for every text: text("console.lane", "zh-CN"), text("hold.estop.todo", "en").

Keys are AREA.NAME: calibrate, console, doctor, report, hold
(REASON.sign|operator|first_aid|todo), fault (CODE.operator|first_aid) menu (PAGE.title|line|help)
and mode. An unknown key is a programmer's error and raises KeyError; no text is ever made up.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from terminal.texts.calibrate import CALIBRATE
from terminal.texts.console import CONSOLE
from terminal.texts.doctor import DOCTOR
from terminal.texts.faults import FAULTS
from terminal.texts.holds import HOLDS
from terminal.texts.menu import MENU, MODES
from terminal.texts.prompts import LANGS, PROMPTS, Lang
from terminal.texts.report import REPORT

PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
PLATE_WORDS = "学警港澳挂使领应急超电民航军武试"


@cache
def catalogue(lang: Lang) -> Mapping[str, str]:
    """Every text of one language by key; read-only by convention, built once."""
    column = LANGS.index(lang)
    texts = {f"console.{key}": pair[column] for key, pair in CONSOLE.items()}
    texts |= {f"calibrate.{key}": pair[column] for key, pair in CALIBRATE.items()}
    texts |= {f"doctor.{key}": pair[column] for key, pair in DOCTOR.items()}
    texts |= {f"report.{key}": pair[column] for key, pair in REPORT.items()}
    for reason, hold in HOLDS[lang].items():
        for part in ("sign", "operator", "first_aid", "todo"):
            texts[f"hold.{reason.value}.{part}"] = getattr(hold, part)
    for code, fault in FAULTS.items():
        texts[f"fault.{code.value}.operator"] = fault.operator(lang)
        texts[f"fault.{code.value}.first_aid"] = fault.first_aid(lang)
    for page, entry in MENU.items():
        for part in ("title", "line", "help"):
            texts[f"menu.{page}.{part}"] = getattr(entry[column], part)
    texts |= {f"mode.{mode}": pair[column] for mode, pair in MODES.items()}
    return texts


def text(key: str, lang: Lang, **values: object) -> str:
    """The text of a key with its values put in. Raises KeyError for an unknown key or value."""
    template = catalogue(lang)[key]
    return template.format_map(values) if values else template


def all_sign_characters() -> frozenset[str]:
    """Every character that the sign can be asked to show, plates included."""
    chars = set(PROVINCES + PLATE_WORDS + "□")
    for lang in LANGS:
        for pages in PROMPTS[lang].values():
            for page in pages:
                chars.update("".join(page.lines))
        chars.update("".join(hold.sign for hold in HOLDS[lang].values()))
        for entry in MENU.values():
            chars.update("".join(entry[LANGS.index(lang)][:2]))
        chars.update("".join(pair[LANGS.index(lang)] for pair in MODES.values()))
    return frozenset(chars)
