"""What may befall a lane, as data: each fault, how often, how long, and why we must survive it.

A row is drawn from a stream of its own name, so adding one shifts no other; each run uses a
random part of the rows, so that a rare pair of faults meets often enough. begin() does it and
returns what heals it. Nothing here knows how the terminal reacts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from hal.contract.types import NS_PER_MS, NS_PER_S, InputName
from hal.sim.traffic import Stage
from tests.sim.fault_acts import (
    Begin,
    Heal,
    brown_out,
    chatter,
    chip,
    clock_lost,
    clock_step,
    coil,
    creeps,
    days,
    drift,
    driver,
    kill,
    line,
    line_out,
    line_reboot,
    mash,
    meddles,
    misread,
    multiplexer,
    nothing,
    offset,
    person,
    power,
    press,
    rejects,
    reverse,
    set,
    shaking,
    slow,
    stall,
    stops_elsewhere,
    unplug,
    weld,
    wire,
    wrong_pin,
)

if TYPE_CHECKING:
    from tests.sim.run import Sim

PASSAGE_NS = 45 * NS_PER_S
ACTIVE_SHARES = (0.1, 0.3, 0.5, 0.7)
"""Share of the rows a run draws from: few, so that a visit gets far, or many at once."""


@dataclass(frozen=True, slots=True)
class FaultRow:
    """One fault. per_passage: how often while active. lasts_ms: of one occurrence.

    touches: what may no longer be taken for granted while it lasts and for a minute after:
    "lane" leases may drop at any moment, "cells" masses may be wrong.
    """

    name: str
    per_passage: float
    lasts_ms: tuple[int, int]
    touches: tuple[str, ...]
    survive_because: str
    begin: Begin


_LANE, _CELLS, _BOTH, _FREE = ("lane",), ("cells",), ("cells", "lane"), ()
_weather = lambda sim: sim.network.weather  # noqa: E731
_eyes = lambda sim: sim.eyes  # noqa: E731

FAULTS: tuple[FaultRow, ...] = (
    FaultRow("cell stuck", 0.2, (500, 8_000), _BOTH,
             "a converter that repeats itself must not vouch for a mass", chip("stuck")),
    FaultRow("cell silent", 0.2, (200, 5_000), _BOTH,
             "a chip that answers nobody makes the weight stale, and stale is no lease",
             chip("nack")),
    FaultRow("cell late", 0.15, (500, 5_000), _BOTH,
             "missed conversions are flagged, never interpolated into a mass", chip("late")),
    FaultRow("cell brown-out", 0.15, (1, 2), _BOTH,
             "registers at their defaults measure something else", brown_out),
    FaultRow("cell offset", 0.15, (2_000, 40_000), _BOTH,
             "one cell that disagrees with its load is a fault of the cell", offset(1_500, 9_000)),
    FaultRow("cell spike", 0.3, (20, 120), _BOTH,
             "a bit error or a spark is a glitch, not a mass", offset(5_000, 60_000)),
    FaultRow("cell saturated", 0.15, (300, 5_000), _BOTH,
             "a converter at its end stop measures nothing", offset(80_000, 200_000)),
    FaultRow("cell drift", 0.15, (3_000, 30_000), _BOTH,
             "a cell that runs away is no load, and no zero", drift),
    FaultRow("ground shakes", 0.2, (1_000, 15_000), _BOTH,
             "what does not stand still is not weighed", shaking),
    FaultRow("multiplexer silent", 0.1, (200, 5_000), _BOTH,
             "all cells gone at once is a stale weight", multiplexer),
    FaultRow("person on deck", 0.3, (3_000, 20_000), _FREE,
             "people walk; a held mass must stay within its uncertainty", person),
    FaultRow("walks behind", 0.4, (40, 1_500), _LANE,
             "who crossed the entry beam and is gone was no second vehicle",
             press(InputName.BEAM_ENTRY)),
    FaultRow("walks ahead", 0.4, (40, 1_500), _LANE,
             "a beam cut while nothing left is weighed anew", press(InputName.BEAM_EXIT)),
    FaultRow("wire cut", 0.3, (200, 6_000), _LANE,
             "an open contact reads as blocked, occupied or pressed", wire),
    FaultRow("contact chatter", 0.25, (100, 1_500), _LANE,
             "a level counts after it stood still, else it is unknown", chatter),
    FaultRow("e-stop", 0.15, (1_000, 6_000), _LANE,
             "a person asked for it: everything de-energised, lock-out", press(InputName.ESTOP)),
    FaultRow("wired release", 0.1, (1_000, 6_000), _LANE,
             "the arm moves past us: sensed, recorded, lock-out", press(InputName.WIRED_RELEASE)),
    FaultRow("coil broken", 0.15, (1_000, 10_000), _LANE,
             "contact and command apart is a lock-out, not a retry", coil),
    FaultRow("contact welded", 0.3, (1_000, 10_000), _LANE,
             "an arm that stays open is noticed, and nobody else is called in", weld),
    FaultRow("camera dark", 0.3, (2_000, 25_000), _FREE,
             "no picture is no plate: a person, never a guess", set(_eyes, "dark", True, False)),
    FaultRow("plate blind", 0.3, (2_000, 30_000), _FREE,
             "an unread plate holds the vehicle", set(_eyes, "blind", 0.9, 0.0)),
    FaultRow("plate torn", 0.3, (2_000, 30_000), _FREE,
             "two candidates are a choice for a person", set(_eyes, "torn", 0.8, 0.0)),
    FaultRow("plate wrong", 0.9, (20_000, 90_000), _FREE,
             "a plate names a vehicle; the mass and the counted axles are this one's", misread),
    FaultRow("disk refuses", 0.3, (500, 12_000), _FREE,
             "what cannot be made durable opens nothing",
             set(lambda sim: sim.disk, "refuses", True, False)),
    FaultRow("disk full", 0.2, (3_000, 30_000), _FREE,
             "the reserve is kept and the attendant told",
             set(lambda sim: sim, "disk_free_bytes", 0, 10_000_000_000)),
    FaultRow("power cut", 0.1, (1, 2), _BOTH,
             "what was acknowledged survives; what was not is asked for again", power),
    FaultRow("network loss", 0.3, (5_000, 60_000), _FREE,
             "only a receipt is a delivery", set(_weather, "loss", 0.5, 0.0)),
    FaultRow("network repeats", 0.3, (5_000, 60_000), _FREE,
             "repeats carry the same key and bytes", set(_weather, "twice", 0.6, 0.0)),
    FaultRow("network slow", 0.3, (5_000, 60_000), _FREE,
             "requests overtake each other", set(_weather, "slow_ms_max", 6_000, 60)),
    FaultRow("county overloaded", 0.3, (5_000, 60_000), _FREE,
             "5.03 and 4.29 say later, not never", set(_weather, "overloaded", 0.6, 0.0)),
    FaultRow("county rejects", 0.5, (10_000, 90_000), _FREE,
             "what is refused for good is set aside, shown and kept", rejects),
    FaultRow("foreign receipts", 0.3, (5_000, 60_000), _FREE,
             "a 2.04 with somebody else's receipt proves nothing",
             set(_weather, "foreign", 0.4, 0.0)),
    FaultRow("network outage", 0.2, (10_000, 300_000), _FREE,
             "the deck goes on and the outbox keeps", unplug),
    FaultRow("days of outage", 0.25, (1, 2), _FREE,
             "a backlog of days goes out in order and at its pace, whatever the clock says",
             days),
    FaultRow("line corrupt", 0.4, (500, 8_000), _LANE,
             "a frame that does not prove itself is no mass", line("corrupt", 0.4, 0.0)),
    FaultRow("line repeats", 0.4, (500, 8_000), _LANE,
             "a frame that comes twice is one reading twice", line("twice", 0.6, 0.0)),
    FaultRow("line loses", 0.4, (500, 8_000), _LANE,
             "a lost frame is silence, and silence is no mass", line("lost", 0.6, 0.0)),
    FaultRow("line late", 0.4, (2_000, 12_000), _LANE,
             "what was on the deck before is not what is on it", line("late_ms", 1_500, 0)),
    FaultRow("line split", 0.3, (1_000, 10_000), _LANE,
             "half a frame waits for its other half", line("octets_a_read", 3, 2_048)),
    FaultRow("line frozen", 0.3, (1_000, 10_000), _LANE,
             "a display that stands still weighs nobody new", line("frozen", True, False)),
    FaultRow("line unplugged", 0.6, (300, 8_000), _LANE,
             "no line is a stale weight, and it is found again", line_out),
    FaultRow("indicator restarts", 0.3, (4_000, 4_001), _LANE,
             "a display that starts is silent", line_reboot),
    FaultRow("wall clock stepped", 0.2, (5_000, 60_000), _FREE,
             "no decision reads the wall clock", clock_step),
    FaultRow("leap second", 0.15, (1_000, 30_000), _FREE,
             "a second that comes twice is stamped twice and ordered by number",
             set(lambda sim: sim.clock, "wrong_ns", -NS_PER_S, 0)),
    FaultRow("wall clock lost", 0.15, (5_000, 60_000), _FREE,
             "1970 is stamped as unknown, not as a time", clock_lost),
    FaultRow("kill control", 0.15, (1, 2), _LANE,
             "lines fall, restart is locked out", kill("control")),
    FaultRow("kill ledger", 0.25, (1, 2), _FREE,
             "drafts are repeated and idempotent", kill("ledger")),
    FaultRow("kill panel", 0.2, (1, 2), _FREE, "the lamps rule", kill("panel")),
    FaultRow("kill camera", 0.2, (1, 2), _FREE, "plate unknown", kill("camera")),
    FaultRow("kill uplink", 0.25, (1, 2), _FREE, "the window is forgetful on purpose",
             kill("uplink")),
    FaultRow("stall control", 0.15, (1, 2), _LANE, "a late tick is counted, never caught up",
             stall("control", 30, 900)),
    FaultRow("stall ledger", 0.25, (1, 2), _FREE, "silence is no acknowledgement",
             stall("ledger", 200, 8_000)),
    FaultRow("stall camera", 0.2, (1, 2), _FREE, "a late answer belongs to its visit or to none",
             stall("camera", 500, 10_000)),
    FaultRow("stall panel", 0.2, (1, 2), _FREE, "keys wait, the lamps rule",
             stall("panel", 500, 10_000)),
    FaultRow("stall uplink", 0.2, (1, 2), _FREE, "the ledger's queue to it is bounded",
             stall("uplink", 500, 20_000)),
    FaultRow("slow ledger", 0.2, (3_000, 30_000), _FREE, "a slow card delays, nothing else",
             slow("ledger", 400)),
    FaultRow("slow camera", 0.2, (3_000, 30_000), _FREE, "a slow reader delays, nothing else",
             slow("camera", 900)),
    FaultRow("driver reverses", 0.15, (1, 2), _LANE, "drivers change their minds",
             driver((Stage.BOARD, Stage.STAND), reverse)),
    FaultRow("stops elsewhere", 0.25, (1, 2), _FREE, "half on the deck is no weighing",
             driver((Stage.WAIT, Stage.BOARD), stops_elsewhere)),
    FaultRow("creeps on", 0.2, (1, 2), _FREE, "a mass that moved is weighed anew",
             driver((Stage.STAND,), creeps)),
    FaultRow("keys mashed", 0.2, (1, 2), _FREE, "no key sequence opens a barrier", mash),
    FaultRow("operator meddles", 0.15, (1, 2), _LANE,
             "the right PIN may refuse, send back and name a plate, and opens nothing", meddles),
    FaultRow("seal opened", 0.1, (1_000, 10_000), _FREE,
             "an opened seal is told and stops nobody", press(InputName.SEAL)),
    FaultRow("door opened", 0.1, (1_000, 10_000), _FREE,
             "an opened cabinet is told and stops nobody", press(InputName.DOOR)),
    FaultRow("wrong PIN", 0.2, (1, 2), _FREE, "a guesser is locked out, the lane is not",
             wrong_pin),
)  # fmt: skip


class Faults:
    """Injects the rows while phase 1 lasts."""

    def __init__(self, sim: Sim, *, on: bool) -> None:
        self.sim = sim
        self.struck: Counter[str] = Counter()
        self.each_step: dict[str, Callable[[int], None]] = {}
        self._on = on
        self._lasting: dict[int, tuple[FaultRow, Heal]] = {}
        self._touched_ns: dict[str, int] = {}

    def begin(self) -> None:
        share = self.sim.rng("fault share").choice(ACTIVE_SHARES)
        for row in FAULTS if self._on else ():
            rng = self.sim.rng(f"fault/{row.name}")
            if rng.random() < share:
                self._next(row, rng)

    def _next(self, row: FaultRow, rng: Random) -> None:
        wait_ns = int(rng.expovariate(row.per_passage / PASSAGE_NS))
        self.sim.later(wait_ns, lambda: self._strike(row, rng))

    def _strike(self, row: FaultRow, rng: Random) -> None:
        if not self._on:
            return
        lasts_ns = rng.randint(*row.lasts_ms) * NS_PER_MS
        others = [other for other, _heal in self._lasting.values()]
        heal = None if row in others else row.begin(self.sim, rng)
        if heal is not None:
            self.struck[row.name] += 1
            number = self.struck.total()
            self.sim.log(f"FAULT {row.name} for {lasts_ns / NS_PER_S:.2f} s")
            self._lasting[number] = (row, heal)
            self._touch(row)
            self.sim.later(lasts_ns, lambda: self._end(number))
        self._next(row, rng)

    def _end(self, number: int) -> None:
        row, heal = self._lasting.pop(number, (None, nothing))
        if row is not None:
            heal()
            self._touch(row)

    def _touch(self, row: FaultRow) -> None:
        for group in row.touches:
            self._touched_ns[group] = self.sim.clock.at_ns

    def heal(self) -> None:
        """Phase 2: everything is mended at once and nothing new happens."""
        self._on = False
        for number in list(self._lasting):
            self._end(number)

    def moved(self, now_ns: int) -> None:
        for step in list(self.each_step.values()):
            step(now_ns)

    def quiet_for(self, group: str, ns: int) -> bool:
        """Whether no fault that touches this group lasts or ended within ns."""
        if any(group in row.touches for row, _heal in self._lasting.values()):
            return False
        touched_ns = self._touched_ns.get(group)
        return touched_ns is None or self.sim.clock.at_ns - touched_ns > ns
