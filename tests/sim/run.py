"""One seeded run of the whole terminal under virtual time: faults first, then healing.

One thread and one heap of events ordered by (time, serial). Phase 1 injects faults while
trucks pass and checks safety; phase 2 heals everything and asks for liveness: the deck comes
back to idle, and every record is at the county exactly once. Same seed, same run.
"""

from __future__ import annotations

import hashlib
import heapq
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from firmware_bridge.indicators.device import format_for
from firmware_bridge.sim.indicator import IndicatorPeer
from hal.contract.types import NS_PER_MS, NS_PER_S, ClockQuality, MonotonicNs
from hal.sim.deck import STEP_NS
from hal.sim.operator import Reaction
from hal.sim.scripts import OPEN_MENU, REFUSE, SEND_BACK, Script
from hal.sim.seeds import stream
from hal.sim.traffic import Finished, Stage
from hal.sim.world_local import LocalWorld
from hal.sim.yard import Yard
from terminal.config_load import load
from terminal.control.control import Control
from terminal.ledger import identity
from terminal.wiring.context import INDICATOR_PEER
from terminal.wiring.peers import DeckMass
from tests.sim.clock import EPOCH_NS, VirtualClock
from tests.sim.county import Network, SimCounty, Weather
from tests.sim.disk import SimDisk
from tests.sim.faults import Faults
from tests.sim.links import Wires
from tests.sim.outage import days
from tests.sim.processes import PROCESSES, Process
from tests.sim.safety import Violation, Watch
from tests.sim.scene import Eyes
from tests.sim.serial_wire import SerialWire, place_of
from tests.sim.site import STORY, site, story

BOOT_S = (8, 20)
FAULTS_S_MAX = 300
"""Phase 1 ends here even if trucks are stuck behind what never heals by itself."""
SETTLE_S_MAX = 300
DELIVER_S_MAX = 900
PLENTY_BYTES = 10_000_000_000
WAVE_S = 60
UNSERVED = ("lockout", "fault", "estop", "starting")
TRIES_MAX = 200
"""The attendant of a simulated site does not give up: what he cannot solve is a trap."""
REACTIONS: tuple[Reaction, ...] = (
    Reaction("plate_unread", 2_000, OPEN_MENU + "10{plate}#", TRIES_MAX),
    *(
        Reaction(prompt, 6_000, REFUSE, TRIES_MAX)
        for prompt in ("axles_unknown", "unsteady", "attendant", "save_failed", "second_vehicle")
    ),
    *(Reaction(prompt, 20_000, REFUSE, TRIES_MAX) for prompt in ("not_empty", "go_back")),
    *(Reaction(prompt, 20_000, REFUSE, TRIES_MAX) for prompt in ("go_forward", "weighing")),
    *(Reaction(prompt, 5_000, SEND_BACK, TRIES_MAX) for prompt in ("starting", "lockout", "estop")),
    Reaction("fault", 5_000, REFUSE + "__" + SEND_BACK, TRIES_MAX),
)
"""What the attendant does when a sign stays on: type the plate, refuse, send back."""
HOME = Path("/dev/shm") if Path("/dev/shm").is_dir() else None
"""Memory, where there is such a folder: the simulated disk decides what is durable."""


@dataclass(frozen=True)
class Outcome:
    """What one run came to. digest: of the whole timeline; violation: empty when none.

    visits: that the lane began; faults: how often each struck.
    """

    seed: int
    passages: int
    visits: int
    faults: dict[str, int]
    openings: int
    verdicts: dict[str, int]
    virtual_ns: int
    digest: str
    violation: str
    timeline: tuple[str, ...]


class Sim:
    """The whole terminal, its yard, its county and what befalls them."""

    def __init__(
        self, seed: int, folder: Path, *, trucks: int = STORY, faults: bool = True
    ) -> None:
        self.seed, self.folder = seed, folder
        self.clock = VirtualClock()
        self.timeline: list[str] = []
        self._heap: list[tuple[int, int, Callable[[], None]]] = []
        self._serial = 0
        self._streams: dict[str, Random] = {}
        self.site = site(self.rng("shape"), self.rng("serial line"))
        self.whole = self.site.whole
        self.tick_ns = (10 if self.whole else 20) * NS_PER_MS
        self.loaded = load(self.site.write(folder))
        self.ledger_folder = self.loaded.path(self.loaded.config.ledger.folder)
        self.machine_boot = self.rng("machine").randbytes(16)
        self.disk_free_bytes = PLENTY_BYTES
        self.disk = SimDisk(f"sim-{os.getpid()}-{seed}-{id(self)}", self.rng("disk"))
        self.world = LocalWorld()
        self.yard = self._yard(trucks)
        self.line, self.indicator = self._behind_the_line()
        self.gpio: Any = None
        self.welded: set[str] = set()
        self.eyes = Eyes()
        self.county = SimCounty(folder, self.clock)
        self.network = Network(self.county, self.rng("network"), self.later)
        self.watch = Watch(self)
        self.wires = Wires(self.rng("wires"), self._wake)
        self.wires.heard = self.watch.heard
        self.processes: dict[str, Any] = {kind.name: kind(self) for kind in PROCESSES}  # type: ignore[attr-defined]
        self.faults = Faults(self, on=faults)
        self.weigher: Callable[[Control], None] = lambda _control: None
        self.finished: list[Finished] = []
        self.sleeps = True
        """Whether the lane stops being simulated once it is at rest and only the uplink works."""
        self.lane_asleep = False
        self.outage_hours = self.backlog = self.coarse_ns = 0
        """Hours to come without a network; records made in them; tick of what works then."""
        self._unserved_s = 0

    def _yard(self, trucks: int) -> Yard:
        lane = self.loaded.config.lane
        plans = story(self.rng("story")) if trucks == STORY else ()
        return Yard(
            self.world,
            Script("random", plans, REACTIONS, True),
            self.seed,
            lane_kind=lane.kind,
            barrier=lane.barrier,
            trucks=trucks or len(plans),
            params=self.site.deck,
        )

    def _behind_the_line(self) -> tuple[SerialWire | None, IndicatorPeer | None]:
        """An indicator that weighs the deck, and its cable; None where the cells are ours."""
        if self.site.indicator is None:
            return None, None
        wire: Any = SerialWire(self.clock, self.rng("line"))
        place_of(self.loaded.path(self.loaded.config.runtime.folder), INDICATOR_PEER)
        weighing = self.loaded.config.weighing
        format_ = format_for(self.site.indicator[0], None, "indicator")
        mass = DeckMass(lambda: self.world, self.site.deck)
        peer = IndicatorPeer(wire, format_, mass.kg, e_kg=weighing.e_kg, max_kg=weighing.max_kg)
        return wire, peer

    def rng(self, source: str) -> Random:
        """The stream of one source of chance: adding a source shifts no other."""
        if source not in self._streams:
            self._streams[source] = stream(self.seed, source)
        return self._streams[source]

    def log(self, what: str) -> None:
        self.timeline.append(f"{self.clock.at_ns / NS_PER_S:9.3f} {what}")

    def at(self, at_ns: int, what: Callable[[], None]) -> None:
        self._serial += 1
        heapq.heappush(self._heap, (at_ns, self._serial, what))

    def later(self, delay_ns: int, what: Callable[[], None]) -> None:
        self.at(self.clock.at_ns + delay_ns, what)

    def run_until(self, at_ns: int) -> None:
        """Let time pass. Also called from within, while a process opens its devices."""
        heap = self._heap
        while heap and heap[0][0] <= at_ns:
            due_ns, _serial, what = heapq.heappop(heap)
            self.clock.at_ns = max(self.clock.at_ns, due_ns)
            what()
        self.clock.at_ns = max(self.clock.at_ns, at_ns)

    def _wake(self, name: str) -> None:
        if name != "control":
            self.processes[name].wake(self.rng("wake").randint(50, 2_000) * 1_000)

    def _move_world(self) -> None:
        """The yard advances: fine steps while something moves, twice as coarse otherwise."""
        if self.lane_asleep:
            return
        trucks = self.yard.deck.trucks
        moving = any(truck.speed_mm_s or truck.target_mm_s for truck in trucks)
        step_ns = STEP_NS if moving else 2 * STEP_NS
        steps = self.tick_ns // step_ns
        for gone in self.yard.advance(steps, self.clock.monotonic_ns(), step_ns):
            self.finished.append(gone)
            self.log(f"{gone.plan.plate} {gone.plan.name} {gone.what} after {gone.deck_ms} ms")
            self.watch.gone(gone)
        if self.indicator is not None:
            self.indicator.step(self.clock.monotonic_ns())
        self.faults.moved(self.clock.at_ns)
        self.later(self.tick_ns, self._move_world)

    def calm(self, group: str, ns: int) -> bool:
        """Whether nothing of this group has befallen the lane within the last ns."""
        return self.faults.quiet_for(group, ns)

    def lines_fall(self) -> None:
        """The owner of the lines is gone: outputs become inputs, relays fall."""
        if self.gpio is not None:
            for number in list(self.gpio._driven):
                self.gpio.drive(number, None)

    def relay(self, name: str) -> Any:
        """The simulated relay of that name, for faults."""
        if self.gpio is not None:
            for drive in self.gpio._coils.values():
                if drive.__self__._name == name:
                    return drive.__self__
        return None

    def enrol(self) -> None:
        """The county knows this terminal's key."""
        keys = self.folder / "keys"
        keys.mkdir(exist_ok=True)
        shutil.copy(self.ledger_folder / identity.PUBLIC_FILE, keys / "terminal.pub")

    def power_cut(self) -> None:
        """The mains fail: everything dies, unsynced writes may be lost, and it boots again."""
        self.log("POWER CUT")
        for process in self.processes.values():
            process.kill(restart=False)
        touched = self.disk.power_cut()
        for leftover in self.ledger_folder.glob("*-shm"):
            leftover.unlink()
        self.log(f"{touched} writes were not synced")
        self.machine_boot = self.rng("machine").randbytes(16)
        self.clock.wrong_ns, self.clock.known = -EPOCH_NS, ClockQuality.UNKNOWN
        boot_s = self.rng("power").randint(*BOOT_S)
        for process in self.processes.values():
            self.later(boot_s * NS_PER_S, process.start)
        self.later((boot_s + 30) * NS_PER_S, self._time_is_set)

    def _time_is_set(self) -> None:
        self.clock.wrong_ns, self.clock.known = 0, ClockQuality.SYNCED

    def disconnect(self, why: str) -> None:
        """The network is away, and stays so until every why of it is over."""
        self.network.weather.cut.add(why)
        self.yard.network_up = False

    def reconnect(self, why: str) -> None:
        """This why is over."""
        self.network.weather.cut.discard(why)
        self.yard.network_up = self.network.weather.plugged

    def run(self, until_ns: int = 0) -> None:
        """Both phases. Raises Violation."""
        self._move_world()
        self.run_until(self.clock.at_ns + 100 * NS_PER_MS)
        for process in self.processes.values():
            process.start()
        self.faults.begin()
        end_ns = FAULTS_S_MAX * NS_PER_S
        while not self.yard.traffic.done and self.clock.at_ns < end_ns:
            self._second(until_ns)
        self.faults.heal()
        self.log("all faults healed")
        self._wait(self.watch.settled, SETTLE_S_MAX, until_ns)
        self.log("the lane is at rest")
        self.lane_asleep = self.sleeps or self.outage_hours > 0
        if self.outage_hours:
            days(self)
        self._wait(self.watch.delivered, DELIVER_S_MAX, until_ns)
        self.watch.finish()
        self.log(f"county holds {len(self.county.stored())} records")

    def _wait(self, why_not: Callable[[], str], s_max: int, until_ns: int) -> None:
        for _ in range(s_max):
            if not why_not():
                return
            self._second(until_ns)
        self.watch.broken(f"within {s_max} s after healing: {why_not()}")

    def _wave_back(self) -> None:
        """A person sends away whoever stands at the entry of a lane that does not serve.

        A pulse arm that stands open over him cannot be shut, so the lane waits for him to go.
        """
        stuck = [each for each in self.yard.traffic.drivers if each.stage is Stage.WAIT]
        unserved = stuck and self.world.prompt() in UNSERVED
        self._unserved_s = self._unserved_s + 1 if unserved else 0
        if self._unserved_s > WAVE_S:
            self._unserved_s = 0
            for driver in stuck:
                self.log(f"{driver.truck.plan.plate} is sent away")
                driver.stage = Stage.BACK

    def _second(self, until_ns: int) -> None:
        self._wave_back()
        self.run_until(self.clock.at_ns + NS_PER_S)
        if 0 < until_ns <= self.clock.at_ns:
            raise Violation("stopped by --until")

    def close(self) -> None:
        for process in self.processes.values():
            process.kill(restart=False)
        self.county.close()
        self.disk.unregister()


def simulate(
    seed: int,
    *,
    trucks: int = STORY,
    faults: bool = True,
    until_ns: int = 0,
    prepare: Callable[[Sim], None] = lambda _sim: None,
) -> Outcome:
    """One run in a folder of its own. trucks: how many pass, or STORY. prepare: plants a bug."""
    folder = Path(tempfile.mkdtemp(prefix="sim-", dir=HOME))
    sim = Sim(seed, folder, trucks=trucks, faults=faults)
    violation = ""
    try:
        prepare(sim)
        sim.run(until_ns)
    except Violation as broken:
        violation = str(broken)
    except Exception as error:
        violation = f"{type(error).__name__}: {error}"
        sim.log(f"VIOLATION {violation}")
    finally:
        sim.close()
        shutil.rmtree(folder, ignore_errors=True)
    return Outcome(
        seed=seed,
        passages=len(sim.finished),
        visits=len(sim.watch.visits),
        faults=dict(sorted(sim.faults.struck.items())),
        openings=sim.watch.openings,
        verdicts=sim.watch.verdicts,
        virtual_ns=int(sim.clock.at_ns),
        digest=hashlib.sha256("\n".join(sim.timeline).encode()).hexdigest(),
        violation=violation,
        timeline=tuple(sim.timeline),
    )


__all__ = ["MonotonicNs", "Outcome", "Process", "Sim", "Weather", "simulate"]
