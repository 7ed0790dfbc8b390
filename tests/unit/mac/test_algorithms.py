"""The MAC algorithms against published vectors, real frames and the openssl command."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from nontax.mac import (
    ALGORITHM_NAMES,
    KeyMaterialError,
    TokenError,
    TripleDes,
    check_width,
    decrypt_token,
    encrypt_token,
    make_algorithm,
    needs_des_key,
    parse_des_key,
    replayable,
    verify,
)
from nontax.mac.algorithms import hmac_sm3_cryptography, hmac_sm3_openssl

VECTORS = Path(__file__).resolve().parents[2] / "vectors"
HEADER_BYTES = 23
TOKEN = "Nj7wQ2xVb0RkT5yLc8HsP3mZd6FgA1uE"
OTHER = "aB3dE5fG7hJ9kL1mN2pQ4rS6tU8vW0xY"
KEY_24 = "0123456789abcdef23456789abcdef01456789abcdef0123"
KEY_16 = "0123456789abcdeffedcba9876543210"
BODY = "<CFX>缴款</CFX>".encode("gbk")

# GB/T 32905-2016, appendix A, examples A.1 and A.2
SM3_VECTORS = [
    (b"abc", "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"),
    (b"abcd" * 16, "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"),
]

# GM/T 0042-2015, appendix D.3 (also in OpenSSL, test/recipes/30-test_evp_data/evpmac_sm3.txt)
HMAC_SM3_VECTORS = [
    (
        bytes(range(0x01, 0x21)),
        b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq" * 2,
        "ca05e144ed05d1857840d1f318a4a8669e559fc8391f414485bfdf7bb408963a",
    ),
    (
        bytes(range(0x01, 0x26)),
        b"\xcd" * 50,
        "220bf579ded555393f0159f66c99877822a3ecf610d1552154b41d44b94db3ae",
    ),
    (
        b"\x0b" * 32,
        b"Hi There",
        "c0ba18c68b90c88bc07de794bfc7d2c8d19ec31ed8773bc2b390c9604e0be11e",
    ),
    (
        b"Jefe",
        b"what do ya want for nothing?",
        "2e87f1d16862e6d964b50a5200bf2b10b764faa9680a296a2405f24bec39f882",
    ),
]

# RFC 4231, test cases 1, 2, 3 and 6
HMAC_SHA256_VECTORS = [
    (
        b"\x0b" * 20,
        b"Hi There",
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
    ),
    (
        b"Jefe",
        b"what do ya want for nothing?",
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    ),
    (
        b"\xaa" * 20,
        b"\xdd" * 50,
        "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
    ),
    (
        b"\xaa" * 131,
        b"Test Using Larger Than Block-Size Key - Hash Key First",
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    ),
]

# NIST SP 800-67 Rev. 1, appendix B.1 (three keys)
TDEA_B1 = (KEY_24, b"The qufck brown fox jump", "a826fd8ce53b855fcce21c8112256fe668d5c05dd9b6b900")


def _openssl(*arguments: str, data: bytes) -> bytes:
    """Run the openssl command as an independent second opinion."""
    if shutil.which("openssl") is None:
        pytest.skip("NO INDEPENDENT CHECK: the openssl command is not installed")
    done = subprocess.run(["openssl", *arguments], input=data, capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"NO INDEPENDENT CHECK: openssl {arguments[0]} failed: {done.stderr!r}")
    return done.stdout


@pytest.mark.parametrize(("data", "digest"), SM3_VECTORS)
def test_sm3_of_the_interpreter_gives_the_national_standards_examples(
    data: bytes, digest: str
) -> None:
    if "sm3" not in hashlib.algorithms_available:
        pytest.skip("the interpreter's OpenSSL has no SM3; the cryptography package is used")
    assert hashlib.new("sm3", data).hexdigest() == digest


@pytest.mark.parametrize(("key", "data", "value"), HMAC_SM3_VECTORS)
@pytest.mark.parametrize("implementation", [hmac_sm3_openssl, hmac_sm3_cryptography])
def test_hmac_sm3_gives_the_published_values(
    implementation: Callable[[bytes, bytes], bytes], key: bytes, data: bytes, value: str
) -> None:
    if implementation is hmac_sm3_openssl and "sm3" not in hashlib.algorithms_available:
        pytest.skip("the interpreter's OpenSSL has no SM3; the cryptography package is used")
    assert implementation(key, data).hex() == value


@pytest.mark.parametrize(("key", "data", "value"), HMAC_SM3_VECTORS)
def test_the_hmac_sm3_algorithm_gives_the_published_values(
    key: bytes, data: bytes, value: str
) -> None:
    assert make_algorithm("hmac-sm3").compute(key, data) == value.upper()


@pytest.mark.parametrize(("key", "data", "value"), HMAC_SHA256_VECTORS)
def test_the_hmac_sha256_algorithm_gives_the_published_values(
    key: bytes, data: bytes, value: str
) -> None:
    assert make_algorithm("hmac-sha256").compute(key, data) == value.upper()


def test_triple_des_gives_the_published_value_both_ways() -> None:
    key, plain, cipher = TDEA_B1
    des = TripleDes(bytes.fromhex(key))
    assert des.encrypt(plain).hex() == cipher
    assert des.decrypt(bytes.fromhex(cipher)) == plain


def test_a_16_byte_key_means_k3_equals_k1() -> None:
    short, long = bytes.fromhex(KEY_16), bytes.fromhex(KEY_16 + KEY_16[:16])
    assert TripleDes(short).encrypt(b"12345678") == TripleDes(long).encrypt(b"12345678")


def test_triple_des_adds_no_padding() -> None:
    with pytest.raises(ValueError, match=r"multiple of|align"):
        TripleDes(bytes.fromhex(KEY_16)).encrypt(b"seven b")


@pytest.mark.parametrize("vector", json.loads((VECTORS / "vectors.json").read_text())["vectors"])
def test_the_macs_of_the_captured_frames_verify(vector: dict[str, object]) -> None:
    token = json.loads((VECTORS / "vectors.json").read_text())["token"].encode()
    frame = (VECTORS / str(vector["file"])).read_bytes()
    width = int(str(vector["mac_width"]))
    algorithm = make_algorithm(str(vector["mac"]))
    body, mac = frame[HEADER_BYTES:-width], frame[-width:]
    assert len(frame) == vector["length"]
    assert verify(algorithm, width, token, body, mac)
    assert verify(algorithm, width, token, body, mac.swapcase())
    assert not verify(algorithm, width, OTHER.encode(), body, mac)


# The independent checks: the same value composed from the openssl command's primitives.


def test_sha256_token_by_the_openssl_command() -> None:
    out = _openssl("dgst", "-sha256", "-binary", data=TOKEN.encode() + BODY)
    assert make_algorithm("sha256-token").compute(TOKEN.encode(), BODY) == out.hex().upper()


@pytest.mark.parametrize("digest", ["sha256", "sm3"])
def test_the_hmacs_by_the_openssl_command(digest: str) -> None:
    out = _openssl("dgst", f"-{digest}", "-hmac", TOKEN, "-binary", data=BODY)
    computed = make_algorithm(f"hmac-{digest}").compute(TOKEN.encode(), BODY)
    assert computed == out.hex().upper()


@pytest.mark.parametrize(("key", "cipher"), [(KEY_16, "des-ede"), (KEY_24, "des-ede3")])
def test_the_3des_values_by_the_openssl_command(key: str, cipher: str) -> None:
    command = ("enc", f"-{cipher}", "-e", "-K", key, "-nopad")
    by_token = make_algorithm("3des-token", bytes.fromhex(key)).compute(TOKEN.encode(), BODY)
    assert by_token == _openssl(*command, data=TOKEN.encode()).hex().upper()
    digest = hashlib.sha256(TOKEN.encode() + BODY).hexdigest()
    by_digest = make_algorithm("3des-digest", bytes.fromhex(key)).compute(TOKEN.encode(), BODY)
    assert by_digest == _openssl(*command, data=digest.encode()).hex().upper()


@pytest.mark.parametrize("name", ALGORITHM_NAMES)
def test_a_value_is_upper_case_hex_of_the_stated_length(name: str) -> None:
    algorithm = make_algorithm(name, bytes.fromhex(KEY_24))
    value = algorithm.compute(TOKEN.encode(), BODY)
    assert algorithm.name == name
    assert len(value) == algorithm.length
    assert set(value) <= set("0123456789ABCDEF")


@pytest.mark.parametrize("name", ALGORITHM_NAMES)
@pytest.mark.parametrize("width", [64, 128])
def test_a_field_is_accepted_in_either_case_and_padded_with_spaces(name: str, width: int) -> None:
    if name == "3des-digest" and width == 64:
        with pytest.raises(ValueError, match="must be 128 wide"):
            check_width(name, width)
        return
    check_width(name, width)
    algorithm = make_algorithm(name, bytes.fromhex(KEY_24))
    value = algorithm.compute(TOKEN.encode(), BODY).encode()
    for spelling in (value, value.lower(), value[:20] + value[20:].lower()):
        assert verify(algorithm, width, TOKEN.encode(), BODY, spelling.ljust(width))


@pytest.mark.parametrize("name", ALGORITHM_NAMES)
def test_an_odd_field_is_a_mismatch_and_no_exception(name: str) -> None:
    algorithm = make_algorithm(name, bytes.fromhex(KEY_24))
    value = algorithm.compute(TOKEN.encode(), BODY).encode()
    width = 128
    odd = [
        b"",
        b" " * width,
        value[:-1].ljust(width),
        value.ljust(width)[:-1],
        value.ljust(width + 1),
        (b" " + value)[:width].ljust(width),
        (value[:10] + b" " + value[10:])[:width].ljust(width),
        (value[:-1] + b"\0").ljust(width),
        (value[:-1] + b"\t").ljust(width),
        "密".encode("gbk").ljust(width),
        b"\xff" * width,
        (b"0x" + value)[:width].ljust(width),
    ]
    if len(value) < width:
        odd += [value, value.rjust(width), value.ljust(width, b"0"), value.ljust(width, b"\0")]
    assert verify(algorithm, width, TOKEN.encode(), BODY, value.ljust(width))
    for field in odd:
        assert not verify(algorithm, width, TOKEN.encode(), BODY, field)


def test_widths_other_than_64_and_128_and_unknown_names_are_refused() -> None:
    with pytest.raises(ValueError, match="64 or 128"):
        check_width("sha256-token", 32)
    with pytest.raises(ValueError, match="unknown MAC algorithm"):
        check_width("md5", 64)
    with pytest.raises(ValueError, match="unknown MAC algorithm"):
        make_algorithm("md5")


def test_the_3des_algorithms_need_a_key_and_only_3des_token_can_be_replayed() -> None:
    assert [name for name in ALGORITHM_NAMES if needs_des_key(name)] == [
        "3des-token",
        "3des-digest",
    ]
    assert [name for name in ALGORITHM_NAMES if replayable(name)] == ["3des-token"]
    with pytest.raises(KeyMaterialError, match="needs the node's DES key"):
        make_algorithm("3des-token")
    with pytest.raises(KeyMaterialError, match="needs the node's DES key"):
        make_algorithm("3des-digest")


def test_3des_token_depends_on_the_token_alone() -> None:
    algorithm = make_algorithm("3des-token", bytes.fromhex(KEY_24))
    first = algorithm.compute(TOKEN.encode(), b"one")
    assert algorithm.compute(TOKEN.encode(), b"two") == first
    tokens = [f"{number:032d}".encode() for number in range(30)]  # more than are kept
    values = {algorithm.compute(token, b"") for token in tokens}
    assert len(values) == 30
    assert algorithm.compute(TOKEN.encode(), b"") == first


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("0123456789abcdef0123456789abcdef", "part 1 equals part 2"),
        # the same key with every parity bit turned over
        ("0123456789abcdef0022446688aaccee", "part 1 equals part 2"),
        ("0123456789abcdef0123456789abcdef23456789abcdef01", "part 1 equals part 2"),
        ("23456789abcdef010123456789abcdef0123456789abcdef", "part 2 equals part 3"),
        ("23456789abcdef010123456789abcdef0022446688aaccee", "part 2 equals part 3"),
    ],
)
def test_a_key_that_degenerates_to_single_des_is_refused_and_the_message_says_so(
    key: str, reason: str
) -> None:
    with pytest.raises(KeyMaterialError, match=f"degenerates to single DES.*{reason}") as caught:
        parse_des_key(key)
    assert key[:8] not in str(caught.value)
    with pytest.raises(KeyMaterialError, match="degenerates"):
        TripleDes(bytes.fromhex(key))
    with pytest.raises(KeyMaterialError, match="degenerates"):
        make_algorithm("3des-token", bytes.fromhex(key))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "32 or 48 hex digits"),
        ("0123456789abcdef", "32 or 48 hex digits"),
        ("0123456789abcdefx123456789abcde0", "hex digits only"),
        ("0123456789abcdef 123456789abcdef", "hex digits only"),
        ("０１２３４５６７８９０１２３４５６７８９０１２３４５６７８９０１", "hex digits only"),
    ],
)
def test_a_key_that_is_no_hex_is_refused_without_being_quoted(text: str, reason: str) -> None:
    with pytest.raises(KeyMaterialError, match=reason) as caught:
        parse_des_key(text)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert not text or text not in str(caught.value)


def test_keys_are_read_in_either_case_with_white_space_around() -> None:
    expected = bytes.fromhex(KEY_24)
    assert parse_des_key(KEY_24 + "\n") == expected
    assert parse_des_key(KEY_24.upper()) == expected


def test_a_cipher_never_shows_its_key() -> None:
    assert repr(TripleDes(bytes.fromhex(KEY_24))) == "TripleDes(***)"


def test_one_cipher_serves_several_threads() -> None:
    algorithm = make_algorithm("3des-digest", bytes.fromhex(KEY_24))
    bodies = [str(number).encode() * 50 for number in range(200)]
    expected = [algorithm.compute(TOKEN.encode(), body) for body in bodies]
    with ThreadPoolExecutor(max_workers=8) as pool:
        for _ in range(5):
            found = pool.map(lambda body: algorithm.compute(TOKEN.encode(), body), bodies)
            assert list(found) == expected


@pytest.mark.parametrize("name", ["3des-token", "3des-digest"])
def test_3des_nodes_send_a_new_token_encrypted(name: str) -> None:
    algorithm = make_algorithm(name, bytes.fromhex(KEY_24))
    sent = encrypt_token(algorithm, OTHER)
    assert len(sent) == 64
    assert OTHER not in sent
    assert decrypt_token(algorithm, sent) == OTHER
    assert decrypt_token(algorithm, sent.lower()) == OTHER
    expected = TripleDes(bytes.fromhex(KEY_24)).encrypt(OTHER.encode()).hex().upper()
    assert sent == expected


@pytest.mark.parametrize("name", ["sha256-token", "hmac-sha256", "hmac-sm3"])
def test_other_nodes_send_a_new_token_in_plain_text(name: str) -> None:
    algorithm = make_algorithm(name)
    assert encrypt_token(algorithm, OTHER) == OTHER
    assert decrypt_token(algorithm, OTHER) == OTHER
    with pytest.raises(TokenError):
        decrypt_token(algorithm, OTHER[:-1] + "!")


def test_what_decrypts_to_no_token_is_refused_without_quoting_it() -> None:
    algorithm = make_algorithm("3des-token", bytes.fromhex(KEY_24))
    cipher = TripleDes(bytes.fromhex(KEY_24))
    plain_texts = [OTHER[:-1] + " ", OTHER[:-1] + "\xe9", OTHER[:24], "密钥" * 8]
    for plain in plain_texts:
        sent = cipher.encrypt(plain.encode("latin-1", "replace")).hex()
        with pytest.raises(TokenError) as caught:
            decrypt_token(algorithm, sent)
        assert caught.value.__suppress_context__ or caught.value.__context__ is None
        assert OTHER[:20] not in str(caught.value)
    for sent in ("", OTHER, "0" * 63, "g" * 64, "０" * 64):
        with pytest.raises(TokenError):
            decrypt_token(algorithm, sent)
