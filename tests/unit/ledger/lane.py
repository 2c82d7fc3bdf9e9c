"""A ledger under test: a folder, a clock that stands where it is put, and messages by hand."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from hal.contract.types import NS_PER_S, ClockQuality, MonotonicNs
from terminal.config import Config, LedgerSection, Loaded, Site, Target, Weighing
from terminal.core.types import PhotoRef, RecordDraft
from terminal.ledger import LedgerNode, build
from terminal.link import PeerUp, Received
from terminal.messages import CommitDraft, Message
from terminal.node import Send, Tick

T = TypeVar("T")
BOOT_ID = b"b" * 16


@dataclass
class StillClock:
    """Time stands until a test moves it."""

    at_ns: int = 100 * NS_PER_S
    wall: int = 1_763_000_000 * NS_PER_S
    known: ClockQuality = ClockQuality.SYNCED

    def monotonic_ns(self) -> MonotonicNs:
        return MonotonicNs(self.at_ns)

    def wall_ns(self) -> int:
        return self.wall

    def quality(self) -> ClockQuality:
        return self.known


@dataclass
class Lane:
    """One ledger in a folder; open() may be called again after close() or a crash."""

    base: Path
    targets: tuple[Target, ...] = (Target(),)
    outbox_max: int = 1_000
    vehicle_list: str = ""
    simulated: bool = False
    clock: StillClock = field(default_factory=StillClock)
    free_bytes: int = 10_000_000_000
    vfs: str | None = None

    @property
    def loaded(self) -> Loaded:
        config = Config(
            site=Site(),
            weighing=Weighing(vehicle_list=self.vehicle_list),
            ledger=LedgerSection(outbox_max=self.outbox_max),
            targets=self.targets,
        )
        return Loaded(config, self.base, b"c" * 32)

    @property
    def folder(self) -> Path:
        return self.base / "ledger"

    def open(self, boot_id: bytes = BOOT_ID) -> LedgerNode:
        node = build(
            self.loaded,
            self.clock,
            simulated=self.simulated,
            software_id="0.1.0",
            vfs=self.vfs,
            boot_id=boot_id,
        )
        node.disk_free = lambda: self.free_bytes
        return node

    def tell(self, node: LedgerNode, message: Message, peer: str = "control") -> Sequence[Send]:
        return node.on_event(Received(peer, message), self.clock.monotonic_ns())

    def commit(self, node: LedgerNode, draft: RecordDraft) -> Message:
        """The answer control gets, the first of what was sent."""
        return self.tell(node, CommitDraft(draft))[0].message

    def up(self, node: LedgerNode, peer: str, *, simulated: bool = False) -> Sequence[Send]:
        return node.on_event(PeerUp(peer, simulated), self.clock.monotonic_ns())

    def tick(self, node: LedgerNode) -> Sequence[Send]:
        return node.on_event(Tick(), self.clock.monotonic_ns())

    def spool(self, content: bytes, role: str = "front") -> PhotoRef:
        """Put a picture where the camera puts it."""
        folder = self.base / "run" / "spool"
        folder.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256(content).digest()
        (folder / f"{digest.hex()}.jpg").write_bytes(content)
        return PhotoRef(role, digest, len(content))


def of_kind(sends: Sequence[Send], kind: type[T]) -> list[T]:
    return [send.message for send in sends if isinstance(send.message, kind)]
