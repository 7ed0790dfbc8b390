"""Operators' passwords: how strong they must be, and how they are kept (scrypt).

A kept password is `scrypt$N$r$p$salt$hash` (salt and hash in hex), so that the cost can be raised
later without making old ones invalid.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

SALT_BYTES: Final = 16
MINIMUM: Final = 8
MAXIMUM: Final = 256

_HASH_BYTES: Final = 32
_N: Final = 1 << 14
_R: Final = 8
_P: Final = 1
_MEMORY: Final = 64 * 1024 * 1024


def weakness(password: str, name: str = "") -> str | None:
    """What makes a password too weak (8 and more: upper, lower, digit, symbol), or None."""
    if not MINIMUM <= len(password) <= MAXIMUM:
        return f"it must have {MINIMUM} to {MAXIMUM} characters"
    wanted = {
        "an upper-case letter": any(c.isupper() for c in password),
        "a lower-case letter": any(c.islower() for c in password),
        "a digit": any(c.isdigit() for c in password),
        "a symbol": any(not c.isalnum() and not c.isspace() for c in password),
    }
    missing = [what for what, present in wanted.items() if not present]
    if missing:
        return "it has not " + " nor ".join(missing)
    if name and name.casefold() in password.casefold():
        return "it holds the operator's name"
    return None


def make_hash(password: str, salt: bytes) -> str:
    """The kept form of a password; `salt` is 16 random bytes. Takes about 50 ms."""
    if len(salt) != SALT_BYTES:
        raise ValueError(f"the salt has {SALT_BYTES} bytes")
    digest = _scrypt(password, salt, _N, _R, _P)
    return f"scrypt${_N}${_R}${_P}${salt.hex()}${digest.hex()}"


def verify(password: str, kept: str) -> bool:
    """Whether a password is the kept one, compared in constant time.

    Raises ValueError when `kept` is none of `make_hash`'s.
    """
    scheme, *fields = kept.split("$")
    if scheme != "scrypt" or len(fields) != 5:
        raise ValueError("the kept password is unreadable")
    n, r, p = (int(field) for field in fields[:3])
    expected = bytes.fromhex(fields[4])
    return hmac.compare_digest(_scrypt(password, bytes.fromhex(fields[3]), n, r, p), expected)


def _scrypt(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(
        password.encode("utf-8", "surrogatepass"),
        salt=salt,
        n=n,
        r=r,
        p=p,
        maxmem=_MEMORY,
        dklen=_HASH_BYTES,
    )
