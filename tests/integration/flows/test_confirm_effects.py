"""What follows from a payment (spec: business, sections 3, 4 and 8).

Duplicates and their technical refunds (5617), the notice to the maker (5996), payments that came
another way before their 2612, and many nodes at the same instant.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from typing import Any

import pytest

from nontax.codecs import parse_xml
from nontax.gateway.collection.booking import Booked, Booking, NoticeTexts, Received
from nontax.gateway.store import bills, journal, payments
from nontax.gateway.store.protocol import Transaction
from nontax.gateway.store.records import Payment
from nontax.messages.codes import PayMode
from nontax.messages.confirm import PaymentNotice
from nontax.messages.refund import RefundOrder

from .conftest import (
    ACCOUNT,
    BANK,
    CONFIRMATION,
    OTHER,
    OTHER_ACCOUNT,
    PLATFORM,
    TODAY,
    TOMORROW,
    UNIT,
    UNIT_BILL,
    Office,
    Offices,
    code,
    untouched,
)

REGISTERED = re.compile(r"重复缴款,已登记技术性退付 (TF[0-9]{16})")
PAID_BACK = {"5", "13", "51", "52"}
CODE = UNIT_BILL["PayCode"]


def refund_number(information: str) -> str:
    found = REGISTERED.fullmatch(information)
    assert found, information
    return found[1]


def read(model: type[Any], voucher: str) -> Any:
    return model.read(parse_xml(voucher.encode("gbk"), default_encoding="GBK"))


async def paid_bill(office: Office, src: str = OTHER, **changes: Any) -> str:
    """A bill that another payment has made paid."""
    pay_code = await office.bill(**changes)
    answer = await office.confirm(src, pay_code, TraNoBus=f"F{pay_code}", RecAcct=ACCOUNT)
    assert answer.result == "00000"
    return pay_code


# -- duplicates --------------------------------------------------------------------------------


@pytest.mark.parametrize("modes", [None, ["*"], [], ["11"]])
async def test_which_duplicates_are_paid_back_by_us(
    offices: Offices, modes: list[str] | None
) -> None:
    """By PayMode: by default where the payer is gone; else the teller returns the money."""
    sections = {} if modes is None else {"collection": {"auto_refund_paymodes": modes}}
    office = await offices(sections)
    wanted = PAID_BACK if modes is None else set(PayMode) if modes == ["*"] else set(modes)
    pay_code = await paid_bill(office)
    for mode in PayMode:
        before = office.books.counts()
        answer = await office.confirm(BANK, pay_code, PayMode=mode, TraNoBus=f"D{mode}")
        grown = {
            table: count - before[table]
            for table, count in office.books.counts().items()
            if count != before[table]
        }
        if mode in wanted:
            refund_number(answer.information)
            assert answer.result == "00000"
            # The first number of the day makes a row of its own.
            assert grown.pop("serials", 0) <= 1
            assert grown == {
                "payments": 1, "confirmations": 1, "refunds": 1, "outbox": 1, "archive": 1,
                "journal": 2,
            }  # fmt: skip
        else:
            assert (answer.result, answer.information) == ("12001", "重复缴款确认")
            assert grown == {"confirmations": 1, "archive": 1}
    duplicates = office.books.rows("payments", duplicate=1)
    assert {row["pay_mode"] for row in duplicates} == wanted
    assert len(office.books.rows("payments", duplicate=0)) == 1


async def test_a_duplicate_and_its_refund_in_full(offices: Offices) -> None:
    office = await offices(delivering=True)
    pay_code = await paid_bill(office)
    payer = {
        "PayerName": "王五", "PayerAcct": "6222000000000001", "PayerOpBk": "示例银行",
        "PayerOpBkNo": "105306500018",
    }  # fmt: skip
    # Neither account nor amount are looked at: the money is in and goes back as it came.
    answer = await office.confirm(
        PLATFORM, pay_code, PayMode="51", Amt="12.34", RecAcct="1", TraNoBus="D1",
        CfmDate="20260301", **payer,
    )  # fmt: skip
    number = refund_number(answer.information)
    assert number == f"TF{TODAY}00000001"
    payment = office.books.one("payments", duplicate=1)
    assert (payment["src"], payment["amt"], payment["pay_code"]) == (PLATFORM, 1234, pay_code)
    refund = office.books.one("refunds")
    assert (refund["refund_no"], refund["kind"], refund["payment_id"]) == (number, 1, payment["id"])
    assert (refund["src"], refund["amt"], refund["ori_amt"]) == (PLATFORM, 1234, 1234)
    assert (refund["requested_by"], refund["approved_by"]) == ("gateway", "")
    [row] = office.books.queued("5617")
    assert (row["peer"], row["subject"], row["money"]) == (PLATFORM, number, 1)
    order = read(RefundOrder, row["voucher"])
    assert (order.RefundNo, order.RefundDate, order.RefundType) == (number, TODAY, "1")
    assert (order.PayCode, order.OriTraNoBus, order.OriCfmDate) == (pay_code, "D1", "20260301")
    assert (order.OriAmt, order.Amt) == (1234, 1234)
    assert (order.RecName, order.RecAcct) == ("王五", "6222000000000001")
    assert (order.RecOpBk, order.RecOpBkNo) == ("示例银行", "105306500018")
    assert office.books.kinds(pay_code)[-1] == "payment.duplicate"
    assert office.books.kinds(number)[0] == "refund.queued"
    assert office.books.archived()[-1] == ("2612", pay_code, "00000")
    [told] = await office.nodes[PLATFORM].wait_for("5617")
    assert told.message == order
    assert (told.head.msg_id, told.mac_ok) == (row["msg_id"], True)


async def test_a_repeated_duplicate_is_refunded_once(office: Office) -> None:
    pay_code = await paid_bill(office)
    first = await office.confirm(BANK, pay_code, PayMode="51")
    with untouched(office):
        for _ in range(3):
            again = await office.confirm(BANK, pay_code, PayMode="51")
            assert again.information == first.information
        later = await office.confirm(BANK, pay_code, PayMode="51", CfmDate=TOMORROW)
        assert later.information == first.information
        assert code(await office.confirm(BANK, pay_code, PayMode="52")) == "10005"


async def test_the_first_payment_s_own_node_can_send_a_duplicate(office: Office) -> None:
    pay_code = await office.bill()
    assert code(await office.confirm(PLATFORM, pay_code, PayMode="51")) == "00000"
    answers = [
        await office.confirm(PLATFORM, pay_code, PayMode="51", TraNoBus=f"D{n}") for n in range(3)
    ]
    numbers = [refund_number(answer.information) for answer in answers]
    assert [int(number[-8:]) for number in numbers] == [1, 2, 3]
    assert [row["refund_no"] for row in office.books.rows("refunds")] == numbers


async def test_refund_numbers_begin_anew_each_day(office: Office) -> None:
    pay_code = await paid_bill(office)
    numbers = []
    for day in range(2):
        answer = await office.confirm(BANK, pay_code, PayMode="51", TraNoBus=f"D{day}")
        numbers.append(refund_number(answer.information))
        office.tomorrow()
    assert numbers == [f"TF{TODAY}00000001", f"TF{TOMORROW}00000001"]


async def test_money_for_a_void_bill_is_refused_whatever_the_channel(office: Office) -> None:
    pay_code = await office.bill()
    await office.void(pay_code)
    for mode in ("11", "51"):
        answer = await office.confirm(BANK, pay_code, PayMode=mode, TraNoBus=mode)
        assert answer.result == "11004"
    assert office.books.rows("refunds") == []


async def test_a_refused_duplicate_never_becomes_a_payment(office: Office) -> None:
    """The same money, told once more by the channel that is paid back, is other content."""
    pay_code = await paid_bill(office)
    assert code(await office.confirm(BANK, pay_code)) == "12001"
    await office.stop()
    office.installation.configure({"collection": {"auto_refund_paymodes": ["*"]}})
    office.config = office.installation.config()
    await office.start()
    with untouched(office):
        for date in (TODAY, TOMORROW):
            assert code(await office.confirm(BANK, pay_code, CfmDate=date)) == "12001"
    # A new number is new money, and now it is paid back.
    answer = await office.confirm(BANK, pay_code, TraNoBus="T2")
    refund_number(answer.information)


# -- the notice to the maker (5996) ----------------------------------------------------------


async def test_the_maker_is_told_exactly_when_it_asked(office: Office) -> None:
    wishes = {"Y": 1, "": 0, "y": 0, "N": 0, "Y1": 0}
    for number, (wish, count) in enumerate(wishes.items()):
        pay_code = f"3206822630000000{number:04d}"
        assert code(await office.bill_of_unit(PayCode=pay_code, Hold1=wish)) == "00000"
        answer = await office.confirm(BANK, pay_code, TraNoBus=f"T{number}")
        assert answer.result == "00000"
        assert len(office.books.rows("outbox", number="5996", subject=pay_code)) == count, wish


async def test_the_notice_says_what_the_bank_said(offices: Offices) -> None:
    office = await offices(delivering=True)
    assert code(await office.bill_of_unit(Hold1="Y")) == "00000"
    said = {
        "PayerName": "王五", "PayerAcct": "6222000000000001", "PayerOpBk": "示例银行",
        "PayerOpBkNo": "105306500018", "PayMode": "12", "TraNoBus": "T7",
    }  # fmt: skip
    assert code(await office.confirm(BANK, CODE, **said)) == "00000"
    [row] = office.books.queued("5996")
    assert (row["peer"], row["subject"], row["interface"]) == (UNIT, CODE, "unit")
    notice = read(PaymentNotice, row["voucher"])
    expected = CONFIRMATION | said | {"PayCode": CODE}
    for tag, value in expected.items():
        assert getattr(notice, tag) == (8000 if tag == "Amt" else value), tag
    [told] = await office.nodes[UNIT].wait_for("5996")
    assert told.message == notice


async def test_only_what_makes_a_bill_paid_is_told(office: Office) -> None:
    """Not a repetition, a refusal or a duplicate."""
    assert code(await office.bill_of_unit(Hold1="Y")) == "00000"
    assert code(await office.confirm(BANK, CODE, Amt="1.00")) == "12004"
    assert office.books.queued("5996") == []
    for _ in range(2):
        assert code(await office.confirm(BANK, CODE)) == "00000"
    assert code(await office.confirm(BANK, CODE, PayMode="51", TraNoBus="T2")) == "00000"
    assert code(await office.confirm(OTHER, CODE, TraNoBus="T3")) == "12001"
    assert len(office.books.queued("5996")) == 1


async def test_a_bill_that_a_bank_made_is_told_to_the_bank(offices: Offices) -> None:
    """8994 is the bank's message, too; whoever sent it asked for the notice."""
    office = await offices(peers={OTHER: {"units": ["0104901"]}})
    assert code(await office.bill_of_unit(src=OTHER, Hold1="Y")) == "00000"
    assert code(await office.confirm(BANK, CODE)) == "00000"
    assert [row["peer"] for row in office.books.queued("5996")] == [OTHER]


async def test_an_imported_bill_is_told_to_its_unit_s_node(office: Office) -> None:
    wants, wants_not = await office.bill(notify=1), await office.bill()
    nobody = await office.bill(notify=1, unit_code="0206301", item="103042750", amt=85000)
    for pay_code, amt in ((wants, "80.00"), (wants_not, "80.00"), (nobody, "850.00")):
        answer = await office.confirm(BANK, pay_code, Amt=amt, TraNoBus=pay_code)
        assert answer.result == "00000"
    told = [(row["peer"], row["subject"]) for row in office.books.queued("5996")]
    assert told == [(UNIT, wants)]


# -- a payment that came another way -----------------------------------------------------------


async def booked(office: Office, pay_code: str, channel: str, **changes: Any) -> Booked:
    """A payment by 2616, 2607, a claim or a repair (补单), as those book it."""
    facts: dict[str, Any] = {
        "src": BANK, "cfm_date": TODAY, "cfm_time": "101500", "tra_no_bus": "T1", "amt": 8000,
        "pay_mode": "4", "rec_acct_type": "1", "rec_acct": ACCOUNT, "bank_outlet": "",
        "operator": "", "payer_name": "王五", "payer_acct": "", "payer_op_bk": "",
        "payer_op_bk_no": "", "channel": channel, "at": office.clock.now_ms(), "today": TODAY,
    }  # fmt: skip
    collection = office.config.collection
    texts = NoticeTexts(collection.notify_outlet, collection.notify_operator)
    gateway = office.gateway
    booking = Booking(gateway.enqueuer, texts, gateway.peers.told_of_bills)

    async def work(tx: Transaction) -> Booked | None:
        bill = await bills.face(tx, pay_code)
        assert bill is not None
        return await booking.payment(tx, bill, Received(**(facts | changes)))

    done = await office.transact(work)
    assert isinstance(done, Booked)
    return done


@pytest.mark.parametrize("channel", ["repair", "claim", "2616", "2607"])
@pytest.mark.parametrize("mode", ["11", "51"])
@pytest.mark.parametrize("date", [TODAY, TOMORROW])
async def test_a_late_2612_for_a_payment_that_is_there(
    office: Office, channel: str, mode: str, date: str
) -> None:
    """Answered 00000 whatever its channel and date: it is no second payment."""
    pay_code = await office.bill()
    await booked(office, pay_code, channel)
    answer = await office.confirm(BANK, pay_code, PayMode=mode, CfmDate=date)
    assert (answer.result, answer.information) == ("00000", "成功或收妥应答")
    payment = office.books.one("payments")
    assert payment["channel"] == channel
    verdict = office.books.one("confirmations")
    assert (verdict["accepted"], verdict["payment_id"]) == (1, payment["id"])
    assert office.books.rows("refunds") == []
    assert office.notes() == [f"linked to a payment by {channel}"]
    with untouched(office):
        again = await office.confirm(BANK, pay_code, PayMode=mode, CfmDate=date)
        assert again.result == "00000"
        other = await office.confirm(BANK, pay_code, PayMode="12", CfmDate=date)
        assert (other.result, other.information[:8]) == ("10005", "PayMode:")


async def test_a_2612_that_contradicts_a_payment_that_is_there(office: Office) -> None:
    """Same identity: PayCode or Amt differ, whatever state the other bill has."""
    pay_code, unpaid, void = [await office.bill() for _ in range(3)]
    paid = await paid_bill(office)
    await office.void(void)
    await booked(office, pay_code, "claim")
    with untouched(office):
        for other in (unpaid, void, paid, "32068226000999999990"):
            for mode in ("11", "51"):
                answer = await office.confirm(BANK, other, PayMode=mode)
                assert (answer.result, answer.information[:8]) == ("10005", "PayCode:"), other
        answer = await office.confirm(BANK, pay_code, Amt="8.00", PayMode="51")
        assert (answer.result, answer.information[:4]) == ("10005", "Amt:")
    assert code(await office.confirm(BANK, pay_code)) == "00000"


async def test_a_second_payment_of_a_claimed_bill_is_a_duplicate(office: Office) -> None:
    pay_code = await office.bill()
    await booked(office, pay_code, "claim")
    assert code(await office.confirm(BANK, pay_code, TraNoBus="T2")) == "12001"
    assert code(await office.confirm(OTHER, pay_code, RecAcct=OTHER_ACCOUNT)) == "12001"
    answer = await office.confirm(PLATFORM, pay_code, PayMode="51")
    refund_number(answer.information)


async def test_every_way_of_being_paid_tells_the_maker(office: Office) -> None:
    """Outlet and operator are configured texts where the payment names none."""
    for number, channel in enumerate(("repair", "claim", "2616", "2607")):
        pay_code = await office.bill(notify=1)
        done = await booked(office, pay_code, channel, tra_no_bus=f"T{number}")
        assert done.wake == (UNIT,)
        [row] = office.books.rows("outbox", number="5996", subject=pay_code)
        notice = read(PaymentNotice, row["voucher"])
        assert (notice.BankOutlet, notice.Operator) == ("00000", "系统")
        assert notice.TraNoBus == f"T{number}"


# -- many nodes at the same instant --------------------------------------------------------------


async def test_of_many_nodes_exactly_one_wins(office: Office) -> None:
    """Two processes on one store; banks and platform confirm every bill at the same instant."""
    await office.start()
    codes = [await office.bill(notify=1) for _ in range(12)]
    senders = [(BANK, "11"), (OTHER, "11"), (PLATFORM, "51"), (BANK, "51")]

    async def everybody(pay_code: str) -> list[tuple[str, str]]:
        answers = await asyncio.gather(
            *(
                office.confirm(src, pay_code, PayMode=mode, TraNoBus=f"{pay_code}/{mode}", at=at)
                for at in (0, 1)  # each message goes to both processes
                for src, mode in senders
            )
        )
        told = [(answer.result, answer.information) for answer in answers]
        assert told[: len(senders)] == told[len(senders) :]
        return told[: len(senders)]

    for told in await asyncio.gather(*(everybody(pay_code) for pay_code in codes)):
        kinds = Counter("refund" if REGISTERED.fullmatch(text) else result for result, text in told)
        assert kinds["00000"] == 1
        assert kinds["refund"] + kinds["12001"] == 3
    effective = office.books.rows("payments", duplicate=0)
    assert sorted(row["pay_code"] for row in effective) == sorted(codes)
    assert len(office.books.queued("5996")) == len(codes)
    duplicates = {row["id"] for row in office.books.rows("payments", duplicate=1)}
    refunds = office.books.rows("refunds")
    assert {row["payment_id"] for row in refunds} == duplicates
    numbers = sorted(int(row["refund_no"][-8:]) for row in refunds)
    assert numbers == list(range(1, len(duplicates) + 1))
    assert sorted(row["subject"] for row in office.books.queued("5617")) == sorted(
        row["refund_no"] for row in refunds
    )
    report = await office.gateway.store.scan(journal.verify)
    assert report.ok


async def test_the_books_themselves_refuse_a_second_effective_payment(office: Office) -> None:
    """Uniqueness is the database's work: no code path can get around it."""
    pay_code = await paid_bill(office)
    first = office.books.one("payments")
    row = dict(first) | {"tra_no_bus": "T99"}
    record = Payment(**row)
    assert await office.transact(lambda tx: payments.try_insert(tx, record)) is None
    assert len(office.books.rows("payments", pay_code=pay_code)) == 1
