"""The page as a browser gets it: what it shows, what it refuses, what it cannot do."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import msgspec
import pytest

from hal.contract.types import NS_PER_S, Fault, FaultCode, MonotonicNs, Position
from terminal.console.app import KEY_HOLD_MS, PLATES_S
from terminal.console.state import SNAPSHOT_AGE_NS_MAX
from terminal.console.view import why_key
from terminal.core.types import Event, PlateSource, WeighFlag
from terminal.link import PeerDown
from terminal.messages import CommitDone, Journal, LiveFrame, Snapshot
from terminal.node import Send, Tick
from terminal.plant_messages import PlantCommand, PressKey
from terminal.texts.prompts import LANGS, Lang
from tests.tools.console_feeder import SCENES, feedback, levels, sign_frame
from tests.unit.console.site import Site
from tests.unit.ledger.builders import draft
from tests.unit.ledger.lane import Lane

TOO_LONG = Fault(FaultCode.TIMEOUT, "barrier_exit", MonotonicNs(1), "held up")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def scene(name: str, now_ns: int) -> Snapshot:
    return msgspec.structs.replace(SCENES[name](), now_ns=now_ns)


def show(site: Site, name: str) -> Snapshot:
    snapshot = scene(name, site.now_ns)
    site.say("control", snapshot)
    site.say("panel", sign_frame(snapshot.display))
    return snapshot


def test_the_page_before_anything_came(site: Site) -> None:
    page = site.client.get("/")
    assert page.status_code == 200
    assert "控制进程无数据" in page.text
    assert 'lang="zh-CN"' in page.text


def test_a_plate_read_by_the_list_is_marked(site: Site) -> None:
    shown = show(site, "over")
    assert "参照车辆名册" not in site.client.get("/").text
    marked = replace(shown.display, by_list=True)
    site.say("control", msgspec.structs.replace(shown, display=marked))
    assert "参照车辆名册" in site.client.get("/").text


def test_a_hold_shows_reason_first_aid_and_remedy(site: Site) -> None:
    show(site, "over")
    page = site.client.get("/").text
    for words in (
        "超限 1.20 t",
        "50.20",
        "晋L12345",
        "禁止出场",
        "请车辆退回卸载后重新称重",
        "拦停",
    ):
        assert words in page
    assert "控制进程无数据" not in page


def test_an_arm_that_comes_down_is_no_alarm(site: Site) -> None:
    show(site, "lowering")
    step = site.console.parts("en")["step"]
    assert "The exit barrier is closing" in step
    assert 'class="hold"' not in step


@pytest.mark.parametrize(
    "wrong",
    [
        {"state": "held"},
        {"state": "lockout"},
        {"barriers": (None, None)},
        {"barriers": (None, feedback(Position.UNKNOWN))},
        {"barriers": (None, replace(feedback(Position.MOVING), fault=TOO_LONG))},
        {"barriers": (None, feedback(Position.OPEN)), "levels": levels(loop_exit=True)},
        {"barriers": (None, feedback(Position.OPEN)), "levels": levels()[:3]},
        {"leases": ("", "record")},
    ],
)
def test_an_arm_that_somebody_must_look_at_is_one(site: Site, wrong: dict[str, object]) -> None:
    site.say("control", msgspec.structs.replace(scene("lowering", site.now_ns), **wrong))
    step = site.console.parts("en")["step"]
    assert 'class="hold"' in step
    assert "is closing" not in step


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("name", list(SCENES))
def test_every_scene_in_every_language(site: Site, name: str, lang: Lang) -> None:
    show(site, name)
    page = site.client.get(f"/?lang={lang}")
    assert page.status_code == 200
    assert f'lang="{lang}"' in page.text
    assert ("Processes" in page.text) == (lang == "en")
    assert "://" not in page.text.replace('xmlns="http://www.w3.org/2000/svg"', "")


def test_the_chosen_language_is_remembered(site: Site) -> None:
    site.client.get("/?lang=en")
    assert 'lang="en"' in site.client.get("/").text


def test_old_words_of_control_are_marked_and_the_mass_is_hidden(site: Site) -> None:
    show(site, "over")
    site.node.on_event(Tick(), MonotonicNs(site.now_ns + 501_000_000))
    page = site.console.parts("en")
    assert "No word from control" in page["banner"]
    assert "50.20" not in page["weight"] + page["lane"]
    assert "zero unknown" in page["weight"]
    assert "latched" not in page["weight"]
    assert site.client.get("/health").status_code == 503


def test_health_for_machines(site: Site) -> None:
    show(site, "fault")
    found = site.client.get("/health")
    assert found.status_code == 200
    said = found.json()
    assert said["state"] == "lockout"
    assert said["reason"] == "barrier_fault"
    assert said["faults"] == [["barrier_exit", "contradiction"]]
    assert said["targets"][1] == {
        "name": "city",
        "unsent": 14,
        "quarantined": 1,
        "up": False,
        "rung": "udp",
        "why": "no answer within 30 s",
    }
    assert said["loop"]["p99_us"] == 88


@pytest.mark.parametrize(
    ("corners", "said"),
    [
        ((14, 3, -1, 12_000, 0), "cell 3 reads 1.2 % too much (14 drives on or off)"),
        ((14, 0, -1, -6_000, 0), "cell 0 reads 0.6 % too little"),
        ((14, 0, 1, 12_000, 0), "cell 0 or cell 1 reads wrongly by 1.2 % (14 drives on or off)"),
        ((14, -1, -1, 0, 0), "no wrong cell in 14 drives on or off"),
        ((0, -1, -1, 0, 2), "gathered afresh, times: 2"),
        (None, ""),
    ],
)
def test_the_maintenance_line_names_the_wrong_cell(
    site: Site, corners: tuple[int, int, int, int, int] | None, said: str
) -> None:
    shown = show(site, "over")
    site.say("control", msgspec.structs.replace(shown, corners=corners))
    page = site.console.parts("en")["health"]
    assert said in page
    assert ("Maintenance: load cells" in page) is bool(said)
    wrong = corners is not None and corners[3] != 0
    assert ("test the corners" in page) is wrong


def test_an_estimate_says_what_it_is_not(site: Site) -> None:
    shown = show(site, "over")
    assert "estimated" not in site.console.parts("en")["weight"]
    site.say("control", msgspec.structs.replace(shown, estimate=(48_320, 3)))
    page = site.console.parts("en")["weight"]
    assert "about 48.32 t, estimated without cell 3: not for trade, no ground for release" in page


def test_a_standing_flag_says_how_sure_it_is_and_whether_it_blocks(site: Site) -> None:
    shown = show(site, "over")
    assert "sure" not in site.console.parts("en")["weight"]
    flags = ((int(WeighFlag.EXTERNAL_SUPPORT), 63, True), (int(WeighFlag.GLITCH), 55, False))
    site.say("control", msgspec.structs.replace(shown, flags=flags))
    pages = {lang: site.console.parts(lang)["weight"] for lang in LANGS}
    blocks, alarms = pages["en"].split("external support")[1].split("glitch")
    assert "bad" in blocks
    assert "63 % sure, blocks<" in blocks
    assert "warn" in alarms
    assert "55 % sure, alarm only" in alarms
    blocks, alarms = pages["zh-CN"].split("外力支撑")[1].split("数据毛刺")
    assert "把握 63 %，禁止称重" in blocks
    assert "把握 55 %，仅报警" in alarms
    assert "concerns" not in pages["en"]
    assert shown.weighed is not None
    named = msgspec.structs.replace(shown, flags=flags, weighed=replace(shown.weighed, cell=5))
    site.say("control", named)
    assert "concerns cell 5" in site.console.parts("en")["weight"]
    site.now_ns += 2 * SNAPSHOT_AGE_NS_MAX
    site.node.on_event(Tick(), MonotonicNs(site.now_ns))
    assert "sure" not in site.console.parts("en")["weight"], "an old word is no standing flag"


def test_why_a_target_takes_nothing_is_told_in_words(site: Site) -> None:
    show(site, "fault")
    page = site.client.get("/?lang=en").text
    assert "No answer: tried again by itself" in page
    assert "no answer within 30 s" in page
    told = {
        "": "",
        "the network is unplugged": "uplink.why.network",
        "our clock is 61 s behind the platform's": "uplink.why.clock",
        "4.01 The key of this terminal has been revoked: stolen": "uplink.why.revoked",
        "4.01 This terminal is not enrolled here: T-1": "uplink.why.unknown",
        "4.01 The signature does not hold under the enrolled key": "uplink.why.signature",
        "4.01 another county's words": "uplink.why.enrol",
        "unprotected 4.01 Security context not found": "uplink.why.key_unknown",
        "unprotected 4.01 Replay detected": "uplink.why.key_replay",
        "unprotected 4.00 Decryption failed": "uplink.why.key_wrong",
        "ProtectionInvalid: Tag invalid": "uplink.why.key_wrong",
        "new key refused (2): The command is for T-9": "uplink.why.key_refused",
        "new key not proved: no answer": "uplink.why.key_unproved",
        "new key in use: number 7": "uplink.why.key_done",
        "key lost: sequence.json is missing": "uplink.why.key_lost",
        "5.03 The record cannot be stored now": "uplink.why.other",
    }
    assert {why: why_key(why) for why in told} == told


def test_the_stream_sends_everything_once_and_then_only_changes(site: Site) -> None:
    show(site, "idle")
    sent: dict[str, object] = {}
    first = json.loads(site.console.changes("en", sent).removeprefix(b"data: "))
    assert {"lane", "weight", "step", "sign", "records", "demo"} <= first.keys()
    assert site.console.changes("en", sent).startswith(b":")
    show(site, "over")
    site.say("camera", LiveFrame("front", b"jpeg", ""))
    second = json.loads(site.console.changes("en", sent).removeprefix(b"data: "))
    assert {"lane", "weight", "step", "sign", "live:front", "cameras"} <= second.keys()
    assert "uplink" not in second


def test_live_pictures_go_with_the_camera(site: Site) -> None:
    site.say("camera", LiveFrame("front", b"jpeg", ""))
    assert site.client.get("/live/front").content == b"jpeg"
    site.node.on_event(PeerDown("camera"), MonotonicNs(site.now_ns))
    assert site.client.get("/live/front").status_code == 404


def test_a_peer_cannot_speak_for_another(site: Site) -> None:
    site.say("camera", scene("over", site.now_ns))
    assert site.node.snapshot is None


def test_records_with_photos_and_fields(site: Site, tmp_path: Path) -> None:
    lane = Lane(tmp_path)
    ledger = lane.open()
    photo = lane.spool(b"a picture")
    assert isinstance(
        lane.commit(ledger, draft(7, photos=(photo,), rear_plate="晋L7731挂")), CommitDone
    )
    page = site.client.get("/").text
    assert 'href="/records/1"' in page
    assert f"/photos/{photo.sha256.hex()}.jpg" in page
    assert "待上传" in page
    record = site.client.get("/records/1?lang=en").text
    for words in ("晋L12345", "48960", "6-articulated-dual", "Limit row", "camera", "晋L7731挂"):
        assert words in record
    found = site.client.get(f"/photos/{photo.sha256.hex()}.jpg")
    assert (found.content, found.headers["content-type"]) == (b"a picture", "image/jpeg")
    assert "immutable" in found.headers["cache-control"]
    assert 'href="/records/1"' in site.client.get("/records").text
    ledger.close()


def test_the_weekly_share_of_plates_read_alarms_below_its_floor(site: Site, tmp_path: Path) -> None:
    assert "记录库暂不可读" in site.client.get("/plates").text
    lane = Lane(tmp_path)
    lane.clock.wall = int(datetime.fromisoformat("2026-11-18T12:00").timestamp()) * NS_PER_S
    ledger = lane.open()
    for visit in range(20):
        by_hand = {"plate_source": PlateSource.KEYPAD} if visit < 10 else {}
        lane.commit(ledger, draft(visit + 1, **by_hand))
    page = site.client.get("/plates?lang=en").text
    assert "2026-W47" in page
    assert "50.0 % (29.9–70.1 %)" in page
    assert "10 / 20" in page
    assert "below 90 %" in page
    lane.commit(ledger, draft(30))
    assert "10 / 20" in site.client.get("/plates?lang=en").text
    site.now_ns += PLATES_S * NS_PER_S
    site.node.on_event(Tick(), MonotonicNs(site.now_ns))
    assert "11 / 21" in site.client.get("/plates?lang=en").text
    ledger.close()


def test_a_night_of_few_lorries_raises_no_alarm(site: Site, tmp_path: Path) -> None:
    lane = Lane(tmp_path)
    lane.clock.wall = int(datetime.fromisoformat("2026-11-18T23:00").timestamp()) * NS_PER_S
    ledger = lane.open()
    assert "No record with a plate yet" in site.client.get("/plates?lang=en").text
    lane.commit(ledger, draft(1))
    lane.commit(ledger, draft(2, plate_source=PlateSource.KEYPAD))
    page = site.client.get("/plates?lang=en").text
    assert "1 / 2" in page
    assert "too few vehicles" in page
    assert "badtext" not in page
    ledger.close()


def test_an_alarm_record_is_shown_in_words(site: Site, tmp_path: Path) -> None:
    lane = Lane(tmp_path)
    ledger = lane.open()
    at_ns = lane.clock.monotonic_ns()
    lane.tell(ledger, Journal((Event("lockout", at_ns, "sensor_stale"),), 0))
    lane.tick(ledger)
    assert "通道锁定 · 传感器无信号" in site.client.get("/").text
    assert "lane locked" in site.client.get("/records/1?lang=en").text
    ledger.close()


def test_a_ledger_that_cannot_be_read_is_said(site: Site, tmp_path: Path) -> None:
    (tmp_path / "ledger").mkdir()
    (tmp_path / "ledger" / "ledger.db").write_bytes(b"not a database, surely not one at all")
    assert "记录库暂不可读" in site.client.get("/").text
    assert site.client.get("/records/1").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/records/1",
        "/records/99999999999999999999999",
        "/photos/x.jpg",
        "/photos/" + "0" * 64 + ".jpg",
        "/photos/..%2f..%2fledger.db",
        "/live/front",
        "/static/..%2fapp.py",
        "/nothing",
    ],
)
def test_what_is_not_there_is_said_not_to_be(site: Site, path: str) -> None:
    assert site.client.get(path).status_code == 404


def test_a_missing_ledger_is_said(site: Site) -> None:
    assert "记录库暂不可读" in site.client.get("/").text


def test_nothing_is_written_into_the_ledger(site: Site, tmp_path: Path) -> None:
    site.client.get("/")
    assert not (tmp_path / "ledger").exists()


def test_headers_keep_other_sites_out(site: Site) -> None:
    headers = site.client.get("/").headers
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize("path", ["/", "/records", "/records/1", "/plates", "/events", "/health"])
def test_nothing_can_be_posted_to_the_pages(site: Site, path: str) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert site.client.request(method, path).status_code == 405


def post(site: Site, path: str, word: str, token: str | None = None) -> int:
    given = site.console.token if token is None else token
    headers = {"x-demo-token": given.encode()}
    return site.client.request("POST", path, content=word, headers=headers).status_code


def test_the_demo_presses_keys_and_pulls_the_plug(site: Site) -> None:
    assert post(site, "/demo/key", "A") == 503
    site.up("plant")
    assert post(site, "/demo/key", "A") == 204
    assert post(site, "/demo/plant", "network_down") == 204
    assert list(site.node.on_event(Tick(), MonotonicNs(site.now_ns))) == [
        Send("plant", PressKey("A", KEY_HOLD_MS)),
        Send("plant", PlantCommand("network_down", "")),
    ]
    assert not site.node.on_event(Tick(), MonotonicNs(site.now_ns))


@pytest.mark.parametrize("word", ["", "E", "AA", "x" * 2_000])
def test_the_demo_refuses_what_is_no_key(site: Site, word: str) -> None:
    site.up("plant")
    assert post(site, "/demo/key", word) == 403
    assert post(site, "/demo/plant", word) == 403


def test_the_demo_refuses_a_post_of_another_site(site: Site) -> None:
    site.up("plant")
    assert post(site, "/demo/key", "A", "") == 403
    assert post(site, "/demo/key", "A", "ü") == 403
    assert not site.node.commands


def test_demo_commands_are_bounded(site: Site) -> None:
    site.up("plant")
    assert {post(site, "/demo/key", "1") for _ in range(20)} == {204, 503}


def test_no_demo_outside_simulated_runs(tmp_path: Path) -> None:
    site = Site(tmp_path, simulated=False)
    site.up("plant")
    show(site, "over")
    page = site.client.get("/").text
    assert "/demo/" not in page
    assert site.console.token not in page
    assert post(site, "/demo/key", "A") == 404
    assert post(site, "/demo/plant", "network_down") == 404
    assert not site.node.command(PressKey("A", KEY_HOLD_MS))
