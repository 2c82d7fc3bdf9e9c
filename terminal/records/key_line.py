"""Keys in files and on paper: one line of text, and the signer behind a secret.

`<algorithm> <public key in hex> <terminal id>` is what a terminal exports and a county enrols.
It must never hold a secret.
"""

from __future__ import annotations

from collections.abc import Callable

from terminal.records.signing import ALG_EDDSA, Ed25519Signer, PublicKey, Signer, Sm2Signer
from terminal.records.sm2 import ALG_SM2_SM3

ID_CHARS_MAX = 40
ALGORITHMS: dict[str, tuple[int, int]] = {
    "ed25519": (ALG_EDDSA, 32),
    "sm2": (ALG_SM2_SM3, 65),
}
"""Name in a key line: COSE algorithm and octets of the public key."""
SIGNERS: dict[str, Callable[[bytes], Signer]] = {"ed25519": Ed25519Signer, "sm2": Sm2Signer}
"""Signer of a 32-octet secret by that name."""


class KeyLineError(ValueError):
    """This is not a key line. str(): what is wrong and what is expected."""


def algorithm_name(key: PublicKey) -> str:
    """Name of a key's algorithm in a key line."""
    return next(name for name, (alg, _octets) in ALGORITHMS.items() if alg == key.alg)


def key_line(key: PublicKey, terminal_id: str) -> str:
    """The line, without its end."""
    return f"{algorithm_name(key)} {key.raw.hex()} {terminal_id}"


def parse_key_line(line: str) -> tuple[PublicKey, str]:
    """Key and terminal id of a line. Raises KeyLineError."""
    words = line.split()
    if len(words) != 3 or words[0] not in ALGORITHMS:
        raise KeyLineError("expected one line `ed25519 <64 hex digits> <terminal id>`")
    alg, octets = ALGORITHMS[words[0]]
    try:
        raw = bytes.fromhex(words[1])
    except ValueError as error:
        raise KeyLineError("the key is not hex digits") from error
    if len(raw) != octets or len(words[2]) > ID_CHARS_MAX:
        raise KeyLineError(
            f"an {words[0]} key has {2 * octets} hex digits, not {2 * len(raw)},"
            f" and a terminal id at most {ID_CHARS_MAX} characters"
        )
    return PublicKey(alg, raw), words[2]
