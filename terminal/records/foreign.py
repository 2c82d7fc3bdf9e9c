"""What reading foreign CBOR may raise, in one place, for everybody who reads some.

The library builds regular expressions, decimals, mails and more from tags, and lets through what
their makers raise: five octets end in a TypeError, ten in decimal.InvalidOperation.
"""

from __future__ import annotations

from typing import Final

import cbor2

CBOR_REFUSALS: Final = (
    cbor2.CBORDecodeError,
    ValueError,
    TypeError,
    ArithmeticError,
    LookupError,
    AttributeError,
    RecursionError,
    EOFError,
    MemoryError,
)
