"""Keys from files: PEM (PKCS#8, PKCS#1, SEC 1) and PKCS#12, of whatever algorithm."""

from __future__ import annotations

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from ..algorithms import SignatureAlgorithm
from ..errors import KeyUnusable
from .base import PrivateKey, PublicKey
from .classic import ClassicPrivateKey, ClassicPublicKey
from .sm2 import Sm2PrivateKey, Sm2PublicKey, is_sm2_spki


def generate_key(algorithm: SignatureAlgorithm) -> PrivateKey:
    """A new key for `algorithm`. Raises LibraryMissing."""
    if algorithm is SignatureAlgorithm.SM3_WITH_SM2:
        return Sm2PrivateKey.generate()
    return ClassicPrivateKey.generate(algorithm)


def load_private_key(pem: bytes, password: bytes | None = None) -> PrivateKey:
    """A private key from PEM. Raises KeyUnusable, and LibraryMissing for SM2."""
    try:
        key = serialization.load_pem_private_key(pem, password)
    except (UnsupportedAlgorithm, ValueError, TypeError):
        if b"-----BEGIN" not in pem:
            raise KeyUnusable("the file is no PEM") from None
        return Sm2PrivateKey.from_pem(pem, password)  # what cryptography knows nothing of
    return _classic(key)


def load_pkcs12(data: bytes, password: bytes) -> tuple[PrivateKey, bytes]:
    """Key and certificate (DER) of a PKCS#12 file. Raises KeyUnusable, LibraryMissing."""
    try:
        key, certificate, _ = pkcs12.load_key_and_certificates(data, password)
    except (UnsupportedAlgorithm, ValueError, TypeError):
        return Sm2PrivateKey.from_pkcs12(data, password)
    if key is None or certificate is None:
        raise KeyUnusable("the PKCS#12 holds no key with its certificate")
    return _classic(key), certificate.public_bytes(serialization.Encoding.DER)


def load_public_key(spki: bytes) -> PublicKey:
    """A public key from its SubjectPublicKeyInfo in DER. Raises KeyUnusable, LibraryMissing."""
    if is_sm2_spki(spki):
        return Sm2PublicKey(spki)
    try:
        key = serialization.load_der_public_key(spki)
    except (UnsupportedAlgorithm, ValueError, TypeError):
        raise KeyUnusable("the public key is neither SM2, RSA nor of a known curve") from None
    if isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        return ClassicPublicKey(key)
    raise KeyUnusable("the public key is neither SM2, RSA nor of a known curve")


def _classic(key: object) -> PrivateKey:
    if isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        return ClassicPrivateKey(key)
    raise KeyUnusable("the private key is neither SM2, RSA nor of a known curve")
