"""Digests of the lines of a statement, whatever their order and however they are split into packs.

Each line gives a SHA-256; the digest is their sum modulo 2^256. Digests of packs therefore add up
to the digest of their batch, and a line that is there twice counts twice. Lists come from peers
that are known by their MAC: this tells contents apart, it does not stand against a forger.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import Final

_MODULUS: Final = 1 << 256

EMPTY: Final = "0" * 64
"""The digest of no line at all."""


def lines_digest(lines: Iterable[tuple[str | int, ...]]) -> str:
    """64 hex digits for the lines; each is the tuple of its fields as they are kept."""
    total = 0
    for line in lines:
        # ascii() keeps 1 and "1", ("a", "b") and ("ab", "") apart, and writes the same in every
        # version of Python; repr() would not for characters that became printable.
        total += int.from_bytes(sha256(ascii(line).encode("ascii")).digest())
    return f"{total % _MODULUS:064x}"


def combined(digests: Iterable[str]) -> str:
    """The digest of all lines together, from the digests of their parts."""
    return f"{sum(int(digest, 16) for digest in digests) % _MODULUS:064x}"
