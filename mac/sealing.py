"""Secrets at rest: sealed under the installation's master key, and wrapped in memory.

A sealed text is `v1:` followed by base64 of nonce (12 bytes), ciphertext and tag (16 bytes) of
AES-256-GCM. The context, such as `token/D3206820105`, is associated data: what was sealed for one
place cannot be moved to another. Randomness is handed in.
"""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from typing import Final, NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .tripledes import KeyMaterialError

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_PREFIX: Final = "v1:"


class SealError(Exception):
    """A sealed text cannot be opened. Why is not said, so that nothing can be learnt from it."""


class Secret:
    """A text that never shows itself: not in repr, str, format, logs or pickles."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def expose(self) -> str:
        """Return the text. Whoever calls this is answerable for where it goes."""
        return self._value

    def __repr__(self) -> str:
        return "***"

    def __format__(self, specification: str) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a secret is not pickled")


class MasterKey:
    """The key under which an installation seals its secrets: 32 bytes, AES-256-GCM."""

    __slots__ = ("_cipher",)

    def __init__(self, key: bytes) -> None:
        """Raises `KeyMaterialError` unless `key` is 32 bytes."""
        if len(key) != KEY_BYTES:
            raise KeyMaterialError(f"the master key is {KEY_BYTES} bytes, not {len(key)}")
        self._cipher = AESGCM(key)

    def __repr__(self) -> str:
        return "MasterKey(***)"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a master key is not pickled")

    @classmethod
    def from_hex(cls, text: str) -> MasterKey:
        """Return the key that 64 hex digits write; raises `KeyMaterialError`."""
        digits = text.strip()
        if len(digits) != 2 * KEY_BYTES:
            raise KeyMaterialError(
                f"the master key is {2 * KEY_BYTES} hex digits, not {len(digits)} characters"
            )
        try:
            key = bytes.fromhex(digits)
        except ValueError:
            raise KeyMaterialError("the master key is written in hex digits only") from None
        return cls(key)

    def seal(self, plain: bytes, *, context: str, nonce: bytes) -> str:
        """Return `plain` sealed for `context`.

        `nonce` is 12 random bytes that were never used before with this key; `ValueError` for
        another length.
        """
        if len(nonce) != NONCE_BYTES:
            raise ValueError(f"the nonce is {NONCE_BYTES} bytes, not {len(nonce)}")
        sealed = nonce + self._cipher.encrypt(nonce, plain, context.encode())
        return _PREFIX + b64encode(sealed).decode("ascii")

    def open_sealed(self, text: str, *, context: str) -> bytes:
        """Return what `seal` was given.

        Raises `SealError` for another key or context, or a changed text.
        """
        if not text.startswith(_PREFIX):
            raise SealError("cannot open a sealed secret")
        try:
            sealed = b64decode(text[len(_PREFIX) :], validate=True)
        except ValueError:
            raise SealError("cannot open a sealed secret") from None
        # one text, one meaning: base64 has spare bits at the end that must be zero
        canonical = _PREFIX + b64encode(sealed).decode("ascii") == text
        if not canonical or len(sealed) < NONCE_BYTES + _TAG_BYTES:
            raise SealError("cannot open a sealed secret")
        nonce, rest = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
        try:
            return self._cipher.decrypt(nonce, rest, context.encode())
        except InvalidTag:
            raise SealError("cannot open a sealed secret") from None
