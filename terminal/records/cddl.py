"""The CDDL (RFC 8610) of a record, written from the table of keys.

records.cddl beside this package is this function's output; a test keeps them the same, so the
engineer of a receiving platform reads exactly what the decoder enforces.
"""

from __future__ import annotations

from terminal.records.keys import KEYS, UINT_MAX, Key, Part, Shape

_HEAD = """\
; A record of a weigh-terminal: COSE_Sign1 (RFC 9052) around a deterministic CBOR map.
; Deterministic: RFC 8949 section 4.2.1. There is exactly one encoding of a record; any other
; is refused. SHA-256 of the whole signed-record is the next record's prev_hash (key 5).

signed-record = #6.18([
  protected: bstr .cbor { 1 => alg, 4 => bstr },  ; kid = terminal_id
  unprotected: {},
  payload: bstr .cbor record,
  signature: bstr .size 64,
])

alg = -8 / -65537  ; EdDSA (Ed25519), or SM2 with SM3 (private use): r and s, 32 octets each

record = weigh-record / event-record / gap-record

"""

_TAIL = f"""\
count = 0..{UINT_MAX}
signed = -{UINT_MAX}..{UINT_MAX}
photo = [role: tstr .size (0..16), sha256: bstr .size 32, octets: count]
"""

_RULES = (("weigh-record", Part.WEIGH), ("event-record", Part.EVENT), ("gap-record", Part.GAP))


def cddl() -> str:
    """The whole description. Ends with a newline."""
    rules = []
    for name, part in _RULES:
        rows = [row for row in KEYS if row.part in (Part.ORIGIN, Part.HEAD, part)]
        lines = [_line(row, name.removesuffix("-record")) for row in rows]
        rules.append(f"{name} = {{\n" + "\n".join(lines) + "\n}\n\n")
    return _HEAD + "".join(rules) + _codes() + _TAIL


def _line(row: Key, kind: str) -> str:
    optional = "? " if row.optional else ""
    return f"  {optional}{row.key} => {_type(row, kind)},  ; {row.name}: {row.why}"


def _type(row: Key, kind: str) -> str:
    if row.name == "format":
        return "1"
    if row.name == "kind" and row.codes is not None:
        return next(str(code) for named, code in row.codes.items() if _word(named) == kind)
    types = {
        Shape.UINT: "count",
        Shape.INT: "signed",
        Shape.TEXT: f"tstr .size (0..{row.size})",
        Shape.BYTES: f"bstr .size {row.size}",
        Shape.BOOL: "bool",
        Shape.CODE: row.name.replace("_", "-"),
        Shape.LOADS: f"[0*{row.size} signed]",
        Shape.PHOTOS: f"[0*{row.size} photo]",
    }
    return types[row.shape]


def _codes() -> str:
    rules = []
    for row in KEYS:
        if row.codes is not None and row.name != "kind":
            choices = ", ".join(f"{_word(named)}: {code}" for named, code in row.codes.items())
            rules.append(f"{row.name.replace('_', '-')} = &({choices})\n")
    return "".join(rules)


def _word(named: object) -> str:
    value: object = getattr(named, "value", named)
    return str(value).replace("_", "-")
