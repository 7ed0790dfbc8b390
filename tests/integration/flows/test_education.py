"""School bills of a payer: 2698 → 5698 and 2697 → 5697 (spec: business, section 10)."""

from __future__ import annotations

from typing import Any

import pytest

from nontax.gateway.store.entries import Unit, UnitItem
from nontax.simulators.identity import Received

from .conftest import (
    ACCOUNT,
    BANK,
    ELSEWHERE,
    OTHER,
    OTHER_ACCOUNT,
    PLATFORM,
    REGION,
    SCHOOL,
    TODAY,
    TUITION,
    UNIT,
    Office,
    Offices,
    code,
    untouched,
)
from .test_query import account, stopped

PHONE, CHILD = "13000000107", "320000201001017770"


async def school_bill(office: Office, **changes: Any) -> str:
    """An unpaid bill of a pupil."""
    facts: dict[str, Any] = {
        "unit_code": SCHOOL, "item": TUITION, "amt": 85000, "education": 1, "mobile": PHONE,
        "id_number": CHILD, "student": "陈小一", "school": "示例市第一高级中学",
        "class_name": "高一1班", "payer_name": "陈一",
    }  # fmt: skip
    return await office.bill(**(facts | changes))


async def ask(
    office: Office, src: str = BANK, *, phone: str = "", child: str = "", number: str = "2698"
) -> Received:
    fields = {"PayerCreditCode": child, "MobilePhone": phone, "Hold1": "", "Hold2": ""}
    answer = await office.call(src, number, fields)
    assert answer.head.msg_no == {"2698": "5698", "2697": "5697"}.get(number)
    return answer


def shown(answer: Received) -> list[str]:
    assert answer.result == "00000"
    bills: Any = answer.message
    return [bill.PayCode for bill in bills.BillList]


@pytest.mark.parametrize("number", ["2698", "2697"])
async def test_a_payer_s_bills_by_phone_or_identity(office: Office, number: str) -> None:
    first = await school_bill(office, bill_date="20260301")
    second = await school_bill(office)
    for key in ({"phone": PHONE}, {"child": CHILD}, {"phone": PHONE, "child": CHILD}):
        assert shown(await ask(office, number=number, **key)) == [first, second]


async def test_what_a_bill_says(office: Office) -> None:
    pay_code = await school_bill(office, memo="学期", expiry_date="20260401")
    answer = await ask(office, phone=PHONE)
    bills: Any = answer.message
    assert bills.AdmDivCode == office.answered_region == REGION
    [bill] = bills.BillList
    assert (bill.PayCode, bill.BillDate, bill.PayStats) == (pay_code, TODAY, "0")
    assert (bill.ChgAgenCode, bill.ChgAgenName) == (SCHOOL, "示例市第一高级中学")
    assert (bill.PayerName, bill.Amt, bill.OriAmt, bill.DelayAmt) == ("陈一", 85000, 85000, 0)
    assert (bill.RecAcct, bill.IsInterBank, bill.Memo) == (ACCOUNT, "0", "学期")
    assert bill.PayInfo.startswith(f"{TUITION}|")
    # What was shown can be paid as it was shown.
    paid = await office.confirm(BANK, pay_code, Amt="850.00", RecAcct=bill.RecAcct)
    assert paid.result == "00000"


async def test_each_bank_is_given_its_own_account(office: Office) -> None:
    await school_bill(office)
    bills: Any = (await ask(office, OTHER, phone=PHONE)).message
    assert bills.BillList[0].RecAcct == OTHER_ACCOUNT


@pytest.mark.parametrize(
    "keys",
    [
        {"phone": PHONE[:-1]},
        {"phone": PHONE + "0"},
        {"phone": "%"},
        {"phone": "1300000010_"},
        {"child": CHILD[:-1]},
        {"child": CHILD.lower() + "X"},
        {"child": PHONE},
        {"phone": CHILD},
        {"phone": PHONE, "child": "320000201001017771"},
        {"phone": "13000000108", "child": CHILD},
    ],
)
async def test_keys_match_exactly_and_both_of_them(office: Office, keys: dict[str, str]) -> None:
    await school_bill(office)
    assert shown(await ask(office, **keys)) == []


async def test_identity_numbers_of_pupils_are_asked_not_those_of_payers(office: Office) -> None:
    await school_bill(office, id_number="", payer_credit_code=CHILD)
    assert shown(await ask(office, child=CHILD)) == []


@pytest.mark.parametrize("number", ["2698", "2697"])
async def test_without_a_key_nothing_is_told(office: Office, number: str) -> None:
    await school_bill(office, mobile="", id_number="")
    answer = await ask(office, number=number, phone=" ", child="")
    bills: Any = answer.message
    assert (answer.result, bills.AdmDivCode, bills.BillList) == ("99999", "", ())


async def test_bills_that_are_no_school_bills_are_not_told(office: Office) -> None:
    await office.bill(mobile=PHONE, id_number=CHILD)
    assert shown(await ask(office, phone=PHONE)) == []
    assert shown(await ask(office, child=CHILD)) == []


async def test_only_unpaid_bills(office: Office) -> None:
    paid, void, expired, left = [await school_bill(office) for _ in range(4)]
    assert code(await office.confirm(BANK, paid, Amt="850.00")) == "00000"
    await office.void(void)
    sql = "UPDATE bills SET expiry_date = ?2 WHERE pay_code = ?1"
    await office.transact(lambda tx: tx.run(sql, expired, TODAY))
    assert shown(await ask(office, phone=PHONE)) == [expired, left]
    office.tomorrow()
    assert shown(await ask(office, phone=PHONE)) == [left]


async def test_only_bills_that_the_asking_bank_may_collect(office: Office) -> None:
    pay_code = await school_bill(office)
    await office.catalogue(Unit(SCHOOL, "示例市第一高级中学", REGION, "20200101", banks="0301"))
    assert shown(await ask(office, BANK, phone=PHONE)) == []
    assert shown(await ask(office, OTHER, phone=PHONE)) == [pay_code]


async def test_bills_without_an_account_are_not_told(office: Office) -> None:
    await school_bill(office)
    await office.catalogue(stopped(ACCOUNT), stopped(OTHER_ACCOUNT))
    assert shown(await ask(office, phone=PHONE)) == []


async def test_a_bank_that_does_not_collect_is_told_nothing(offices: Offices) -> None:
    office = await offices(peers={OTHER: {"collects": False}})
    pay_code = await school_bill(office)
    assert shown(await ask(office, OTHER, phone=PHONE)) == []
    assert shown(await ask(office, BANK, phone=PHONE)) == [pay_code]


async def test_a_region_at_a_time_and_only_the_bank_s(offices: Offices) -> None:
    """An answer names one region: that of the payer's first bill that the bank may see."""
    office = await offices(
        {"node": {"regions": [REGION, ELSEWHERE]}}, {OTHER: {"regions": [REGION, ELSEWHERE]}}
    )
    await office.catalogue(
        Unit("0900001", "邻市中学", ELSEWHERE, "20200101"),
        UnitItem("0900001", TUITION, "20200101"),
        account("777", region=ELSEWHERE, bank_code="0301", is_default=1),
    )
    there = await school_bill(office, region=ELSEWHERE, unit_code="0900001", bill_date="20260228")
    here = await school_bill(office)
    assert shown(await ask(office, BANK, phone=PHONE)) == [here]
    answer = await ask(office, OTHER, phone=PHONE)
    bills: Any = answer.message
    assert (shown(answer), bills.AdmDivCode) == ([there], ELSEWHERE)
    assert office.answered_region == ELSEWHERE


async def test_a_query_leaves_no_trace(office: Office) -> None:
    await school_bill(office)
    with untouched(office):
        await ask(office, phone=PHONE)
        await ask(office)
        too_long = {"PayerCreditCode": "1" * 31, "MobilePhone": ""}
        assert (await office.call(BANK, "2698", too_long)).result == "10002"
    assert not any(secret in office.stream.getvalue() for secret in (PHONE, CHILD, "陈"))


async def test_an_answer_is_no_collection_of_data(office: Office) -> None:
    codes = [await school_bill(office) for _ in range(103)]
    assert shown(await ask(office, phone=PHONE)) == codes[:100]


@pytest.mark.parametrize("src", [PLATFORM, UNIT])
async def test_only_banks_ask(office: Office, src: str) -> None:
    answer = await office.call(src, "2698", {"PayerCreditCode": "", "MobilePhone": PHONE})
    assert (answer.head.msg_no, answer.result) == ("5001", "10002")
