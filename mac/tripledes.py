"""Triple DES in ECB mode without padding, with the key schedule made once.

Making a cipher object costs about 40 µs and using it 6 µs, so one object per node is kept. Sources:
wire specification, section 3; NIST SP 800-67.
"""

from __future__ import annotations

from binascii import Error as HexError
from binascii import unhexlify
from itertools import pairwise
from threading import Lock

_BLOCK = 8
_PARITY_MASK = 0xFE  # the lowest bit of each key byte is parity: DES ignores it


class KeyMaterialError(ValueError):
    """A key that cannot be used. The message never contains the key."""


def parse_des_key(text: str) -> bytes:
    """Return the DES key (16 or 24 bytes) that 32 or 48 hex digits write.

    White space around the digits is ignored. Raises `KeyMaterialError` for anything else, also for
    a key that degenerates to single DES.
    """
    digits = text.strip()
    if len(digits) not in {32, 48}:
        raise KeyMaterialError(
            f"a DES key is 32 or 48 hex digits (16 or 24 bytes), not {len(digits)} characters"
        )
    try:
        key = unhexlify(digits)
    except (HexError, ValueError):
        # `from None`: the cause may quote a piece of the key
        raise KeyMaterialError("a DES key is written in hex digits only") from None
    check_des_key(key)
    return key


def check_des_key(key: bytes) -> None:
    """Raise `KeyMaterialError` unless `key` is a 16 or 24 byte key that is really triple DES.

    Encrypting with K1, decrypting with K2 = K1 cancels out and leaves single DES under K3; K2 = K3
    leaves single DES under K1. Parity bits do not count.
    """
    if len(key) not in {16, 24}:
        raise KeyMaterialError(f"a DES key is 16 or 24 bytes, not {len(key)}")
    bare = bytes(byte & _PARITY_MASK for byte in key)
    parts = [bare[start : start + _BLOCK] for start in range(0, len(bare), _BLOCK)]
    for number, (first, second) in enumerate(pairwise(parts), start=1):
        if first == second:
            raise KeyMaterialError(
                f"the DES key degenerates to single DES: its part {number} equals part {number + 1}"
            )


class TripleDes:
    """3DES-ECB without padding under one key.

    pycryptodome's ECB objects only read their key schedule when they are used, but that is no
    documented promise, so uses from several threads take turns (a lock costs 0.1 µs).
    """

    __slots__ = ("_cipher", "_lock")

    def __init__(self, key: bytes) -> None:
        """`key` is 16 or 24 bytes; raises `KeyMaterialError`."""
        check_des_key(key)
        # Imported here: it takes 17 ms, which sites without such peers need not wait for.
        from Crypto.Cipher import DES3  # noqa: PLC0415

        # ECB and 3DES are what the interface prescribes
        self._cipher = DES3.new(key, DES3.MODE_ECB)
        self._lock = Lock()

    def __repr__(self) -> str:
        return "TripleDes(***)"

    def encrypt(self, data: bytes) -> bytes:
        """Encrypt whole blocks of 8 bytes; raises `ValueError` for any other length."""
        with self._lock:
            return self._cipher.encrypt(data)

    def decrypt(self, data: bytes) -> bytes:
        """Decrypt whole blocks of 8 bytes; raises `ValueError` for any other length."""
        with self._lock:
            return self._cipher.decrypt(data)
