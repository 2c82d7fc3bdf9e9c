"""Random passages through the real step: one vehicle, its driver, peers and faults, in big steps.

Where the search goes everywhere for a while, this goes far: whole visits with random masses and
waits, about two faults each, and then everything heals and the vehicle must get away. Besides the
invariants it is checked against what the environment knows: the record in its book, and the true
mass. One passage is one seed; a violation is told as a story and as the command that repeats it.
In every other four a mass is held anew when the beams come clear, as the pipeline does it; in the
rest it stands from before, and the core must not believe it.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field, replace

from hal.contract.types import (
    INPUT_COUNT,
    NS_PER_MS,
    BarrierFeedback,
    Fault,
    FaultCode,
    InputName,
    Key,
    KeyPress,
    Level,
    MonotonicNs,
    Position,
    Side,
)
from terminal.core.invariants import check
from terminal.core.params import Params
from terminal.core.step import initial, step
from terminal.core.types import (
    BarrierKind,
    Captured,
    Committed,
    Inputs,
    LaneKind,
    Outputs,
    PlateOutcome,
    PlateReading,
    Prompt,
    VehicleFacts,
    Verdict,
    Weighed,
    WeighFlag,
)
from terminal.core.visit import Phase, State
from tests.tools.specimens import (
    NO,
    PHOTOS,
    PLATE,
    REFUSE,
    SEND_BACK,
    UNKNOWN,
    VEHICLE,
    YES,
)

START_NS = 10**12
STEPS_MAX = 28
"""Phase one of a passage: faults may come. Then all heals."""
HOME_STEPS_MAX = 90
FAULT_PERCENT = 9
FAULT_STEPS_MAX = 5
ACT_STEPS = 3
"""The attendant acts when a hold has not moved for so many steps."""
LIMIT_KG = 49_000
OTHER_PLATE = "晋LB5678"
VEHICLES = {PLATE: VEHICLE}
WAITS_MS = (10, 10, 10, 100, 250, 600, 1_600, 3_100)
LONG_WAITS_MS = (5_100, 10_100, 12_100, 16_000, 40_100, 91_000, 121_000)
ENDS_SHOWN = 12
"""Lines of a story's beginning and end."""
KEYS = {"refuse": REFUSE, "egress": SEND_BACK}

PLACES: dict[str, tuple[str, bool, bool, bool, bool]] = {
    # mass, then beam and loop at the entry, beam and loop at the exit
    "away": ("none", False, False, False, False),
    "loop": ("none", False, True, False, False),
    "boarding": ("half", True, True, False, False),
    "rolling": ("moving", False, False, False, False),
    "on": ("still", False, False, False, False),
    "leaving": ("half", False, False, True, True),
    "left": ("none", False, False, True, True),
    "backing": ("half", True, True, False, False),
    "backed": ("none", False, True, False, False),
}
NEXT = {
    "away": "loop", "boarding": "rolling", "rolling": "on", "leaving": "left", "left": "away",
    "backing": "backed", "backed": "away",
}  # fmt: skip
BACK = (Prompt.OVER, Prompt.REFUSED, Prompt.BACK_OUT)
OFF = (*BACK, Prompt.OFF_ENTRY, Prompt.SECOND_VEHICLE)

FAULTS: dict[str, str] = {
    "second at the entry": "the beam behind the vehicle is cut",
    "loop behind": "another waits on the entry loop",
    "too far": "the exit beam is cut",
    "reverses": "the driver backs off although nothing told him to",
    "residue": "something lies on the deck",
    "mass changes": "somebody loads or unloads",
    "unsteady": "the mass does not settle",
    "flags": "the weighing pipeline doubts",
    "blank": "nothing may be indicated",
    "no zero": "the zero is lost",
    "weight stale": "no samples come",
    "beam silent": "a beam's level is old",
    "loop unknown": "a loop says nothing",
    "stop": "the emergency stop is pressed",
    "wired release": "the key switch is used",
    "entry arm stuck": "it does not follow",
    "exit arm stuck": "it does not follow",
    "entry arm strays": "it stands open",
    "exit arm strays": "it stands open",
    "arm silent": "a barrier does not answer",
    "arm faulty": "a barrier reports a fault",
    "relay apart": "contact and command differ",
    "ledger away": "the link is down",
    "ledger slow": "it does not answer",
    "ledger refuses": "the disk is full",
    "foreign answer": "an answer about another visit",
    "short hash": "an answer without a hash",
    "outbox full": "no further record can be kept",
    "camera away": "the link is down",
    "no pictures": "they do not come",
    "unsure": "the plate is not certain",
    "misread": "another plate than before",
    "axles": "the scale counts other axles",
    "list away": "the site's list does not answer",
    "keys": "somebody presses keys at random",
    "restart": "control starts anew",
}


@dataclass
class Tally:
    """What a run of passages came to."""

    passages: int = 0
    steps: int = 0
    visits: int = 0
    released: int = 0
    records: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    stories: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        self.passages += other.passages
        self.steps += other.steps
        self.visits += other.visits
        self.released += other.released
        self.records.update(other.records)
        self.faults.update(other.faults)
        self.stories += other.stories


class Passage:
    """One vehicle from its arrival until it is gone again."""

    def __init__(self, seed: str, number: int, tally: Tally, *, story: bool = False) -> None:
        self.rng = random.Random(f"{seed}/{number}")
        lane = LaneKind.DOUBLE if number & 1 else LaneKind.EXIT_ONLY
        barrier = BarrierKind.PULSE if number & 2 else BarrierKind.HOLD
        self.held_anew = number & 4 != 0
        self.params = Params(lane=lane, barrier=barrier)
        self.tally, self.name = tally, f"--seed {seed} --first {number} --passages 1"
        self.lines: list[str] | None = [] if story else None
        self.state: State = initial(self.params)
        self.out = Outputs()
        self.now_ns = START_NS
        self.place = "away"
        self.true_kg = self.rng.choice((12_000, 30_000, 48_000, 49_000, 49_020, 50_000, 70_000))
        self.closed = [True, True]
        self.active: dict[str, int] = {}
        self.book: dict[int, tuple[Verdict, int, bytes]] = {}
        self.since_ns = self.now_ns
        self.waited = 0
        self.cut = self.parted = False

    # ------------------------------------------------------------------ the run
    def run(self) -> str:
        """Empty, or what went wrong."""
        self.tally.passages += 1
        for _ in range(STEPS_MAX):
            self._strike()
            wrong = self._tick(self._wait_ms())
            if wrong or (self.parted and not self.active and self.state.phase is Phase.IDLE):
                return wrong
        self.active.clear()
        for _ in range(HOME_STEPS_MAX):
            if self.place == "away" and self.parted and self.state.phase is Phase.IDLE:
                return ""
            wrong = self._tick(self._wait_ms(healed=True))
            if wrong:
                return wrong
        return f"no way home: {self.state.phase.value} {self.state.reason.value} {self.place}"

    def _wait_ms(self, *, healed: bool = False) -> int:
        long_one = self.rng.random() < (0.25 if healed and self.waited > ACT_STEPS else 0.05)
        return self.rng.choice(LONG_WAITS_MS if long_one else WAITS_MS)

    def _strike(self) -> None:
        for name in [name for name, left in self.active.items() if left <= 1]:
            del self.active[name]
        for name in self.active:
            self.active[name] -= 1
        if self.rng.random() * 100 >= FAULT_PERCENT:
            return
        name = self.rng.choice(FAULT_NAMES)
        self.tally.faults[name] += 1
        if name == "restart":
            self.params = replace(self.params, boot_id=self.params.boot_id + 1)
            self.state, self.out = initial(self.params), Outputs()
        elif name == "mass changes":
            self.true_kg = self.rng.choice((12_000, 20_000, 48_000, 49_020, 60_000))
            self.since_ns = self.now_ns
        elif name == "reverses" and self.place in ("on", "rolling", "boarding"):
            self.place = "backing"
        else:
            self.active[name] = self.rng.randint(1, FAULT_STEPS_MAX)

    def _tick(self, wait_ms: int) -> str:
        self.now_ns += wait_ms * NS_PER_MS
        inputs = self._inputs()
        before = self.state
        self.state, self.out = self._step(inputs)
        broken = check(before, inputs, self.state, self.out, self.params)
        self.tally.steps += 1
        self.tally.visits += self.state.serial > before.serial
        wrong = ", ".join(broken) or self._wrong()
        if self.lines is not None:
            self._note(wait_ms)
        still = before.phase is self.state.phase and before.reason is self.state.reason
        self.waited = self.waited + 1 if still else 0
        self._arms()
        self._drive()
        return wrong

    def _step(self, inputs: Inputs) -> tuple[State, Outputs]:
        return step(self.state, inputs, self.params)

    def _wrong(self) -> str:
        """The exit opens for the vehicle that the book says may pass, and for no other."""
        lease = self.out.leases[Side.EXIT]
        if lease is None:
            return ""
        self.tally.released += 1
        known = self.book.get(lease.visit_id)
        if known is None or known[2] != lease.record_hash:
            return "the exit opens without its record"
        verdict, gross_kg, _ = known
        if verdict is not Verdict.PASS or gross_kg > LIMIT_KG:
            return f"the exit opens on {verdict.value} with {gross_kg} kg"
        return ""

    def _note(self, wait_ms: int) -> None:
        assert self.lines is not None
        leases = [side.name.lower() for side in Side if self.out.leases[side] is not None]
        self.lines.append(
            f"{(self.now_ns - START_NS) / 1e9:9.2f} s (+{wait_ms} ms) {self.place}, "
            f"{self.true_kg} kg, arms {self.closed}, {sorted(self.active) or 'well'} -> "
            f"{self.state.phase.value} ({self.state.reason.value}), opens {leases}, "
            f"sign {self.out.display.prompt.value}"
        )

    # ------------------------------------------------------------------ arms and driver
    def _arms(self) -> None:
        """Arms follow at once, unless something holds them."""
        for side, name in ((0, "entry"), (1, "exit")):
            if f"{name} arm stuck" in self.active:
                continue
            if self.out.leases[side] is not None:
                self.closed[side] = False
            elif self.params.barrier is BarrierKind.HOLD or self.out.close[side] is not None:
                self.closed[side] = True

    def _drive(self) -> None:
        place, sign = self.place, self.out.display.prompt
        exit_only = self.params.lane is LaneKind.EXIT_ONLY
        entry_open = exit_only or not self.closed[0]
        if place == "loop":
            if sign in OFF:
                self.place = "away"
            elif sign is Prompt.BOARD and entry_open:
                self.place = "boarding"
        elif place == "on":
            if not self.closed[1] and self.out.leases[1] is not None:
                self.place = "leaving"
            elif sign in BACK and entry_open:
                self.place = "backing"
        elif place == "away":
            if not self.parted and sign not in OFF:
                self.place = "loop"
        elif place == "leaving" and self.closed[1]:
            if sign in BACK and entry_open:
                self.place = "on"
        elif place != "backing" or entry_open:
            self.place = NEXT[place]
            self.parted = self.parted or self.place == "away"
            self.since_ns = self.now_ns

    # ------------------------------------------------------------------ what the core is told
    def _inputs(self) -> Inputs:
        now_ns, on = MonotonicNs(self.now_ns), self.active
        visit_id, draft = self.state.visit_id, self.out.draft
        committed: tuple[Committed, ...] = ()
        refused: tuple[int, ...] = ()
        ledger = not ("ledger away" in on or "ledger slow" in on)
        if draft is not None and ledger:
            if "ledger refuses" in on:
                refused = (draft.visit_id,)
            else:
                kept = self.book.get(draft.visit_id)
                if kept is None:
                    digest = draft.visit_id.to_bytes(32, "big")
                    self.book[draft.visit_id] = kept = draft.verdict, draft.gross_kg, digest
                    self.tally.records[draft.verdict.value] += 1
                committed = (Committed(draft.visit_id, len(self.book), kept[2]),)
        if "foreign answer" in on:
            committed = (Committed(visit_id - 1, 1, bytes(32)), *committed)
        if "short hash" in on and committed:
            committed = (Committed(visit_id, 1, b""),)
        camera = "camera away" not in on
        plate, lookup = self._plate(now_ns) if camera else None, self.out.lookup_plate
        keys = self._keys()
        return Inputs(
            now_ns,
            self._weighed(now_ns),
            self._levels(now_ns),
            self._barriers(now_ns),
            plate,
            Captured(self.out.capture_visit_id, PHOTOS)
            if camera and self.out.capture_visit_id and "no pictures" not in on
            else None,
            committed,
            refused,
            tuple(KeyPress(Key(key), now_ns) for key in keys),
            (True,) * keys.count("#"),
            ledger_up=NO if "ledger away" in on else YES,
            camera_up=YES if camera else NO,
            outbox_full=YES if "outbox full" in on else NO,
            vehicle=(lookup, VEHICLES.get(lookup, VehicleFacts()))
            if lookup and ledger and "list away" not in on
            else None,
        )

    def _keys(self) -> str:
        if "keys" in self.active:
            return "".join(self.rng.choices("0123456789ABCD*#", k=self.rng.randint(1, 8)))
        stuck = self.waited >= ACT_STEPS and self.state.phase in (Phase.HELD, Phase.LOCKOUT)
        if not stuck or self.rng.random() < 0.5:
            return ""
        return KEYS["refuse" if self.state.phase is Phase.HELD else "egress"]

    def _plate(self, now_ns: MonotonicNs) -> PlateReading | None:
        if not self.out.look_visit_id:
            return None
        outcome = PlateOutcome.UNSURE if "unsure" in self.active else PlateOutcome.READ
        plate = OTHER_PLATE if "misread" in self.active else PLATE
        return PlateReading(
            self.out.look_visit_id, outcome, plate, "yellow", "ordinary", 3_000, (plate,), 3, now_ns
        )

    def _weighed(self, now_ns: MonotonicNs) -> Weighed:
        on, mass = self.active, PLACES[self.place][0]
        kg: int | None = {"none": 0, "half": self.true_kg // 40 * 20}.get(mass, self.true_kg)
        assert kg is not None
        kg += 400 if "residue" in on else 0
        still = mass == "still" and "unsteady" not in on
        empty = kg == 0 and "no zero" not in on
        flags = WeighFlag(1 << self.now_ns // NS_PER_MS % 15) if "flags" in on else WeighFlag.NONE
        blank = "blank" in on
        return Weighed(
            MonotonicNs(now_ns - 300 * NS_PER_MS) if "weight stale" in on else now_ns,
            None if blank else kg,
            NO if still or mass == "none" else YES,
            UNKNOWN if blank or "no zero" in on else YES if empty else NO,
            NO if "no zero" in on else YES,
            kg if still and not blank else None,
            10,
            MonotonicNs(self.since_ns),
            5 if "axles" in on else 6,
            flags=flags,
        )

    def _levels(self, now_ns: MonotonicNs) -> tuple[Level, ...]:
        on = self.active
        _, entry_beam, entry_loop, exit_beam, exit_loop = PLACES[self.place]
        clear, cut = Level(NO, now_ns), Level(YES, now_ns)
        levels = [clear] * INPUT_COUNT
        if entry_beam or "second at the entry" in on:
            levels[InputName.BEAM_ENTRY] = cut
        if entry_loop or "loop behind" in on:
            levels[InputName.LOOP_ENTRY] = cut
        if exit_beam or "too far" in on:
            levels[InputName.BEAM_EXIT] = cut
        if exit_loop:
            levels[InputName.LOOP_EXIT] = cut
        if levels[InputName.BEAM_ENTRY] is cut or levels[InputName.BEAM_EXIT] is cut:
            self.since_ns, self.cut = self.now_ns, True
        elif self.cut and self.held_anew:
            self.since_ns, self.cut = self.now_ns, False
        if "loop unknown" in on:
            levels[InputName.LOOP_EXIT] = Level(UNKNOWN, now_ns)
        if "beam silent" in on:
            levels[InputName.BEAM_EXIT] = Level(NO, MonotonicNs(now_ns - 300 * NS_PER_MS))
        if "stop" in on:
            levels[InputName.ESTOP] = cut
        if "wired release" in on:
            levels[InputName.WIRED_RELEASE] = cut
        return tuple(levels)

    def _barriers(
        self, now_ns: MonotonicNs
    ) -> tuple[BarrierFeedback | None, BarrierFeedback | None]:
        on = self.active
        found: list[BarrierFeedback | None] = []
        for side, name in ((0, "entry"), (1, "exit")):
            closed = self.closed[side] and f"{name} arm strays" not in on
            fault = Fault(FaultCode.BUS, name, now_ns) if "arm faulty" in on and side else None
            found.append(
                BarrierFeedback(
                    Position.CLOSED if closed else Position.OPEN,
                    YES if "relay apart" in on and side else NO,
                    False,
                    0,
                    now_ns,
                    fault,
                )
            )
        if "arm silent" in on:
            found[1] = None
        if self.params.lane is LaneKind.EXIT_ONLY:
            found[0] = None
        return found[0], found[1]


FAULT_NAMES = tuple(FAULTS)


def run(seed: str, first: int, count: int, until: float, clock: object) -> tuple[Tally, int]:
    """Passages first .. first + count - 1, or as many as there is time for; the next number."""
    assert callable(clock)
    tally = Tally()
    for number in range(first, first + count):
        if number & 255 == 0 and clock() > until:
            return tally, number
        passage = Passage(seed, number, tally)
        wrong = passage.run()
        if wrong:
            tally.stories.append(tell(seed, number, wrong))
    return tally, first + count


def tell(seed: str, number: int, wrong: str) -> str:
    """The passage once more, with every step noted."""
    again = Passage(seed, number, Tally(), story=True)
    again.run()
    assert again.lines is not None
    told = again.lines
    if len(told) > 2 * ENDS_SHOWN:
        told = [*told[:ENDS_SHOWN], "      ...", *told[-ENDS_SHOWN:]]
    return "\n".join([f"{wrong}: python -m tests.model {again.name}", *told])
