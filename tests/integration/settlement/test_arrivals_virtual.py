"""2616: money on a virtual account pays the bill that owns it; the life of such accounts."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from nontax.gateway.clock import add_days
from nontax.gateway.collection.bills import AUTO
from nontax.gateway.collection.drafts import BillRefused
from nontax.gateway.collection.voiding import void
from nontax.gateway.store import virtual_accounts
from nontax.gateway.store.entries import VirtualPool

from ..flows.conftest import (
    ACCOUNT,
    BANK,
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
from .money import VIRTUAL, arrival, arrived_on, counts, journal_holds, kept, on_virtual, state

SECOND = "6217000000100001"


async def owner(office: Office, **changes: Any) -> str:
    """A bill with a virtual account: the first gets VIRTUAL."""
    return await office.bill(virtual_acct=AUTO, **changes)


def payment(office: Office, pay_code: str) -> dict[str, Any]:
    return office.books.one("payments", pay_code=pay_code)


# -- paying ----------------------------------------------------------------------------------------


async def test_the_bill_that_owns_the_account_becomes_paid(office: Office) -> None:
    pay_code = await owner(office, notify=1, notify_node=UNIT)
    answer = await on_virtual(office)
    assert (code(answer), office.answered_region) == ("00000", "320682")
    assert office.books.state(pay_code) == "paid"
    booked = payment(office, pay_code)
    assert (booked["src"], booked["cfm_date"], booked["tra_no_bus"]) == (BANK, TODAY, "V1")
    assert (booked["channel"], booked["pay_mode"], booked["amt"]) == ("2616", "4", 8000)
    # The account behind the number is where the money really is.
    assert (booked["rec_acct_type"], booked["rec_acct"]) == ("1", ACCOUNT)
    assert (booked["payer_name"], booked["payer_acct"]) == ("王五", "6222000011112222")
    row = arrival(office, "V1")
    assert (row["state"], row["payment_id"], row["rec_acct"]) == (
        "identified",
        booked["id"],
        VIRTUAL,
    )
    assert arrived_on(office, pay_code) == TODAY
    [notice] = office.books.queued("5996")
    assert (notice["peer"], notice["subject"]) == (UNIT, pay_code)
    assert "<PayMode>4</PayMode>" in notice["voucher"]
    assert office.books.kinds(pay_code) == ["bill.made", "payment.booked"]
    assert office.books.archived("2616") == [("2616", pay_code, "00000")]
    assert await journal_holds(office)


async def test_the_same_money_again_changes_nothing(office: Office) -> None:
    await owner(office)
    assert code(await on_virtual(office)) == "00000"
    before = counts(office)
    assert code(await on_virtual(office)) == "00000"
    assert counts(office) == before
    for tag, value in (("Amt", "80.01"), ("RecAcct", SECOND), ("ArrDate", TOMORROW),
                       ("PayerName", "赵六")):  # fmt: skip
        answer = await on_virtual(office, **{tag: value})
        assert (code(answer), answer.information) == ("13001", f"{tag}: 与已登记的到账不一致")
    assert kept(office) == {k: v for k, v in before.items() if k in kept(office)}


async def test_a_second_transfer_is_unidentified(office: Office) -> None:
    pay_code = await owner(office)
    assert code(await on_virtual(office)) == "00000"
    assert code(await on_virtual(office, TraNo="V2")) == "00000"
    assert state(office, "V2") == ("unidentified", "the bill is paid")
    assert len(office.books.rows("payments", pay_code=pay_code)) == 1
    assert office.books.rows("refunds") == []


async def test_another_amount_is_unidentified(office: Office) -> None:
    pay_code = await owner(office)
    for number, amt in (("V1", "79.99"), ("V2", "80.01")):
        assert code(await on_virtual(office, TraNo=number, Amt=amt)) == "00000"
        assert state(office, number) == ("unidentified", "the bill has another amount")
    assert office.books.state(pay_code) == "unpaid"
    assert code(await on_virtual(office, TraNo="V3")) == "00000"
    assert office.books.state(pay_code) == "paid"


async def test_a_void_bill_and_a_free_number(office: Office) -> None:
    pay_code = await owner(office)
    await office.transact(
        lambda tx: void(tx, pay_code, office.rules, actor="maker1", at=1, today=TODAY)
    )
    assert code(await on_virtual(office)) == "00000"
    assert state(office, "V1") == ("unidentified", "the bill is void")
    assert code(await on_virtual(office, TraNo="V2", RecAcct=SECOND)) == "00000"
    assert state(office, "V2") == ("unidentified", "the virtual account belongs to no bill")
    assert office.books.rows("payments") == []


async def test_a_bill_without_validity_left_is_paid_and_flagged(office: Office) -> None:
    pay_code = await owner(office, expiry_date=TODAY)
    office.tomorrow(3)
    assert code(await on_virtual(office, ArrDate=office.clock.today())) == "00000"
    assert office.books.state(pay_code) == "paid"
    assert payment(office, pay_code)["after_expiry"] == 1


# -- two ways to one bill --------------------------------------------------------------------------


async def test_a_later_confirmation_of_the_same_transfer_is_no_second_payment(
    office: Office,
) -> None:
    pay_code = await owner(office)
    assert code(await on_virtual(office)) == "00000"
    with_number = {"TraNoBus": "V1", "PayMode": "51"}
    assert code(await office.confirm(BANK, pay_code, **with_number)) == "00000"
    assert code(await office.confirm(BANK, pay_code, CfmDate=TOMORROW, **with_number)) == "00000"
    assert len(office.books.rows("payments")) == 1
    assert office.books.rows("refunds") == []
    # Another transfer is one.
    again = await office.confirm(BANK, pay_code, TraNoBus="V9", PayMode="51")
    assert "TF" in again.information


async def test_the_money_of_an_earlier_confirmation_is_its_payments(office: Office) -> None:
    pay_code = await owner(office)
    answer = await office.confirm(BANK, pay_code, TraNoBus="V1", RecAcct=VIRTUAL)
    assert code(answer) == "00000"
    assert arrived_on(office, pay_code) == ""
    # Also the day after: the same number, bill and amount.
    assert code(await on_virtual(office, ArrDate=TOMORROW)) == "00000"
    assert state(office, "V1") == ("identified", "")
    assert arrived_on(office, pay_code) == TOMORROW
    assert len(office.books.rows("payments")) == 1


async def test_paid_by_another_node_meanwhile(office: Office) -> None:
    pay_code = await owner(office)
    assert code(await office.confirm(PLATFORM, pay_code, PayMode="51")) == "00000"
    assert code(await on_virtual(office)) == "00000"
    assert state(office, "V1") == ("unidentified", "the bill is paid")
    assert arrived_on(office, pay_code) == ""


async def test_a_number_that_pays_another_bill(office: Office) -> None:
    other = await office.bill()
    assert code(await office.confirm(BANK, other, TraNoBus="V1")) == "00000"
    pay_code = await owner(office, amt=9000)
    assert code(await on_virtual(office, Amt="90.00")) == "00000"
    assert state(office, "V1") == (
        "unidentified",
        "its number is that of a payment of another amount",
    )
    assert office.books.state(pay_code) == "unpaid"


async def test_what_was_refused_to_the_teller_is_not_paid_by_machine(office: Office) -> None:
    """The teller gave the money back: the bank's report of it must not pay the bill."""
    pay_code = await owner(office)
    refusal = await office.confirm(BANK, pay_code, TraNoBus="V1", RecAcct="1")
    assert code(refusal) == "12003"
    assert code(await on_virtual(office)) == "00000"
    assert state(office, "V1") == ("unidentified", "its confirmation was refused")
    assert office.books.state(pay_code) == "unpaid"


async def test_money_and_confirmation_at_the_same_instant(office: Office) -> None:
    """Whoever is first pays the bill; the other links to it."""
    await office.start()
    for _ in range(4):
        pay_code = await owner(office)
        number = office.books.one("bills", pay_code=pay_code)["virtual_acct"]
        name = f"V{number[-2:]}"
        answers = await asyncio.gather(
            on_virtual(office, TraNo=name, RecAcct=number, at=0),
            office.confirm(BANK, pay_code, TraNoBus=name, at=1),
            on_virtual(office, TraNo=name, RecAcct=number, at=1),
        )
        assert {code(answer) for answer in answers} == {"00000"}
        assert len(office.books.rows("payments", pay_code=pay_code)) == 1
        assert arrival(office, name)["state"] == "identified"
        assert arrived_on(office, pay_code) == TODAY


# -- whose account it is ---------------------------------------------------------------------------


async def test_only_the_bank_of_the_pool_reports_its_numbers(office: Office) -> None:
    await owner(office)
    with untouched(office):
        for src, number in ((OTHER, VIRTUAL), (BANK, "1"), (BANK, ACCOUNT)):
            answer = await on_virtual(office, src=src, RecAcct=number)
            assert code(answer) == "13002", (src, number)
        for src in (PLATFORM, UNIT):
            assert code(await on_virtual(office, src=src)) == "10002"
        early = await on_virtual(office, ArrDate="20191231")
        assert code(early) == "13002"


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        ("Amt", "0.00"),
        ("Amt", "-1.00"),
        ("Amt", "10000000000000.01"),
        ("TraNo", ""),
        ("ArrDate", "2026-03-02"),
        ("ArrTime", ""),
        ("RecAcct", ""),
        ("RecAcctType", ""),
        ("PayerName", ""),
        ("PayerAcct", "6" * 51),
    ],
)
async def test_what_is_malformed_is_10002(office: Office, tag: str, value: str) -> None:
    pay_code = await owner(office)
    with untouched(office):
        answer = await on_virtual(office, **{tag: value})
    assert code(answer) == "10002"
    assert f"{tag}: " in answer.information
    assert office.books.state(pay_code) == "unpaid"
    assert "6" * 51 not in answer.information


# -- the life of a number --------------------------------------------------------------------------


def number(office: Office, acct_no: str = VIRTUAL) -> tuple[str, str, str]:
    row = office.books.one("virtual_accounts", acct_no=acct_no)
    return row["state"], row["pay_code"], row["free_after"]


async def small_pool(office: Office, bank: str = "0301", **changes: Any) -> None:
    """A pool of one number at the other bank."""
    facts: dict[str, Any] = {"acct_no": OTHER_ACCOUNT, "allocate": "on_request", "release_days": 5}
    pool = VirtualPool("900", "900", bank, **(facts | changes))
    await office.transact(lambda tx: virtual_accounts.put_pool(tx, pool, actor="maker1", at=1))


@pytest.mark.parametrize("way", ["2612", "2616", "void", "8994"])
async def test_every_end_of_a_bill_ends_its_number(office: Office, way: str) -> None:
    pay_code = await owner(office)
    assert number(office) == ("allocated", pay_code, "")
    office.tomorrow()
    if way == "2612":
        assert code(await office.confirm(BANK, pay_code)) == "00000"
    elif way == "2616":
        assert code(await on_virtual(office, ArrDate=TOMORROW)) == "00000"
    elif way == "void":
        await office.transact(
            lambda tx: void(tx, pay_code, office.rules, actor="m", at=1, today=TOMORROW)
        )
    else:
        answer = await office.bill_of_unit(PayCode=pay_code, PayStats="2")
        assert code(answer) == "00000"
    assert number(office) == ("ended", pay_code, add_days(TOMORROW, 30))


async def test_a_number_is_free_again_when_its_days_are_over(office: Office) -> None:
    await small_pool(office)
    first = await office.bill(virtual_acct="900")
    assert code(await office.confirm(BANK, first)) == "00000"
    office.tomorrow(5)
    with pytest.raises(BillRefused):
        await office.bill(virtual_acct="900")
    # Until then the number is its bill's, whose money is nobody's.
    late = await on_virtual(office, src=OTHER, RecAcct="900")
    assert code(late) == "00000"
    assert state(office, "V1") == ("unidentified", "the bill is paid")
    office.tomorrow()
    second = await office.bill(virtual_acct="900")
    assert number(office, "900") == ("allocated", second, "")
    paid = await on_virtual(office, src=OTHER, RecAcct="900", TraNo="V2")
    assert code(paid) == "00000"
    assert office.books.state(second) == "paid"


async def test_an_expired_bill_gives_its_number_back(office: Office) -> None:
    await small_pool(office)
    first = await office.bill(virtual_acct="900", expiry_date=TOMORROW)
    until = add_days(TOMORROW, 5)
    assert number(office, "900") == ("allocated", first, until)
    while office.clock.today() < until:
        office.tomorrow()
    with pytest.raises(BillRefused):
        await office.bill(virtual_acct="900")
    office.tomorrow()
    # It is free whether or not somebody took it.
    late = await on_virtual(office, src=OTHER, RecAcct="900")
    assert code(late) == "00000"
    assert state(office, "V1") == ("unidentified", "the virtual account belongs to no bill")
    second = await office.bill(virtual_acct="900")
    assert number(office, "900")[:2] == ("allocated", second)
    # The old bill may still be paid; the number is another's by now.
    assert code(await office.confirm(BANK, first, TraNoBus="T7")) == "00000"
    assert number(office, "900")[:2] == ("allocated", second)


async def test_the_default_validity_counts_too(offices: Offices) -> None:
    office = await offices({"collection": {"default_validity_days": 10}})
    pay_code = await owner(office)
    end = office.books.one("bills", pay_code=pay_code)["expiry_date"]
    assert number(office)[2] == add_days(end, 30)


async def test_a_validity_that_never_ends(office: Office) -> None:
    await owner(office, expiry_date="99991231")
    assert number(office)[2] == ""


async def test_a_pool_that_gives_always(office: Office) -> None:
    await small_pool(office, allocate="always")
    pay_code = await office.bill()
    assert number(office, "900")[:2] == ("allocated", pay_code)
    # An empty pool is no reason to refuse a bill that asked for nothing.
    assert office.books.one("bills", pay_code=await office.bill())["virtual_acct"] == ""
