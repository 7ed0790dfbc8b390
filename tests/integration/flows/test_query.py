"""What is due: 2601 → 5603 and 8997 → 5997 (spec: business, section 2)."""

from __future__ import annotations

from typing import Any

import pytest

from nontax.gateway.collection.bills import AUTO
from nontax.gateway.store.entries import Account, Unit

from .conftest import (
    ACCOUNT,
    BANK,
    ELSEWHERE,
    ESTATE,
    LAND,
    LINE_NUMBERS,
    OTHER,
    OTHER_ACCOUNT,
    PLATFORM,
    REGION,
    TODAY,
    UNIT,
    UNIT_BILL,
    Office,
    Offices,
    code,
    untouched,
)

CODE = UNIT_BILL["PayCode"]
NOT_FOR_ALL = Unit(LAND, "示例市自然资源局", REGION, "20200101", banks="0301,0999")


def account(number: str, **changes: Any) -> Account:
    """One of the sample's collection accounts, changed."""
    bank = "0105" if number == ACCOUNT else "0301"
    facts: dict[str, Any] = {
        "acct_no": number,
        "region": REGION,
        "purpose": "collection",
        "start_date": "20200101",
        "name": "示例市财政局",
        "bank_code": bank,
        "bank_no": LINE_NUMBERS.get(number, "105306500018"),
        "bank_name": "示例支行",
        "is_default": int(number == ACCOUNT),
    }
    return Account(**(facts | changes))


def stopped(number: str) -> Account:
    return account(number, stop_date="20260301")


async def told(office: Office, src: str, pay_code: str, check_code: str = "") -> str:
    return code(await office.query(src, pay_code, check_code))


# -- what the answer says ---------------------------------------------------------------------


async def test_everything_that_is_due_is_told(office: Office) -> None:
    pay_code = await office.bill(
        amt=8123, delay_amt=123, ori_amt=8000, payer_acct="6222", payer_op_bk="示例行", memo="备注",
        items=office_items(8000),
    )  # fmt: skip
    due = await office.due(BANK, pay_code)
    assert (due.AdmDivCode, due.PayCode, due.BillDate) == (REGION, pay_code, TODAY)
    assert (due.ChgAgenCode, due.ChgAgenName) == (LAND, "示例市自然资源局")
    assert (due.PayerName, due.PayerAcct, due.PayerOpBk) == ("张三", "6222", "示例行")
    assert (due.Amt, due.OriAmt, due.DelayAmt, due.PayStats) == (8123, 8000, 123, "0")
    assert due.PayInfo == "103043211|收费|80.00|次|1|不限制|0.00-0.00#"
    assert due.Memo == "备注"


def office_items(amt: int) -> Any:
    from decimal import Decimal

    from nontax.messages import PayInfoEntry

    return (PayInfoEntry("103043211", "收费", amt, "次", Decimal(1)),)


@pytest.mark.parametrize(("src", "number"), [(BANK, "5603"), (PLATFORM, "5603"), (UNIT, "5997")])
async def test_each_side_has_its_own_number(office: Office, src: str, number: str) -> None:
    assert await told(office, src, await office.bill()) == number


async def test_a_query_leaves_no_trace(office: Office) -> None:
    paid, void, unpaid = [await office.bill() for _ in range(3)]
    assert code(await office.confirm(BANK, paid)) == "00000"
    await office.void(void)
    with untouched(office):
        for src in (BANK, PLATFORM, UNIT):
            for pay_code in (paid, void, unpaid, "32068226000999999990"):
                await office.query(src, pay_code)
        assert code(await office.query(BANK, unpaid, PayMode="")) == "10002"


# -- the order of the checks --------------------------------------------------------------------


async def test_one_fault_after_the_other_is_seen_in_order(offices: Offices) -> None:
    """A bill with every fault at once; each is mended in turn and uncovers the next."""
    office = await offices(
        {"node": {"regions": [REGION, ELSEWHERE]}}, {OTHER: {"regions": [ELSEWHERE]}}
    )
    bank = await office.bill(crc_code="1234", expiry_date=TODAY)
    await office.catalogue(NOT_FOR_ALL, stopped(ACCOUNT), stopped(OTHER_ACCOUNT))
    office.tomorrow()
    # Not of its region: as if the bill did not exist, whatever else is wrong.
    unseen = await office.query(OTHER, bank, "9999")
    unknown = await office.query(OTHER, "32068226000999999990", "9999")
    assert code(unseen) == code(unknown) == "11001"
    assert unseen.information == unknown.information
    await office.void(bank)
    assert await told(office, BANK, bank, "9999") == "11002"
    assert await told(office, BANK, bank) == "11002"
    assert await told(office, BANK, bank, "1234") == "11004"
    await revive(office, bank)
    assert await told(office, BANK, bank, "1234") == "11003"
    office.tomorrow(-1)
    assert await told(office, BANK, bank, "1234") == "11006"
    await office.catalogue(Unit(LAND, "示例市自然资源局", REGION, "20200101"))
    assert await told(office, BANK, bank, "1234") == "11005"
    await office.catalogue(account(ACCOUNT))
    assert await told(office, BANK, bank, "1234") == "5603"


async def revive(office: Office, pay_code: str) -> None:
    """What no message can do; here it spares a second bill."""
    sql = "UPDATE bills SET state = 'unpaid' WHERE pay_code = ?1"
    await office.transact(lambda tx: tx.run(sql, pay_code))


async def test_a_paid_bill_is_told_before_expiry_and_bank_are_looked_at(office: Office) -> None:
    pay_code = await office.bill(crc_code="1234", expiry_date=TODAY)
    assert code(await office.confirm(BANK, pay_code)) == "00000"
    await office.catalogue(NOT_FOR_ALL)
    office.tomorrow()
    for src in (BANK, OTHER, PLATFORM, UNIT):
        assert await told(office, src, pay_code, "0000") == "11002"
        assert (await office.due(src, pay_code, "1234")).PayStats == "1"


async def test_a_confirmed_bill_is_a_paid_one_on_the_wire(office: Office) -> None:
    pay_code = await office.bill()
    assert code(await office.confirm(BANK, pay_code)) == "00000"
    sql = "UPDATE bills SET state = 'confirmed' WHERE pay_code = ?1"
    await office.transact(lambda tx: tx.run(sql, pay_code))
    assert (await office.due(BANK, pay_code)).PayStats == "1"


async def test_the_whole_expiry_date_counts_and_only_in_civil_time(office: Office) -> None:
    pay_code = await office.bill(expiry_date=TODAY)
    office.clock.advance(seconds=14 * 3600 - 1)  # 23:59:59
    assert office.clock.today() == TODAY
    assert await told(office, BANK, pay_code) == "5603"
    office.clock.advance(seconds=1)
    assert await told(office, BANK, pay_code) == "11003"
    assert await told(office, UNIT, pay_code) == "11003"


async def test_old_bills_without_an_end_are_due(office: Office) -> None:
    pay_code = await office.bill(bill_date="20200101")
    assert (await office.due(BANK, pay_code)).BillDate == "20200101"


async def test_the_default_validity_ends_on_a_working_day(offices: Offices) -> None:
    """20260302 + 10 days is Thursday 12; + 12 is a Saturday and moves to Monday 16."""
    for days, last, over in ((10, 10, 11), (12, 14, 15)):
        office = await offices({"collection": {"default_validity_days": days}})
        assert code(await office.bill_of_unit()) == "00000"
        own = await office.bill(expiry_date="20260401")
        office.tomorrow(last)
        assert await told(office, BANK, CODE) == "5603"
        office.tomorrow(over - last)
        assert await told(office, BANK, CODE) == "11003"
        assert await told(office, BANK, own) == "5603"


# -- regions ------------------------------------------------------------------------------------


async def test_a_region_is_seen_by_its_own_nodes_only(offices: Offices) -> None:
    office = await offices(
        {"node": {"regions": [REGION, ELSEWHERE]}}, {OTHER: {"regions": [ELSEWHERE]}}
    )
    number = "32009900000000000011"
    await office.catalogue(
        Unit("0900001", "邻市某局", ELSEWHERE, "20200101"),
        account(number, region=ELSEWHERE, bank_code="0301", bank_no="301306500999", is_default=1),
    )
    await grant(office, "0900001", "103043211")
    here = await office.bill()
    there = await office.bill(region=ELSEWHERE, unit_code="0900001")
    assert there.startswith(ELSEWHERE)
    assert [await told(office, src, here) for src in (BANK, OTHER, PLATFORM)] == [
        "5603", "11001", "5603",
    ]  # fmt: skip
    assert [await told(office, src, there) for src in (BANK, OTHER, PLATFORM)] == [
        "11001", "5603", "11001",
    ]  # fmt: skip
    due = await office.due(OTHER, there)
    assert (due.AdmDivCode, due.RecAcct, due.Hold1) == (ELSEWHERE, number, "301306500999")
    assert code(await office.confirm(BANK, there, RecAcct=number)) == "11001"
    assert code(await office.confirm(OTHER, there, RecAcct=number)) == "00000"


async def grant(office: Office, unit: str, *items: str) -> None:
    from nontax.gateway.store.entries import UnitItem

    await office.catalogue(*(UnitItem(unit, item, "20200101") for item in items))


async def test_a_unit_sees_the_bills_of_its_region(office: Office) -> None:
    pay_code = await office.bill(unit_code="0206301", amt=85000, item="103042750")
    assert (await office.due(UNIT, pay_code)).ChgAgenCode == "0206301"


async def test_a_bank_that_does_not_collect_sees_nothing(offices: Offices) -> None:
    office = await offices(peers={OTHER: {"collects": False}})
    pay_code = await office.bill()
    assert await told(office, BANK, pay_code) == "5603"
    assert await told(office, OTHER, pay_code) == "11001"
    answer = await office.confirm(OTHER, pay_code, RecAcct=OTHER_ACCOUNT)
    assert code(answer) == "11001"
    assert office.books.state(pay_code) == "unpaid"


# -- which account ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("src", "number", "inter_bank"),
    [
        (BANK, ACCOUNT, "0"),
        (OTHER, OTHER_ACCOUNT, "0"),
        (PLATFORM, ACCOUNT, "1"),
        (UNIT, ACCOUNT, "1"),
    ],
)
async def test_the_region_s_account_at_the_asking_bank(
    office: Office, src: str, number: str, inter_bank: str
) -> None:
    due = await office.due(src, await office.bill())
    assert (due.RecAcctType, due.RecAcct, due.IsInterBank) == ("1", number, inter_bank)
    assert (due.Hold1, due.Hold2) == (LINE_NUMBERS[number], "")
    assert (due.RecName, bool(due.RecOpBk)) == ("示例市财政局", True)


async def test_the_region_s_default_where_the_asking_bank_has_none(office: Office) -> None:
    pay_code = await office.bill()
    await office.catalogue(stopped(OTHER_ACCOUNT))
    due = await office.due(OTHER, pay_code)
    assert (due.RecAcct, due.IsInterBank, due.Hold1) == (ACCOUNT, "1", LINE_NUMBERS[ACCOUNT])


async def test_an_account_begins_and_ends_on_its_days(office: Office) -> None:
    pay_code = await office.bill()
    await office.catalogue(stopped(OTHER_ACCOUNT))
    first_day = account(OTHER_ACCOUNT, start_date="20260303", stop_date="20260304")
    await office.catalogue(first_day)
    given = []
    for _ in range(4):
        given.append((await office.due(OTHER, pay_code)).RecAcct)
        office.tomorrow()
    assert given == [ACCOUNT, OTHER_ACCOUNT, OTHER_ACCOUNT, ACCOUNT]


async def test_other_purposes_are_not_given_to_payers(office: Office) -> None:
    pay_code = await office.bill()
    await office.catalogue(stopped(ACCOUNT), stopped(OTHER_ACCOUNT))
    assert office.books.rows("accounts", purpose="reserve", bank_code="0105")
    assert office.books.rows("accounts", purpose="clearing", bank_code="0105")
    assert await told(office, BANK, pay_code) == "11005"


async def test_no_account_concerns_banks_only(office: Office) -> None:
    pay_code = await office.bill()
    await office.catalogue(stopped(ACCOUNT), stopped(OTHER_ACCOUNT))
    assert [await told(office, src, pay_code) for src in (BANK, OTHER)] == ["11005", "11005"]
    for src in (PLATFORM, UNIT):
        due = await office.due(src, pay_code)
        assert (due.RecAcct, due.Hold1, due.Hold2, due.PayStats) == ("", "", "", "0")
        assert due.IsInterBank == "1"
    # Nobody was given an account, so none fits.
    assert code(await office.confirm(PLATFORM, pay_code, PayMode="51")) == "12003"


async def test_which_bank_may_collect_concerns_banks_only(office: Office) -> None:
    pay_code = await office.bill()
    await office.catalogue(NOT_FOR_ALL)
    results = [await told(office, src, pay_code) for src in (BANK, OTHER, PLATFORM, UNIT)]
    assert results == ["11006", "5603", "5603", "5997"]
    # A confirmation is not refused for it: the bank has the money already.
    assert code(await office.confirm(BANK, pay_code)) == "00000"


async def test_the_bill_s_own_account_comes_before_the_bank_s(office: Office) -> None:
    """8994 names a printed and a real account; the line number is the bill's, too."""
    changes = {"RecAcct": "99990000", "RecAcctReal": OTHER_ACCOUNT, "RecBankNo": "301306500026"}
    assert code(await office.bill_of_unit(**changes)) == "00000"
    for src in (BANK, OTHER, PLATFORM, UNIT):
        due = await office.due(src, CODE)
        assert (due.RecAcct, due.Hold2, due.Hold1) == ("99990000", OTHER_ACCOUNT, "301306500026")
        assert (due.RecName, due.RecOpBk) == ("示例市财政局", "中国建设银行示例支行")


async def test_the_real_account_stands_in_hold2_also_when_it_is_the_printed_one(
    office: Office,
) -> None:
    assert code(await office.bill_of_unit()) == "00000"
    due = await office.due(BANK, CODE)
    assert (due.RecAcct, due.Hold2, due.Hold1) == (ACCOUNT, ACCOUNT, "0105")


async def test_a_bill_on_a_subject_has_no_account(office: Office) -> None:
    """科目: the money stays on a subject at the collecting bank; the region's account is wrong."""
    blank = dict.fromkeys(("RecName", "RecAcct", "RecAcctReal", "RecOpBk", "RecBankNo"), "")
    assert code(await office.bill_of_unit(RecAcctType="3", **blank)) == "00000"
    for src in (BANK, OTHER, PLATFORM, UNIT):
        due = await office.due(src, CODE)
        assert (due.RecAcctType, due.RecAcct, due.Hold1, due.Hold2) == ("3", "", "", "")
    assert code(await office.confirm(BANK, CODE, RecAcctType="3", RecAcct="")) == "00000"


async def test_a_bill_with_its_own_account_needs_none_of_the_region(office: Office) -> None:
    assert code(await office.bill_of_unit()) == "00000"
    await office.catalogue(stopped(ACCOUNT), stopped(OTHER_ACCOUNT))
    assert await told(office, BANK, CODE) == "5603"


async def test_a_virtual_account_stands_before_the_real_one_at_its_bank(office: Office) -> None:
    pay_code = await office.bill(virtual_acct=AUTO)
    virtual = office.books.one("bills", pay_code=pay_code)["virtual_acct"]
    assert virtual.startswith("6217")
    due = await office.due(BANK, pay_code)
    assert (due.RecAcct, due.Hold2, due.IsInterBank) == (virtual, ACCOUNT, "0")
    due = await office.due(OTHER, pay_code)
    assert (due.RecAcct, due.Hold2) == (OTHER_ACCOUNT, "")


async def test_the_attribute_names_the_bill_s_region(offices: Offices) -> None:
    """VoucherBody/AdmDivCode is the bill's region, else the node's first (wire, section 4)."""
    office = await offices(
        {"node": {"regions": [ELSEWHERE, REGION]}}, {BANK: {"regions": [REGION, ELSEWHERE]}}
    )
    pay_code = await office.bill()
    seen = []

    for asked in (pay_code, "1"):
        await office.query(BANK, asked)
        seen.append(office.answered_region)
    await office.confirm(BANK, pay_code)
    seen.append(office.answered_region)
    assert seen == [REGION, ELSEWHERE, REGION]


async def test_a_bill_of_another_unit_of_the_node(office: Office) -> None:
    """Voided by its unit between two queries: the second says so."""
    assert code(await office.bill_of_unit()) == "00000"
    assert await told(office, BANK, CODE) == "5603"
    assert code(await office.bill_of_unit(PayStats="2", ChgAgenCode=ESTATE)) == "11001"
    assert await told(office, BANK, CODE) == "5603"
    assert code(await office.bill_of_unit(PayStats="2")) == "00000"
    assert await told(office, BANK, CODE) == "11004"
