"""What a key can do, whatever its algorithm, and the one form that signatures of curves have."""

from __future__ import annotations

from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

from ..algorithms import SignatureAlgorithm


class PublicKey(Protocol):
    """Verifies signatures. Safe for several threads."""

    @property
    def algorithm(self) -> SignatureAlgorithm:
        """What its signatures are called."""

    @property
    def spki(self) -> bytes:
        """The SubjectPublicKeyInfo in DER."""

    def verify(self, data: bytes, signature: bytes) -> bool:
        """Whether `signature` was made over `data` by the key's owner; never raises."""

    def verify_digest(self, digest: bytes, signature: bytes) -> bool:
        """The same for 32 bytes that were hashed before (of SM2: with Z, see `sm2_digest`)."""


class PrivateKey(Protocol):
    """Signs. Blocking (a third of a millisecond for SM2) and safe for several threads."""

    @property
    def algorithm(self) -> SignatureAlgorithm:
        """What its signatures are called."""

    @property
    def public(self) -> PublicKey:
        """The other half."""

    def sign(self, data: bytes) -> bytes:
        """The signature over `data`: DER for SM2 and ECDSA, PKCS#1 v1.5 for RSA."""

    def sign_digest(self, digest: bytes) -> bytes:
        """The signature over 32 bytes that were hashed before. Raises KeyUnusable for others."""

    def pkcs8(self, password: bytes | None = None) -> bytes:
        """The key as PEM, PKCS#8, encrypted under `password` where one is given."""


def is_strict_der(signature: bytes) -> bool:
    """Whether a signature is the one DER form of its two numbers; no other bytes say the same."""
    try:
        return encode_dss_signature(*decode_dss_signature(signature)) == signature
    except ValueError:
        return False
