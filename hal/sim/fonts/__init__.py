"""Fonts of the simulated world: the symbols of number plates (see LICENSE.txt, SIL OFL 1.1)."""

from __future__ import annotations

from pathlib import Path
from typing import Final

PLATE_SYMBOLS: Final = Path(__file__).resolve().parent / "plate_symbols.otf"
