"""OIML R 76-1:2006 clause by clause as data: clause, what, case, expected, and what is run.

test_r76 runs every row; terminal/weighing/R76.md is printed from the same rows.
"""

from __future__ import annotations

from functools import partial

from terminal.weighing.params import mpe_kg, round_to_division
from tests.unit.weighing.r76_load import (
    CELLS,
    E_KG,
    MAX_KG,
    Between,
    Row,
    config_problems,
    corner_error,
    creep_error,
    discrimination,
    faulty,
    held_after_shift,
    held_against_five_seconds,
    held_while_moving,
    key_under_load,
    ready,
    repeatability,
    rolling_error,
    seconds_of_old_value,
    shown,
    zero_moved_under_load,
    zero_return,
)
from tests.unit.weighing.r76_zero import (
    after_restart,
    age_valid,
    before_cells_speak,
    first,
    first_second_held,
    keeper,
    kept,
    reads,
    settle,
    start_under_load,
    start_with_dead_cell,
    tare_words,
    then,
    told,
    tracked_at_the_edge,
    tracking_kg_per_s,
    zero_after,
)

SET, OUT, AUTO = "zero_set", "zero_out", "zero_automatic"

# fmt: off
_ROWS: tuple[Row, ...] = (
    *(
        Row("3.2", "class III has 500 to 10 000 divisions", text.replace("\n", ", "),
            partial(config_problems, text), expected)
        for text, expected in (
            ("max_kg = 100000\ne_kg = 10", "accepted"),
            ("max_kg = 100000\ne_kg = 5", "weighing.e_kg"),
            ("max_kg = 20000\ne_kg = 50", "weighing.e_kg, weighing.occupied_kg"),
        )
    ),
    *(
        Row("3.5.1", "MPE at initial verification, kg", f"{kg} kg", partial(mpe_kg, kg, E_KG), mpe)
        for kg, mpe in ((0, 10), (10_000, 10), (10_001, 20), (40_000, 20), (40_001, 30),
                        (MAX_KG, 30), (-50, 10))
    ),
    *(
        Row("3.6.1", "three weighings differ by the MPE at most, kg", f"{kg} kg",
            partial(repeatability, kg), Between(0, mpe_kg(kg, E_KG)))
        for kg in (5_005, 31_234, 79_990)
    ),
    Row("3.6.2", "eccentric load, error in kg", "Max / 7 over each of 8 cells",
        partial(corner_error, range(CELLS), MAX_KG / 7), Between(0, 20)),
    Row("3.6.2", "eccentric load, error in kg", "unequal cells, each with its calibrated span",
        partial(corner_error, range(CELLS), 14_000, [0.9, 1.1, 1, 0.95, 1.05, 1, 1.02, 0.98]),
        Between(0, 20)),
    Row("3.6.2", "rolling load, error in kg", "0.8 Max at five places, both ways",
        partial(rolling_error, 0.8 * MAX_KG), Between(0, 30)),
    *(
        Row("3.8", "1.4 d more or less changes the display by d, kg", f"{kg} kg {change:+} kg",
            partial(discrimination, kg, change), round(change / 1.4))
        for kg, change in ((400, 28), (400, -28), (30_000, 28), (30_000, -28), (MAX_KG, 28),
                           (MAX_KG, -28))
    ),
    Row("3.9.2", "zero drift is followed, kg left", "1 e in 5 min: 5 degrees at 1 degree a minute",
        partial(zero_after, 20, 300), Between(-5, 5)),
    Row("3.9.2", "zero drift is followed, kg left", "-1 e in 5 min",
        partial(zero_after, -20, 300), Between(-5, 5)),
    Row("3.9.4.1", "creep is shown, not hidden, error in kg", "0.5 e in 60 s on 40 t",
        creep_error, Between(0, 20)),
    Row("3.9.4.1", "the zero stands still under load, kg", "20 t for 20 s",
        zero_moved_under_load, Between(0, 0)),
    Row("3.9.4.2", "zero return, display in kg", "0.4 e stays behind after 40 t",
        partial(zero_return, 8), 0),
    Row("3.9.4.2", "zero return, display in kg", "2 e stays behind: shown, not taken away",
        partial(zero_return, 40), 40),
    *(
        Row("4.2.2.1", "one scale interval for everything shown, kg", f"{kg} kg",
            partial(round_to_division, kg, E_KG), value)
        for kg, value in ((9.9, 0), (10, 20), (29.9, 20), (30, 40), (-9.9, 0), (-10, -20),
                          (48_996, 49_000))
    ),
    *(
        Row("4.2.2.1", "d is 1, 2 or 5 times a power of ten", f"e_kg = {d}",
            partial(config_problems, f"max_kg = 60000\ne_kg = {d}"), expected)
        for d, expected in ((20, "accepted"), (25, "weighing.e_kg"))
    ),
    *(
        Row("4.2.3", "display in kg, overload", case, partial(shown, kg), expected)
        for case, kg, expected in (
            ("Max", MAX_KG, (MAX_KG, False)),
            ("Max + 9 e", MAX_KG + 180, (MAX_KG + 180, False)),
            ("above Max + 9 e", MAX_KG + 200, (None, True)),
            ("-20 d", -400, (-400, False)),
            ("below -20 d", -440, (None, False)),
        )
    ),
    Row("4.2.3", "mass held in kg", "above Max + 9 e",
        lambda: ready(MAX_KG + 200).held_kg, None),
    Row("4.4.1", "an old value lasts 1 s at most, s", "20 t becomes 30 t",
        seconds_of_old_value, Between(0, 1)),
    Row("4.4.2", "masses held while the load moves", "2 t to 40 t in 10 s", held_while_moving, 0),
    Row("4.4.2", "held against the following 5 s, kg", "31 234 kg",
        held_against_five_seconds, Between(0, E_KG)),
    Row("4.4.2", "a held mass is given up when the load changes", "30 t becomes 31 t",
        held_after_shift, None),
    *(
        Row("4.5.1", "initial zero: 10 % of Max either way, never a vehicle", f"reads {kg} kg",
            partial(first, kg), expected)
        for kg, expected in (
            (300, "zero_initial; shows 0"),
            (-300, "zero_initial; shows 0"),
            (700, f"{OUT}; shows 700"),
            (12_000, "nothing; shows 12000"),
        )
    ),
    *(
        Row("4.5.1", "zero key: 2 % of Max either way", f"reads {kg} kg",
            partial(then, kg, 4, key=True), expected)
        for kg, expected in (
            (500, f"{SET}; shows 0"),
            (2_000 - E_KG, f"{SET}; shows 0"),
            (2_100, f"{OUT}; shows 2100"),
        )
    ),
    Row("4.5.1", "tracking stays in the range too, kg left", "+9 kg, the zero 1 995 kg off",
        tracked_at_the_edge, Between(3, 9)),
    Row("4.5.2", "zero is set within 0.25 e, kg left", "first zero at 300 kg",
        lambda: reads(settle(keeper(), 300, 4), 300), Between(-5, 5)),
    Row("4.5.4", "zero key while the deck swings", "reads 100 kg, swings by 40 kg",
        partial(then, 100, 4, key=True, rough_kg=40), "nothing; shows 100"),
    Row("4.5.4", "zero key with a load on the deck, display in kg", "1 t, within 2 % of Max",
        partial(key_under_load, 1_000), 1_000),
    Row("4.5.4", "first zero while the deck swings", "reads 0 kg, swings by 40 kg",
        lambda: told(settle(keeper(), 0, 3, rough_kg=40), 0), "nothing; shows 0"),
    *(
        Row("4.5.6", "automatic zero: still and below zero for 5 s", case,
            partial(then, kg, seconds), expected)
        for case, kg, seconds, expected in (
            ("-60 kg for 8 s", -60, 8, f"{AUTO}; shows 0"),
            ("-60 kg for 4 s after it came to rest", -60, 5.5, "nothing; shows -60"),
            ("+60 kg for 20 s: the deck is dirty", 60, 20, "deck_dirty; shows 60"),
            ("+60 kg for 8 s: somebody crosses it", 60, 8, "nothing; shows 60"),
        )
    ),
    Row("4.5.7", "tracking in kg a second: 0.5 d at most", "reads 9 kg",
        tracking_kg_per_s, Between(0.5, 0.5 * E_KG)),
    Row("4.5.7", "no tracking while a beam is blocked, kg left", "reads 9 kg",
        partial(zero_after, 9, 5, quiet=False), Between(8, 10)),
    Row("4.6, 4.7", "tare: there is none", "fields of parameters, weight and record",
        tare_words, []),
    Row("5.2, T.5.5.6", "significant fault: flagged and nothing held", "a cell falls silent",
        partial(faulty, dead=3), "CELL_FAULT, held None"),
    Row("5.2, T.5.5.6", "significant fault: flagged and nothing held", "a cell at the rail",
        partial(faulty, rail=3), "CELL_FAULT and SATURATION, held None"),
    Row("5.3.5", "warm-up: no weight before the cells speak", "no sample yet",
        before_cells_speak, None),
    Row("5.3.5", "warm-up: masses held in the first second", "empty deck", first_second_held, 0),
    Row("5.3.5", "start with a vehicle on the deck", "30 t from the first sample",
        start_under_load, "zero valid: NO, held None"),
    Row("5.3.5", "start with a dead cell", "cell 2 silent",
        start_with_dead_cell, "None, zero valid: NO"),
    *(
        Row("5.1.1, B.3.1", "power cut: a kept zero is taken only when plausible", case,
            partial(kept, counts, initial_kg), expected)
        for case, counts, initial_kg, expected in (
            ("near the calibration", [1e3] * 8, 0.0, True),
            ("seven cells of eight", [1e3] * 7, 0.0, False),
            ("beyond full scale", [1e7] * 8, 0.0, False),
            ("16 t off", [3e5] * 8, 0.0, False),
            ("initial zero of 50 t", [1e3] * 8, 50_000.0, False),
            ("not a number", [float("nan")] * 8, 0.0, False),
        )
    ),
    *(
        Row("5.1.1, B.3.1", "power cut: a kept zero counts once an empty deck agrees", case,
            partial(after_restart, kg), expected)
        for case, kg, expected in (
            ("no empty deck yet", None, "not yet valid"),
            ("reads 100 kg", 100, "valid"),
            ("reads 2 500 kg", 2_500, "out of range"),
        )
    ),
    *(
        Row("4.5.1", "a zero has an age", f"{hours} h old", partial(age_valid, hours), expected)
        for hours, expected in ((4, True), (5, False))
    ),
)
ROWS = tuple(sorted(_ROWS, key=lambda row: [int(n) for n in row.clause.split(",")[0].split(".")]))

HARDWARE: tuple[tuple[str, str, str], ...] = (
    ("3.5.2", "MPE in service is twice the initial one",
     "calibrate reports its errors against the initial one, the stricter"),
    ("3.9.1", "tilting", "nothing: the deck is fixed to its foundation"),
    ("3.9.2", "span over temperature",
     "nothing corrects it; a cell that drifts from the others is named (cell_drift)"),
    ("3.9.3", "mains voltage", "bridge and converter are ratiometric; a saturated cell is flagged"),
    ("3.9.4", "creep of the cells", "counts in the uncertainty of every mass; never corrected"),
    ("5.1.1, B.3", "electromagnetic disturbance",
     "isolated wild samples are mended and counted, many raise glitch"),
    ("5.3.6", "interfaces", "nothing that reads the weight can change it: other processes are told "
     "snapshots, and only control holds the pipeline"),
    ("5.5.3", "data storage", "every record is chained, signed and numbered; weigh-terminal verify "
     "finds a changed or lost one"),
    ("7.1", "descriptive markings", "the data plate is part of the deck; Max and e come from the "
     "configuration, whose digest stands in every record"),
)
# fmt: on
"""What is tested on the instrument or elsewhere: clause, what, and what this software does."""
