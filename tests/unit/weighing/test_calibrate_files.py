"""What a calibration leaves on the disk: its number goes on, the old file stays, reports hold."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from hal.contract.types import (
    DeviceAbsentError,
    DeviceInfo,
    Fault,
    FaultCode,
    LoadCellInfo,
    RawSample,
    SampleFlag,
)
from terminal import cli, disk
from terminal.commands import calibrate, calibrate_files
from terminal.commands.calibrate_files import before, report_place, seal
from terminal.ledger.identity import PUBLIC_FILE, export_public, load_signer
from terminal.records import Ed25519Signer, decode_signed
from terminal.texts.catalogue import text
from terminal.weighing import calibration
from terminal.weighing.calibrating import RefusedError
from terminal.weighing.calibration import read_any, to_text
from terminal.weighing.calibration_report import problem
from tests.contract.worlds import HandClock
from tests.unit.ledger.lane import Lane
from tests.unit.weighing.test_calibrate import LOADS, Site

SIGNER = Ed25519Signer(bytes(range(32)))
OTHER = Ed25519Signer(bytes(32))
INDICATOR = 'source = "indicator"\n[indicator]\nconfirmed_scaling = "places-kg"'
CONFIG = '[weighing]\nsource = "amplifier"\n[amplifier]\nkind = "nau7802"\nserial = "SN-7"\n'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "calibration.json"


def sealed(path: Path, number: int) -> None:
    made = calibration.simulated("SN-6")
    fields = {name: getattr(made, name) for name in made.__slots__}
    path.write_text(to_text(calibration.Calibration(**{**fields, "sealed_count": number})))


def put_in_force(path: Path, report: Path) -> None:
    seal(path, report, Site([*LOADS, ""]).outcome(), "REPORT\n", SIGNER, "T", before(path).inforce)


def test_the_first_calibration_of_a_deck_is_number_one(path: Path) -> None:
    assert before(path).last == 0
    assert before(path).inforce is None


def test_the_number_goes_on_from_the_file_in_force_whosever_it_is(path: Path) -> None:
    sealed(path, 6)
    found = before(path)
    assert found.last == 6
    assert found.inforce is not None
    assert found.inforce.serial == "SN-6"


@pytest.mark.parametrize("left", [b"", b"{}", b"\xff\xfe\x00", b'{"format": 1}'])
def test_a_damaged_file_is_refused_and_left_as_it_is(path: Path, left: bytes) -> None:
    path.write_bytes(left)
    report_place(path, 6).write_text("no. 6")
    with pytest.raises(RefusedError) as refused:
        before(path)
    assert path.read_bytes() == left
    told = refused.value.said("en")
    assert "Do not delete it" in told
    aside = path.with_name("calibration.json.7.damaged")
    assert str(aside) in told
    path.rename(aside)
    assert before(path).last == 7


def test_a_changed_file_is_refused(path: Path) -> None:
    sealed(path, 6)
    path.write_text(path.read_text().replace('"sealed_count": 6', '"sealed_count": 0'))
    with pytest.raises(RefusedError, match="changed after it was sealed"):
        before(path)


def test_a_file_that_is_gone_does_not_start_the_count_again(path: Path) -> None:
    sealed(path, 2)
    put_in_force(path, report_place(path, 4))
    path.unlink()
    assert before(path).last == 4


def test_the_file_in_force_is_kept_under_its_own_number(path: Path) -> None:
    """Also an older one that was put back: it must not be written over a newer one."""
    sealed(path, 2)
    old = path.read_bytes()
    path.with_name("calibration.json.3").write_text("kept before")
    put_in_force(path, report_place(path, 4))
    assert path.with_name("calibration.json.2").read_bytes() == old
    assert path.with_name("calibration.json.3").read_text() == "kept before"
    assert read_any(path.read_text()).serial == "SN-7"
    assert not [*path.parent.glob("*.part")]


def test_a_disk_that_fills_leaves_the_calibration_in_force_and_no_report(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed(path, 3)
    old = path.read_bytes()
    write = calibrate_files.put

    def full(target: Path, content: bytes) -> None:
        if target == path:
            raise OSError(28, "No space left on device")
        write(target, content)

    monkeypatch.setattr(calibrate_files, "put", full)
    with pytest.raises(OSError, match="No space left"):
        put_in_force(path, report_place(path, 4))
    assert path.read_bytes() == old
    assert not report_place(path, 4).exists()


def test_names_are_synced_before_the_next_step_is_taken(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    monkeypatch.setattr(disk, "durable", lambda one: seen.append(one.name))
    sealed(path, 3)
    put_in_force(path, report_place(path, 4))
    folder = path.parent.name
    assert seen == [
        "calibration.json.3.part",
        folder,
        "calibration-report-4.txt.part",
        folder,
        "calibration.json.part",
        folder,
    ]


def test_a_report_holds_under_the_terminals_key_only_and_only_unchanged(path: Path) -> None:
    put_in_force(path, report_place(path, 4))
    whole = report_place(path, 4).read_text()
    assert problem(whole, SIGNER.public_key) == ""
    assert "not with the one given" in problem(whole, OTHER.public_key)
    assert "changed after" in problem(whole.replace("REPORT", "REP0RT"), SIGNER.public_key)
    assert "does not end with" in problem(whole.replace("signature", "sig"), SIGNER.public_key)
    assert "garbled" in problem(whole.replace("signature ", "signature x"), SIGNER.public_key)
    assert "not a signed" in problem("", SIGNER.public_key)


class Cells:
    """A front end whose cells give what a site's person has put on the deck."""

    def __init__(self, site: Site, silent: int = -1) -> None:
        self.site = site
        self.silent = silent
        self.closed = False
        self.code = FaultCode.TIMEOUT
        self.flag = SampleFlag.NONE
        self.rows: list[Sequence[float]] = []

    def describe(self) -> LoadCellInfo:
        return LoadCellInfo(DeviceInfo("load cells", "NAU7802", False), 8, 8_388_607, 80_000, 128)

    def poll(self, now_ns: int, limit: int) -> Sequence[RawSample | Fault]:
        if limit > 64:
            self.rows = [*self.site.block()]
            return [Fault(FaultCode.BUS, "load cells", now_ns, "cell 3 silent")]
        row = self.rows.pop() if self.rows else ()
        found: list[RawSample | Fault] = [
            RawSample(now_ns, cell, round(value), self.flag)
            for cell, value in enumerate(row)
            if cell != self.silent
        ]
        if self.silent >= 0:
            found.append(Fault(self.code, "load cells", now_ns, "cell 3 silent"))
        return found

    def close(self) -> None:
        self.closed = True


class Bench:
    """The command as typed, on such cells, without waiting."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, site: Site) -> None:
        self.folder = folder
        self.cells = Cells(site)
        (folder / "terminal.toml").write_text(CONFIG)
        monkeypatch.setattr(calibrate, "_open", lambda loaded: self.cells)
        clock = HandClock()
        monkeypatch.setattr(calibrate, "timing", lambda: (clock, clock.pause))
        monkeypatch.setattr("builtins.input", site.ask)

    def run(self, *words: str) -> int:
        config = str(self.folder / "terminal.toml")
        return cli.main(["calibrate", "--config", config, "--language", "en", "--by", "Li", *words])


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    site = Site([*LOADS, ""], skip=True)
    site.capacities = ["30000"]
    return Bench(tmp_path, monkeypatch, site)


@pytest.mark.parametrize(
    ("left", "words"), [(None, "(No such file or directory)"), (b"\xff", "(it is no text)")]
)
def test_a_report_that_cannot_be_read_is_not_a_key_that_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], left: bytes | None, words: str
) -> None:
    report = tmp_path / "report.txt"
    if left is not None:
        report.write_bytes(left)
    assert cli.main(["verify", str(report)]) == 65
    assert capsys.readouterr().err == f"{report}: the report cannot be read {words}.\n"


def test_the_command_seals_and_verify_believes_its_report(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench.run() == 0
    assert bench.cells.closed
    assert "calibration no. 1" in capsys.readouterr().out
    report = bench.folder / "calibration-report-1.txt"
    assert "(the clock was not set) by Li" in report.read_text()
    ledger = bench.folder / "ledger"
    assert cli.main(["verify", str(report)]) == 65
    assert "--key" in capsys.readouterr().err
    export_public(ledger, "T", load_signer(ledger).public_key)
    assert cli.main(["verify", str(report), "--key", str(ledger / PUBLIC_FILE)]) == 0
    report.write_text(report.read_text().replace("Li", "Wu"))
    assert cli.main(["verify", str(report), "--key", str(ledger / PUBLIC_FILE)]) == 1
    assert "changed after it was signed" in capsys.readouterr().out


def test_the_ledger_notes_each_seal_at_its_next_start_by_the_reports_digest(bench: Bench) -> None:
    lane = Lane(bench.folder)
    lane.open().close()
    assert bench.run() == 0
    lane.open().close()
    site = bench.cells.site
    site.loads, site.seals, site.capacities = [*LOADS, ""], ["SEAL"], [""]
    assert bench.run() == 0
    node = lane.open()
    records = [decode_signed(signed) for signed in node.store.signed_records()]
    node.close()
    told = [one.happening for one in records if one.happening is not None]
    assert [one.event for one in told] == ["calibration_changed"] * 2
    key = str(bench.folder / "ledger" / PUBLIC_FILE)
    for number, happening in enumerate(told, 1):
        report = report_place(bench.folder / "calibration.json", number)
        digest = report.read_text().split("calibration sha256 ")[1][:32]
        assert happening.detail.endswith(f"to {digest}")
        assert cli.main(["verify", str(report), "--key", key]) == 0
    assert cli.main(["verify", key.removesuffix(PUBLIC_FILE)]) == 0


def test_a_silent_cell_is_named_with_what_its_driver_says(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.cells.silent = 3
    assert bench.run() == 65
    told = capsys.readouterr().out
    assert "Cell 3 gave only 0 usable samples" in told
    assert "load cells: The device is too slow: cell 3 silent" in told


def lines_in_chinese(told: str) -> None:
    """No line but commands without a Chinese character, no stretch of English words in any."""
    lines = [line.strip() for line in told.splitlines()]
    for line in lines:
        if not line or line.startswith("weigh-terminal "):  # a command to type
            continue
        assert not line.isascii(), line
        assert not re.search(r"[A-Za-z]+( [a-z]+){2}", line), line


@pytest.mark.parametrize("code", list(FaultCode))
def test_in_chinese_no_word_of_a_driver_is_left_english(
    bench: Bench, capsys: pytest.CaptureFixture[str], code: FaultCode
) -> None:
    bench.cells.silent, bench.cells.code = 3, code
    assert bench.run("--language", "zh-CN") == 65
    told = capsys.readouterr().out
    assert "3 号传感器" in told
    assert text(f"fault.{code.value}.operator", "zh-CN") in told
    lines_in_chinese(told)


def test_in_chinese_cells_that_cannot_be_opened_are_said_so(
    bench: Bench, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_loaded: object) -> None:
        raise DeviceAbsentError("load cells", "NAU7802 at 0x2a", "Check that it has power")

    monkeypatch.setattr(calibrate, "_open", refuse)
    assert bench.run("--language", "zh-CN") == 69
    told = capsys.readouterr().err
    assert "0x2a" in told
    lines_in_chinese(told)
    assert bench.run() == 69
    assert "load cells: NAU7802 at 0x2a. Check that it has power" in capsys.readouterr().err


def test_the_whole_walk_in_chinese_is_chinese(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench.run("--language", "zh-CN") == 0
    lines_in_chinese(capsys.readouterr().out)


def test_a_cell_at_its_rail_is_called_saturated_and_not_silent(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.cells.flag = SampleFlag.SATURATED
    assert bench.run() == 65
    assert "Cell 0 is saturated" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "words", "code"),
    [
        ('serial = "SN-7"', "by its serial number", 78),
        ('kind = "nau7802"', "simulated deck uses no calibration", 78),
        ('source = "amplifier"', "calibrated at the indicator", 78),
    ],
)
def test_what_has_nothing_to_calibrate_is_said_before_the_walk(
    bench: Bench, capsys: pytest.CaptureFixture[str], change: str, words: str, code: int
) -> None:
    other = {"source": INDICATOR, "kind": 'kind = "sim"', "serial": ""}
    text = CONFIG.replace(change, other[change.split()[0]])
    (bench.folder / "terminal.toml").write_text(text)
    assert bench.run() == code
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--by", "Li\nverdict: within"), "printable"),
        (("--report", "{folder}/terminal.toml"), "never written over"),
        (("--report", "{folder}/none/report.txt"), "cannot be written"),
    ],
)
def test_what_would_fail_at_the_end_is_said_before_the_walk(
    bench: Bench, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], told: str
) -> None:
    assert bench.run(*(word.replace("{folder}", str(bench.folder)) for word in words)) == 65
    assert told in capsys.readouterr().err
    assert not (bench.folder / "calibration.json").exists()


@pytest.mark.parametrize(
    ("euid", "uid", "called"),
    [
        (0, 990, ["setgroups", "setgid 991", "setuid 990"]),
        (0, 0, []),
        (1_000, 990, []),
    ],
)
def test_what_root_starts_goes_on_as_the_owner_of_the_terminals_folder(
    monkeypatch: pytest.MonkeyPatch, euid: int, uid: int, called: list[str]
) -> None:
    """Else the signing key would be root's, and the terminal could not start any more."""
    seen: list[str] = []
    monkeypatch.setattr("os.geteuid", lambda: euid)
    monkeypatch.setattr("os.setgroups", lambda groups: seen.append("setgroups"))
    monkeypatch.setattr("os.setgid", lambda gid: seen.append(f"setgid {gid}"))
    monkeypatch.setattr("os.setuid", lambda number: seen.append(f"setuid {number}"))
    calibrate.act_as(uid, 991)
    assert seen == called
