"""Sharing rules by examples worked by hand; the general truths stand in the property tests."""

from __future__ import annotations

import pytest

from nontax.gateway.settlement.sharing import (
    Inconsistent,
    Line,
    apportion,
    refund,
    refunded,
    settled,
    shares,
    split,
)

THREE = (1000, 2000, 7000)


def test_an_amount_that_divides_is_split_as_the_rule_says() -> None:
    assert split(8000, THREE) == (800, 1600, 5600)


@pytest.mark.parametrize(
    ("amount", "parts", "expected"),
    [
        # 0.1, 0.2, 0.7: the largest remainder gets the fen.
        (1, THREE, (0, 0, 1)),
        # 0.3, 0.6, 2.1: one fen is missing, 0.6 is the largest remainder.
        (3, THREE, (0, 1, 2)),
        # 0.9, 1.8, 6.3: two are missing, 0.9 and 0.8 are the largest remainders.
        (9, THREE, (1, 2, 6)),
        # Equal remainders: the earlier line first.
        (1, (5000, 5000), (1, 0)),
        (3, (5000, 5000), (2, 1)),
        (2, (3334, 3333, 3333), (1, 1, 0)),
        (100, (3333, 6667), (33, 67)),
        (0, THREE, (0, 0, 0)),
        (7, (10_000,), (7,)),
        # The largest amount of a bill: no floating point could do this.
        (10**15 - 1, (3333, 6667), (333_300_000_000_000, 666_699_999_999_999)),
    ],
)
def test_the_largest_remainder_gets_the_missing_fen(
    amount: int, parts: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    assert split(amount, parts) == expected
    assert split(-amount, parts) == tuple(-part for part in expected)


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ((), "add up to 0"),
        ((9999,), "add up to 9999"),
        ((5000, 5001), "add up to 10001"),
        ((10_000, 0), "not above 0"),
        ((11_000, -1000), "not above 0"),
    ],
)
def test_what_is_no_rule_splits_nothing(parts: tuple[int, ...], said: str) -> None:
    with pytest.raises(Inconsistent, match=said):
        split(100, parts)
    with pytest.raises(Inconsistent, match=said):
        Line(100, parts)


def test_weights_of_nothing_take_nothing() -> None:
    assert apportion(5, (0, 1, 0)) == (0, 5, 0)
    assert apportion(0, (0, 0)) == (0, 0)
    with pytest.raises(Inconsistent, match="nothing to spread"):
        apportion(5, (0, 0))


def test_late_fees_have_an_item_of_their_own_or_are_spread() -> None:
    items = [("A", 3000), ("B", 5000), ("C", 1)]
    assert settled(items, 0, "D") == (("A", 3000), ("B", 5000), ("C", 1))
    assert settled(items, 10, "D") == (("A", 3000), ("B", 5000), ("C", 1), ("D", 10))
    # 3.749…, 6.249…, 0.001…: A is the largest remainder.
    assert settled(items, 10, "") == (("A", 3004), ("B", 5006), ("C", 1))


def test_a_refund_is_spread_over_the_items_and_shared_as_they_are() -> None:
    lines = (Line(3000, (5000, 5000)), Line(5000, (10_000,)))
    assert shares(lines) == ((1500, 1500), (5000,))
    # 1,001 fen: 375.375 and 625.625 of the items, then 375 in halves.
    assert refunded(lines, 1001) == ((188, 187), (626,))
    assert refund(lines, 0, 1001) == ((188, 187), (626,))
    rest = refund(lines, 1001, 6999)
    assert rest == ((1312, 1313), (4374,))
    assert refunded(lines, 8000) == shares(lines)


def test_no_more_is_paid_back_than_was_paid() -> None:
    with pytest.raises(Inconsistent, match="more than the payment"):
        refund((Line(100, (10_000,)),), 60, 41)


def test_a_later_refund_may_give_a_fen_to_a_part() -> None:
    # Houses of 14 and 15 seats for 6, 6 and 2: the third loses one where the total grows.
    lines = (Line(600, (10_000,)), Line(600, (10_000,)), Line(200, (10_000,)))
    assert refunded(lines, 10) == ((4,), (4,), (2,))
    assert refunded(lines, 11) == ((5,), (5,), (1,))
    assert refund(lines, 10, 1) == ((1,), (1,), (-1,))
