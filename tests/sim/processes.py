"""The terminal's processes in the simulation: started, run, stalled, slowed and killed.

Each holds the very object that the real process runs (Control, LedgerNode, PanelNode,
CameraNode, UplinkNode) with the real drivers on simulated chips; only the shell around it,
sockets and sleeping, is replaced. What dies, dies without a word, as under kill -9.
"""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import firmware_bridge.indicators.device as indicator_device
import hal.linux.clock
from firmware_bridge.link.port import SerialLine
from hal.contract.types import NS_PER_MS, DeviceAbsentError, KeyPress
from terminal.camera.build import build as build_camera
from terminal.control.control import Control
from terminal.ledger import identity
from terminal.ledger.build import build as build_ledger
from terminal.messages import LoopStats
from terminal.node import Node, Tick, deliver
from terminal.panel.node import build as build_panel
from terminal.uplink.exchange import Adapter, Question, Request, WireReply
from terminal.uplink.node import UplinkNode, wire_of
from terminal.wiring import devices as lane_wiring
from terminal.wiring import panel_devices
from terminal.wiring.context import Context
from terminal.wiring.instrument import pipeline
from terminal.wiring.lane import params
from tests.sim.links import SimHub
from tests.sim.scene import SceneCamera, SceneReader

if TYPE_CHECKING:
    from tests.sim.run import Sim

NO_STATS = LoopStats(0, 0, 0, 0, 0, 0, 0, 0, False)
RESTART_MS = (500, 2_000)
JOIN_MS = (5, 200)
"""Between a start and its links: the dialler's interval."""
QUESTION_MS = 20_000
LANE = ("control", "panel", "camera")
"""Processes that have nothing to do once the lane is at rest and only records travel."""
QUIET_SCAN_NS = 200 * NS_PER_MS

software_digest = functools.cache(identity.software_digest)


class Killed(Exception):  # noqa: N818 - not an error: the process is gone
    """The process was killed while it opened its devices."""


class Process:
    """One process. run() is called by the event heap only."""

    name = ""

    def __init__(self, sim: Sim) -> None:
        self.sim = sim
        self.hub: SimHub | None = None
        self.life = 0
        self.stalled_ns = 0
        self.slow_ms = 0
        self.starts = 0
        self._due: int | None = None
        self._tick_ns = 0

    @property
    def alive(self) -> bool:
        return self.hub is not None

    def start(self) -> None:
        """Open everything; devices that do not answer make it try again, as exit 69 does."""
        if self.alive or self._rests:
            return
        self.life += 1
        self.starts += 1
        life, sim = self.life, self.sim
        self.stalled_ns = 0
        try:
            self.open()
        except Killed:
            return
        except (DeviceAbsentError, *self.refusals()) as error:
            sim.log(f"{self.name} cannot start: {error}")
            self.again()
            return
        self.hub = sim.wires.attach(self.name)
        self.opened(self.hub)
        self._due = None
        self._tick_ns = sim.clock.at_ns
        sim.later(sim.rng("join").randint(*JOIN_MS) * NS_PER_MS, lambda: self._join(life))
        self.wake(0)

    @property
    def _rests(self) -> bool:
        """Whether it has nothing to do any more."""
        return self.sim.lane_asleep and self.name in LANE

    def _join(self, life: int) -> None:
        if self.life == life and self.alive:
            self.sim.wires.join(self.name)

    def again(self) -> None:
        delay_ms = self.sim.rng("restart").randint(*RESTART_MS)
        self.sim.later(delay_ms * NS_PER_MS, self.start)

    def kill(self, *, restart: bool = True) -> None:
        """kill -9. Its links break, its lines fall; the supervisor starts it again."""
        self.life += 1
        if self.alive:
            self.sim.wires.detach(self.name)
            self.hub = None
            self.killed()
        if restart:
            self.again()

    def stall(self, ns: int) -> None:
        """SIGSTOP for a while."""
        self.stalled_ns = max(self.stalled_ns, self.sim.clock.at_ns + ns)

    def wake(self, delay_ns: int) -> None:
        """Run soon: something is to be read, or a tick is due."""
        if not self.alive:
            return
        at_ns = max(self.sim.clock.at_ns + delay_ns + self.slow_ms * NS_PER_MS, self.stalled_ns)
        if self._due is not None and self._due <= at_ns:
            return
        self._due = at_ns
        life = self.life
        self.sim.at(at_ns, lambda: self._run(life, at_ns))

    def _run(self, life: int, at_ns: int) -> None:
        if life != self.life or self._due != at_ns:
            return
        self._due = None
        if self._rests:
            return
        if self.sim.clock.at_ns < self.stalled_ns:
            self.wake(0)
            return
        self.run()
        if self.alive:
            self.wake(max(0, self._tick_ns - self.sim.clock.at_ns))

    def open(self) -> None: ...

    def opened(self, hub: SimHub) -> None: ...

    def refusals(self) -> tuple[type[Exception], ...]:
        return ()

    def run(self) -> None: ...

    def killed(self) -> None: ...


class ControlProcess(Process):
    """The lane's brain, ticking at a fixed phase."""

    name = "control"

    def open(self) -> None:
        sim, life = self.sim, self.life
        context = Context("control", sim.loaded, sim.clock)
        context._world = sim.world

        def pause(ns: int) -> None:
            sim.run_until(sim.clock.at_ns + ns)
            if self.life != life:
                raise Killed

        def gpio(context: Context) -> Any:
            sim.gpio = _simulated_gpio(context)
            return sim.gpio

        serial_line = SerialLine if sim.line is None else sim.line.open
        with (
            mock.patch.object(hal.linux.clock, "pause", pause),
            mock.patch.object(lane_wiring, "_simulated_gpio", gpio),
            mock.patch.object(indicator_device, "SerialLine", serial_line),
        ):
            devices = lane_wiring.lane_devices(context)
        core = replace(params(sim.loaded.config), boot_id=sim.rng("boot").getrandbits(40) or 1)
        self._parts = (devices, pipeline(context, devices), core)

    def opened(self, hub: SimHub) -> None:
        devices, weigher, core = self._parts
        pins = self.sim.loaded.config.keypad.operator_pins
        self.control = Control(
            devices,
            weigher,
            core,
            hub,
            self.sim.clock,
            core.lane.value,
            operator_pins=pins,  # type: ignore[arg-type]
        )
        self.sim.weigher(self.control)

    @property
    def bus(self) -> Any:
        """The simulated bus with the converters behind the load cells; None with an indicator."""
        cells: Any = self.control.devices.load_cell
        return None if cells is None else cells._bus

    def run(self) -> None:
        sim = self.sim
        late_ns = max(0, sim.clock.at_ns - self._tick_ns)
        while self._tick_ns <= sim.clock.at_ns:
            self._tick_ns += sim.tick_ns
        result = self.control.tick(late_ns, NO_STATS)
        sim.watch.ticked(self.control, result)

    def killed(self) -> None:
        """The kernel lets the lines fall to inputs; a welded contact stays."""
        self.sim.lines_fall()


_simulated_gpio = lane_wiring._simulated_gpio


class NodeProcess(Process, ABC):
    """A process around a Node."""

    node: Any = None

    @abstractmethod
    def build(self) -> Node:
        """Make the Node, as the real process does."""

    def open(self) -> None:
        self.node = self.build()

    def run(self) -> None:
        now_ns = self.sim.clock.monotonic_ns()
        hub: Any = self.hub
        deliver(self.node, hub, hub.poll(now_ns), now_ns)
        if now_ns >= self._tick_ns:
            deliver(self.node, hub, (Tick(),), now_ns)
            period_ns = max(self.node.period_ns, self.sim.coarse_ns)
            self._tick_ns = max(self._tick_ns + period_ns, now_ns)


class LedgerProcess(NodeProcess):
    """The real ledger on a real SQLite file, on a disk that may misbehave."""

    name = "ledger"

    def build(self) -> Node:
        sim = self.sim
        with mock.patch.object(identity, "software_digest", software_digest):
            node = build_ledger(
                sim.loaded,
                sim.clock,
                simulated=True,
                software_id="sim",
                vfs=sim.disk.name,
                boot_id=sim.machine_boot,
                entropy=sim.rng("entropy").randbytes,
            )
        node.disk_free = lambda: sim.disk_free_bytes
        sim.watch.ledger_opened(node)
        sim.enrol()
        return node

    def refusals(self) -> tuple[type[Exception], ...]:
        from terminal.ledger.errors import LedgerRefusedError

        return (LedgerRefusedError, OSError)

    def killed(self) -> None:
        """No last checkpoint, no last sync: a killed process writes nothing more."""
        refused, self.sim.disk.refuses = self.sim.disk.refuses, True
        self.node.close()
        self.sim.disk.refuses = refused


class QuietKeypad:
    """The real keypad, not scanned while nobody touches it: idle time costs nothing."""

    def __init__(self, keypad: Any, sim: Sim) -> None:
        self._keypad, self._sim = keypad, sim
        self._until_ns = 0

    def poll(self, now_ns: int) -> list[KeyPress]:
        if self._sim.world.keys():
            self._until_ns = now_ns + QUIET_SCAN_NS
        return list(self._keypad.poll(now_ns)) if now_ns <= self._until_ns else []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._keypad, name)


class PanelProcess(NodeProcess):
    """Sign and keypad; the simulated people read the sign."""

    name = "panel"

    def build(self) -> Node:
        sim = self.sim
        context = Context("panel", sim.loaded, sim.clock)
        context._world = sim.world
        keypad: Any = QuietKeypad(panel_devices.keypad(context), sim)
        sign = panel_devices.sign(context) if sim.whole else None
        return build_panel(
            sim.loaded, sign, keypad, sim.clock, simulated=True, on_prompt=sim.world.set_prompt
        )

    def killed(self) -> None:
        """The sign keeps or loses its picture; nobody may rely on it, so it is blanked here."""
        self.sim.world.set_prompt("")


class CameraProcess(NodeProcess):
    """The real camera node on simulated eyes."""

    name = "camera"

    def build(self) -> Node:
        sim = self.sim
        cameras: Any = {
            role: SceneCamera(sim.world, role, sim.eyes) for role in sim.loaded.config.camera.roles
        }
        reader = SceneReader(sim.world, sim.eyes, sim.rng("reader"))
        runtime = sim.loaded.path(sim.loaded.config.runtime.folder)
        return build_camera(sim.loaded, cameras, reader, sim.clock, runtime_dir=runtime)


class UplinkProcess(NodeProcess):
    """The real uplink node; its requests go into the simulated network."""

    name = "uplink"

    def build(self) -> Node:
        self._was_up = True
        return UplinkNode(
            self.sim.loaded.config.targets,
            self.sim.rng("uplink"),
            self.sim.loaded.config.site.terminal_id,
        )

    def run(self) -> None:
        super().run()
        now_ns = self.sim.clock.monotonic_ns()
        is_up = self.sim.network.weather.plugged
        if is_up and not self._was_up:
            self._send(self.node.network_changed(now_ns))
        self._was_up = is_up
        self._launch()

    def _launch(self) -> None:
        for request, adapter in self.node.take(self.sim.clock.monotonic_ns()):
            self._carry(request, adapter)

        for question in self.node.questions(self.sim.clock.monotonic_ns()):
            self._ask(question)

    def _ask(self, question: Question) -> None:
        life = self.life

        def done(reply: WireReply) -> None:
            if self.alive and self.life == life:
                clock = self.sim.clock
                now_ns, wall_ns = clock.monotonic_ns(), clock.wall_ns()
                self._send(self.node.on_answer(question, reply, now_ns, wall_ns))

        self.sim.network.carry(QUESTION_MS, question.wire, done)

    def _carry(self, request: Request, adapter: Adapter) -> None:
        photo = b""
        if request.path:
            try:
                photo = Path(request.path).read_bytes()
            except OSError as error:
                now_ns = self.sim.clock.monotonic_ns()
                self._send(self.node.unreadable(request, str(error), now_ns))
                return
        life = self.life

        def done(reply: WireReply) -> None:
            if self.alive and self.life == life:
                self._send(self.node.on_reply(request, reply, self.sim.clock.monotonic_ns()))
                self._launch()

        self.sim.network.carry(request.deadline_ms, wire_of(adapter, request, photo), done)

    def _send(self, sends: Any) -> None:
        assert self.hub is not None
        for effect in sends:
            self.hub.send(effect.peer, effect.message)


PROCESSES: tuple[Callable[[Any], Process], ...] = (
    LedgerProcess,
    ControlProcess,
    PanelProcess,
    CameraProcess,
    UplinkProcess,
)
