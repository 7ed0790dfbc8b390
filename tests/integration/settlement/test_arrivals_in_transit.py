"""2619: money of a payment that its bank confirmed before it had it (spec: business, 5)."""

from __future__ import annotations

import asyncio

import pytest

from ..flows.conftest import (
    ACCOUNT,
    BANK,
    ELSEWHERE,
    OTHER,
    OTHER_ACCOUNT,
    PLATFORM,
    TODAY,
    TOMORROW,
    UNIT,
    Office,
    Offices,
    code,
    untouched,
)
from .money import arrival, arrived_on, counts, funds, in_transit, kept, paid, state, transfer

UNKNOWN = "32068226000999999990"


async def test_the_money_of_a_payment_arrives(office: Office) -> None:
    pay_code, _, _ = await paid(office)
    answer = await in_transit(office, pay_code, ArrDate=TOMORROW)
    assert (code(answer), office.answered_region) == ("00000", "320682")
    row = arrival(office, "Z1")
    assert (row["kind"], row["state"], row["pay_code"]) == ("2619", "identified", pay_code)
    assert row["payment_id"] == office.books.one("payments")["id"]
    assert arrived_on(office, pay_code) == TOMORROW
    assert office.books.archived("2619") == [("2619", pay_code, "00000")]


async def test_the_platforms_money_may_be_told_by_the_bank_that_holds_it(office: Office) -> None:
    one, _, _ = await paid(office, PLATFORM, PayMode="51")
    two, _, _ = await paid(office, PLATFORM, PayMode="51")
    assert code(await in_transit(office, one, src=PLATFORM)) == "00000"
    assert code(await in_transit(office, two)) == "00000"
    assert (arrived_on(office, one), arrived_on(office, two)) == (TODAY, TODAY)


async def test_the_same_again(office: Office) -> None:
    pay_code, _, _ = await paid(office)
    other, _, _ = await paid(office)
    assert code(await in_transit(office, pay_code)) == "00000"
    before = counts(office)
    assert code(await in_transit(office, pay_code)) == "00000"
    assert counts(office) == before
    few = kept(office)
    for changes in ({"Amt": "80.01"}, {"ArrDate": TOMORROW}, {"RecAcct": ""}, {"ArrTime": "1"}):
        answer = await in_transit(office, pay_code, **changes)
        assert code(answer) == ("10002" if "ArrTime" in changes else "14001"), changes
    assert code(await in_transit(office, other)) == "14001"
    assert code(await in_transit(office, UNKNOWN)) == "14001"
    assert kept(office) == few


async def test_a_number_of_another_message_is_14001(office: Office) -> None:
    assert code(await funds(office, src=BANK, RecAcct=ACCOUNT)) == "00000"
    pay_code, _, _ = await paid(office)
    answer = await in_transit(office, pay_code, TraNo="A1")
    assert (code(answer), answer.information) == ("14001", "TraNo: 该流水号的到账已由报文2615登记")
    again = await funds(office, src=BANK, RecAcct=ACCOUNT, TraNo="Z9", PayerName="")
    assert code(again) == "00000"
    assert code(await in_transit(office, pay_code, TraNo="Z9")) == "14001"


async def test_another_amount_is_14002(office: Office) -> None:
    pay_code, _, _ = await paid(office)
    with untouched(office):
        for amt in ("79.99", "80.01"):
            assert code(await in_transit(office, pay_code, Amt=amt)) == "14002"
    # Nothing of it is remembered.
    assert code(await in_transit(office, pay_code)) == "00000"


async def test_bills_that_are_not_the_senders(offices: Offices) -> None:
    office = await offices(
        {"node": {"regions": ["320682", ELSEWHERE]}}, {OTHER: {"regions": [ELSEWHERE]}}
    )
    pay_code, _, _ = await paid(office)
    with untouched(office):
        unknown = await in_transit(office, UNKNOWN)
        unseen = await in_transit(office, pay_code, src=OTHER)
        assert code(unknown) == code(unseen) == "11001"
        assert unknown.information == unseen.information
        assert code(await in_transit(office, pay_code, src=UNIT)) == "10002"


async def test_accounts(office: Office) -> None:
    pay_code, _, _ = await paid(office)
    with untouched(office):
        for changes in ({"RecAcct": "1"}, {"RecAcct": OTHER_ACCOUNT}, {"RecAcct": ""}):
            assert code(await in_transit(office, pay_code, **changes)) == "12003"
    assert code(await in_transit(office, pay_code, RecAcctType="3", RecAcct="")) == "00000"


async def test_what_comes_twice_is_unidentified(office: Office) -> None:
    pay_code, _, _ = await paid(office)
    assert code(await in_transit(office, pay_code)) == "00000"
    assert code(await in_transit(office, pay_code, TraNo="Z2", ArrDate=TOMORROW)) == "00000"
    assert state(office, "Z2") == (
        "unidentified",
        "the money of the payment had arrived before",
    )
    assert arrived_on(office, pay_code) == TODAY


async def test_a_batch_and_a_transit_are_one_arrival(office: Office) -> None:
    """Of two ways to one fund the first one counts."""
    one, two = await paid(office), await paid(office)
    assert code(await transfer(office, [one, two])) == "00000"
    assert code(await in_transit(office, one[0])) == "00000"
    batch = await funds(office, BatchNo="B1", Amt="160.00", ArrDate=TOMORROW)
    assert code(batch) == "00000"
    assert (arrived_on(office, one[0]), arrived_on(office, two[0])) == (TODAY, TOMORROW)
    assert "money of 1 payments had arrived before" in office.notes()
    assert code(await in_transit(office, two[0], TraNo="Z2")) == "00000"
    assert state(office, "Z2")[0] == "unidentified"


async def test_a_bill_that_is_not_paid(office: Office) -> None:
    unpaid, void = await office.bill(), await office.bill()
    await office.void(void)
    assert code(await in_transit(office, unpaid)) == "00000"
    assert state(office, "Z1") == ("unidentified", "the bill is not paid")
    assert code(await in_transit(office, void, TraNo="Z2")) == "00000"
    assert state(office, "Z2") == ("unidentified", "the bill is void")
    # No money in transit pays a bill; the confirmation that follows does, and has its money.
    assert office.books.state(unpaid) == "unpaid"
    assert code(await office.confirm(BANK, unpaid)) == "00000"
    assert state(office, "Z1") == ("identified", "")
    assert arrived_on(office, unpaid) == TODAY


async def test_a_bill_that_another_node_collected(office: Office) -> None:
    pay_code, _, _ = await paid(office, OTHER, RecAcct=OTHER_ACCOUNT)
    assert code(await in_transit(office, pay_code)) == "00000"
    assert state(office, "Z1") == ("unidentified", "the bill was paid through another node")
    # The other node's confirmation does not take it either.
    unpaid = await office.bill()
    assert code(await in_transit(office, unpaid, TraNo="Z2")) == "00000"
    late = await office.confirm(OTHER, unpaid, RecAcct=OTHER_ACCOUNT, TraNoBus="T9")
    assert code(late) == "00000"
    assert state(office, "Z2")[0] == "unidentified"
    assert arrived_on(office, unpaid) == ""


async def test_many_reports_of_one_fund_at_once(office: Office) -> None:
    await office.start()
    pay_code, _, _ = await paid(office)
    answers = await asyncio.gather(
        *(in_transit(office, pay_code, TraNo=f"Z{n}", at=n % 2) for n in range(6))
    )
    assert {code(answer) for answer in answers} == {"00000"}
    assert len(office.books.rows("arrivals", state="identified")) == 1
    assert len(office.books.rows("arrivals", state="unidentified")) == 5


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        ("Amt", "0.00"),
        ("Amt", "-80.00"),
        ("TraNo", ""),
        ("PayCode", ""),
        ("PayCode", "3" * 21),
        ("ArrDate", "20261301"),
        ("ArrTime", "10:15"),
        ("RecAcctType", "7"),
    ],
)
async def test_what_is_wrong_is_refused(office: Office, tag: str, value: str) -> None:
    pay_code, _, _ = await paid(office)
    with untouched(office):
        answer = await in_transit(office, pay_code, **{tag: value})
    assert code(answer) == "10002"
    assert f"{tag}: " in answer.information


async def test_the_number_of_another_bills_payment_says_nothing(office: Office) -> None:
    """Money in transit names its bill: its number may be that of any other payment."""
    named, other = await office.bill(), await office.bill()
    assert code(await in_transit(office, named, TraNo="T5")) == "00000"
    assert code(await office.confirm(BANK, other, TraNoBus="T5")) == "00000"
    assert state(office, "T5") == ("unidentified", "the bill is not paid")
    assert arrived_on(office, other) == ""
    assert code(await office.confirm(BANK, named, TraNoBus="T6")) == "00000"
    assert state(office, "T5")[0] == "identified"
    assert arrived_on(office, named) == TODAY
