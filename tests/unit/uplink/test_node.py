"""The uplink node under virtual time: order, receipts, back-off, quarantine, targets apart."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Sequence

import cbor2
import pytest

from hal.contract.types import NS_PER_MS, NS_PER_S, MonotonicNs
from terminal.config import Target
from terminal.link import PeerDown, PeerUp, Received
from terminal.messages import (
    Delivered,
    ItemClass,
    Message,
    Pending,
    Pull,
    PullDone,
    Reconcile,
    TargetStatus,
    Undeliverable,
    Wake,
)
from terminal.node import Send, Tick
from terminal.outbox import START_NS_MAX
from terminal.uplink.adapters.coap_v1 import CoapV1
from terminal.uplink.exchange import LANE_OF, Adapter, Lane, Request, WireReply
from terminal.uplink.node import CURSOR_NS, CURSOR_RETRY_NS, UplinkNode
from terminal.uplink.queue import (
    CATCH_UP_MIN,
    ITEM_TRIES_FREE,
    LANE_WINDOW,
    OUTAGE_NS_MIN,
    PULL_IDLE_NS,
    PULL_PATIENCE_NS,
    REFUSALS_MAX,
    RETRY_AFTER_S_MAX,
    WINDOW_MAX,
)


def receipt_for(request: Request) -> WireReply:
    item_id = request.sha256.hex() if request.path else request.item_id
    digest = request.sha256 if request.path else hashlib.sha256(request.body).digest()
    return WireReply("2.01", cbor2.dumps({1: item_id, 2: digest[:16], 3: 0, 4: 1}), "", "TCP")


def silence(_request: Request) -> WireReply:
    return WireReply("", b"", "no answer within 30 s", "TCP")


def code(text: str) -> Callable[[Request], WireReply]:
    return lambda _request: WireReply(text, b"", "", "TCP")


class Bench:
    """A node with a ledger of undelivered items and a hand on the clock."""

    def __init__(self, *targets: str, rate: int = 200, seed: int = 1) -> None:
        names = targets or ("county",)
        self.node = UplinkNode(
            [Target(name=name, records_per_s_max=rate) for name in names], random.Random(seed)
        )
        self.now_ns = MonotonicNs(NS_PER_S)
        self.outbox: dict[str, dict[int, Pending]] = {name: {} for name in names}
        self.log: list[Message] = []
        self.connected = False

    def put(self, item: int, item_class: ItemClass = ItemClass.RECORD, target: str = "") -> None:
        name = target or next(iter(self.outbox))
        photo = LANE_OF[item_class] is Lane.PHOTO
        self.outbox[name][item] = Pending(
            name,
            item,
            item_class,
            f"T-{item}",
            bytes([item % 256]) * 32,
            b"" if photo else f"body {item}".encode(),
            f"{item}.jpg" if photo else "",
        )

    def connect(self) -> None:
        self.connected = True
        self.do(self.node.on_event(PeerUp("ledger", False), self.now_ns))

    def wake(self) -> None:
        self.event(Wake())

    def event(self, message: Message) -> None:
        self.do(self.node.on_event(Received("ledger", message), self.now_ns))

    def tick(self, ms: int = 100) -> None:
        self.now_ns = MonotonicNs(self.now_ns + ms * NS_PER_MS)
        self.do(self.node.on_event(Tick(), self.now_ns))

    def do(self, sends: Sequence[Send]) -> None:
        for send in sends:
            assert send.peer == "ledger"
            if not self.connected:
                continue
            self.log.append(send.message)
            if isinstance(send.message, Pull):
                self.answer(send.message)
            elif isinstance(send.message, Delivered | Undeliverable):
                del self.outbox[send.message.target][send.message.item]

    def answer(self, pull: Pull) -> None:
        waiting = sorted(
            self.outbox[pull.target].values(),
            key=lambda item: (list(ItemClass).index(item.item_class), item.item),
        )
        for pending in waiting[: pull.limit]:
            self.event(pending)
        self.event(PullDone(pull.target, max(0, len(waiting) - pull.limit)))

    def take(self) -> list[Request]:
        return [request for request, _adapter in self.node.take(self.now_ns)]

    def reply(self, request: Request, reply: WireReply) -> None:
        self.do(self.node.on_reply(request, reply, self.now_ns))

    def run(self, answer: Callable[[Request], WireReply], ticks: int) -> list[Request]:
        """Answer everything at once, tick after tick."""
        carried = []
        for _ in range(ticks):
            for request in self.take():
                carried.append(request)
                self.reply(request, answer(request))
            self.tick()
        return carried

    def of(self, kind: type[Message]) -> list[Message]:
        return [message for message in self.log if isinstance(message, kind)]


def test_a_record_is_delivered_by_its_receipt_only() -> None:
    bench = Bench()
    bench.put(1)
    bench.connect()
    (request,) = bench.take()
    assert bench.take() == [], "nothing goes twice at once"
    reply = receipt_for(request)
    bench.reply(request, reply)
    assert bench.of(Delivered) == [Delivered("county", 1, reply.payload)]
    assert bench.outbox["county"] == {}


@pytest.mark.parametrize(
    ("reply_code", "payload"),
    [
        ("2.04", b""),
        ("2.01", b"\xff"),
        ("2.01", cbor2.dumps([1, 2])),
        ("2.01", cbor2.dumps({1: "T-2", 2: hashlib.sha256(b"body 1").digest()[:16]})),
        ("2.04", cbor2.dumps({1: "T-1", 2: hashlib.sha256(b"body 1").digest()})),
        ("4.12", b""),
    ],
)
def test_success_without_the_right_receipt_is_no_delivery(reply_code: str, payload: bytes) -> None:
    bench = Bench()
    bench.put(1)
    bench.connect()
    (request,) = bench.take()
    bench.reply(request, WireReply(reply_code, payload, "", "TCP"))
    assert bench.of(Delivered) == []
    assert bench.of(Undeliverable) == []
    carried = bench.run(receipt_for, 40)
    assert [again.body for again in carried] == [b"body 1"], "the same bytes again"
    assert len(bench.of(Delivered)) == 1


def test_other_bytes_under_our_id_are_quarantined() -> None:
    bench = Bench()
    bench.put(1)
    bench.connect()
    wrong = cbor2.dumps({1: "T-1", 2: bytes(16), 3: 0, 4: 1})
    bench.run(lambda _request: WireReply("4.12", wrong, "", "TCP"), 100)
    (message,) = bench.of(Undeliverable)
    assert isinstance(message, Undeliverable)
    assert "other bytes" in message.why


def test_alarms_first_then_records_and_photos_last() -> None:
    bench = Bench()
    bench.put(1, ItemClass.PHOTO)
    bench.put(2)
    bench.put(3, ItemClass.ALARM)
    bench.connect()
    assert [request.item for request in bench.take()] == [3, 2, 1]


def test_an_alarm_does_not_wait_for_the_photos_in_flight() -> None:
    bench = Bench()
    for item in range(1, 2 * WINDOW_MAX):
        bench.put(item, ItemClass.PHOTO)
    bench.connect()
    assert [request.item for request in bench.take()] == [1]
    bench.put(999, ItemClass.ALARM)
    bench.wake()
    assert [request.item for request in bench.take()] == [999]


def test_photos_start_only_when_no_record_is_due() -> None:
    bench = Bench()
    for item in range(1, 50):
        bench.put(item)
    bench.put(50, ItemClass.PHOTO)
    bench.connect()
    requests = bench.take()
    window = LANE_WINDOW[Lane.RECORD]
    assert [request.item for request in requests] == list(range(1, window + 1))
    for request in requests:
        bench.reply(request, receipt_for(request))
    assert all(request.item_class is ItemClass.RECORD for request in bench.take())


def test_a_permanent_refusal_is_quarantined_and_the_next_goes_on() -> None:
    bench = Bench()
    bench.put(1)
    bench.put(2)
    bench.connect()

    def answer(request: Request) -> WireReply:
        if request.item == 1:
            problem = cbor2.dumps({-1: "No", -2: "because"})
            return WireReply("4.00", problem, "", "TCP")
        return receipt_for(request)

    carried = bench.run(answer, 100)
    assert [request.item for request in carried].count(1) == REFUSALS_MAX
    assert bench.of(Undeliverable) == [Undeliverable("county", 1, "4.00", "4.00 No: because")]
    assert len(bench.of(Delivered)) == 1


@pytest.mark.parametrize("bad", ["4.01", "4.05", "4.29", "5.00", "5.03", ""])
def test_faults_of_the_way_never_quarantine(bad: str) -> None:
    bench = Bench()
    bench.put(1)
    bench.connect()
    carried = bench.run(code(bad), 6_000)
    assert 20 < len(carried) < 60, "ten minutes at a bounded pace"
    assert bench.of(Undeliverable) == []
    assert len(bench.run(receipt_for, 400)) == 1
    assert len(bench.of(Delivered)) == 1


def waited_s(reply: WireReply, seed: int = 1) -> int:
    """Whole seconds from a volley's answer to the next request of any kind, alarms too."""
    bench = Bench(seed=seed)
    for item in range(1, 6):
        bench.put(item)
    bench.connect()
    for request in bench.take():
        bench.reply(request, reply)
    bench.put(9, ItemClass.ALARM)
    bench.wake()
    for seconds in range(2 * RETRY_AFTER_S_MAX + 2):
        bench.do(bench.node.network_changed(bench.now_ns))
        if bench.take():
            return seconds
        bench.tick(1_000)
    raise AssertionError("never again")


@pytest.mark.parametrize("busy", ["4.29", "5.03"])
def test_a_target_is_left_alone_for_as_long_as_it_asks_and_not_by_all_the_same(busy: str) -> None:
    waits = [waited_s(WireReply(busy, b"", "", "TCP", 40), seed) for seed in range(40)]
    assert min(waits) >= 40
    assert max(waits) <= 80
    assert len(set(waits)) > 20, "forty terminals do not return together"
    forever = waited_s(WireReply(busy, b"", "", "TCP", 2**32 - 1))
    assert RETRY_AFTER_S_MAX <= forever <= 2 * RETRY_AFTER_S_MAX


def test_only_a_target_that_asks_to_be_left_alone_is() -> None:
    assert waited_s(WireReply("5.00", b"", "", "TCP", 40)) == 0
    assert waited_s(WireReply("5.03", b"", "", "TCP")) == 0, "no Max-Age, nothing asked"


def test_one_target_left_alone_holds_up_no_other() -> None:
    bench = Bench("county", "city")
    bench.put(1, target="county")
    bench.put(1, target="city")
    bench.connect()
    for request in bench.take():
        away = WireReply("5.03", b"", "", "TCP", 60)
        bench.reply(request, away if request.target == "county" else receipt_for(request))
    bench.put(2, target="city")
    bench.wake()
    assert [request.target for request in bench.take()] == ["city"]


@pytest.mark.parametrize(
    ("item_class", "bad"), [(ItemClass.PHOTO, "4.04"), (ItemClass.RECORD, "4.08")]
)
def test_not_yet_lets_only_that_item_wait(item_class: ItemClass, bad: str) -> None:
    bench = Bench()
    bench.put(1, item_class)
    bench.put(2, item_class)
    bench.connect()
    carried = bench.run(
        lambda request: code(bad)(request) if request.item == 1 else receipt_for(request), 100
    )
    assert len(bench.of(Delivered)) == 1
    assert bench.of(Undeliverable) == []
    assert 2 < [request.item for request in carried].count(1) < 6


def test_a_failing_target_gets_one_probe_and_a_poisoned_item_steps_aside() -> None:
    bench = Bench()
    for item in range(1, 20):
        bench.put(item)
    bench.connect()
    for request in bench.take():
        bench.reply(request, silence(request))

    def answer(request: Request) -> WireReply:
        return silence(request) if request.item == 1 else receipt_for(request)

    for _ in range(40):
        bench.tick(1_000)
        requests = bench.take()
        assert len(requests) <= LANE_WINDOW[Lane.RECORD]
        for request in requests:
            bench.reply(request, answer(request))
    assert list(bench.outbox["county"]) == [1]
    assert ITEM_TRIES_FREE == 3


def test_status_is_told_on_change() -> None:
    bench = Bench()
    bench.put(1)
    bench.connect()
    assert bench.of(TargetStatus) == [TargetStatus("county", False, "", "")]
    (request,) = bench.take()
    bench.reply(request, silence(request))
    assert bench.of(TargetStatus)[-1] == TargetStatus("county", False, "", "no answer within 30 s")
    bench.run(receipt_for, 20)
    assert bench.of(TargetStatus)[-1] == TargetStatus("county", True, "TCP", "")


def test_the_ledger_going_away_mid_flight_costs_a_repeat_at_most() -> None:
    bench = Bench()
    bench.put(1)
    bench.put(2)
    bench.connect()
    first, second = bench.take()
    bench.connected = False
    bench.do(bench.node.on_event(PeerDown("ledger"), bench.now_ns))
    bench.reply(first, receipt_for(first))
    assert bench.take() == []
    bench.connect()
    bench.reply(second, receipt_for(second))
    carried = bench.run(receipt_for, 5)
    assert [(request.item, request.body) for request in carried] == [(1, b"body 1")]
    assert bench.outbox["county"] == {}


def test_a_lost_wake_or_answer_only_costs_time() -> None:
    bench = Bench()
    bench.connect()
    bench.put(1)
    for _ in range(PULL_IDLE_NS // NS_PER_S + 1):
        bench.tick(1_000)
    assert len(bench.take()) == 1
    deaf = Bench()
    deaf.put(1)
    deaf.answer = lambda pull: None  # type: ignore[method-assign]  # this ledger never answers
    deaf.connect()
    del deaf.answer
    deaf.tick(PULL_PATIENCE_NS // NS_PER_MS)
    assert len(deaf.take()) == 1


def test_the_bucket_bounds_the_pace() -> None:
    bench = Bench(rate=5)
    for item in range(200):
        bench.put(item)
    bench.connect()
    carried = bench.run(receipt_for, 100)
    assert 50 <= len(carried) <= 56, "five a second for ten seconds and one second of burst"


def test_a_big_backlog_after_an_outage_starts_at_a_random_moment() -> None:
    delays = set()
    for seed in range(5):
        bench = Bench(seed=seed)
        for item in range(CATCH_UP_MIN + 2 * WINDOW_MAX):
            bench.put(item)
        bench.connect()
        for _ in range(OUTAGE_NS_MIN // NS_PER_S + 30):
            for request in bench.take():
                bench.reply(request, silence(request))
            bench.tick(1_000)
        delivered_at = []
        for _ in range(START_NS_MAX // NS_PER_S + 60):
            bench.tick(1_000)
            while requests := bench.take():
                for request in requests:
                    delivered_at.append(bench.now_ns)
                    bench.reply(request, receipt_for(request))
        assert len(bench.outbox["county"]) == 0
        delays.add(delivered_at[1] - delivered_at[0])
    assert len(delays) > 3


def test_a_single_failure_in_a_big_backlog_is_not_an_outage() -> None:
    bench = Bench()
    for item in range(CATCH_UP_MIN + 2 * WINDOW_MAX):
        bench.put(item)
    bench.connect()
    for request in bench.take():
        bench.reply(request, silence(request))
    bench.run(receipt_for, 200)
    assert bench.outbox["county"] == {}


def test_targets_do_not_wait_for_each_other_and_bytes_are_the_same() -> None:
    bench = Bench("county", "city")
    for item in range(1, 50):
        bench.put(item, target="county")
        bench.put(item, target="city")
    bench.connect()
    carried = bench.run(
        lambda request: silence(request) if request.target == "city" else receipt_for(request), 50
    )
    assert bench.outbox["county"] == {}
    assert len(bench.outbox["city"]) == 49
    bodies = {request.item: request.body for request in carried if request.target == "county"}
    assert all(bodies[r.item] == r.body for r in carried if r.target == "city")


def test_a_photo_that_cannot_be_read_is_shown_and_blocks_nobody() -> None:
    bench = Bench()
    bench.put(1, ItemClass.PHOTO)
    bench.put(2, ItemClass.PHOTO)
    bench.connect()
    (request,) = bench.take()
    bench.do(bench.node.unreadable(request, "1.jpg cannot be read", bench.now_ns))
    assert bench.of(Undeliverable) == [Undeliverable("county", 1, "file", "1.jpg cannot be read")]
    assert len(bench.run(receipt_for, 2)) == 1


def test_unknown_targets_are_counted() -> None:
    bench = Bench()
    bench.connect()
    bench.event(PullDone("nobody", 0))
    assert bench.node.unknown_targets == 1


def test_wire_form_of_each_class() -> None:
    adapter: Adapter = CoapV1()
    folders = {}
    for item_class in ItemClass:
        request = Request("county", 1, item_class, "T-1", b"\x01" * 32, b"body", "")
        wire = adapter.to_wire(request, b"payload")
        folders[item_class.value] = wire.path[1]
        assert wire.method == "PUT"
        assert wire.payload == b"payload"
    assert folders == {
        "alarm": "alarms",
        "record": "records",
        "health": "health",
        "photo": "photos",
        "clip": "photos",
    }


def test_what_a_platform_lost_is_told_to_the_ledger() -> None:
    bench = Bench()
    node = UplinkNode([Target()], random.Random(1), "T")
    bench.node = node
    bench.put(1)
    assert node.questions(bench.now_ns) == []
    bench.connect()
    assert node.questions(bench.now_ns) == [], "not before the target has answered once"
    bench.run(receipt_for, 1)
    cursor, time = node.questions(bench.now_ns)
    wires = [(q.target, q.wire.method, q.wire.path) for q in (cursor, time)]
    assert wires == [
        ("county", "GET", ("v1", "cursor", "T")),
        ("county", "GET", ("v1", "time")),
    ]
    assert node.questions(bench.now_ns) == [], "one question at a time"
    bench.do(node.on_answer(cursor, WireReply("", b"", "away", ""), bench.now_ns, 0))
    assert bench.of(Reconcile) == []
    bench.tick(CURSOR_RETRY_NS // NS_PER_MS)
    assert len(node.questions(bench.now_ns)) == 2
    held = cbor2.dumps([[b"ledger", 2, 9, [[3, 4], [6, 8]]]])
    bench.do(node.on_answer(cursor, WireReply("2.05", held, "", "TCP"), bench.now_ns, 0))
    assert bench.of(Reconcile) == [Reconcile("county", b"ledger", 9, ((3, 4), (6, 8)))]
    bench.tick(CURSOR_NS // NS_PER_MS - 1)
    assert node.questions(bench.now_ns) == []
    bench.tick(1)
    assert len(node.questions(bench.now_ns)) == 2


def test_what_is_weighed_now_does_not_wait_for_a_backlog() -> None:
    bench = Bench(rate=10)
    for item in range(1, 60):
        bench.put(item)
    bench.connect()
    bench.run(receipt_for, 20)
    bench.put(100)
    bench.wake()
    sent = [request.item for request in bench.run(receipt_for, 3)]
    assert 100 in sent
    assert len(sent) < 30, "the backlog is still there"


@pytest.mark.parametrize(
    ("their_ms", "told"),
    [
        (cbor2.dumps(1_000_000), ""),
        (cbor2.dumps(1_000_000 + 60_000), ""),
        (cbor2.dumps(1_000_000 + 61_000), "our clock is 61 s behind the platform's"),
        (cbor2.dumps(1_000), "our clock is 999 s ahead of the platform's"),
        (b"junk", ""),
        (cbor2.dumps(-1), ""),
    ],
)
def test_a_clock_that_is_far_off_is_shown(their_ms: bytes, told: str) -> None:
    bench = Bench()
    bench.node = node = UplinkNode([Target()], random.Random(1), "T")
    bench.put(1)
    bench.connect()
    bench.run(receipt_for, 1)
    _cursor, time = node.questions(bench.now_ns)
    bench.do(node.on_answer(time, WireReply("2.05", their_ms, "", "TCP"), bench.now_ns, 10**12))
    assert bench.of(TargetStatus)[-1].why == told


def test_a_record_that_a_clock_speaks_against_is_never_set_aside_for_good() -> None:
    bench = Bench()
    bench.put(1)
    bench.connect()
    bench.run(code("4.22"), 2_000)
    assert bench.of(Undeliverable) == []
    assert bench.of(TargetStatus)[-1].why.startswith("4.22")
    bench.run(receipt_for, 7_000)
    assert [message.item for message in bench.of(Delivered)] == [1]


@pytest.mark.parametrize(
    "rows",
    [1, [1], [[b"x", 1, 2]], [["x", 1, 2, []]], [[b"x", 1, -2, []]], [[b"x", 1, 2, [[2, 1]]]],
     [[b"x", 1, 2, [[0, 1]]]], [[b"x", 1, 2, [1]]]],
)  # fmt: skip
def test_a_cursor_is_read_strictly(rows: object) -> None:
    assert CoapV1().decode_cursor(WireReply("2.05", cbor2.dumps(rows), "", "")) is None
    assert CoapV1().decode_cursor(WireReply("2.05", b"", "", "")) is None
    assert CoapV1().decode_cursor(WireReply("4.04", cbor2.dumps([]), "", "")) is None


@pytest.mark.parametrize(("told", "heard"), [(7, 7), (0, 0), (-7, 0), (True, 0), ("7", 0)])
def test_a_receipt_may_name_a_rotation_that_waits(told: object, heard: int) -> None:
    bench = Bench()
    bench.put(1)
    bench.connect()
    (request,) = bench.take()
    receipt = cbor2.loads(receipt_for(request).payload) | {6: told}
    bench.reply(request, WireReply("2.01", cbor2.dumps(receipt), "", "TCP"))
    assert len(bench.of(Delivered)) == 1, "a strange hint takes nothing from the receipt"
    assert bench.node.new_key("county") == heard
