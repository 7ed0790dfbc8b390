"""A signing service (签名服务): keeps keys, is sent a digest and answers with the signature."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import Final

from ..einvoice.errors import EInvoiceError
from ..einvoice.keys import PrivateKey
from .jsonserver import Asked, Told

_DIGEST_BYTES: Final = 32


class SigningService:
    """Keys by the names that callers know. Use `handle` with a `JsonServer`."""

    def __init__(self, keys: Mapping[str, PrivateKey]) -> None:
        self._keys = dict(keys)
        self.signed = 0
        """How many signatures were made."""

    async def handle(self, asked: Asked) -> Told:
        """``POST /sign`` with key, algorithm and digest."""
        if (asked.method, asked.path) != ("POST", "/sign"):
            return Told(404, {"error": "POST /sign is all there is"})
        key = self._keys.get(str(asked.content.get("key")))
        if key is None:
            return Told(404, {"error": "no such key"})
        if asked.content.get("algorithm") != key.algorithm.value:
            return Told(422, {"error": f"the key's algorithm is {key.algorithm.value}"})
        try:
            digest = bytes.fromhex(str(asked.content.get("digest")))
            signature = key.sign_digest(digest)
        except (ValueError, EInvoiceError):
            return Told(422, {"error": f"digest must be {_DIGEST_BYTES} bytes in hex"})
        self.signed += 1
        if asked.behaviour.corrupt_mac:
            signature = signature[:-1] + bytes([signature[-1] ^ 1])
        return Told(200, {"signature": b64encode(signature).decode()})


__all__ = ["SigningService"]
