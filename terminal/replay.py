"""Flight-recorder traces through today's core: which decisions would differ, and for whom.

replay() uses the recorded parameters and must find nothing on the version that recorded;
rehearse() uses those of another configuration on the same inputs. Reads traces only; it must
never write one, and a torn or foreign file is an error with its name, not an empty answer.
"""

from __future__ import annotations

import lzma
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import msgspec

from hal.contract.types import NS_PER_S
from terminal.core.params import Params
from terminal.core.step import step
from terminal.core.types import Outputs, RecordDraft
from terminal.core.visit import Phase, State
from terminal.frames import (
    FORMAT,
    Decided,
    Frame,
    Keyframe,
    TickFrame,
    decide,
    decode_frame,
    state_digest,
)
from terminal.ledger.flight import frames_in, read_frames

COMPRESSED = ".xz"
TRACE_BYTES_MAX = 256_000_000


class TraceError(Exception):
    """A trace cannot be read. str() says which file, what is wrong and what to do."""


@dataclass(frozen=True, slots=True)
class Difference:
    """From this tick on, today's core decides otherwise. at_s: since the trace's first tick."""

    at_s: float
    tick: int
    recorded: Decided
    today: Decided


@dataclass(slots=True)
class Replayed:
    """What a trace came to. unlike: ticks whose state differs although the decision does not."""

    ticks: int = 0
    runs: int = 0
    gaps: int = 0
    unlike: int = 0
    skipped: int = 0
    differences: list[Difference] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Treatment:
    """What became of one vehicle: its judgement, or why it was held last."""

    visit_id: int
    plate: str
    gross_kg: int | None
    outcome: str
    limit_kg: int | None = None
    over_kg: int = 0


NOT_COMPARED = ("boot_id", "operator_pins")
"""Parameters that are another at every start, or no trace may hold."""


def load_frames(path: Path) -> Iterator[Frame]:
    """Frames of a ring's folder, of one of its files, or of one compressed with xz.

    Raises TraceError.
    """
    try:
        found = _wires(path)
        for number, wire in enumerate(found):
            yield _frame(path, number, wire)
    except (OSError, lzma.LZMAError, EOFError) as error:
        why = getattr(error, "strerror", None) or error
        raise TraceError(
            f"{path}: cannot be read ({why}). Name a flight folder or file."
        ) from error


def _wires(path: Path) -> Iterable[bytes]:
    if path.is_dir():
        return read_frames(path)
    if path.suffix == COMPRESSED:
        with lzma.open(path) as file:
            return frames_in(file.read(TRACE_BYTES_MAX))
    return frames_in(path.read_bytes())


def _frame(path: Path, number: int, wire: bytes) -> Frame:
    try:
        frame = decode_frame(wire)
    except msgspec.MsgspecError as error:
        raise TraceError(
            f"{path}: frame {number} is not one this version reads ({error}). Replay it with the "
            f"program version that recorded it."
        ) from error
    if isinstance(frame, Keyframe) and frame.format != FORMAT:
        raise TraceError(f"{path}: frame {number} has format {frame.format}, we read {FORMAT}.")
    return frame


def replay(frames: Iterable[Frame]) -> Replayed:
    """Run the trace with its own parameters and compare every tick."""
    result = Replayed()
    first_ns = 0
    current: tuple[State, Params] | None = None
    standing: tuple[Decided, Decided] | None = None
    for frame in frames:
        if isinstance(frame, Keyframe):
            current, standing = (frame.state, frame.params), None
            result.runs += frame.why == "start"
            result.gaps += frame.why == "gap"
            continue
        if current is None:
            result.skipped += 1
            continue
        state, outputs = step(current[0], frame.inputs, current[1])
        current = state, current[1]
        first_ns = first_ns or frame.inputs.now_ns
        today = decide(state, outputs)
        if today != frame.decided:
            if standing != (frame.decided, today):
                at_s = (frame.inputs.now_ns - first_ns) / NS_PER_S
                result.differences.append(Difference(at_s, result.ticks, frame.decided, today))
            standing = frame.decided, today
        else:
            standing = None
            result.unlike += state_digest(state) != frame.digest
        result.ticks += 1
    return result


def treated(frames: Iterable[Frame], params: Params | None = None) -> dict[int, Treatment]:
    """How each vehicle of the trace is treated; params: those of another configuration.

    The recorded state is taken over only where no visit runs, so that one differing decision
    lasts to the end of its visit and no further.
    """
    found: dict[int, Treatment] = {}
    state: State | None = None
    used: Params | None = None
    for frame in frames:
        if isinstance(frame, Keyframe):
            if state is None or used is None or frame.state.visit_id == 0:
                state = frame.state
                used = replace(params or frame.params, boot_id=frame.params.boot_id)
            continue
        if state is None or used is None:
            continue
        state, outputs = _step(state, frame, used)
        _note(found, state, outputs)
    return found


def _step(state: State, frame: TickFrame, params: Params) -> tuple[State, Outputs]:
    return step(state, frame.inputs, params)


def _note(found: dict[int, Treatment], state: State, outputs: Outputs) -> None:
    draft = outputs.draft
    if draft is not None:
        found[draft.visit_id] = _judged(draft)
    elif state.phase is Phase.HELD and state.visit_id:
        known = found.get(state.visit_id)
        if known is None or known.limit_kg is None:
            latch = state.latch
            found[state.visit_id] = Treatment(
                state.visit_id,
                state.reading.plate if state.reading is not None else state.keyed,
                latch.gross_kg if latch is not None else None,
                f"held: {state.reason.value}",
            )


def _judged(draft: RecordDraft) -> Treatment:
    return Treatment(
        draft.visit_id,
        draft.plate,
        draft.gross_kg,
        f"{draft.verdict.value}: {draft.reason}",
        draft.limit_kg,
        draft.over_kg,
    )


def changed_params(frames: Iterable[Frame], params: Params) -> list[str]:
    """What the core decides by and the other configuration sets otherwise: "name: then -> now"."""
    recorded = next((frame.params for frame in frames if isinstance(frame, Keyframe)), None)
    if recorded is None:
        return []
    changed = []
    for each in fields(params):
        then, now = getattr(recorded, each.name), getattr(params, each.name)
        if then != now and each.name not in NOT_COMPARED:
            changed.append(f"{each.name}: {_plain(then)} -> {_plain(now)}")
    return changed


def _plain(value: object) -> str:
    return str(getattr(value, "value", value))


def rehearse(frames: Iterable[Frame], params: Params) -> list[tuple[Treatment, Treatment | None]]:
    """Vehicles that the other parameters treat differently: (as recorded, as rehearsed)."""
    kept = list(frames)
    before, after = treated(kept), treated(kept, params)
    return [
        (was, after.get(visit_id)) for visit_id, was in before.items() if after.get(visit_id) != was
    ]
