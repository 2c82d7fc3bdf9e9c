"""New keys over the network: asked for, checked, proved, used; cut off and lied to at each step."""

from __future__ import annotations

import asyncio
import itertools
import shutil
from pathlib import Path

import pytest

from terminal.cli import main
from terminal.enrol import county_contexts
from terminal.enrol.context_files import SECRET_FILE, ContextLostError
from terminal.enrol.county_contexts import PAPER_FILE, USED_FILE, retire_older, stages
from terminal.enrol.key_ring import KeyRing
from terminal.enrol.papers import AGE_S_MAX
from terminal.messages import ItemClass
from terminal.uplink import way as way_module
from terminal.uplink.adapters.coap_v1 import CoapV1
from terminal.uplink.exchange import PROBE, Request, WireReply, WireRequest
from terminal.uplink.renewal import ASK_NS, DONE, REFUSED, ROUND_NS, UNPROVED, Renewal
from terminal.uplink.way import REPLACED, Blocked, Way
from tests.unit.enrol.test_enrol import Place
from tests.unit.enrol.test_rotation import PowerCutError, rotate, writes

REQUEST = Request("county", 1, ItemClass.RECORD, "T-1", b"", b"body", "")
CUTS_MIN = 20


class FakeCounty:
    """The receiver's half on real files: whose key a message is under, and what that means."""

    def __init__(self, contexts: Path, now_s: int) -> None:
        self.contexts, self.now_s = contexts, now_s
        self.up = True
        self.lose_answers = False
        self.offers: bytes | None = None  # whatever else waits
        self.asked: list[str] = []

    def answer(self, secret: str, wire: WireRequest) -> WireReply:
        if not self.up:
            return WireReply("", b"", "no answer within 15 s", "TCP")
        known = [one for one in stages(self.contexts) if (one.folder / SECRET_FILE).exists()]
        mine = [one for one in known if (one.folder / SECRET_FILE).read_text() == secret]
        if not mine:
            return WireReply("", b"", "unprotected 4.01 Security context not found", "TCP")
        self.asked.append(f"{mine[0].label.number} {wire.path[1]}")
        if wire == PROBE:
            return self.lost() or WireReply("2.05", b"", "", "TCP")
        county_contexts.note(mine[0], USED_FILE, self.now_s)
        retire_older(self.contexts, mine[0].label, known, self.now_s)
        waits = [one for one in stages(self.contexts) if one.waits]
        paper = (waits[-1].folder / PAPER_FILE).read_bytes() if waits else b""
        paper = paper if self.offers is None else self.offers
        return self.lost() or WireReply("2.05", paper, "", "TCP")

    def lost(self) -> WireReply | None:
        return WireReply("", b"", "no answer", "TCP") if self.lose_answers else None


class FakeTransport:
    """A way under one secret."""

    def __init__(self, county: FakeCounty, folder: Path) -> None:
        if not (folder / SECRET_FILE).exists():
            raise ContextLostError(f"{folder} has no secret")
        self._county = county
        self._secret = (folder / SECRET_FILE).read_text()
        self.closed = False

    async def send(self, request: Request, wire: WireRequest) -> WireReply:
        return self._county.answer(self._secret, wire)

    async def ask(self, wire: WireRequest) -> WireReply:
        return self._county.answer(self._secret, wire)

    async def prove(self) -> str:
        reply = self._county.answer(self._secret, PROBE)
        return "" if reply.code == "2.05" else reply.why

    async def close(self) -> None:
        self.closed = True


class Terminal:
    """One start of the terminal's half."""

    def __init__(self, into: Path, county: FakeCounty) -> None:
        self.ring = KeyRing(into, "oscore")
        first = FakeTransport(county, into / self.ring.in_use().oscore)
        self.made = [first]
        self.way = Way(first)
        self.now_ns = 0

        def make(number: int) -> FakeTransport:
            self.made.append(FakeTransport(county, into / f"rotated-{number}"))
            return self.made[-1]

        self.renewal = Renewal(self.ring, self.way, make, CoapV1(), "T-1", lambda: county.now_s)

    def round(self, after_ns: int = ROUND_NS) -> str:
        self.now_ns += after_ns
        assert self.renewal.due(self.now_ns)
        asyncio.run(self.renewal.round(self.now_ns))
        assert not self.renewal.due(self.now_ns)
        return self.renewal.note


class Rig:
    def __init__(self, place: Place) -> None:
        self.place = place
        self.contexts = place.base.parent / "contexts"
        self.into = place.base / "enrolled" / "county"
        self.county = FakeCounty(self.contexts, 0)

    def rotate(self) -> int:
        assert rotate(self.place) == 0
        number = max(one.label.number for one in stages(self.contexts))
        self.county.now_s = max(one.offered_s for one in stages(self.contexts))
        return number

    def secrets(self) -> tuple[set[str], set[str]]:
        """Secrets that each end holds."""
        found = ({path.read_text() for path in folder.glob("*/secret.json")}
                 for folder in (self.into, self.contexts))  # fmt: skip
        ours, theirs = found
        return ours, theirs


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    place = Place(tmp_path)
    assert place.request() == place.grant("--oscore", str(tmp_path / "contexts")) == 0
    assert place.install() == 0
    return Rig(place)


def test_a_rotation_goes_all_the_way_in_one_round(rig: Rig) -> None:
    terminal = Terminal(rig.into, rig.county)
    assert terminal.round() == ""
    number = rig.rotate()
    assert terminal.round(ASK_NS) == f"{DONE}: number {number}"
    assert terminal.ring.in_use().number == number
    ours, theirs = rig.secrets()
    assert ours == theirs
    assert len(ours) == 1
    assert [one.closed for one in terminal.made] == [True, False]
    assert [one.split()[1] for one in rig.county.asked] == ["keys", "keys", "time", "keys"]
    assert terminal.round(ASK_NS) == "", "said for an hour"


def test_the_county_is_asked_at_the_start_and_then_every_hour(rig: Rig) -> None:
    terminal = Terminal(rig.into, rig.county)
    for _ in range(int(ASK_NS / ROUND_NS)):
        terminal.round()
    assert len(rig.county.asked) == 1
    terminal.round()
    assert len(rig.county.asked) == 2
    rig.county.up = False
    terminal.round(ASK_NS)
    rig.county.up = True
    terminal.round()
    assert len(rig.county.asked) == 3, "silence is asked again after a minute"


def test_a_hint_is_asked_for_in_the_next_round_and_once(rig: Rig) -> None:
    terminal = Terminal(rig.into, rig.county)
    terminal.round()
    rig.county.asked.clear()
    for number, asked in ((0, 0), (7, 1), (7, 1), (8, 2), (0, 2)):
        terminal.renewal.hint(number)
        terminal.round()
        assert len(rig.county.asked) == asked, number


def test_a_paper_brought_by_hand_is_proved_while_running(rig: Rig) -> None:
    terminal = Terminal(rig.into, rig.county)
    terminal.round()
    number = rig.rotate()
    words = ["enrol", "renew", str(rig.place.granted), "--config", str(rig.place.config)]
    assert main(words) == 0
    assert terminal.round() == f"{DONE}: number {number}"


def test_new_keys_that_nobody_answers_leave_the_old_ones_in_use(rig: Rig) -> None:
    terminal = Terminal(rig.into, rig.county)
    number = rig.rotate()
    folder = next(one.folder for one in stages(rig.contexts) if one.label.number == number)
    away = folder.with_name("away")
    paper = rig.place.granted.read_text()
    folder.rename(away.parent.parent / "away")
    terminal.ring.take("T-1", paper, rig.county.now_s)
    rig.county.offers = paper.encode()
    for _ in range(3):
        assert terminal.round(ASK_NS).startswith(f"{UNPROVED}: unprotected 4.01")
    assert terminal.renewal.refused == 0, "the command that was obeyed is offered still"
    rig.county.offers = None
    assert terminal.ring.in_use().number == 0
    assert all(one.closed for one in terminal.made[1:])
    (away.parent.parent / "away").rename(folder)
    assert terminal.round() == f"{DONE}: number {number}"


def test_a_newer_command_replaces_one_that_cannot_be_proved(rig: Rig) -> None:
    terminal = Terminal(rig.into, rig.county)
    lost = rig.rotate()
    terminal.ring.take("T-1", rig.place.granted.read_text(), rig.county.now_s)
    shutil.rmtree(next(one.folder for one in stages(rig.contexts) if one.label.number == lost))
    number = rig.rotate()
    assert terminal.round() == f"{DONE}: number {number}"
    ours, theirs = rig.secrets()
    assert ours == theirs


def test_lost_answers_cost_time_and_nothing_else(rig: Rig) -> None:
    """The county hears each message, the terminal hears nothing: both ends still meet."""
    number = rig.rotate()
    terminal = Terminal(rig.into, rig.county)
    for lose_from in range(4):
        rig.county.lose_answers = lose_from % 2 == 0
        terminal.round()
        ours, theirs = rig.secrets()
        assert ours & theirs
    rig.county.lose_answers = False
    terminal.round(ASK_NS)
    assert terminal.ring.in_use().number == number


def bad_papers(rig: Rig) -> dict[str, bytes]:
    """Commands that a hostile or broken county might offer, by the reason of their refusal."""
    paper = rig.place.granted.read_text().strip()
    other = Place(rig.place.base.parent / "elsewhere", "other")
    other.request()
    other.grant("--oscore", str(other.base / "contexts"))
    foreign = ["enrol", "rotate", "T-1", "--keys", str(other.keys), "--out", str(other.granted)]
    assert main(foreign) == 0
    return {
        "not signed by the county": other.granted.read_bytes(),
        "does not begin": b"\xff" * 2_000,
        "is wanted": paper.replace("rotation", "grant", 1).encode(),
        "damaged": paper[:-40].encode(),
    }


def test_a_bad_command_is_refused_counted_and_shown_and_the_old_keys_stay(rig: Rig) -> None:
    rig.rotate()
    (rig.place.base.parent / "elsewhere").mkdir()
    terminal = Terminal(rig.into, rig.county)
    waits = next(one for one in stages(rig.contexts) if one.waits)
    good = (waits.folder / PAPER_FILE).read_bytes()
    before = {path: path.read_bytes() for path in rig.into.rglob("*") if path.is_file()}
    papers = bad_papers(rig)
    for count, (why, paper) in enumerate(papers.items(), 1):
        (waits.folder / PAPER_FILE).write_bytes(paper)
        note = terminal.round(ASK_NS)
        assert note.startswith(f"{REFUSED} ({count}): ")
        assert why in note
    rig.county.now_s += AGE_S_MAX + 1
    (waits.folder / PAPER_FILE).write_bytes(good)
    assert "days old" in terminal.round(ASK_NS)
    rig.county.now_s -= 2 * AGE_S_MAX
    assert "is ahead" in terminal.round(ASK_NS)
    assert {path: path.read_bytes() for path in rig.into.rglob("*") if path.is_file()} == before
    assert terminal.ring.in_use().number == 0
    (waits.folder / PAPER_FILE).write_bytes(b"")
    assert terminal.round(ASK_NS) == "", "nothing is offered any more"


def test_an_old_command_offered_again_is_refused(rig: Rig) -> None:
    first = rig.rotate()
    old = rig.place.granted.read_bytes()
    terminal = Terminal(rig.into, rig.county)
    terminal.round()
    assert terminal.ring.in_use().number == first
    rig.rotate()
    terminal.round(ASK_NS)
    second = terminal.ring.in_use().number
    rig.county.offers = old
    assert "is spent" in terminal.round(ASK_NS)
    assert terminal.ring.in_use().number == second


def test_a_power_cut_at_any_step_over_the_network(rig: Rig, tmp_path: Path) -> None:
    """Both ends are cut at each write of either; then they start again and must meet."""
    number = rig.rotate()
    for cut in itertools.count():
        base = tmp_path / f"cut-{cut}"
        shutil.copytree(rig.into, base / "into")
        shutil.copytree(rig.contexts, base / "contexts")
        here = Rig(rig.place)
        here.into, here.contexts = base / "into", base / "contexts"
        here.county = FakeCounty(here.contexts, rig.county.now_s)
        terminal = Terminal(here.into, here.county)
        with pytest.MonkeyPatch.context() as patched:
            seen = writes(patched, cut)
            try:
                terminal.round()
                done = True
            except PowerCutError:
                done = False
        if done and len(seen) <= cut:
            break
        ours, theirs = here.secrets()
        assert ours & theirs, cut
        again = Terminal(here.into, here.county)
        again.round()
        again.round(ASK_NS)
        assert again.ring.in_use().number == number
        ours, theirs = here.secrets()
        assert ours == theirs, cut
        assert len(ours) == 1
    assert cut > CUTS_MIN


class Slow:
    """Never answers by itself."""

    def __init__(self) -> None:
        self.closed = False
        self.entered = asyncio.Event()

    async def send(self, request: Request, wire: WireRequest) -> WireReply:
        self.entered.set()
        await asyncio.Event().wait()
        raise AssertionError("it is called off")

    async def ask(self, wire: WireRequest) -> WireReply:
        return await self.send(REQUEST, wire)

    async def close(self) -> None:
        self.closed = True


def test_what_is_under_way_when_the_keys_change_is_sent_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(way_module, "DRAIN_S_MAX", 0.01)

    async def scenario() -> tuple[WireReply, WireReply, bool]:
        slow = Slow()
        way = Way(slow)
        task = asyncio.create_task(way.send(REQUEST, PROBE))
        await slow.entered.wait()
        await way.swap(Blocked("key lost: gone"))
        first = await task
        second = await way.send(REQUEST, PROBE)
        assert (await way.ask(PROBE)).why == second.why
        await way.close()
        return first, second, slow.closed

    first, second, closed = asyncio.run(scenario())
    assert (first.code, first.why) == ("", REPLACED)
    assert second.why == "key lost: gone"
    assert closed


def test_who_gives_a_request_up_ends_what_carries_it() -> None:
    async def scenario() -> bool:
        slow = Slow()
        way = Way(slow)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(way.send(REQUEST, PROBE), 0.01)
        await way.close()
        return slow.closed

    assert asyncio.run(scenario())


def test_a_full_disk_leaves_the_old_keys_in_use(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.rotate()
    terminal = Terminal(rig.into, rig.county)

    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(KeyRing, "adopt", full)
    assert "No space left" in terminal.round()
    assert terminal.made[-1].closed
    assert terminal.made[0].closed is False
    monkeypatch.undo()
    assert terminal.round().startswith(DONE)
