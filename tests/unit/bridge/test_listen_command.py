"""`weigh-terminal listen` over a pty, not told which indicator stands behind it."""

from __future__ import annotations

import argparse
import io
import sys
import threading
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from firmware_bridge.indicators.catalogue import built_in
from firmware_bridge.indicators.spec import Format
from firmware_bridge.sim import indicator
from firmware_bridge.sim.indicator import IndicatorPeer
from firmware_bridge.sim.pty_line import PtyLine
from terminal import exits
from terminal.commands import listen

LOADS_KG = (0, 15_600, 48_980)
SECONDS = 0.4
STEP_S = 0.005
STEPS_STILL = 16
"""So many steps after a change the line has carried frames of the new load alone."""
STILL_S_MAX = 20.0


class Person(io.StringIO):
    """Puts the next load on the scale when asked, and reads the display out."""

    def __init__(self, loads_kg: tuple[int, ...], error_kg: int = 0) -> None:
        super().__init__()
        self.on_scale_kg = LOADS_KG[1]
        self._loads = list(loads_kg)
        self._error_kg = error_kg
        self._still = threading.Event()
        self._steps = STEPS_STILL

    def stepped(self) -> None:
        """The indicator has worked once more with what is on the scale."""
        self._steps -= 1
        if self._steps == 0:
            self._still.set()

    def readline(self, size: int | None = -1, /) -> str:
        if not self._loads:
            return ""
        self._still.clear()
        self.on_scale_kg, self._steps = self._loads.pop(0), STEPS_STILL
        assert self._still.wait(STILL_S_MAX), "the indicator behind the pty has stopped"
        return f"{self.on_scale_kg + self._error_kg}\n"


@contextmanager
def peer(folder: Path, format_: Format, person: Person) -> Iterator[str]:
    line = PtyLine(folder / "line")
    one = IndicatorPeer(line, format_, lambda: person.on_scale_kg)
    stop = threading.Event()

    def work() -> None:
        while not stop.wait(STEP_S):
            one.step(time.monotonic_ns())  # type: ignore[arg-type]
            person.stepped()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield str(folder / "line")
    finally:
        stop.set()
        thread.join()
        one.close()


def arguments(port: str, out: Path) -> argparse.Namespace:
    return argparse.Namespace(
        port=port, line="9600 8N1", seconds=SECONDS, format_file=None, out=out
    )


@pytest.mark.parametrize("format_", built_in(), ids=lambda f: f.name)
def test_each_format_is_found_and_written(
    format_: Format, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indicator, "FRAME_NS", 20_000_000)
    person = Person(LOADS_KG)
    monkeypatch.setattr(sys, "stdin", person)
    out = tmp_path / "indicator.toml"
    with peer(tmp_path, format_, person) as port:
        assert listen.run(arguments(port, out)) == exits.OK
    section = tomllib.loads(out.read_text())["indicator"]
    assert section["protocol"] == format_.name
    assert (section["baud"], section["parity"], section["data_bits"]) == (9600, "N", 8)


def test_a_display_that_disagrees_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(indicator, "FRAME_NS", 20_000_000)
    person = Person(LOADS_KG, error_kg=20)
    monkeypatch.setattr(sys, "stdin", person)
    out = tmp_path / "indicator.toml"
    with peer(tmp_path, built_in()[-2], person) as port:
        assert listen.run(arguments(port, out)) == exits.BAD_INPUT
    assert not out.exists()
    assert "No way of reading agrees" in capsys.readouterr().out


def test_two_loads_are_not_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indicator, "FRAME_NS", 20_000_000)
    person = Person(LOADS_KG[:2])
    monkeypatch.setattr(sys, "stdin", person)
    out = tmp_path / "indicator.toml"
    with peer(tmp_path, built_in()[-2], person) as port:
        assert listen.run(arguments(port, out)) == exits.BAD_INPUT
    assert not out.exists()


def test_a_port_that_is_not_there_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert listen.run(arguments(str(tmp_path / "none"), tmp_path / "out")) == exits.ABSENT
    assert "cannot be opened" in capsys.readouterr().err
