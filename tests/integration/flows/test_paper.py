"""Paper numbers on the wire: 8995 draws on the stock (16002), 8998 makes one a receipt."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from nontax.einvoice.numbering import Range
from nontax.gateway.collection.drafts import BillRefused
from nontax.gateway.einvoicing import paper, stockmoves
from nontax.gateway.einvoicing.stock import authorise
from nontax.gateway.einvoicing.stockmoves import Delivery, Rest
from nontax.gateway.einvoicing.stockstatistics import statistics
from nontax.gateway.settlement.acting import Acting
from nontax.gateway.store.entries import BillKind, Unit
from nontax.gateway.store.stockledger import Authorisation
from nontax.simulators.identity import Received

from .conftest import (
    BANK,
    ESTATE,
    LAND,
    PAPER,
    REGION,
    SCHOOL,
    UNIT,
    UNIT_BILL,
    Office,
    Offices,
    code,
    untouched,
)

NUMBER = PAPER["BillNo"]
CODE = UNIT_BILL["PayCode"]
KIND = PAPER["BillTypeCode"]
RECEIPT = {
    "PayCode": "", "BillNo": NUMBER, "AdmDivCode": REGION, "BillTypeCode": KIND,
    "BillTypeName": PAPER["BillTypeName"], "BillVerCode": PAPER["BillVerCode"],
    "BillVerName": PAPER["BillVerName"], "Hold1": "", "Hold2": "",
}  # fmt: skip


def who(office: Office, name: str = "maker1") -> Acting:
    return Acting(name, frozenset(), office.clock.now_ms(), office.clock.today())


def numbers(first: int, last: int = 0) -> Range:
    return Range("2020", first, last or first)


async def receipt(office: Office, pay_code: str, *, src: str = UNIT, **changes: str) -> Received:
    """8998 for a bill, as RECEIPT says but for the changes."""
    return await office.call(src, "8998", RECEIPT | {"PayCode": pay_code} | changes)


async def paid(office: Office, **changes: Any) -> str:
    pay_code = await office.bill(**changes)
    answer = await office.confirm(BANK, pay_code, TraNoBus=f"T{pay_code}")
    assert answer.result == "00000"
    return pay_code


async def void_paper(office: Office, first: int, last: int = 0) -> None:
    await office.transact(
        lambda tx: paper.void(tx, KIND, numbers(first, last), "打印污损", who(office))
    )


# -- 8995 -----------------------------------------------------------------------------------------


async def test_a_bill_uses_its_number_and_takes_it_along_when_it_is_void(office: Office) -> None:
    assert code(await office.bill_of_unit(number="8995")) == "00000"
    used = office.books.one("stock_uses")
    assert (used["number"], used["state"], used["use"]) == (101, "used", "bill")
    assert (used["pay_code"], used["holder"], used["changed_by"]) == (CODE, LAND, UNIT)
    steps = office.books.rows("stock_steps", step="use")
    assert [(step["first"], step["last"], step["reference"]) for step in steps] == [
        (101, 101, CODE)
    ]
    assert code(await office.bill_of_unit(number="8995", PayStats="2")) == "00000"
    assert office.books.one("stock_uses")["state"] == "void"
    # Void paper is never used again, whoever wants it.
    answer = await office.bill_of_unit(number="8995", PayCode="B-2")
    assert answer.result == "16002"
    assert office.books.rows("bills", pay_code="B-2") == []


async def test_a_number_belongs_to_one_bill(office: Office) -> None:
    assert code(await office.bill_of_unit(number="8995")) == "00000"
    with untouched(office):
        for bill_no in (NUMBER, "101"):
            answer = await office.bill_of_unit(number="8995", PayCode="B-2", BillNo=bill_no)
            assert (answer.result, answer.information) == ("16002", "执收单位没有票据库存")
        # The same bill again is a success, whatever became of the stock.
        assert code(await office.bill_of_unit(number="8995")) == "00000"


@pytest.mark.parametrize(
    "bill_no", ["0000100001", "0000000000", "A000000001", "00000000101", "202000010000000101"]
)
async def test_a_number_that_the_unit_does_not_hold(office: Office, bill_no: str) -> None:
    with untouched(office):
        answer = await office.bill_of_unit(number="8995", BillNo=bill_no)
        assert answer.result == "16002"


async def test_the_kind_comes_first_then_the_stock_then_the_rules_of_bills(office: Office) -> None:
    await office.catalogue(BillKind("0102", "非税收入专用票据", "2020", "20200101"))
    wrong = {"PayInfo": "999|无|80.0|次|1|不限制|0.0-0.0#", "BillNo": "0000200000"}
    answer = await office.bill_of_unit(number="8995", BillTypeCode="0102", **wrong)
    assert answer.result == "16001"
    assert (await office.bill_of_unit(number="8995", **wrong)).result == "16002"
    wrong["BillNo"] = NUMBER
    assert (await office.bill_of_unit(number="8995", **wrong)).result == "16003"
    assert office.books.rows("stock_uses") == []


async def test_a_unit_without_stock(office: Office) -> None:
    rest = Rest("paper", KIND, LAND)
    await office.transact(lambda tx: stockmoves.give_back(tx, rest, "停用", who(office)))
    assert (await office.bill_of_unit(number="8995")).result == "16002"


async def test_the_version_decides_between_two_stocks_with_the_number(office: Office) -> None:
    answer = await office.bill_of_unit(number="8995", BillVerCode="1999")
    assert answer.result == "00000"
    assert office.books.one("stock_uses")["code"] == "2020"


async def test_without_paper_stock_numbers_are_not_judged(offices: Offices) -> None:
    office = await offices({"einvoice": {"paper_stock": False}})
    answer = await office.bill_of_unit(number="8995", BillNo="9999999999")
    assert answer.result == "00000"
    assert office.books.rows("stock_uses") == []


async def test_many_bills_that_want_one_number_get_it_once(office: Office) -> None:
    answers = await asyncio.gather(
        *(office.bill_of_unit(number="8995", PayCode=f"B-{n}") for n in range(8))
    )
    assert sorted(answer.result or "" for answer in answers) == ["00000"] + ["16002"] * 7
    assert len(office.books.rows("bills", bill_no=NUMBER)) == 1


async def test_a_unit_issues_for_another_by_authorisation(office: Office) -> None:
    """代开: the estate office's bills draw on the land bureau's stock."""
    old = office.books.one("units", code=ESTATE)
    unit = Unit(**{name: old[name] for name in Unit.__slots__} | {"bill_kinds": KIND})
    await office.catalogue(unit)
    held = {"ChgAgenCode": ESTATE, "ChgAgenName": "交易管理所"}
    assert (await office.bill_of_unit(number="8995", **held)).result == "16002"
    wish = Authorisation("", "issue", ESTATE, LAND, KIND, "", "", "", 0, "", 0, "代开")
    await office.transact(lambda tx: authorise(tx, wish, who(office)))
    # The paper lies in the stock; that the unit may not charge the item comes after it.
    assert (await office.bill_of_unit(number="8995", **held)).result == "16003"


async def test_void_paper_that_is_not_returned_blocks_the_unit(offices: Offices) -> None:
    office = await offices({"controls": {"void_paper_bill_days": 10}})
    await void_paper(office, 500, 501)
    office.tomorrow(10)
    assert code(await office.bill_of_unit()) == "00000"
    office.tomorrow()
    answer = await office.bill_of_unit(PayCode="B-2")
    assert (answer.result, answer.information) == (
        "16006", "ChgAgenCode: 有10天以上未缴回的作废票据,暂停开票(值 0104901)",
    )  # fmt: skip
    with pytest.raises(BillRefused):
        await office.bill()
    await office.transact(
        lambda tx: paper.turn_in(tx, KIND, numbers(500, 501), "缴回", who(office))
    )
    assert code(await office.bill_of_unit(PayCode="B-2")) == "00000"


# -- 8998 -----------------------------------------------------------------------------------------


async def test_a_paid_bill_gets_one_paper_receipt(office: Office) -> None:
    pay_code, other = await paid(office), await paid(office)
    answer = await receipt(office, pay_code)
    assert (answer.result, answer.information) == ("00000", "成功或收妥应答")
    used = office.books.one("stock_uses")
    assert (used["use"], used["pay_code"], used["number"]) == ("receipt", pay_code, 101)
    assert office.books.archived("8998") == [("8998", pay_code, "00000")]
    with untouched(office):
        assert code(await receipt(office, pay_code)) == "00000"
        answer = await receipt(office, pay_code, BillNo="0000000102")
        assert (answer.result, answer.information.split(":")[0]) == ("10005", "BillNo")
        assert (await receipt(office, other)).result == "16002"


async def test_a_receipt_that_was_spoilt_is_made_anew_on_other_paper(office: Office) -> None:
    pay_code = await paid(office)
    assert code(await receipt(office, pay_code)) == "00000"
    await void_paper(office, 101)
    assert code(await receipt(office, pay_code)) == "16002"
    assert code(await receipt(office, pay_code, BillNo="0000000102")) == "00000"
    states = {row["number"]: row["state"] for row in office.books.rows("stock_uses")}
    assert states == {101: "void", 102: "used"}


async def test_bills_that_get_no_paper_receipt(office: Office) -> None:
    unpaid, void = await office.bill(), await office.bill()
    await office.void(void)
    [foreign, *_] = [row["pay_code"] for row in office.books.rows("bills", unit_code=SCHOOL)]
    with untouched(office):
        assert (await receipt(office, "32068226000000009999")).result == "11001"
        assert (await receipt(office, foreign)).result == "11001"
        assert (await receipt(office, unpaid, src=BANK)).result == "11001"
        assert (await receipt(office, void)).result == "11004"
        answer = await receipt(office, unpaid)
        assert (answer.result, answer.information) == ("99999", "未缴款,不能换开纸质票据")
        assert (await receipt(office, unpaid, AdmDivCode="320699")).result == "10002"


async def test_kind_and_stock_of_a_receipt(office: Office) -> None:
    pay_code = await paid(office)
    with untouched(office):
        assert (await receipt(office, pay_code, BillTypeCode="0102")).result == "16001"
        assert (await receipt(office, pay_code, BillNo="0000200000")).result == "16002"


async def test_two_receipts_for_one_bill_at_once(office: Office) -> None:
    pay_code = await paid(office)
    answers = await asyncio.gather(
        *(receipt(office, pay_code, BillNo=f"{n:010d}") for n in range(1, 9))
    )
    assert sorted(answer.result or "" for answer in answers) == ["00000"] + ["10005"] * 7
    assert len(office.books.rows("stock_uses")) == 1


async def test_the_paper_of_a_paid_bill_and_its_receipt_are_two(office: Office) -> None:
    assert code(await office.bill_of_unit(number="8995")) == "00000"
    assert code(await office.confirm(BANK, CODE)) == "00000"
    assert code(await receipt(office, CODE, BillNo="0000000102")) == "00000"
    assert [row["use"] for row in office.books.rows("stock_uses")] == ["bill", "receipt"]


async def test_the_statistics_tell_what_became_of_the_paper(office: Office) -> None:
    assert code(await office.bill_of_unit(number="8995")) == "00000"
    assert code(await office.bill_of_unit(number="8995", PayStats="2")) == "00000"
    assert code(await receipt(office, await paid(office), BillNo="7")) == "00000"
    delivery = Delivery("paper", KIND, ESTATE, numbers(200, 299), 0, LAND)
    [offered] = await office.transact(lambda tx: stockmoves.distribute(tx, delivery, who(office)))
    await office.transact(lambda tx: stockmoves.accept(tx, offered.id, who(office)))
    figures = await office.gateway.store.scan(
        lambda tx: statistics(tx, "00000000", "99999999", medium="paper", units=[LAND, ESTATE])
    )
    told = {row.holder: (row.distributed, row.used, row.void, row.closing) for row in figures}
    assert told == {LAND: (100, 1, 1, 99_898), ESTATE: (0, 0, 0, 100)}
