"""Calibrating a simulated deck over the text dialogue: result, refusals, seal."""

from __future__ import annotations

import numpy as np
import pytest

from terminal.commands.calibrate import finish
from terminal.commands.calibrate_walk import GivenUpError, Walk
from terminal.texts.prompts import Lang
from terminal.weighing import calibrating
from terminal.weighing.calibrating import Outcome, RefusedError
from terminal.weighing.calibration import read_any, to_text
from terminal.weighing.calibration_report import Facts, report

SPANS = np.array([0.00700, 0.00704, 0.00698, 0.00701, 0.00695, 0.00706, 0.00700, 0.00699])
ZERO = np.linspace(20_000, 60_000, 8)
FULL = 8_388_607


class Site:
    """A person with test masses: the answers, and what the cells then say.

    loads: what is typed for a load, then perhaps a word for what is wrong with it, or @ and what
    truly stands there. dead: a cell that no load moves.
    """

    def __init__(
        self, loads: list[str], skip: bool = False, seals: tuple[str, ...] = ("SEAL",)
    ) -> None:
        self.rng = np.random.default_rng(3)
        self.loads = loads
        self.skip = skip
        self.seals = list(seals)
        self.shares = np.full(8, 1 / 8)
        self.mass = 0.0
        self.spoil = ""
        self.corner_spoil = ""
        self.dead = -1
        self.capacities = [""]
        self.corner_masses = ["5000"] * 3
        self.asked: list[str] = []
        self.said: list[str] = []

    def ask(self, prompt: str) -> str:
        self.asked.append(prompt)
        self.shares = np.full(8, 1 / 8)
        if "capacity" in prompt or "容量" in prompt:
            return self.capacities.pop(0)
        if "empty the deck" in prompt or "清空" in prompt:
            self.mass = 0.0
            return ""
        if "close to cell" in prompt:
            cell = int(prompt.split("cell ")[1].split(" ")[0])
            self.shares = np.full(8, 0.04)
            self.shares[cell] = 0.72
            self.mass = 0.0 if self.corner_spoil == f"none {cell}" else 5_000.0
            self.corner_spoil = "" if self.mass == 0.0 else self.corner_spoil
            return ""
        if "corners" in prompt or "偏载" in prompt:
            return "skip" if self.skip else self.corner_masses.pop(0)
        if "Type" in prompt or "生效" in prompt:
            return self.seals.pop(0)
        return self._load(self.loads.pop(0) if self.loads else "")

    def _load(self, answer: str) -> str:
        if answer == "^C":
            raise KeyboardInterrupt
        if answer == "^D":
            raise EOFError
        words = answer.split()
        if words[:1] == ["DROP"]:
            return answer
        self.spoil = words[1] if len(words) > 1 else ""
        self.mass = float(words[0]) if words and words[0].isdigit() else 0.0
        if self.spoil.startswith("@"):
            self.mass = float(self.spoil[1:])
        return words[0] if words else ""

    def block(self) -> np.ndarray:
        force = self.mass * self.shares
        if self.dead >= 0:
            force = np.where(np.arange(8) == self.dead, 0.0, force)
        if self.spoil == "light":
            force = force * 0.4
        if self.spoil == "weak":
            force = force * 0.002
        if self.spoil == "up":
            force = -force
        counts = ZERO + force / SPANS + self.rng.normal(0, 60, (240, 8))
        if self.spoil == "rail":
            counts[10, 3] = FULL
        if self.spoil == "moving":
            counts[:, 2] += np.linspace(0, 40_000, 240)
        if self.spoil == "stuck":
            counts[:, 5] = 1_000.0
        return np.round(counts)

    def walk(self, lang: Lang = "en") -> Walk:
        return Walk(
            ask=self.ask,
            tell=self.said.append,
            block=self.block,
            serial="SN-7",
            full_scale=FULL,
            cells=8,
            cell_cap_kg=30_000,
            max_kg=100_000,
            e_kg=20,
            sealed_count=4,
            lang=lang,
            places_cm=((0, 0), (0, 300)),
        )

    def outcome(self) -> Outcome:
        walk = self.walk()
        walk.begin()
        return walk.outcome()


def facts(by: str = "Li") -> Facts:
    return Facts(
        terminal="T-1",
        lane=2,
        source="Yard",
        model="NAU7802",
        simulated=False,
        max_kg=100_000,
        e_kg=20,
        by=by,
        made_at="2025-01-01T00:00:00+00:00",
        last=3,
        before="SN-6",
        version="9.9",
        software="ab" * 32,
        config="cd" * 32,
    )


LOADS = ["10000", "20000", "40000", "60000", "80000"]


def test_the_spans_come_out_and_every_load_is_within_the_mpe() -> None:
    site = Site([*LOADS, ""])
    outcome = site.outcome()
    found = np.asarray(outcome.calibration.kg_per_count)
    assert np.abs(found / SPANS - 1).max() < 3e-4
    assert np.abs(np.asarray(outcome.calibration.zero_counts) - ZERO).max() < 30
    assert outcome.within
    assert [row.mpe_e for row in outcome.errors] == [0.5, 1.0, 1.0, 1.5, 1.5]
    assert outcome.calibration.sealed_count == 4
    assert outcome.nonlinearity_kg < 5
    assert read_any(to_text(outcome.calibration)) == outcome.calibration


def test_a_load_must_move_the_sum_at_the_rate_of_one_per_cent_of_the_range_at_max() -> None:
    least = 0.01 * FULL * 30_000 / 100_000
    for counts, refused in ((least + 1, ""), (least - 1, "weak"), (0, "not_risen")):
        said = ""
        try:
            calibrating.check_signal(ZERO, 30_000, ZERO + counts / 8, 100_000, FULL)
        except RefusedError as error:
            said = error.key
        assert said == refused


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("30000 rail", "Cell 3 is saturated"),
        ("30000 moving", "Cell 2 does not stand still"),
        ("30000 stuck", "Cell 5 repeats one value"),
        ("30000 up", "The sum of the cells did not rise"),
        ("30000 weak", "30000 kg moved the sum by only 8"),
        ("DROP 7", "There is no load '7'"),
        ("DROP", "There is no load '' to take back; type DROP and the number"),
        ("30000.5", "not a whole number"),
        ("-5", "not a whole number"),
        ("900", "below 1 % of Max"),
        ("120000", "above Max"),
        ("10000", "was taken already"),
        ("30000 light", "does not lie on a line"),
        ("11000 light", "gave less signal than"),
        ("ten", "not a whole number"),
        ("", "Loads still needed: "),
    ],
)
def test_a_bad_load_is_refused_with_its_reason_and_asked_again(answer: str, words: str) -> None:
    site = Site(["10000", answer, *LOADS[1:], ""])
    outcome = site.outcome()
    assert any(words in line for line in site.said)
    assert len(outcome.errors) == 5


def test_a_skipped_corner_test_leaves_all_cells_alike() -> None:
    outcome = Site([*LOADS, ""], skip=True).outcome()
    assert outcome.corner_shares == ()


def test_a_grossly_different_cell_is_a_fault_not_a_corner_error() -> None:
    zero = np.zeros(4)
    placed = [np.where(np.arange(4) == cell, 7_000.0, 1_000.0) for cell in range(4)]
    for reading in placed:
        reading[2] *= 0.8
    with pytest.raises(RefusedError, match=r"Cell 2 differs by -[12][0-9]\.[0-9] %"):
        calibrating.corner_gains(zero, placed)


def sealed_by(site: Site, lang: Lang = "en") -> tuple[int, list[str]]:
    bodies: list[str] = []
    code = finish(
        site.walk(lang),
        lambda outcome: report(outcome, facts(), lang),
        lambda outcome, body: bodies.append(body),
    )
    return code, bodies


def test_the_report_names_errors_in_e_against_the_mpe_and_is_sealed_once() -> None:
    code, bodies = sealed_by(Site([*LOADS, ""]))
    assert code == 0
    assert len(bodies) == 1
    for words in (
        "error e  MPE e",
        "verdict: within the MPE",
        "no. 4 (replaces no. 3 of device SN-6)",
        "device SN-7 (NAU7802), 8 cells of 30000 kg",
        "terminal T-1, lane 2, Yard",
        "software 9.9, sha256 abab",
        "made 2025-01-01T00:00:00+00:00 by Li",
        "heaviest load: 80 % of Max",
        "corner adjustment by cell: 0: ",
        "corner test mass 5000 kg, shown at every cell as ",
    ):
        assert words in bodies[0], words


def test_corners_left_out_are_named_in_the_report() -> None:
    _, bodies = sealed_by(Site([*LOADS, ""], skip=True))
    assert "corners: NOT tested" in bodies[0]


def test_the_walk_speaks_chinese_where_the_site_does() -> None:
    site = Site(["900", *LOADS, ""], skip=True)
    code, bodies = sealed_by(site, "zh-CN")
    assert code == 0
    assert "标定报告" in bodies[0]
    assert "不足 Max 的 1 %" in "".join(site.said)
    assert not any(word in "".join(site.asked + site.said) for word in ("Refused", "press", "cell"))


def test_without_the_seal_word_nothing_is_written() -> None:
    site = Site([*LOADS, ""], seals=("yes",) * 100)
    assert sealed_by(site) == (65, [])
    assert "Nothing was changed" in site.said[-1]


def test_a_slip_at_the_seal_word_does_not_cost_the_walk() -> None:
    site = Site([*LOADS, ""], seals=("SEALL", "seal"))
    code, bodies = sealed_by(site)
    assert (code, len(bodies)) == (0, 1)
    assert any("That was not SEAL" in line for line in site.said)


@pytest.mark.parametrize("key", ["^C", "^D"])
def test_a_person_may_stop_at_any_time_and_is_told_that_nothing_changed(key: str) -> None:
    site = Site([*LOADS[:2], key])
    assert sealed_by(site) == (65, [])
    assert "Stopped. Nothing was changed." in site.said[-1]


def test_too_many_refusals_give_up() -> None:
    site = Site(["900"] * 100)
    assert sealed_by(site) == (65, [])
    assert "Nothing was changed" in site.said[-1]


def test_a_first_load_that_was_mistyped_can_be_taken_back() -> None:
    """Typed ten times too much, it would make every later load look wrong."""
    site = Site(["100000 @10000", "20000", "DROP 1", *LOADS, ""])
    code, bodies = sealed_by(site)
    assert code == 0
    told = next(line for line in site.said if "less signal" in line or "on a line" in line)
    assert "100000 kg" in told
    assert len(bodies) == 1


def test_errors_outside_the_mpe_are_not_sealed_and_do_not_cost_the_other_loads() -> None:
    site = Site([*LOADS[:2], "40400 @40000", *LOADS[3:], "", "DROP 3", "40000", ""])
    code, bodies = sealed_by(site)
    assert code == 0
    assert any("Load 3 (40400 kg) is furthest off" in line for line in site.said)
    assert len(bodies) == 1
    assert "NOT within" not in bodies[0]


def test_what_cannot_be_written_may_be_tried_again() -> None:
    site = Site([*LOADS, ""], seals=("SEAL", "SEAL"))
    full = [OSError(28, "No space left on device")]
    bodies: list[str] = []

    def seal(outcome: Outcome, body: str) -> None:
        if full:
            raise full.pop()
        bodies.append(body)

    assert finish(site.walk(), lambda outcome: report(outcome, facts(), "en"), seal) == 0
    assert any("No space left" in line for line in site.said)
    assert len(bodies) == 1


def test_a_dead_cell_is_named_although_all_loads_lie_on_a_line() -> None:
    site = Site([*LOADS, "", "^C"], skip=True)
    site.dead = 6
    assert sealed_by(site) == (65, [])
    assert any("Cell 6 hardly answered" in line for line in site.said)


def test_a_mass_that_was_not_put_down_is_named_by_its_cell_and_asked_again() -> None:
    site = Site([*LOADS, ""])
    site.corner_spoil = "none 4"
    assert site.outcome().within
    assert any("With the mass at cell 4 the sum rose to only 0 %" in line for line in site.said)


def test_a_corner_mass_too_light_to_show_anything_is_refused() -> None:
    site = Site([*LOADS, ""])
    site.corner_masses = ["", "80", "5000"]
    corner = site.outcome().corner
    assert corner is not None
    assert abs(corner.error_kg) < 3
    assert any("80 kg is below 1 % of Max" in line for line in site.said)


def test_a_capacity_that_cannot_carry_max_is_refused_and_asked_again() -> None:
    site = Site([*LOADS, ""])
    site.capacities = ["5000", "5000000", "20000"]
    assert site.outcome().calibration.cell_cap_kg == 20_000
    assert sum("not plausible" in line for line in site.said) == 2


def test_without_a_calibration_before_the_capacity_must_be_typed() -> None:
    site = Site([])
    site.capacities = [""] * 100
    walk = site.walk()
    walk.cell_cap_kg = 0
    with pytest.raises(GivenUpError):
        walk.begin()
    assert "not a whole number" in site.said[0]


def test_each_cell_is_named_with_its_place() -> None:
    site = Site([*LOADS, ""])
    site.outcome()
    assert any("cell 1 (0 cm from the entry edge, 300 cm across)" in one for one in site.asked)
    assert any("cell 7 (its place is not configured)" in one for one in site.asked)
