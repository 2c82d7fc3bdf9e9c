"""What the flight recorder's frames hold, so that a trace can be run again to the bit.

Written by control, kept unread by the ledger, read by terminal.replay. A Keyframe carries the
state and the parameters that the next ticks start from; it comes first in a run, after every
gap and at least every half minute, so that a ring whose oldest file is gone still replays.
"""

from __future__ import annotations

import zlib
from typing import Literal

import msgspec

from terminal.core.params import Params
from terminal.core.types import Inputs, Outputs
from terminal.core.visit import State

FORMAT = 2


class Decided(msgspec.Struct, frozen=True, array_like=True):
    """What one tick decided, short enough to be kept with every frame, plain enough to read."""

    phase: str
    reason: str
    prompt: str
    entry: str
    exit: str
    verdict: str


class Keyframe(msgspec.Struct, frozen=True, tag=True):
    """State before the next tick. why: "start", "gap" or "period"."""

    why: Literal["start", "gap", "period"]
    params: Params
    state: State
    format: int = FORMAT


class TickFrame(msgspec.Struct, frozen=True, tag=True):
    """One tick: what it knew, what it decided, CRC-32 of the encoded state after it."""

    inputs: Inputs
    decided: Decided
    digest: int
    late_ns: int


Frame = Keyframe | TickFrame

_ENCODER = msgspec.msgpack.Encoder()
_DECODER: msgspec.msgpack.Decoder[Frame] = msgspec.msgpack.Decoder(Frame)


def encode_frame(frame: Frame) -> bytes:
    """Bytes of one frame."""
    return _ENCODER.encode(frame)


def decode_frame(wire: bytes) -> Frame:
    """One frame. Raises msgspec.MsgspecError for anything else."""
    try:
        return _DECODER.decode(wire)
    except UnicodeDecodeError as error:  # msgspec lets a tag that is no text through
        raise msgspec.DecodeError(f"a name in it is not text ({error.reason})") from error


def state_digest(state: State) -> int:
    """CRC-32 of the encoded state: equal states, equal digests."""
    return zlib.crc32(_ENCODER.encode(state))


def decide(state: State, outputs: Outputs) -> Decided:
    """The short form of what a tick came to."""
    entry, leaving = outputs.leases
    return Decided(
        phase=state.phase.value,
        reason=state.reason.value,
        prompt=outputs.display.prompt.value,
        entry=entry.authority.value if entry is not None else "",
        exit=leaving.authority.value if leaving is not None else "",
        verdict=state.verdict.value if state.verdict is not None else "",
    )
