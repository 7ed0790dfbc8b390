"""Keys at a signing service: the digest goes out, the signature comes back and is verified.

Protocol (docs/guides/einvoice.md): ``POST /sign`` with the JSON object ``key`` (how the service
calls the key), ``algorithm`` and ``digest`` (64 hex digits), answered with ``signature`` (base64 of
DER, of RSA the PKCS#1 v1.5 signature). SM2's digest is SM3(Z ‖ M), with Z of the public key.
"""

from __future__ import annotations

import asyncio
from base64 import b64decode
from binascii import Error as Base64Error
from typing import Final

from ...einvoice.algorithms import SignatureAlgorithm, digest
from ...einvoice.certificates import Certificate
from ...einvoice.keys import sm2_digest
from ...einvoice.ports import SigningUnavailable
from ..config import ServiceConfig
from ..net.jsonservice import JsonService, ServiceError, Sleep

SIGN_PATH: Final = "/sign"


class RemoteSigner:
    """Signs with a key that a service keeps. Nothing but a digest ever leaves."""

    def __init__(
        self, config: ServiceConfig, certificate: Certificate, *, sleep: Sleep = asyncio.sleep
    ) -> None:
        """Raises OSError for an unusable CA file, KeyUnusable, LibraryMissing."""
        self._service = JsonService(config, sleep=sleep)
        self._key_name = config.key_name
        self.certificate = certificate
        self.algorithm: SignatureAlgorithm = certificate.key.algorithm

    def __repr__(self) -> str:
        return f"RemoteSigner({self.certificate.subject})"

    async def sign(self, data: bytes) -> bytes:
        """The signature over `data`. Raises SigningUnavailable."""
        hashed = await asyncio.to_thread(digest_to_sign, self.certificate, data)
        asked = {"key": self._key_name, "algorithm": self.algorithm.value, "digest": hashed.hex()}
        try:
            answer = await self._service.call("POST", SIGN_PATH, asked)
        except ServiceError as error:
            raise SigningUnavailable(f"the signing service: {error}") from None
        if not answer.ok:
            raise SigningUnavailable(f"the signing service refuses: {answer.reason}")
        try:
            signature = b64decode(answer.text("signature"), validate=True)
        except (Base64Error, ValueError):
            signature = b""
        key = self.certificate.key
        if not await asyncio.to_thread(key.verify_digest, hashed, signature):
            # Another key, or a fault on its side: such a signature must never reach a document.
            raise SigningUnavailable(
                "the signing service gave a signature that its certificate does not verify"
            )
        return signature


def digest_to_sign(certificate: Certificate, data: bytes) -> bytes:
    """The 32 bytes that the certificate's key signs for `data`."""
    if certificate.key.algorithm is SignatureAlgorithm.SM3_WITH_SM2:
        return sm2_digest(certificate.spki, data)
    return digest(certificate.key.algorithm, data)


def remote_signer(config: ServiceConfig, certificate: Certificate) -> RemoteSigner:
    """The signer that `load_keys` makes of a section with a service."""
    return RemoteSigner(config, certificate)
