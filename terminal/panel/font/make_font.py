"""Make unifont_subset.hex.gz from GNU Unifont's unifont.hex; run by a developer, never here.

    python -m terminal.panel.font.make_font unifont.hex

Takes printable ASCII, GB 2312 rows 1-3 (signs, digits, letters) and level 1 (3,755 characters),
the provinces, and every character of the catalogue of texts. Same input, same bytes out.
"""

from __future__ import annotations

import gzip
import sys
from pathlib import Path

from terminal.texts.catalogue import all_sign_characters

TARGET = Path(__file__).with_name("unifont_subset.hex.gz")


def wanted() -> set[str]:
    """Every character that the sign may have to show."""
    chars = {chr(code) for code in range(0x20, 0x7F)} | set(all_sign_characters())
    for row in (*range(1, 4), *range(16, 56)):
        for cell in range(1, 95):
            try:
                chars.add(bytes((row + 0xA0, cell + 0xA0)).decode("gb2312"))
            except UnicodeDecodeError:
                continue
    return chars


def main(source: str) -> int:
    """Write the subset; the exit code says whether every wanted character was there."""
    chars = wanted()
    lines = [
        line
        for line in Path(source).read_text("ascii").splitlines()
        if chr(int(line.split(":")[0], 16)) in chars
    ]
    TARGET.write_bytes(gzip.compress(("\n".join(lines) + "\n").encode(), 9, mtime=0))
    missing = chars - {chr(int(line.split(":")[0], 16)) for line in lines}
    sys.stdout.write(f"{len(lines)} glyphs, {TARGET.stat().st_size} bytes\n")
    sys.stdout.write(f"missing: {''.join(sorted(missing))}\n" if missing else "")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
