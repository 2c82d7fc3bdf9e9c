"""SAFETY.md and ARCHITECTURE-states.md say what the code does, and the tests they name exist."""

from __future__ import annotations

import re

import pytest

from tests.tools.safety_tables import PART, PARTS, ROOT, SAFETY, STATES, rendered


@pytest.mark.parametrize("page", [SAFETY, STATES], ids=lambda page: page.name)
def test_generated_parts_are_those_of_the_code(page) -> None:  # type: ignore[no-untyped-def]
    text = page.read_text(encoding="utf-8")
    assert rendered(text) == text, "run python -m tests.tools.safety_tables and look at the change"


def test_every_generated_part_stands_in_a_page() -> None:
    found = [m[2] for page in (SAFETY, STATES) for m in PART.finditer(page.read_text("utf-8"))]
    assert sorted(found) == sorted(PARTS)


def test_every_test_named_on_the_safety_page_exists() -> None:
    named = re.findall(r"(tests/[\w/]+\.py)::(test_\w+)", SAFETY.read_text(encoding="utf-8"))
    assert len(named) >= 13
    for path, name in named:
        assert f"def {name}(" in (ROOT / path).read_text(encoding="utf-8"), f"{path}::{name}"
