"""SM2 signatures with SM3 (GM/T 0003, GM/T 0009), made and checked by OpenSSL's libcrypto.

The second signer behind the Signer interface, for platforms that must have the national
algorithms. A signature is r and s as 32 octets each, so it has one encoding. Nothing is computed
here: a machine whose libcrypto has no SM2 says so and never answers "does not hold".
"""

from __future__ import annotations

import ctypes
import ctypes.util
from functools import cache

from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

ALG_SM2_SM3 = -65_537
"""COSE algorithm number of the private-use range (RFC 9053: below -65536)."""
SIGNER_ID = b"1234567812345678"
"""Distinguishing identifier hashed with the key: the default of GM/T 0009."""
KEY_BYTES = 65
HALF_BYTES = 32
ORDER = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
"""Order of the base point (GM/T 0003.5); a private key is 1 to ORDER - 2."""
DER_BYTES_MAX = 80
ALGORITHM = bytes.fromhex("301306072a8648ce3d020106082a811ccf5501822d")
"""AlgorithmIdentifier: EC key on the curve SM2."""


class Sm2UnavailableError(OSError):
    """This machine's OpenSSL cannot do SM2. str() is one sentence."""


@cache
def _library() -> ctypes.CDLL:
    name = ctypes.util.find_library("crypto")
    library = ctypes.CDLL(name) if name else None
    if library is None or not hasattr(library, "EVP_PKEY_CTX_set1_id"):
        raise Sm2UnavailableError("SM2 needs OpenSSL's libcrypto 3; install libssl3.")
    for call in ("d2i_PUBKEY", "d2i_AutoPrivateKey", "EVP_MD_CTX_new", "EVP_PKEY_CTX_new",
                 "EVP_sm3"):  # fmt: skip
        getattr(library, call).restype = ctypes.c_void_p
    for call in ("EVP_PKEY_free", "EVP_PKEY_CTX_free", "EVP_MD_CTX_free"):
        getattr(library, call).restype = None
    return library


def _load(call: str, der: bytes) -> ctypes.c_void_p | None:
    start = ctypes.c_char_p(der)
    key = getattr(_library(), call)(None, ctypes.byref(start), ctypes.c_long(len(der)))
    return ctypes.c_void_p(key) if key else None


class _Digest:
    """One signing or checking operation with its contexts."""

    def __init__(self, key: ctypes.c_void_p, start: str) -> None:
        library = _library()
        self._md = ctypes.c_void_p(library.EVP_MD_CTX_new())
        self._ctx = ctypes.c_void_p(library.EVP_PKEY_CTX_new(key, None))
        library.EVP_PKEY_CTX_set1_id(self._ctx, SIGNER_ID, len(SIGNER_ID))
        library.EVP_MD_CTX_set_pkey_ctx(self._md, self._ctx)
        sm3 = ctypes.c_void_p(library.EVP_sm3())
        good = getattr(library, start)(self._md, None, sm3, None, key) == 1
        if not good:
            self.close()
            raise Sm2UnavailableError("This machine's OpenSSL refuses SM2 with SM3.")

    def sign(self, message: bytes) -> bytes:
        room = ctypes.create_string_buffer(DER_BYTES_MAX)
        size = ctypes.c_size_t(DER_BYTES_MAX)
        done = _library().EVP_DigestSign(
            self._md, room, ctypes.byref(size), message, ctypes.c_size_t(len(message))
        )
        if done != 1:
            raise Sm2UnavailableError("OpenSSL did not make the SM2 signature.")
        return room.raw[: size.value]

    def holds(self, der: bytes, message: bytes) -> bool:
        done: int = _library().EVP_DigestVerify(
            self._md, der, ctypes.c_size_t(len(der)), message, ctypes.c_size_t(len(message))
        )
        return done == 1

    def close(self) -> None:
        _library().EVP_MD_CTX_free(self._md)
        _library().EVP_PKEY_CTX_free(self._ctx)


def sm2_sign(seed: bytes, message: bytes) -> bytes:
    """64 octets. seed: the 32-octet private key. Raises ValueError, Sm2UnavailableError."""
    key = _load("d2i_AutoPrivateKey", _private_der(seed))
    if key is None:
        raise ValueError("these octets are not an SM2 private key")
    try:
        digest = _Digest(key, "EVP_DigestSignInit")
        try:
            r, s = decode_dss_signature(digest.sign(message))
        finally:
            digest.close()
    finally:
        _library().EVP_PKEY_free(key)
    return r.to_bytes(HALF_BYTES, "big") + s.to_bytes(HALF_BYTES, "big")


def sm2_holds(raw_key: bytes, signature: bytes, message: bytes) -> bool:
    """Whether it holds. raw_key: 04, x and y. Raises Sm2UnavailableError."""
    if len(raw_key) != KEY_BYTES or len(signature) != 2 * HALF_BYTES:
        return False
    key = _load("d2i_PUBKEY", b"\x30\x59" + ALGORITHM + b"\x03\x42\x00" + raw_key)
    if key is None:
        return False
    halves = (signature[:HALF_BYTES], signature[HALF_BYTES:])
    der = encode_dss_signature(*(int.from_bytes(half, "big") for half in halves))
    try:
        digest = _Digest(key, "EVP_DigestVerifyInit")
        try:
            return digest.holds(der, message)
        finally:
            digest.close()
    finally:
        _library().EVP_PKEY_free(key)


def sm2_public(seed: bytes) -> bytes:
    """04, x and y of a private key. Raises ValueError, Sm2UnavailableError."""
    key = _load("d2i_AutoPrivateKey", _private_der(seed))
    if key is None:
        raise ValueError("these octets are not an SM2 private key")
    room = ctypes.create_string_buffer(256)
    end = ctypes.c_void_p(ctypes.addressof(room))
    try:
        size = _library().i2d_PUBKEY(key, ctypes.byref(end))
    finally:
        _library().EVP_PKEY_free(key)
    return room.raw[size - KEY_BYTES : size]


def _private_der(seed: bytes) -> bytes:
    if len(seed) != HALF_BYTES:
        raise ValueError(f"an SM2 private key has {HALF_BYTES} octets, not {len(seed)}")
    if not 1 <= int.from_bytes(seed, "big") <= ORDER - 2:
        raise ValueError("these octets are not an SM2 private key")
    inner = b"\x30\x25\x02\x01\x01\x04\x20" + seed
    body = b"\x02\x01\x00" + ALGORITHM + b"\x04" + bytes([len(inner)]) + inner
    return b"\x30" + bytes([len(body)]) + body
