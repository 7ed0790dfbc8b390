"""Keys and signatures, against published vectors and the openssl command."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from nontax.einvoice.algorithms import SignatureAlgorithm, algorithm_named, digest
from nontax.einvoice.errors import KeyUnusable, UnknownAlgorithm
from nontax.einvoice.keys import (
    PrivateKey,
    generate_key,
    load_pkcs12,
    load_private_key,
    load_public_key,
    sm2_available,
    sm2_digest,
)

SM2 = SignatureAlgorithm.SM3_WITH_SM2
OPENSSL = shutil.which("openssl")
ID = "1234567812345678"

needs_sm2 = pytest.mark.skipif(not sm2_available(), reason="this libcrypto has no SM2")
needs_openssl = pytest.mark.skipif(OPENSSL is None, reason="no openssl command: NOT TRIED")

# GB/T 32918.5-2017, annex A: signature over "message digest" with identity 1234567812345678.
SM2_POINT = (
    "04"
    "09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020"
    "CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13"
)
SM2_E = "F0B43E94BA45ACCAACE692ED534382EB17E6AB5A19CE7B31F4486FDFC0D28640"
SM2_R = 0xF5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3
SM2_S = 0xB1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA
SM2_SPKI = bytes.fromhex("3059301306072a8648ce3d020106082a811ccf5501822d034200" + SM2_POINT)

# RFC 6979, A.2.5: P-256 with SHA-256 over "sample".
P256_SPKI = bytes.fromhex(
    "3059301306072a8648ce3d020106082a8648ce3d030107034200"
    "0460FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6"
    "7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299"
)
P256_R = 0xEFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716
P256_S = 0xF7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8


def _key(algorithm: SignatureAlgorithm) -> PrivateKey:
    if algorithm is SM2 and not sm2_available():
        pytest.skip("this libcrypto has no SM2")
    return generate_key(algorithm)


@needs_sm2
def test_published_sm2_signature_verifies() -> None:
    key = load_public_key(SM2_SPKI)
    signature = encode_dss_signature(SM2_R, SM2_S)
    assert key.algorithm is SM2
    assert sm2_digest(SM2_SPKI, b"message digest").hex().upper() == SM2_E
    assert key.verify(b"message digest", signature)
    assert key.verify_digest(bytes.fromhex(SM2_E), signature)
    assert not key.verify(b"message digesT", signature)
    assert not key.verify(b"message digest", encode_dss_signature(SM2_R, SM2_S - 1))


def test_published_sm3_digest() -> None:
    """GB/T 32905-2016, annex A.1."""
    expected = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
    assert digest(SM2, b"abc").hex() == expected


def test_published_ecdsa_signature_verifies() -> None:
    key = load_public_key(P256_SPKI)
    signature = encode_dss_signature(P256_R, P256_S)
    assert key.algorithm is SignatureAlgorithm.SHA256_WITH_ECDSA
    assert key.verify(b"sample", signature)
    assert not key.verify(b"Sample", signature)


@pytest.mark.parametrize("algorithm", SignatureAlgorithm)
def test_sign_and_verify(algorithm: SignatureAlgorithm) -> None:
    key = _key(algorithm)
    signature = key.sign(b"document")
    assert key.algorithm is algorithm
    assert key.public.verify(b"document", signature)
    assert not key.public.verify(b"documenT", signature)
    assert not key.public.verify(b"document", b"")
    assert not key.public.verify(b"document", signature[:-1] + bytes([signature[-1] ^ 1]))
    other = generate_key(algorithm)
    assert not other.public.verify(b"document", signature)
    assert load_public_key(key.public.spki).verify(b"document", signature)


@pytest.mark.parametrize("algorithm", SignatureAlgorithm)
def test_digest_in_signature_out(algorithm: SignatureAlgorithm) -> None:
    """What a signing service does: it is handed the digest, not the document."""
    key = _key(algorithm)
    spki = key.public.spki
    hashed = sm2_digest(spki, b"document") if algorithm is SM2 else digest(algorithm, b"document")
    assert key.public.verify(b"document", key.sign_digest(hashed))
    assert key.public.verify_digest(hashed, key.sign(b"document"))
    assert not key.public.verify_digest(hashed[:-1], key.sign(b"document"))
    with pytest.raises(KeyUnusable, match="32 bytes, not 31"):
        key.sign_digest(hashed[:-1])


@pytest.mark.parametrize("algorithm", [SM2, SignatureAlgorithm.SHA256_WITH_ECDSA])
def test_only_one_der_form_is_accepted(algorithm: SignatureAlgorithm) -> None:
    key = _key(algorithm)
    signature = key.sign(b"document")
    long_length = signature[:1] + b"\x81" + signature[1:]
    for other in (long_length, signature + b"\x00", b"\x30\x00", b"\x00" * 70):
        assert not key.public.verify(b"document", other)


@pytest.mark.parametrize("algorithm", SignatureAlgorithm)
@pytest.mark.parametrize("password", [None, b"password"])
def test_keys_survive_pem(algorithm: SignatureAlgorithm, password: bytes | None) -> None:
    key = _key(algorithm)
    pem = key.pkcs8(password)
    assert (b"ENCRYPTED" in pem) == (password is not None)
    assert load_private_key(pem, password).public.spki == key.public.spki
    if password:
        for wrong in (None, b"", b"Password"):
            with pytest.raises(KeyUnusable):
                load_private_key(pem, wrong)


@pytest.mark.parametrize("algorithm", SignatureAlgorithm)
def test_keys_are_not_shown(algorithm: SignatureAlgorithm) -> None:
    key = _key(algorithm)
    assert repr(key).endswith("PrivateKey(***)")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"nothing",
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        b"-----BEGIN PRIVATE KEY-----\n\n-----END PRIVATE KEY-----\n",
    ],
)
def test_files_that_hold_no_key(data: bytes) -> None:
    with pytest.raises(KeyUnusable):
        load_private_key(data)
    with pytest.raises(KeyUnusable):
        load_pkcs12(data, b"password")
    with pytest.raises(KeyUnusable):
        load_public_key(data)


@needs_sm2
def test_a_point_that_is_not_on_the_curve() -> None:
    with pytest.raises(KeyUnusable, match="no point of the SM2 curve"):
        load_public_key(SM2_SPKI[:-1] + b"\x14")


@needs_openssl
def test_short_keys_are_refused(tmp_path: Path) -> None:
    pem = _openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024")
    with pytest.raises(KeyUnusable, match="1024 bits, at least 2048"):
        load_private_key(pem)
    pem = _openssl("genpkey", "-algorithm", "ED25519")
    with pytest.raises(KeyUnusable, match="neither SM2, RSA"):
        load_private_key(pem)


def test_names_of_algorithms() -> None:
    assert algorithm_named("SM2") is SM2
    for member in SignatureAlgorithm:
        assert algorithm_named(member.value) is member
    for wrong in ("", "sm2", "SM3WITHSM2", "MD5withRSA", "SHA256withRSA "):
        with pytest.raises(UnknownAlgorithm):
            algorithm_named(wrong)


# -- the openssl command as the other side ---------------------------------------------------------


def _openssl(*arguments: str, data: bytes = b"") -> bytes:
    done = subprocess.run(
        [str(OPENSSL), *arguments], input=data, capture_output=True, check=True, timeout=60
    )
    return done.stdout


_GENERATE = {
    SM2: ("-algorithm", "SM2"),
    SignatureAlgorithm.SHA256_WITH_RSA: ("-algorithm", "RSA"),
    SignatureAlgorithm.SHA256_WITH_ECDSA: (
        "-algorithm",
        "EC",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
    ),
}


def _options(algorithm: SignatureAlgorithm) -> list[str]:
    if algorithm is SM2:
        return ["-rawin", "-digest", "sm3", "-pkeyopt", f"distid:{ID}"]
    return ["-rawin", "-digest", "sha256"]


@needs_openssl
@pytest.mark.parametrize("algorithm", SignatureAlgorithm)
def test_openssl_verifies_and_signs(algorithm: SignatureAlgorithm, tmp_path: Path) -> None:
    if algorithm is SM2 and not sm2_available():
        pytest.skip("this libcrypto has no SM2")
    pem = _openssl("genpkey", *_GENERATE[algorithm])
    key = load_private_key(pem)
    private, public = tmp_path / "key.pem", tmp_path / "public.pem"
    document, signature = tmp_path / "document", tmp_path / "signature"
    private.write_bytes(pem)
    public.write_bytes(_openssl("pkey", "-in", str(private), "-pubout"))
    document.write_bytes("<Header>票据</Header>".encode())
    signature.write_bytes(key.sign(document.read_bytes()))
    options = _options(algorithm)
    verified = _openssl(
        "pkeyutl", "-verify", "-pubin", "-inkey", str(public), "-in", str(document),
        "-sigfile", str(signature), *options,
    )  # fmt: skip
    assert b"Verified Successfully" in verified
    made = _openssl("pkeyutl", "-sign", "-inkey", str(private), "-in", str(document), *options)
    assert key.public.verify(document.read_bytes(), made)


@needs_openssl
@pytest.mark.parametrize("algorithm", SignatureAlgorithm)
def test_pkcs12_of_openssl(algorithm: SignatureAlgorithm, tmp_path: Path) -> None:
    if algorithm is SM2 and not sm2_available():
        pytest.skip("this libcrypto has no SM2")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    key.write_bytes(_openssl("genpkey", *_GENERATE[algorithm]))
    hashing = "-sm3" if algorithm is SM2 else "-sha256"
    _openssl(
        "req", "-x509", "-new", "-key", str(key), "-subj", "/CN=test", "-days", "2", hashing,
        "-out", str(certificate),
    )  # fmt: skip
    packed = _openssl(
        "pkcs12", "-export", "-inkey", str(key), "-in", str(certificate), "-passout", "pass:secret"
    )
    loaded, der = load_pkcs12(packed, b"secret")
    assert loaded.public.spki == load_private_key(key.read_bytes()).public.spki
    assert der == _openssl("x509", "-in", str(certificate), "-outform", "DER")
    with pytest.raises(KeyUnusable):
        load_pkcs12(packed, b"wrong")
