"""Number plates as data: which symbol may stand at which place, in which colour, under which code.

One table serves the keypad, the interlock's "no valid plate, no release" and the reader's beam
search, so that all three agree on what a plate is. After GA 36-2018 as public validators encode
it. It must never guess: a text that fits no row is not a plate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

PROVINCES: Final = "京津冀晋蒙辽吉黑沪苏浙皖闽赣鲁豫鄂湘粤桂琼渝川贵云藏陕甘青宁新"
LETTERS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ"
"""No I and no O: they would be read as 1 and 0."""
DIGITS: Final = "0123456789"
ANY: Final = LETTERS + DIGITS
ENERGY_LETTERS: Final = "ABCDEFGHJK"
"""D, A, B, C, E: battery; F, G, H, J, K: other new energy."""
OPEN_PLACE: Final = "?"
"""Stands for a place that could not be read."""

UNKNOWN_COLOUR: Final = "unknown"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of plate. places: the symbols each place allows; colours: first is the usual one.

    rows: 1 or 2 rows as usually mounted (an ordinary large plate has two rows at the rear).
    width_mm, height_mm: outside dimensions. trucks: whether a goods vehicle carries it.
    issued: false for patterns that are only read, never taken as a valid plate.
    """

    name: str
    places: tuple[str, ...]
    colours: tuple[str, ...]
    width_mm: int
    height_mm: int
    rows: int = 1
    trucks: bool = True
    issued: bool = True

    def matches(self, plate: str) -> bool:
        """Whether every place of the plate holds a symbol this kind allows there."""
        return len(plate) == len(self.places) and all(
            plate[at] in allowed for at, allowed in enumerate(self.places)
        )


def _head(serial: tuple[str, ...]) -> tuple[str, ...]:
    return (PROVINCES, LETTERS, *serial)


KINDS: Final[tuple[Kind, ...]] = (
    Kind("ordinary", _head((ANY,) * 5), ("yellow", "blue"), 440, 140),
    Kind("trailer", _head((ANY,) * 4 + ("挂",)), ("yellow",), 440, 220, rows=2),
    Kind(
        "ne_large",
        _head((DIGITS,) * 5 + (ENERGY_LETTERS,)),
        ("yellow_green", "green"),
        480,
        140,
    ),
    Kind("ne_small", _head((ENERGY_LETTERS, ANY) + (DIGITS,) * 4), ("green",), 480, 140),
    Kind("learner", _head((ANY,) * 4 + ("学",)), ("yellow",), 440, 140, trucks=False),
    Kind("police", _head((ANY,) * 4 + ("警",)), ("white",), 440, 140, trucks=False),
    Kind("hk_macao", ("粤", "Z", ANY, ANY, ANY, ANY, "港澳"), ("black",), 440, 140, trucks=False),
    Kind("embassy", (DIGITS,) * 6 + ("使",), ("black",), 440, 140, trucks=False),
    Kind("consulate", _head((DIGITS,) * 4 + ("领",)), ("black",), 440, 140, trucks=False),
    Kind("emergency", (PROVINCES, "SX", *(DIGITS,) * 4, "应", "急"), ("white",), 480, 140),
    # Issuing letter O once marked official vehicles. It is read as what it is and then refused:
    # on a truck it is a misread 0, Q or D.
    Kind(
        "official",
        (PROVINCES, "O", *(ANY,) * 5),
        ("blue", "white"),
        440,
        140,
        trucks=False,
        issued=False,
    ),
)

PLACES_MAX: Final = 8
SERIAL_SHAPES: Final = (
    "DDDDD",
    "LDDDD",
    "LLDDD",
    "DLDDD",
    "DDLDD",
    "DDDLD",
    "DDDDL",
    "LDDDL",
    "DDDLL",
    "LDLDD",
)
"""Digit and letter orders GA 36 gives the five-place serial: plausibility, never a rejection."""

COLOUR_CODES: Final[dict[str, dict[str, int]]] = {
    "transport": {
        "blue": 1,
        "yellow": 2,
        "black": 3,
        "white": 4,
        "green": 94,
        "yellow_green": 93,
        "other": 9,
        "farm_blue": 90,
        "farm_yellow": 91,
        "farm_green": 92,
    },
    "toll": {
        "blue": 0,
        "yellow": 1,
        "black": 2,
        "white": 3,
        "green": 4,
        "yellow_green": 5,
        "temporary": 7,
        "farm_green": 11,
        "red": 12,
    },
    # No code of its own exists for yellow-green here; 4 is what new-energy plates get.
    "gat_police": {
        "white": 0,
        "yellow": 1,
        "blue": 2,
        "black": 3,
        "green": 4,
        "yellow_green": 4,
        "unknown": 5,
        "other": 9,
    },
}
"""Three incompatible tables: always name the one meant on the wire."""

TYPE_CODES: Final[dict[str, str]] = {
    "large": "01",
    "small": "02",
    "trailer": "15",
    "learner": "16",
    "temporary": "22",
    "police": "23",
    "ne_large": "51",
    "ne_small": "52",
    "no_plate": "41",
    "fake": "42",
    "unreadable": "44",
    "other": "99",
}
"""Plate-type codes of GA/T 16.7; 41, 42 and 44 are what camera makers add."""

_SKIPPED: Final = " ·•.-_"
_COLOUR_PREFIXES: Final = "蓝黄绿白黑"
_FULL_WIDTH_FIRST: Final = 0xFF01
_FULL_WIDTH_LAST: Final = 0xFF5E
_FULL_WIDTH_SHIFT: Final = 0xFEE0
_NORMALISE_MAX: Final = 32


def kind_named(name: str) -> Kind:
    """The row of one kind. Raises KeyError for a name that is not in the table."""
    for kind in KINDS:
        if kind.name == name:
            return kind
    raise KeyError(f"no plate kind is called {name!r}")


def kind_of(plate: str) -> str | None:
    """Name of the kind this exact text is a valid plate of, None when it is no plate."""
    for kind in KINDS:
        if kind.issued and kind.matches(plate):
            return kind.name
    return None


def is_valid(plate: str) -> bool:
    """Whether this exact text is a plate that is issued."""
    return kind_of(plate) is not None


def is_truck_plate(plate: str) -> bool:
    """Whether it is a valid plate of a kind that goods vehicles carry."""
    name = kind_of(plate)
    return name is not None and kind_named(name).trucks


def colour_length_ok(plate: str, colour: str) -> bool:
    """Whether the colour seen goes with the kind read; an unknown colour contradicts nothing.

    Green means eight places, blue and yellow seven: one wrong reading betrays the other.
    """
    if colour == UNKNOWN_COLOUR:
        return True
    return any(colour in kind.colours and kind.matches(plate) for kind in KINDS if kind.issued)


def next_symbols(prefix: str) -> str:
    """Every symbol that may follow this beginning of a plate, in table order, none twice.

    Empty when the beginning fits no kind or is already whole. Kinds that are only read count.
    """
    place = len(prefix)
    allowed = ""
    for kind in KINDS:
        if place < len(kind.places) and all(
            symbol in kind.places[at] for at, symbol in enumerate(prefix)
        ):
            allowed += "".join(s for s in kind.places[place] if s not in allowed)
    return allowed


def is_whole(text: str) -> bool:
    """Whether the text fits a kind of the table, those that are only read included."""
    return any(kind.matches(text) for kind in KINDS)


def serial_is_usual(plate: str) -> bool:
    """Whether the five-place serial has one of the orders GA 36 gives; true for other kinds."""
    if kind_of(plate) != "ordinary":
        return True
    shape = "".join("D" if symbol in DIGITS else "L" for symbol in plate[2:])
    return shape in SERIAL_SHAPES


def fits_open(open_plate: str, plate: str) -> bool:
    """Whether a plate agrees with a partly legible one; OPEN_PLACE agrees with any symbol."""
    return len(open_plate) == len(plate) and all(
        open_plate[at] in (OPEN_PLACE, symbol) for at, symbol in enumerate(plate)
    )


def normalise(text: str) -> str:
    """Upper case, half width, without separators or a colour prefix as camera makers put it.

    The result may still be no plate. Only the first 32 characters are looked at.
    """
    symbols = ""
    for symbol in text[:_NORMALISE_MAX]:
        code = ord(symbol)
        if _FULL_WIDTH_FIRST <= code <= _FULL_WIDTH_LAST:
            symbol = chr(code - _FULL_WIDTH_SHIFT)
        if symbol not in _SKIPPED:
            symbols += symbol.upper()
    if symbols[:1] in tuple(_COLOUR_PREFIXES) and len(symbols) > 1:
        return symbols[1:]
    return symbols


def colour_code(table: str, colour: str) -> int | None:
    """Code of a colour in a named table, None when that table has no code for it.

    Raises KeyError for a table that does not exist.
    """
    return COLOUR_CODES[table].get(colour)


def type_code(plate: str, colour: str) -> str:
    """GA/T 16.7 code of a plate as read; an ordinary plate is large when yellow."""
    name = kind_of(plate)
    if name is None:
        return TYPE_CODES["unreadable"]
    if name == "ordinary":
        return TYPE_CODES["small" if colour == "blue" else "large"]
    return TYPE_CODES.get(name, TYPE_CODES["other"])
