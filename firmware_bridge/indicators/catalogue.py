"""The built-in formats, read once from the format files beside this module, and a file's own."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from firmware_bridge.indicators.formatfile import FormatError, parse
from firmware_bridge.indicators.spec import Format

FOLDER = Path(__file__).parent / "formats"
FILE_OCTETS_MAX = 64_000


@cache
def built_in() -> tuple[Format, ...]:
    """All built-in formats by name."""
    return tuple(
        parse(path.read_text("utf-8"), path.name) for path in sorted(FOLDER.glob("*.toml"))
    )


def find(name: str) -> Format | None:
    """The built-in format of that name, None when there is none."""
    return next((one for one in built_in() if one.name == name), None)


def from_file(path: Path) -> Format:
    """A format of the site's own. Raises FormatError; an unreadable file is one too."""
    try:
        text = path.read_bytes()[:FILE_OCTETS_MAX].decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FormatError(path.name, [f"cannot be read ({error})"]) from error
    return parse(text, path.name)
