"""Money that came once is counted once, whatever the lists say: what clumsy banks send."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nontax.gateway.peers import PeerDirectory
from nontax.gateway.reconciliation.parts import NodeOutcome, ReconcileParts
from nontax.gateway.reconciliation.run import reconcile_day

from ..flows.conftest import (
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
from ..settlement.money import funds as report_funds
from ..settlement.money import paid, transfer
from ..settlement.paying_back import approved, reported
from .desk import Desk

__all__ = ["office", "offices"]


class OwnList(Desk):
    """The platform delivers lists of its own."""

    @property
    def parts(self) -> ReconcileParts:
        peers = self.office.gateway.peers
        own = (replace(peer, owes_2555=True) if peer.code == PLATFORM else peer for peer in peers)
        return replace(super().parts, peers=PeerDirectory(own))


@pytest.fixture
def desk(office: Office) -> Desk:
    return Desk(office)


async def run(desk: Desk, node: str = BANK, date: str = TODAY) -> NodeOutcome:
    while desk.office.clock.today() <= date:
        desk.office.tomorrow()
    outcome = await reconcile_day(desk.parts, date, node)
    assert not outcome.failed, outcome.failed
    [one] = outcome.nodes
    return one


async def lists(
    desk: Desk, kind: str, *lines: dict[str, str], date: str = TODAY, src: str = BANK, **more: str
) -> None:
    """One batch of a day in one pack."""
    [fields] = batch([lines], kind, CheckDate=date, BatchNo=f"{kind}{date}", **more)
    assert code(await desk.office.call(src, kind, fields)) == "00000"


async def platform_paid(desk: Desk, number: str) -> str:
    """A bill that the platform has confirmed on the bank's account; its pay code."""
    bill = await desk.office.bill()
    answer = await desk.office.confirm(PLATFORM, bill, TraNoBus=number, PayMode="51")
    assert code(answer) == "00000"
    return bill


# -- third-party money ----------------------------------------------------------------------------


async def test_what_the_platform_lists_itself_is_not_paid_back_for_the_banks_line(
    office: Office,
) -> None:
    desk = OwnList(office)
    bill = await platform_paid(desk, "G1")
    await lists(desk, "2555", desk.line(bill, "G1"), PayMode="51")
    await lists(desk, "2555", desk.line(bill, "G1"), src=PLATFORM, PayMode="51")

    assert (await run(desk)).open == 0
    assert (await run(desk, PLATFORM)).open == 0

    assert desk.row()["reason"] == "缴款已入账"
    assert len(desk.office.books.rows("payments")) == 1
    assert desk.office.books.rows("refunds") == []


async def test_a_bank_that_does_not_hold_the_account_does_not_close_with_it(desk: Desk) -> None:
    bill = await platform_paid(desk, "G1")
    line = desk.line(bill, "G1", RecAcct=OTHER_ACCOUNT)
    await lists(desk, "2555", line, src=OTHER, PayMode="51")
    assert (await run(desk, OTHER)).open == 1
    row = desk.row()
    assert (row["kind"], row["state"]) == ("bill_account", "open")
    assert desk.office.books.rows("refunds") == []


# -- refused once ---------------------------------------------------------------------------------


async def test_what_was_refused_is_not_repaired_under_another_date_either(desk: Desk) -> None:
    bill = await desk.office.bill(amt=9000)
    assert code(await desk.office.confirm(BANK, bill, TraNoBus="X1", Amt="80.00")) == "12004"
    await lists(desk, "2555", desk.line(bill, "X1", 9000, CfmDate="20260301"))
    assert (await run(desk)).open == 1
    assert desk.row()["kind"] == "refused"
    assert desk.office.books.state(bill) == "unpaid"


async def test_a_number_that_was_refused_for_another_bill_may_come_again(desk: Desk) -> None:
    refused, bill = await desk.office.bill(amt=9000), await desk.office.bill()
    assert code(await desk.office.confirm(BANK, refused, TraNoBus="X1", Amt="80.00")) == "12004"
    await lists(desk, "2555", desk.line(bill, "X1", CfmDate="20260301"))
    assert (await run(desk)).open == 0
    assert desk.office.books.state(bill) == "paid"


# -- told twice -----------------------------------------------------------------------------------


async def test_a_line_that_two_days_list_waits_on_the_second(desk: Desk) -> None:
    bill = await desk.paid("T1")
    await lists(desk, "2555", desk.line(bill, "T1"))
    assert (await run(desk)).open == 0
    await lists(desk, "2555", desk.line(bill, "T1"), date=TOMORROW)
    assert (await run(desk, date=TOMORROW)).open == 1
    row = desk.row()
    assert (row["kind"], row["state"]) == ("duplicate", "open")
    assert row["reason"] == f"缴款已在{TODAY}核对一致"
    assert desk.office.books.rows("refunds") == []


async def test_a_bill_that_was_paid_twice_has_one_payment_and_one_duplicate(desk: Desk) -> None:
    bill = await desk.office.bill()
    await lists(desk, "2555", desk.line(bill, "X1"), desk.line(bill, "X2"))
    assert (await run(desk)).repaired == 2
    assert [row["kind"] for row in desk.rows()] == ["bank_only", "bill_paid"]
    assert len(desk.office.books.rows("refunds")) == 1


async def test_money_that_two_days_list_waits_on_the_second(desk: Desk) -> None:
    await desk.paid("T1")
    await lists(desk, "2557", desk.funds_line("T1"))
    await run(desk)
    await lists(desk, "2557", desk.funds_line("T1"), date=TOMORROW)
    for _ in range(2):  # the second run looks at what has come to its end since the first
        assert (await run(desk, date=TOMORROW)).open == 1
    row = desk.row(check_date=TOMORROW)
    assert (row["kind"], row["state"]) == ("funds_unknown", "open")


async def test_reported_money_that_two_days_list_waits_on_the_second(desk: Desk) -> None:
    assert code(await transfer(desk.office, [await paid(desk.office)])) == "00000"
    assert code(await report_funds(desk.office, TraNo="A1", BatchNo="B1")) == "00000"
    line = desk.funds_line("A1", BatchNo="B1")
    elsewhere = {"src": OTHER, "RecAcct": OTHER_ACCOUNT}
    await lists(desk, "2557", line, **elsewhere)
    assert (await run(desk, OTHER)).open == 0
    await lists(desk, "2557", line, date=TOMORROW, **elsewhere)
    for _ in range(2):
        assert (await run(desk, OTHER, TOMORROW)).open == 1


# -- told late ------------------------------------------------------------------------------------


async def test_a_result_that_is_told_after_the_run_is_looked_at_by_the_next(desk: Desk) -> None:
    bill = await desk.paid("T1")
    refund = await approved(desk.office, bill, 8000)
    await lists(desk, "2555", desk.line(bill, "T1"))
    await lists(desk, "2557", desk.funds_line("T1"))
    moved = [MOVED | {"TraNo": "T1"}, MOVED | {"TraNo": "R1", "DcFlag": "2"}]
    await lists(desk, "2556", *moved)
    assert (await run(desk)).open == 1
    assert (await run(desk)).replayed
    assert await reported(desk.office, refund.refund_no) == "00000"

    outcome = await run(desk)

    assert (outcome.open, outcome.revision) == (0, 2)
    assert desk.row(kind="movement_unknown")["state"] == "settled"
    assert (await run(desk)).replayed
