"""SM2 with SM3 behind the Signer interface, and the same verdict from the openssl command."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from unittest.mock import MagicMock

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from terminal.county.keys import read_key_file
from terminal.records import ALG_SM2_SM3, PublicKey, RecordError, Sm2Signer, sm2, verify_record
from terminal.records.signing import sign_record
from terminal.records.sm2 import ALGORITHM, ORDER, SIGNER_ID, Sm2UnavailableError, sm2_holds
from tests.unit.ledger.builders import SIGNER, record

SEED = bytes(range(1, 33))


@pytest.fixture(scope="module")
def signer() -> Sm2Signer:
    try:
        return Sm2Signer(SEED)
    except Sm2UnavailableError as error:
        pytest.skip(str(error))


def test_a_record_signed_with_sm2_is_verified_and_no_other_key_holds(signer: Sm2Signer) -> None:
    signed = sign_record(record(), signer)
    assert verify_record(signed, signer.public_key) == record()
    for wrong in (Sm2Signer(SEED[::-1]).public_key, SIGNER.public_key):
        with pytest.raises(RecordError):
            verify_record(signed, wrong)
    with pytest.raises(RecordError, match="does not hold"):
        verify_record(signed[:-1] + bytes([signed[-1] ^ 1]), signer.public_key)


def test_the_largest_key_signs(signer: Sm2Signer) -> None:
    largest = Sm2Signer((ORDER - 2).to_bytes(32, "big"))
    assert sm2_holds(largest.public_key.raw, largest.sign(b"m"), b"m")
    assert largest.public_key != signer.public_key


def test_damaged_signatures_keys_and_messages_do_not_hold(signer: Sm2Signer) -> None:
    key, signature = signer.public_key.raw, signer.sign(b"message")
    assert sm2_holds(key, signature, b"message")
    assert not sm2_holds(key, signature, b"massage")
    for bad in (b"", signature[:-1], signature + b"\0", bytes(64), b"\xff" * 64):
        assert not sm2_holds(key, bad, b"message")
    for bad in (b"", key[1:], b"\x04" + bytes(64), b"\x05" + key[1:]):
        assert not sm2_holds(bad, signature, b"message")
    for bad in (b"", SEED[1:], bytes(32), (ORDER - 1).to_bytes(32, "big"), b"\xff" * 32):
        with pytest.raises(ValueError, match="SM2 private key"):
            Sm2Signer(bad)


def test_the_openssl_command_agrees(signer: Sm2Signer, tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl command is installed")
    signature = signer.sign(b"message")
    halves = (int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
    (tmp_path / "sig").write_bytes(encode_dss_signature(*halves))
    spki = b"\x30\x59" + ALGORITHM + b"\x03\x42\x00" + signer.public_key.raw
    (tmp_path / "key").write_bytes(spki)
    (tmp_path / "message").write_bytes(b"message")
    done = subprocess.run(
        [openssl, "pkeyutl", "-verify", "-rawin", "-digest", "sm3", "-pubin", "-keyform", "DER",
         "-inkey", "key", "-in", "message", "-sigfile", "sig",
         "-pkeyopt", f"distid:{SIGNER_ID.decode()}"],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip
    assert "Signature Verified Successfully" in done.stdout, done.stderr


def test_the_county_enrols_an_sm2_key(signer: Sm2Signer, tmp_path: Path) -> None:
    path = tmp_path / "t.pub"
    path.write_text(f"sm2 {signer.public_key.raw.hex()} T-1\n")
    assert read_key_file(path).key == PublicKey(ALG_SM2_SM3, signer.public_key.raw)


class Refusing:
    """OpenSSL, but one call fails."""

    def __init__(self, call: str) -> None:
        self.call, self.library = call, sm2._library()

    def __getattr__(self, name: str) -> object:
        return (lambda *_: 0) if name == self.call else getattr(self.library, name)


@pytest.mark.parametrize(
    ("call", "told"),
    [("EVP_DigestSignInit", "refuses SM2 with SM3"), ("EVP_DigestSign", "did not make")],
)
def test_an_openssl_that_refuses_says_so(
    signer: Sm2Signer, monkeypatch: pytest.MonkeyPatch, call: str, told: str
) -> None:
    refusing = Refusing(call)
    monkeypatch.setattr(sm2, "_library", lambda: refusing)
    with pytest.raises(Sm2UnavailableError, match=told):
        signer.sign(b"message")


@pytest.mark.parametrize("library", [None, object()])
def test_a_machine_without_sm2_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, library: object
) -> None:
    asked: list[str | None] = []
    monkeypatch.setattr(sm2.ctypes, "CDLL", lambda name: asked.append(name) or library)
    monkeypatch.setattr(sm2.ctypes.util, "find_library", lambda name: library and "crypto")
    with pytest.raises(Sm2UnavailableError, match="libssl3"):
        sm2._library.__wrapped__()
    assert asked == ([] if library is None else ["crypto"])


def test_a_key_that_openssl_does_not_take(
    signer: Sm2Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sm2, "_load", lambda call, der: None)
    with pytest.raises(ValueError, match="not an SM2 private key"):
        signer.sign(b"message")
    with pytest.raises(ValueError, match="not an SM2 private key"):
        Sm2Signer(SEED)


def test_the_smallest_key_signs(signer: Sm2Signer) -> None:
    smallest = Sm2Signer((1).to_bytes(32, "big"))
    assert sm2_holds(smallest.public_key.raw, smallest.sign(b"m"), b"m")


def test_octets_too_many_are_refused_although_the_rest_would_hold(signer: Sm2Signer) -> None:
    key, signature = signer.public_key.raw, signer.sign(b"m")
    assert not sm2_holds(key + b"\0", signature, b"m")
    assert not sm2_holds(key, signature[:32] + b"\0" + signature[32:], b"m")


def test_a_library_that_has_every_call_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    library = MagicMock()
    monkeypatch.setattr(sm2.ctypes, "CDLL", lambda name: library)
    monkeypatch.setattr(sm2.ctypes.util, "find_library", lambda name: "crypto")
    assert sm2._library.__wrapped__() is library
    assert library.EVP_sm3.restype is not None
    assert library.EVP_PKEY_free.restype is None
