"""Matching against a slow and obvious model; the order of lines and packs changes nothing."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from nontax.reconcile.digest import combined, lines_digest
from nontax.reconcile.funds import match_funds
from nontax.reconcile.kinds import NOTED, Kind
from nontax.reconcile.ports import BillView
from nontax.reconcile.sides import Difference, Expected, MoneyLine, OurPayment, PaymentLine

from ..unit.reconcile.matching import (
    ACCOUNT,
    BANK,
    BEFORE,
    DAY,
    PLATFORM,
    Books,
    ListPages,
    match,
)

NUMBERS, CODES, AMOUNTS = st.sampled_from("TUV"), st.sampled_from("AB"), st.sampled_from([1, 2])
ACCOUNTS, MODES = st.sampled_from(["X", "Y", ""]), st.sampled_from(["11", "52"])
BOOKS = {"A": BillView("paid", 1, account_accepted=True)}


@st.composite
def payments(draw: st.DrawFn) -> list[OurPayment]:
    """At most one payment of an identity."""
    identities = draw(st.sets(st.tuples(NUMBERS, st.sampled_from([BANK, PLATFORM])), max_size=6))
    return [
        OurPayment(tra_no, at, src, DAY, draw(CODES), draw(AMOUNTS), draw(MODES), draw(ACCOUNTS))
        for at, (tra_no, src) in enumerate(sorted(identities))
    ]


LINES = st.lists(
    st.builds(
        PaymentLine,
        NUMBERS,
        st.just(1),
        st.just(1),
        st.just(1),
        st.sampled_from([DAY, DAY, BEFORE]),
        CODES,
        AMOUNTS,
        MODES,
        ACCOUNTS,
        st.sampled_from(["", "", "", "fault"]),
    ),
    max_size=8,
)


def placed(lines: Sequence[PaymentLine], sizes: Sequence[int]) -> list[PaymentLine]:
    """The lines in packs of these sizes, by turns."""
    found: list[PaymentLine] = []
    pack = at = 0
    for line in lines:
        if at == sizes[pack % len(sizes)]:
            pack, at = pack + 1, 0
        at += 1
        found.append(line._replace(pack_no=pack + 1, line_no=at))
    return found


def grade(payment: OurPayment, line: PaymentLine) -> tuple[int, ...] | None:
    """How well a line fits a payment, the least is the best; None for not at all."""
    if line.fault:
        return None
    amount, date = payment.amt == line.amt, payment.cfm_date == line.cfm_date
    mode, told = payment.pay_mode == line.pay_mode, bool(line.rec_acct)
    account = payment.rec_acct == line.rec_acct
    if payment.tra_no == line.tra_no:
        if payment.pay_code == line.pay_code:
            fits = [
                amount and date and mode and account,
                amount and date and mode and not told,
                amount and date and account,
                amount and date and not told,
                amount and date,
                amount and account,
                amount,
                True,
            ]
            return (0, fits.index(True))
        if payment.src == BANK and date:
            return (1, [amount and mode and account, amount and account, amount, True].index(True))
        return None
    if payment.src != BANK or not (amount and date and payment.pay_code == line.pay_code):
        return None
    fits = [mode and account, mode and not told, account, True]
    return (2, fits.index(True))


def by_value(line: PaymentLine) -> tuple[object, ...]:
    """The order in which lines of one number are looked at: by what they say, then by place."""
    said = (line.tra_no, line.pay_code, line.amt, line.cfm_date, line.pay_mode, line.rec_acct)
    return (*said, line.fault, line.ref)


def model(
    ours: Sequence[OurPayment], lines: Sequence[PaymentLine]
) -> tuple[set[tuple[int, int]], set[int]]:
    """Pairs of places on both sides, and the lines that repeat another one: the best fits first."""
    order = sorted(range(len(lines)), key=lambda at: by_value(lines[at]))
    pairs: dict[int, int] = {}
    repeats: set[int] = set()
    for stage in (0, 1, 2):
        if stage == 2:
            repeats = repeated(lines, order, set(pairs.values()))
        graded = [
            (found[1], rank, mine)
            for (rank, theirs), mine in product(enumerate(order), range(len(ours)))
            if (found := grade(ours[mine], lines[theirs])) is not None
            and found[0] == stage
            and not (stage == 2 and theirs in repeats)
        ]
        for _, rank, mine in sorted(graded):
            if mine not in pairs and order[rank] not in pairs.values():
                pairs[mine] = order[rank]
    return set(pairs.items()), repeats


def repeated(lines: Sequence[PaymentLine], order: Sequence[int], paired: set[int]) -> set[int]:
    """Lines whose number and pay code a paired or an earlier line has."""
    seen = Counter((lines[at].tra_no, lines[at].pay_code) for at in paired)
    found = set()
    for at in order:
        if at in paired or lines[at].fault:
            continue
        what = (lines[at].tra_no, lines[at].pay_code)
        if seen[what]:
            found.add(at)
        seen[what] += 1
    return found


def told(differences: Sequence[Difference]) -> list[Difference]:
    """Without the places, which are all that packs may change."""
    return [replace(one, line=None) for one in differences]


@given(payments(), LINES, st.lists(st.integers(1, 4), min_size=1, max_size=3), st.integers(1, 5))
def test_matching_is_what_the_model_says(
    ours: list[OurPayment], lines: list[PaymentLine], sizes: list[int], size: int
) -> None:
    listed = placed(lines, sizes)
    matched = asyncio.run(match(ours, listed, Books(**BOOKS), size=size))
    pairs, repeats = model(ours, listed)
    by_payment = {one.payment_id: one for one in matched.differences if one.payment_id is not None}
    agreed = Counter(line.pay_mode for line in listed)
    for mine, theirs in pairs:
        found = by_payment.get(ours[mine].payment_id)
        same_values = listed[theirs][:1] + listed[theirs][4:]
        if found is None:
            assert ours[mine].pay_code == listed[theirs].pay_code
            continue
        assert found.kind is not Kind.OURS_ONLY
        assert found.line is not None
        shown = next(line for line in listed if line.ref == found.line)
        assert shown[:1] + shown[4:] == same_values
        if found.kind not in NOTED:
            agreed[listed[theirs].pay_mode] -= 1
    unpaired = {payment.payment_id for at, payment in enumerate(ours) if at not in dict(pairs)}
    missing = {one.payment_id for one in matched.differences if one.kind is Kind.OURS_ONLY}
    assert missing == unpaired
    kinds = Counter(one.kind for one in matched.differences)
    assert kinds[Kind.DUPLICATE] == len(repeats)
    assert kinds[Kind.MALFORMED] == sum(bool(line.fault) for line in listed)
    alone = [line for at, line in enumerate(listed) if at not in {at for _, at in pairs}]
    of_lines = [one for one in matched.differences if one.payment_id is None]
    assert len(of_lines) == len(alone)
    agreed.subtract(line.pay_mode for line in alone)
    assert {one.scope: one.matched.count for one in matched.totals if one.matched.count} == +agreed


@given(
    payments(), LINES, st.randoms(use_true_random=False), st.lists(st.integers(1, 4), min_size=1)
)
def test_neither_order_nor_packs_change_the_outcome(
    ours: list[OurPayment], lines: list[PaymentLine], luck: random.Random, sizes: list[int]
) -> None:
    first = asyncio.run(match(ours, placed(lines, [100]), Books(**BOOKS)))
    shuffled = list(lines)
    luck.shuffle(shuffled)
    second = asyncio.run(match(ours, placed(shuffled, sizes), Books(**BOOKS), size=2))
    assert told(first.differences) == told(second.differences)
    assert first.totals == second.totals
    keys = [(one.scope, one.key) for one in first.differences]
    assert len(keys) == len(set(keys))


@given(payments(), LINES)
def test_every_row_is_in_the_totals_once(ours: list[OurPayment], lines: list[PaymentLine]) -> None:
    matched = asyncio.run(match(ours, placed(lines, [3])))
    assert sum(one.ours.count for one in matched.totals) == len(ours)
    assert sum(one.ours.amt for one in matched.totals) == sum(one.amt for one in ours)
    assert sum(one.theirs.count for one in matched.totals) == len(lines)
    assert sum(one.theirs.amt for one in matched.totals) == sum(one.amt for one in lines)


BATCHES = st.sampled_from(["", "", "H"])
DAYS = st.sampled_from([DAY, DAY, BEFORE])
EXPECTED = st.lists(
    st.builds(
        Expected,
        st.sampled_from(["", "T", "U"]),
        st.just(""),
        st.sampled_from("12"),
        MODES,
        st.sampled_from(["", "A", "B"]),
        BATCHES,
        AMOUNTS,
        DAYS,
    ),
    max_size=6,
).map(lambda rows: [one._replace(expected=f"arrival:{at}") for at, one in enumerate(rows)])
MONEY = st.lists(
    st.builds(
        MoneyLine,
        st.sampled_from("TUV"),
        st.just(1),
        st.just(1),
        st.just(1),
        st.sampled_from("12"),
        MODES,
        st.sampled_from(["", "A", "B"]),
        BATCHES,
        AMOUNTS,
        DAYS,
        st.sampled_from(["", "", "fault"]),
    ),
    max_size=6,
)


@given(EXPECTED, MONEY, st.randoms(use_true_random=False))
def test_money_is_met_once_and_nothing_is_lost(
    expected: list[Expected], lines: list[MoneyLine], luck: random.Random
) -> None:
    placed_lines = [line._replace(line_no=at) for at, line in enumerate(lines, 1)]
    outcomes = []
    for _ in range(2):
        matched = asyncio.run(
            match_funds(
                ListPages(sorted(expected, key=lambda one: one.tra_no), 2),
                ListPages(sorted(placed_lines, key=lambda one: one.tra_no), 2),
                account=ACCOUNT,
                check_date=DAY,
            )
        )
        refs = {line.ref: line for line in placed_lines}
        by_name = {one.expected: one for one in expected}
        assert len({one.expected for one in matched.met}) == len(matched.met)
        assert len({one.line for one in matched.met}) == len(matched.met)
        for met in matched.met:
            one, line = by_name[met.expected], refs[met.line]
            assert (one.amt, one.dc_flag) == (line.amt, line.dc_flag)
        seen = {one.expected for one in matched.met} | {one.expected for one in matched.differences}
        assert {one.expected for one in expected if one.due == DAY} <= seen
        shown = {one.line for one in matched.met} | {one.line for one in matched.differences}
        assert {line.ref for line in placed_lines if line.check_date == DAY} <= shown
        outcomes.append((told(matched.differences), {one.expected for one in matched.met}))
        luck.shuffle(expected)
        luck.shuffle(placed_lines)
        placed_lines = [line._replace(line_no=at) for at, line in enumerate(placed_lines, 1)]
    assert outcomes[0] == outcomes[1]


@given(st.lists(st.tuples(st.text(), st.integers())), st.randoms(use_true_random=False))
def test_digests_of_packs_add_up(lines: list[tuple[str, int]], luck: random.Random) -> None:
    whole = lines_digest(lines)
    luck.shuffle(lines)
    cut = luck.randint(0, len(lines))
    assert combined([lines_digest(lines[:cut]), lines_digest(lines[cut:])]) == whole
    assert lines_digest([*lines, ("x", 1)]) != whole
