"""Authentication of bytes: the MAC of a frame, the life of a token, secrets at rest.

Pure functions of their arguments: no I/O, no clock, no randomness. Wire specification, section 3.
"""

from .algorithms import (
    ALGORITHM_NAMES,
    WIDTHS,
    Algorithm,
    check_width,
    decrypt_token,
    encrypt_token,
    make_algorithm,
    needs_des_key,
    replayable,
    verify,
)
from .sealing import NONCE_BYTES, MasterKey, SealError, Secret
from .tokens import TokenError, TokenState, check_token
from .tripledes import KeyMaterialError, TripleDes, parse_des_key

__all__ = [
    "ALGORITHM_NAMES",
    "NONCE_BYTES",
    "WIDTHS",
    "Algorithm",
    "KeyMaterialError",
    "MasterKey",
    "SealError",
    "Secret",
    "TokenError",
    "TokenState",
    "TripleDes",
    "check_token",
    "check_width",
    "decrypt_token",
    "encrypt_token",
    "make_algorithm",
    "needs_des_key",
    "parse_des_key",
    "replayable",
    "verify",
]
