"""Matching arrived funds (2557) and the movements and balances of accounts (2556)."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from nontax.reconcile.accounts import match_account
from nontax.reconcile.funds import match_funds
from nontax.reconcile.kinds import Kind
from nontax.reconcile.ports import TooManyDifferences
from nontax.reconcile.sides import (
    Balances,
    ChannelSum,
    Difference,
    Expected,
    LineRef,
    Matched,
    Met,
    MoneyLine,
    Totals,
)

from .matching import ACCOUNT, BEFORE, DAY, ListPages

EARLIER = "20261120"


def paid(tra_no: str, code: str, amt: int = 100, *, number: int = 1, due: str = DAY) -> Expected:
    """A same-bank payment at the counter."""
    return Expected(tra_no, f"payment:{number}", "1", "11", code, "", amt, due, number)


def moved(batch: str, amt: int, *, number: int = 1, due: str = DAY) -> Expected:
    """A batch that another bank moved here (2613)."""
    return Expected("", f"transfer:{number}", "1", "", "", batch, amt, due)


def summed(mode: str, amt: int, *, due: str = DAY) -> Expected:
    """The day's sum of a third-party channel."""
    return Expected("", f"channel:{mode}:{due}", "1", mode, "", "", amt, due)


def line(
    tra_no: str,
    amt: int = 100,
    *,
    code: str = "",
    batch: str = "",
    mode: str = "11",
    at: int = 1,
    day: str = DAY,
    dc: str = "1",
    fault: str = "",
) -> MoneyLine:
    """A line of the account's list; one of an earlier day stands in batch 1."""
    return MoneyLine(tra_no, 1 if day < DAY else 2, 1, at, dc, mode, code, batch, amt, day, fault)


async def funds(
    expected: Sequence[Expected], lines: Sequence[MoneyLine], *, limit: int = 100
) -> Matched:
    return await match_funds(
        ListPages(sorted(expected, key=lambda one: one.tra_no), 2),
        ListPages(sorted(lines, key=lambda one: one.tra_no), 2),
        account=ACCOUNT,
        check_date=DAY,
        limit=limit,
    )


def found(matched: Matched) -> list[tuple[Kind, str]]:
    return [(one.kind, one.expected or one.tra_no) for one in matched.differences]


def only(matched: Matched) -> Difference:
    (one,) = matched.differences
    return one


async def test_counter_money_matches_by_number_else_by_pay_code_and_amount() -> None:
    expected = [paid("T1", "A"), paid("T2", "B", number=2), paid("T3", "C", number=3)]
    lines = [line("T1"), line("X2", code="B", at=2), line("T3", code="C", at=3)]
    matched = await funds(expected, lines)
    assert not matched.differences
    assert set(matched.met) == {
        Met("payment:1", lines[0].ref),
        Met("payment:2", lines[1].ref),
        Met("payment:3", lines[2].ref),
    }
    (total,) = matched.totals
    assert (total.scope, total.matched) == (ACCOUNT, Totals(3, 300))


async def test_the_number_goes_before_the_pay_code() -> None:
    expected = [paid("T1", "A", number=1), paid("T2", "A", number=2)]
    lines = [line("X9", code="A", at=1), line("T2", code="A", at=2)]
    matched = await funds(expected, lines)
    assert set(matched.met) == {Met("payment:1", lines[0].ref), Met("payment:2", lines[1].ref)}


async def test_other_amounts_of_one_number_differ() -> None:
    one = only(await funds([paid("T1", "A")], [line("T1", 90, code="A")]))
    assert (one.kind, one.ours_amt, one.theirs_amt) == (Kind.FUNDS_AMOUNT, 100, 90)
    assert (one.key, one.payment_id) == ("expected:payment:1", 1)
    assert one.reason == "金额:财政1.00,银行0.90"
    strangers = await funds([paid("T1", "A")], [line("T1", 90, code="B")])
    assert sorted(found(strangers)) == [
        (Kind.FUNDS_MISSING, "payment:1"),
        (Kind.FUNDS_UNKNOWN, "T1"),
    ]


async def test_a_batch_is_one_line_of_its_amount() -> None:
    expected = [moved("HJ1", 500), moved("HJ2", 700, number=2)]
    lines = [line("X1", 500, batch="HJ1"), line("X2", 600, batch="HJ2", at=2)]
    one = only(await funds(expected, lines))
    assert (one.kind, one.expected, one.theirs_amt) == (Kind.FUNDS_AMOUNT, "transfer:2", 600)
    again = [line("X1", 500, batch="HJ1"), line("X3", 500, batch="HJ1", at=3)]
    assert found(await funds(expected[:1], again)) == [(Kind.FUNDS_DUPLICATE, "X3")]
    value_first = [line("X1", 400, batch="HJ1"), line("X3", 500, batch="HJ1", at=3)]
    assert found(await funds(expected[:1], value_first)) == [(Kind.FUNDS_UNKNOWN, "X1")]


async def test_third_party_money_is_one_line_of_the_days_sum() -> None:
    lines = [line("X1", 900, mode="52"), line("X2", 50, mode="51", at=2)]
    expected = [summed("52", 900), summed("51", 60)]
    matched = await funds(expected, lines)
    assert matched.met == [Met(f"channel:52:{DAY}", lines[0].ref)]
    assert found(matched) == [(Kind.FUNDS_AMOUNT, f"channel:51:{DAY}")]
    in_parts = [line("X1", 400, mode="52"), line("X2", 500, mode="52", at=2)]
    assert sorted(found(await funds([summed("52", 900)], in_parts))) == [
        (Kind.FUNDS_MISSING, f"channel:52:{DAY}"),
        (Kind.FUNDS_UNKNOWN, "X1"),
        (Kind.FUNDS_UNKNOWN, "X2"),
    ]
    batched = [line("X1", 900, mode="52", batch="HJ9")]
    assert len((await funds([summed("52", 900)], batched)).differences) == 2


async def test_what_earlier_days_wait_for_may_be_met_and_is_not_told_again() -> None:
    expected = [paid("T1", "A", due=BEFORE), moved("HJ1", 5, due=EARLIER), summed("52", 9)]
    lines = [line("T1"), line("X2", 9, mode="52", day=BEFORE), line("X3", day=EARLIER, code="Q")]
    matched = await funds(expected, lines)
    assert not matched.differences
    assert set(matched.met) == {
        Met("payment:1", LineRef(2, 1, 1)),
        Met(f"channel:52:{DAY}", LineRef(1, 1, 1)),
    }
    (total,) = matched.totals
    assert (total.ours, total.theirs) == (Totals(1, 9), Totals(1, 100))
    assert total.matched == Totals(1, 100)  # of the day's own lines


async def test_a_days_sum_meets_the_days_line_first() -> None:
    expected = [summed("52", 9, due=BEFORE), summed("52", 9)]
    matched = await funds(expected, [line("X1", 9, mode="52")])
    assert matched.met == [Met(f"channel:52:{DAY}", LineRef(2, 1, 1))]
    assert not matched.differences


async def test_lines_that_repeat_are_told_once_each() -> None:
    lines = [line("T1", code="A", at=at) for at in (1, 2, 3)]
    matched = await funds([paid("T1", "A")], lines)
    assert [one.kind for one in matched.differences] == [Kind.FUNDS_DUPLICATE] * 2
    assert len({one.key for one in matched.differences}) == 2
    assert len(matched.met) == 1
    known_before = [line("X1", day=BEFORE), line("X1")]
    assert found(await funds([], known_before)) == [(Kind.FUNDS_DUPLICATE, "X1")]


async def test_lines_that_cannot_be_read_match_nothing() -> None:
    matched = await funds([paid("T1", "A")], [line("T1", fault="金额无法识别")])
    assert {one.kind for one in matched.differences} == {Kind.MALFORMED, Kind.FUNDS_MISSING}
    assert not matched.met


async def test_too_many_are_refused() -> None:
    expected = [paid(f"T{n}", f"A{n}", number=n) for n in range(5)]
    assert len((await funds(expected, [], limit=5)).differences) == 5
    with pytest.raises(TooManyDifferences):
        await funds(expected, [], limit=4)


BALANCES = Balances(1000, 300, 40, 1260, (ChannelSum("11", 300, 40),), previous_end=1000)
MOVES = [line("T1", 300), line("R1", 40, dc="2", at=2)]
KNOWN = [
    Expected("T1", "arrival:1", "1", "11", "", "", 300, DAY),
    Expected("R1", "refund:TF1", "2", "11", "", "", 40, DAY),
]


async def account(
    balances: Balances = BALANCES,
    lines: Sequence[MoneyLine] = MOVES,
    expected: Sequence[Expected] = KNOWN,
    limit: int = 100,
) -> Matched:
    return await match_account(
        ListPages(sorted(expected, key=lambda one: one.tra_no), 1),
        ListPages(sorted(lines, key=lambda one: one.tra_no), 1),
        balances,
        account=ACCOUNT,
        check_date=DAY,
        limit=limit,
    )


async def test_an_account_that_agrees() -> None:
    matched = await account()
    assert (matched.statement, matched.differences) == ("2556", [])
    assert {one.expected for one in matched.met} == {"arrival:1", "refund:TF1"}
    assert not (await account(BALANCES._replace(channels=(), previous_end=None))).differences


async def test_money_in_is_not_money_out() -> None:
    turned = [line("T1", 300), line("R1", 40, at=2)]
    kinds = {one.kind for one in (await account(lines=turned)).differences}
    assert {Kind.MOVEMENT_MISSING, Kind.MOVEMENT_UNKNOWN} <= kinds


@pytest.mark.parametrize(
    ("balances", "kind", "key", "sums"),
    [
        (BALANCES._replace(previous_end=999), Kind.BALANCE, "balance:BeginBal", (999, 1000)),
        (BALANCES._replace(end_bal=1261), Kind.BALANCE, "balance:EndBal", (1260, 1261)),
        (
            BALANCES._replace(in_amt=301, end_bal=1261),
            Kind.CHANNEL_TOTAL,
            "total:InAmt",
            (300, 301),
        ),
        (
            BALANCES._replace(channels=(ChannelSum("11", 300, 41),)),
            Kind.CHANNEL_TOTAL,
            "channel:11:OutAmt",
            (40, 41),
        ),
        (
            BALANCES._replace(channels=(*BALANCES.channels, ChannelSum("13", 7, 0))),
            Kind.CHANNEL_TOTAL,
            "channel:13:InAmt",
            (0, 7),
        ),
    ],
)
async def test_balances_and_totals_follow_from_each_other(
    balances: Balances, kind: Kind, key: str, sums: tuple[int, int]
) -> None:
    one = only(await account(balances))
    assert (one.kind, one.key, (one.ours_amt, one.theirs_amt)) == (kind, key, sums)
    with pytest.raises(TooManyDifferences):
        await account(balances, limit=0)


async def test_lines_of_earlier_days_are_not_in_the_days_totals() -> None:
    earlier = line("OLD", 5, day=BEFORE, at=9)
    assert not (await account(lines=[*MOVES, earlier])).differences
