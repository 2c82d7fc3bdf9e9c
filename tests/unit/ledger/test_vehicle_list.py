"""A site's vehicle list as people save it: other line ends, absurd numbers, no CSV at all."""

from __future__ import annotations

import pytest

from terminal.ledger.vehicles import VehicleListError, parse

HEAD = "plate,licence_gross_kg"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_line_end_is_one(end: str) -> None:
    rows, bad = parse(f"{HEAD}{end}晋LA1234,31000{end}".encode(), "list.csv")
    assert (list(rows), bad) == (["晋LA1234"], 0)


def test_a_number_of_thousands_of_digits_leaves_its_row_out() -> None:
    rows, bad = parse(f"{HEAD}\n晋LA1234,{'9' * 5_000}\n晋LA1235,31000\n".encode(), "list.csv")
    assert (list(rows), bad) == (["晋LA1235"], 1)


@pytest.mark.parametrize("raw", [b"", b"\x00,plate\n", b"a\rb", b'"plate\n' + b"x" * 200_000])
def test_what_is_no_list_is_refused_in_a_sentence(raw: bytes) -> None:
    with pytest.raises(VehicleListError, match=r"list\.csv"):
        parse(raw, "list.csv")
