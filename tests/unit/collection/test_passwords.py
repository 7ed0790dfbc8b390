"""Passwords: strength and how they are kept."""

import pytest

from nontax.gateway.collection.passwords import make_hash, verify, weakness

SALT = bytes(range(16))


@pytest.mark.parametrize(
    ("password", "missing"),
    [
        ("Aa1-", "8 to 256"),
        ("Aa1-" * 65, "8 to 256"),
        ("aaaaaa1-", "upper-case"),
        ("AAAAAA1-", "lower-case"),
        ("Aaaaaaa-", "digit"),
        ("Aaaaaaa1", "symbol"),
        ("Aaaaaa1 ", "symbol"),
        ("Maker1-maker1", "operator's name"),
    ],
)
def test_a_weak_password_is_named(password: str, missing: str) -> None:
    assert missing in (weakness(password, "maker1") or "")


def test_a_strong_password_has_no_weakness() -> None:
    assert weakness("Zebra-9-crossing", "maker1") is None
    assert weakness("口令Zebra9-", "maker1") is None


def test_only_the_right_password_verifies() -> None:
    kept = make_hash("Zebra-9-crossing", SALT)
    assert kept.startswith("scrypt$16384$8$1$")
    assert "Zebra" not in kept
    assert verify("Zebra-9-crossing", kept)
    assert not verify("Zebra-9-crossinG", kept)
    assert make_hash("Zebra-9-crossing", bytes(16)) != kept


@pytest.mark.parametrize(
    "kept", ["", "plain", "scrypt$1$2", "md5$1$1$1$00$00", "scrypt$x$8$1$00$00"]
)
def test_an_unreadable_hash_is_an_error(kept: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any text will do
        verify("Zebra-9-crossing", kept)


def test_a_salt_has_sixteen_bytes() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        make_hash("Zebra-9-crossing", b"short")
