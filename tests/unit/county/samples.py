"""Signed records for tests: a little terminal that signs a chain."""

from __future__ import annotations

import gc
import hashlib
from dataclasses import dataclass, field, replace
from types import TracebackType

from hal.contract.types import ClockQuality
from terminal.core.types import PhotoRef, PlateSource, Verdict, WeightSource
from terminal.records import (
    COLOUR_TABLE,
    GENESIS_HASH,
    Ed25519Signer,
    Happening,
    Origin,
    Record,
    Weigh,
    over_permille,
    record_hash,
    sign_record,
)

WALL_NS = 1_800_000_000 * 1_000_000_000
LEDGER_ID = bytes(range(8))


def origin(terminal_id: str = "T-1", ledger_id: bytes = LEDGER_ID) -> Origin:
    return Origin(
        terminal_id=terminal_id,
        ledger_id=ledger_id,
        source_unit="141025710001",
        source_name="示例煤场",
        lane=1,
        boot_id=bytes(16),
        software_version="0.1.0",
        software_sha256=bytes(32),
        config_sha256=bytes(32),
        calibration_id="cal-1",
    )


def weigh(**changes: object) -> Weigh:
    base = Weigh(
        visit_id=7,
        verdict=Verdict.OVER,
        reason="over_limit",
        gross_kg=50_200,
        uncertainty_kg=20,
        e_kg=20,
        source=WeightSource.AMPLIFIER,
        limit_kg=49_000,
        over_kg=1_200,
        over_permille=over_permille(50_200, 49_000),
        limit_row="6-axle",
        limit_edition="GB1589-2016",
        axles=6,
        axle_loads_kg=(7_000, 16_000, 27_200),
        vehicle_type="articulated",
        plate="晋L12345",
        plate_colour="yellow",
        colour_table=COLOUR_TABLE,
        plate_kind="ordinary",
        plate_source=PlateSource.CAMERA,
        plate_margin_mn=4_000,
        weigh_flags=0,
        zero_age_ms=1_000,
        arrived_ns=1,
        weighed_ns=2,
        photos=(),
    )
    return replace(base, **changes)  # type: ignore[arg-type]


@dataclass
class Chain:
    """One terminal's signed chain, record by record."""

    terminal_id: str = "T-1"
    ledger_id: bytes = LEDGER_ID
    seed: bytes = b"s" * 32
    simulated: bool = False
    wall_ns: int = WALL_NS
    clock: ClockQuality = ClockQuality.SYNCED
    signed: list[bytes] = field(default_factory=list)

    @property
    def signer(self) -> Ed25519Signer:
        return Ed25519Signer(self.seed)

    @property
    def key_line(self) -> str:
        return f"ed25519 {self.signer.public_key.raw.hex()} {self.terminal_id}\n"

    def add(self, content: Weigh | Happening | None = None) -> tuple[str, bytes]:
        """(record id, signed bytes) of the next record."""
        record = Record(
            origin=origin(self.terminal_id, self.ledger_id),
            seq=len(self.signed) + 1,
            prev_hash=record_hash(self.signed[-1]) if self.signed else GENESIS_HASH,
            wall_ns=self.wall_ns,
            clock_quality=self.clock,
            recorded_ns=3,
            simulated=self.simulated,
            content=content or weigh(),
        )
        signed = sign_record(record, self.signer)
        self.signed.append(signed)
        return record.record_id, signed


def photo(text: bytes = b"a picture") -> tuple[PhotoRef, bytes]:
    return PhotoRef("front", hashlib.sha256(text).digest(), len(text)), text


def kept_tracebacks() -> int:
    """How many tracebacks, each with its frames, somebody holds on to, garbage apart."""
    gc.collect()
    return sum(isinstance(one, TracebackType) for one in gc.get_objects())
