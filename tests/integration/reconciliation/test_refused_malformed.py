"""Payments whose 2612 was malformed: the teller gave the money back, so nothing is made of them."""

from __future__ import annotations

import base64

import pytest

from ..flows.conftest import BANK, PLATFORM, TODAY, TOMORROW, Office, code, office, offices
from ..inbox.conftest import Desk as Inbox
from ..inbox.conftest import confirmation, corrected
from .desk import Desk

__all__ = ["office", "offices"]


@pytest.fixture
def desk(office: Office) -> Desk:
    return Desk(office)


@pytest.fixture
def inbox(office: Office, capfdbinary: pytest.CaptureFixture[bytes]) -> Inbox:
    return Inbox(office, capfdbinary)


BROKEN = {
    "a field is empty": {"CfmTime": ""},
    "a field is missing": {"CfmTime": "-"},
    "of nothing": {"Amt": "0.00"},
    "the day cannot be read": {"CfmDate": "20261301"},
}


@pytest.mark.parametrize("changes", BROKEN.values(), ids=list(BROKEN))
async def test_what_was_refused_as_malformed_is_never_repaired(
    desk: Desk, inbox: Inbox, changes: dict[str, str]
) -> None:
    bill = await desk.office.bill()
    await inbox.malformed(bill, **({"CfmTime": "093000", "TraNoBus": "X1"} | changes))
    await desk.lists(desk.line(bill, "X1"))

    outcome = await desk.run()

    row = desk.row()
    assert (row["kind"], row["state"], outcome.open) == ("refused", "open", 1)
    assert desk.office.books.state(bill) == "unpaid"
    assert desk.office.books.rows("payments") == []


async def test_of_a_paid_bill_nothing_is_paid_back(desk: Desk, inbox: Inbox) -> None:
    bill = await desk.paid("T1")
    await inbox.malformed(bill, TraNoBus="X1")
    await desk.lists(desk.line(bill, "T1"), desk.line(bill, "X1"))
    await desk.run()
    assert (desk.row()["kind"], desk.row()["state"]) == ("refused", "open")
    assert desk.office.books.rows("refunds") == []


@pytest.mark.parametrize("cut", [30, 1])
async def test_what_can_still_be_read_of_a_broken_voucher_counts(
    desk: Desk, inbox: Inbox, cut: int
) -> None:
    bill = await desk.office.bill()
    whole = confirmation(bill, TraNoBus="X1")
    sent: bytes | str = whole[:-cut]
    if cut == 1:
        sent = base64.b64encode(whole).decode()[:-3] + "!"
    assert (await inbox.voucher(sent)).result == "10002"
    [kept] = await inbox.rows()
    assert (kept["cfm_date"], kept["tra_no"], kept["pay_code"]) == (TODAY, "X1", bill)
    await desk.lists(desk.line(bill, "X1"))
    await desk.run()
    assert desk.row()["kind"] == "refused"


async def test_the_platforms_refused_payment_is_not_made_of_the_banks_line(
    desk: Desk, inbox: Inbox
) -> None:
    bill = await desk.office.bill()
    answer = await inbox.voucher(
        confirmation(bill, TraNoBus="G1", PayMode="51", CfmTime=""), src=PLATFORM
    )
    assert answer.result == "10002"
    assert await inbox.rows(peer=PLATFORM, tra_no="G1")
    await desk.lists(desk.line(bill, "G1"), PayMode="51")
    await desk.run()
    assert (desk.row()["kind"], desk.row()["state"]) == ("refused", "open")


async def test_of_another_number_day_or_node_it_says_nothing(desk: Desk, inbox: Inbox) -> None:
    bills = [await desk.office.bill() for _ in range(3)]
    await inbox.malformed(bills[0], TraNoBus="X0")
    await inbox.malformed(await desk.office.bill(), TraNoBus="X1", CfmDate=TOMORROW)
    broken = confirmation(bills[2], TraNoBus="X2", CfmTime="")
    assert (await inbox.voucher(broken, src="D3206820301")).result == "10002"
    await inbox.rows()
    await desk.lists(*(desk.line(bill, f"X{n}") for n, bill in enumerate(bills)))
    await desk.run()
    kinds = {row["tra_no"]: (row["kind"], row["state"]) for row in desk.rows()}
    repaired = ("bank_only", "repaired")
    assert kinds == {"X0": ("refused", "open"), "X1": repaired, "X2": repaired}


async def test_what_was_accepted_from_the_inbox_is_in_the_books(desk: Desk, inbox: Inbox) -> None:
    bill = await desk.office.bill()
    kept = await inbox.malformed(bill, TraNoBus="X1")
    await inbox.propose(kept["id"], corrected(bill, TraNoBus="Y1"))
    assert (await inbox.accept(kept["id"])).code == 0
    other = await desk.office.bill()
    # The message was of Y1: what it said of X1 was an error of the bank's.
    await desk.lists(desk.line(bill, "Y1"), desk.line(other, "X1"))
    outcome = await desk.run()
    assert outcome.open == 0
    assert desk.row()["state"] == "repaired"


async def test_what_came_again_and_right_is_in_the_books(desk: Desk, inbox: Inbox) -> None:
    bill = await desk.office.bill()
    await inbox.malformed(bill, TraNoBus="X1")
    await desk.lists(desk.line(bill, "X1"))
    assert (await desk.run()).open == 1
    late = await desk.office.confirm(BANK, bill, TraNoBus="X1", CfmDate=TODAY)
    assert code(late) == "00000"
    assert (await desk.run()).open == 0
    assert desk.row()["state"] == "settled"


async def test_a_second_line_of_what_came_right_is_a_duplicate(desk: Desk, inbox: Inbox) -> None:
    bill = await desk.office.bill()
    await inbox.malformed(bill, TraNoBus="X1")
    assert code(await desk.office.confirm(BANK, bill, TraNoBus="X1")) == "00000"
    await desk.lists(desk.line(bill, "X1"), desk.line(bill, "X1"))
    await desk.run()
    assert desk.row()["kind"] == "duplicate"
