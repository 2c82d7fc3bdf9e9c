"""The checked vectors of the built-in formats: bytes on the wire and what the display showed."""

from __future__ import annotations

from typing import NamedTuple

from hal.contract.types import Tri

Y, N, U = Tri.YES, Tri.NO, Tri.UNKNOWN


class Vector(NamedTuple):
    """frame: one whole frame. flags: motion, overload, zero, net."""

    protocol: str
    scaling: str
    frame: bytes
    gross_kg: int | None
    flags: tuple[Tri, Tri, Tri, Tri]


def _of(protocol: str, scaling: str, text: str, gross_kg: int | None, flags: str) -> Vector:
    letters = {"y": Y, "n": N, "u": U}
    told = tuple(letters[letter] for letter in flags)
    return Vector(protocol, scaling, bytes.fromhex(text), gross_kg, told)  # type: ignore[arg-type]


VECTORS: tuple[Vector, ...] = (
    _of("xk3190-tf0", "places-kg", "02 2B 30 30 30 30 30 30 30 31 42 03", 0, "uuuu"),
    _of("xk3190-tf0", "places-kg", "02 2B 30 30 30 30 36 30 30 31 44 03", 60, "uuuu"),
    _of("xk3190-tf0", "places-kg", "02 2D 30 30 30 30 36 30 30 31 42 03", -60, "uuuu"),
    _of("xk3190-tf0", "places-kg", "02 2B 30 30 31 35 36 30 30 31 39 03", 1_560, "uuuu"),
    _of("xk3190-tf0", "places-kg", "02 2B 30 32 33 39 36 30 30 31 35 03", 23_960, "uuuu"),
    _of("xk3190-tf0", "digit-kg", "02 2B 30 30 31 35 36 30 30 31 39 03", 15_600, "uuuu"),
    _of(
        "toledo",
        "as-sent",
        "02 31 30 20 20 20 20 32 30 30 20 20 20 20 30 30 0D 1E",
        200,
        "nnun",
    ),
    _of(
        "toledo",
        "dummy-zeros",
        "02 31 30 20 20 20 20 32 30 30 20 20 20 20 30 30 0D 1E",
        2_000,
        "nnun",
    ),
)
