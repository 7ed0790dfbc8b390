"""Where a refund is paid from: the collection account, the reserve (退付备用金), the treasury."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from nontax.gateway.outbox import Terms, operate
from nontax.gateway.outbox.operate import NotPossible
from nontax.gateway.settlement.refundpages import application, treasury_page
from nontax.gateway.settlement.refunds import look, money_has_left
from nontax.gateway.settlement.reserves import Reserve, reserve_of
from nontax.gateway.settlement.treasury import TreasuryVoucher, treasury_json, treasury_voucher
from nontax.gateway.store import bills, catalogue, payments
from nontax.gateway.store.protocol import Transaction
from nontax.gateway.store.records import Account
from nontax.messages import PayInfoEntry

from ..flows.conftest import BANK, LAND_FEE, OTHER, PLATFORM, RECLAIM, TODAY, Office, Offices, code
from .paying_back import (
    NOT_DONE,
    OTHER_RESERVE,
    RESERVE,
    approve,
    approved,
    ask,
    cleared,
    end,
    paid,
    refused,
    remitted,
    reported,
    state,
    write,
)

OPENING, OTHER_OPENING = 50_000_000, 20_000_000


async def reserve(office: Office, bank: str = "0105") -> Reserve:
    found = await office.gateway.store.read(
        lambda tx: reserve_of(tx, "320682", bank, office.clock.today())
    )
    assert found is not None
    return found


async def place(office: Office, pay_code: str) -> str:
    async def work(tx: Transaction) -> str:
        [payment] = await payments.of_bill(tx, pay_code)
        return await money_has_left(tx, payment)

    return await office.gateway.store.read(work)


async def enter(office: Office, start: str, balance: int) -> None:
    """A new entry of the reserve account at 0105."""

    async def read(tx: Transaction) -> list[Account]:
        return await catalogue.accounts_of(tx, "320682", "reserve", TODAY)

    entry = next(a for a in await office.gateway.store.read(read) if a.acct_no == RESERVE)
    await office.catalogue(
        replace(entry, stop_date=TODAY), replace(entry, start_date=start, balance=balance)
    )


# -- the reserve ----------------------------------------------------------------------------------


async def test_money_that_was_shared_out_is_paid_from_the_reserve(offices: Offices) -> None:
    office = await offices(delivering=True)
    pay_code = await paid(office)
    assert await place(office, pay_code) == "no"
    cleared(office, pay_code)
    assert await place(office, pay_code) == "cleared"
    refund = await approved(office, pay_code, 3000)
    assert (refund.paid_from, refund.pay_acct) == ("reserve", RESERVE)
    [told] = await office.nodes[BANK].wait_for("5617")
    assert told.message is not None
    assert (told.message.PayAcct, told.message.PayAcctName) == (
        RESERVE,
        "示例市财政局非税收入退付备用金",
    )
    kept = await reserve(office)
    assert (kept.opening, kept.promised, kept.available) == (OPENING, 3000, OPENING - 3000)
    assert await reported(office, refund.refund_no) == "00000"
    kept = await reserve(office)
    assert (kept.paid, kept.promised, kept.available) == (3000, 0, OPENING - 3000)


@pytest.mark.parametrize(
    ("src", "account", "expected"),
    [
        (BANK, "32001000000000000018", RESERVE),
        (OTHER, "32003000000000000026", OTHER_RESERVE),
        (OTHER, "32001000000000000018", OTHER_RESERVE),  # the bank pays from what it holds itself
        (PLATFORM, "32001000000000000018", RESERVE),  # of the bank that held the money
    ],
)
async def test_each_bank_pays_from_its_own_reserve(
    office: Office, src: str, account: str, expected: str
) -> None:
    pay_code = await paid(office, src, RecAcct=account)
    cleared(office, pay_code)
    assert (await approved(office, pay_code, 100)).pay_acct == expected


async def test_the_reserve_is_never_promised_twice(office: Office) -> None:
    first = await paid(office, amt=OPENING - 100)
    second = await paid(office, amt=8000)
    for pay_code in (first, second):
        cleared(office, pay_code)
    big = await approved(office, first, OPENING - 100)
    asked = await ask(office, second, 101)
    with refused(office, r"bank 0105 does not suffice: 1\.00 of 1\.01 is available"):
        await approve(office, asked.refund_no)
    assert state(office, asked.refund_no) == "requested"
    assert (await approved(office, second, 100)).paid_from == "reserve"
    # The other bank's is its own.
    assert (await reserve(office, "0301")).available == OTHER_OPENING
    # What fails is there again.
    assert await reported(office, big.refund_no, **NOT_DONE) == "00000"
    assert (await approve(office, asked.refund_no)).refund.state == "queued"
    assert (await reserve(office)).available == OPENING - 201


async def test_a_reserve_is_filled_up_by_a_new_entry(office: Office) -> None:
    pay_code = await paid(office, amt=OPENING + 8000)
    cleared(office, pay_code)
    done = await approved(office, pay_code, 5000)
    await reported(office, done.refund_no)  # paid today, out of the old balance
    living = await approved(office, pay_code, 3000)
    office.tomorrow()
    await enter(office, "20260303", 7000)
    kept = await reserve(office)
    assert (kept.opening, kept.paid, kept.promised, kept.available) == (7000, 0, 3000, 4000)
    assert await reported(office, living.refund_no, TraDate="20260303") == "00000"
    kept = await reserve(office)
    assert (kept.paid, kept.promised, kept.available) == (3000, 0, 4000)
    asked = await ask(office, pay_code, 4001)
    with refused(office, "does not suffice"):
        await approve(office, asked.refund_no)


async def test_a_bank_without_a_reserve_cannot_pay(office: Office) -> None:
    write(office, "DELETE FROM accounts WHERE purpose = 'reserve' AND bank_code = '0105'")
    pay_code = await paid(office)
    cleared(office, pay_code)
    asked = await ask(office, pay_code, 100)
    with refused(office, "bank 0105 has no reserve account"):
        await approve(office, asked.refund_no)


async def expired(office: Office, pay_code: str, amt: int) -> tuple[str, int]:
    """A refund whose order never reached the bank; its number and the message's."""
    refund = await approved(office, pay_code, amt)
    [row] = office.books.rows("outbox", subject=refund.refund_no)
    office.clock.set(row["expires_at"])
    await office.gateway.deliverer.deliver_due()
    assert state(office, refund.refund_no) == "failed"
    return refund.refund_no, row["id"]


async def requeue(office: Office, message: int) -> None:
    terms = Terms.from_config(office.config.outbox)
    await office.transact(
        lambda tx: operate.requeue(
            tx, message, operator="maker1", reason="x", at=office.clock.now_ms(), terms=terms
        )
    )


async def test_an_order_goes_again_only_where_its_money_still_is(office: Office) -> None:
    pay_code = await paid(office)
    number, message = await expired(office, pay_code, 3000)
    cleared(office, pay_code)
    with pytest.raises(NotPossible, match="not where the order takes it from"):
        await requeue(office, message)
    assert state(office, number) == "failed"


async def test_an_order_on_the_reserve_goes_again_while_it_suffices(office: Office) -> None:
    first, second = await paid(office), await paid(office, amt=OPENING - 3000)
    cleared(office, first)
    cleared(office, second)
    number, message = await expired(office, first, 3001)
    other = await approved(office, second, OPENING - 3000)
    with pytest.raises(NotPossible, match="does not suffice"):
        await requeue(office, message)
    await reported(office, other.refund_no, **NOT_DONE)
    await requeue(office, message)
    assert state(office, number) == "queued"


# -- the treasury ---------------------------------------------------------------------------------


async def voucher(office: Office, number: str) -> TreasuryVoucher:
    async def read(tx: Transaction) -> TreasuryVoucher:
        return await treasury_voucher(tx, await look(tx, number))

    return await office.gateway.store.read(read)


async def test_money_in_the_treasury_comes_back_by_a_voucher(office: Office) -> None:
    pay_code = await paid(office)
    remitted(office, pay_code)
    refund = await approved(office, pay_code, 3000)
    number = refund.refund_no
    assert (refund.state, refund.paid_from) == ("approved", "treasury")
    assert office.books.queued("5617") == []
    # It counts, and no bank has a result of it.
    with refused(office, "at most 50.00"):
        await ask(office, pay_code, 5001)
    assert await reported(office, number) == "99999"
    found = await voucher(office, number)
    content = json.loads(treasury_json(found, office.config.node.code))
    assert (content["RefundNo"], content["Amt"], content["AmtInWords"]) == (
        number,
        "30.00",
        "叁拾元整",
    )
    assert [(line["BgtLevel"], line["TreCode"], line["Amt"]) for line in content["Details"]] == [
        ("1", "0000000000", "3.00"),
        ("2", "3200000000", "6.00"),
        ("4", "3206820001", "21.00"),  # where the remittance took it
    ]
    page = treasury_page(found, office.config.node.name)
    for text in ("国库退库凭证", number, "叁拾元整", "21.00", "3206820001", "王五"):
        assert text in page
    done = await end(office, number, "succeeded", tra_no="GK1", tra_date=TODAY)
    assert (done.state, done.tra_no) == ("succeeded", "GK1")
    assert office.books.state(pay_code) == "paid"
    with refused(office, "it is succeeded"):
        await end(office, number, "failed")


async def test_what_the_treasury_refuses_can_be_asked_for_again(office: Office) -> None:
    pay_code = await paid(office)
    remitted(office, pay_code)
    refund = await approved(office, pay_code, 8000)
    assert (await end(office, refund.refund_no, "failed")).state == "failed"
    assert (await approved(office, pay_code, 8000)).paid_from == "treasury"


async def test_vouchers_of_a_payment_take_back_exactly_what_it_gave(office: Office) -> None:
    pay_code = await office.bill(
        amt=10_007,
        ori_amt=10_000,
        delay_amt=7,
        items=(
            PayInfoEntry(LAND_FEE, "不动产登记费", 3333),
            PayInfoEntry(RECLAIM, "土地复垦费", 6667),
        ),
    )
    assert code(await office.confirm(BANK, pay_code, Amt="100.07")) == "00000"
    remitted(office, pay_code)
    taken: dict[tuple[str, str], int] = {}
    for amt in (1, 3333, 10, 6663):
        refund = await approved(office, pay_code, amt)
        found = await voucher(office, refund.refund_no)
        assert sum(line.amt for line in found.lines) == amt
        for line in found.lines:
            key = (line.item_code, line.level)
            taken[key] = taken.get(key, 0) + line.amt
    assert sum(taken.values()) == 10_007
    # 33.35 by 10:20:70 and 66.72 by 3333:6667, largest remainder.
    assert taken == {
        (LAND_FEE, "1"): 334, (LAND_FEE, "2"): 667, (LAND_FEE, "4"): 2334,
        (RECLAIM, "2"): 2224, (RECLAIM, "4"): 4448,
    }  # fmt: skip


async def test_money_that_is_moving_waits(office: Office) -> None:
    pay_code = await paid(office)
    remitted(office, pay_code, "acknowledged")
    asked = await ask(office, pay_code, 100)
    with refused(office, "just being remitted"):
        await approve(office, asked.refund_no)
    write(office, "UPDATE remittances SET state = 'succeeded'")
    assert (await approve(office, asked.refund_no)).refund.paid_from == "treasury"


async def test_a_failed_remittance_has_nothing(office: Office) -> None:
    pay_code = await paid(office)
    remitted(office, pay_code, "failed")
    write(office, "UPDATE remittance_parts SET living = 0")
    assert (await approved(office, pay_code, 100)).paid_from == "collection"


async def test_money_that_is_partly_in_the_treasury_waits(office: Office) -> None:
    pay_code = await paid(office)
    remitted(office, pay_code, rest=3000)
    asked = await ask(office, pay_code, 100)
    with refused(office, "only part of the payment's money"):
        await approve(office, asked.refund_no)


async def test_money_that_was_remitted_to_an_account_comes_from_the_reserve(
    office: Office,
) -> None:
    pay_code = await paid(office)
    remitted(office, pay_code, remit_type="2")
    assert (await approved(office, pay_code, 100)).paid_from == "reserve"


async def test_money_that_was_paid_into_the_treasury_comes_from_there(office: Office) -> None:
    pay_code = await paid(office)
    write(office, "UPDATE payments SET rec_acct_type = '5'")
    refund = await approved(office, pay_code, 100)
    assert refund.paid_from == "treasury"
    lines = (await voucher(office, refund.refund_no)).lines
    assert [(line.level, line.treasury_code) for line in lines] == [
        ("1", "0000000000"), ("2", "3200000000"), ("4", "3206820000"),
    ]  # fmt: skip


async def test_a_duplicate_never_left(office: Office) -> None:
    pay_code = await paid(office)
    again = await office.confirm(OTHER, pay_code, TraNoBus="D1", PayMode="51")
    assert code(again) == "00000"
    [_, duplicate] = office.books.rows("payments")
    assert duplicate["duplicate"] == 1
    [row] = office.books.rows("refunds")
    assert (row["paid_from"], row["pay_acct"]) == ("collection", "")


# -- the printed application ----------------------------------------------------------------------


async def printed(office: Office, number: str) -> str:
    async def read(tx: Transaction) -> str:
        whole = await look(tx, number)
        items = await bills.items(tx, whole.bill.pay_code)
        return application(whole, items, office.config.node.name)

    return await office.gateway.store.read(read)


async def test_the_application_follows_the_refund(office: Office) -> None:
    pay_code = await paid(office)
    cleared(office, pay_code)
    asked = await ask(office, pay_code, 1050, reason="多缴<b>费</b>")
    page = await printed(office, asked.refund_no)
    for text in (
        "非税收入退付申请凭证", asked.refund_no, pay_code, "壹拾元零伍角整", "¥10.50", "¥80.00",
        "待审核", "2026年3月2日", "王五", "6222000011112222", "maker1", "多缴&lt;b&gt;费&lt;/b&gt;",
    ):  # fmt: skip
        assert text in page
    assert "checker1" not in page
    assert "退付备用金退付" not in page
    await approve(office, asked.refund_no)
    page = await printed(office, asked.refund_no)
    assert "checker1" in page
    assert "退付备用金退付" in page
    await reported(office, asked.refund_no)
    page = await printed(office, asked.refund_no)
    assert "已退付" in page
    assert "R1" in page
