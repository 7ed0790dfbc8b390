"""Matching the day's payments: every kind of difference, pairing by value, limits."""

from __future__ import annotations

import pytest

from nontax.reconcile.kinds import Kind
from nontax.reconcile.payments import match_payments
from nontax.reconcile.ports import BillView, TooManyDifferences
from nontax.reconcile.sides import Difference, FieldDifference, Matched, PaymentLine, Totals

from .matching import (
    ACCOUNT,
    BANK,
    BEFORE,
    DAY,
    PLATFORM,
    Books,
    ListPages,
    line,
    match,
    ours,
)

UNPAID = BillView("unpaid", 100, account_accepted=True)


def kinds(matched: Matched) -> list[Kind]:
    return [one.kind for one in matched.differences]


def only(matched: Matched) -> Difference:
    (one,) = matched.differences
    return one


async def test_what_agrees_is_counted_and_not_kept() -> None:
    payments = [ours(f"T{n:02d}", f"A{n}", 100 + n, mode="1" + str(n % 2)) for n in range(50)]
    lines = [
        line(p.tra_no, p.pay_code, p.amt, at=n, mode=p.pay_mode) for n, p in enumerate(payments)
    ]
    matched = await match(payments, lines, size=7)
    assert not matched.differences
    first, second = matched.totals
    assert (first.scope, second.scope) == ("10", "11")
    assert first.ours == first.theirs == first.matched == Totals(25, sum(range(100, 150, 2)))
    assert second.matched == Totals(25, sum(range(101, 150, 2)))


async def test_an_empty_day_agrees() -> None:
    assert await match([], []) == Matched("2555", (), [])


@pytest.mark.parametrize(
    ("their", "kind", "tags"),
    [
        (line("T1", "B"), Kind.PAY_CODE, ["PayCode"]),
        (line("T1", amt=101), Kind.AMOUNT, ["Amt"]),
        (line("T1", account="9"), Kind.ACCOUNT, ["RecAcct"]),
        (line("T1", day=BEFORE), Kind.DATE, ["CfmDate"]),
        (line("T1", mode="13"), Kind.CHANNEL, ["PayMode"]),
        (line("T9"), Kind.NUMBER, ["TraNoBus"]),
        (line("T1", "B", 7, account="9"), Kind.PAY_CODE, ["PayCode", "Amt", "RecAcct"]),
        (line("T1", amt=1, day=BEFORE, mode="5"), Kind.AMOUNT, ["Amt", "CfmDate", "PayMode"]),
        (line("T9", account="9", mode="5"), Kind.ACCOUNT, ["RecAcct", "TraNoBus", "PayMode"]),
    ],
)
async def test_fields_that_differ_are_all_named_and_the_gravest_is_the_kind(
    their: PaymentLine, kind: Kind, tags: list[str]
) -> None:
    payment = ours("T1", number=7)
    matched = await match([payment], [their])
    one = only(matched)
    assert (one.kind, [field.tag for field in one.fields]) == (kind, tags)
    assert (one.key, one.payment_id, one.line) == ("payment:7", 7, their.ref)
    assert (one.ours_amt, one.theirs_amt, one.scope) == (100, their.amt, their.pay_mode)
    counted = sum(total.matched.count for total in matched.totals)
    assert counted == (1 if kind in {Kind.CHANNEL, Kind.NUMBER} else 0)


async def test_the_reason_tells_both_values() -> None:
    one = only(await match([ours("T1")], [line("T1", amt=8000)]))
    assert one.reason == "金额:财政1.00,银行80.00"
    assert one.fields == (FieldDifference("Amt", "1.00", "80.00"),)


async def test_a_line_without_an_account_says_nothing_about_it() -> None:
    matched = await match([ours("T1"), ours("T2", "B")], [line("T1", account=""), line("T2", "B")])
    assert not matched.differences
    assert matched.totals[0].matched == Totals(2, 200)
    assert kinds(await match([ours("T1", account="")], [line("T1")])) == [Kind.ACCOUNT]


async def test_payments_of_others_match_by_number_and_pay_code_only() -> None:
    carried = ours("T1", "A", src=PLATFORM)
    assert not (await match([carried], [line("T1", "A")])).differences
    differ = await match([carried], [line("T1", "B")], Books(B=UNPAID))
    assert sorted(kinds(differ)) == [Kind.BANK_ONLY, Kind.OURS_ONLY]
    other_number = await match([carried], [line("T9", "A")], Books(A=UNPAID))
    assert sorted(kinds(other_number)) == [Kind.BANK_ONLY, Kind.OURS_ONLY]


async def test_one_number_of_two_nodes_meets_each_its_own() -> None:
    payments = [ours("T1", "A", number=1), ours("T1", "B", 200, src=PLATFORM, number=2)]
    lines = [line("T1", "B", 200, at=1), line("T1", "A", 100, at=2)]
    assert not (await match(payments, lines)).differences
    assert not (await match(payments, lines[::-1])).differences


async def test_rows_of_one_number_are_paired_by_value_first() -> None:
    payments = [ours("T1", "A", 100, number=1), ours("T1", "A", 200, src=PLATFORM, number=2)]
    lines = [line("T1", "A", 200, at=1), line("T1", "A", 150, at=2)]
    one = only(await match(payments, lines))
    assert (one.kind, one.payment_id, one.theirs_amt) == (Kind.AMOUNT, 1, 150)


@pytest.mark.parametrize("copies", [2, 5])
async def test_repeated_lines_are_never_multiplied(copies: int) -> None:
    lines = [line("T1", at=at, pack=at) for at in range(1, copies + 1)]
    matched = await match([ours("T1")], lines, size=2)
    assert kinds(matched) == [Kind.DUPLICATE] * (copies - 1)
    assert len({one.key for one in matched.differences}) == copies - 1
    assert {one.line for one in matched.differences} == {one.ref for one in lines[1:]}
    (total,) = matched.totals
    assert (total.ours.count, total.theirs.count, total.matched.count) == (1, copies, 1)


async def test_the_first_of_repeated_lines_stands_for_what_we_do_not_have() -> None:
    matched = await match([], [line("T1", at=1), line("T1", at=2)], Books(A=UNPAID))
    assert sorted(kinds(matched)) == [Kind.BANK_ONLY, Kind.DUPLICATE]


async def test_a_number_used_for_two_bills_is_held() -> None:
    books = Books(A=UNPAID, B=UNPAID)
    matched = await match([], [line("T1", "A", at=1), line("T1", "B", at=2)], books)
    assert kinds(matched) == [Kind.BANK_ONLY] * 2
    assert all(one.held for one in matched.differences)
    beside = await match([ours("T1", "A")], [line("T1", "A", at=1), line("T1", "B", at=2)], books)
    assert (only(beside).kind, only(beside).held) == (Kind.BANK_ONLY, True)


@pytest.mark.parametrize(
    ("bill", "kind"),
    [
        (UNPAID, Kind.BANK_ONLY),
        (None, Kind.BILL_UNKNOWN),
        (BillView("void", 100, account_accepted=True), Kind.BILL_VOID),
        (BillView("paid", 100, account_accepted=True), Kind.BILL_PAID),
        (BillView("confirmed", 100, account_accepted=True), Kind.BILL_PAID),
        (BillView("unpaid", 101, account_accepted=False), Kind.BILL_AMOUNT),
        (BillView("unpaid", 100, account_accepted=False), Kind.BILL_ACCOUNT),
    ],
)
async def test_a_line_without_payment_is_judged_by_its_bill(
    bill: BillView | None, kind: Kind
) -> None:
    one = only(await match([], [line("T1")], Books(**({"A": bill} if bill else {}))))
    assert (one.kind, one.held, one.key) == (kind, False, "line:1:100:A:T1")
    assert (one.ours_amt, one.theirs_amt, one.payment_id) == (None, 100, None)


async def test_a_line_that_was_refused_is_told_so_whatever_its_bill_is() -> None:
    books = Books(A=UNPAID)
    books.refusals.add((DAY, "T1"))
    assert only(await match([], [line("T1")], books)).kind is Kind.REFUSED


async def test_a_line_that_cannot_be_read_matches_nothing() -> None:
    matched = await match([ours("T1")], [line("T1", fault="第3行:金额无法识别")])
    assert sorted(kinds(matched)) == [Kind.MALFORMED, Kind.OURS_ONLY]
    malformed = next(one for one in matched.differences if one.kind is Kind.MALFORMED)
    assert malformed.reason == "第3行:金额无法识别"


async def test_what_the_neighbouring_day_has_differs_by_its_date() -> None:
    books = Books(A=UNPAID)
    books.others.append(ours("T1", number=5)._replace(cfm_date=BEFORE))
    one = only(await match([], [line("T1")], books))
    assert (one.kind, one.payment_id, one.ours_amt) == (Kind.DATE, 5, 100)
    assert one.fields == (
        FieldDifference("CheckDate", BEFORE, DAY),
        FieldDifference("CfmDate", BEFORE, DAY),
    )
    books.listed[6] = "20261123"
    listed = only(await match([ours("T2", number=6)], [], books))
    assert (listed.kind, listed.key) == (Kind.DATE, "payment:6")
    assert listed.fields == (FieldDifference("CheckDate", DAY, "20261123"),)


async def test_a_line_of_another_day_is_not_our_payment_of_its_number() -> None:
    """Banks use numbers again: another date and pay code is another identity."""
    books = Books(B=UNPAID)
    matched = await match([ours("T1", "A")], [line("T1", "B", day=BEFORE)], books)
    assert sorted(kinds(matched)) == [Kind.BANK_ONLY, Kind.OURS_ONLY]


async def test_a_bill_whose_payment_is_missing_in_the_list_is_held() -> None:
    """The line may be that payment, told wrongly: no second one is made of it."""
    books = Books(A=BillView("paid", 100, account_accepted=True))
    matched = await match([ours("T1")], [line("T9", amt=90)], books)
    paid = next(one for one in matched.differences if one.kind is Kind.BILL_PAID)
    assert paid.held
    assert "另有财政缴款未被列出" in paid.reason


async def test_the_pay_code_pairs_each_payment_once() -> None:
    payments = [ours("T1", number=1), ours("T2", number=2)]
    lines = [line("X1", at=1), line("X2", at=2), line("X3", at=3)]
    books = Books(A=BillView("paid", 100, account_accepted=True))
    matched = await match(payments, lines, books)
    assert sorted(kinds(matched)) == [Kind.BILL_PAID, Kind.NUMBER, Kind.NUMBER]
    assert {one.line for one in matched.differences if one.payment_id} == {
        lines[0].ref,
        lines[1].ref,
    }


async def test_keys_stay_when_a_kind_changes() -> None:
    before = only(await match([], [line("T1")], Books(A=UNPAID)))
    after = only(await match([], [line("T1", pack=3)], Books()))
    assert (before.key, before.scope) == (after.key, after.scope)
    assert before.kind is not after.kind


async def test_more_differences_than_allowed_end_it() -> None:
    payments = [ours(f"T{n:03d}", f"A{n}") for n in range(100)]
    with pytest.raises(TooManyDifferences) as refused:
        await match(payments, [], limit=10)
    assert (refused.value.ours, refused.value.theirs, refused.value.limit) == (11, 0, 10)
    renumbered = [line(f"U{n:03d}", f"A{n}") for n in range(100)]
    assert len((await match(payments, renumbered, limit=100)).differences) == 100
    with pytest.raises(TooManyDifferences, match="more than 99 differences"):
        await match(payments, renumbered, limit=99)
    strangers = [line(f"U{n:03d}", f"B{n}") for n in range(100)]
    with pytest.raises(TooManyDifferences):
        await match(payments, strangers, limit=199)
    assert len((await match(payments, strangers, limit=200)).differences) == 200


async def test_many_lines_of_one_number_cost_no_square() -> None:
    lines = [line("0", f"A{n}", n, at=n) for n in range(1, 20_001)]
    matched = await match([ours("0", "A7", 7)], lines, size=1000)
    assert len(matched.differences) == 19_999
    assert matched.totals[0].matched == Totals(1, 7)


async def test_pages_out_of_order_are_refused() -> None:
    pages = ListPages([ours("T2"), ours("T1")], 1)
    with pytest.raises(ValueError, match="order"):
        await match_payments(pages, ListPages([]), Books(), node=BANK, check_date=DAY)


async def test_differences_are_ordered_and_their_keys_unique() -> None:
    lines = [line(f"T{n % 3}", f"A{n % 2}", 100, at=n, mode=str(n % 4)) for n in range(1, 40)]
    matched = await match([ours("T0", "A0", account=ACCOUNT)], lines)
    places = [(one.scope, one.key) for one in matched.differences]
    assert places == sorted(set(places))


async def test_a_line_whose_bill_awaits_a_list_is_held() -> None:
    books = Books(A=BillView("paid", 100, account_accepted=True))
    [free] = (await match([], [line("X1")], books)).differences
    assert (free.kind, free.held) == (Kind.BILL_PAID, False)
    books.to_come.add("A")
    [waiting] = (await match([], [line("X1")], books)).differences
    assert (waiting.kind, waiting.held) == (Kind.BILL_PAID, True)
    [unread] = (await match([], [line("X1", fault="Amt")], books)).differences
    assert (unread.kind, unread.held) == (Kind.MALFORMED, False)
