"""What a site's passages say about its cells: added up, said once, kept over a restart.

As text the evidence belongs to one calibration: under another one, or after another version of
the program, it says nothing. Text in, text out: whoever owns the store keeps it.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from hal.contract.types import NS_PER_S, MonotonicNs
from terminal.core.types import Event
from terminal.weighing.corners import Corner, CornerMemory
from terminal.weighing.gains import GainEvidence

FORMAT = 3
"""Another number whenever the numbers of the evidence mean something else."""
CHARS_MAX = 8_192
"""Eight cells need 2,000 at most."""
EVENTS_MAX = 16
AGAIN_NS = 3_600 * NS_PER_S
"""The same alarm about the same cell is not given again within this time."""


class EvidenceError(Exception):
    """Stored evidence cannot be used; str() says why, as the end of a sentence."""


@dataclass(frozen=True, slots=True)
class CornerFacts:
    """What a console shows. passages: drive-ons and drive-offs that told something. cell: the
    likeliest wrong one, -1 for none; other: the next, -1 once it is sure. gain_ppm: 10,000 reads
    1 % too much, 0 while nothing is wrong. refused: stored evidence thrown away since the start.
    """

    passages: int
    cell: int
    other: int
    gain_ppm: int
    refused: int


class CornerBook:
    """add() every passage's evidence; `verdict` is what all of it says."""

    def __init__(self, cells: int, calibration: str) -> None:
        """calibration: identity of the one in force."""
        self._memory = CornerMemory(max(cells, 1))
        self._calibration = calibration
        self._told_ns: dict[tuple[str, int], int] = {}
        self._events: deque[Event] = deque(maxlen=EVENTS_MAX)
        self.verdict: Corner | None = None
        self.refused = 0

    @property
    def passages(self) -> int:
        """How many drive-ons and drive-offs have told something."""
        return self._memory.passages

    def add(self, evidence: GainEvidence, now_ns: MonotonicNs) -> None:
        """One more drive-on or drive-off."""
        self._memory.add(evidence)
        self._judge(now_ns)

    def text(self) -> str:
        """What restore() takes back after a restart."""
        return to_text(self._memory, self._calibration)

    def restore(self, text: str, now_ns: MonotonicNs) -> bool:
        """Add what was kept. False: it cannot be used; an event says why, and it starts afresh."""
        try:
            from_text(text, self._calibration, self._memory)
        except EvidenceError as why:
            self.refused += 1
            detail = f"the kept corner evidence is not used: {why}; it is gathered afresh"
            self._events.append(Event("corners_refused", now_ns, detail))
            return False
        detail = f"evidence of {self._memory.passages} drive-ons and drive-offs"
        self._events.append(Event("corners_restored", now_ns, detail))
        self._judge(now_ns)
        return True

    def facts(self) -> CornerFacts:
        """What a console shows."""
        found = self.verdict
        if found is None:
            return CornerFacts(self.passages, -1, -1, 0, self.refused)
        cell, other = found.likely
        sure = found.cell >= 0
        gain_ppm = round(1e6 * found.gain_share)
        return CornerFacts(self.passages, cell, -1 if sure else other, gain_ppm, self.refused)

    def drain_events(self) -> Sequence[Event]:
        """Alarms and what became of kept evidence since the last call."""
        events = tuple(self._events)
        self._events.clear()
        return events

    def tell(self, kind: str, cell: int, detail: str, now_ns: MonotonicNs) -> None:
        """An alarm about one cell, once an hour at most."""
        last_ns = self._told_ns.get((kind, cell))
        if last_ns is None or now_ns - last_ns >= AGAIN_NS:
            self._told_ns[kind, cell] = now_ns
            self._events.append(Event(kind, now_ns, detail))

    def _judge(self, now_ns: MonotonicNs) -> None:
        self.verdict = found = self._memory.worst()
        if found is None:
            return
        more = "too much" if found.gain_share > 0 else "too little"
        said = f"cell {found.cell} reads {abs(100 * found.gain_share):.1f} % {more}"
        if found.cell < 0:
            pair = "cell {} or cell {}".format(*found.likely)
            said = f"{pair} reads wrongly by {abs(100 * found.gain_share):.1f} %"
        detail = f"{said}, by {self.passages} drive-ons and drive-offs"
        self.tell("corner_error", found.cell, detail, now_ns)


def to_text(memory: CornerMemory, calibration: str) -> str:
    """JSON with a checksum; from_text() takes it back."""
    info, vector, passages = memory.state()
    body: dict[str, object] = {
        "format": FORMAT,
        "calibration": calibration,
        "info": info,
        "vector": vector,
        "passages": passages,
    }
    return json.dumps({**body, "sha256": digest(body)}, sort_keys=True)


def from_text(text: str, calibration: str, memory: CornerMemory) -> None:
    """Add stored evidence to a memory. Raises EvidenceError; the memory is then unchanged."""
    if len(text) > CHARS_MAX:
        raise EvidenceError(f"it is longer than {CHARS_MAX} characters")
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        raise EvidenceError("it is not JSON") from None
    if not isinstance(body, dict) or body.pop("sha256", "") != digest(body):
        raise EvidenceError("it is damaged, its checksum does not fit")
    if body.get("format") != FORMAT:
        raise EvidenceError("another version of the program wrote it")
    if body.get("calibration") != calibration:
        raise EvidenceError("it was gathered under another calibration")
    try:
        info = tuple(float(v) for v in body["info"])
        vector = tuple(float(v) for v in body["vector"])
        passages = int(body["passages"])
    except (KeyError, TypeError, ValueError, OverflowError):
        raise EvidenceError("a field is missing or is no number") from None
    if not memory.restore(info, vector, passages):
        raise EvidenceError("its numbers cannot be evidence on these cells")


def digest(body: dict[str, object]) -> str:
    """Checksum over everything else."""
    return sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
