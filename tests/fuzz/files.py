"""Readers of whole files and folders: each gets a file of these bytes in a folder of its own."""

from __future__ import annotations

import contextlib
import gc
import io
import json
import lzma
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from terminal.anpr import files as picture_files
from terminal.county.keys import read_key_file
from terminal.county.oscore import Contexts
from terminal.enrol.context_files import ContextLostError
from terminal.ledger.flight import FlightRecorder, file_of, read_frames
from terminal.ledger.identity import KEY_FILE, load_signer, read_public
from terminal.replay import load_frames
from terminal.uplink.oscore import open_context
from terminal.weighing.tracefile import load_trace

KEY_LINE: Final = b"ed25519 " + b"ab" * 32 + b" 141025710001-1\n"
OSCORE_SETTINGS: Final = json.dumps(
    {"sender-id_hex": "01", "recipient-id_hex": "02", "secret_ascii": "sixteen letters.."}
).encode()
OSCORE_SEQUENCE: Final = b'{"next-to-send": 0, "received": "unknown"}'


def in_file(name: str, read: Callable[[Path], object]) -> Callable[[bytes], None]:
    """A reader of bytes from a reader of a file of this name."""

    def reads(wire: bytes) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(wire)
            path.chmod(0o600)
            try:
                read(path)
            finally:
                gc.collect(1)  # what a failed reading left behind must not outlive its folder

    return reads


def flight(wire: bytes) -> None:
    """A file of the flight recorder with a damaged rest."""
    with tempfile.TemporaryDirectory() as folder:
        recorder = FlightRecorder(Path(folder))
        recorder.append(b"first frame")
        recorder.close()
        path = next(one for one in Path(folder).rglob("*") if one.is_file())
        kept = path.read_bytes()[: 8 + 64]
        path.write_bytes(kept + wire)
        list(read_frames(Path(folder)))


def _named_or_works(folder: Path) -> None:
    """A pairing folder with a foreign file: the receiver names it in a problem, or it works."""
    found = Contexts(folder.parent)
    works = False
    with contextlib.suppress(KeyError):
        works = found.open(folder.name) is not None
    assert len(found.problems) == 1 or works


def _oscore(path: Path) -> None:
    """A pairing folder of which one file is foreign."""
    (path.parent / "sequence.json").write_bytes(OSCORE_SEQUENCE)
    _named_or_works(path.parent)


def _oscore_sequence(path: Path) -> None:
    """The same at both ends: the receiver names it, the terminal refuses it."""
    (path.parent / "settings.json").write_bytes(OSCORE_SETTINGS)
    _named_or_works(path.parent)
    with contextlib.suppress(ContextLostError):
        open_context(path.parent)


def _npz(**changed: object) -> bytes:
    arrays: dict[str, object] = {
        "t": np.arange(4) / 10,
        "counts": np.zeros((4, 4)),
        "beam_entry": np.zeros(4),
        "beam_exit": np.zeros(4),
        "meta": np.array(json.dumps({"cells": 4})),
    }
    stream = io.BytesIO()
    np.savez(stream, **{**arrays, **changed})  # type: ignore[arg-type]
    return stream.getvalue()


def _picture(kind: str) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (24, 16), (200, 30, 30)).save(stream, kind)
    return stream.getvalue()


trace = in_file("trace.npz", load_trace)
flight_file = in_file("000.bin", lambda path: list(load_frames(path)))
flight_packed = in_file("000.xz", lambda path: list(load_frames(path)))
county_key = in_file("terminal.pub", read_key_file)
public_key = in_file("terminal.pub", read_public)
signer = in_file(KEY_FILE, lambda path: load_signer(path.parent))
picture = in_file("photo.jpg", picture_files.load)
oscore = in_file("0102/settings.json", _oscore)
oscore_sequence = in_file("0102/sequence.json", _oscore_sequence)

TRACES: Final = (_npz(), _npz(t=np.array([0.0, np.nan, np.inf, 1.0])), _npz(meta=np.array("[]")))
FLIGHTS: Final = (file_of([b"\x82\xa1a\x01", b"frame"]),)
PACKED: Final = tuple(lzma.compress(wire) for wire in FLIGHTS)
PICTURES: Final = (_picture("JPEG"), _picture("PNG"), _picture("BMP"))
