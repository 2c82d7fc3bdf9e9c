"""Links: greeting, bounds, refusal of what is not a message, death of a peer."""

from __future__ import annotations

import errno
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from terminal.link import REDIAL_NS, Hub, LinkEvent, PeerDown, PeerUp, Received
from terminal.messages import PROTOCOL, FlightFrame, Hello, Pull, Wake, encode


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Hub]:
    hub = Hub("ledger", tmp_path, simulated=False)
    yield hub
    hub.close()


@pytest.fixture
def uplink(tmp_path: Path, ledger: Hub) -> Iterator[Hub]:
    hub = Hub("uplink", tmp_path, simulated=True)
    yield hub
    hub.close()


def meet(*hubs: Hub, now_ns: int = 0) -> dict[str, list[LinkEvent]]:
    seen: dict[str, list[LinkEvent]] = {hub.me: [] for hub in hubs}
    for _ in range(4):
        for hub in hubs:
            seen[hub.me] += hub.poll(now_ns)
    return seen


def test_both_sides_greet_and_learn_who_is_simulated(ledger: Hub, uplink: Hub) -> None:
    seen = meet(uplink, ledger)
    assert seen["ledger"] == [PeerUp("uplink", True)]
    assert seen["uplink"] == [PeerUp("ledger", False)]


def test_messages_arrive_whole_and_in_order(ledger: Hub, uplink: Hub) -> None:
    meet(uplink, ledger)
    for limit in range(5):
        assert uplink.send("ledger", Pull("county", limit))
    assert ledger.poll(0) == [Received("uplink", Pull("county", n)) for n in range(5)]


def test_a_full_queue_refuses_and_counts(ledger: Hub, uplink: Hub) -> None:
    meet(uplink, ledger)
    big = FlightFrame(b"x" * 50_000)
    sent = 0
    while uplink.send("ledger", big):
        sent += 1
        assert sent < 1_000
    assert uplink.dropped["ledger"] == 1


def test_death_is_an_event_and_the_peer_is_dialled_again(ledger: Hub, tmp_path: Path) -> None:
    first = Hub("uplink", tmp_path, simulated=False)
    meet(first, ledger)
    first.close()
    assert ledger.poll(0) == [PeerDown("uplink")]
    assert not ledger.send("uplink", Wake())
    ledger.close()
    second = Hub("uplink", tmp_path, simulated=False)
    assert second.poll(0) == []
    again = Hub("ledger", tmp_path, simulated=False)
    seen = meet(second, again, now_ns=REDIAL_NS)
    assert PeerUp("uplink", False) in seen["ledger"]
    second.close()
    again.close()


def test_without_descriptors_links_are_made_later_and_nobody_spins(
    ledger: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def none_left(*_words: object) -> socket.socket:
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as starving:
        starving.setattr(socket, "socket", none_left)
        poor = Hub("uplink", tmp_path, simulated=False)
        assert poor.poll(0) == []
        assert poor.poll(REDIAL_NS) == []
    assert capsys.readouterr().err.count("uplink: no link can be made: Too many open files") == 1
    poor.poll(2 * REDIAL_NS)
    with monkeypatch.context() as starving:
        starving.setattr(socket.socket, "accept", none_left)
        ledger.poll(0)
        begun_ns = time.monotonic_ns()
        ledger.poll(1, 0.05)
        assert time.monotonic_ns() - begun_ns >= 40_000_000, "the waiting caller wakes nobody"
    seen = meet(poor, ledger, now_ns=3 * REDIAL_NS)
    assert PeerUp("uplink", False) in seen["ledger"]
    poor.close()


@pytest.mark.parametrize(
    "first",
    [
        b"\x00garbage",
        encode(Wake()),
        encode(Hello("console", PROTOCOL, False)),
        encode(Hello("uplink", PROTOCOL + 1, False)),
    ],
)
def test_a_caller_without_a_right_greeting_is_hung_up_on(
    ledger: Hub, tmp_path: Path, first: bytes
) -> None:
    caller = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    caller.connect(str(tmp_path / "ledger.sock"))
    caller.send(first)
    assert ledger.poll(0) == []
    assert ledger.poll(0) == []
    assert ledger.refused == 1
    assert not ledger.is_up("uplink")
    caller.close()


def test_garbage_on_a_standing_link_is_counted_and_nothing_else(ledger: Hub, uplink: Hub) -> None:
    meet(uplink, ledger)
    for link in uplink._links.values():
        link.sock.send(b"\xc1nonsense")
    assert uplink.send("ledger", Wake())
    assert ledger.poll(0) == [Received("uplink", Wake())]
    assert ledger.refused == 1


def test_a_second_caller_of_the_same_name_replaces_the_first(
    ledger: Hub, uplink: Hub, tmp_path: Path
) -> None:
    meet(uplink, ledger)
    twin = Hub("uplink", tmp_path, simulated=False)
    seen = meet(twin, ledger)
    assert seen["ledger"] == [PeerDown("uplink"), PeerUp("uplink", False)]
    twin.close()
