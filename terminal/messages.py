"""Every message that crosses a process boundary, and the table of topics.

Wire form: msgspec MessagePack, one message a SOCK_SEQPACKET datagram. Decoding is strict: a
message of another shape is refused and counted, never half understood.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import msgspec

from hal.contract.types import BarrierFeedback, Fault, KeyPress, Level
from terminal.core.types import (
    Captured,
    Committed,
    Display,
    Event,
    PhotoRef,
    PlateReading,
    RecordDraft,
    Weighed,
)
from terminal.plant_messages import PlantCommand, PlantTruth, PressKey
from terminal.raw_samples import SamplesEnd, SamplesPart

MESSAGE_BYTES_MAX = 160_000
"""Largest message. A SEQPACKET datagram must fit the kernel's default send buffer (212,992)."""


class Hello(msgspec.Struct, frozen=True, tag=True):
    """First message on every link: who is calling, and the protocol both sides speak."""

    process: str
    protocol: int
    simulated: bool


class CommitDraft(msgspec.Struct, frozen=True, tag=True):
    """control -> ledger. Idempotent by draft.visit_id; repeated until answered."""

    draft: RecordDraft


class CommitDone(msgspec.Struct, frozen=True, tag=True):
    """ledger -> control: the record is durable."""

    committed: Committed


class CommitRefused(msgspec.Struct, frozen=True, tag=True):
    """ledger -> control: the record cannot be made durable. Never silently."""

    visit_id: int
    why: str


class Journal(msgspec.Struct, frozen=True, tag=True):
    """control -> ledger: events the ledger keeps (zero actions, lockouts, faults)."""

    events: tuple[Event, ...]
    lost: int


class ZeroKept(msgspec.Struct, frozen=True, tag=True):
    """control -> ledger: the zero to keep. ledger -> control, on meeting: the zero last kept.

    counts: offset of each cell; initial_kg: distance of the initial zero from calibration.
    """

    counts: tuple[float, ...]
    initial_kg: float


class CornersKept(msgspec.Struct, frozen=True, tag=True):
    """control -> ledger: evidence on the cells to keep. ledger -> control, on meeting: what was
    last kept, empty when nothing was. The text is the weighing's own (cornerbook.py).
    """

    text: str


class FlightFrame(msgspec.Struct, frozen=True, tag=True):
    """control -> ledger: one tick for the flight recorder, already encoded. Drop oldest."""

    frame: bytes


class LedgerStatus(msgspec.Struct, frozen=True, tag=True):
    """ledger -> control, 1 Hz and on change.

    targets: (name, unsent, quarantined, up, rung, why not or what else is wrong there).
    """

    last_seq: int
    unsent: int
    quarantined: int
    outbox_max: int
    disk_free_bytes: int
    targets: tuple[tuple[str, int, int, bool, str, str], ...]


class VehicleLookup(msgspec.Struct, frozen=True, tag=True):
    """control -> ledger: what does the site's vehicle list say of this plate?"""

    plate: str


class VehicleFound(msgspec.Struct, frozen=True, tag=True):
    """ledger -> control. Unknown vehicle: every field None."""

    plate: str
    vehicle_type: str | None
    drive_axles: int | None
    air_suspension: bool | None
    tyres_missing: int | None
    licence_gross_kg: int | None
    axle_pattern: str | None
    semi_spacing_cm: int | None = None


class Look(msgspec.Struct, frozen=True, tag=True):
    """control -> camera: read the plate of this visit; 0 stops. Repeated at 2 Hz."""

    visit_id: int


class Capture(msgspec.Struct, frozen=True, tag=True):
    """control -> camera: take the visit's photos now (the latch moment). Repeated until done."""

    visit_id: int
    gross_kg: int
    plate: str


class FollowUp(msgspec.Struct, frozen=True, tag=True):
    """camera -> ledger: what came after a visit's record. Repeated until answered.

    photos: film from the latch on, picture of the exit camera. exit_plate: what that camera read
    for certain, empty for nothing. ended: why the film ends (left, time, space, next).
    """

    visit_id: int
    photos: tuple[PhotoRef, ...]
    exit_plate: str
    ended: str


class FollowedUp(msgspec.Struct, frozen=True, tag=True):
    """ledger -> camera: that is durable, or the visit has it already."""

    visit_id: int


class PlateSeen(msgspec.Struct, frozen=True, tag=True):
    """camera -> control."""

    reading: PlateReading


class PhotosTaken(msgspec.Struct, frozen=True, tag=True):
    """camera -> control: pictures lie durable in the spool, named by digest."""

    captured: Captured


class KeyPressed(msgspec.Struct, frozen=True, tag=True):
    """panel -> control."""

    press: KeyPress


class DeviceFault(msgspec.Struct, frozen=True, tag=True):
    """panel, camera -> control: an operating fault of a device they own."""

    fault: Fault


class Pull(msgspec.Struct, frozen=True, tag=True):
    """uplink -> ledger: give me up to `limit` undelivered items of this target."""

    target: str
    limit: int


class ItemClass(Enum):
    """What an outbox item is, in sending order."""

    ALARM = "alarm"
    RECORD = "record"
    HEALTH = "health"
    PHOTO = "photo"
    CLIP = "clip"


class Pending(msgspec.Struct, frozen=True, tag=True):
    """ledger -> uplink: one undelivered item. path: file of a photo, empty for records."""

    target: str
    item: int
    item_class: ItemClass
    item_id: str
    sha256: bytes
    body: bytes
    path: str


class PullDone(msgspec.Struct, frozen=True, tag=True):
    """ledger -> uplink: all items of the last Pull are sent; `left` more remain unsent."""

    target: str
    left: int


class Wake(msgspec.Struct, frozen=True, tag=True):
    """ledger -> uplink: something new waits."""


class Delivered(msgspec.Struct, frozen=True, tag=True):
    """uplink -> ledger: the platform's receipt echoed id and digest."""

    target: str
    item: int
    receipt: bytes


class Undeliverable(msgspec.Struct, frozen=True, tag=True):
    """uplink -> ledger: a permanent refusal (4.xx). Quarantined and shown, never dropped."""

    target: str
    item: int
    code: str
    why: str


class TargetStatus(msgspec.Struct, frozen=True, tag=True):
    """uplink -> ledger: is the target reachable, and over which rung of the ladder."""

    target: str
    up: bool
    rung: str
    why: str


class Reconcile(msgspec.Struct, frozen=True, tag=True):
    """uplink -> ledger: what the platform says it holds of one chain (it may have lost some).

    highest: highest seq it holds; missing: (first, last) runs below that. Records of these runs
    and above `highest` that count as delivered are owed again.
    """

    target: str
    ledger_id: bytes
    highest: int
    missing: tuple[tuple[int, int], ...]


class SignFrame(msgspec.Struct, frozen=True, tag=True):
    """panel -> console: the sign's real pixels. rows: 1 bit a pixel, MSB left."""

    width_px: int
    height_px: int
    rows: bytes
    lines: tuple[str, ...]


class LiveFrame(msgspec.Struct, frozen=True, tag=True):
    """camera -> console: the newest picture, JPEG, and what was read in it."""

    role: str
    jpeg: bytes
    plate: str


@dataclass(frozen=True, slots=True)
class LoopStats:
    """Lateness of the control loop since start, microseconds; counts of ticks."""

    ticks: int
    late: int
    skipped: int
    p50_us: int
    p99_us: int
    p999_us: int
    max_us: int
    step_p50_us: int
    realtime: bool


class Snapshot(msgspec.Struct, frozen=True, tag=True):
    """control -> everybody, 10 Hz, keep latest, worthless after 500 ms.

    barriers, leases, lamps: indexed by Side (leases: authority or empty; lamps: 1 is green).
    device_counts: (device, what, how many) since start: faults by code; of the load cells also
    samples, missed, flagged, and rate_mhz, the samples a second of all cells in thousandths.
    corners: weighing.cornerbook.CornerFacts in order; None for an indicator. estimate: (kg, the
    dead cell it does without), for people only. flags: of weighed.flags each (WeighFlag, how sure
    in percent, whether it blocks or only alarms), for people only.
    """

    now_ns: int
    state: str
    visit_id: int
    display: Display
    weighed: Weighed | None
    levels: tuple[Level, ...]
    barriers: tuple[BarrierFeedback | None, BarrierFeedback | None]
    leases: tuple[str, str]
    lamps: tuple[int, int]
    siren: bool
    peers: tuple[tuple[str, bool], ...]
    faults: tuple[Fault, ...]
    last_seq: int
    unsent: int
    quarantined: int
    targets: tuple[tuple[str, int, int, bool, str, str], ...]
    loop: LoopStats
    lane_kind: str
    simulated: bool
    device_counts: tuple[tuple[str, str, int], ...] = ()
    corners: tuple[int, int, int, int, int] | None = None
    estimate: tuple[int, int] | None = None
    flags: tuple[tuple[int, int, bool], ...] = ()


Message = (
    Hello
    | CommitDraft
    | CommitDone
    | CommitRefused
    | Journal
    | ZeroKept
    | CornersKept
    | FlightFrame
    | SamplesPart
    | SamplesEnd
    | LedgerStatus
    | VehicleLookup
    | VehicleFound
    | Look
    | Capture
    | FollowUp
    | FollowedUp
    | PlateSeen
    | PhotosTaken
    | KeyPressed
    | DeviceFault
    | Pull
    | Pending
    | PullDone
    | Wake
    | Delivered
    | Undeliverable
    | TargetStatus
    | Reconcile
    | SignFrame
    | LiveFrame
    | Snapshot
    | PressKey
    | PlantCommand
    | PlantTruth
)

PROTOCOL = 1
"""Version both sides of a link must share; a caller with another one is hung up on."""

_ENCODER = msgspec.msgpack.Encoder()
_DECODER: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Message)


def encode(message: Message) -> bytes:
    """Wire bytes of one message. Raises ValueError above MESSAGE_BYTES_MAX."""
    wire = _ENCODER.encode(message)
    if len(wire) > MESSAGE_BYTES_MAX:
        raise ValueError(f"{type(message).__name__} of {len(wire)} bytes exceeds the link's bound")
    return wire


def decode(wire: bytes) -> Message:
    """One message from its wire bytes. Raises msgspec.DecodeError for anything else."""
    try:
        return _DECODER.decode(wire)
    except UnicodeDecodeError as error:  # msgspec lets it through for a text that is not UTF-8
        raise msgspec.DecodeError(f"a text is not UTF-8: {error.reason}") from error
