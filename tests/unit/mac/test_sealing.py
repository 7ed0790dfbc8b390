"""Secrets at rest and in memory."""

from __future__ import annotations

import copy
import pickle
from base64 import b64decode

import pytest

from nontax.mac import KeyMaterialError, MasterKey, SealError, Secret

KEY = bytes(range(32))
NONCE = bytes(range(100, 112))


def test_what_is_sealed_opens_with_the_same_key_and_context() -> None:
    sealed = MasterKey(KEY).seal("密钥".encode(), context="token/D3206820105", nonce=NONCE)
    assert sealed.startswith("v1:")
    assert sealed.isascii()
    assert MasterKey(KEY).open_sealed(sealed, context="token/D3206820105") == "密钥".encode()


def test_empty_and_long_plain_texts() -> None:
    key = MasterKey(KEY)
    for plain in (b"", b"x" * 100_000):
        assert key.open_sealed(key.seal(plain, context="c", nonce=NONCE), context="c") == plain


def test_the_sealed_form_is_nonce_ciphertext_and_tag_of_aes_256_gcm() -> None:
    # NIST GCM specification (McGrew, Viega), test case 14: zero key, zero IV, one zero block
    sealed = MasterKey(bytes(32)).seal(bytes(16), context="", nonce=bytes(12))
    cipher, tag = "cea7403d4d606b6e074ec5d3baf39d18", "d0d1c8a799996bf0265b98b5d48ab919"
    assert b64decode(sealed.removeprefix("v1:")) == bytes(12) + bytes.fromhex(cipher + tag)


@pytest.mark.parametrize("context", ["token/D3206820301", "", "token/d3206820105"])
def test_another_context_is_refused(context: str) -> None:
    key = MasterKey(KEY)
    sealed = key.seal(b"secret", context="token/D3206820105", nonce=NONCE)
    with pytest.raises(SealError):
        key.open_sealed(sealed, context=context)


def test_another_key_is_refused() -> None:
    sealed = MasterKey(KEY).seal(b"secret", context="c", nonce=NONCE)
    with pytest.raises(SealError):
        MasterKey(bytes(32)).open_sealed(sealed, context="c")


def test_every_changed_character_is_refused() -> None:
    key = MasterKey(KEY)
    sealed = key.seal(b"secret", context="c", nonce=NONCE)
    for position in range(len(sealed)):
        other = "B" if sealed[position] == "A" else "A"
        changed = sealed[:position] + other + sealed[position + 1 :]
        with pytest.raises(SealError):
            key.open_sealed(changed, context="c")


@pytest.mark.parametrize(
    "text", ["", "v1:", "v2:AAAA", "v1:####", "v1:AAAA", "v1:" + "A" * 36, "v1:密", "secret"]
)
def test_what_is_no_sealed_text_is_refused(text: str) -> None:
    with pytest.raises(SealError):
        MasterKey(KEY).open_sealed(text, context="c")


def test_a_refusal_says_nothing_about_its_reason() -> None:
    key = MasterKey(KEY)
    sealed = key.seal(b"secret", context="c", nonce=NONCE)
    messages = set()
    for text, context in ((sealed, "d"), (sealed[:-4], "c"), ("v1:####", "c"), ("", "c")):
        with pytest.raises(SealError) as caught:
            key.open_sealed(text, context=context)
        messages.add(str(caught.value))
        assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert len(messages) == 1


def test_the_nonce_is_handed_in_and_has_12_bytes() -> None:
    key = MasterKey(KEY)
    first = key.seal(b"secret", context="c", nonce=NONCE)
    assert first == key.seal(b"secret", context="c", nonce=NONCE)
    assert first != key.seal(b"secret", context="c", nonce=bytes(12))
    with pytest.raises(ValueError, match="12 bytes"):
        key.seal(b"secret", context="c", nonce=b"short")


def test_the_master_key_is_32_bytes_or_64_hex_digits_and_never_shown() -> None:
    assert repr(MasterKey(KEY)) == "MasterKey(***)"
    sealed = MasterKey(KEY).seal(b"x", context="c", nonce=NONCE)
    assert MasterKey.from_hex(KEY.hex() + "\n").open_sealed(sealed, context="c") == b"x"
    with pytest.raises(KeyMaterialError, match="32 bytes"):
        MasterKey(KEY[:16])
    with pytest.raises(KeyMaterialError, match="64 hex digits"):
        MasterKey.from_hex(KEY.hex()[:-1])
    with pytest.raises(KeyMaterialError, match="hex digits only") as caught:
        MasterKey.from_hex("x" + KEY.hex()[1:])
    assert KEY.hex()[8:16] not in str(caught.value)
    with pytest.raises(TypeError):
        pickle.dumps(MasterKey(KEY))


def test_a_secret_never_shows_itself() -> None:
    secret = Secret("hunter2")
    assert secret.expose() == "hunter2"
    shown = [
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret!r:>20}",
        f"{secret:>20}",
        f"{[secret]}",
    ]
    shown += ["%s" % secret, "%r" % (secret,)]  # noqa: UP031 - as logging formats its arguments
    assert all("hunter2" not in text for text in shown)
    assert all("***" in text for text in shown)


def test_a_secret_is_not_pickled_and_copies_as_itself() -> None:
    secret = Secret("hunter2")
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="not pickled"):
            pickle.dumps(secret, protocol)
    assert copy.copy(secret) is secret
    assert copy.deepcopy(secret) is secret
    with pytest.raises(AttributeError):
        secret.value = "other"  # type: ignore[attr-defined]


def test_secrets_compare_by_value_and_with_secrets_only() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("密") == Secret("密")
    assert Secret("a") != "a"
    assert hash(Secret("a")) == hash(Secret("a"))
