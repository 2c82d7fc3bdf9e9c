"""Breadth-first search of the real step over an environment, and the way home from everywhere.

Every transition runs terminal.core.step and terminal.core.invariants.check. A finding is told as
the shortest story that leads to it. The only thing put in place of the core's own is a memory of
quality.look: inputs are shared by millions of transitions, and look is a pure function of them.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from hal.contract.types import Side
from terminal.core import invariants, quality, table
from terminal.core.facts import Facts
from terminal.core.params import Params
from terminal.core.quality import Seen
from terminal.core.step import initial, step
from terminal.core.table import Row
from terminal.core.types import BarrierKind, HoldReason, Inputs, LaneKind, Outputs, Prompt
from terminal.core.visit import Phase, State
from tests.model import environment as env
from tests.model.canonical import Key, key_of, representative, waits_of
from tests.model.environment import TICK_MS, Abstract

HOME_STEPS_MAX = 60
VIOLATIONS_MAX = 5
EARLY = (Phase.LOCKOUT, Phase.IDLE, Phase.ENTERING, Phase.POSITIONING)


@dataclass
class Report:
    """What one search found. rows: indices into DISABLE + ROWS of the rows that fired."""

    name: str
    states: int = 0
    transitions: int = 0
    seconds: float = 0.0
    cpu_s: float = 0.0
    complete: bool = False
    rows: set[int] = field(default_factory=set)
    phases: set[Phase] = field(default_factory=set)
    stories: list[str] = field(default_factory=list)
    home_steps: int = 0


ALL_ROWS: tuple[Row, ...] = table.DISABLE + table.ROWS
ROW_INDEX = {id(row): place for place, row in enumerate(ALL_ROWS)}


class Search:
    """One lane in one environment."""

    def __init__(
        self, lane: LaneKind, barrier: BarrierKind, facet: str, transitions_max: int
    ) -> None:
        self.params = env.params_of(lane, barrier, attended=facet != "alone")
        self.facet = facet
        self.transitions_max = transitions_max
        self.report = Report(f"{lane.value} {barrier.value} {facet}")
        self.states: dict[Key, State] = {}
        self.came_from: dict[Key, tuple[Key, Abstract, int] | None] = {}
        self._inputs: dict[tuple[int, bool], list[tuple[Abstract, Inputs]]] = {}
        self._abstract = env.SETS[facet](lane)
        self._seen: dict[int, Seen] = {}

    def run(self) -> Report:
        """Search to the end or to the bound, then look for the way home from every state."""
        started, cpu_started_s = time.perf_counter(), time.process_time()
        look, fire = quality.look, table.fire

        def remembered(inputs: Inputs, params: Params) -> Seen:
            found = self._seen.get(id(inputs))
            return look(inputs, params) if found is None else found

        def noted(phase: Phase, facts: Facts) -> Row | None:
            row = fire(phase, facts)
            if row is not None:
                self.report.rows.add(ROW_INDEX[id(row)])
            return row

        quality.look = invariants.look = remembered
        table.fire = noted
        try:
            self._explore()
            self._homes()
        finally:
            quality.look = invariants.look = look
            table.fire = fire
        self.report.seconds = time.perf_counter() - started
        self.report.cpu_s = time.process_time() - cpu_started_s
        return self.report

    def inputs_for(self, wait_ms: int, early: bool) -> list[tuple[Abstract, Inputs]]:
        """All inputs that may follow; made once, so that looking at them is remembered."""
        made = self._inputs.get((wait_ms, early))
        if made is None:
            made = [
                (one, env.real(one, wait_ms, self.params))
                for one in self._abstract
                if (wait_ms == TICK_MS or env.calm(one)) and (not early or env.early(one))
            ]
            for _, inputs in made:
                self._seen[id(inputs)] = quality.look(inputs, self.params)
            self._inputs[wait_ms, early] = made
        return made

    def _explore(self) -> None:
        start = initial(self.params)
        key = key_of(start, env.NOW_NS, self.params)
        self.states[key], self.came_from[key] = start, None
        frontier = [key]
        report, params, states = self.report, self.params, self.states
        while frontier:
            later: list[Key] = []
            for key in frontier:
                if report.transitions >= self.transitions_max or report.stories[VIOLATIONS_MAX:]:
                    report.states = len(states)
                    return
                before = states[key]
                for wait_ms in (TICK_MS, *waits_of(key, before, params)):
                    made = self.inputs_for(wait_ms, key.phase in EARLY)
                    for abstract, inputs in made:
                        after, outputs = step(before, inputs, params)
                        broken = invariants.check(before, inputs, after, outputs, params)
                        found = key_of(after, inputs.now_ns, params)
                        if found not in states:
                            states[found] = representative(after, found, params)
                            self.came_from[found] = (key, abstract, wait_ms)
                            later.append(found)
                        if broken:
                            self._tell(", ".join(broken), key, abstract, wait_ms)
                    report.transitions += len(made)
            frontier = later
        report.complete = True
        report.states = len(states)
        report.phases = {key.phase for key in states}

    # ------------------------------------------------------------------ stories
    def _tell(self, what: str, key: Key, abstract: Abstract, wait_ms: int) -> None:
        report = self.report
        if len(report.stories) <= VIOLATIONS_MAX:
            report.stories.append(self.story(what, key, [(abstract, wait_ms)]))

    def story(self, what: str, key: Key, tail: list[tuple[Abstract, int]]) -> str:
        """From the start to the finding: when, what the field said, what the lane made of it."""
        steps = list(reversed(tail))
        here: Key | None = key
        while here is not None:
            came = self.came_from[here]
            if came is None:
                break
            here, abstract, wait_ms = came
            steps.append((abstract, wait_ms))
        lines, ran_ms, same = [f"{what} in {self.report.name}:"], 0, 0
        state = initial(self.params)
        for abstract, wait_ms in reversed(steps):
            inputs = env.real(abstract, wait_ms, self.params)
            raw, outputs = step(state, inputs, self.params)
            ran_ms += wait_ms
            line = f"{abstract}  ->  {_told(raw, outputs)}"
            if lines[-1].endswith(line):
                same += 1
            else:
                lines += [f"             ... and so {same} times more"] if same else []
                lines.append(f"  {ran_ms / 1_000:8.2f} s  {line}")
                same = 0
            state = representative(raw, key_of(raw, inputs.now_ns, self.params), self.params)
        lines += [f"             ... and so {same} times more"] if same else []
        return "\n".join(lines)

    # ------------------------------------------------------------------ the way home
    def _homes(self) -> None:
        """From every state: nothing fails any more, and an operator is there.

        The vehicle is on the deck, away, or on the entry loop under an arm that stands open,
        where nobody helps it: its driver does what the sign says, and nothing else.
        """
        known: dict[tuple[Key, World], int] = {}
        for key, state in self.states.items():
            shut = (not (state.opened[0] or state.leased[0]), not state.opened[1])
            worlds = [World("on", shut), World("gone", shut)]
            if self.params.lane is LaneKind.DOUBLE:
                worlds.append(World("under", (False, shut[1])))
            for world in worlds:
                if len(self.report.stories) > VIOLATIONS_MAX:
                    return
                self._go_home(key, state, world, known)

    def _go_home(
        self, key: Key, state: State, world: World, known: dict[tuple[Key, World], int]
    ) -> None:
        start, way = key, []
        tail: list[tuple[Abstract, int]] = []
        while (key, world) not in known:
            served = state.phase is Phase.ENTERING and world.place == "under"
            home = state.phase in (Phase.IDLE, Phase.ENTERING) and world.place == "gone"
            if home or served:
                known[key, world] = 0
                break
            way.append((key, world))
            if len(way) > HOME_STEPS_MAX:
                self.report.stories.append(self.story("no way home", start, tail))
                return
            for abstract, wait_ms in _patience(key, state, world, self.params):
                inputs = env.real(abstract, wait_ms, self.params)
                after, outputs = step(state, inputs, self.params)
                found = key_of(after, inputs.now_ns, self.params)
                moved = world.after(outputs, after, self.params)
                if (found, moved) != (key, world):
                    break
            tail.append((abstract, wait_ms))
            key, state, world = found, representative(after, found, self.params), moved
        steps = known[key, world]
        for place in reversed(way):
            steps += 1
            known[place] = steps
        self.report.home_steps = max(self.report.home_steps, steps)


@dataclass(frozen=True)
class World:
    """Where the vehicle is and which arms are shut, for the way home only."""

    place: str
    shut: tuple[bool, bool]

    def after(self, outputs: Outputs, state: State, params: Params) -> World:
        """Arms obey, and the vehicle drives where an arm lets it."""
        shut = []
        for side in Side:
            hold = params.barrier is BarrierKind.HOLD
            closing = outputs.close[side] is not None or hold
            leased = outputs.leases[side] is not None
            shut.append(not leased and (closing or self.shut[side]))
        place = NEXT_PLACE.get(self.place, self.place)
        if self.place == "under" and outputs.display.prompt in SENT_BACK:
            place = "backed"
        if self.place == "on":
            exit_open = outputs.leases[1] is not None and not self.shut[1]
            entry_open = params.lane is LaneKind.EXIT_ONLY or (
                outputs.leases[0] is not None and not self.shut[0]
            )
            if exit_open:
                place = "leaving"
            elif state.phase is Phase.EGRESS and entry_open:
                place = "backing"
        return World(place, (shut[0], shut[1]))


NEXT_PLACE = {"leaving": "left", "left": "gone", "backing": "backed", "backed": "gone"}
SENT_BACK = (Prompt.OFF_ENTRY, Prompt.BACK_OUT, Prompt.SECOND_VEHICLE)
"""Signs that a driver on the entry loop obeys by backing off it."""
PLACES = {
    "under": ("empty", "loop", "clear"),
    "on": ("held", "clear", "clear"),
    "leaving": ("moving", "clear", "beam"),
    "left": ("empty", "clear", "beam"),
    "backing": ("moving", "beam", "clear"),
    "backed": ("empty", "beam", "clear"),
    "gone": ("empty", "clear", "clear"),
}


def _patience(key: Key, state: State, world: World, params: Params) -> list[tuple[Abstract, int]]:
    """A tick; then as long as a clock runs; then the operator's key. First that changes counts."""
    ways = [(Abstract(*PLACES[world.place], *world.shut), TICK_MS)]
    ways += [(ways[0][0], wait_ms) for wait_ms in waits_of(key, state, params)]
    stopped = state.phase in (Phase.HELD, Phase.LOCKOUT)
    if stopped and params.attended and world.place != "under":
        keyed = "keyed: refuse" if state.phase is Phase.HELD else "keyed: send back"
        ways.append((Abstract(*PLACES[world.place], *world.shut, keyed), TICK_MS))
    return ways


def _told(state: State, outputs: Outputs) -> str:
    reason = "" if state.reason is HoldReason.NONE else f" ({state.reason.value})"
    leases = [side.name.lower() for side in Side if outputs.leases[side] is not None]
    closing = [side.name.lower() for side in Side if outputs.close[side] is not None]
    told = state.phase.value.upper() + reason
    told += f", opens {'+'.join(leases)}" if leases else ""
    told += f", shuts {'+'.join(closing)}" if closing else ""
    return f"{told}, sign: {outputs.display.prompt.value}"


def run_one(job: tuple[LaneKind, BarrierKind, str, int]) -> Report:
    """One job of a worker process."""
    return Search(*job).run()
