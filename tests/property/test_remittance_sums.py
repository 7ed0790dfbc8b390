"""Whatever is paid, shared and paid back: lines, parts and totals agree to the fen."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from nontax.gateway.settlement.dues import net
from nontax.gateway.settlement.remitlines import CONSOLIDATED, DIRECT, NetDue, make_lines
from nontax.gateway.settlement.sharing import Line, shares
from nontax.gateway.store.entries import Item
from nontax.gateway.store.income import Due, Part

LEVELS = "12345"
CODES = ("A", "B", "C")
ITEMS = {
    code: Item(code, code, "20200101", income_subject=subject)
    for code, subject in zip(CODES, ("S1", "S1", "S2"), strict=True)
}
UNITS = {"U1": "单位一", "U2": "单位二"}


@st.composite
def rules(draw: st.DrawFn) -> tuple[int, ...]:
    """Parts of 10,000, at most one for each level."""
    cuts = draw(st.sets(st.integers(1, 9999), max_size=len(LEVELS) - 1))
    edges = [0, *sorted(cuts), 10_000]
    return tuple(b - a for a, b in pairwise(edges))


@st.composite
def payments(draw: st.DrawFn, number: int = 1) -> tuple[list[Part], int, int]:
    """The parts of a payment, what was paid and what was paid back."""
    amounts = draw(st.lists(st.integers(1, 10 ** draw(st.integers(1, 12))), min_size=1, max_size=4))
    known = {code: draw(rules()) for code in CODES}
    codes = [draw(st.sampled_from(CODES)) for _ in amounts]
    lines = [Line(amt, known[code]) for amt, code in zip(amounts, codes, strict=True)]
    parts = [
        Part(number, line, position, code, level, f"T{level}", weight, amt)
        for line, (code, divided) in enumerate(zip(codes, shares(lines), strict=True), 1)
        for position, (weight, amt, level) in enumerate(
            zip(known[code], divided, LEVELS, strict=False), 1
        )
    ]
    paid = sum(amounts)
    return parts, paid, draw(st.integers(0, paid))


@given(payments())
def test_what_is_left_is_what_was_paid_less_what_was_paid_back(
    payment: tuple[list[Part], int, int],
) -> None:
    parts, paid, back = payment
    left = net(parts, back)
    assert sum(left.values()) == paid - back
    assert min(left.values()) >= 0
    assert set(left) == {(part.payment_id, part.item_code, part.level) for part in parts}


@given(payments())
def test_a_payment_that_was_paid_back_in_full_leaves_nothing_anywhere(
    payment: tuple[list[Part], int, int],
) -> None:
    parts, paid, _ = payment
    assert set(net(parts, paid).values()) == {0}


@given(
    st.lists(st.integers(0, 3), min_size=1, max_size=6).flatmap(
        lambda kinds: st.tuples(*(payments(number) for number, _ in enumerate(kinds)))
    ),
    st.sampled_from([DIRECT, CONSOLIDATED]),
    st.sampled_from(sorted(UNITS)),
)
def test_lines_are_their_parts_and_add_up_to_the_money(
    drawn: tuple[tuple[list[Part], int, int], ...], mode: str, unit: str
) -> None:
    dues = [
        NetDue(
            Due(number, code, level, f"T{level}", "320682", "1", "0105", "direct", "1", unit, amt),
            f"PAY{number}",
            amt,
        )
        for parts, _, back in drawn
        for (number, code, level), amt in net(parts, back).items()
        if amt > 0
    ]
    made = make_lines(dues, mode, ITEMS, UNITS)
    assert made.total == sum(paid - back for _, paid, back in drawn)
    by_line = dict.fromkeys((line.line_no for line in made.lines), 0)
    for part in made.parts:
        by_line[part.line_no] += part.amt
    assert by_line == {line.line_no: line.amt for line in made.lines}
    assert [line.line_no for line in made.lines] == list(range(1, len(made.lines) + 1))
    keys = [
        (line.pay_code, line.item_code, line.level)
        if mode == DIRECT
        else (line.subject, line.level, line.unit_code)
        for line in made.lines
    ]
    assert len(keys) == len(set(keys))
