"""The maturity table of hal/README.md: every driver has a row, and the tests it names prove it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TESTS = ROOT / "tests"
HELPERS = {
    *(
        "drivers/lines.py",
        "drivers/plausible.py",
        "drivers/tally.py",
        "drivers/clocked_cells.py",
        "drivers/polled_cells.py",
    ),
    "linux/absent.py",
}
"""Parts of drivers, proven through the drivers that use them."""


def rows() -> list[list[str]]:
    text = (ROOT / "hal" / "README.md").read_text()
    table = text.partition("| driver |")[2].partition("\n\n")[0]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in table.split("\n")[2:]]


def named(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


ROWS = rows()


def test_every_driver_has_exactly_one_row():
    listed = [name for row in ROWS for name in named(row[0]) if name.endswith(".py")]
    files = {
        f"{path.parent.name}/{path.name}"
        for folder in ("drivers", "linux")
        for path in (ROOT / "hal" / folder).glob("*.py")
        if path.name != "__init__.py"
    }
    assert sorted(listed) == sorted(set(listed)), "a driver has two rows"
    assert files - set(listed) == HELPERS
    assert not set(listed) - files, "a row without a file"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: named(row[0])[0])
def test_the_tests_of_a_row_exist_and_use_its_drivers(row):
    assert len(row) == 7
    drivers, suites, proofs = named(row[0]), named(row[2]), named(row[5])
    assert proofs, "a row must name its tests"
    together = ""
    for proof in proofs:
        path = TESTS / proof
        assert path.is_file(), proof
        together += path.read_text()
    for driver in drivers:
        module = "hal." + driver.removesuffix(".py").replace("/", ".")
        package, _, name = module.rpartition(".")
        imported = f"from {package} import" in together and re.search(rf"\b{name}\b", together)
        assert module in together or imported, f"{proofs} never use {driver}"
    for suite in suites:
        assert (TESTS / "contract" / f"{suite}.py").is_file(), suite
        assert f"tests.contract.{suite}" in together, f"{proofs} are no {suite}"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: named(row[0])[0])
def test_what_is_said_to_have_run_in_the_kernel_did(row):
    """A word other than "no" in the kernel column needs the driver in that rung's own tests."""
    if row[3] in ("no", "this machine") or row[3].startswith("see"):
        return
    places = {"kernel/inside": True, "arm64/pi": "Pi 3" in row[3]}
    for place in (name for name, claimed in places.items() if claimed):
        together = "".join(path.read_text() for path in sorted((TESTS / place).glob("*.py")))
        for driver in named(row[0]):
            module = "hal." + driver.removesuffix(".py").replace("/", ".")
            assert module in together, f"tests/{place} never uses {driver}"


def test_no_row_claims_a_bench_without_a_report():
    assert {row[4] for row in ROWS} <= {"no"}
