"""The built-in formats, read once from the format files beside this module, and a file's own."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Protocol

from firmware_bridge.indicators import modbus
from firmware_bridge.indicators.decoder import Decoder
from firmware_bridge.indicators.formatfile import FormatError, parse
from firmware_bridge.indicators.reading import Reading, Reject
from firmware_bridge.indicators.spec import Format

FOLDER = Path(__file__).parent / "formats"
FILE_OCTETS_MAX = 64_000


class Decodes(Protocol):
    """What a decoder offers, compiled from a format file or written as code."""

    format: Format

    @property
    def received(self) -> int:
        """Stream offset after the newest byte fed."""

    def feed(self, chunk: bytes) -> list[Reading | Reject]:
        """Everything that these bytes complete, oldest first."""

    def reset(self) -> None:
        """Forget a part of a frame."""


def decoder(format_: Format, scaling: str = "") -> Decodes:
    """A fresh decoder of this format, with a confirmed scaling or without one."""
    if format_.name == modbus.FORMAT.name:
        return modbus.ModbusDecoder(format_, scaling)
    return Decoder(format_, scaling)


@cache
def built_in() -> tuple[Format, ...]:
    """All built-in formats by name."""
    files = (parse(path.read_text("utf-8"), path.name) for path in sorted(FOLDER.glob("*.toml")))
    return (*files, modbus.FORMAT)


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
