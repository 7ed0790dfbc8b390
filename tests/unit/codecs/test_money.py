"""Amounts: yuan <-> fen."""

from __future__ import annotations

import pytest

from nontax.codecs import MAX_FEN, Rule, RuleError, format_yuan, parse_yuan


@pytest.mark.parametrize(
    ("text", "fen"),
    [
        ("80.00", 8000),
        ("80.0", 8000),  # as units' systems send
        ("21", 2100),  # as banks send
        ("0.01", 1),
        ("0.1", 10),
        ("0", 0),
        ("0.00", 0),
        ("-0.0", 0),  # a double's zero
        ("+1.05", 105),
        ("0000000012.50", 1250),
        ("999999999999999.99", MAX_FEN),
        ("10000000000000.00", 10**15),
    ],
)
def test_amounts_are_read(text: str, fen: int) -> None:
    assert parse_yuan(text) == fen


@pytest.mark.parametrize(
    "text",
    ["", " ", "80.", ".5", "1,000.00", "1.234", "1e3", "NaN", "--1", "1 0", "80.00 ", "８０.00",
     "٣", "80.00\n", "0x10", "1_000", "¥1", "+", "-"],
)  # fmt: skip
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(RuleError) as caught:
        parse_yuan(text)
    assert caught.value.rule is Rule.AMOUNT


@pytest.mark.parametrize("text", ["1000000000000000", "1000000000000000.00", "0" * 16])
def test_sixteen_integer_digits_are_refused(text: str) -> None:
    with pytest.raises(RuleError) as caught:
        parse_yuan(text)
    assert caught.value.rule is Rule.AMOUNT_SIZE


def test_negative_only_where_it_is_allowed() -> None:
    assert parse_yuan("-80.5", negative=True) == -8050
    with pytest.raises(RuleError) as caught:
        parse_yuan("-80.5")
    assert caught.value.rule is Rule.NEGATIVE


@pytest.mark.parametrize(
    ("fen", "text"),
    [
        (8000, "80.00"),
        (1, "0.01"),
        (0, "0.00"),
        (105, "1.05"),
        (-5, "-0.05"),
        (-8050, "-80.50"),
        (MAX_FEN, "999999999999999.99"),
        (-MAX_FEN, "-999999999999999.99"),
    ],
)
def test_amounts_are_written_with_two_decimals(fen: int, text: str) -> None:
    assert format_yuan(fen) == text
    assert parse_yuan(text, negative=True) == fen


@pytest.mark.parametrize("fen", [MAX_FEN + 1, -MAX_FEN - 1])
def test_more_than_fifteen_digits_are_not_written(fen: int) -> None:
    with pytest.raises(RuleError) as caught:
        format_yuan(fen)
    assert caught.value.rule is Rule.AMOUNT_SIZE
