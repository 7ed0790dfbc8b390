"""Sharing rules: no fen is lost, made or misplaced, whatever the rules, amounts and refunds."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nontax.gateway.settlement.sharing import (
    WHOLE,
    Line,
    apportion,
    refund,
    refunded,
    settled,
    shares,
    split,
)

MAX_FEN = 10**15
AMOUNTS = st.one_of(st.integers(0, 300), st.integers(0, MAX_FEN))
SPLITS = 1_000_000


@st.composite
def rules(draw: st.DrawFn) -> tuple[int, ...]:
    """Parts above 0 that add up to 10,000."""
    cuts = draw(st.sets(st.integers(1, WHOLE - 1), max_size=6))
    return tuple(high - low for low, high in pairwise(sorted({0, WHOLE, *cuts})))


LINES = st.lists(st.builds(Line, AMOUNTS, rules()), min_size=1, max_size=5)


@st.composite
def refunds(draw: st.DrawFn) -> tuple[list[Line], list[int]]:
    """A payment, and refunds that come to at most all of it."""
    lines = draw(LINES)
    whole = sum(line.amt for line in lines)
    cuts = sorted(draw(st.lists(st.integers(0, whole), max_size=5)))
    return lines, [high - low for low, high in pairwise([0, *cuts])]


def test_a_million_random_amounts_by_random_rules_lose_no_fen() -> None:
    luck = random.Random(20261122)  # noqa: S311 - the same amounts every time
    per_rule = 500
    done = 0
    while done < SPLITS:
        count = luck.randint(1, 7)
        cuts = sorted({0, WHOLE, *(luck.randrange(1, WHOLE) for _ in range(count - 1))})
        parts = tuple(high - low for low, high in pairwise(cuts))
        lost = 0
        for _ in range(per_rule):
            amount = luck.getrandbits(luck.randrange(1, 50))
            shared = split(amount, parts)
            lost += amount != sum(shared)
        assert lost == 0, parts
        done += per_rule
    assert done == SPLITS


@given(AMOUNTS, rules())
def test_parts_add_up_and_are_never_a_fen_away(amount: int, parts: tuple[int, ...]) -> None:
    shared = split(amount, parts)
    assert sum(shared) == amount
    for got, part in zip(shared, parts, strict=True):
        assert abs(got * WHOLE - amount * part) < WHOLE
    assert split(-amount, parts) == tuple(-got for got in shared)


@given(AMOUNTS, rules())
def test_the_missing_fen_go_to_the_largest_remainders_by_line(
    amount: int, parts: tuple[int, ...]
) -> None:
    got_more, got_none = [], []
    for line, (got, part) in enumerate(zip(split(amount, parts), parts, strict=True)):
        rest = amount * part % WHOLE
        (got_more if got > amount * part // WHOLE else got_none).append((-rest, line))
    if got_more and got_none:
        assert max(got_more) < min(got_none)


@given(AMOUNTS, st.lists(AMOUNTS, min_size=1, max_size=6).filter(any))
def test_a_weight_of_nothing_gets_nothing(amount: int, weights: list[int]) -> None:
    shared = apportion(amount, weights)
    assert sum(shared) == amount
    assert all(got == 0 for got, weight in zip(shared, weights, strict=True) if weight == 0)


@given(refunds())
def test_refunds_add_up_whatever_they_come_to(case: tuple[list[Line], list[int]]) -> None:
    lines, amounts = case
    before = 0
    left = [list(line) for line in shares(lines)]
    for amount in amounts:
        taken = refund(lines, before, amount)
        assert sum(map(sum, taken)) == amount
        left = [
            [had - took for had, took in zip(line, gone, strict=True)]
            for line, gone in zip(left, taken, strict=True)
        ]
        before += amount
    assert sum(map(sum, left)) == sum(line.amt for line in lines) - before
    if before == sum(line.amt for line in lines):
        assert not any(map(any, left)), "a fully refunded payment nets to zero in every part"


@given(refunds())
def test_refunds_never_take_from_an_item_more_than_it_has(
    case: tuple[list[Line], list[int]],
) -> None:
    lines, amounts = case
    for line, taken in zip(lines, refunded(lines, sum(amounts)), strict=True):
        assert 0 <= sum(taken) <= line.amt


@given(refunds(), st.randoms(use_true_random=False))
def test_the_order_of_refunds_never_matters(
    case: tuple[list[Line], list[int]], luck: random.Random
) -> None:
    lines, amounts = case

    def taken(order: list[int]) -> list[list[int]]:
        before = 0
        total = [[0] * len(line.parts) for line in lines]
        for amount in order:
            for row, gone in zip(total, refund(lines, before, amount), strict=True):
                row[:] = [had + took for had, took in zip(row, gone, strict=True)]
            before += amount
        return total

    shuffled = list(amounts)
    luck.shuffle(shuffled)
    assert taken(amounts) == taken(shuffled)
    assert taken(amounts) == [list(line) for line in refunded(lines, sum(amounts))]


@given(st.lists(AMOUNTS, min_size=1, max_size=6).filter(any), AMOUNTS, st.sampled_from(["", "D"]))
def test_late_fees_add_up(items: list[int], delay: int, delay_item: str) -> None:
    named = [(str(number), amt) for number, amt in enumerate(items)]
    lines = settled(named, delay, delay_item)
    assert sum(amt for _, amt in lines) == sum(items) + delay
    assert len(lines) == len(items) + bool(delay and delay_item)
    with_delay = [Line(amt, (3333, 6667)) for _, amt in lines]
    assert sum(map(sum, shares(with_delay))) == sum(items) + delay


@pytest.mark.parametrize("cents", range(1, 30))
def test_every_order_of_every_small_refund_empties_every_part(cents: int) -> None:
    lines = (Line(cents, (1000, 2000, 7000)), Line(2 * cents, (3333, 6667)))
    whole = shares(lines)
    for first in range(3 * cents + 1):
        one, other = refund(lines, 0, first), refund(lines, first, 3 * cents - first)
        for had, gone, rest in zip(whole, one, other, strict=True):
            assert all(a == b + c for a, b, c in zip(had, gone, rest, strict=True))
