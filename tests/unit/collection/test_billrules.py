"""The rules of a bill, each broken alone; what is answered first; what is made of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from nontax.codecs.paycode import parse as parse_pay_code
from nontax.gateway.clock import add_days, midnight_ms
from nontax.gateway.collection.bills import Making, create, difference
from nontax.gateway.collection.drafts import BillDraft, BillRefused
from nontax.gateway.collection.voiding import void
from nontax.gateway.store import bill_sync, bills, journal, serials, virtual_accounts
from nontax.gateway.store.records import Bill
from nontax.messages import PayInfoEntry, Result

Drafting = Callable[..., BillDraft]
TODAY = "20261122"
ITEM = PayInfoEntry("103043211", "不动产登记费", 8000, "次")


async def refused(books: Any, asked: BillDraft, rules: Any = None) -> list[tuple[str, str]]:
    """Tag and code of the faults of a draft, in order; nothing is written."""
    with pytest.raises(BillRefused) as caught:
        await make(books, [asked], rules)
    assert not await books.store.scan(lambda tx: bills.page(tx, bills.BillFilter()))
    return [(fault.tag, fault.result.value) for _, fault in caught.value.faults]


async def make(books: Any, asked: list[BillDraft], rules: Any = None) -> list[Bill]:
    made: list[Bill] = await books.store.transact(
        lambda tx: create(tx, asked, rules or books.rules, books.making)
    )
    return made


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"region": "320600"}, [("AdmDivCode", "10002"), ("AdmDivCode", "10002")]),
        ({"bill_date": "20261131"}, [("BillDate", "10002")]),
        ({"expiry_date": "20261121"}, [("ExpiryDate", "10002")]),
        ({"amt": 8001}, [("Amt", "16005")]),
        ({"delay_amt": 1}, [("Amt", "16005")]),
        ({"ori_amt": 7999, "amt": 7999}, [("OriAmt", "16005")]),
        ({"unit_code": "999"}, [("ChgAgenCode", "18012"), ("PayInfo", "16003")]),
        ({"unit_code": "0105204"}, [("PayInfo", "16003")]),
        ({"bill_date": "20191231"}, [("ChgAgenCode", "18012"), ("PayInfo", "16003")]),
        ({"items": ()}, [("PayInfo", "10002")]),
        ({"rec_acct": "62220000"}, [("RecAcct", "16004")]),
        ({"rec_acct_type": "1"}, [("RecAcct", "16004")]),
        ({"payer_name": "𠮷田"}, [("PayerName", "10002")]),
        ({"memo": "笑\U0001f600"}, [("Memo", "10002")]),
        ({"pay_code": "32068226000000000018"}, [("PayCode", "10002")]),
    ],
)
async def test_a_broken_rule_is_named(
    books: Any, draft: Drafting, changes: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    found = await refused(books, draft(**changes))
    # A date outside the calendar is before or after nothing: only its own fault matters.
    if "bill_date" in changes and changes["bill_date"] == "20261131":
        found = found[:1]
    assert found == expected


async def test_amounts_above_the_limit_and_of_nothing_are_refused(
    books: Any, draft: Drafting
) -> None:
    whole = 10**15
    huge = (PayInfoEntry("103043211", "费", whole + 1),)
    found = await refused(books, draft(items=huge, ori_amt=whole + 1, amt=whole + 1))
    assert found == [("OriAmt", "10002"), ("Amt", "10002")]
    none = (PayInfoEntry("103043211", "费", 0),)
    found = await refused(books, draft(items=none, ori_amt=0, amt=0))
    assert found == [("OriAmt", "10002"), ("Amt", "10002")]
    largest = (PayInfoEntry("103043211", "费", whole),)
    assert await make(books, [draft(items=largest, ori_amt=whole, amt=whole)])


async def test_the_catalogues_standard_is_enforced_on_each_line(
    books: Any, draft: Drafting
) -> None:
    def school(amount: int) -> BillDraft:
        items = (PayInfoEntry("103042750", "普通高中学费", amount),)
        return draft(unit_code="0206301", items=items, ori_amt=amount, amt=amount)

    assert await refused(books, school(9999)) == [("PayInfo", "10002")]
    assert await refused(books, school(500001)) == [("PayInfo", "10002")]
    made = await make(books, [school(10000), school(500000)])
    assert made[0].pay_info == "103042750|普通高中学费|100.00|学期||金额上下限|100.00-5000.00#"


async def test_the_character_that_gbk_lacks_is_named(books: Any, draft: Drafting) -> None:
    with pytest.raises(BillRefused) as caught:
        await make(books, [draft(payer_name="上田𠮷")])
    fault = caught.value.faults[0][1]
    assert "U+20BB7" in fault.english
    assert "第3个字符" in fault.information
    assert "上田" not in str(fault) + fault.information


async def test_an_account_of_the_region_is_completed_from_the_catalogue(
    books: Any, draft: Drafting
) -> None:
    [made] = await make(books, [draft(rec_acct="32003000000000000026")])
    assert (made.rec_name, made.rec_acct_type, made.rec_bank_no, made.is_inter_bank) == (
        "示例市财政局",
        "1",
        "301306500026",
        "0",
    )
    [other] = await make(books, [draft(rec_acct="x1", rec_acct_real="32003000000000000026")])
    assert other.rec_acct == "x1"


async def test_a_supervised_account_is_its_own_units_only(books: Any, draft: Drafting) -> None:
    found = await refused(books, draft(rec_acct="32001000000000000067", rec_acct_type="4"))
    assert found == [("RecAcct", "16004")]
    items = (PayInfoEntry("103042750", "普通高中学费", 10000),)
    asked = draft(
        unit_code="0206301",
        items=items,
        ori_amt=10000,
        amt=10000,
        rec_acct="32001000000000000067",
        rec_acct_type="4",
    )
    assert await make(books, [asked])


async def test_a_subject_needs_no_account(books: Any, draft: Drafting) -> None:
    assert await make(books, [draft(rec_acct_type="3")])


async def test_pay_codes_follow_without_gaps_and_skip_codes_from_outside(
    books: Any, draft: Drafting
) -> None:
    first = await make(books, [draft(), draft()])
    third = "32068226000000000035"
    await make(books, [draft(pay_code=third)])
    with pytest.raises(BillRefused):
        await make(books, [draft(), draft(amt=1)])
    later = await make(books, [draft(), draft()])
    codes = [bill.pay_code for bill in (*first, *later)]
    parts = [parse_pay_code(code) for code in codes]
    assert [part.serial for part in parts if part] == [1, 2, 4, 5]
    assert all(part.valid and part.year == "26" for part in parts if part)
    assert await books.store.read(lambda tx: serials.last_number(tx, "paycode:320682:26:000")) == 5


async def test_the_year_of_a_pay_code_is_the_civil_date(books: Any, draft: Drafting) -> None:
    making = Making("cli", "maker1", midnight_ms("20270101"), "20270101")
    [made] = await books.store.transact(lambda tx: create(tx, [draft()], books.rules, making))
    assert made.pay_code.startswith("32068227000" + "00000001")


async def test_a_pay_code_is_taken_once(books: Any, draft: Drafting) -> None:
    code = "320682223000000000011"[:20]
    twice = [draft(pay_code=code), draft(), draft(pay_code=code)]
    with pytest.raises(BillRefused) as caught:
        await make(books, twice)
    assert [(at, fault.result.value) for at, fault in caught.value.faults] == [
        (0, "10005"),
        (2, "10005"),
    ]
    await make(books, [draft(pay_code=code)])
    with pytest.raises(BillRefused):
        await make(books, [draft(pay_code=code)])


async def test_a_check_digit_from_outside_is_only_warned_about(books: Any, draft: Drafting) -> None:
    assert await make(books, [draft(pay_code="32068222300000000018")])
    rules = books.configured('[collection]\ncheck_digit = { default = "require" }')
    with pytest.raises(BillRefused):
        await make(books, [draft(pay_code="32068222300000000028")], rules)
    assert await make(books, [draft(pay_code="A-17")], rules)  # a paper bill's number


async def test_pay_info_takes_whole_items_only(books: Any, draft: Drafting) -> None:
    items = tuple(PayInfoEntry("103043211", f"不动产登记费{n:02d}", 100) for n in range(20))
    [made] = await make(books, [draft(items=items, ori_amt=2000, amt=2000)])
    assert len(made.pay_info.encode("gbk")) <= 500
    assert made.pay_info.endswith("0.00-0.00#")
    assert len(await books.store.read(lambda tx: bills.items(tx, made.pay_code))) == 20


async def test_validity_comes_from_the_configuration(books: Any, draft: Drafting) -> None:
    rules = books.configured("[collection]\ndefault_validity_days = 6")
    [made] = await make(books, [draft()], rules)
    assert made.expiry_date == "20261130"  # the 28th is a Saturday
    [own] = await make(books, [draft(expiry_date="20261122")], rules)
    assert own.expiry_date == "20261122"


async def test_a_unit_with_old_unpaid_bills_gets_no_new_ones(books: Any, draft: Drafting) -> None:
    rules = books.configured("[controls]\nunpaid_bill_days = 30")
    old = add_days(TODAY, -31)
    [made] = await make(books, [draft(bill_date=old)], rules)
    with pytest.raises(BillRefused) as caught:
        await make(books, [draft()], rules)
    fault = caught.value.faults[0][1]
    assert (fault.result, fault.value) == (Result.UNIT_BLOCKED, "0104901")
    items = (PayInfoEntry("103042750", "普通高中学费", 10000),)
    assert await make(
        books, [draft(unit_code="0206301", items=items, ori_amt=10000, amt=10000)], rules
    )
    await voided(books, made.pay_code)
    assert await make(books, [draft()], rules)


async def voided(books: Any, pay_code: str, **more: Any) -> Any:
    return await books.store.transact(
        lambda tx: void(tx, pay_code, books.rules, actor="maker1", at=1, today=TODAY, **more)
    )


async def test_virtual_accounts_are_taken_and_given_back(books: Any, draft: Drafting) -> None:
    [first, second, chosen] = await make(
        books,
        [
            draft(virtual_acct="auto"),
            draft(virtual_acct="auto"),
            draft(virtual_acct="6217000000100500"),
        ],
    )
    assert first.virtual_acct == "6217000000100000"
    assert second.virtual_acct == "6217000000100001"
    assert chosen.virtual_acct == "6217000000100500"
    for number in ("6217000000100500", "123"):
        with pytest.raises(BillRefused) as caught:
            await make(books, [draft(), draft(virtual_acct=number)])
        assert [(at, fault.tag) for at, fault in caught.value.faults] == [(1, "VirtualAcct")]
    await voided(books, first.pay_code)
    ended = await books.store.read(lambda tx: virtual_accounts.get(tx, first.virtual_acct))
    assert ended is not None
    assert (ended.state, ended.free_after) == ("ended", add_days(TODAY, 30))


async def test_voiding(books: Any, draft: Drafting) -> None:
    [made] = await make(books, [draft()])
    unknown = await voided(books, "1")
    assert (unknown.result, unknown.found) == (Result.NO_SUCH_BILL, False)
    other = await voided(books, made.pay_code, unit_code="0105204")
    assert other.result is Result.NO_SUCH_BILL
    done = await voided(books, made.pay_code, unit_code="0104901", reason="重复开票")
    assert (done.result, done.changed) == (Result.SUCCESS, True)
    again = await voided(books, made.pay_code)
    assert (again.result, again.changed) == (Result.SUCCESS, False)
    [paid] = await make(books, [draft()])
    await books.store.transact(
        lambda tx: bills.set_state(tx, paid.pay_code, expected="unpaid", state="paid", changed_at=1)
    )
    late = await voided(books, paid.pay_code)
    assert (late.result, late.information) == (Result.FAILURE, "已缴款,不能作废")
    kinds = [
        (entry.kind, entry.subject)
        for entry in await books.store.scan(lambda tx: journal.page(tx, limit=1000))
        if entry.kind.startswith("bill.")
    ]
    assert kinds == [
        ("bill.made", made.pay_code),
        ("bill.voided", made.pay_code),
        ("bill.made", paid.pay_code),
    ]


async def test_the_platform_is_told_of_each_bill_once(books: Any, draft: Drafting) -> None:
    made = await make(books, [draft(), draft()])
    await voided(books, made[0].pay_code)
    waiting = await books.store.read(lambda tx: bill_sync.waiting(tx, "G000001", 10))
    assert [code for code, _ in waiting] == sorted(bill.pay_code for bill in made)


async def test_the_journal_has_no_personal_data(books: Any, draft: Drafting) -> None:
    await make(books, [draft(payer_name="欧阳锋", mobile="13912345678", crc_code="9876")])
    await make(books, [draft(payer_name="欧阳锋"), draft(payer_name="欧阳锋")])
    rows = await books.store.scan(lambda tx: journal.page(tx, limit=1000))
    text = "".join(row.facts for row in rows)
    assert '"digest"' in text
    for secret in ("欧阳锋", "13912345678", "9876"):
        assert secret not in text


async def test_the_first_field_that_differs_is_named(books: Any, draft: Drafting) -> None:
    same = {
        "pay_code": "A-17",
        "unit_name": "示例市自然资源局",
        "pay_info": "103043211|不动产登记费|80.0|次|1|不限制|0.0-0.0#",
    }
    asked = draft(**same)
    [made] = await make(books, [asked])
    assert difference(asked, made) == ""
    changes: dict[str, tuple[str, Any]] = {
        "PayerName": ("payer_name", "李四"),
        "Amt": ("amt", 8001),
        "BillDate": ("bill_date", "20261121"),
        "Hold1": ("hold1", "Y"),
        "CrcCode": ("crc_code", "1"),
        "RecAcct": ("rec_acct", "1"),
    }
    for tag, (name, value) in changes.items():
        assert difference(draft(**same | {name: value}), made) == tag


async def test_a_draft_shows_no_personal_data(draft: Drafting) -> None:
    shown = repr(draft(payer_name="欧阳锋", mobile="13912345678", id_number="320682199001010011"))
    for secret in ("欧阳锋", "13912345678", "320682199001010011"):
        assert secret not in shown
