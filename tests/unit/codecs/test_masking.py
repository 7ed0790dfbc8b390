"""One rule per kind of personal data."""

from __future__ import annotations

import pytest

from nontax.codecs import Sensitive, mask, shown


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (Sensitive.NAME, "张三", "张*"),
        (Sensitive.NAME, "欧阳小明", "欧***"),
        (Sensitive.NAME, "示例市自然资源局", "示***"),
        (Sensitive.NAME, "张", "*"),
        (Sensitive.ACCOUNT, "32001000000000000018", "****0018"),
        (Sensitive.ACCOUNT, "1234567", "****"),
        (Sensitive.PHONE, "13012345678", "130****5678"),
        (Sensitive.PHONE, "051312", "****"),
        (Sensitive.IDENTITY, "320000190001010012", "320****0012"),
        (Sensitive.IDENTITY, "3200001900", "****"),
        (Sensitive.SECRET, "Nj7wQ2xVb0RkT5yL", "***"),
        (Sensitive.TEXT, "张三的罚款", "<5 characters>"),
        ("no such kind", "13012345678", "***"),
        *[(kind, "", "") for kind in Sensitive],
    ],
)
def test_mask(kind: str, value: str, expected: str) -> None:
    assert mask(kind, value) == expected


@pytest.mark.parametrize("kind", list(Sensitive))
def test_a_mask_never_shows_the_whole_value(kind: Sensitive) -> None:
    for length in range(1, 40):
        value = "".join(chr(0x4E00 + index) for index in range(length))
        hidden = [character for character in value if character not in mask(kind, value)]
        assert hidden
        assert len(hidden) >= length // 3


def test_shown_is_one_short_line() -> None:
    assert shown("80.0x") == "80.0x"
    assert shown("a\nb\x1b[31m\u202e") == "a b [31m "
    assert shown("x" * 100, 10) == "x" * 9 + "…"
