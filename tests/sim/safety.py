"""What must hold at every moment of a simulated run, and what must be true at its end.

Looks at the wires, the file on disk and the county's store, not at what the terminal says of
itself. Every breach is a line in `violations`; the run ends at the first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import apsw

from hal.contract.types import NS_PER_MS, NS_PER_S, Lease, Side
from hal.sim.fleet import ENTRIES, FLEET, plates
from hal.sim.traffic import Finished
from hal.sim.truck import TruckPlan
from terminal.control.control import Control, TickResult
from terminal.core.limits import pattern_axles
from terminal.core.types import RecordDraft, Verdict
from terminal.ledger.store import DB_FILE
from terminal.messages import CommitDone, CommitDraft, Delivered, Message
from terminal.records import Record, Weigh, decode_signed, record_hash, verify_chain
from terminal.uplink.queue import REFUSALS_MAX

if TYPE_CHECKING:
    from tests.sim.run import Sim

COIL_AFTER_LEASE_NS = 700 * NS_PER_MS
"""A coil may outlive its newest lease by that lease's life and a pulse."""
MASS_KG_MAX = 300
"""A recorded mass further from the truth is a fault of the weighing, not an uncertainty."""
FAULT_MEMORY_NS = 60 * NS_PER_S
LINE_SILENT_NS = NS_PER_S
"""A mass is stale after a quarter of a second, and stale is no lease within two ticks."""
AXLES_KG_MAX = {2: 18_000, 3: 27_000, 4: 37_000, 5: 43_000, 6: 49_000}
"""The highest limit there is for so many axles (GB 1589, 2016 order), written down here anew."""


class Violation(Exception):  # noqa: N818 - the name says what it is
    """A safety or liveness rule does not hold."""


class Watch:
    """The observer of one run."""

    def __init__(self, sim: Sim) -> None:
        self.sim = sim
        self.acknowledged: dict[int, bytes] = {}
        self.openings = 0
        self.verdicts: dict[str, int] = {}
        self.visits: set[int] = set()
        self.last_draft: RecordDraft | None = None
        self._left = 0
        self._opened: tuple[int, bytes] = (0, b"")
        self._lease_ns = [0, 0]
        self._struck = 0
        self._listed = {
            plate: ENTRIES[base.name].axle_pattern for base in FLEET for plate in plates(base)
        }

    def broken(self, what: str) -> None:
        self.sim.log(f"VIOLATION {what}")
        raise Violation(what)

    def heard(self, me: str, _peer: str, message: Message) -> None:
        """Every message on every link, as it is sent."""
        if me == "ledger" and isinstance(message, CommitDone):
            done = message.committed
            known = self.acknowledged.setdefault(done.seq, done.record_hash)
            if known != done.record_hash:
                self.broken(f"record {done.seq} was acknowledged with two hashes")
        elif me == "control" and isinstance(message, CommitDraft):
            self.last_draft = message.draft
        elif me == "uplink" and isinstance(message, Delivered):
            self._check_delivered(message.item)

    def ticked(self, control: Control, result: TickResult) -> None:
        """After each tick of the lane."""
        outputs = result.outputs
        if control.state.visit_id:
            self.visits.add(control.state.visit_id)
        for event in outputs.events:
            self.sim.log(f"{event.kind} {event.detail}")
        lease = outputs.leases[Side.EXIT]
        if lease is not None and (lease.visit_id, lease.record_hash) != self._opened:
            self._opened = (lease.visit_id, lease.record_hash)
            self._check_opening(lease)
        self._check_coils(outputs.leases)
        self._check_line(outputs.leases)
        self._check_arms()

    def gone(self, gone: Finished) -> None:
        """A truck has gone: forwards only on an opening of its own, unless wires lied of late."""
        self._left += gone.what == "left"
        if self._left > self.openings and self.sim.calm("lane", FAULT_MEMORY_NS):
            self.broken(f"{gone.plan.plate} left the lane, which the exit was not opened for")

    def _check_coils(self, leases: tuple[Lease | None, Lease | None]) -> None:
        now_ns = self.sim.clock.at_ns
        for side in Side:
            name = f"{side.name.lower()}_open"
            if leases[side] is not None:
                self._lease_ns[side] = now_ns
            elif (
                self.sim.world.relay(name)
                and name not in self.sim.welded
                and now_ns - self._lease_ns[side] > COIL_AFTER_LEASE_NS
            ):
                self.broken(f"the relay {name} is pulled and nobody has leased it")

    def _check_line(self, leases: tuple[Lease | None, Lease | None]) -> None:
        """I5 on a serial line: nobody drives on or off by what a silent indicator once said."""
        line = self.sim.line
        if (
            line is not None
            and self.sim.clock.at_ns - line.came_ns > LINE_SILENT_NS
            and any(leases)
        ):
            self.broken("an arm is leased while the indicator's line is silent")

    def _check_arms(self) -> None:
        struck = self.sim.world.struck()
        if struck != self._struck:
            self._struck = struck
            if self.sim.calm("lane", FAULT_MEMORY_NS):
                self.broken("an arm was let fall on a vehicle although nothing was amiss")

    def _check_opening(self, lease: Lease) -> None:
        """The exit is about to open: a record on disk must say so, and say the truth."""
        self.openings += 1
        record = self.on_disk(lease.record_hash)
        if record is None or record.weigh is None:
            self.broken("the exit is leased and no record on disk has that hash")
        assert record is not None
        assert record.weigh is not None
        weigh, driver = record.weigh, self.sim.yard.on_deck()
        self.sim.log(f"exit opens: record {record.seq} {weigh.plate} {weigh.gross_kg} kg")
        if weigh.verdict is not Verdict.PASS or weigh.visit_id != lease.visit_id:
            self.broken(f"the exit is leased on record {record.seq}, which is no pass of it")
        if weigh.limit_kg is None or weigh.gross_kg > weigh.limit_kg:
            self.broken(f"the exit is leased to {weigh.gross_kg} kg, limit {weigh.limit_kg}")
        if driver is None:
            return
        plan = driver.truck.plan
        apart = abs(plan.mass_kg - weigh.gross_kg)
        if apart > MASS_KG_MAX and self.sim.calm("cells", FAULT_MEMORY_NS):
            self.broken(f"{plan.mass_kg} kg stand there and the record says {weigh.gross_kg}")
        told = self.sim.eyes.told.get(plan.plate, set())
        if weigh.plate_source.value == "camera" and weigh.plate not in {plan.plate, *told}:
            self.broken(f"{plan.plate} stands there and the record says {weigh.plate}")
        self._check_believable(weigh, plan)

    def _check_believable(self, weigh: Weigh, plan: TruckPlan) -> None:
        """Whatever plate was read: the limit is that of the axles that stand there.

        With an indicator nobody counts axles: the list does, by the plate (SAFETY.md).
        """
        if self.sim.line is not None or not self.sim.calm("cells", FAULT_MEMORY_NS):
            return
        over_kg = plan.mass_kg - MASS_KG_MAX - AXLES_KG_MAX[len(plan.axle_x_mm)]
        if over_kg > 0:
            self.broken(f"{plan.mass_kg} kg on {len(plan.axle_x_mm)} axles pass")

    def _check_listed(self, weigh: Weigh) -> None:
        """Nobody is judged under the plate of a vehicle with other axles."""
        pattern = self._listed.get(weigh.plate)
        judged = weigh.verdict is not Verdict.REFUSED
        if judged and pattern is not None and weigh.axles != pattern_axles(pattern):
            self.broken(f"{weigh.plate} has axles {pattern} and was judged with {weigh.axles}")

    def _check_delivered(self, item: int) -> None:
        """What is called delivered is at the county at that moment.

        Looked at once for every item, for what the cursor heals later was not delivered either.
        """
        rows = self._rows("select item_id, sha256 from item where item = ?", item)
        if not rows:
            self.broken(f"item {item} is called delivered and the ledger has no such item")
        name, digest = str(rows[0][0]), bytes(rows[0][1])
        if not self.sim.county.holds(digest):
            self.broken(f"{name} is called delivered and the county does not have it")

    def _rows(self, sql: str, *values: Any) -> list[Any]:
        """Read from the ledger's file by a connection of our own."""
        path = self.sim.ledger_folder / DB_FILE
        db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            return list(db.execute(sql, values))
        finally:
            db.close()

    def on_disk(self, digest: bytes) -> Record | None:
        """The record of this hash, as the file has it."""
        rows = self._rows("select body from item where sha256 = ?", digest)
        if not rows:
            return None
        body = bytes(rows[0][0])
        return decode_signed(body) if record_hash(body) == digest else None

    def ledger_opened(self, node: Any) -> None:
        """After every start of the ledger: what was acknowledged is there, unchanged."""
        signed = list(node.store.signed_records())
        failure = verify_chain(signed, node.book.public_key)
        if failure is not None:
            self.broken(f"the chain does not hold: record {failure.seq}: {failure.why}")
        kept = {seq: record_hash(body) for seq, body in enumerate(signed, 1)}
        for seq, digest in self.acknowledged.items():
            if kept.get(seq) != digest:
                self.broken(f"the acknowledged record {seq} is gone or changed")

    def settled(self) -> str:
        """Why the terminal has not come to rest yet; empty when it has (phase 2)."""
        sim = self.sim
        control, ledger = sim.processes["control"], sim.processes["ledger"]
        if not control.alive or not ledger.alive:
            return "control or ledger does not run"
        phase = control.control.state.phase.value
        if not sim.yard.traffic.done:
            return f"trucks are still under way, the lane stands in {phase}"
        if phase != "idle":
            return f"the lane stands in {phase}"
        return ""

    def delivered(self) -> str:
        """Why not everything is at the county yet; empty when it is."""
        ledger = self.sim.processes["ledger"]
        if not ledger.alive:
            return "the ledger does not run"
        waiting, _set_aside = ledger.node.store.counts("county")
        self._check_pace()
        orphans = self._pictures_of(self._set_aside())
        return f"{waiting} items wait" if waiting > orphans else ""

    def _check_pace(self) -> None:
        """A backlog goes out no faster than the county has allowed."""
        started = self.sim.network.records_ns
        now_ns = self.sim.clock.at_ns
        lately = sum(1 for at_ns in started if now_ns - at_ns < NS_PER_S)
        if lately > 2 * self.sim.loaded.config.targets[0].records_per_s_max:
            self.broken(f"{lately} records were sent within a second")

    def _set_aside(self) -> list[bytes]:
        """Records that are quarantined: each was refused by the county, for good, in earnest."""
        rows = self._rows(
            "select i.item_id, i.body, i.sha256, i.seq, d.code from delivery d "
            "join item i on i.item = d.item where d.state = 2"
        )
        for name, _body, digest, _seq, code in rows:
            known = self.sim.network.rejected
            if max(known[str(name)], known[bytes(digest).hex()]) < REFUSALS_MAX:
                self.broken(f"{name} is set aside ({code}) and the county did not refuse it")
        return [bytes(body) for _name, body, _digest, seq, _code in rows if seq is not None]

    def _pictures_of(self, records: list[bytes]) -> int:
        """How many pictures of these records wait for them."""
        names = {photo.sha256 for record in map(decode_signed, records) for photo in record.photos}
        waits = "select i.sha256 from delivery d join item i on i.item = d.item where d.state = 0"
        return len(names & {bytes(row[0]) for row in self._rows(waits)})

    def finish(self) -> None:
        """The end: the same records here and there, each once, the chain whole."""
        node = self.sim.processes["ledger"].node
        self.ledger_opened(node)
        here = {seq: record_hash(body) for seq, body in enumerate(node.store.signed_records(), 1)}
        there = self.sim.county.stored()
        aside = {record_hash(body) for body in self._set_aside()}
        missing = {seq for seq, digest in here.items() if there.get(seq) != digest}
        if set(there) - set(here) or any(here[seq] not in aside for seq in missing):
            self.broken(f"ledger and county differ; not there: {sorted(missing)}")
        shown, (_waiting, set_aside) = node._status().message, node.store.counts("county")
        if shown.quarantined != set_aside:
            self.broken(f"{set_aside} items are set aside and {shown.quarantined} are shown")
        for body in node.store.signed_records():
            record = decode_signed(body)
            if record.weigh is not None:
                self._check_listed(record.weigh)
                name = record.weigh.verdict.value
                self.verdicts[name] = self.verdicts.get(name, 0) + 1
