"""The MAC algorithms of the wire specification (section 3) behind one protocol.

| name | value | length |
|---|---|---|
| `sha256-token` | hex(SHA-256(token ‖ body)) | 64 |
| `3des-token` | hex(3DES-ECB, node's DES key, the 32-character token) | 64 |
| `3des-digest` | hex(3DES-ECB, node's DES key, lower-case hex of SHA-256(token ‖ body)) | 128 |
| `hmac-sha256` | hex(HMAC-SHA-256(token, body)) | 64 |
| `hmac-sm3` | hex(HMAC-SM3(token, body)) | 64 |

Values are written in upper-case hex and read in either case. Objects belong to one node; they may
be used from several threads.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from typing import Final, Protocol

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.hmac import HMAC

from .tokens import TokenError, check_token
from .tripledes import KeyMaterialError, TripleDes

WIDTHS: Final = frozenset({64, 128})
"""Widths of the MAC field, in bytes; the width is a property of the node."""

_TOKEN_CACHE_SIZE = 8
_HEX_TOKEN = re.compile(r"[0-9A-Fa-f]{64}")


class Algorithm(Protocol):
    """How one node's MAC is computed."""

    @property
    def name(self) -> str:
        """The name in the configuration, such as `sha256-token`."""

    @property
    def length(self) -> int:
        """Hex digits of the value, at most the width of the MAC field."""

    @property
    def cipher(self) -> TripleDes | None:
        """The cipher that hides a new token in 2003; None where it travels in plain text."""

    def compute(self, token: bytes, body: bytes) -> str:
        """Return the value in upper-case hex."""


class Sha256Token:
    """`sha256-token`: the digest over token and body. Safe because bodies are parsed strictly."""

    __slots__ = ()
    name: Final = "sha256-token"
    length: Final = 64
    cipher: Final = None

    def compute(self, token: bytes, body: bytes) -> str:
        """Return hex(SHA-256(token ‖ body))."""
        return hashlib.sha256(token + body).hexdigest().upper()


class HmacSha256:
    """`hmac-sha256`: RFC 2104 over SHA-256."""

    __slots__ = ()
    name: Final = "hmac-sha256"
    length: Final = 64
    cipher: Final = None

    def compute(self, token: bytes, body: bytes) -> str:
        """Return hex(HMAC-SHA-256(token, body))."""
        return hmac.digest(token, body, "sha256").hex().upper()


def hmac_sm3_openssl(key: bytes, data: bytes) -> bytes:
    """HMAC-SM3 by the OpenSSL of the interpreter."""
    return hmac.digest(key, data, "sm3")


def hmac_sm3_cryptography(key: bytes, data: bytes) -> bytes:
    """HMAC-SM3 by the cryptography package, for an interpreter whose OpenSSL lacks SM3."""
    context = HMAC(key, hashes.SM3())
    context.update(data)
    return context.finalize()


def _choose_hmac_sm3() -> Callable[[bytes, bytes], bytes]:
    """Prefer the interpreter's OpenSSL; both take about 5 µs for 1.5 KB."""
    try:
        hmac_sm3_openssl(b"key", b"")
    except ValueError:
        return hmac_sm3_cryptography
    return hmac_sm3_openssl


_hmac_sm3 = _choose_hmac_sm3()


class HmacSm3:
    """`hmac-sm3`: RFC 2104 over SM3 (GB/T 32905-2016), for sites with national algorithms."""

    __slots__ = ()
    name: Final = "hmac-sm3"
    length: Final = 64
    cipher: Final = None

    def compute(self, token: bytes, body: bytes) -> str:
        """Return hex(HMAC-SM3(token, body))."""
        return _hmac_sm3(token, body).hex().upper()


class TripleDesToken:
    """`3des-token`: the encrypted token. It says nothing about the body and can be replayed."""

    __slots__ = ("_values", "cipher")
    name: Final = "3des-token"
    length: Final = 64

    def __init__(self, des_key: bytes) -> None:
        """`des_key` is 16 or 24 bytes; raises `KeyMaterialError`."""
        self.cipher: Final = TripleDes(des_key)
        self._values: dict[bytes, str] = {}

    def compute(self, token: bytes, body: bytes) -> str:
        """Return hex(3DES(token)); one value per token, so it is kept."""
        value = self._values.get(token)
        if value is None:
            value = self.cipher.encrypt(token).hex().upper()
            if len(self._values) >= _TOKEN_CACHE_SIZE:
                self._values.clear()
            self._values[token] = value
        return value


class TripleDesDigest:
    """`3des-digest`: the encrypted digest over token and body."""

    __slots__ = ("cipher",)
    name: Final = "3des-digest"
    length: Final = 128

    def __init__(self, des_key: bytes) -> None:
        """`des_key` is 16 or 24 bytes; raises `KeyMaterialError`."""
        self.cipher: Final = TripleDes(des_key)

    def compute(self, token: bytes, body: bytes) -> str:
        """Return hex(3DES(lower-case hex of SHA-256(token ‖ body)))."""
        digest = hashlib.sha256(token + body).hexdigest().encode("ascii")
        return self.cipher.encrypt(digest).hex().upper()


_PLAIN: Final[dict[str, Algorithm]] = {
    algorithm.name: algorithm for algorithm in (Sha256Token(), HmacSha256(), HmacSm3())
}
_KEYED: Final[dict[str, Callable[[bytes], Algorithm]]] = {
    "3des-token": TripleDesToken,
    "3des-digest": TripleDesDigest,
}
_LENGTHS: Final = {
    **{name: algorithm.length for name, algorithm in _PLAIN.items()},
    TripleDesToken.name: TripleDesToken.length,
    TripleDesDigest.name: TripleDesDigest.length,
}

ALGORITHM_NAMES: Final = ("sha256-token", "3des-token", "3des-digest", "hmac-sha256", "hmac-sm3")
"""The names in the order of the specification."""


def needs_des_key(name: str) -> bool:
    """Tell whether the algorithm works with the node's DES key; False for unknown names."""
    return name in _KEYED


def replayable(name: str) -> bool:
    """Tell whether one overheard MAC authenticates any later frame (`3des-token`)."""
    return name == TripleDesToken.name


def make_algorithm(name: str, des_key: bytes | None = None) -> Algorithm:
    """Return the algorithm of one node with its DES key expanded.

    `des_key` (16 or 24 bytes) is needed by the 3des algorithms and ignored by the others. Raises
    `KeyMaterialError` for a missing or unusable key, `ValueError` for an unknown name.
    """
    plain = _PLAIN.get(name)
    if plain is not None:
        return plain
    factory = _KEYED.get(name)
    if factory is None:
        raise ValueError(f"unknown MAC algorithm {name!r}; known: {', '.join(ALGORITHM_NAMES)}")
    if des_key is None:
        raise KeyMaterialError(f"{name} needs the node's DES key")
    return factory(des_key)


def check_width(name: str, width: int) -> None:
    """Raise `ValueError` unless a MAC field of `width` bytes can carry the algorithm's value."""
    if width not in WIDTHS:
        raise ValueError(f"the MAC field is 64 or 128 bytes wide, not {width}")
    length = _LENGTHS.get(name)
    if length is None:
        raise ValueError(f"unknown MAC algorithm {name!r}; known: {', '.join(ALGORITHM_NAMES)}")
    if length > width:
        raise ValueError(f"{name} makes {length} hex digits: the MAC field must be {length} wide")


def verify(algorithm: Algorithm, width: int, token: bytes, body: bytes, received: bytes) -> bool:
    """Tell in constant time whether `received` is the MAC field of `body` under `token`.

    `received` is the whole field: exactly `width` bytes, hex in either case, padded with spaces on
    the right. Anything else is a mismatch, never an exception.
    """
    expected = algorithm.compute(token, body).encode("ascii")
    value = received.rstrip(b" ").upper()
    return hmac.compare_digest(value, expected) and len(received) == width


def encrypt_token(algorithm: Algorithm, token: str) -> str:
    """Return 2003/Token as a node with this algorithm sends it.

    Upper-case hex of the encrypted token for the 3des algorithms, the token itself for the others.
    Raises `TokenError` when `token` is none.
    """
    check_token(token)
    if algorithm.cipher is None:
        return token
    return algorithm.cipher.encrypt(token.encode("ascii")).hex().upper()


def decrypt_token(algorithm: Algorithm, text: str) -> str:
    """Return the token that 2003/Token carries.

    Raises `TokenError` for anything that is not, or does not decrypt to, 32 letters or digits. The
    caller decides whether plain text was allowed on this connection.
    """
    if algorithm.cipher is None:
        return check_token(text)
    if _HEX_TOKEN.fullmatch(text) is None:
        raise TokenError("an encrypted token is 64 hex digits")
    plain = algorithm.cipher.decrypt(bytes.fromhex(text))
    try:
        return check_token(plain.decode("ascii"))
    except ValueError:  # also UnicodeDecodeError, which would quote the plain text
        raise TokenError("the encrypted token does not decrypt to letters and digits") from None
