"""The font of printed and burnt-in texts: GB 2312 level 1, without network (SIL OFL 1.1).

LICENSE.txt beside it. The LED sign has a bitmap font of its own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

TEXT_FONT: Final = Path(__file__).resolve().parent / "noto_sans_sc_gb2312.otf"
