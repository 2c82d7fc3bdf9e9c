"""What the receiver does with each resource, apart from CoAP: bodies in, receipts out.

Every public coroutine either returns bytes that may be sent as success or raises RefusedError.
A receipt leaves only after the commit, so what a terminal was told is stored is stored.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import cbor2

from terminal.county.accept import NS_PER_S, accept_record, ahead_s
from terminal.county.keys import Enrolled, KeyRegistry
from terminal.county.parts import Parts
from terminal.county.photos import PhotoStore
from terminal.county.problems import RefusedError
from terminal.county.receipt import encode_receipt
from terminal.county.store import PhotoRow
from terminal.county.tally import RECEIVED, REFUSED, REPEATED, Tally
from terminal.county.writer import Writer
from terminal.records import SIGNED_BYTES_MAX

PHOTO_BYTES_MAX = 512 * 1024
RECORD_BYTES_MAX = SIGNED_BYTES_MAX
OFFSET_DIGITS_MAX = 9
CLOCK_AHEAD = "clock-ahead"
"""Counted beside the refusals: a record that was stored although its time cannot be right."""


@dataclass(frozen=True, slots=True)
class Times:
    """Where times come from. wall_ns: UTC; now_ns: monotonic."""

    wall_ns: Callable[[], int]
    now_ns: Callable[[], int]


@dataclass(frozen=True, slots=True)
class Answer:
    """A success. new: stored by this call; otherwise it was there already."""

    payload: bytes
    new: bool


class County:
    """The receiver's rules."""

    def __init__(
        self,
        writer: Writer,
        photos: PhotoStore,
        registry: KeyRegistry,
        times: Times,
        *,
        accept_simulated: bool,
        waiting: Callable[[str, int], str] | None = None,
        waiting_number: Callable[[str, int], int] | None = None,
        tally: Tally | None = None,
    ) -> None:
        """accept_simulated: also take records marked simulated (demonstrations only).

        waiting, waiting_number: give the command that waits for a terminal, and its number, 0 for
        none, by its id and our UTC in seconds.
        """
        self._writer = writer
        self._photos = photos
        self._registry = registry
        self._times = times
        self._accept_simulated = accept_simulated
        self._waiting = waiting
        self._waiting_number = waiting_number or (lambda _terminal_id, _now_s: 0)
        self._parts = Parts()
        self.tally = tally or Tally()

    async def put_record(self, path_id: str, signed: bytes) -> Answer:
        """Verify and store one record (or alarm, or health report: all are signed records)."""
        accepted = accept_record(
            path_id,
            signed,
            self._registry,
            accept_simulated=self._accept_simulated,
            now_ns=self._times.now_ns(),
        )
        stored = await self._writer.put_record(accepted, self._times.wall_ns())
        self.tally.add(RECEIVED if stored.new else REPEATED)
        ahead = ahead_s(accepted.record, stored.stored_ns)
        if ahead and stored.new:
            detail = f"{path_id}: its clock is {ahead} s ahead of ours"
            await self.note(CLOCK_AHEAD, accepted.record.origin.terminal_id, detail)
        new_key = self._waiting_number(accepted.record.origin.terminal_id, self.now_s())
        receipt = encode_receipt(
            path_id, stored.digest, stored.stored_ns, stored.seq_high, ahead, new_key
        )
        return Answer(receipt, stored.new)

    async def put_photo(self, hex_digest: str, photo: bytes) -> Answer:
        """Store a photo that a stored record names; its bytes must have that digest."""
        sha256 = parse_digest(hex_digest)
        row = await self._photo_row(sha256)
        if row.stored_ns is not None:
            return Answer(encode_receipt(hex_digest, sha256, row.stored_ns, 0), False)
        if len(photo) != row.size_bytes or hashlib.sha256(photo).digest() != sha256:
            detail = f"{len(photo)} bytes of another digest; {row.size_bytes} are expected"
            raise RefusedError("digest", detail, "body")
        stored_ns = self._times.wall_ns()
        try:
            await asyncio.to_thread(self._photos.store, sha256, photo)
        except OSError as error:
            raise RefusedError("storage", f"photos: {error.strerror or error}") from error
        await self._writer.do(lambda store: store.photo_stored(sha256, stored_ns))
        return Answer(encode_receipt(hex_digest, sha256, stored_ns, 0), True)

    async def _photo_row(self, sha256: bytes) -> PhotoRow:
        row = await self._writer.do(lambda store: store.photo(sha256))
        if row is None:
            detail = f"send the record of {sha256.hex()} first"
            raise RefusedError("unreferenced", detail, "Uri-Path")
        return row

    async def put_chunk(self, hex_digest: str, offset: str, chunk: bytes) -> Answer:
        """Take one chunk; empty payload until the photo is whole and durable, then its receipt."""
        sha256 = parse_digest(hex_digest)
        if not offset.isdecimal() or len(offset) > OFFSET_DIGITS_MAX:
            raise RefusedError("malformed", "an offset is a decimal number", "Uri-Path")
        if not self._parts.known(sha256):
            row = await self._photo_row(sha256)
            if row.stored_ns is not None:
                return Answer(encode_receipt(hex_digest, sha256, row.stored_ns, 0), False)
            self._parts.begin(sha256, row.size_bytes)
        whole = self._parts.put(sha256, int(offset), chunk)
        if whole is None:
            return Answer(b"", False)
        try:
            return await self.put_photo(hex_digest, whole)
        finally:
            self._parts.drop(sha256)

    async def missing(self, hex_digest: str) -> Answer:
        """CBOR list of [first, end] byte ranges to come; the receipt when the photo is here."""
        sha256 = parse_digest(hex_digest)
        row = await self._photo_row(sha256)
        if row.stored_ns is not None:
            return Answer(encode_receipt(hex_digest, sha256, row.stored_ns, 0), False)
        ranges = self._parts.missing(sha256, row.size_bytes)
        return Answer(bytes(cbor2.dumps([list(pair) for pair in ranges])), False)

    async def cursor(self, terminal_id: str) -> bytes:
        """CBOR list of [ledger id, contiguous to, highest, [[first, last], ...]] by chain."""
        self.enrolled(terminal_id)
        chains = await self._writer.do(lambda store: store.cursors(terminal_id))
        return bytes(cbor2.dumps([list(chain) for chain in chains], canonical=True))

    def new_keys(self, terminal_id: str) -> bytes:
        """The command that waits for a terminal as text, empty for none."""
        if self._waiting is None:
            return b""
        try:
            return self._waiting(terminal_id, self.now_s()).encode()
        except OSError as error:
            raise RefusedError("storage", f"keys: {error.strerror or error}") from error

    def enrolled(self, terminal_id: str) -> Enrolled:
        """The entry of a terminal. Raises RefusedError for an unknown one; it may be revoked."""
        entry = self._registry.find(terminal_id, self._times.now_ns())
        if entry is None:
            detail = f"{terminal_id[:40]} is not enrolled here"
            raise RefusedError("unknown-terminal", detail, "Uri-Path", terminal_id)
        return entry

    def now_s(self) -> int:
        """Our UTC, seconds."""
        return self._times.wall_ns() // NS_PER_S

    def time(self) -> bytes:
        """CBOR unsigned: the receiver's UTC in milliseconds since 1970."""
        return bytes(cbor2.dumps(self._times.wall_ns() // 1_000_000))

    async def count(self, refusal: RefusedError) -> None:
        """Count a refusal durably; a store that cannot do even that is not worth dying for."""
        self.tally.add(REFUSED)
        await self.note(refusal.kind.name, refusal.terminal, refusal.detail)

    async def note(self, name: str, terminal_id: str, detail: str, count: int = 1) -> None:
        """Count a refusal, or a doubt, for the page."""
        at_ns = self._times.wall_ns()
        try:
            await self._writer.do(
                lambda store: store.count_refusal(name, detail, at_ns, terminal_id, count)
            )
        except RefusedError:
            return


def parse_digest(hex_digest: str) -> bytes:
    """The 32 bytes of a photo's name. Raises RefusedError."""
    try:
        sha256 = bytes.fromhex(hex_digest)
    except ValueError:
        sha256 = b""
    if len(sha256) != 32 or sha256.hex() != hex_digest:
        raise RefusedError("malformed", "a photo's name is 64 lower-case hex digits", "Uri-Path")
    return sha256
