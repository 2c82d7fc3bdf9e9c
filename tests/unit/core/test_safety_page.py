"""SAFETY.md and ARCHITECTURE-states.md say what the code does, and the tests they name exist."""

from __future__ import annotations

import re

import pytest

from tests.tools.safety_tables import PART, PARTS, ROOT, SAFETY, STATES, elsewhere, rendered


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


def hazards() -> list[list[str]]:
    """Cells of the hazard table: hazard, what prevents it, what shows it, what is left."""
    part = SAFETY.read_text(encoding="utf-8").split("## Hazards")[1].split("## ")[0]
    rows = [line.strip("|").split(" | ") for line in part.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row] for row in rows[1:]]


def test_every_hazard_names_what_prevents_it_a_test_and_what_is_left() -> None:
    rows = hazards()
    assert len(rows) >= 14
    for row in rows:
        assert len(row) == 4, row[0]
        assert all(row), row[0]
        assert "::test_" in row[2], row[0]


@pytest.mark.parametrize(
    "words",
    ["after the weight fell", "relay pulsed", "the save failed", "tick box", "past the flow"],
)
def test_the_known_failures_of_others_are_scenarios_and_stand_beside_a_hazard(words: str) -> None:
    (name,) = [name for name, said in elsewhere() if words in said]
    assert any(f"::{name}" in row[2] for row in hazards()), name
