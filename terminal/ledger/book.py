"""The book: turns drafts and events into signed records and writes each group in one commit.

Here a record gets its number, its time, its place in the chain and its signature. The answer
for a visit is the same for ever; a photo that is not there is left out and said so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import apsw

from hal.contract.devices import Clock
from hal.contract.types import NS_PER_S, ClockQuality, MonotonicNs
from terminal.core.types import Committed, Event, PhotoRef, RecordDraft
from terminal.ledger import follow_up, lost_picture
from terminal.ledger import samples as raw
from terminal.ledger.errors import LedgerRefusedError
from terminal.ledger.evidence import Evidence
from terminal.ledger.samples import Samples
from terminal.ledger.store import Head, NewItem, Store
from terminal.messages import CommitDraft, FollowUp, encode
from terminal.outbox import DeliveryState, after_loss
from terminal.records import (
    COLOUR_CODES,
    COLOUR_TABLE,
    UINT_MAX,
    Gap,
    Happening,
    Origin,
    PublicKey,
    Record,
    RecordError,
    Signer,
    Weigh,
    decode_signed,
    over_permille,
    record_hash,
    sign_record,
)

DETAIL_CHARS_MAX = 400
PAIR_DAYS_MAX = 30
"""How long a tractor and its trailer count as a pair; also what bounds the table of pairs."""
CLIP = "clip"
"""How the roles of moving pictures begin, and their class in the outbox: sent after every photo."""

COUNTY_EVENTS: dict[str, str] = {
    "lockout": "the lane stopped by itself; somebody must look",
    "wired_release": "the barrier was opened by the key switch, past the software",
    "override": "two persons let a vehicle go against the verdict",
    "estop": "the emergency stop was pressed",
    "zero_out": "the zero left its legal range",
    "zero_invalid": "the zero left its legal range",
    "deck_dirty": "something lies on the empty deck, and every mass is as much too high",
    "seal": "the calibration seal was opened",
    "door": "the cabinet was opened",
    "invariant": "the program caught itself breaking a rule",
    "contract_violation": "the program caught itself breaking a rule",
    "barrier_fault": "the barrier does not do what it is told",
    "relay_disagrees": "the barrier's relay does not do what it is told",
    "corner_error": "a load cell reads wrongly, by what many passages say",
    "cell_drift": "a load cell's zero runs away from the others'",
    "left_early": "a vehicle left before it was let go",
    "calibration_changed": "another calibration is in force",
    "photo_missing": "a picture of a record was not there when it was committed",
    "outbox_alarm": "the outbox is nearly full",
    follow_up.MISMATCH: "the exit camera saw another plate leave than was weighed",
}
"""Events that go to the county as alarm records, and why. All others are journal entries."""


@dataclass(frozen=True, slots=True)
class Written:
    """What one commit added: records and whether a new item waits."""

    committed: Committed
    repeated: bool


class Book:
    """Writer of the chain."""

    def __init__(
        self,
        store: Store,
        evidence: Evidence,
        samples: Samples,
        signer: Signer,
        origin: Origin,
        clock: Clock,
        *,
        targets: Sequence[tuple[str, bool]],
    ) -> None:
        """targets: (name, whether it wants photos)."""
        self.origin = origin
        self._store = store
        self.evidence = evidence
        self.samples = samples
        self._signer = signer
        self._clock = clock
        self._targets = tuple(name for name, _photos in targets)
        self._photo_targets = tuple(name for name, photos in targets if photos)
        self._head = store.head()

    @property
    def last_seq(self) -> int:
        """Number of the last record; 0 when there is none."""
        return self._head.seq

    @property
    def public_key(self) -> PublicKey:
        """What verifies this book's records."""
        return self._signer.public_key

    def now_ns(self) -> MonotonicNs:
        """Monotonic now."""
        return self._clock.monotonic_ns()

    def known(self, draft: RecordDraft) -> Committed | None:
        """The answer already given for this visit, None when it is new.

        Raises LedgerRefusedError when the visit was committed with other content.
        """
        found = self._store.visit(self.origin.boot_id, draft.visit_id)
        if found is None:
            return None
        draft_sha256, head = found
        if draft_sha256 != _draft_sha256(draft):
            raise LedgerRefusedError(
                f"visit {draft.visit_id} is already committed as record {head.seq} with other "
                f"content; a record is never changed"
            )
        return Committed(draft.visit_id, head.seq, head.record_hash)

    def commit(self, draft: RecordDraft, *, simulated: bool) -> Written:
        """Make one visit durable: pictures and raw samples, then the record with all its rows.

        Raises LedgerRefusedError when it cannot be; nothing is then acknowledged.
        """
        before = self.known(draft)
        if before is not None:
            return Written(before, repeated=True)
        kept, missing = self._adopted(draft.photos)
        with _storing("raw samples"):
            samples = self.samples.keep(draft.visit_id)
        weigh = _weigh(draft, kept, samples)
        contents: list[tuple[str, Weigh | Happening]] = [("record", weigh)]
        if missing:
            contents.append(("alarm", self._photo_missing(draft.visit_id, missing)))
        with self._store.transaction():
            pair = self._pair_change(draft, self._head.seq + 1)
            contents += [] if pair is None else [("record", pair)]
            heads = self._append(contents, simulated=simulated or draft.simulated)
            head = heads[0]
            self._store.add_visit(
                self.origin.boot_id, draft.visit_id, _draft_sha256(draft), head.seq
            )
            for photo in kept:
                self._add_photo(photo)
            self._note_samples(head.seq, samples)
        self._head = heads[-1]
        for photo in kept:
            self.evidence.release(photo.sha256)
        return Written(Committed(draft.visit_id, head.seq, head.record_hash), repeated=False)

    def _adopted(
        self, photos: Sequence[PhotoRef]
    ) -> tuple[tuple[PhotoRef, ...], tuple[PhotoRef, ...]]:
        """Pictures made durable: (kept, missing). Raises LedgerRefusedError."""
        with _storing("pictures"):
            return self.evidence.adopt(photos)

    def _note_samples(self, seq: int, samples: raw.Kept | raw.Missing) -> None:
        """A record without its raw samples (D-033) is never so in silence."""
        if isinstance(samples, raw.Kept):
            raw.remember(self._store, seq, samples, self._known_wall_ns())
        else:
            at_ns, wall_ns = int(self._clock.monotonic_ns()), self._clock.wall_ns()
            boot_id = self.origin.boot_id
            self._store.journal("samples_missing", at_ns, wall_ns, boot_id, samples.why)

    def _photo_missing(self, visit_id: int, missing: Sequence[PhotoRef]) -> Happening:
        names = ", ".join(f"{photo.role} {photo.sha256.hex()[:16]}" for photo in missing)
        at_ns = int(self._clock.monotonic_ns())
        detail = f"visit {visit_id}: {names}"[:DETAIL_CHARS_MAX]
        return Happening(event="photo_missing", detail=detail, at_ns=at_ns)

    def _known_wall_ns(self) -> int:
        """The time now; 0 while the clock was not set."""
        known = self._clock.quality() is ClockQuality.SYNCED
        return self._clock.wall_ns() if known else 0

    def sweep(self) -> str:
        """Keep spool and raw samples within their bounds. Returns why not, empty when done."""
        self.evidence.sweep_spool()
        try:
            self.samples.sweep(self._store, self._known_wall_ns())
        except (apsw.Error, LedgerRefusedError) as error:
            return f"old raw samples cannot be removed: {error}"
        return ""

    def follow_up(self, said: FollowUp, *, simulated: bool) -> bool:
        """Make durable what came after a visit. False: that visit has no record (yet).

        Repeating it is harmless. Raises LedgerRefusedError when the disk refuses.
        """
        found = self._store.visit(self.origin.boot_id, said.visit_id)
        if found is None:
            return False
        about_seq = found[1].seq
        if follow_up.kept(self._store, about_seq) is not None:
            return True
        weigh = decode_signed(next(self._store.signed_records(about_seq))).weigh
        assert weigh is not None, f"record {about_seq} of visit {said.visit_id} is no weighing"
        kept, missing = self._adopted(said.photos)
        at_ns = int(self._clock.monotonic_ns())
        content = follow_up.happening(said, about_seq, weigh, kept, missing, at_ns)
        item_class = "alarm" if content.event in COUNTY_EVENTS else "record"
        with self._store.transaction():
            head = self._append([(item_class, content)], simulated=simulated)[0]
            follow_up.remember(self._store, about_seq, head.seq)
            for photo in kept:
                self._add_photo(photo)
        self._head = head
        for photo in kept:
            self.evidence.release(photo.sha256)
        return True

    def declare_lost(self, number: int, *, simulated: bool) -> bool:
        """Say in a signed gap record that a picture is gone, and owe it to nobody any more.

        number: of its item. False: it waits nowhere, or its picture may still be there. Raises
        LedgerRefusedError when the disk refuses.
        """
        waiting = {
            target: delivery
            for target in self._photo_targets
            if (delivery := self._store.delivery(target, number)) is not None
            and delivery.state is DeliveryState.WAITING
        }
        gap = lost_picture.gap_of(self._store, self.evidence, number) if waiting else None
        if gap is None:
            return False
        with self._store.transaction():
            head = self._append([("alarm", gap)], simulated=simulated)[0]
            for target, delivery in waiting.items():
                self._store.set_delivery(target, number, after_loss(delivery, gap.why))
        self._head = head
        return True

    def journal(
        self, events: Sequence[Event], lost: int, *, simulated: bool, alarms: bool = True
    ) -> bool:
        """Keep events; those of COUNTY_EVENTS also become alarm records. True: some did.

        alarms False: the outbox is full beyond its reserve, keep journal entries only. Raises
        LedgerRefusedError when the disk refuses; nothing of the group is then kept.
        """
        told = [event for event in events if alarms and event.kind in COUNTY_EVENTS]
        wall_ns, boot_id = self._clock.wall_ns(), self.origin.boot_id
        with self._store.transaction():
            for event in events:
                detail = event.detail[:DETAIL_CHARS_MAX]
                self._store.journal(event.kind, _at_ns(event), wall_ns, boot_id, detail)
            if lost:
                now_ns = int(self._clock.monotonic_ns())
                self._store.journal("journal_lost", now_ns, wall_ns, boot_id, str(lost))
            heads = self._append(
                [("alarm", _happening(event)) for event in told], simulated=simulated
            )
        if heads:
            self._head = heads[-1]
        return bool(heads)

    def _append(
        self, contents: Sequence[tuple[str, Weigh | Happening | Gap]], *, simulated: bool
    ) -> list[Head]:
        """The head moves when the caller's transaction is durable, not here."""
        heads: list[Head] = []
        head = self._head
        for item_class, content in contents:
            record = Record(
                origin=self.origin,
                seq=head.seq + 1,
                prev_hash=head.record_hash,
                wall_ns=self._clock.wall_ns(),
                clock_quality=self._clock.quality(),
                recorded_ns=int(self._clock.monotonic_ns()),
                simulated=simulated,
                content=content,
            )
            try:
                signed = sign_record(record, self._signer)
            except RecordError as error:
                raise LedgerRefusedError(f"the draft cannot be a record: {error}") from error
            head = Head(record.seq, record_hash(signed))
            item = NewItem(item_class, record.record_id, head.record_hash, signed, seq=record.seq)
            self._store.add(item, self._targets, record.wall_ns)
            heads.append(head)
        return heads

    def _pair_change(self, draft: RecordDraft, seq: int) -> Happening | None:
        """Another trailer with this plate than last time (tare and gross, or the last visits).

        It holds nothing: trailers change every day, and an inspector may ask when this one did.
        """
        if not draft.plate or not draft.rear_plate:
            return None
        wall_ns = self._clock.wall_ns()
        since_wall_ns = max(0, wall_ns - PAIR_DAYS_MAX * 86_400 * NS_PER_S)
        last = self._store.pair(draft.plate, since_wall_ns)
        self._store.set_pair(draft.plate, draft.rear_plate, seq, wall_ns, since_wall_ns)
        if last is None or last[0] == draft.rear_plate:
            return None
        detail = (
            f"{draft.plate} with {draft.rear_plate} in record {seq}, "
            f"with {last[0]} in record {last[1]}"
        )
        return Happening(
            event="pair_changed",
            detail=detail,
            at_ns=int(self._clock.monotonic_ns()),
            about_seq=seq,
        )

    def _add_photo(self, photo: PhotoRef) -> None:
        path = str(self.evidence.path_of(photo.sha256))
        item_class = CLIP if photo.role.startswith(CLIP) else "photo"
        item = NewItem(item_class, photo.sha256.hex(), photo.sha256, b"", path=path)
        self._store.add(item, self._photo_targets, self._clock.wall_ns())


def _draft_sha256(draft: RecordDraft) -> bytes:
    return hashlib.sha256(encode(CommitDraft(draft))).digest()


def _at_ns(event: Event) -> int:
    """The event's time, kept inside what a record can hold: a bad time must not lose the event."""
    return min(max(0, int(event.at_ns)), UINT_MAX)


@contextmanager
def _storing(what: str) -> Iterator[None]:
    """A disk that does not take a visit's files refuses its record. Raises LedgerRefusedError."""
    try:
        yield
    except OSError as error:
        raise LedgerRefusedError(
            f"the visit's {what} cannot be stored: {error.strerror}"
        ) from error


def _happening(event: Event) -> Happening:
    detail = event.detail[:DETAIL_CHARS_MAX]
    return Happening(event=event.kind, detail=detail, at_ns=_at_ns(event))


def _weigh(
    draft: RecordDraft, photos: tuple[PhotoRef, ...], samples: raw.Kept | raw.Missing
) -> Weigh:
    return Weigh(
        visit_id=draft.visit_id,
        verdict=draft.verdict,
        reason=draft.reason,
        gross_kg=draft.gross_kg,
        uncertainty_kg=draft.uncertainty_kg,
        e_kg=draft.e_kg,
        source=draft.source,
        limit_kg=draft.limit_kg,
        over_kg=draft.over_kg,
        over_permille=over_permille(draft.gross_kg, draft.limit_kg),
        limit_row=draft.limit_row,
        limit_edition=draft.limit_edition,
        axles=draft.axles,
        axle_loads_kg=draft.axle_loads_kg,
        vehicle_type=draft.vehicle_type,
        plate=draft.plate,
        plate_colour=draft.plate_colour if draft.plate_colour in COLOUR_CODES else "unknown",
        colour_table=COLOUR_TABLE,
        plate_kind=draft.plate_kind,
        plate_source=draft.plate_source,
        plate_margin_mn=draft.plate_margin_mn,
        weigh_flags=draft.weigh_flags,
        zero_age_ms=draft.zero_age_ms,
        arrived_ns=int(draft.arrived_ns),
        weighed_ns=int(draft.weighed_ns),
        photos=photos,
        rear_plate=draft.rear_plate or None,
        samples_sha256=samples.sha256 if isinstance(samples, raw.Kept) else None,
    )
