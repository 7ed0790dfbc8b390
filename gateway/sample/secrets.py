"""Making new secrets out of random bytes that are handed in."""

from __future__ import annotations

import string
from collections.abc import Callable
from typing import Final

from ...mac import KeyMaterialError, parse_des_key

Random = Callable[[int], bytes]

_TOKEN_ALPHABET: Final = string.ascii_letters + string.digits
# Easy to type and to read aloud: no l, I, O, 0, 1; symbols that no shell treats specially.
_PASSWORD_CLASSES: Final = (
    "abcdefghijkmnopqrstuvwxyz",
    "ABCDEFGHJKLMNPQRSTUVWXYZ",
    "23456789",
    "-_.+=@%",
)
_PASSWORD_LENGTH: Final = 16


def token(random: Random) -> str:
    """Return a new communication token: 32 letters or digits."""
    return _draw(random, _TOKEN_ALPHABET, 32)


def master_key(random: Random) -> str:
    """Return a new master key in 64 hex digits."""
    return random(32).hex()


def des_key(random: Random) -> str:
    """Return a new DES key in 48 hex digits, surely triple DES."""
    while True:
        key = random(24).hex()
        try:
            parse_des_key(key)
        except KeyMaterialError:
            continue
        return key


def password(random: Random) -> str:
    """Return a new password of 16 characters with lower, upper, digit and symbol."""
    while True:
        text = _draw(random, "".join(_PASSWORD_CLASSES), _PASSWORD_LENGTH)
        if all(set(text) & set(characters) for characters in _PASSWORD_CLASSES):
            return text


def _draw(random: Random, alphabet: str, length: int) -> str:
    """Draw characters evenly: bytes beyond the last whole multiple are thrown away."""
    end = 256 - 256 % len(alphabet)
    text = ""
    while len(text) < length:
        text += "".join(alphabet[byte % len(alphabet)] for byte in random(64) if byte < end)
    return text[:length]
