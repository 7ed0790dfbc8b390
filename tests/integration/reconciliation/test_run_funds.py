"""Arrived funds (2557) and accounts (2556): what matches, what is carried forward, what it does."""

from __future__ import annotations

import pytest

from nontax.gateway.reconciliation.parts import NodeOutcome
from nontax.gateway.reconciliation.run import reconcile_day

from ..flows.conftest import (
    ACCOUNT,
    BANK,
    OTHER,
    OTHER_ACCOUNT,
    PLATFORM,
    TODAY,
    TOMORROW,
    Office,
    code,
    office,
    offices,
)
from ..flows.test_statements import MOVED, batch
from ..settlement.money import (
    arrival,
    arrived_on,
    claimed,
    funds,
    journal_holds,
    paid,
    returned,
    transfer,
)
from .desk import Desk

__all__ = ["office", "offices"]


@pytest.fixture
def desk(office: Office) -> Desk:
    return Desk(office)


async def run(desk: Desk, node: str = BANK, date: str = TODAY) -> NodeOutcome:
    """The run of one node's day, which must come to an end."""
    while desk.office.clock.today() <= date:
        desk.office.tomorrow()
    outcome = await reconcile_day(desk.parts, date, node)
    assert not outcome.failed, outcome.failed
    [one] = outcome.nodes
    return one


async def lists_funds(
    desk: Desk, *lines: dict[str, str], src: str = BANK, date: str = TODAY, acct: str = ACCOUNT
) -> None:
    changes = {"CheckDate": date, "BatchNo": f"F{date}", "RecAcct": acct}
    [fields] = batch([lines], "2557", **changes)
    assert code(await desk.office.call(src, "2557", fields)) == "00000"


def of(desk: Desk, statement: str = "2557") -> dict[tuple[str, str], str]:
    """State of each row by day and kind."""
    rows = desk.rows(statement=statement)
    return {(row["check_date"], row["kind"]): row["state"] for row in rows}


# -- counter money --------------------------------------------------------------------------------


async def test_counter_money_is_known_by_its_number_or_by_its_bill(desk: Desk) -> None:
    one, two = await desk.paid("T1"), await desk.paid("T2", 900)
    await lists_funds(desk, desk.funds_line("T1"), desk.funds_line("Z2", 900, PayCode=two))

    outcome = await run(desk)

    assert [(row.scope, row.matched.count) for row in outcome.totals["2557"]] == [(ACCOUNT, 2)]
    assert of(desk) == {}
    assert [arrived_on(desk.office, pay_code) for pay_code in (one, two)] == [TODAY, TODAY]
    assert (arrival(desk.office, "T1")["kind"], arrival(desk.office, "Z2")["state"]) == (
        "2557", "identified",
    )  # fmt: skip
    assert desk.results("5557") == ["1"]
    assert desk.batch_states("2557") == ["reconciled"]
    assert await journal_holds(desk.office)


async def test_money_in_transit_is_carried_until_a_later_list_has_it(desk: Desk) -> None:
    here, late = await desk.paid("T1"), await desk.paid("T2", 900)
    await lists_funds(desk, desk.funds_line("T1"))
    first = await run(desk)
    assert of(desk) == {(TODAY, "funds_missing"): "open"}
    assert (first.state, desk.results("5557")) == ("open", ["2"])
    assert arrived_on(desk.office, late) == ""

    await lists_funds(desk, desk.funds_line("T2", 900), date=TOMORROW)
    second = await run(desk, date=TOMORROW)

    assert second.open == 0
    assert of(desk) == {(TODAY, "funds_missing"): "settled"}
    assert arrived_on(desk.office, late) == TOMORROW
    assert desk.results("5557") == ["2", "1", "1"]
    # The first day is closed by that; run again it gives what it gave.
    assert (await run(desk)).replayed
    assert of(desk) == {(TODAY, "funds_missing"): "settled"}
    assert here


async def test_a_day_that_is_run_anew_sees_what_it_saw(desk: Desk) -> None:
    await desk.paid("T1")
    await lists_funds(desk)
    assert (await run(desk)).open >= 1
    await lists_funds(desk, desk.funds_line("T1"), date=TOMORROW)
    assert (await run(desk, date=TOMORROW)).open == 0
    # A late payment of the first day makes a revision: its money is missing, the other's is not.
    bill = await desk.office.bill(amt=700)
    answer = await desk.office.confirm(BANK, bill, TraNoBus="T9", CfmDate=TODAY, Amt="7.00")
    assert code(answer) == "00000"
    assert (await run(desk)).revision == 2
    states = sorted((row["tra_no"], row["state"]) for row in desk.rows(kind="funds_missing"))
    assert states == [("T1", "settled"), ("T9", "open")]
    # And one for the second day: what it had shown is still shown.
    again = await desk.office.bill(amt=600)
    answer = await desk.office.confirm(BANK, again, TraNoBus="T8", CfmDate=TOMORROW, Amt="6.00")
    assert code(answer) == "00000"
    assert (await run(desk, date=TOMORROW)).revision == 2
    rows = desk.rows(check_date=TOMORROW, statement="2557")
    assert [(row["tra_no"], row["kind"]) for row in rows] == [("T8", "funds_missing")]


async def test_another_amount_and_the_same_line_twice(desk: Desk) -> None:
    await desk.paid("T1")
    await desk.paid("T2")
    await lists_funds(
        desk, desk.funds_line("T1", 8001), desk.funds_line("T2"), desk.funds_line("T2")
    )
    await run(desk)
    assert of(desk) == {
        (TODAY, "funds_amount"): "open",
        (TODAY, "funds_duplicate"): "open",
    }
    assert arrived_on(desk.office, desk.payment("T1")["pay_code"]) == ""


# -- money of batches, channels, reports ----------------------------------------------------------


async def test_moved_money_comes_in_one_line_of_its_batch(desk: Desk) -> None:
    details = [await paid(desk.office), await paid(desk.office, amt=500)]
    assert code(await transfer(desk.office, details)) == "00000"
    line = desk.funds_line("Z1", 8500, BatchNo="B1")
    await lists_funds(desk, line, src=OTHER, acct=OTHER_ACCOUNT)

    outcome = await run(desk, OTHER)

    assert [row.matched.count for row in outcome.totals["2557"]] == [1]
    assert of(desk) == {}
    assert desk.office.books.one("transfers")["state"] == "arrived"
    assert [arrived_on(desk.office, detail[0]) for detail in details] == [TODAY, TODAY]
    assert arrival(desk.office, "Z1")["transfer_id"] == 1
    # The bank tells of the same money once more, by itself.
    told = await funds(desk.office, TraNo="Z1", Amt="85.00", BatchNo="B1")
    assert code(told) == "00000"
    assert len(desk.office.books.rows("arrivals")) == 1


async def test_a_batch_that_does_not_come_waits_and_is_met_later(desk: Desk) -> None:
    assert code(await transfer(desk.office, [await paid(desk.office)])) == "00000"
    await lists_funds(desk, src=OTHER, acct=OTHER_ACCOUNT)
    await run(desk, OTHER)
    row = desk.row()
    assert (row["kind"], row["expected"], row["ours_amt"]) == ("funds_missing", "transfer:1", 8000)
    line = desk.funds_line("Z1", BatchNo="B1")
    await lists_funds(desk, line, src=OTHER, acct=OTHER_ACCOUNT, date=TOMORROW)
    outcome = await run(desk, OTHER, TOMORROW)
    assert (outcome.open, desk.state(row["id"])) == (0, "settled")


async def test_third_party_money_is_the_days_sum_of_its_channel(desk: Desk) -> None:
    codes = []
    for number in range(3):
        bill = await desk.office.bill()
        answer = await desk.office.confirm(PLATFORM, bill, TraNoBus=f"G{number}", PayMode="51")
        assert code(answer) == "00000"
        codes.append(bill)
    await lists_funds(desk, desk.funds_line("Z1", 24000, PayMode="51"))

    outcome = await run(desk)

    assert of(desk) == {}
    assert [row.matched.count for row in outcome.totals["2557"]] == [1]
    assert [arrived_on(desk.office, pay_code) for pay_code in codes] == [TODAY] * 3
    told = {"TraNo": "Z1", "PayerName": "支付宝", "RecAcct": ACCOUNT}
    assert code(await funds(desk.office, src=BANK, Amt="240.00", **told)) == "00000"
    assert code(await funds(desk.office, src=BANK, Amt="241.00", **told)) == "13001"
    assert desk.office.books.rows("arrivals") == []


async def test_reported_money_is_known_by_its_number(desk: Desk) -> None:
    assert code(await transfer(desk.office, [await paid(desk.office)])) == "00000"
    assert code(await funds(desk.office, TraNo="A1", BatchNo="B1")) == "00000"
    lost = await funds(desk.office, TraNo="A2", Amt="5.00")
    assert code(lost) == "00000"
    line = desk.funds_line("A1", BatchNo="B1")
    await lists_funds(desk, line, src=OTHER, acct=OTHER_ACCOUNT)
    await run(desk, OTHER)
    [row] = desk.rows()
    assert (row["kind"], row["expected"]) == ("funds_missing", "arrival:2")
    assert len(desk.office.books.rows("arrivals")) == 2


# -- unidentified money ---------------------------------------------------------------------------


async def test_money_that_nobody_expects_can_be_claimed(desk: Desk) -> None:
    await lists_funds(desk, desk.funds_line("Z1"))
    await run(desk)
    row, money = desk.row(), arrival(desk.office, "Z1")
    assert (row["kind"], row["state"]) == ("funds_unknown", "open")
    assert (money["kind"], money["state"], money["rec_acct"]) == ("2557", "unidentified", ACCOUNT)
    bill = await desk.office.bill()
    await claimed(desk.office, money["id"], bill)

    outcome = await run(desk)

    assert outcome.state == "reconciled"
    assert desk.state(row["id"]) == "settled"
    assert desk.office.books.state(bill) == "paid"
    assert desk.reconciled_on(desk.payment("Z1")["id"]) == TODAY
    assert desk.results("5557")[-1] == "1"


async def test_money_that_was_given_back_is_at_rest(desk: Desk) -> None:
    await lists_funds(desk, desk.funds_line("Z1"))
    await run(desk)
    await returned(desk.office, arrival(desk.office, "Z1")["id"])
    await run(desk)
    assert of(desk) == {(TODAY, "funds_unknown"): "settled"}
    # Whoever lists the same transfer as a payment of a bill finds it refused.
    bill = await desk.office.bill()
    await desk.lists(desk.line(bill, "Z1"))
    outcome = await run(desk)
    assert outcome.open == 1
    assert desk.row(statement="2555")["state"] == "open"
    assert desk.office.books.state(bill) == "unpaid"


async def test_a_later_batch_finds_the_line_that_nobody_knew(desk: Desk) -> None:
    detail = await paid(desk.office)
    await lists_funds(desk, desk.funds_line("Z1", BatchNo="B1"), src=OTHER, acct=OTHER_ACCOUNT)
    await run(desk, OTHER)
    assert of(desk)[TODAY, "funds_unknown"] == "open"
    assert code(await transfer(desk.office, [detail])) == "00000"
    assert arrived_on(desk.office, detail[0]) == TODAY
    await run(desk, OTHER)
    assert desk.row(kind="funds_unknown")["state"] == "settled"


# -- accounts (2556) ------------------------------------------------------------------------------


def moved(number: str, yuan: str = "80.00", flag: str = "1") -> dict[str, str]:
    return MOVED | {"TraNo": number, "Amt": yuan, "DcFlag": flag}


async def lists_account(desk: Desk, *lines: dict[str, str], **changes: str) -> None:
    [fields] = batch([lines], "2556", CheckDate=TODAY, **changes)
    assert code(await desk.office.call(BANK, "2556", fields)) == "00000"


async def test_movements_follow_from_arrived_funds(desk: Desk) -> None:
    await desk.paid("T1")
    await lists_funds(desk, desk.funds_line("T1"))
    await lists_account(desk, moved("T1"))
    outcome = await run(desk)
    assert [row.matched.count for row in outcome.totals["2556"]] == [1]
    assert of(desk, "2556") == {}
    assert desk.results("5556") == ["1"]


async def test_what_an_account_says_otherwise_waits(desk: Desk) -> None:
    await desk.paid("T1")
    await desk.paid("T2")
    await desk.paid("T3")
    await lists_funds(desk, *(desk.funds_line(f"T{number}") for number in (1, 2, 3)))
    await lists_account(desk, moved("T1", "80.01"), moved("T3"), moved("T3"), moved("X1", flag="2"))
    await run(desk)
    assert of(desk, "2556") == {
        (TODAY, "movement_amount"): "open",
        (TODAY, "movement_missing"): "open",
        (TODAY, "movement_duplicate"): "open",
        (TODAY, "movement_unknown"): "open",
    }
    assert desk.results("5556") == ["2"]


async def test_balances_follow_from_the_day_before(desk: Desk) -> None:
    await lists_account(desk)
    await run(desk)
    [fields] = batch([[]], "2556", CheckDate=TOMORROW, BatchNo="B2", BeginBal="101.00")
    fields["EndBal"] = "101.00"
    assert code(await desk.office.call(BANK, "2556", fields)) == "00000"
    await run(desk, date=TOMORROW)
    assert of(desk, "2556") == {(TOMORROW, "balance"): "open"}
    row = desk.row(kind="balance")
    assert (row["ours_amt"], row["theirs_amt"]) == (10000, 10100)
