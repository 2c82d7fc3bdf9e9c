"""What every process is started with: configuration, folders, clock, stop flag, identity."""

from __future__ import annotations

import signal
import threading
import time
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from hal.contract.devices import Clock
from hal.sim.world import World
from terminal.config import Config, Loaded
from terminal.link import Hub

WORLD_FILE = "plant.world"
INDICATOR_PEER, MCU_PEER = "indicator.line", "mcu.line"
"""Names in the runtime folder under which the lines of simulated peers are found."""
SIMULATED = "sim"
WORLD_WAIT_NS = 10_000_000_000
WORLD_POLL_S = 0.02


def simulated(config: Config) -> bool:
    """Whether any configured device is a simulated one; the plant then runs, records say so."""
    kinds: list[str] = [config.field.kind, config.sign.kind, config.keypad.kind, config.camera.kind]
    if config.weighing.source == "amplifier":
        mcu = config.amplifier.kind == "mcu"
        kinds.append(config.amplifier.port if mcu else config.amplifier.kind)
    else:
        kinds.append(config.indicator.kind)
    return SIMULATED in kinds


def process_names(config: Config) -> tuple[str, ...]:
    """The processes this configuration needs, in the order of starting."""
    names = ["plant"] if simulated(config) else []
    names += ["ledger", "control", "panel"]
    if config.camera.kind != "none":
        names.append("camera")
    names.append("uplink")
    if config.console.enabled:
        names.append("console")
    return tuple(names)


def version() -> str:
    """Version of the installed program; "0" when it runs from a bare checkout."""
    try:
        return metadata.version("weigh-terminal")
    except metadata.PackageNotFoundError:
        return "0"


@dataclass(slots=True)
class Context:
    """One process's surroundings."""

    name: str
    loaded: Loaded
    clock: Clock
    stop: threading.Event = field(default_factory=threading.Event)
    _world: World | None = None

    @property
    def config(self) -> Config:
        """The checked configuration."""
        return self.loaded.config

    @property
    def runtime(self) -> Path:
        """Folder of sockets, spool and, in a simulated run, of the world's wires."""
        return self.loaded.path(self.config.runtime.folder)

    def hub(self) -> Hub:
        """This process's links."""
        self.runtime.mkdir(parents=True, exist_ok=True)
        return Hub(self.name, self.runtime, simulated=simulated(self.config))

    def world(self) -> World:
        """The simulated world's wires. Raises DeviceAbsentError when no plant made them."""
        if self._world is None:
            from hal.sim.world_shared import SharedWorld

            self._world = SharedWorld(self._appeared(WORLD_FILE))
        return self._world

    def peer_port(self, name: str) -> str:
        """The line of a simulated peer, a link that the plant makes."""
        return str(self._appeared(name))

    def _appeared(self, name: str) -> Path:
        """A file of the runtime folder, waited for a few seconds while the plant starts."""
        path = self.runtime / name
        deadline_ns = self.clock.monotonic_ns() + WORLD_WAIT_NS
        while not path.exists() and self.clock.monotonic_ns() < deadline_ns:
            time.sleep(WORLD_POLL_S)
        return path

    def catch_signals(self) -> None:
        """SIGTERM and SIGINT ask the process to stop; nothing else happens in the handler."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda _number, _frame: self.stop.set())
