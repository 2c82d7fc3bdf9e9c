"""Enrolment by hand: the three commands, and every paper that must be refused."""

from __future__ import annotations

import json
import stat
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from terminal.cli import main
from terminal.county.keys import RELOAD_NS, KeyRegistry
from terminal.enrol import papers
from terminal.enrol.county_side import new_secret
from terminal.enrol.papers import PaperError, Request
from terminal.records import Ed25519Signer
from terminal.uplink.oscore import open_context

NOW_S = 1_800_000_000


class Place:
    """A terminal's folder and a county's, and their commands."""

    def __init__(self, base: Path, name: str = "t", terminal_id: str = "T-1") -> None:
        self.base = base / name
        self.base.mkdir()
        self.config = self.base / "terminal.toml"
        self.config.write_text(f'[site]\nterminal_id = "{terminal_id}"\n')
        self.keys = base / "keys"
        self.asked = self.base / "request.txt"
        self.granted = self.base / "grant.txt"

    def request(self) -> int:
        return main(["enrol", "request", "--config", str(self.config), "--out", str(self.asked)])

    def grant(self, *more: str) -> int:
        words = ["enrol", "grant", str(self.asked), "--keys", str(self.keys)]
        return main([*words, "--out", str(self.granted), *more])

    def install(self, paper: Path | None = None, *more: str) -> int:
        words = ["enrol", "install", str(paper or self.granted), "--config", str(self.config)]
        return main([*words, *more])


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_request_grant_install(
    place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "paper.png"
    assert place.request() == 0
    assert place.grant("--oscore", str(tmp_path / "contexts"), "--qr", str(picture)) == 0
    said = capsys.readouterr().out
    county = next(row for row in said.splitlines() if row.startswith("County's key"))
    fingerprint = county.removeprefix("County's key").split("(")[0].strip()
    assert place.install(None, "--county-key", fingerprint) == 0
    assert KeyRegistry(place.keys).terminals() == ("T-1",)
    assert picture.read_bytes().startswith(b"\x89PNG")
    into = place.base / "enrolled" / "county"
    assert (into / "dtls.psk").read_text() == (place.keys / "T-1.psk").read_text()
    ours = json.loads((into / "oscore" / "settings.json").read_text())
    theirs = json.loads((tmp_path / "contexts" / "T-1" / "settings.json").read_text())
    assert ours["sender-id_hex"] == theirs["recipient-id_hex"]
    assert ours["recipient-id_hex"] == theirs["sender-id_hex"]
    secrets = [folder / "secret.json" for folder in (into / "oscore", tmp_path / "contexts/T-1")]
    assert secrets[0].read_text() == secrets[1].read_text()
    assert open_context(into / "oscore") is not None
    for path in (into / "dtls.psk", secrets[0], place.keys / "county.key", place.keys / "T-1.psk"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert secrets[0].read_text() not in place.granted.read_text()


def refused(code: int, capsys: pytest.CaptureFixture[str], why: str) -> None:
    said = capsys.readouterr().err
    assert code == 65
    assert why in said, said


def test_a_grant_is_installed_once_and_by_nobody_else(
    place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place.request()
    place.grant()
    other = Place(tmp_path, "other", "T-2")
    refused(other.install(place.granted), capsys, "No request is open here")
    other.request()
    refused(other.install(place.granted), capsys, "answers another request")
    refused(place.install(None, "--county-key", "0000"), capsys, "not from your county")
    assert place.install() == 0
    refused(place.install(), capsys, "installed already")


def test_an_earlier_grant_is_worth_nothing_after_a_new_request(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.request()
    place.grant()
    place.request()
    refused(place.install(), capsys, "an earlier one of ours")


def test_another_county_cannot_take_a_terminal_over(
    place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place.request()
    place.grant()
    place.install()
    place.keys = tmp_path / "impostor"
    place.request()
    place.grant()
    refused(place.install(), capsys, "another county's key")


def test_no_second_key_no_shared_key_no_revoked_key(
    place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place.request()
    place.grant()
    assert place.grant() == 0, "a lost grant is made anew"
    twin = Place(tmp_path, "twin", "T-2")
    (twin.base / "ledger").mkdir()
    key = twin.base / "ledger" / "identity.key"
    key.write_bytes((place.base / "ledger" / "identity.key").read_bytes())
    key.chmod(0o600)
    twin.request()
    refused(twin.grant(), capsys, "two terminals never share one")
    stranger = Place(tmp_path, "stranger", "T-1")
    stranger.request()
    refused(stranger.grant(), capsys, "enrolled with another key")
    registry = KeyRegistry(place.keys)
    words = ["enrol", "revoke", "T-1", "--keys", str(place.keys)]
    assert main([*words, "--reason", "stolen"]) == 0
    entry = registry.find("T-1", RELOAD_NS)
    assert entry is not None
    assert entry.revoked == "stolen", "a running receiver sees it"
    refused(stranger.grant(), capsys, "was revoked")
    refused(place.grant(), capsys, "was revoked")
    refused(main(["enrol", "revoke", "T-9", "--keys", str(place.keys)]), capsys, "not enrolled")


SIGNER = Ed25519Signer(b"t" * 32)
BOX = X25519PrivateKey.from_private_bytes(b"x" * 32)


def request_at(made_s: int) -> str:
    box = BOX.public_key().public_bytes_raw()
    return papers.write_request(Request("T-1", SIGNER.public_key, "unit", box, made_s), SIGNER)


@pytest.mark.parametrize(
    ("made_s", "why"),
    [
        (NOW_S + papers.CLOCK_OFF_S_MAX, ""),
        (NOW_S + papers.CLOCK_OFF_S_MAX + 1, "clock is ahead"),
        (NOW_S - papers.AGE_S_MAX, ""),
        (NOW_S - papers.AGE_S_MAX - 1, "7 days old"),
    ],
)
def test_old_papers_and_clocks_far_off(made_s: int, why: str) -> None:
    if not why:
        assert papers.read_request(request_at(made_s), NOW_S)[0].made_s == made_s
        return
    with pytest.raises(PaperError, match=why):
        papers.read_request(request_at(made_s), NOW_S)


def test_no_altered_paper_is_read() -> None:
    text = request_at(NOW_S)
    assert papers.read_request(text, NOW_S)
    start = text.rindex(":") + 1
    for place in range(start, len(text) - 1):
        other = "A" if text[place] != "A" else "B"
        with pytest.raises(PaperError):
            papers.read_request(text[:place] + other + text[place + 1 :], NOW_S)
    for bad in ("", "hello", text[:40], text.replace("request", "grant"), "A" * 5_000):
        with pytest.raises(PaperError):
            papers.read_request(bad, NOW_S)
    with pytest.raises(PaperError, match="a grant is wanted"):
        papers.read_grant(text, NOW_S)


def test_a_secret_opens_with_its_own_box_and_request_only() -> None:
    secret, digest = new_secret(), b"d" * 32
    sealed = papers.seal(
        secret, BOX.public_key().public_bytes_raw(), digest, X25519PrivateKey.generate()
    )
    assert papers.unseal(sealed, BOX, digest) == secret
    for box, asked, wire in (
        (X25519PrivateKey.generate(), digest, sealed),
        (BOX, b"e" * 32, sealed),
        (BOX, digest, sealed[:-1] + bytes([sealed[-1] ^ 1])),
    ):
        with pytest.raises(PaperError, match="sealed to another"):
            papers.unseal(wire, box, asked)


def test_the_paper_fits_a_code_and_a_text_may_be_typed(place: Place) -> None:
    place.request()
    place.grant("--uri", "coap+tcp://county.example")
    assert len(place.granted.read_text()) < papers.TEXT_CHARS_MAX
    assert main(["enrol", "install", place.granted.read_text(), "--config", str(place.config)]) == 0
    assert time.time() > NOW_S - 10**9
