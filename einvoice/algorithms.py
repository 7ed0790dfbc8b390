"""Signature algorithms of fiscal e-invoices (einvoice, section on signatures)."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from cryptography.hazmat.primitives import hashes

from .errors import UnknownAlgorithm


class SignatureAlgorithm(StrEnum):
    """The algorithms by the names that documents carry."""

    SM3_WITH_SM2 = "SM3withSM2"
    SHA256_WITH_RSA = "SHA256withRSA"
    SHA256_WITH_ECDSA = "SHA256withECDSA"


_ALIASES: Final = {"SM2": SignatureAlgorithm.SM3_WITH_SM2}
_BY_NAME: Final = {member.value: member for member in SignatureAlgorithm} | _ALIASES
_HASHES: Final[dict[SignatureAlgorithm, type[hashes.HashAlgorithm]]] = {
    SignatureAlgorithm.SM3_WITH_SM2: hashes.SM3,
    SignatureAlgorithm.SHA256_WITH_RSA: hashes.SHA256,
    SignatureAlgorithm.SHA256_WITH_ECDSA: hashes.SHA256,
}


def algorithm_named(name: str) -> SignatureAlgorithm:
    """The algorithm of a field; `SM2` says the same as `SM3withSM2`. Raises UnknownAlgorithm."""
    found = _BY_NAME.get(name)
    if found is None:
        known = ", ".join(member.value for member in SignatureAlgorithm)
        raise UnknownAlgorithm(f"no signature algorithm of e-invoices: it must be one of {known}")
    return found


def digest(algorithm: SignatureAlgorithm, data: bytes) -> bytes:
    """The 32 bytes of the algorithm's own hash: SM3 or SHA-256."""
    hashed = hashes.Hash(_HASHES[algorithm]())
    hashed.update(data)
    return hashed.finalize()
