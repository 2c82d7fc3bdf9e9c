"""The signed report of a calibration: errors in e against the MPE, corners, who, when, with what.

Text in, text out. The last two lines are the key and the signature over everything above them;
a report is believed by the key a county enrolled, never by the key it names itself.
"""

from __future__ import annotations

from dataclasses import dataclass

from terminal.records import (
    KeyLineError,
    PublicKey,
    Signer,
    key_line,
    parse_key_line,
    signature_holds,
)
from terminal.texts.catalogue import text
from terminal.texts.prompts import Lang
from terminal.weighing.calibrating import LoadError, Outcome

KEY_WORD = "key "
SIGNATURE_WORD = "signature "
LINES_MAX = 200


@dataclass(frozen=True, slots=True)
class Facts:
    """What a report says beside the figures. last, before: number and serial it replaces.

    last: 0 with nothing before it. made_at: ISO 8601 with its offset. version, software, config:
    the program's version, its SHA-256 and the configuration's, hexadecimal.
    """

    terminal: str
    lane: int
    source: str
    model: str
    simulated: bool
    max_kg: int
    e_kg: int
    by: str
    made_at: str
    last: int
    before: str
    version: str
    software: str
    config: str


def report(outcome: Outcome, facts: Facts, lang: Lang) -> str:
    """The report as text, not yet signed."""

    def say(key: str, **values: object) -> str:
        return text(f"calibrate.report.{key}", lang, **values)

    made = outcome.calibration
    before = say("before", serial=facts.before, last=facts.last) if facts.before else ""
    heaviest_kg = max(row.load_kg for row in outcome.errors)
    corners = [say("no_corners")]
    if outcome.corner is not None:
        mass = outcome.corner
        corners = [
            say("corners", shares=shares(outcome.corner_shares)),
            say("corner_mass", kg=mass.load_kg, shown=mass.shown_kg, e=_plain(mass.error_e, 2)),
        ]
    return "\n".join(
        [
            say("title"),
            *([say("simulated")] if facts.simulated else []),
            say("count", count=made.sealed_count, before=before or say("before.none")),
            say("site", terminal=facts.terminal, lane=facts.lane, source=facts.source),
            say(
                "device",
                serial=made.serial,
                model=facts.model,
                cells=made.cells,
                kg=made.cell_cap_kg,
            ),
            say("plate", max_kg=facts.max_kg, e_kg=facts.e_kg),
            say("made", at=facts.made_at, by=facts.by),
            say("software", version=facts.version, software=facts.software, config=facts.config),
            "",
            say("head"),
            *(
                _row(number, row, say("within" if row.within else "outside"))
                for number, row in enumerate(outcome.errors, 1)
            ),
            "",
            say("line", kg=outcome.nonlinearity_kg, e=outcome.nonlinearity_kg / facts.e_kg),
            say("reach", percent=100 * heaviest_kg // facts.max_kg),
            *corners,
            say("zero", counts=", ".join(f"{zero:.0f}" for zero in made.zero_counts)),
            say("good" if outcome.within else "bad"),
            "",
        ]
    )


def shares(found: tuple[float, ...]) -> str:
    """Adjustment of each cell in per cent."""
    return ", ".join(
        f"{cell}: {_plain(100 * (share - 1), 2):+.2f} %" for cell, share in enumerate(found)
    )


def _row(number: int, row: LoadError, result: str) -> str:
    return (
        f"{number:>6} {row.load_kg:>8} {row.shown_kg:>9.1f} {_plain(row.error_kg, 1):>+9.1f} "
        f"{_plain(row.error_e, 2):>+8.2f} {row.mpe_e:>6.1f}  {result}"
    )


def _plain(value: float, decimals: int) -> float:
    """Rounded as it is printed; nothing is printed as minus nothing."""
    return round(value, decimals) + 0.0


def signed(body: str, digest: str, signer: Signer, terminal_id: str) -> str:
    """The report with the digest of the calibration file it belongs to, key and signature."""
    body = f"{body}calibration sha256 {digest}\n"
    key = key_line(signer.public_key, terminal_id)
    signature = signer.sign(body.encode()).hex()
    return f"{body}{KEY_WORD}{key}\n{SIGNATURE_WORD}{signature}\n"


def problem(whole: str, key: PublicKey) -> str:
    """Why a signed report cannot be believed under this key; empty when it can."""
    lines = whole.splitlines(keepends=True)
    if len(lines) > LINES_MAX or len(lines) < 3:
        return "it is not a signed calibration report"
    *body, key_row, signature_row = lines
    if not key_row.startswith(KEY_WORD) or not signature_row.startswith(SIGNATURE_WORD):
        return "it does not end with a key and a signature"
    try:
        named, _ = parse_key_line(key_row.removeprefix(KEY_WORD))
        signature = bytes.fromhex(signature_row.removeprefix(SIGNATURE_WORD).strip())
    except (KeyLineError, ValueError):
        return "its key or its signature is garbled"
    if named != key:
        return f"it was signed with the key {named.raw.hex()[:16]}, not with the one given"
    if not signature_holds(key, signature, "".join(body).encode()):
        return "it was changed after it was signed"
    return ""
