"""Records, drafts and origins for tests: one plausible default each, changed by keyword."""

from __future__ import annotations

import dataclasses

from hal.contract.types import ClockQuality, MonotonicNs
from terminal.core.types import PhotoRef, PlateSource, RecordDraft, Verdict, WeightSource
from terminal.records import GENESIS_HASH, Ed25519Signer, Gap, Happening, Record, Weigh
from tests.unit.county import samples

SIGNER = Ed25519Signer(bytes(range(32)))
OTHER_SIGNER = Ed25519Signer(bytes(range(1, 33)))

ORIGIN = dataclasses.replace(
    samples.origin("141025710001-1"),
    boot_id=bytes(range(16)),
    software_sha256=b"s" * 32,
    config_sha256=b"c" * 32,
)

WEIGH = samples.weigh(
    visit_id=77,
    uncertainty_kg=12,
    limit_row="6-articulated-dual",
    limit_edition="2016-62",
    axle_loads_kg=(6_000, 17_000, 27_200),
    plate_kind="large",
    plate_margin_mn=4_100,
    zero_age_ms=61_000,
    arrived_ns=5_000_000_000,
    weighed_ns=25_000_000_000,
    photos=(PhotoRef("front", b"f" * 32, 181_000), PhotoRef("rear", b"r" * 32, 179_000)),
)
EVENT = Happening(event="lockout", detail="sample_stale", at_ns=31_000_000_000)
GAP = Gap(gap_class="clip", first_seq=3, last_seq=9, count=7, why="disk quota")


def record(content: Weigh | Happening | Gap = WEIGH, **changes: object) -> Record:
    """One record; keywords replace fields of Record."""
    base = Record(
        origin=ORIGIN,
        seq=1,
        prev_hash=GENESIS_HASH,
        wall_ns=1_763_000_000_000_000_000,
        clock_quality=ClockQuality.SYNCED,
        recorded_ns=26_000_000_000,
        simulated=False,
        content=content,
    )
    return dataclasses.replace(base, **changes)  # type: ignore[arg-type]


def draft(visit_id: int = 77, **changes: object) -> RecordDraft:
    """One draft as control sends it; keywords replace fields."""
    base = RecordDraft(
        visit_id=visit_id,
        verdict=Verdict.PASS,
        reason="none",
        source=WeightSource.AMPLIFIER,
        gross_kg=48_960,
        uncertainty_kg=12,
        e_kg=20,
        limit_kg=49_000,
        over_kg=0,
        limit_row="6-articulated-dual",
        axles=6,
        axle_loads_kg=(),
        vehicle_type="articulated",
        plate="晋L12345",
        plate_colour="yellow",
        plate_kind="large",
        plate_source=PlateSource.CAMERA,
        plate_margin_mn=4_100,
        weigh_flags=0,
        zero_age_ms=61_000,
        arrived_ns=MonotonicNs(5_000_000_000),
        weighed_ns=MonotonicNs(25_000_000_000),
        photos=(),
        simulated=False,
        limit_edition="2016-62",
    )
    return dataclasses.replace(base, **changes)  # type: ignore[arg-type]
