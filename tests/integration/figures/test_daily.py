"""Days of figures: what counts where, closing, corrections, what never changes."""

from __future__ import annotations

from functools import partial

import pytest

from nontax.gateway.figures.closing import close_day
from nontax.gateway.figures.verifying import altered_days
from nontax.gateway.settlement.acting import Acting, SettlementRefused
from nontax.gateway.settlement.income import IncomeRules, confirm
from nontax.gateway.store import figures
from nontax.gateway.store.protocol import StoreError
from nontax.reconcile.figures.model import Cause, Measure, deposit_control

from ..settlement.clearing_site import LAND_FEE, RECLAIM
from ..settlement.remit_site import ACCOUNT, ESTATE, LAND
from .office import DAY, NEXT, THIRD, Office, by_item

LATER = "20260310"
ANOTHER_CORRECTION = (
    "INSERT INTO figure_corrections SELECT no + 2, day, category, region, unit_code, item_code,"
    " fund_nature, account, unit_name, item_name, account_name, measure, amt, cause, reference,"
    " found_on, found_at, found_by FROM figure_corrections"
)
ANOTHER_ROW = (
    "INSERT INTO figure_rows SELECT day, category, region, unit_code, 'x', fund_nature, account,"
    " '', '', '', 0, 1, 0, 0, 0, 0, 1, 0 FROM figure_rows"
)


async def test_a_payment_is_on_deposit_until_its_income_is_confirmed(office: Office) -> None:
    payment = await office.pay((LAND_FEE, 6000), (RECLAIM, 4000), cfm_date=DAY)
    office.at(NEXT)
    await office.confirm(payment.pay_code)
    first, second = await office.daily(DAY), await office.daily(NEXT)
    assert (first.income.amt, first.deposits.amt, first.income_rows) == (0, 10000, [])
    assert (second.income.amt, second.deposits.amt) == (10000, 0)
    row = by_item(second.income_rows)["settling", LAND, LAND_FEE]
    assert (row.region, row.fund_nature, row.account) == ("320682", "一般公共预算", ACCOUNT)
    assert (row.unit_name, row.item_name) == ("示例市自然资源局", "不动产登记费")
    assert (row.opening, row.confirmed, row.closing, row.income) == (6000, 6000, 0, 6000)


async def test_duplicates_and_their_refunds_are_never_income(office: Office) -> None:
    payment = await office.pay((LAND_FEE, 6000), cfm_date=DAY)
    twice = await office.again(payment, DAY)
    office.at(NEXT)
    await office.paid_back(twice, 6000, NEXT, kind=1)
    await office.confirm(payment.pay_code)
    first, second = await office.daily(DAY), await office.daily(NEXT)
    assert first.deposits.amt == 12000
    waiting = by_item(first.deposit_rows)["returning", LAND, ""]
    assert (waiting.collected, waiting.fund_nature, waiting.item_code) == (6000, "", "")
    gone = by_item(second.deposit_rows)["returning", LAND, ""]
    assert (gone.opening, gone.refunded, gone.closing) == (6000, 6000, 0)
    assert (second.income.amt, second.deposits.amt) == (6000, 0)


async def test_refunds_take_from_deposits_before_and_from_income_after_confirmation(
    office: Office,
) -> None:
    payment = await office.pay((LAND_FEE, 6000), (RECLAIM, 3000), cfm_date=DAY)
    office.at(NEXT)
    await office.paid_back(payment, 3000, NEXT)
    await office.confirm(payment.pay_code)
    office.at(THIRD)
    await office.paid_back(payment, 1500, THIRD)
    second, third = await office.daily(NEXT), await office.daily(THIRD)
    rows = by_item(second.deposit_rows)
    assert [rows["settling", LAND, item].refunded for item in (LAND_FEE, RECLAIM)] == [2000, 1000]
    assert [rows["settling", LAND, item].confirmed for item in (LAND_FEE, RECLAIM)] == [4000, 2000]
    assert (second.income.amt, second.deposits.amt) == (6000, 0)
    rows = by_item(third.income_rows)
    assert [rows["settling", LAND, item].income for item in (LAND_FEE, RECLAIM)] == [-1000, -500]
    assert (third.income.amt, third.deposits.amt) == (-1500, 0)


async def test_late_fees_go_where_settlement_puts_them(office: Office) -> None:
    await office.pay((LAND_FEE, 6000), (RECLAIM, 3000), delay=300, cfm_date=DAY)
    rows = by_item((await office.daily(DAY)).deposit_rows)
    assert rows["settling", LAND, LAND_FEE].collected == 6200
    assert rows["settling", LAND, RECLAIM].collected == 3100


async def test_a_change_of_the_catalogue_does_not_tear_a_payment_apart(office: Office) -> None:
    payment = await office.pay((LAND_FEE, 6000), delay=300, cfm_date=DAY)
    office.at(NEXT)
    await office.close(DAY)
    office.run_sql("INSERT INTO meta (name, value) VALUES ('delay_item', '103042750')")
    office.run_sql("UPDATE items SET fund_nature = '政府性基金' WHERE code = '103043211'")
    await office.confirm(payment.pay_code)
    second = await office.daily(NEXT)
    [row] = second.rows
    assert (row.item_code, row.fund_nature) == (LAND_FEE, "一般公共预算")
    assert (row.opening, row.confirmed, row.closing) == (6300, 6300, 0)


async def test_money_on_a_subject_is_named_by_its_node(office: Office) -> None:
    await office.pay((LAND_FEE, 100), cfm_date=DAY, rec_acct_type="3", rec_acct="")
    [row] = (await office.daily(DAY)).rows
    assert row.account == "D3206820105:subject"


async def test_unidentified_money_comes_and_is_returned(office: Office) -> None:
    arrival = await office.unknown_money(700, DAY)
    office.at(NEXT)
    await office.ended(arrival, "returned")
    [row] = (await office.daily(DAY)).rows
    assert (row.category, row.region, row.collected, row.closing) == (
        "unidentified",
        "320682",
        700,
        700,
    )
    [row] = (await office.daily(NEXT)).rows
    assert (row.opening, row.refunded, row.closing) == (700, 700, 0)


async def test_money_that_is_claimed_after_closing_corrects_the_day_twice(office: Office) -> None:
    arrival = await office.unknown_money(700, DAY)
    office.at(NEXT)
    await office.close(DAY)
    payment = await office.pay((LAND_FEE, 700), cfm_date=DAY, channel="claim")
    await office.ended(arrival, "claimed", payment_id=payment.id, pay_code=payment.pay_code)
    office.at(THIRD)
    assert (await office.close(NEXT)).corrections == 2
    first = await office.daily(DAY)
    assert [(one.no, one.measure, one.cause, one.amt) for one in first.corrections] == [
        (1, Measure.COLLECTED, Cause.CLAIM, 700),
        (2, Measure.CLAIMED, Cause.IDENTIFIED, 700),
    ]
    assert first.deposits.amt == first.corrected_deposits == 700


# -- closing --------------------------------------------------------------------------------------


async def test_what_is_read_before_closing_is_what_is_closed(office: Office) -> None:
    payment = await office.pay((LAND_FEE, 6000), (RECLAIM, 1), cfm_date=DAY)
    await office.again(payment, DAY)
    await office.unknown_money(5, DAY)
    office.at(NEXT)
    before = await office.daily(DAY)
    closed = await office.close(DAY)
    after = await office.daily(DAY)
    assert closed.days == (DAY,)
    assert (before.state, after.state) == ("open", "closed")
    assert before.rows == after.rows
    assert (before.income, before.deposits) == (after.income, after.deposits)
    assert (after.closed_by, after.closed_at) == ("maker1", office.clock.now_ms())


async def test_a_closed_day_never_changes_and_says_what_came_late(office: Office) -> None:
    await office.pay((LAND_FEE, 6000), cfm_date=DAY)
    office.at(NEXT)
    await office.close(DAY)
    closed = await office.daily(DAY)
    late = await office.pay((RECLAIM, 50), cfm_date=DAY, channel="repair")
    seen = await office.daily(DAY)
    assert (seen.rows, seen.deposits) == (closed.rows, closed.deposits)
    assert [(one.no, one.amt, one.cause) for one in seen.pending] == [(0, 50, Cause.REPAIR)]
    assert (await office.daily(NEXT)).deposits.amt == 6050
    office.at(THIRD)
    await office.close(NEXT)
    seen = await office.daily(DAY)
    assert (seen.rows, seen.deposits, seen.pending) == (closed.rows, closed.deposits, ())
    [found] = seen.corrections
    assert (found.no, found.reference, found.found_on) == (1, late.pay_code, THIRD)
    assert (found.cause.text, found.found_by) == ("补单", "maker1")
    following = await office.daily(NEXT)
    assert following.carried == seen.corrections
    opening = sum(row.opening for row in following.rows)
    assert opening == closed.deposits.amt + found.deposit == seen.corrected_deposits


async def test_closing_a_closed_day_registers_what_has_changed(office: Office) -> None:
    await office.pay((LAND_FEE, 6000), cfm_date=DAY)
    office.at(NEXT)
    await office.close(DAY)
    await office.pay((LAND_FEE, 10), cfm_date=DAY)
    again = await office.close(DAY)
    assert (again.days, again.corrections) == ((), 1)
    nothing = await office.close(DAY)
    assert (nothing.days, nothing.corrections) == ((), 0)


async def test_earlier_open_days_are_closed_first_and_quiet_ones_can_be_read(
    office: Office,
) -> None:
    await office.pay((LAND_FEE, 100), cfm_date=DAY)
    await office.pay((LAND_FEE, 20), cfm_date="20260306")
    office.at(LATER)
    closed = await office.close("20260308")
    assert closed.days == (DAY, "20260306", "20260308")
    quiet = await office.daily("20260304")
    assert (quiet.state, quiet.deposits.amt, quiet.income.amt) == ("closed", 100, 0)
    last = await office.daily("20260308")
    assert [row.opening for row in last.rows] == [120]


async def test_a_day_that_is_not_over_is_not_closed(office: Office) -> None:
    office.at(DAY)
    with pytest.raises(SettlementRefused, match="not over"):
        await office.close(DAY)
    with pytest.raises(SettlementRefused, match="not over"):
        await office.close(NEXT)


async def test_an_operator_of_some_units_does_not_close(office: Office) -> None:
    acting = Acting("maker1", frozenset({ESTATE}), office.clock.now_ms(), THIRD)
    with pytest.raises(SettlementRefused, match="some units only"):
        await close_day(office.store, DAY, acting)


async def test_a_payment_of_a_coming_day_waits_for_it(office: Office) -> None:
    office.at(NEXT)
    payment = await office.pay((LAND_FEE, 100), cfm_date=NEXT)
    await office.confirm(payment.pay_code)
    await office.pay((LAND_FEE, 7), cfm_date=DAY)
    await office.close(DAY)
    assert (await office.daily(DAY)).deposits.amt == 7
    office.at(THIRD)
    assert (await office.close(NEXT)).corrections == 0
    second = await office.daily(NEXT)
    assert (second.income.amt, second.deposits.amt) == (100, 7)


async def test_income_is_never_confirmed_before_its_payment_has_come(office: Office) -> None:
    office.at(DAY)
    payment = await office.pay((LAND_FEE, 100), cfm_date=NEXT)
    await office.confirm(payment.pay_code)
    office.clock.advance(ms=1)
    await office.paid_back(payment, 30, DAY)
    office.at(LATER)
    await office.close(DAY)
    assert (await office.daily(DAY)).rows == ()
    second = await office.daily(NEXT)
    assert (second.income.amt, second.deposits.amt) == (70, 0)
    assert second.income_rows[0].income_refunded == 30


async def test_many_payments_are_entered_in_many_transactions(office: Office) -> None:
    await office.pay_many(1001, (LAND_FEE, 3))
    office.at(NEXT)
    seen: list[int] = []
    await close_day(office.store, DAY, office.acting(), seen.append)
    assert seen[-1] == 1001
    assert len(set(seen)) > 4
    [row] = (await office.daily(DAY)).rows
    assert (row.collected, row.movements) == (3003, 1001)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE figure_rows SET collected = collected + 1",
        "UPDATE figure_rows SET unit_name = 'x'",
        "DELETE FROM figure_rows",
        "UPDATE figure_days SET deposit_amt = 0",
        "UPDATE figure_days SET state = 'closing'",
        "DELETE FROM figure_days",
        "UPDATE figure_sources SET day = '20260101'",
        "DELETE FROM figure_sources",
        "UPDATE figure_corrections SET amt = 1",
        "DELETE FROM figure_corrections",
        ANOTHER_CORRECTION,
        ANOTHER_ROW,
        "INSERT INTO figure_days SELECT '20260101', 'closing', 0, 0, '', 0, 0, '', 0, 0, '', 0, 0",
    ],
)
async def test_the_schema_refuses_to_change_what_is_closed(office: Office, sql: str) -> None:
    await office.pay((LAND_FEE, 6000), cfm_date=DAY)
    office.at(NEXT)
    await office.close(DAY)
    await office.pay((LAND_FEE, 10), cfm_date=DAY)
    await office.close(DAY)
    with pytest.raises(StoreError):
        await office.store.transact(lambda tx: tx.run(sql))


async def test_rows_that_were_changed_past_the_gateway_are_not_shown(office: Office) -> None:
    await office.pay((LAND_FEE, 6000), cfm_date=DAY)
    office.at(NEXT)
    await office.close(DAY)
    office.run_sql("DROP TRIGGER figure_rows_stay")
    office.run_sql("UPDATE figure_rows SET collected = 6001")
    with pytest.raises(SettlementRefused, match="not those that were closed"):
        await office.daily(DAY)
    assert await office.store.scan(altered_days) == [DAY]


async def test_new_control_totals_do_not_hide_changed_rows(office: Office) -> None:
    """The journal has them, too."""
    await office.pay((LAND_FEE, 6000), cfm_date=DAY)
    office.at(NEXT)
    await office.close(DAY)
    assert await office.store.scan(altered_days) == []
    office.run_sql("DROP TRIGGER figure_rows_stay")
    office.run_sql("DROP TRIGGER figure_days_stay")
    office.run_sql("UPDATE figure_rows SET collected = 6001")
    forged = deposit_control(await office.store.read(partial(figures.rows, date=DAY)))
    sql = "UPDATE figure_days SET deposit_amt = 6001, deposit_digest = ?1"
    office.run_sql(sql, forged.digest)
    assert (await office.daily(DAY)).deposits.amt == 6001
    assert await office.store.scan(altered_days) == [DAY]


async def test_an_item_that_nobody_knows_any_more_keeps_its_printed_name(office: Office) -> None:
    await office.pay(("999", 100), cfm_date=DAY)
    [row] = (await office.daily(DAY)).rows
    assert (row.item_code, row.item_name, row.fund_nature) == ("999", "收费", "")


async def test_confirming_waits_for_nothing_of_the_figures(office: Office) -> None:
    """Closing goes on while income is confirmed: nothing is lost, nothing is there twice."""
    payment = await office.pay((LAND_FEE, 100), cfm_date=DAY)
    rules = IncomeRules("confirmation", "示例市财政局")
    office.at(NEXT)
    await office.close(DAY)
    acting = office.acting()
    await office.store.transact(lambda tx: confirm(tx, payment.pay_code, rules, acting))
    office.at(THIRD)
    await office.close(NEXT)
    await office.close(NEXT)
    assert (await office.daily(NEXT)).income.amt == 100
