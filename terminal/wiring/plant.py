"""Wiring of the simulated world: one yard for the lane that the configuration describes."""

from __future__ import annotations

from terminal.wiring.context import WORLD_FILE, Context

SCRIPT = "demo"


def demo_vehicles() -> str:
    """The simulated site's vehicle list, as the CSV file a site would keep."""
    from hal.sim.fleet import vehicle_list
    from hal.sim.scripts import named_trucks

    return vehicle_list(named_trucks())


def run_plant(context: Context, *, seed: int, trucks: int) -> int:
    """Run the yard until stopped, or some seconds after the last of `trucks` (0: for ever)."""
    from terminal.plant.__main__ import run
    from terminal.wiring.peers import peers

    context.runtime.mkdir(parents=True, exist_ok=True)
    lane = context.config.lane
    return run(
        context.runtime / WORLD_FILE,
        context.runtime,
        SCRIPT,
        seed,
        lane.kind,
        lane.barrier,
        trucks,
        context.stop,
        lambda world_of: peers(context, world_of),
    )
