"""Days without a network, in seconds: the deck stands still, the backlog grows, the clock drifts.

What happens in such days is little, so the processes that still work are run coarsely; what
is weighed meanwhile are drafts like the last one, which the real ledger commits. The ledger and
the uplink die now and then, and a boot without a network has the time of its battery clock.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hal.contract.types import NS_PER_S, ClockQuality
from terminal.core.types import RecordDraft
from terminal.messages import CommitDraft

if TYPE_CHECKING:
    from tests.sim.run import Sim

HOUR_S = 3_600
HOURS = (6, 120)
RECORDS_A_HOUR = (0, 8)
RECORDS_MAX = 600
DRIFT_PPM_MAX = 100
"""A bare crystal in the heat of a cabinet."""
KILLED_AN_HOUR = 0.04
COARSE_NS = 10 * NS_PER_S
"""A tick of ledger and uplink while nothing else happens."""
PAUSE_S = 2
VISIT_OFFSET = 1 << 40
"""Visits of these days are numbered far from those that were simulated."""
CLOCK_SET_S = 60


def days(sim: Sim) -> None:
    """Let the drawn hours pass, then give the network back and, soon after, the time."""
    rng = sim.rng("days")
    hours, ppm = sim.outage_hours, rng.randint(-DRIFT_PPM_MAX, DRIFT_PPM_MAX)
    sim.log(f"{hours} hours without a network")
    sim.coarse_ns, made = COARSE_NS, 0
    for _hour in range(hours):
        if sim.clock.known is ClockQuality.SYNCED:
            sim.clock.known = ClockQuality.RTC
        sim.clock.wrong_ns += HOUR_S * 1_000 * ppm
        for name in ("ledger", "uplink"):
            if rng.random() < KILLED_AN_HOUR:
                sim.log(f"{name} dies")
                sim.processes[name].kill()
        end_ns = sim.clock.at_ns + HOUR_S * NS_PER_S
        for _ in range(rng.randint(*RECORDS_A_HOUR)):
            sim.run_until(sim.clock.at_ns + PAUSE_S * NS_PER_S)
            made += made < RECORDS_MAX and _weigh_another(sim, made)
        sim.run_until(end_ns)
    sim.coarse_ns = 0
    sim.log(f"{made} more were weighed; the network is back")
    sim.backlog = made
    sim.reconnect("days")
    sim.later(rng.randint(1, CLOCK_SET_S) * NS_PER_S, sim._time_is_set)


def _weigh_another(sim: Sim, number: int) -> bool:
    """Another vehicle like the last one, as control would ask for its record."""
    draft: RecordDraft | None = sim.watch.last_draft
    hub = sim.processes["control"].hub
    if draft is None or hub is None:
        return False
    hub.poll(sim.clock.monotonic_ns())
    draft = replace(draft, visit_id=draft.visit_id + VISIT_OFFSET + number)
    return bool(hub.send("ledger", CommitDraft(draft)))
