"""What reading foreign CBOR may raise, in one place, for everybody who reads some.

The library itself ends in a CBORDecodeError whatever its tags are made of; the rest is what taking
a well-formed item of the wrong shape apart may raise. Its versions before 6 kept every item that
they could not read for good, with the frames that held it (DECISIONS D-032).
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
