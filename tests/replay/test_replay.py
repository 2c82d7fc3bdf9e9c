"""Golden traces through today's core, and the commands that do so for a person.

A difference here is either a defect or a decision that was changed on purpose; then the trace
is recorded anew in the same change, and the change says why.
"""

from __future__ import annotations

import lzma
from dataclasses import replace
from pathlib import Path
from unittest import mock

import pytest

from terminal import cli, exits
from terminal.core import table
from terminal.core.visit import Phase
from terminal.frames import Keyframe, TickFrame
from terminal.ledger.flight import frames_in
from terminal.replay import TraceError, load_frames, rehearse, replay, treated

TRACES = sorted((Path(__file__).parent / "traces").glob("*.xz"))
PASSED = Path(__file__).parent / "traces" / "passed.xz"
CONFIG = """
[lane]
kind = "{kind}"
barrier = "{barrier}"
"""


@pytest.mark.parametrize("trace", TRACES, ids=lambda path: path.stem)
def test_a_golden_trace_decides_the_same_today(trace: Path) -> None:
    result = replay(load_frames(trace))
    assert result.ticks > 50
    assert result.runs >= 1
    assert (result.differences, result.skipped) == ([], 0)


def test_there_are_golden_traces() -> None:
    assert len(TRACES) >= 3


def test_a_changed_row_is_noticed(capsys: pytest.CaptureFixture[str]) -> None:
    rows = tuple(row for row in table.BY_PHASE[Phase.COMMITTING] if row.then is not Phase.RELEASING)
    with mock.patch.dict(table.BY_PHASE, {Phase.COMMITTING: rows}):
        assert cli.main(["replay", str(PASSED)]) == 1
    told = capsys.readouterr().out
    assert "then releasing" in told
    assert "today committing" in told
    assert cli.main(["replay", str(PASSED)]) == 0


def test_a_stricter_margin_changes_who_passes() -> None:
    frames = list(load_frames(PASSED))
    params = next(frame.params for frame in frames if isinstance(frame, Keyframe))
    (before,) = treated(frames).values()
    assert before.outcome.startswith("pass")
    assert before.limit_kg is not None
    assert before.gross_kg is not None
    assert rehearse(frames, params) == []
    room_kg = before.limit_kg - before.gross_kg
    assert rehearse(frames, replace(params, site_margin_kg=room_kg)) == []
    stricter = replace(params, site_margin_kg=room_kg + params.e_kg)
    ((was, would),) = rehearse(frames, stricter)
    assert was == before
    assert would is not None
    assert would.outcome.startswith("over")


def test_the_same_configuration_treats_everybody_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    params = next(frame.params for frame in load_frames(PASSED) if isinstance(frame, Keyframe))
    config = tmp_path / "new.toml"
    config.write_text(CONFIG.format(kind=params.lane.value, barrier=params.barrier.value))
    assert cli.main(["rehearse", "--config", str(config), str(PASSED)]) == 0
    assert "vehicles: 1, treated differently: 0" in capsys.readouterr().out
    config.write_text(
        CONFIG.format(kind=params.lane.value, barrier=params.barrier.value)
        + "[weighing]\nsite_margin_kg = 2000\n"
    )
    cli.main(["rehearse", "--config", str(config), str(PASSED)])
    told = capsys.readouterr().out
    assert "Set otherwise than recorded: " in told
    assert "site_margin_kg: 0 -> 2000" in told
    assert "vehicle list said are as recorded" in told
    config.write_text(CONFIG.format(kind="triple", barrier="hold"))
    assert cli.main(["rehearse", "--config", str(config), str(PASSED)]) == exits.CONFIG
    assert "lane.kind" in capsys.readouterr().err


def test_what_is_no_trace_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "other.bin"
    other.write_bytes(b"something else")
    assert cli.main(["replay", str(other)]) == exits.BAD_INPUT
    assert "other.bin" in capsys.readouterr().err
    assert cli.main(["replay", str(tmp_path)]) == exits.BAD_INPUT
    with pytest.raises(TraceError):
        list(load_frames(tmp_path / "missing.bin"))


def test_a_torn_file_replays_as_far_as_it_goes(tmp_path: Path) -> None:
    wire = lzma.decompress(PASSED.read_bytes())
    torn = tmp_path / "000.bin"
    torn.write_bytes(wire[: len(wire) // 2])
    assert 0 < len(list(frames_in(torn.read_bytes()))) < len(list(frames_in(wire)))
    assert replay(load_frames(torn)).differences == []
    assert replay(load_frames(tmp_path)).differences == []


def test_ticks_before_any_state_are_left_out_and_counted() -> None:
    frames = list(load_frames(PASSED))
    first = next(n for n, frame in enumerate(frames) if isinstance(frame, TickFrame))
    cut = [frame for frame in frames[first:] if not isinstance(frame, Keyframe)][:10]
    result = replay(cut)
    assert (result.ticks, result.skipped) == (0, len(cut))
