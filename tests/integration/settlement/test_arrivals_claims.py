"""Unidentified money (未明资金): claimed for a bill, or returned (spec: business, 5)."""

from __future__ import annotations

import asyncio
import sqlite3
from typing import Any

import pytest

from nontax.gateway.collection.bills import AUTO
from nontax.gateway.settlement.acting import SettlementRefused
from nontax.gateway.store import arrivals
from nontax.gateway.store.arrivals import ArrivalFilter

from ..flows.conftest import (
    ACCOUNT,
    BANK,
    ELSEWHERE,
    LAND,
    OTHER,
    OTHER_ACCOUNT,
    PLATFORM,
    TODAY,
    TOMORROW,
    UNIT,
    Office,
    code,
)
from ..flows.test_query import account
from .money import (
    arrival,
    arrived_on,
    claimed,
    counts,
    funds,
    in_transit,
    journal_holds,
    kept,
    on_virtual,
    returned,
    state,
)


async def unidentified(office: Office, number: str = "A1", **changes: str) -> int:
    """Money that nobody expects; the id of its arrival."""
    assert code(await funds(office, TraNo=number, **changes)) == "00000"
    return int(arrival(office, number)["id"])


async def refused(office: Office, text: str, *args: Any, **more: Any) -> SettlementRefused:
    """A claim that leaves nothing in the books."""
    before = counts(office)
    with pytest.raises(SettlementRefused, match=text) as caught:
        await claimed(office, *args, **more)
    assert counts(office) == before
    return caught.value


# -- claiming -------------------------------------------------------------------------------------


async def test_transfer_first_bill_later(office: Office) -> None:
    money = await unidentified(office)
    office.tomorrow()
    pay_code = await office.bill(notify=1, notify_node=UNIT)
    done = await claimed(office, money, pay_code)
    assert done.wake == (UNIT,)
    assert office.books.state(pay_code) == "paid"
    booked = office.books.one("payments")
    assert (booked["src"], booked["cfm_date"], booked["cfm_time"]) == (OTHER, TODAY, "101500")
    assert (booked["tra_no_bus"], booked["channel"], booked["amt"]) == ("A1", "claim", 8000)
    assert (booked["payer_name"], booked["payer_acct"]) == ("王五", "6222000011112222")
    assert (booked["rec_acct_type"], booked["rec_acct"]) == ("1", OTHER_ACCOUNT)
    assert booked["before_bill"] == 1
    row = arrival(office, "A1")
    assert (row["state"], row["payment_id"], row["why"]) == ("claimed", booked["id"], "")
    assert arrived_on(office, pay_code) == TODAY
    [act] = office.books.rows("arrival_actions")
    assert (act["action"], act["actor"], act["pay_code"]) == ("claimed", "maker1", pay_code)
    assert act["reason"] == "来款说明是该单位的"
    [notice] = office.books.queued("5996")
    assert f"<PayCode>{pay_code}</PayCode>" in notice["voucher"]
    assert "<BankOutlet>00000</BankOutlet><Operator>系统</Operator>" in notice["voucher"]
    kinds = office.books.kinds(f"arrival:{money}")
    assert kinds == ["arrival.unidentified", "arrival.claimed"]
    facts = office.books.rows("journal", subject=f"arrival:{money}")[-1]["facts"]
    assert "王五" not in facts
    assert "6222" not in facts
    assert await journal_holds(office)


async def test_a_transfer_without_its_payer(office: Office) -> None:
    """5996 has to name somebody: the bill's payer."""
    money = await unidentified(office, PayerName="", PayerAcct="")
    pay_code = await office.bill(notify=1, notify_node=UNIT)
    await claimed(office, money, pay_code)
    assert office.books.one("payments")["payer_name"] == "张三"
    assert "<PayerName>张三</PayerName>" in office.books.queued("5996")[0]["voucher"]


async def test_money_on_a_virtual_account_is_claimed_on_the_account_behind_it(
    office: Office,
) -> None:
    pay_code = await office.bill(virtual_acct=AUTO, amt=9000)
    assert code(await on_virtual(office)) == "00000"
    other = await office.bill()
    await claimed(office, int(arrival(office, "V1")["id"]), other)
    booked = office.books.one("payments")
    assert (booked["rec_acct"], booked["pay_mode"]) == (ACCOUNT, "4")
    assert (office.books.state(pay_code), office.books.state(other)) == ("unpaid", "paid")


async def test_a_claim_ends_the_bills_virtual_account(office: Office) -> None:
    pay_code = await office.bill(virtual_acct=AUTO)
    await claimed(office, await unidentified(office), pay_code)
    number = office.books.one("virtual_accounts", pay_code=pay_code)
    assert number["state"] == "ended"


async def test_a_later_confirmation_of_the_same_transfer_links(office: Office) -> None:
    money = await unidentified(office)
    pay_code = await office.bill()
    await claimed(office, money, pay_code)
    for date in (TODAY, TOMORROW):
        answer = await office.confirm(
            OTHER, pay_code, TraNoBus="A1", CfmDate=date, PayMode="51", RecAcct=OTHER_ACCOUNT
        )
        assert code(answer) == "00000"
        assert "TF" not in answer.information
    assert len(office.books.rows("payments")) == 1
    assert office.books.rows("refunds") == []
    # The same number for something else contradicts the payment.
    other = await office.confirm(OTHER, await office.bill(), TraNoBus="A1")
    assert code(other) == "10005"


async def test_the_report_of_claimed_money_again(office: Office) -> None:
    await claimed(office, await unidentified(office), await office.bill())
    assert code(await funds(office)) == "00000"
    assert code(await funds(office, Amt="80.01")) == "13001"
    assert state(office, "A1")[0] == "claimed"


# -- what cannot be claimed -----------------------------------------------------------------------


async def test_a_bill_that_was_paid_meanwhile(office: Office) -> None:
    money = await unidentified(office)
    pay_code = await office.bill()
    assert code(await office.confirm(BANK, pay_code)) == "00000"
    await refused(office, "the money stays unidentified", money, pay_code)
    assert state(office, "A1")[0] == "unidentified"
    await claimed(office, money, await office.bill())


async def test_bills_that_it_cannot_pay(office: Office) -> None:
    money = await unidentified(office)
    void = await office.bill()
    await office.void(void)
    await refused(office, "the bill is void", money, void)
    await refused(
        office, r"the money is 80\.00, the bill 80\.01", money, await office.bill(amt=8001)
    )
    assert (await refused(office, "there is no bill", money, "1")).wrong_input
    assert (await refused(office, "there is no arrival", 99, void)).wrong_input


async def test_only_for_units_of_the_operator(office: Office) -> None:
    money, pay_code = await unidentified(office), await office.bill()
    problem = await refused(office, "may not act for unit", money, pay_code, units=("0105204",))
    assert problem.wrong_input
    await claimed(office, money, pay_code, units=("0105204", LAND))


async def test_money_of_another_region(office: Office) -> None:
    entry = account("777", region=ELSEWHERE, bank_code="0301")
    await office.catalogue(entry)
    assert code(await funds(office, RecAcct="777")) == "13002"
    number = arrivals.Arrival(0, "2615", OTHER, "A1", TODAY, "", "1", "777", 8000, 1, 1)
    money = await office.transact(lambda tx: arrivals.insert(tx, number))
    await refused(office, f"account of region {ELSEWHERE}", money, await office.bill())


async def test_money_has_one_end(office: Office) -> None:
    one, two = await unidentified(office), await unidentified(office, "A2")
    pay_code = await office.bill()
    await claimed(office, one, pay_code)
    await returned(office, two)
    for money, text in ((one, "is claimed already"), (two, "is returned already")):
        await refused(office, text, money, await office.bill())
        with pytest.raises(SettlementRefused, match=text):
            await returned(office, money)


async def test_identified_money_is_nobody_elses(office: Office) -> None:
    pay_code = await office.bill()
    assert code(await office.confirm(BANK, pay_code)) == "00000"
    assert code(await in_transit(office, pay_code)) == "00000"
    money = int(arrival(office, "Z1")["id"])
    await refused(office, "is identified already", money, await office.bill())


async def test_a_number_under_which_something_else_was_paid(office: Office) -> None:
    other = await office.bill(amt=9000)
    assert code(await office.confirm(OTHER, other, TraNoBus="A1", Amt="90.00")) == "00000"
    money = await unidentified(office)
    assert state(office, "A1")[1] == "its number is that of a payment of another amount"
    await refused(office, "confirmed under the number", money, await office.bill())


async def test_a_transfer_whose_confirmation_was_refused(office: Office) -> None:
    """The teller may have given the money back; a person who has asked may claim it anyhow."""
    first = await office.bill(amt=9000)
    refusal = await office.confirm(OTHER, first, TraNoBus="A1")
    assert code(refusal) == "12004"
    money, pay_code = await unidentified(office), await office.bill()
    await refused(office, "may have the money back", money, pay_code)
    await claimed(office, money, pay_code, despite_refusal=True)
    assert office.books.state(pay_code) == "paid"
    facts = office.books.rows("journal", kind="arrival.claimed")[0]["facts"]
    assert '"despite_refusal":1' in facts


async def test_a_claim_and_a_confirmation_at_the_same_instant(office: Office) -> None:
    """One of them pays the bill, whichever; nothing is paid twice."""
    await office.start()
    for n in range(6):
        money, pay_code = await unidentified(office, f"A{n}"), await office.bill()
        results = await asyncio.gather(
            claimed(office, money, pay_code),
            office.confirm(PLATFORM, pay_code, PayMode="11", TraNoBus=f"P{n}", at=1),
            return_exceptions=True,
        )
        claim_won = not isinstance(results[0], BaseException)
        assert code(results[1]) == ("12001" if claim_won else "00000")  # type: ignore[arg-type]
        assert len(office.books.rows("payments", pay_code=pay_code)) == 1
        assert (state(office, f"A{n}")[0] == "claimed") == claim_won


async def test_one_money_claimed_for_two_bills_at_once(office: Office) -> None:
    money = await unidentified(office)
    bills = [await office.bill() for _ in range(3)]
    results = await asyncio.gather(
        *(claimed(office, money, pay_code) for pay_code in bills), return_exceptions=True
    )
    assert sum(not isinstance(result, BaseException) for result in results) == 1
    assert len(office.books.rows("payments")) == 1


# -- returning ------------------------------------------------------------------------------------


async def test_returning_says_who_and_why(office: Office) -> None:
    money = await unidentified(office)
    await returned(office, money)
    assert state(office, "A1") == ("returned", "")
    [act] = office.books.rows("arrival_actions")
    assert (act["action"], act["actor"], act["reason"]) == ("returned", "maker1", "付款人汇错")
    assert office.books.kinds(f"arrival:{money}") == ["arrival.unidentified", "arrival.returned"]
    assert office.books.rows("payments") == []
    assert office.books.queued("5617") == []


async def test_returned_money_pays_nothing_any_more(office: Office) -> None:
    await returned(office, await unidentified(office))
    pay_code = await office.bill()
    late = {"TraNoBus": "A1", "RecAcct": OTHER_ACCOUNT, "PayMode": "51"}
    answer = await office.confirm(OTHER, pay_code, **late)
    assert (code(answer), answer.information) == ("12001", "该笔资金已按未明资金退回")
    again = await office.confirm(OTHER, pay_code, **late)
    assert again.information == answer.information
    assert office.books.state(pay_code) == "unpaid"
    # Other money under other numbers does.
    assert code(await office.confirm(OTHER, pay_code, **late | {"TraNoBus": "A2"})) == "00000"


async def test_returned_money_reported_again(office: Office) -> None:
    await returned(office, await unidentified(office))
    before = kept(office)
    assert code(await funds(office)) == "00000"
    assert kept(office) == before


async def test_only_an_operator_of_all_units_returns(office: Office) -> None:
    money = await unidentified(office)
    with pytest.raises(SettlementRefused, match="some units only"):
        await returned(office, money, LAND)
    with pytest.raises(SettlementRefused, match="there is no arrival"):
        await returned(office, 99)
    assert state(office, "A1")[0] == "unidentified"


# -- the books -------------------------------------------------------------------------------------


async def test_the_list_has_the_oldest_first(office: Office) -> None:
    for number, day in (("A1", TOMORROW), ("A2", TODAY), ("A3", "20260228")):
        await unidentified(office, number, ArrDate=day)
    await returned(office, int(arrival(office, "A2")["id"]))

    async def look(tx: Any) -> Any:
        narrowed = ArrivalFilter(state="unidentified")
        return await arrivals.page(tx, narrowed), await arrivals.total(tx, narrowed)

    rows, total = await office.gateway.store.scan(look)
    assert [row.tra_no for row in rows] == ["A3", "A1"]
    assert (total.count, total.amt, total.oldest) == (2, 16_000, "20260228")


async def test_actions_are_never_changed(office: Office) -> None:
    await returned(office, await unidentified(office))
    file = office.installation.store_file
    for sql in ("UPDATE arrival_actions SET reason = 'x'", "DELETE FROM arrival_actions"):
        with sqlite3.connect(file) as books, pytest.raises(sqlite3.IntegrityError, match="never"):
            books.execute(sql)
        books.close()
