"""SM2 signatures (GB/T 32918) with SM3, identity 1234567812345678, in DER."""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from ..algorithms import SignatureAlgorithm, digest
from ..errors import KeyUnusable, LibraryMissing
from .base import is_strict_der
from .libcrypto import BIO_CTRL_INFO, libcrypto

SM2_ID: Final = b"1234567812345678"
"""The distinguishing identity of signer and verifier (GM/T 0009)."""

_DIGEST_BYTES: Final = 32
_SIGNATURE_BYTES: Final = 80  # two numbers of 32 bytes in DER take at most 72
_POINT_BYTES: Final = 65
# a, b and the base point of the curve sm2p256v1 (GB/T 32918.5).
_CURVE: Final = bytes.fromhex(
    "FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFC"
    "28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93"
    "32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7"
    "BC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0"
)
# SubjectPublicKeyInfo of an uncompressed point on this curve, up to the point.
_SPKI_START: Final = bytes.fromhex("3059301306072a8648ce3d020106082a811ccf5501822d034200")
_ALGORITHM: Final = SignatureAlgorithm.SM3_WITH_SM2


def sm2_available() -> bool:
    """Whether this system can sign and verify SM2."""
    try:
        libcrypto()
    except LibraryMissing:
        return False
    return True


def is_sm2_spki(spki: bytes) -> bool:
    """Whether a SubjectPublicKeyInfo is that of an SM2 key."""
    return spki.startswith(_SPKI_START) and len(spki) == len(_SPKI_START) + _POINT_BYTES


def sm2_digest(spki: bytes, data: bytes) -> bytes:
    """e = SM3(Z ‖ data), what SM2 signs; Z binds identity, curve and public key (GB/T 32918.2)."""
    if not is_sm2_spki(spki):
        raise KeyUnusable("this is no public key of SM2 in its uncompressed form")
    point = spki[len(_SPKI_START) + 1 :]
    bits = (len(SM2_ID) * 8).to_bytes(2, "big")
    identity = digest(_ALGORITHM, bits + SM2_ID + _CURVE + point)
    return digest(_ALGORITHM, identity + data)


class _Handle:
    """A key of the library; freed with the object."""

    def __init__(self, pointer: int) -> None:
        self.pointer = pointer
        weakref.finalize(self, libcrypto().EVP_PKEY_free, pointer)


class Sm2PublicKey:
    """Verifies signatures SM3withSM2."""

    algorithm = _ALGORITHM

    def __init__(self, spki: bytes) -> None:
        """Raises KeyUnusable for anything but an SM2 key on its curve, LibraryMissing."""
        if not is_sm2_spki(spki):
            raise KeyUnusable("this is no public key of SM2 in its uncompressed form")
        self.spki = spki
        buffer = ctypes.c_char_p(spki)
        pointer = libcrypto().d2i_PUBKEY(None, ctypes.byref(buffer), len(spki))
        if not pointer:
            libcrypto().ERR_clear_error()
            raise KeyUnusable("the public key is no point of the SM2 curve")
        self._key = _Handle(pointer)

    def verify(self, data: bytes, signature: bytes) -> bool:
        """Whether `signature` was made over `data` by the key's owner; never raises."""
        if not is_strict_der(signature):
            return False
        library = libcrypto()
        with _hashing(self._key.pointer) as hashing:
            begun = library.EVP_DigestVerifyInit(
                hashing, None, library.EVP_sm3(), None, self._key.pointer
            )
            good = begun == 1 and library.EVP_DigestVerify(
                hashing, signature, len(signature), data, len(data)
            )
        library.ERR_clear_error()
        return bool(good == 1)

    def verify_digest(self, digest: bytes, signature: bytes) -> bool:
        """The same for e, see `sm2_digest`."""
        if not is_strict_der(signature) or len(digest) != _DIGEST_BYTES:
            return False
        library = libcrypto()
        with _context(self._key.pointer) as context:
            begun = library.EVP_PKEY_verify_init(context)
            good = begun == 1 and library.EVP_PKEY_verify(
                context, signature, len(signature), digest, len(digest)
            )
        library.ERR_clear_error()
        return bool(good == 1)


class Sm2PrivateKey:
    """Signs SM3withSM2."""

    algorithm = _ALGORITHM

    def __init__(self, pointer: int) -> None:
        """Takes over a key of the library. Raises KeyUnusable when it is none of SM2."""
        self._key = _Handle(pointer)
        library = libcrypto()
        if library.EVP_PKEY_is_a(pointer, b"SM2") != 1:
            raise KeyUnusable("the key is none of SM2")
        self.public = Sm2PublicKey(_spki(pointer))

    def __repr__(self) -> str:
        return "Sm2PrivateKey(***)"

    @classmethod
    def generate(cls) -> Sm2PrivateKey:
        """A new key from the library's own randomness."""
        return cls(libcrypto().EVP_PKEY_Q_keygen(None, None, b"SM2"))

    @classmethod
    def from_pem(cls, pem: bytes, password: bytes | None = None) -> Sm2PrivateKey:
        """A key from PKCS#8 or SEC 1 PEM. Raises KeyUnusable, LibraryMissing."""
        library = libcrypto()
        with _memory(pem) as bio:
            # A password is always given: without one the library would ask on the terminal.
            pointer = library.PEM_read_bio_PrivateKey(bio, None, None, password or b"")
        library.ERR_clear_error()
        if not pointer:
            raise KeyUnusable("the PEM holds no private key that its password opens")
        return cls(pointer)

    @classmethod
    def from_pkcs12(cls, data: bytes, password: bytes) -> tuple[Sm2PrivateKey, bytes]:
        """Key and certificate (DER) of a PKCS#12 file. Raises KeyUnusable, LibraryMissing."""
        library = libcrypto()
        with _memory(data) as bio:
            parsed = library.d2i_PKCS12_bio(bio, None)
        if not parsed:
            library.ERR_clear_error()
            raise KeyUnusable("the file is no PKCS#12")
        key, certificate = ctypes.c_void_p(), ctypes.c_void_p()
        try:
            good = library.PKCS12_parse(
                parsed, password, ctypes.byref(key), ctypes.byref(certificate), None
            )
        finally:
            library.PKCS12_free(parsed)
            library.ERR_clear_error()
        if good != 1 or not key.value:
            raise KeyUnusable("the PKCS#12 holds no key that its password opens")
        owner = cls(key.value)
        if not certificate.value:
            raise KeyUnusable("the PKCS#12 holds no certificate of its key")
        try:
            return owner, _der(library.i2d_X509, certificate.value)
        finally:
            library.X509_free(certificate)

    def sign(self, data: bytes) -> bytes:
        """The signature over `data` in DER."""
        library = libcrypto()
        size = ctypes.c_size_t(_SIGNATURE_BYTES)
        buffer = ctypes.create_string_buffer(_SIGNATURE_BYTES)
        with _hashing(self._key.pointer) as hashing:
            begun = library.EVP_DigestSignInit(
                hashing, None, library.EVP_sm3(), None, self._key.pointer
            )
            good = begun == 1 and library.EVP_DigestSign(
                hashing, buffer, ctypes.byref(size), data, len(data)
            )
        return _signed(buffer, size, good=good == 1)

    def sign_digest(self, digest: bytes) -> bytes:
        """The signature over e, see `sm2_digest`. Raises KeyUnusable for other than 32 bytes."""
        if len(digest) != _DIGEST_BYTES:
            raise KeyUnusable(f"a digest has {_DIGEST_BYTES} bytes, not {len(digest)}")
        library = libcrypto()
        size = ctypes.c_size_t(_SIGNATURE_BYTES)
        buffer = ctypes.create_string_buffer(_SIGNATURE_BYTES)
        with _context(self._key.pointer) as context:
            begun = library.EVP_PKEY_sign_init(context)
            good = begun == 1 and library.EVP_PKEY_sign(
                context, buffer, ctypes.byref(size), digest, len(digest)
            )
        return _signed(buffer, size, good=good == 1)

    def pkcs8(self, password: bytes | None = None) -> bytes:
        """The key as PEM, PKCS#8, encrypted under `password` where one is given."""
        library = libcrypto()
        cipher = library.EVP_aes_256_cbc() if password else None
        bio = library.BIO_new(library.BIO_s_mem())
        try:
            written = library.PEM_write_bio_PKCS8PrivateKey(
                bio, self._key.pointer, cipher, password, len(password or b""), None, None
            )
            where = ctypes.c_void_p()
            size = library.BIO_ctrl(bio, BIO_CTRL_INFO, 0, ctypes.byref(where))
            if written != 1 or where.value is None:
                raise KeyUnusable("the key cannot be written")
            return ctypes.string_at(where.value, size)
        finally:
            library.BIO_free(bio)
            library.ERR_clear_error()


def _signed(buffer: ctypes.Array[ctypes.c_char], size: ctypes.c_size_t, *, good: bool) -> bytes:
    libcrypto().ERR_clear_error()
    if not good:
        raise KeyUnusable("the library could not sign with this key")
    return buffer.raw[: size.value]


@contextmanager
def _context(key: int) -> Iterator[int]:
    """What signs and verifies a digest that has the identity in it already."""
    library = libcrypto()
    context = library.EVP_PKEY_CTX_new(key, None)
    try:
        yield context
    finally:
        library.EVP_PKEY_CTX_free(context)


@contextmanager
def _hashing(key: int) -> Iterator[int]:
    """What signs and verifies data; it hashes identity, curve and key first."""
    library = libcrypto()
    hashing = library.EVP_MD_CTX_new()
    try:
        with _context(key) as context:
            if library.EVP_PKEY_CTX_set1_id(context, SM2_ID, len(SM2_ID)) != 1:
                raise KeyUnusable("the library refuses the identity of SM2")
            library.EVP_MD_CTX_set_pkey_ctx(hashing, context)
            yield hashing
    finally:
        library.EVP_MD_CTX_free(hashing)


@contextmanager
def _memory(data: bytes) -> Iterator[int]:
    library = libcrypto()
    bio = library.BIO_new_mem_buf(data, len(data))
    try:
        yield bio
    finally:
        library.BIO_free(bio)


def _spki(pointer: int) -> bytes:
    return _der(libcrypto().i2d_PUBKEY, pointer)


def _der(write: ctypes._NamedFuncPointer, pointer: int) -> bytes:
    """What an i2d function writes; it allocates the buffer, and we free it."""
    library = libcrypto()
    buffer = ctypes.c_void_p()
    size = write(pointer, ctypes.byref(buffer))
    if size <= 0 or buffer.value is None:
        raise KeyUnusable("the library cannot write this key")
    try:
        return ctypes.string_at(buffer.value, size)
    finally:
        library.CRYPTO_free(buffer, b"", 0)
