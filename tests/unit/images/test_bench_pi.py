"""The bench of a real Pi is never pretended: other machines are refused, what is undone counts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hal.linux.realtime import Answer
from terminal import exits
from tests.bench_pi import __main__ as bench
from tests.bench_pi import measured
from tests.bench_pi.report import Point, Verdict, judged, not_done, passed, write


def test_another_machine_is_refused_and_gets_no_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench, "MODEL", tmp_path / "model")
    report = tmp_path / "report.md"
    assert bench.main(["config.toml", str(report)]) == exits.ABSENT
    (tmp_path / "model").write_bytes(b"Some Other Board\0")
    assert bench.main(["config.toml", str(report)]) == exits.ABSENT
    assert "no Raspberry Pi" in capsys.readouterr().out
    assert not report.exists()


def test_a_running_terminal_is_not_disturbed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench, "MODEL", tmp_path / "model")
    (tmp_path / "model").write_bytes(b"Raspberry Pi 4 Model B Rev 1.5\0")
    (tmp_path / "terminal.toml").write_text("")
    (tmp_path / "run").mkdir()
    (tmp_path / "run/control.sock").touch()
    assert bench.main([str(tmp_path / "terminal.toml"), str(tmp_path / "r.md")]) == exits.ABSENT
    assert "systemctl stop" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "said", "verdict"),
    [
        ("sign", "y", Verdict.PASS),
        ("sign", "no", Verdict.FAIL),
        ("boot", "n", Verdict.PASS),
        ("boot", "yes", Verdict.FAIL),
        ("sign", "", Verdict.NOT_DONE),
        ("sign", "maybe", Verdict.NOT_DONE),
    ],
)
def test_answers_are_taken_as_said(name: str, said: str, verdict: Verdict) -> None:
    assert bench.ask(name, "?", lambda _question: said).verdict is verdict


def test_what_was_not_done_is_no_pass() -> None:
    good = judged("a", "b", True, "c")
    assert passed([good])
    assert not passed([good, not_done("d", "e", "f")])
    assert not passed([])


def test_the_report_says_every_point_and_counts(tmp_path: Path) -> None:
    points = [judged("a|b", "x", False, "y"), not_done("c", "d", "nobody looked")]
    write(tmp_path / "r.md", "Raspberry Pi 5", "2026-01-01", points)
    text = (tmp_path / "r.md").read_text()
    assert "| a/b | x | y | FAIL |" in text
    assert "2 points: 1 failed, 1 not done." in text
    stored = json.loads((tmp_path / "r.json").read_text())
    assert [Point(**{**row, "verdict": Verdict(row["verdict"])}) for row in stored["points"]] == (
        points
    )


def test_lateness_without_the_scheduler_it_needs_is_a_failure_with_its_figures(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refused = Answer("SCHED_FIFO 50", granted=False, why="not permitted")
    monkeypatch.setattr(measured, "fifo", lambda _priority: refused)
    monkeypatch.setattr(measured, "lock_memory", lambda: refused)
    point = measured.lateness(ticks=20)
    assert point.verdict is Verdict.FAIL
    assert "p99.9" in point.found
    assert "SCHED_FIFO" in point.found
