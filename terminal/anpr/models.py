"""The two network files of the plate reader: where they lie, and that they are the right ones.

They come from one pinned wheel at set-up (`weigh-terminal fetch-models`) and are checked by
SHA-256 before every use: another file would read plates with another, unmeasured error.
It must never fetch anything by itself.
"""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

WHEEL_NAME: Final = "rapidocr-onnxruntime"
WHEEL_VERSION: Final = "1.4.4"
FOLDER_NAME: Final = ".models"


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One network file: its place in the wheel, its name with us, digest and size in bytes."""

    member: str
    name: str
    sha256: str
    size_bytes: int


RECOGNISER: Final = ModelFile(
    "rapidocr_onnxruntime/models/ch_PP-OCRv4_rec_infer.onnx",
    "ch_PP-OCRv4_rec_infer.onnx",
    "48fc40f24f6d2a207a2b1091d3437eb3cc3eb6b676dc3ef9c37384005483683b",
    10_857_958,
)
DETECTOR: Final = ModelFile(
    "rapidocr_onnxruntime/models/ch_PP-OCRv4_det_infer.onnx",
    "ch_PP-OCRv4_det_infer.onnx",
    "d2a7720d45a54257208b1e13e36a8479894cb74155a5efe29462512d42f49da9",
    4_745_517,
)
MODEL_FILES: Final = (RECOGNISER, DETECTOR)


class ModelError(Exception):
    """A network file is missing or is not the pinned one. The text says what to run."""


def default_folder() -> Path:
    """The folder beside the packages that set-up fills."""
    return Path(__file__).resolve().parent.parent.parent / FOLDER_NAME


def checked(model: ModelFile, folder: Path) -> Path:
    """Path of a file that is there and right. Raises ModelError otherwise."""
    path = folder / model.name
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ModelError(
            f"The plate reader's file {model.name} is not in {folder}. "
            "Run: weigh-terminal fetch-models"
        ) from error
    if digest != model.sha256:
        raise ModelError(
            f"The plate reader's file {path} is not the pinned one (SHA-256 {digest[:16]}..., "
            f"expected {model.sha256[:16]}...). Run: weigh-terminal fetch-models"
        )
    return path


def missing(folder: Path) -> tuple[ModelFile, ...]:
    """The files that are absent or wrong in this folder."""
    wanted: list[ModelFile] = []
    for model in MODEL_FILES:
        try:
            checked(model, folder)
        except ModelError:
            wanted.append(model)
    return tuple(wanted)


def unpack(wheel: Path, folder: Path) -> None:
    """Take the files out of the wheel, each checked before it gets its name.

    Raises ModelError for a wheel that cannot be read or holds other files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for model in MODEL_FILES:
        try:
            with zipfile.ZipFile(wheel) as archive:
                info = archive.getinfo(model.member)
                if info.file_size != model.size_bytes:
                    raise ModelError(
                        f"{wheel.name} holds {model.member} with {info.file_size} bytes, "
                        f"expected {model.size_bytes}. Fetch the pinned wheel again."
                    )
                content = archive.read(info)
        except (OSError, KeyError, zipfile.BadZipFile) as error:
            raise ModelError(
                f"{wheel.name} cannot be unpacked ({error}). Fetch the pinned wheel again."
            ) from error
        digest = hashlib.sha256(content).hexdigest()
        if digest != model.sha256:
            raise ModelError(
                f"{wheel.name} holds another {model.member} than the pinned one "
                f"(SHA-256 {digest[:16]}...). Fetch the pinned wheel again."
            )
        part = folder / (model.name + ".part")
        part.write_bytes(content)
        part.replace(folder / model.name)
