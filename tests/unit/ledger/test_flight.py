"""The flight recorder: bounded, in order, and harmless when the disk fails."""

from __future__ import annotations

from pathlib import Path

from terminal.ledger.flight import FlightRecorder, read_frames


def frames(count: int, start: int = 0) -> list[bytes]:
    return [b"frame %04d" % number for number in range(start, start + count)]


def test_frames_come_back_in_order_over_restarts(tmp_path: Path) -> None:
    for start in (0, 5):
        recorder = FlightRecorder(tmp_path)
        for frame in frames(5, start):
            recorder.append(frame)
        recorder.close()
    assert list(read_frames(tmp_path)) == frames(10)


def test_the_ring_is_bounded_and_drops_the_oldest(tmp_path: Path) -> None:
    recorder = FlightRecorder(tmp_path, files=3, file_bytes_max=100)
    for frame in frames(50):
        recorder.append(frame)
    recorder.close()
    assert len(list(tmp_path.iterdir())) == 3
    assert all(path.stat().st_size <= 100 for path in tmp_path.iterdir())
    left = list(read_frames(tmp_path))
    assert left == frames(50)[-len(left) :]
    assert len(left) >= 8


def test_a_torn_end_and_a_strange_file_are_left_out(tmp_path: Path) -> None:
    recorder = FlightRecorder(tmp_path)
    for frame in frames(3):
        recorder.append(frame)
    recorder.close()
    path = tmp_path / "000.bin"
    whole = path.read_bytes()
    (tmp_path / "007.bin").write_bytes(b"strange")
    for cut in range(1, 18):
        path.write_bytes(whole[:-cut])
        assert list(read_frames(tmp_path)) == frames(2)
    flipped = bytearray(whole)
    flipped[-1] ^= 1
    path.write_bytes(bytes(flipped))
    assert list(read_frames(tmp_path)) == frames(2)


def test_a_disk_that_refuses_is_counted(tmp_path: Path) -> None:
    blocked = tmp_path / "flight"
    blocked.write_bytes(b"not a folder")
    recorder = FlightRecorder(blocked)
    for frame in frames(3):
        recorder.append(frame)
    assert recorder.lost == 3
    recorder.close()
