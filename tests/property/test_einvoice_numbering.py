"""Ranges of invoice numbers against sets of numbers."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from nontax.einvoice.numbering import (
    NumberingError,
    Range,
    code_of,
    invoice_id,
    merged,
    number_text,
    parse_code,
    parse_invoice_id,
)

CODES = ("32010126", "32010127")


@st.composite
def ranges(draw: st.DrawFn) -> Range:
    first = draw(st.integers(1, 40))
    return Range(draw(st.sampled_from(CODES)), first, first + draw(st.integers(0, 12)))


def numbers(*some: Range) -> set[tuple[str, int]]:
    return {(one.code, number) for one in some for number in range(one.first, one.last + 1)}


def check_tidy(some: Iterable[Range]) -> None:
    """Ascending, and nothing that could be one range."""
    listed = list(some)
    assert listed == sorted(listed)
    assert not any(a.touches(b) for a, b in pairwise(listed))


@given(ranges(), ranges())
def test_two_ranges(one: Range, other: Range) -> None:
    assert one.count == len(numbers(one))
    assert one.overlaps(other) == bool(numbers(one) & numbers(other)) == other.overlaps(one)
    assert one.contains(other) == (numbers(other) <= numbers(one))
    assert one.touches(other) == other.touches(one)
    try:
        both = one.join(other)
    except NumberingError:
        assert one.overlaps(other) or len(merged([one, other])) == 2
    else:
        assert numbers(both) == numbers(one, other)
        assert both.count == one.count + other.count


@given(ranges(), st.lists(ranges(), max_size=5))
def test_subtracting_is_that_of_sets(one: Range, taken: list[Range]) -> None:
    left = one.subtract(*taken)
    assert numbers(*left) == numbers(one) - numbers(*taken)
    check_tidy(left)


@given(st.lists(ranges(), max_size=6))
def test_merging_keeps_the_numbers(some: list[Range]) -> None:
    tidy = merged(some)
    assert numbers(*tidy) == numbers(*some)
    check_tidy(tidy)


@given(ranges(), st.integers(1, 13))
def test_splitting_and_joining(one: Range, count: int) -> None:
    if count > one.count:
        return
    head, tail = one.split(count)
    assert head.count == count
    assert (one if tail is None else head.join(tail)) == one
    assert (head if tail is None else merged([tail, head])[0]) == one


@given(st.integers(1, 9_999_999_999), st.from_regex(r"[0-9]{8}", fullmatch=True))
def test_identities_go_both_ways(number: int, code: str) -> None:
    text = number_text(number)
    assert parse_invoice_id(invoice_id(code, text)) == (code, text)
    parts = parse_code(code)
    assert code_of(parts.region, parts.bill_type, parts.year) == code
