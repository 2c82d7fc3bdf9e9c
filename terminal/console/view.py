"""From what is known to what the templates show: pure, one plain mapping per part of the page.

Every word comes from the catalogue; every colour has a word beside it. A part is rendered anew
only when it is asked for, and the stream sends it only when its HTML changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hal.contract.types import Side, Tri
from terminal.console.curve import curve, sign_path
from terminal.console.lane import lane, levels_of, lowering, position_word
from terminal.console.state import ConsoleNode
from terminal.core.types import HoldReason, WeighFlag
from terminal.messages import Snapshot
from terminal.texts.catalogue import catalogue
from terminal.texts.cells import limit_tonnes, tonnes
from terminal.texts.faults import FAULTS
from terminal.texts.prompts import Lang

WORDS: Mapping[str, tuple[str, str]] = {
    "beam_entry": ("blocked", "clear"),
    "beam_exit": ("blocked", "clear"),
    "loop_entry": ("occupied", "free"),
    "loop_exit": ("occupied", "free"),
    "estop": ("pressed", "released"),
    "wired_release": ("on", "off"),
    "seal": ("broken", "intact"),
    "door": ("open", "closed"),
}
"""What yes and no are called, by input."""
ALARMS = frozenset({"estop", "wired_release", "seal", "door"})
OPTIONAL = frozenset({"seal", "door"})
"""Inputs that many sites do not have: unknown is not shown for them."""
TONE = {"yes": "warn", "no": "ok", "unknown": "unknown"}

TRAIL = (
    "IDLE",
    "ENTERING",
    "POSITIONING",
    "WEIGHING",
    "DECIDING",
    "COMMITTING",
    "RELEASING",
    "CLEARING",
)
"""The states of a visit that nothing holds, in their order."""

Context = Mapping[str, Any]

UPLINK_WHY: tuple[tuple[str, str], ...] = (
    ("the network is unplugged", "network"),
    ("NetworkError", "silent"),
    ("no answer", "silent"),
    ("TimeoutError", "silent"),
    ("our clock is", "clock"),
    ("4.22", "clock"),
    ("4.01 The key of this terminal has been revoked", "revoked"),
    ("4.01 This terminal is not enrolled", "unknown"),
    ("4.01 The signature does not hold", "signature"),
    ("4.01", "enrol"),
    ("unprotected 4.01 Security context", "key_unknown"),
    ("unprotected 4.01 Replay", "key_replay"),
    ("unprotected 4.0", "key_wrong"),
    ("ProtectionInvalid", "key_wrong"),
    ("DecodeError", "key_wrong"),
    ("ReplayError", "key_replay"),
    ("key lost", "key_lost"),
    ("new key refused", "key_refused"),
    ("new key not proved", "key_unproved"),
    ("new key in use", "key_done"),
    ("DTLS needs", "dtls"),
)
"""How a target's reason begins, and the text `uplink.why.*` that tells a person what to do."""


def why_key(why: str) -> str:
    """The text for a target's reason, empty when there is none."""
    if not why:
        return ""
    found = (name for start, name in UPLINK_WHY if why.startswith(start))
    return f"uplink.why.{next(found, 'other')}"


class View:
    """Contexts of all parts in one language for one moment."""

    def __init__(self, node: ConsoleNode, lang: Lang, deck_mm: int) -> None:
        """node: what is known. deck_mm: from the configuration."""
        self._node = node
        self._deck_mm = deck_mm
        self._texts = catalogue(lang)
        self._lang = lang

    def t(self, key: str) -> str:
        """A console text."""
        return self._texts[f"console.{key}"]

    def part(self, name: str) -> Context:
        """The context of one part. Raises KeyError for a part that is not in PARTS."""
        return PARTS[name](self)

    def banner(self) -> Context:
        """Whether what is shown can be believed."""
        return {"fresh": self._node.fresh(), "started": self._node.snapshot is not None}

    def lane(self) -> Context:
        """The drawing and the words under it."""
        snapshot = self._node.snapshot
        if snapshot is None:
            return {"lane": None}
        drawn = lane(snapshot, self._node.truth, self._deck_mm)
        words = {name: self._level(name, value) for name, value in drawn.levels.items()}
        return {
            "lane": drawn,
            "words": words,
            "gross": self._gross(snapshot),
            "simulated": self._node.simulated,
        }

    def weight(self) -> Context:
        """The big number, its qualities, and the limit."""
        snapshot = self._node.snapshot
        display = snapshot.display if snapshot is not None else None
        weighed = snapshot.weighed if snapshot is not None and self._node.fresh() else None
        motion = weighed.motion if weighed is not None else Tri.UNKNOWN
        zero = weighed.zero_valid if weighed is not None else Tri.UNKNOWN
        limit_kg = display.limit_kg if display is not None else None
        over_kg = display.over_kg if display is not None else 0
        return {
            "gross": self._gross(snapshot) if snapshot is not None else "",
            "motion": motion.name.lower(),
            "zero": zero.name.lower(),
            "zero_tone": {Tri.YES: "ok", Tri.NO: "bad"}.get(zero, "unknown"),
            "held": weighed is not None and weighed.held_kg is not None,
            "limit": limit_tonnes(limit_kg) if limit_kg else "",
            "over": tonnes(over_kg) if over_kg > 0 else "",
            "estimate": self._estimate(snapshot),
            "flags": self._flags(snapshot),
            "cell": weighed.cell if weighed is not None else -1,
        }

    def step(self) -> Context:
        """State, plate, axles, and the one reason of a hold with what to do."""
        snapshot = self._node.snapshot
        if snapshot is None:
            return {"state": "", "reason": "", "lowering": ""}
        display, reason = snapshot.display, snapshot.display.reason
        state = self._texts.get(f"console.state.{snapshot.state.upper()}", snapshot.state)
        falls = lowering(snapshot)
        calm = reason is HoldReason.NONE or falls is not None
        hold = {
            part: self._texts[f"hold.{reason.value}.{part}"]
            for part in ("sign", "operator", "first_aid", "todo")
        }
        return {
            "state": state,
            "visit_id": snapshot.visit_id,
            "plate": display.plate or display.partly,
            "partly": bool(display.partly),
            "by_list": display.by_list,
            "axles": display.axles,
            "trail": [(self.t(f"state.{name}"), name == snapshot.state.upper()) for name in TRAIL],
            "reason": "" if calm else reason.value,
            "lowering": "" if falls is None else self.t("lowering." + falls.name.lower()),
            "hold": hold,
        }

    def sign(self) -> Context:
        """The sign's own pixels."""
        frame = self._node.sign
        if frame is None:
            return {"sign": None}
        path = sign_path(frame.width_px, frame.height_px, frame.rows)
        return {"sign": frame, "path": path, "said": " / ".join(frame.lines)}

    def sensors(self) -> Context:
        """Inputs, barriers and lamps in words."""
        snapshot = self._node.snapshot
        if snapshot is None:
            return {"inputs": [], "barriers": []}
        inputs = [
            (self.t(name), self._level(name, value), self._tone(name, value))
            for name, value in levels_of(snapshot).items()
            if not (name in OPTIONAL and value == "unknown")
        ]
        sides = [Side.ENTRY, Side.EXIT] if snapshot.lane_kind == "double" else [Side.EXIT]
        return {"inputs": inputs, "barriers": [self._barrier(snapshot, side) for side in sides]}

    def curve(self) -> Context:
        """The last minute."""
        snapshot = self._node.snapshot
        limit_kg = snapshot.display.limit_kg if snapshot is not None else None
        drawn = curve(tuple(self._node.curve), self._node.now_ns, limit_kg)
        return {"curve": drawn, "limit": limit_tonnes(limit_kg) if limit_kg else ""}

    def uplink(self) -> Context:
        """Queue and targets."""
        snapshot = self._node.snapshot
        if snapshot is None:
            return {"targets": [], "unsent": 0, "quarantined": 0, "last_seq": 0}
        return {
            "targets": [(*row, why_key(row[-1])) for row in snapshot.targets],
            "unsent": snapshot.unsent,
            "quarantined": snapshot.quarantined,
            "last_seq": snapshot.last_seq,
        }

    def health(self) -> Context:
        """Processes, loop lateness, faults."""
        node, snapshot = self._node, self._node.snapshot
        peers = dict(snapshot.peers) if snapshot is not None else {}
        peers["control"] = node.fresh()
        for name in ("panel", "camera"):
            peers[name] = name in node.peers_up
        if node.simulated:
            peers["plant"] = "plant" in node.peers_up
        known = {name for name in peers if f"console.process.{name}" in self._texts}
        faults = [] if snapshot is None else snapshot.faults
        corners = None if snapshot is None else snapshot.corners
        return {
            "corners": self._corners(corners) if corners is not None else None,
            "peers": [(name, up) for name, up in sorted(peers.items()) if name in known],
            "loop": snapshot.loop if snapshot is not None else None,
            "faults": [
                (
                    fault.device,
                    FAULTS[fault.code].severity,
                    FAULTS[fault.code].operator(self._lang),
                    FAULTS[fault.code].first_aid(self._lang),
                    fault.detail,
                )
                for fault in faults
            ],
        }

    def demo(self) -> Context:
        """The demo's controls; drawn in simulated runs only."""
        truth = self._node.truth
        return {
            "simulated": self._node.simulated,
            "plant": truth is not None,
            "network_up": truth is None or truth.network_up,
            "script": truth.script if truth is not None else "",
        }

    def cameras(self) -> Context:
        """Which live pictures there are."""
        return {"roles": [(role, live[1].plate) for role, live in sorted(self._node.live.items())]}

    def _estimate(self, snapshot: Snapshot | None) -> str:
        """What a dead cell's deck would show, as a sentence that says what it is not."""
        if snapshot is None or snapshot.estimate is None or not self._node.fresh():
            return ""
        kg, cell = snapshot.estimate
        return self.t("estimate").format(tonnes=tonnes(kg), cell=cell)

    def _flags(self, snapshot: Snapshot | None) -> list[tuple[str, str, bool]]:
        """Name of each standing flag, how sure it is and what it does, and whether it blocks."""
        if snapshot is None or not self._node.fresh():
            return []
        return [
            (
                self._texts[f"report.flag.{str(WeighFlag(flag).name).lower()}"],
                self.t("flag.blocks" if blocks else "flag.alarms").format(percent=percent),
                blocks,
            )
            for flag, percent, blocks in snapshot.flags
        ]

    def _corners(self, facts: tuple[int, int, int, int, int]) -> tuple[str, str, int]:
        """Tone, sentence, and how often kept evidence was refused."""
        passages, cell, other, gain_ppm, refused = facts
        if not gain_ppm:
            key = "corners.sound" if passages else "corners.none"
            return "ok" if passages else "unknown", self.t(key).format(passages=passages), refused
        said = self.t("corners.wrong" if other < 0 else "corners.unsure").format(
            cell=cell,
            other=other,
            percent=f"{abs(gain_ppm) / 10_000:.1f}",
            more=self.t("corners.more" if gain_ppm > 0 else "corners.less"),
            passages=passages,
        )
        return "bad", said, refused

    def _gross(self, snapshot: Snapshot) -> str:
        weighed = snapshot.weighed
        if weighed is None or weighed.gross_kg is None or not self._node.fresh():
            return ""
        return tonnes(weighed.gross_kg)

    def _level(self, name: str, value: str) -> str:
        yes, no = WORDS[name]
        return self.t("level." + {"yes": yes, "no": no}.get(value, "unknown"))

    def _tone(self, name: str, value: str) -> str:
        return "bad" if name in ALARMS and value == "yes" else TONE[value]

    def _barrier(self, snapshot: Snapshot, side: Side) -> tuple[str, str, str, str, str]:
        """Name, position word, lamp word, lease word and the position's raw name."""
        position = position_word(snapshot, side)
        lamp = "green" if snapshot.lamps[side] else "red"
        lease = snapshot.leases[side] or "none"
        return (
            self.t("barrier." + side.name.lower()),
            self.t("position." + position),
            self.t("lamp." + lamp),
            self.t("lease." + lease),
            position,
        )


PARTS: Mapping[str, Callable[[View], Context]] = {
    "banner": View.banner,
    "lane": View.lane,
    "weight": View.weight,
    "step": View.step,
    "sign": View.sign,
    "sensors": View.sensors,
    "curve": View.curve,
    "uplink": View.uplink,
    "health": View.health,
    "demo": View.demo,
    "cameras": View.cameras,
}
"""Every live part of the page except the records, which come from the database."""
