"""What another list says of a line's money: another day's, or one that has not come yet."""

from __future__ import annotations

import pytest

from nontax.gateway.reconciliation.parts import NodeOutcome
from nontax.gateway.reconciliation.run import reconcile_day

from ..flows.conftest import (
    BANK,
    OTHER,
    OTHER_ACCOUNT,
    TODAY,
    TOMORROW,
    Office,
    code,
    office,
    offices,
)
from ..flows.test_statements import batch
from .desk import Desk

__all__ = ["office", "offices"]


async def paid_tomorrow(desk: Desk, number: str = "T1") -> str:
    """A bill that was confirmed on the next day, which has begun; its pay code."""
    if desk.office.clock.today() == TODAY:
        desk.office.tomorrow()
    return await desk.paid(number, CfmDate=TOMORROW)


async def lists(desk: Desk, date: str, *lines: dict[str, str], **more: str) -> None:
    fields = {"CheckDate": date, "BatchNo": f"B{date}"} | more
    [sent] = batch([lines], **fields)
    assert code(await desk.office.call(BANK, "2555", sent)) == "00000"


async def run(desk: Desk, date: str) -> NodeOutcome:
    outcome = await reconcile_day(desk.parts, date, BANK)
    assert not outcome.failed, outcome.failed
    [one] = outcome.nodes
    return one


# -- two days' lists ------------------------------------------------------------------------------


async def test_what_the_day_before_listed_waits_on_its_own_day(office: Office) -> None:
    desk = Desk(office)
    line = desk.line(await paid_tomorrow(desk), "T1", CfmDate=TOMORROW)
    await lists(desk, TODAY, line)
    assert (await run(desk, TODAY)).open == 0
    assert desk.row()["kind"] == "date"
    await lists(desk, TOMORROW, line)

    assert (await run(desk, TOMORROW)).open == 1

    row = desk.row(check_date=TOMORROW)
    assert (row["kind"], row["state"], row["code"]) == ("duplicate", "open", "15003")
    assert row["reason"] == f"缴款已在{TODAY}核对一致"
    assert office.books.rows("refunds") == []
    assert desk.reconciled_on(desk.payment("T1")["id"]) == TODAY
    assert len(office.books.rows("payments")) == 1
    assert (await run(desk, TOMORROW)).replayed


async def test_what_both_days_listed_before_the_run_waits_on_one(office: Office) -> None:
    desk = Desk(office)
    line = desk.line(await paid_tomorrow(desk), "T1", CfmDate=TOMORROW)
    await lists(desk, TODAY, line)
    await lists(desk, TOMORROW, line)
    found = [await run(desk, TODAY), await run(desk, TOMORROW)]
    assert [one.open for one in found] in ([0, 1], [1, 0])
    assert len(desk.rows(kind="duplicate", state="open")) == 1
    assert office.books.rows("refunds") == []


async def test_what_was_made_of_the_day_befores_line_waits_on_its_own_day(office: Office) -> None:
    desk = Desk(office)
    office.tomorrow()
    line = desk.line(await office.bill(), "X1", CfmDate=TOMORROW)
    await lists(desk, TODAY, line)
    assert (await run(desk, TODAY)).repaired == 1
    await lists(desk, TOMORROW, line)
    assert (await run(desk, TOMORROW)).open == 1
    assert desk.row(check_date=TOMORROW)["kind"] == "duplicate"


async def test_what_days_on_both_sides_list_waits_on_the_second(office: Office) -> None:
    desk = Desk(office)
    line = desk.line(await paid_tomorrow(desk), "T1", CfmDate=TOMORROW)
    await lists(desk, TODAY, line)
    assert (await run(desk, TODAY)).open == 0
    office.tomorrow()
    third = office.clock.today()
    await lists(desk, third, line)
    assert (await run(desk, third)).open == 1
    assert desk.row(check_date=third)["kind"] == "duplicate"


async def test_what_people_linked_on_another_day_waits_on_its_own_day(office: Office) -> None:
    desk = Desk(office)
    pay_code = await paid_tomorrow(desk)
    await lists(desk, TODAY, desk.line("32068226300000099999", "X1"))
    assert (await run(desk, TODAY)).open == 1
    await desk.decide(desk.row()["id"], "link", payment=desk.payment("T1")["id"])
    await lists(desk, TOMORROW, desk.line(pay_code, "T1", CfmDate=TOMORROW))
    assert (await run(desk, TOMORROW)).open == 1
    assert desk.row(check_date=TOMORROW)["kind"] == "duplicate"


async def test_a_list_that_was_replaced_says_nothing(office: Office) -> None:
    desk = Desk(office)
    line = desk.line(await paid_tomorrow(desk), "T1", CfmDate=TOMORROW)
    unknown = desk.line("32068226300000099999", "X1")
    await lists(desk, TODAY, line, unknown)
    assert (await run(desk, TODAY)).open == 1
    await lists(desk, TODAY, unknown, BatchNo="B2")
    await run(desk, TODAY)
    await lists(desk, TOMORROW, line)
    assert (await run(desk, TOMORROW)).open == 0
    assert desk.rows(check_date=TOMORROW) == []


async def test_dates_are_not_carried_where_the_site_says_so(office: Office) -> None:
    desk = Desk(office, carry_dates=False)
    line = desk.line(await paid_tomorrow(desk), "T1", CfmDate=TOMORROW)
    await lists(desk, TODAY, line)
    assert (await run(desk, TODAY)).open == 1
    assert (desk.row()["kind"], desk.row()["state"]) == ("date", "open")
    assert desk.reconciled_on(desk.payment("T1")["id"]) == ""
    await lists(desk, TOMORROW, line)
    assert (await run(desk, TOMORROW)).open == 0


async def test_the_window_says_which_days_are_neighbours(office: Office) -> None:
    for days, kind in ((0, "bill_paid"), (1, "date")):
        desk = Desk(office, window_days=days, repair_duplicate_payment=False)
        number = f"T{days}"
        line = desk.line(await paid_tomorrow(desk, number), number, CfmDate=TOMORROW)
        await lists(desk, TODAY, line, PayMode=f"{11 + days}")
        await run(desk, TODAY)
        assert desk.row(tra_no=number)["kind"] == kind, days


@pytest.mark.parametrize(("days", "kind"), [(1, "date"), (2, "bank_only")])
async def test_nothing_is_made_of_a_line_of_a_day_beyond_the_window(
    office: Office, days: int, kind: str
) -> None:
    desk = Desk(office, window_days=days)
    office.tomorrow(2)
    third = office.clock.today()
    await lists(desk, third, desk.line(await office.bill(), "X1"))
    await run(desk, third)
    state = "repaired" if kind == "bank_only" else "open"
    assert (desk.row()["kind"], desk.row()["state"]) == (kind, state)


# -- lists that have not come ---------------------------------------------------------------------


async def test_a_bill_with_a_payment_whose_list_has_not_come_is_not_paid_back(
    office: Office,
) -> None:
    desk = Desk(office)
    pay_code = await desk.paid("T1", PayMode="13")
    office.tomorrow()
    await lists(desk, TODAY, desk.line(pay_code, "X1"))

    await run(desk, TODAY)

    row = desk.row(kind="bill_paid")
    assert (row["state"], row["held"]) == ("open", 1)
    assert "未送达" in row["reason"]
    assert office.books.rows("refunds") == []
    # The list shows that it was another payment indeed.
    await lists(desk, TODAY, desk.line(pay_code, "T1"), PayMode="13")
    assert (await run(desk, TODAY)).open == 0
    row = desk.row(kind="bill_paid")
    assert (row["state"], row["held"]) == ("repaired", 0)
    assert len(office.books.rows("refunds")) == 1


async def test_the_line_was_the_payment_where_the_list_lacks_it(office: Office) -> None:
    desk = Desk(office)
    pay_code = await desk.paid("T1", PayMode="13")
    office.tomorrow()
    await lists(desk, TODAY, desk.line(pay_code, "X1"))
    await run(desk, TODAY)
    await lists(desk, TODAY, PayMode="13")
    await run(desk, TODAY)
    assert {row["kind"]: row["state"] for row in desk.rows(statement="2555", scope="11")} == {
        "bill_paid": "settled",
        "number": "noted",
    }
    assert office.books.rows("refunds") == []


async def test_a_payment_that_another_channel_lists_holds_nothing(office: Office) -> None:
    desk = Desk(office)
    pay_code = await desk.paid("T1", PayMode="13")
    office.tomorrow()
    await lists(desk, TODAY, desk.line(pay_code, "T1"), desk.line(pay_code, "X1"))
    await run(desk, TODAY)
    assert desk.row(kind="bill_paid")["state"] == "repaired"


async def test_a_payment_of_another_bank_holds_nothing(office: Office) -> None:
    desk = Desk(office)
    pay_code = await office.bill()
    paid = await office.confirm(OTHER, pay_code, TraNoBus="T1", PayMode="13", RecAcct=OTHER_ACCOUNT)
    assert code(paid) == "00000"
    office.tomorrow()
    await lists(desk, TODAY, desk.line(pay_code, "X1"))
    await run(desk, TODAY)
    assert desk.row()["state"] == "repaired"


async def test_the_neighbouring_days_list_is_waited_for(office: Office) -> None:
    desk = Desk(office)
    pay_code = await desk.paid("T1", PayMode="13")
    office.tomorrow(2)
    await lists(desk, TOMORROW, desk.line(pay_code, "X1", CfmDate=TOMORROW))
    assert (await run(desk, TOMORROW)).open == 1
    row = desk.row()
    assert (row["kind"], row["state"]) == ("bill_paid", "open")
    assert "未送达" in row["reason"]
    await lists(desk, TODAY, desk.line(pay_code, "T1"), PayMode="13")
    done = await desk.decide(row["id"], "rerun")
    assert done.row.state == "repaired"
    assert len(office.books.rows("refunds")) == 1
