"""Whatever is changed on the way, the MAC is refused; tokens only ever die once."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nontax.mac import (
    ALGORITHM_NAMES,
    WIDTHS,
    MasterKey,
    SealError,
    TokenState,
    check_width,
    decrypt_token,
    encrypt_token,
    make_algorithm,
    verify,
)

EXAMPLES = 5_000 if os.environ.get("NONTAX_FUZZ") else 150
DES_KEY = bytes.fromhex("0123456789abcdef23456789abcdef01456789abcdef0123")
ALGORITHMS = {name: make_algorithm(name, DES_KEY) for name in ALGORITHM_NAMES}
SIGNING = [name for name in ALGORITHM_NAMES if name != "3des-token"]
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
tokens = st.text(ALPHABET, min_size=32, max_size=32)
bodies = st.binary(max_size=300)
fuzz = settings(max_examples=EXAMPLES, deadline=None)


def _width(name: str, data: st.DataObject) -> int:
    possible = [width for width in sorted(WIDTHS) if width >= ALGORITHMS[name].length]
    width = data.draw(st.sampled_from(possible))
    check_width(name, width)
    return width


def _field(name: str, width: int, token: str, body: bytes) -> bytes:
    return ALGORITHMS[name].compute(token.encode(), body).encode().ljust(width)


def _flip(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


@pytest.mark.parametrize("name", ALGORITHM_NAMES)
@fuzz
@given(data=st.data(), token=tokens, body=bodies)
def test_what_was_made_verifies(name: str, data: st.DataObject, token: str, body: bytes) -> None:
    width = _width(name, data)
    field = _field(name, width, token, body)
    assert verify(ALGORITHMS[name], width, token.encode(), body, field)
    assert verify(ALGORITHMS[name], width, token.encode(), body, field.lower())


@pytest.mark.parametrize("name", SIGNING)
@fuzz
@given(data=st.data(), token=tokens, body=st.binary(min_size=1, max_size=300))
def test_any_flipped_bit_of_the_body_is_refused(
    name: str, data: st.DataObject, token: str, body: bytes
) -> None:
    width = _width(name, data)
    field = _field(name, width, token, body)
    changed = _flip(body, data.draw(st.integers(0, len(body) * 8 - 1)))
    assert not verify(ALGORITHMS[name], width, token.encode(), changed, field)


@pytest.mark.parametrize("name", ALGORITHM_NAMES)
@fuzz
@given(data=st.data(), token=tokens, body=bodies)
def test_any_flipped_bit_of_the_token_is_refused(
    name: str, data: st.DataObject, token: str, body: bytes
) -> None:
    width = _width(name, data)
    field = _field(name, width, token, body)
    changed = _flip(token.encode(), data.draw(st.integers(0, 32 * 8 - 1)))
    assert not verify(ALGORITHMS[name], width, changed, body, field)


@pytest.mark.parametrize("name", ALGORITHM_NAMES)
@fuzz
@given(data=st.data(), token=tokens, body=bodies)
def test_any_flipped_bit_of_the_mac_is_refused_but_the_case_of_a_letter(
    name: str, data: st.DataObject, token: str, body: bytes
) -> None:
    width = _width(name, data)
    field = _field(name, width, token, body)
    changed = _flip(field, data.draw(st.integers(0, width * 8 - 1)))
    same_value = changed.upper() == field
    assert verify(ALGORITHMS[name], width, token.encode(), body, changed) is same_value


@pytest.mark.parametrize("name", ALGORITHM_NAMES)
@fuzz
@given(
    token=tokens, body=bodies, received=st.binary(max_size=140), width=st.sampled_from([64, 128])
)
def test_arbitrary_bytes_are_a_mismatch_and_never_an_exception(
    name: str, token: str, body: bytes, received: bytes, width: int
) -> None:
    assert not verify(ALGORITHMS[name], width, token.encode(), body, received)


@fuzz
@given(token=tokens)
def test_a_token_travels_in_2003(token: str) -> None:
    for name in ("3des-token", "3des-digest", "sha256-token"):
        algorithm = ALGORITHMS[name]
        assert decrypt_token(algorithm, encrypt_token(algorithm, token)) == token


@fuzz
@given(
    confirm=st.integers(0, 7200),
    grace=st.integers(0, 600),
    steps=st.lists(
        st.tuples(st.integers(0, 4_000_000), st.sampled_from(["none", "current", "previous"])),
        max_size=12,
    ),
)
def test_a_previous_token_that_was_refused_once_never_comes_back(
    confirm: int, grace: int, steps: list[tuple[int, str]]
) -> None:
    """Whatever arrives, and in whatever rhythm: good, then refused, and never good again."""
    old, new = "A" * 32, "B" * 32
    now = 1_790_000_000_000
    state = TokenState(old).changed(new, now)
    ends_by = now + (confirm + grace) * 1000
    refused = False
    for wait, token in steps:
        now += wait
        good = state.candidates(now, confirm, grace)
        assert good[0] == new
        assert not (refused and old in good)
        assert old not in good or now < ends_by
        refused = old not in good
        if token == "current" or (token == "previous" and not refused):
            state = state.verified_with(new if token == "current" else old, now)


@fuzz
@given(data=st.data(), plain=st.binary(max_size=100), context=st.text(max_size=20))
def test_any_flipped_bit_of_a_sealed_text_is_refused(
    data: st.DataObject, plain: bytes, context: str
) -> None:
    key = MasterKey(bytes(range(32)))
    sealed = key.seal(plain, context=context, nonce=data.draw(st.binary(min_size=12, max_size=12)))
    assert key.open_sealed(sealed, context=context) == plain
    bit = data.draw(st.integers(0, len(sealed) * 8 - 1))
    changed = _flip(sealed.encode(), bit).decode("latin-1")
    with pytest.raises(SealError):
        key.open_sealed(changed, context=context)
