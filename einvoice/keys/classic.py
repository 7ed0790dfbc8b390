"""RSA and ECDSA keys through the library cryptography."""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from ..algorithms import SignatureAlgorithm
from ..errors import KeyUnusable
from .base import is_strict_der

_HASH: Final = hashes.SHA256()
_HASHED: Final = Prehashed(_HASH)
_DIGEST_BYTES: Final = 32
_LEAST_RSA_BITS: Final = 2048
_LEAST_CURVE_BITS: Final = 256

Hashing = hashes.SHA256 | Prehashed


class ClassicPublicKey:
    """Verifies SHA256withRSA (PKCS#1 v1.5) or SHA256withECDSA (DER)."""

    def __init__(self, key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey) -> None:
        """Raises KeyUnusable for keys that are too short to be believed."""
        self._key = key
        if isinstance(key, rsa.RSAPublicKey):
            least = _LEAST_RSA_BITS
            self.algorithm = SignatureAlgorithm.SHA256_WITH_RSA
        else:
            least = _LEAST_CURVE_BITS
            self.algorithm = SignatureAlgorithm.SHA256_WITH_ECDSA
        if key.key_size < least:
            raise KeyUnusable(f"the key has {key.key_size} bits, at least {least} are needed")
        self.spki = key.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def verify(self, data: bytes, signature: bytes) -> bool:
        """Whether `signature` was made over `data` by the key's owner; never raises."""
        return self._verifies(data, signature, _HASH)

    def verify_digest(self, digest: bytes, signature: bytes) -> bool:
        """The same for a SHA-256 hash."""
        return len(digest) == _DIGEST_BYTES and self._verifies(digest, signature, _HASHED)

    def _verifies(self, data: bytes, signature: bytes, hashing: Hashing) -> bool:
        try:
            if isinstance(self._key, rsa.RSAPublicKey):
                self._key.verify(signature, data, padding.PKCS1v15(), hashing)
            elif is_strict_der(signature):
                self._key.verify(signature, data, ec.ECDSA(hashing))
            else:
                return False
        except InvalidSignature:
            return False
        return True


class ClassicPrivateKey:
    """Signs SHA256withRSA or SHA256withECDSA."""

    def __init__(self, key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> None:
        """Raises KeyUnusable for keys that are too short to be believed."""
        self._key = key
        self.public = ClassicPublicKey(key.public_key())
        self.algorithm = self.public.algorithm

    def __repr__(self) -> str:
        return "ClassicPrivateKey(***)"

    @classmethod
    def generate(cls, algorithm: SignatureAlgorithm) -> ClassicPrivateKey:
        """A new key: P-256, or RSA of 2048 bits."""
        if algorithm is SignatureAlgorithm.SHA256_WITH_RSA:
            return cls(rsa.generate_private_key(65537, _LEAST_RSA_BITS))
        return cls(ec.generate_private_key(ec.SECP256R1()))

    def sign(self, data: bytes) -> bytes:
        """The signature over `data`."""
        return self._signed(data, _HASH)

    def sign_digest(self, digest: bytes) -> bytes:
        """The signature over a SHA-256 hash. Raises KeyUnusable for other than 32 bytes."""
        if len(digest) != _DIGEST_BYTES:
            raise KeyUnusable(f"a digest has {_DIGEST_BYTES} bytes, not {len(digest)}")
        return self._signed(digest, _HASHED)

    def _signed(self, data: bytes, hashing: Hashing) -> bytes:
        if isinstance(self._key, rsa.RSAPrivateKey):
            return self._key.sign(data, padding.PKCS1v15(), hashing)
        return self._key.sign(data, ec.ECDSA(hashing))

    def pkcs8(self, password: bytes | None = None) -> bytes:
        """The key as PEM, PKCS#8, encrypted under `password` where one is given."""
        encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if password:
            encryption = serialization.BestAvailableEncryption(password)
        return self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
        )
