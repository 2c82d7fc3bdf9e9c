"""The county's signed command that gives one terminal new transport keys. Pure.

It has room for a sealed secret and for nothing else, so it cannot reach weighing, limits,
records or the arm. A terminal obeys the county whose key it installed at enrolment, a command
that names it, and each number once, rising: an old command is worth nothing for ever.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import cbor2

from terminal.enrol.papers import (
    BOX_BYTES,
    ROTATION,
    PaperError,
    check_age,
    read_paper,
    whole_number,
    write_paper,
)
from terminal.records import PublicKey, Signer, signature_holds


@dataclass(frozen=True, slots=True)
class Rotation:
    """One command. serial: rises from one to the next of a terminal; made_s: UTC."""

    terminal_id: str
    serial: int
    sealed: bytes
    made_s: int


class SpentError(PaperError):
    """The command's number is not above the last one obeyed. serial: the command's."""

    def __init__(self, serial: int, spent: int) -> None:
        """spent: the last one obeyed."""
        super().__init__(
            f"The command's number {serial} is spent: the last one obeyed here was {spent}."
            " Ask the county for a new one: weigh-terminal enrol rotate"
        )
        self.serial = serial


def binding(terminal_id: str, serial: int) -> bytes:
    """What a rotation's secret is sealed for, 32 octets: it opens under no other number."""
    return hashlib.sha256(cbor2.dumps([ROTATION, terminal_id, serial], canonical=True)).digest()


def write_rotation(rotation: Rotation, signer: Signer) -> str:
    """The command as text, signed by the county's key."""
    fields = [rotation.terminal_id, rotation.serial, rotation.sealed, rotation.made_s]
    return write_paper(ROTATION, fields, signer)


def read_rotation(
    text: str, county: PublicKey, terminal_id: str, serial_spent: int, now_s: int
) -> Rotation:
    """A command that this terminal must obey. serial_spent: of the last one obeyed, 0 for none.

    county: the key installed at enrolment; now_s: our UTC. Raises PaperError with the reason.
    """
    fields, signed, signature = read_paper(ROTATION, text)
    if not signature_holds(county, signature, signed):
        raise PaperError(
            "The command is not signed by the county this terminal is enrolled with, or it was"
            " altered on its way."
        )
    named, serial, sealed, made_s = fields if len(fields) == 4 else [None] * 4
    if not isinstance(named, str) or not isinstance(sealed, bytes):
        raise PaperError("This is not a whole rotation: a newer county may have made it.")
    rotation = Rotation(named, whole_number(serial), sealed, whole_number(made_s))
    if rotation.terminal_id != terminal_id:
        raise PaperError(f"The command is for {rotation.terminal_id}; this is {terminal_id}.")
    if rotation.serial <= serial_spent:
        raise SpentError(rotation.serial, serial_spent)
    check_age(rotation.made_s, now_s, "the county's clock", "this terminal's clock")
    if len(sealed) < BOX_BYTES:
        raise PaperError("This is not a whole rotation: nothing is sealed in it.")
    return rotation
