"""How each fault is brought about in the simulation, and what heals it.

Hands on the silicon, the wires, the disk, the network, the processes and the people; which of
them, how often and why it must be survived is data in faults.py.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Any

from hal.contract.types import NS_PER_MS, NS_PER_S, ClockQuality, InputName
from hal.sim.fleet import FLEET, plates
from hal.sim.scripts import OPEN_MENU, REFUSE, SEND_BACK
from hal.sim.traffic import Driver, Stage
from tests.sim.clock import EPOCH_NS
from tests.sim.outage import HOURS

if TYPE_CHECKING:
    from tests.sim.run import Sim

Heal = Callable[[], None]
Begin = Callable[["Sim", Random], Heal | None]
LISTED_SHARE = 0.8
"""Share of the wrong readings that are the plate of another vehicle of the site's list."""


def nothing() -> None:
    """Heals by itself."""


def chip(attribute: str) -> Begin:
    def begin(sim: Sim, rng: Random) -> Heal | None:
        control = sim.processes["control"]
        if not control.alive or control.bus is None:
            return None
        chip = rng.choice(control.bus.chips)
        setattr(chip, attribute, True)
        return lambda: setattr(chip, attribute, False)

    return begin


def brown_out(sim: Sim, rng: Random) -> Heal | None:
    control = sim.processes["control"]
    if not control.alive or control.bus is None:
        return None
    rng.choice(control.bus.chips).brown_out()
    return nothing


class _Offset:
    """A cell that shows too much."""

    def __init__(self, cell: int, kg: float) -> None:
        self.cell, self.kg = cell, kg

    def apply(self, cells_kg: list[float], now_s: float, dt_s: float) -> None:
        if self.cell < len(cells_kg):
            cells_kg[self.cell] += self.kg


def offset(kg_min: int, kg_max: int) -> Begin:
    def begin(sim: Sim, rng: Random) -> Heal:
        effect = _Offset(rng.randrange(4), rng.choice((-1, 1)) * rng.randint(kg_min, kg_max))
        sim.yard.deck.effects.append(effect)
        return lambda: sim.yard.deck.effects.remove(effect)

    return begin


class _Drift:
    """A cell whose zero runs away: water in a plug, a bolt that creeps."""

    def __init__(self, cell: int, kg_per_s: float) -> None:
        self.cell, self.kg_per_s, self.kg = cell, kg_per_s, 0.0

    def apply(self, cells_kg: list[float], now_s: float, dt_s: float) -> None:
        self.kg += self.kg_per_s * dt_s
        cells_kg[self.cell] += self.kg


def drift(sim: Sim, rng: Random) -> Heal:
    effect = _Drift(rng.randrange(4), rng.choice((-1, 1)) * rng.uniform(2.0, 120.0))
    sim.yard.deck.effects.append(effect)
    return lambda: sim.yard.deck.effects.remove(effect)


class _Shaking:
    """The ground shakes: a crusher, a train, a storm."""

    def __init__(self, rng: Random) -> None:
        self.rng, self.kg = rng, rng.uniform(20.0, 400.0)

    def apply(self, cells_kg: list[float], now_s: float, dt_s: float) -> None:
        for cell, kg in enumerate(cells_kg):
            cells_kg[cell] = kg + self.rng.gauss(0.0, self.kg)


def shaking(sim: Sim, rng: Random) -> Heal:
    effect = _Shaking(rng)
    sim.yard.deck.effects.append(effect)
    return lambda: sim.yard.deck.effects.remove(effect)


def multiplexer(sim: Sim, rng: Random) -> Heal | None:
    """The multiplexer before all converters answers nobody."""
    control = sim.processes["control"]
    if not control.alive or control.bus is None:
        return None
    bus = control.bus
    bus.mux_nack = True
    return lambda: setattr(bus, "mux_nack", False)


class _Person:
    """Somebody walks over the deck."""

    def __init__(self, rng: Random) -> None:
        self.kg, self.pace = rng.uniform(50.0, 110.0), rng.uniform(300.0, 1_200.0)
        self.since_s = -1.0

    def loads(self, now_s: float, dt_s: float) -> list[tuple[float, float, float]]:
        if self.since_s < 0:
            self.since_s = now_s
        return [((now_s - self.since_s) * self.pace % 18_000.0, 1_500.0, self.kg)]


def person(sim: Sim, rng: Random) -> Heal:
    person = _Person(rng)
    sim.yard.deck.sources.append(person)
    return lambda: sim.yard.deck.sources.remove(person)


def wire(sim: Sim, rng: Random) -> Heal | None:
    gpio = sim.gpio
    if gpio is None:
        return None
    pin = rng.choice(sorted(gpio._contacts))
    gpio.cut(pin)
    return lambda: gpio.cut(pin, cut=False)


def chatter(sim: Sim, rng: Random) -> Heal | None:
    gpio = sim.gpio
    if gpio is None:
        return None
    pin = rng.choice(sorted(gpio._contacts))

    def flip(_now_ns: int) -> None:
        gpio.cut(pin, cut=rng.random() < 0.5)

    sim.faults.each_step[f"chatter {pin}"] = flip

    def heal() -> None:
        sim.faults.each_step.pop(f"chatter {pin}", None)
        gpio.cut(pin, cut=False)

    return heal


def press(name: InputName) -> Begin:
    def begin(sim: Sim, rng: Random) -> Heal:
        lane = sim.yard.lane
        lane.pressed |= 1 << name

        def heal() -> None:
            lane.pressed &= ~(1 << name)

        return heal

    return begin


def coil(sim: Sim, rng: Random) -> Heal | None:
    relay = sim.relay(rng.choice(("entry_open", "exit_open")))
    if relay is None:
        return None
    relay.broken = True

    def heal() -> None:
        relay.broken = False

    return heal


def weld(sim: Sim, rng: Random) -> Heal | None:
    """Only a contact that is made can weld."""
    name = rng.choice(("entry_open", "exit_open"))
    relay = sim.relay(name)
    if relay is None or not sim.world.relay(name):
        return None
    relay.welded = True
    sim.welded.add(name)

    def heal() -> None:
        relay.welded = False
        sim.welded.discard(name)
        current = sim.relay(name)
        if current is not None:
            for number, drive in sim.gpio._coils.items():
                if drive.__self__ is current:
                    drive(sim.gpio.driven(number))

    return heal


def set(where: Callable[[Sim], Any], attribute: str, value: Any, healed: Any) -> Begin:
    def begin(sim: Sim, rng: Random) -> Heal:
        setattr(where(sim), attribute, value)
        return lambda: setattr(where(sim), attribute, healed)

    return begin


def unplug(sim: Sim, rng: Random) -> Heal:
    sim.disconnect("outage")
    return lambda: sim.reconnect("outage")


def days(sim: Sim, rng: Random) -> Heal | None:
    """The network is away from now on, and for days after the last vehicle of this run."""
    if sim.outage_hours:
        return None
    sim.disconnect("days")
    sim.outage_hours = rng.randint(*HOURS)
    return nothing


def rejects(sim: Sim, rng: Random) -> Heal:
    """The county refuses some items for good, the same ones each time."""
    weather = sim.network.weather
    weather.rejects, weather.rejects_salt = rng.choice((0.2, 0.5, 1.0)), rng.getrandbits(30)
    return lambda: setattr(weather, "rejects", 0.0)


def misread(sim: Sim, rng: Random) -> Heal:
    """The reader is sure of a plate that is not there: another of the list, or one like it."""
    read: dict[str, str] = {}
    listed = [plate for base in FLEET for plate in plates(base)]

    def wrong(plate: str) -> str:
        if plate not in read:
            like = plate[:-1] + rng.choice([c for c in "0123456789" if c != plate[-1]])
            others = [other for other in listed if other != plate]
            read[plate] = rng.choice(others) if rng.random() < LISTED_SHARE else like
        return read[plate]

    sim.eyes.misread = wrong
    return lambda: setattr(sim.eyes, "misread", None)


def line(attribute: str, value: Any, healed: Any) -> Begin:
    """Something befalls the serial line, where the lane has one."""

    def begin(sim: Sim, rng: Random) -> Heal | None:
        if sim.line is None:
            return None
        setattr(sim.line, attribute, value)
        return lambda: setattr(sim.line, attribute, healed)

    return begin


def line_out(sim: Sim, rng: Random) -> Heal | None:
    if sim.line is None:
        return None
    sim.line.pull_out()
    return lambda: setattr(sim.line, "plugged", True)


def line_reboot(sim: Sim, rng: Random) -> Heal | None:
    if sim.line is None:
        return None
    sim.line.reboot_peer()
    return nothing


def clock_step(sim: Sim, rng: Random) -> Heal:
    """Backwards as far as one likes; forwards less than the county takes for a lie."""
    sim.clock.wrong_ns = rng.randint(-86_400, 500) * NS_PER_S
    return lambda: setattr(sim.clock, "wrong_ns", 0)


def clock_lost(sim: Sim, rng: Random) -> Heal:
    sim.clock.wrong_ns, sim.clock.known = -EPOCH_NS, ClockQuality.UNKNOWN
    return lambda: sim._time_is_set()


def kill(name: str) -> Begin:
    def begin(sim: Sim, rng: Random) -> Heal | None:
        if not sim.processes[name].alive:
            return None
        sim.processes[name].kill()
        return nothing

    return begin


def stall(name: str, ms_min: int, ms_max: int) -> Begin:
    def begin(sim: Sim, rng: Random) -> Heal | None:
        if not sim.processes[name].alive:
            return None
        sim.processes[name].stall(rng.randint(ms_min, ms_max) * NS_PER_MS)
        return nothing

    return begin


def slow(name: str, ms_max: int) -> Begin:
    def begin(sim: Sim, rng: Random) -> Heal:
        process = sim.processes[name]
        process.slow_ms = rng.randint(5, ms_max)
        return lambda: setattr(process, "slow_ms", 0)

    return begin


def power(sim: Sim, rng: Random) -> Heal | None:
    if not sim.processes["ledger"].alive:
        return None
    sim.power_cut()
    return nothing


def driver(stages: tuple[Stage, ...], change: Callable[[Driver, Random], None]) -> Begin:
    def begin(sim: Sim, rng: Random) -> Heal | None:
        found = [each for each in sim.yard.traffic.drivers if each.stage in stages]
        if not found:
            return None
        change(rng.choice(found), rng)
        return nothing

    return begin


def reverse(driver: Driver, rng: Random) -> None:
    driver.stage = Stage.BACK


def stops_elsewhere(driver: Driver, rng: Random) -> None:
    driver.stop_mm += rng.choice((-1, 1)) * rng.uniform(300.0, 4_000.0)


def creeps(driver: Driver, rng: Random) -> None:
    driver.stop_mm += rng.uniform(100.0, 900.0)
    driver.stage = Stage.BOARD


def mash(sim: Sim, rng: Random) -> Heal:
    sim.yard.press("".join(rng.choice("0123456789ABCD*#") for _ in range(rng.randint(3, 20))), 80)
    return nothing


def wrong_pin(sim: Sim, rng: Random) -> Heal:
    sim.yard.press(f"***A{rng.randint(0, 9_999):04}#2#", 100)
    return nothing


ORDERS = (REFUSE, SEND_BACK, OPEN_MENU + "1#", OPEN_MENU + "105552C1234#", OPEN_MENU + "4#")


def meddles(sim: Sim, rng: Random) -> Heal:
    """Somebody who knows the PIN gives orders when nobody asked for any."""
    sim.yard.press(rng.choice(ORDERS), 80)
    return nothing
