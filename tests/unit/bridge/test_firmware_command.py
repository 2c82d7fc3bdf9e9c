"""`weigh-terminal firmware`: refuses to write while anything lies on the deck, or may lie there."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from firmware_bridge.sim.qemu import QemuBoard, build_image, missing_tools
from hal.contract.types import Counts, MonotonicNs, RawSample, SampleFlag
from terminal import exits
from terminal.commands import firmware
from terminal.weighing.calibration import simulated, to_text

CELLS = 2
E_KG = 20
ZERO = 5_000


def samples(kg: float, flags: SampleFlag = SampleFlag.NONE) -> list[RawSample]:
    counts = Counts(round(ZERO + kg / CELLS / simulated("x", CELLS).kg_per_count[0]))
    return [
        RawSample(MonotonicNs(index), cell, counts, flags)
        for index in range(20)
        for cell in range(CELLS)
    ]


@pytest.mark.parametrize(("kg", "empty"), [(0, True), (300, True), (-300, True), (410, False)])
def test_only_an_empty_deck_lets_firmware_be_written(kg: int, empty: bool) -> None:
    calibration = simulated("x", CELLS, zero_counts=ZERO)
    assert (firmware.refusal(samples(kg), calibration, CELLS, E_KG) is None) is empty


def test_a_deck_that_cannot_be_weighed_counts_as_occupied() -> None:
    calibration = simulated("x", CELLS, zero_counts=ZERO)
    for bad in ([], samples(0, SampleFlag.DESYNC)):
        why = firmware.refusal(bad, calibration, CELLS, E_KG)
        assert why is not None
        assert "cannot be weighed" in why


def test_a_terminal_without_a_microcontroller_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "terminal.toml"
    config.write_text("")
    assert firmware.run(arguments("info", config)) == exits.CONFIG
    assert "no microcontroller" in capsys.readouterr().err


def arguments(action: str, config: Path, image: Path | None = None) -> argparse.Namespace:
    return argparse.Namespace(action=action, config=config, image=image, tool="dfu-util")


@pytest.mark.mcu
@pytest.mark.process
@pytest.mark.skipif(bool(missing_tools()), reason=f"not installed: {missing_tools()}")
def test_the_board_in_qemu_tells_what_it_is_and_a_loaded_deck_refuses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    image = build_image(tmp_path)
    calibration = simulated(firmware.DEVICE, 8, zero_counts=ZERO)
    (tmp_path / "calibration.json").write_text(to_text(calibration))
    config = tmp_path / "terminal.toml"
    config.write_text(f'[amplifier]\nkind = "mcu"\nport = "{tmp_path / "mcu.line"}"\n')
    heavy = ZERO + round(5_000 / calibration.kg_per_count[0])
    board = QemuBoard(image, tmp_path / "mcu.line", lambda _cell: heavy)
    honest = firmware.look

    def look(front: firmware.Front, cells: int) -> object:
        import threading

        stop = threading.Event()

        def feed() -> None:
            while not stop.wait(0.01):
                board.step(MonotonicNs(firmware.time.monotonic_ns()))

        thread = threading.Thread(target=feed)
        thread.start()
        try:
            return honest(front, cells)
        finally:
            stop.set()
            thread.join()

    monkeypatch.setattr(firmware, "look", look)
    monkeypatch.setattr(firmware.shutil, "which", lambda tool: tool)
    try:
        assert firmware.run(arguments("info", config)) == exits.OK
        shown = capsys.readouterr().out
        assert "mps2-an385, build 1, link version 1" in shown
        assert "cell 7:" in shown
        assert firmware.run(arguments("flash", config, image)) == exits.BAD_INPUT
        assert "the deck carries 40000 kg" in capsys.readouterr().err
    finally:
        board.close()
