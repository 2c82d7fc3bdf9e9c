"""PP-OCRv4 text recogniser on one plate crop, its classes folded onto the plate's symbols.

One thread, no spinning, fixed input widths: reading a plate must not disturb the weighing, and
the runtime's memory must stop growing after the first few crops.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from terminal.anpr.beam import SYMBOLS
from terminal.anpr.types import Pixels, Scores

INPUT_HEIGHT_PX: Final = 48
INPUT_WIDTHS_PX: Final = (96, 128, 160, 192, 224, 256, 320)
FOLDED_TO_BLANK: Final = " ·.:-•‧,'`_|~*"
"""The dot after the issuing letter, bolts and frame edges: nothing of the plate's text."""
LOOK_ALIKE: Final = {"I": "1", "l": "1", "O": "0", "o": "0", "〇": "0", "Ｏ": "0"}
"""Symbols that no place with their twin allows: their weight is the twin's."""


def session(path: Path) -> onnxruntime.InferenceSession:
    """One thread, no spinning, no memory arena: bounded and quiet."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


class Recogniser:
    """The recogniser's session and the table from its classes to the plate's symbols."""

    def __init__(self, path: Path) -> None:
        """Load a checked network file. Its characters are in its own metadata."""
        self._session = session(path)
        self._input: str = self._session.get_inputs()[0].name
        listed: str = self._session.get_modelmeta().custom_metadata_map["character"]
        classes = ["", *listed.splitlines(), " "]
        self._fold: list[NDArray[np.intp]] = [
            np.array([0, *(i for i, c in enumerate(classes) if c and c in FOLDED_TO_BLANK)])
        ]
        for symbol in SYMBOLS:
            same = {symbol, symbol.lower()} | {a for a, b in LOOK_ALIKE.items() if b == symbol}
            self._fold.append(np.array([i for i, c in enumerate(classes) if c in same]))
            assert len(self._fold[-1]), f"the recogniser does not know {symbol}"

    def scores(self, crop: Pixels, stretch: float = 1.0) -> Scores:
        """Log-probabilities, steps x (1 + symbols), of one crop.

        The crop is scaled to 48 px of height and to the nearest fixed width.
        """
        height, width = crop.shape[:2]
        wanted = width * INPUT_HEIGHT_PX / height * stretch
        input_width = min(INPUT_WIDTHS_PX, key=lambda candidate: abs(candidate - wanted))
        scaled = cv2.resize(crop, (input_width, INPUT_HEIGHT_PX), interpolation=cv2.INTER_LINEAR)
        tensor = (scaled.astype(np.float32) / 127.5 - 1.0).transpose(2, 0, 1)[np.newaxis]
        classes: Scores = self._session.run(None, {self._input: tensor})[0][0]
        folded = np.stack([classes[:, columns].sum(axis=1) for columns in self._fold], axis=1)
        logarithms: Scores = np.log(np.maximum(folded, 1e-9)).astype(np.float32)
        return logarithms
