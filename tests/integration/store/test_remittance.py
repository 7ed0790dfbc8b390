"""Contract: income, remittances, vouchers, slips, feedback, and what their constraints refuse."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from nontax.gateway.store import (
    ConstraintViolated,
    Store,
    bills,
    catalogue,
    feedback,
    income,
    payments,
    refunds,
    remittance,
    slips,
    vouchers,
)
from nontax.gateway.store.entries import Target
from nontax.gateway.store.feedback import Booked, FeedbackDay, FeedbackLine
from nontax.gateway.store.income import Due, DueFilter, Income, Part
from nontax.gateway.store.remittance import (
    RemitOutcome,
    Remittance,
    RemittanceLine,
    RemittancePart,
)
from nontax.gateway.store.slips import Slip
from nontax.gateway.store.vouchers import SpoolVoucher

CODE = "32068226000000000019"
INCOME = Income(1, CODE, "SJ1", "20261124", 9, "maker1")
DUE = Due(1, "103043211", "4", "county", "320682", "3200", "0105", "direct", "1", "0104901", 8000)
LINE = RemittanceLine(0, 1, "S", "科目", "4", "103043211", "费", CODE, "0104901", "局", 8000)
PART = RemittancePart(0, 1, 1, "103043211", "4", 8000)
REMITTANCE = Remittance(
    id=0,
    remit_no="JK1",
    node="D3206820105",
    origin="run",
    remit_date="20261124",
    remit_type="1",
    mode="1",
    region="320682",
    target="county",
    level="4",
    tre_code="3206820000",
    tre_name="国库",
    pay_acct="3200",
    pay_acct_name="财政局",
    rec_acct="2700",
    rec_name="国库",
    rec_op_bk="国库",
    total=8000,
    count=1,
    state="queued",
    made_by="maker1",
    created_at=10,
    changed_at=10,
)


@pytest.fixture
async def books(with_payment: Store) -> Store:
    """A confirmed and divided payment of 80.00 for one level."""
    county = Target("county", "4", "5", "2700", "国库", "国库", "1", "20200101")

    async def work(tx: Any) -> None:
        await catalogue.put(tx, county, actor="maker1", at=1)
        await bills.set_state(tx, CODE, expected="unpaid", state="confirmed", changed_at=2)
        assert await income.insert(tx, INCOME)
        part = Part(1, 1, 1, DUE.item_code, "4", "county", 10_000, 8000)
        assert await income.divide(tx, 1, [part], [DUE])

    await with_payment.transact(work)
    return with_payment


async def made(store: Store, **changes: Any) -> int:
    entry = replace(REMITTANCE, **changes)
    number: int = await store.transact(lambda tx: remittance.insert(tx, entry, [LINE], [PART]))
    return number


async def open_keys(store: Store) -> list[tuple[int, str, str]]:
    found = await store.read(lambda tx: income.open_dues(tx, DueFilter()))
    return [entry.due.key for entry in found]


async def test_income_is_confirmed_and_divided_once(books: Store) -> None:
    assert not await books.transact(lambda tx: income.insert(tx, INCOME))
    assert not await books.transact(lambda tx: income.divide(tx, 1, [], []))
    kept = await books.read(lambda tx: income.of_bill(tx, CODE))
    assert kept == replace(INCOME, judged=1)
    assert await books.read(lambda tx: income.dues_of(tx, 1)) == [DUE]
    assert len(await books.read(lambda tx: income.parts_of(tx, 1))) == 1
    assert await books.read(income.waiting) == [("0105", "direct", 1, 8000)]


async def test_duplicates_are_no_income(with_payment: Store, make) -> None:
    twice = make.payment("T2", duplicate=1)
    number = await with_payment.transact(lambda tx: payments.insert(tx, twice))
    with pytest.raises(ConstraintViolated):
        await with_payment.transact(
            lambda tx: income.insert(tx, replace(INCOME, payment_id=number))
        )


async def test_a_remittance_comes_back_as_it_was_written(books: Store) -> None:
    number = await made(books)
    kept = await books.read(lambda tx: remittance.get(tx, number))
    assert kept == replace(REMITTANCE, id=number)
    assert await books.read(lambda tx: remittance.lines(tx, number)) == [
        replace(LINE, remit_id=number)
    ]
    assert await books.read(lambda tx: remittance.parts(tx, number)) == [
        replace(PART, remit_id=number)
    ]
    assert await open_keys(books) == []
    found = await books.read(lambda tx: remittance.by_number(tx, "D3206820105", "JK1"))
    assert found == kept
    assert await books.read(lambda tx: remittance.by_number(tx, "D3206820301", "JK1")) is None


async def test_a_due_is_in_one_living_remittance(books: Store) -> None:
    number = await made(books)
    with pytest.raises(ConstraintViolated):
        await made(books, remit_no="JK2")
    assert await books.transact(lambda tx: remittance.release(tx, number)) == 1
    assert await open_keys(books) == [DUE.key]
    assert await books.transact(lambda tx: remittance.release(tx, number)) == 0
    second = await made(books, remit_no="JK2")
    assert not await books.transact(lambda tx: remittance.hold(tx, number))
    await books.transact(lambda tx: remittance.release(tx, second))
    assert await books.transact(lambda tx: remittance.hold(tx, number))
    assert await open_keys(books) == []


async def test_money_that_is_paid_back_since_is_not_held_again(books: Store, make) -> None:
    number = await made(books)
    await books.transact(
        lambda tx: remittance.set_state(
            tx, number, expected=("queued",), state="failed", changed_at=20
        )
    )
    await books.transact(lambda tx: remittance.release(tx, number))
    sql = "UPDATE refunds SET changed_at = ?1"

    await books.transact(lambda tx: refunds.insert(tx, make.refund(changed_at=19)))
    await books.transact(lambda tx: tx.run(sql, 20))
    assert not await books.transact(lambda tx: remittance.hold(tx, number))
    await books.transact(lambda tx: tx.run(sql, 19))
    assert await books.transact(lambda tx: remittance.hold(tx, number))


@pytest.mark.parametrize(
    "changes",
    [
        {"state": "lost"},
        {"remit_type": "3"},
        {"mode": "3"},
        {"remit_date": "2026-11-24"},
        {"state": "unmatched"},
        {"origin": "bank", "state": "queued"},
        {"origin": "fax"},
    ],
)
async def test_the_database_refuses_a_wrong_remittance(books: Store, changes: Any) -> None:
    with pytest.raises(ConstraintViolated):
        await made(books, **changes)


async def test_sums_that_are_not_those_of_the_lines(books: Store) -> None:
    for changes in ({"total": 7999}, {"count": 2}):
        with pytest.raises(ValueError, match="total or count"):
            await made(books, **changes)
    with pytest.raises(ValueError, match="sum of its parts"):
        await books.transact(
            lambda tx: remittance.insert(tx, REMITTANCE, [LINE], [replace(PART, amt=1)])
        )


async def test_a_succeeded_remittance_stays_so(books: Store) -> None:
    number = await made(books)
    outcome = RemitOutcome("00000", "", "B1", "20261125", "101500")

    async def work(tx: Any) -> bool:
        return await remittance.set_state(
            tx, number, expected=("queued",), state="succeeded", changed_at=3, outcome=outcome
        )

    assert await books.transact(work)
    assert not await books.transact(work)
    for sql in (
        "UPDATE remittances SET state = 'failed'",
        "UPDATE remittances SET total = 1",
        "UPDATE remittance_parts SET amt = 1",
    ):
        with pytest.raises(ConstraintViolated):
            await books.transact(lambda tx, sql=sql: tx.run(sql))
    assert await books.read(remittance.without_voucher) == [number]


async def test_vouchers_wait_until_they_are_spooled(store: Store) -> None:
    for number in ("1", "2", "1"):
        voucher = SpoolVoucher(0, "receipt", number, "{}", 5)
        await store.transact(lambda tx, v=voucher: vouchers.put(tx, v))
    waiting = await store.read(vouchers.waiting)
    assert [entry.number for entry in waiting] == ["1", "2"]
    await store.transact(lambda tx: vouchers.spooled(tx, [waiting[0].id], at=7))
    assert [entry.number for entry in await store.read(vouchers.waiting)] == ["2"]
    kept = await store.read(lambda tx: vouchers.get(tx, "receipt", "1"))
    assert kept is not None
    assert kept.spooled_at == 7


async def test_slips_and_their_summary_bill(with_bill: Store) -> None:
    slip = Slip(
        "MX1", "320682", "0104901", "I", "20261120", "张三", 5, "A1", "recorded", "", "m", 1, 1
    )
    other = replace(slip, slip_no="MX2", reference="A2", slip_date="20261122")
    for entry in (slip, other):
        assert await with_bill.transact(lambda tx, e=entry: slips.insert(tx, e))
    again = replace(slip, slip_no="MX3")
    assert not await with_bill.transact(lambda tx: slips.insert(tx, again))
    assert "张三" not in repr(slip)

    async def open_ones(until: str = "") -> list[str]:
        found = await with_bill.read(lambda tx: slips.page(tx, only_open=True, until=until))
        return [entry.slip_no for entry in found]

    assert await open_ones("20261121") == ["MX1"]
    assert await with_bill.read(lambda tx: slips.unpaid_before(tx, "0104901", "20261122")) == 1
    await with_bill.transact(lambda tx: slips.sum_up(tx, ["MX1"], CODE, at=2))
    assert await open_ones() == ["MX2"]
    assert not await with_bill.transact(lambda tx: slips.drop(tx, "MX1", at=3))
    assert await with_bill.read(lambda tx: slips.unpaid_before(tx, "0104901", "20261122")) == 1
    await with_bill.transact(
        lambda tx: bills.set_state(tx, CODE, expected="unpaid", state="void", changed_at=3)
    )
    assert await open_ones() == ["MX1", "MX2"]
    assert await with_bill.read(lambda tx: slips.is_open(tx, "MX1"))
    assert await with_bill.transact(lambda tx: slips.drop(tx, "MX1", at=4))
    assert await open_ones() == ["MX2"]
    # The number of a dropped slip's receipt is free again.
    assert await with_bill.transact(lambda tx: slips.insert(tx, again))


async def test_feedback_of_a_day_counts_once(books: Store) -> None:
    day = FeedbackDay(0, "flow", "3206820000", "20261125", "d1", "maker1", 1)
    lines = [FeedbackLine(0, 1, "S", "4", 5000), FeedbackLine(0, 2, "S", "4", 3000, "JK1", "L2")]
    number = await books.transact(lambda tx: feedback.insert(tx, day, lines))
    assert await books.read(lambda tx: feedback.sums(tx, number)) == [Booked("S", "4", 8000)]
    with pytest.raises(ConstraintViolated):
        await books.transact(lambda tx: feedback.insert(tx, replace(day, digest="d2"), []))
    await books.transact(lambda tx: feedback.retire(tx, number))
    second = await books.transact(lambda tx: feedback.insert(tx, replace(day, digest="d2"), lines))
    living = await books.read(lambda tx: feedback.living(tx, "flow", "3206820000", "20261125"))
    assert living == replace(day, id=second, digest="d2")
    # JK1 succeeded on the 24th, but the flow names it on the 25th.
    remit_id = await made(books)
    await books.transact(
        lambda tx: remittance.set_state(
            tx, remit_id, expected=("queued",), state="succeeded", changed_at=3,
            outcome=RemitOutcome("00000", "", "B1", "20261124", ""),
        )
    )  # fmt: skip
    assert await books.read(lambda tx: feedback.remitted(tx, "20261124")) == []
    [found] = await books.read(lambda tx: feedback.remitted(tx, "20261125"))
    assert (found.remit_no, found.tre_code, found.amt) == ("JK1", "3206820000", 8000)
