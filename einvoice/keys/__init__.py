"""Keys that sign and verify: SM2 by OpenSSL's libcrypto, RSA and ECDSA by cryptography."""

from .base import PrivateKey, PublicKey
from .loading import (
    generate_key,
    load_pkcs12,
    load_private_key,
    load_public_key,
)
from .sm2 import SM2_ID, sm2_available, sm2_digest

__all__ = [
    "SM2_ID",
    "PrivateKey",
    "PublicKey",
    "generate_key",
    "load_pkcs12",
    "load_private_key",
    "load_public_key",
    "sm2_available",
    "sm2_digest",
]
