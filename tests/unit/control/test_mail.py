"""What control takes from its peers and what it repeats to them."""

from __future__ import annotations

from dataclasses import dataclass, field

from hal.contract.types import Fault, FaultCode, Key, KeyPress, MonotonicNs, Tri
from terminal.control.mailbox import KEYS_MAX, Mailbox
from terminal.control.outgoing import IDLE_FRAME_EVERY, JOURNAL_MAX, KEEP_NS, REPEAT_NS, Outgoing
from terminal.core.params import Params
from terminal.core.types import Committed, Display, Event, Inputs, Outputs, Prompt
from terminal.core.visit import State
from terminal.frames import Decided, Frame, Keyframe, TickFrame, decode_frame
from terminal.link import PeerDown, PeerUp, Received
from terminal.messages import (
    Capture,
    CommitDone,
    CommitRefused,
    CornersKept,
    DeviceFault,
    FlightFrame,
    Journal,
    KeyPressed,
    LedgerStatus,
    Look,
    Message,
    VehicleFound,
    VehicleLookup,
    ZeroKept,
)

T0 = MonotonicNs(0)
TICK = TickFrame(Inputs(T0), Decided("idle", "none", "idle", "", "", ""), 0, 0)


def press(key: Key) -> KeyPressed:
    return KeyPressed(KeyPress(key, T0))


def status(unsent: int) -> LedgerStatus:
    return LedgerStatus(7, unsent, 0, 100, 10**9, ())


def test_messages_last_one_tick_and_links_last_until_they_break() -> None:
    box = Mailbox()
    done = Committed(5, 1, b"h" * 32)
    box.start_tick([PeerUp("ledger", True), Received("ledger", CommitDone(done))], T0)
    assert box.committed == [done]
    assert box.is_up("ledger") is Tri.YES
    assert box.simulated_peers == {"ledger"}
    box.start_tick([Received("ledger", CommitRefused(5, "disk full"))], T0)
    assert (box.committed, box.refused) == ([], [5])
    assert box.faults == [Fault(FaultCode.UNSAVED, "ledger", T0, "disk full")]
    box.start_tick([PeerDown("ledger")], T0)
    assert box.refused == []
    assert box.is_up("ledger") is Tri.NO
    assert box.is_up("camera") is Tri.NO


def test_only_the_right_peer_may_say_it() -> None:
    box = Mailbox()
    done = CommitDone(Committed(5, 1, b"h" * 32))
    box.start_tick(
        [
            Received("camera", done),
            Received("console", done),
            Received("console", press(Key.A)),
            Received("panel", done),
            Received("stranger", done),
        ],
        T0,
    )
    assert not box.committed
    assert not box.keys
    assert box.ignored == 5


def test_keys_of_one_tick_are_bounded() -> None:
    box = Mailbox()
    box.start_tick([Received("panel", press(Key.D1))] * (KEYS_MAX + 3), T0)
    assert len(box.keys) == KEYS_MAX
    assert box.ignored == 3


def test_the_last_word_of_the_ledger_is_kept() -> None:
    box = Mailbox()
    assert box.outbox_full() is Tri.UNKNOWN
    box.start_tick([Received("ledger", status(99))], T0)
    assert box.outbox_full() is Tri.NO
    box.start_tick([Received("ledger", status(100))], T0)
    assert box.outbox_full() is Tri.YES
    found = VehicleFound("晋L12345", "rigid", 2, None, None, None, None)
    box.start_tick([Received("ledger", found)], T0)
    box.start_tick([], T0)
    assert box.vehicle is not None
    assert box.vehicle[0] == "晋L12345"
    assert box.vehicle[1].drive_axles == 2


def test_device_faults_of_other_processes_come_through() -> None:
    box = Mailbox()
    fault = Fault(FaultCode.DARK, "camera front", T0)
    box.start_tick([Received("camera", DeviceFault(fault))], T0)
    assert box.faults == [fault]


@dataclass
class FakeHub:
    up: bool = True
    sent: list[tuple[str, Message]] = field(default_factory=list)

    def send(self, peer: str, message: Message) -> bool:
        if self.up:
            self.sent.append((peer, message))
        return self.up

    def take(self, kind: type) -> list[Message]:
        found = [message for _peer, message in self.sent if isinstance(message, kind)]
        self.sent.clear()
        return found


def outgoing(hub: FakeHub) -> Outgoing:
    return Outgoing(hub)  # type: ignore[arg-type]


def test_requests_are_sent_at_once_then_repeated_until_cleared() -> None:
    hub = FakeHub()
    out = outgoing(hub)
    wish = Outputs(
        look_visit_id=3,
        capture_visit_id=3,
        lookup_plate="晋L12345",
        display=Display(prompt=Prompt.WEIGHING, gross_kg=40_000),
    )
    out.requests(wish, "", 0)
    assert {type(message) for _peer, message in hub.sent} == {Look, Capture, VehicleLookup}
    hub.sent.clear()
    out.requests(wish, "", REPEAT_NS - 1)
    assert not hub.sent
    out.requests(wish, "", REPEAT_NS)
    assert len(hub.take(Capture)) == 1
    out.requests(wish, "晋L12345", 3 * REPEAT_NS)
    assert not [m for _p, m in hub.sent if isinstance(m, VehicleLookup)]
    hub.sent.clear()
    out.requests(Outputs(), "", 3 * REPEAT_NS + 1)
    assert hub.take(Look) == [Look(0)]


def test_the_journal_waits_for_the_ledger_bounded_and_counted() -> None:
    hub = FakeHub(up=False)
    out = outgoing(hub)
    for number in range(JOURNAL_MAX + 5):
        out.journal((Event("zero_set", MonotonicNs(number)),))
    hub.up = True
    out.journal(())
    (sent,) = hub.take(Journal)
    assert isinstance(sent, Journal)
    assert sent.lost == 5
    assert len(sent.events) == JOURNAL_MAX
    assert sent.events[0].at_ns == 5
    out.journal(())
    assert not hub.sent


def flown(hub: FakeHub) -> list[Frame]:
    frames = hub.take(FlightFrame)
    return [decode_frame(sent.frame) for sent in frames if isinstance(sent, FlightFrame)]


def test_a_quiet_lane_spares_the_card() -> None:
    hub = FakeHub()
    out = outgoing(hub)
    for _ in range(10 * (IDLE_FRAME_EVERY + 1)):
        out.flight(State(), TICK, Params(), quiet=True)
    assert len(hub.take(FlightFrame)) == 2 * 10, "each with the state it starts from"
    out.flight(State(), TICK, Params(), quiet=False)
    assert len(hub.take(FlightFrame)) == 1


def test_a_lost_frame_is_a_gap_and_the_state_follows() -> None:
    hub = FakeHub()
    out = outgoing(hub)
    out.flight(State(), TICK, Params(), quiet=False)
    assert [type(frame) for frame in flown(hub)] == [Keyframe, TickFrame]
    hub.up = False
    out.flight(State(), TICK, Params(), quiet=False)
    hub.up = True
    out.flight(State(), TICK, Params(), quiet=False)
    key, tick = flown(hub)
    assert isinstance(key, Keyframe)
    assert (key.why, key.state, key.params) == ("gap", State(), Params())
    assert tick == TICK


def test_the_kept_zero_is_for_one_tick_only() -> None:
    box = Mailbox()
    kept = ZeroKept((1.5, -2.0), 3.0)
    box.start_tick([Received("ledger", kept)], T0)
    assert box.zero == kept
    box.start_tick([], T0)
    assert box.zero is None
    box.start_tick([Received("console", kept)], T0)
    assert box.zero is None


def test_kept_corners_are_for_one_tick_only_and_from_the_ledger() -> None:
    box = Mailbox()
    kept = CornersKept("{}")
    box.start_tick([Received("ledger", kept)], T0)
    assert box.corners == kept
    box.start_tick([], T0)
    assert box.corners is None
    box.start_tick([Received("uplink", kept)], T0)
    assert box.corners is None
    assert box.ignored == 1


def test_a_moved_zero_is_kept_once_a_minute_and_not_lost_while_the_ledger_is_away() -> None:
    hub = FakeHub(up=False)
    out = outgoing(hub)
    first, second = ZeroKept((1.0,), 0.0), ZeroKept((2.0,), 0.0)
    out.keep_zero(first, 0)
    hub.up = True
    out.keep_zero(first, 1)
    out.keep_zero(first, 2)
    out.keep_zero(second, 3)
    assert hub.take(ZeroKept) == [first]
    out.keep_zero(second, 1 + KEEP_NS)
    assert hub.take(ZeroKept) == [second]
