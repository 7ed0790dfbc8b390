"""Figures in any order, on any days, found out whenever: nothing is lost, nothing is doubled."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from nontax.reconcile.figures.model import (
    Category,
    Cause,
    Correction,
    Key,
    Measure,
    Movement,
    Names,
    Row,
    carried,
    deposit_control,
    income_control,
    opened,
    sum_up,
)
from nontax.reconcile.figures.postings import (
    Looked,
    Side,
    Template,
    TemplateSet,
    post,
    postables,
    totals,
)

DAYS = [f"202603{day:02d}" for day in range(1, 7)]
TEMPLATES = TemplateSet(
    "all", tuple(Template(one, Side("1"), Side("2"), "{date}") for one in Measure)
)

keys = st.builds(
    Key,
    st.sampled_from([one.value for one in Category]),
    st.just("320682"),
    st.sampled_from(["U1", "U2"]),
    st.sampled_from(["I1", "I2"]),
    st.sampled_from(["", "一般公共预算"]),
    st.just("A1"),
)
movements = st.builds(
    Movement,
    st.sampled_from(DAYS),
    keys,
    st.just(Names("U", "I", "A")),
    st.sampled_from(Measure),
    st.integers(-5, 10**12),
    st.sampled_from(Cause),
    st.just("P"),
)


def close_all(found_on: Sequence[tuple[Movement, int]]) -> tuple[list[list[Row]], list[Correction]]:
    """Close every day in turn; a movement is known on the closing of its second number."""
    closed: list[list[Row]] = []
    corrections: list[Correction] = []
    told = 0
    for index, day in enumerate(DAYS):
        known = [one for one, when in found_on if max(when, DAYS.index(one.day)) == index]
        corrections += [
            Correction(len(corrections) + number, *_facts(one), day, index, "maker1")
            for number, one in enumerate((one for one in known if one.day < day), 1)
        ]
        before = closed[-1] if closed else []
        openings = carried(day, before, corrections[told:])
        told = len(corrections)
        closed.append(opened(day, sum_up(one for one in known if one.day == day), openings))
    return closed, corrections


def _facts(one: Movement) -> tuple[object, ...]:
    return (one.day, *one.key, *one.names, one.measure, one.amt, one.cause, one.reference)


stories = st.lists(st.tuples(movements, st.integers(0, len(DAYS) - 1)), max_size=30)


@given(stories)
def test_rows_and_corrections_are_all_that_happened(told: list[tuple[Movement, int]]) -> None:
    closed, corrections = close_all(told)
    income = sum(row.income for rows in closed for row in rows)
    income += sum(one.income for one in corrections)
    assert income == sum(one.measure.income * one.amt for one, _ in told)
    left = sum(row.closing for row in closed[-1])
    assert left == sum(one.measure.deposit * one.amt for one, _ in told)
    entered = sum(row.movements + row.income_movements for rows in closed for row in rows)
    # Confirmations count for both reports.
    late = sum(abs(one.measure.deposit) + abs(one.measure.income) for one in corrections)
    assert entered + late == sum(
        abs(one.measure.deposit) + abs(one.measure.income) for one, _ in told
    )


@given(stories)
def test_everything_is_posted_once_and_balances(told: list[tuple[Movement, int]]) -> None:
    closed, corrections = close_all(told)
    posted = 0
    seen = 0
    for rows, day in zip(closed, DAYS, strict=True):
        here = [one for one in corrections if one.found_on == day]
        control = totals(post(TEMPLATES, postables(rows, here), Looked()))
        assert control.debit == control.credit
        posted += control.debit
        seen += len(here)
    assert seen == len(corrections)
    assert posted == sum(one.amt for one, _ in told)


@given(st.lists(movements, max_size=20), st.randoms(use_true_random=False))
def test_the_order_of_movements_does_not_matter(told: list[Movement], random: Random) -> None:
    shuffled = list(told)
    random.shuffle(shuffled)
    assert sum_up(shuffled) == sum_up(told)
    assert income_control(sum_up(shuffled)) == income_control(sum_up(told))
    assert deposit_control(sum_up(shuffled)) == deposit_control(sum_up(told))
