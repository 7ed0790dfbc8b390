"""OpenSSL's libcrypto through ctypes: the few documented functions that SM2 needs.

The library is the one that Python's own ssl module links, so that nothing besides Python has to be
installed. It is loaded once, when first asked for; where it is missing or was built without SM2,
`libcrypto()` raises LibraryMissing and everything else goes on working.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import functools
import ssl
import sys
from typing import Any, Final

from ..errors import LibraryMissing

_POINTER: Final = ctypes.c_void_p
_INT: Final = ctypes.c_int
_SIZE: Final = ctypes.c_size_t
_BYTES: Final = ctypes.c_char_p

# Result and arguments of each function, as OpenSSL's manual pages declare them.
_SIGNATURES: Final[dict[str, tuple[Any, tuple[Any, ...]]]] = {
    "BIO_new": (_POINTER, (_POINTER,)),
    "BIO_s_mem": (_POINTER, ()),
    "BIO_new_mem_buf": (_POINTER, (_BYTES, _INT)),
    "BIO_ctrl": (ctypes.c_long, (_POINTER, _INT, ctypes.c_long, _POINTER)),
    "BIO_free": (_INT, (_POINTER,)),
    "PEM_read_bio_PrivateKey": (_POINTER, (_POINTER, _POINTER, _POINTER, _BYTES)),
    "PEM_write_bio_PKCS8PrivateKey": (
        _INT,
        (_POINTER, _POINTER, _POINTER, _BYTES, _INT, _POINTER, _POINTER),
    ),
    "d2i_PUBKEY": (_POINTER, (_POINTER, _POINTER, ctypes.c_long)),
    "i2d_PUBKEY": (_INT, (_POINTER, _POINTER)),
    "d2i_PKCS12_bio": (_POINTER, (_POINTER, _POINTER)),
    "PKCS12_parse": (_INT, (_POINTER, _BYTES, _POINTER, _POINTER, _POINTER)),
    "PKCS12_free": (None, (_POINTER,)),
    "i2d_X509": (_INT, (_POINTER, _POINTER)),
    "X509_free": (None, (_POINTER,)),
    "EVP_PKEY_Q_keygen": (_POINTER, (_POINTER, _POINTER, _BYTES)),
    "EVP_PKEY_free": (None, (_POINTER,)),
    "EVP_PKEY_is_a": (_INT, (_POINTER, _BYTES)),
    "EVP_PKEY_CTX_new": (_POINTER, (_POINTER, _POINTER)),
    "EVP_PKEY_CTX_free": (None, (_POINTER,)),
    "EVP_PKEY_CTX_set1_id": (_INT, (_POINTER, _BYTES, _INT)),
    "EVP_PKEY_sign_init": (_INT, (_POINTER,)),
    "EVP_PKEY_sign": (_INT, (_POINTER, _POINTER, _POINTER, _BYTES, _SIZE)),
    "EVP_PKEY_verify_init": (_INT, (_POINTER,)),
    "EVP_PKEY_verify": (_INT, (_POINTER, _BYTES, _SIZE, _BYTES, _SIZE)),
    "EVP_MD_CTX_new": (_POINTER, ()),
    "EVP_MD_CTX_free": (None, (_POINTER,)),
    "EVP_MD_CTX_set_pkey_ctx": (None, (_POINTER, _POINTER)),
    "EVP_sm3": (_POINTER, ()),
    "EVP_aes_256_cbc": (_POINTER, ()),
    "EVP_DigestSignInit": (_INT, (_POINTER, _POINTER, _POINTER, _POINTER, _POINTER)),
    "EVP_DigestSign": (_INT, (_POINTER, _POINTER, _POINTER, _BYTES, _SIZE)),
    "EVP_DigestVerifyInit": (_INT, (_POINTER, _POINTER, _POINTER, _POINTER, _POINTER)),
    "EVP_DigestVerify": (_INT, (_POINTER, _BYTES, _SIZE, _BYTES, _SIZE)),
    "CRYPTO_free": (None, (_POINTER, _BYTES, _INT)),
    "ERR_clear_error": (None, ()),
}

BIO_CTRL_INFO: Final = 3
"""The control that tells where a memory BIO keeps its bytes."""


@functools.cache
def libcrypto() -> ctypes.CDLL:
    """The library with SM2, its functions declared. Raises LibraryMissing."""
    for name in _names():
        try:
            library = ctypes.CDLL(name)
            _declare(library)
        except (OSError, AttributeError):
            continue  # not there, or too old
        _insist_on_sm2(library)
        return library
    raise LibraryMissing(
        "SM2 needs libcrypto of OpenSSL 3.0 or later; none was found"
        f" (Python's ssl module uses {ssl.OPENSSL_VERSION})"
    )


def _names() -> list[str | None]:
    """Where to look: by the name that Python's ssl module links, in the process, by search."""
    major = ssl.OPENSSL_VERSION_INFO[0]
    if sys.platform == "win32":
        names: list[str | None] = [f"libcrypto-{major}-x64.dll", f"libcrypto-{major}.dll"]
    elif sys.platform == "darwin":
        names = [f"libcrypto.{major}.dylib", None]
    else:
        names = [f"libcrypto.so.{major}", None]
    return [*names, ctypes.util.find_library("crypto") or f"libcrypto.so.{major}"]


def _declare(library: ctypes.CDLL) -> None:
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments


def _insist_on_sm2(library: ctypes.CDLL) -> None:
    key = library.EVP_PKEY_Q_keygen(None, None, b"SM2")
    library.ERR_clear_error()
    if not key:
        raise LibraryMissing("this system's libcrypto was built without SM2")
    library.EVP_PKEY_free(key)
