"""Bills of units' own systems: 8994 and 8995 → 5001 (spec: business, section 1)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from nontax.codecs import FrameDecoder, RawFrame, open_envelope, parse_xml, split_mac
from nontax.gateway.store import outbox
from nontax.gateway.store.entries import Account, Item, Unit, UnitItem
from nontax.gateway.store.records import OutboxMessage
from nontax.mac import verify
from nontax.messages.common import FinanceAnswer

from .conftest import (
    ACCOUNT,
    BANK,
    ELSEWHERE,
    ESTATE,
    LAND,
    LAND_FEE,
    OTHER,
    OTHER_ACCOUNT,
    RECLAIM,
    REGION,
    SCHOOL,
    TODAY,
    TUITION,
    UNIT,
    UNIT_BILL,
    Office,
    Offices,
    code,
    untouched,
)

VECTORS = Path(__file__).parents[2] / "vectors"
CODE = UNIT_BILL["PayCode"]
URL = f"https://pay.example.cn/qr?billId={CODE}"


async def made(office: Office, **changes: str) -> str:
    return code(await office.bill_of_unit(**changes))


async def refused(office: Office, expected: str, tag: str, **changes: str) -> str:
    """The message is refused with this code and leaves no trace; what it is told."""
    with untouched(office):
        answer = await office.bill_of_unit(**changes)
    assert answer.result == expected, answer.information
    assert answer.information.removeprefix("报文字段 ").startswith(tag), answer.information
    return answer.information


def pay_info(*entries: tuple[str, str], standard: str = "不限制|0.0-0.0") -> str:
    """Items (code, amount) as units write them."""
    return "".join(f"{item}|收费|{amount}|次|1|{standard}#" for item, amount in entries)


# -- a new bill ------------------------------------------------------------------------------


async def test_a_bill_is_made_and_its_payment_page_told(office: Office) -> None:
    answer = await office.bill_of_unit(
        Amt="81.5", DelayAmt="1.5", CrcCode="1234", PayerAcct="6222", PayerOpBk="示例行",
        Memo="备注", PayerCreditCode="320000190001010000", OperatorCode="o1", OperatorName="张三",
    )  # fmt: skip
    assert (answer.result, answer.information) == ("00000", URL)
    bill = office.books.one("bills", pay_code=CODE)
    expected = {
        "region": REGION, "bill_date": TODAY, "unit_code": LAND, "unit_name": "示例市自然资源局",
        "payer_name": "李四", "payer_acct": "6222", "payer_op_bk": "示例行", "amt": 8150,
        "ori_amt": 8000, "delay_amt": 150, "state": "unpaid", "rec_acct_type": "1",
        "rec_acct": ACCOUNT, "rec_acct_real": ACCOUNT, "rec_bank_no": "0105", "is_inter_bank": "0",
        "pay_info": UNIT_BILL["PayInfo"], "memo": "备注", "crc_code": "1234",
        "mobile": "13000000000", "payer_credit_code": "320000190001010000", "operator_code": "o1",
        "operator_name": "张三", "source": "8994", "maker": UNIT, "notify": 0, "expiry_date": "",
    }  # fmt: skip
    assert {name: bill[name] for name in expected} == expected
    [item] = office.books.rows("bill_items", pay_code=CODE)
    assert (item["code"], item["name"], item["amt"]) == (LAND_FEE, "不动产登记费", 8000)
    assert (item["unit"], item["quantity"], item["standard_type"]) == ("次", "1", "不限制")
    assert office.books.kinds(CODE) == ["bill.made"]
    assert office.books.archived() == [("8994", CODE, "00000")]
    assert office.answered_region == REGION


async def test_the_vector_s_frame_is_answered_with_the_page(office: Office) -> None:
    """A frame as captured: no attributes, old dates, no check digit, one MsgID for all."""
    frame = (VECTORS / "unit-8994.frame").read_bytes()
    reader, writer = await asyncio.open_connection(*office.gateway.server.address)
    writer.write(frame)
    decoder = FrameDecoder()
    decoder.receive_data(await reader.read())
    writer.close()
    await writer.wait_closed()
    answer = decoder.next_event()
    assert isinstance(answer, RawFrame)
    body, mac = split_mac(answer.payload, 64)
    identity = office.nodes[UNIT].identity
    assert verify(identity.algorithm, 64, identity.token.expose().encode(), body, mac)
    voucher = FinanceAnswer.read(parse_xml(open_envelope(body).vouchers[0].decode()))
    assert (voucher.OriMsgNo, voucher.Result) == ("8994", "00000")
    assert voucher.Information == "https://pay.example.cn/qr?billId=32068222300000000001"
    bill = office.books.one("bills", pay_code="32068222300000000001")
    assert (bill["amt"], bill["bill_date"], bill["notify"]) == (8000, "20220105", 1)


async def test_the_page_is_the_site_s(offices: Offices) -> None:
    office = await offices({"collection": {"payment_url": "http://a.cn/x?a=1&b={pay_code}#top"}})
    answer = await office.bill_of_unit(PayCode="A&amp;B/1")
    assert answer.information == "http://a.cn/x?a=1&b=A%26B%2F1#top"


@pytest.mark.parametrize("pay_code", ["1", "0013933922", "AB-12", "9" * 20])
async def test_a_paper_bill_s_number_is_a_pay_code(office: Office, pay_code: str) -> None:
    assert await made(office, PayCode=pay_code) == "00000"
    assert code(await office.query(BANK, pay_code)) == "5603"
    assert code(await office.confirm(BANK, pay_code)) == "00000"


async def test_the_check_digit_is_held_where_the_finance_system_assigns(office: Office) -> None:
    """Policy per assigning part: 000 is ours and requires it, others are warned about."""
    first19 = "3206822600000099999"
    good = str(sum(map(int, first19)) % 9 or 9)
    for digit in "123456789":
        if digit != good:
            await refused(office, "10002", "PayCode:", PayCode=first19 + digit)
    assert await made(office, PayCode=first19 + good) == "00000"
    assert office.notes() == []
    assert await made(office, PayCode="32068226301000000010") == "00000"
    [note] = office.notes()
    assert "PayCode" in note


async def test_the_check_digit_is_a_site_s_policy(offices: Offices) -> None:
    office = await offices({"collection.check_digit": {"default": "require", "301": "off"}})
    await refused(office, "10002", "PayCode:", PayCode="32068226302000000010")
    assert await made(office, PayCode="32068226301000000010") == "00000"
    assert office.notes() == []


async def test_one_site_leaves_the_operator_out(office: Office) -> None:
    fields = {tag: text for tag, text in UNIT_BILL.items() if not tag.startswith("Operator")}
    answer = await office.call(UNIT, "8994", fields)
    assert answer.result == "00000"


# -- the same pay code again -----------------------------------------------------------------


async def test_the_same_bill_again(office: Office) -> None:
    assert await made(office) == "00000"
    for written in ({}, {"Amt": "80", "OriAmt": "80.00", "DelayAmt": "0"}, {"Memo": " "}):
        with untouched(office):
            answer = await office.bill_of_unit(**written)
            assert (answer.result, answer.information) == ("00000", URL)


async def test_the_same_bill_again_whatever_was_changed_meanwhile(office: Office) -> None:
    assert await made(office) == "00000"
    assert code(await office.confirm(BANK, CODE)) == "00000"
    await office.catalogue(
        Unit(LAND, "改名", REGION, "20200101", stop_date="20260301"),
        UnitItem(LAND, LAND_FEE, "20200101", stop_date="20260301"),
    )
    office.tomorrow(400)
    with untouched(office):
        answer = await office.bill_of_unit()
        assert (answer.result, answer.information) == ("00000", URL)


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        ("BillDate", "20260301"),
        ("ChgAgenCode", ESTATE),
        ("ChgAgenName", "别名"),
        ("PayerName", "王五"),
        ("PayerAcct", "6222"),
        ("PayerOpBk", "示例行"),
        ("Amt", "80.01"),
        ("OriAmt", "79.00"),
        ("DelayAmt", "0.01"),
        ("RecAcctType", "2"),
        ("RecName", "别名"),
        ("RecAcct", OTHER_ACCOUNT),
        ("RecAcctReal", OTHER_ACCOUNT),
        ("RecOpBk", "别行"),
        ("RecBankNo", "0301"),
        ("IsInterBank", "1"),
        ("PayInfo", pay_info((LAND_FEE, "79.0"), (LAND_FEE, "1.0"))),
        ("PayInfo", ""),
        ("Memo", "备注"),
        ("CrcCode", "1234"),
        ("MobilePhone", "13000000001"),
        ("PayerCreditCode", "1"),
        ("RecCreditCode", "1"),
        ("OperatorCode", "o2"),
        ("OperatorName", "op2"),
        ("Hold1", "Y"),
        ("Hold2", "x"),
    ],
)
async def test_another_content_names_its_field(office: Office, tag: str, value: str) -> None:
    assert await made(office) == "00000"
    told = await refused(office, "10005", f"{tag}:", **{tag: value})
    assert value not in told or not value
    with untouched(office):
        assert await made(office) == "00000"


async def test_a_pay_code_of_somebody_else_is_taken(offices: Offices) -> None:
    """Of another maker and unit: 10005, too, and nothing about that bill is told."""
    office = await offices(peers={OTHER: {"units": [SCHOOL]}, UNIT: {"units": [LAND]}})
    tuition = {
        "ChgAgenCode": SCHOOL, "PayInfo": pay_info((TUITION, "850.0")), "Amt": "850",
        "OriAmt": "850",
    }  # fmt: skip
    answer = await office.bill_of_unit(src=OTHER, **tuition)
    assert answer.result == "00000"
    told = await refused(office, "10005", "PayCode:")
    assert SCHOOL not in told
    # Whoever may bill for its unit can repeat it, also from another node.
    imported = await office.bill()
    await refused(office, "10005", "", PayCode=imported)


async def test_one_bill_sent_to_two_processes_at_once(office: Office) -> None:
    await office.start()
    fields = [UNIT_BILL | {"PayCode": f"A{number}"} for number in range(8)]
    sent = [office.call(UNIT, "8994", one, at=at) for one in fields for at in (0, 1)]
    answers = await asyncio.gather(*sent)
    assert {answer.result for answer in answers} == {"00000"}
    assert len(office.books.rows("bills", source="8994")) == 8
    other = [office.call(UNIT, "8994", one | {"Memo": "x"}, at=1) for one in fields]
    assert {answer.result for answer in await asyncio.gather(*other)} == {"10005"}


# -- rights ----------------------------------------------------------------------------------


async def test_a_unit_of_another_node(office: Office) -> None:
    for unit in (SCHOOL, "9999999"):
        await refused(office, "18012", "", ChgAgenCode=unit)


async def test_a_unit_that_has_ended_or_not_begun(office: Office) -> None:
    """By BillDate."""
    await office.catalogue(Unit(LAND, "示例市自然资源局", REGION, "20260201", stop_date="20260228"))
    for date, expected in (
        ("20260131", "18012"), ("20260201", "00000"), ("20260228", "00000"), ("20260301", "18012"),
    ):  # fmt: skip
        assert await made(office, PayCode=date, BillDate=date) == expected, date


async def test_items_that_the_unit_does_not_hold(office: Office) -> None:
    for changes in (
        {"PayInfo": pay_info((TUITION, "80.00"))},
        {"PayInfo": pay_info((LAND_FEE, "40.00"), ("nothing", "40.00"))},
        {"ChgAgenCode": ESTATE},
    ):
        await refused(office, "16003", "PayInfo", **changes)


@pytest.mark.parametrize("what", ["item", "right"])
async def test_items_have_their_days(office: Office, what: str) -> None:
    dates = ("20260201", "20260228")
    if what == "item":
        await office.catalogue(Item(LAND_FEE, "不动产登记费", *dates))
    else:
        delete = "DELETE FROM unit_items WHERE item_code = ?1"
        await office.transact(lambda tx: tx.run(delete, LAND_FEE))
        await office.catalogue(UnitItem(LAND, LAND_FEE, *dates))
    for date, expected in (
        ("20260131", "16003"), ("20260201", "00000"), ("20260228", "00000"), ("20260301", "16003"),
    ):  # fmt: skip
        assert await made(office, PayCode=date, BillDate=date) == expected, date


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"RecAcct": ACCOUNT, "RecAcctReal": ""}, "00000"),
        ({"RecAcct": "99990000", "RecAcctReal": ACCOUNT}, "00000"),
        ({"RecAcct": OTHER_ACCOUNT, "RecAcctReal": "99990000"}, "00000"),
        ({"RecAcct": "99990000", "RecAcctReal": ""}, "16004"),
        ({"RecAcct": "99990000", "RecAcctReal": "99990001"}, "16004"),
        ({"RecAcct": "32001000000000000067"}, "00000"),  # the other one is the region's
        ({"RecAcct": "32001000000000000067", "RecAcctReal": ""}, "16004"),  # of another unit
        ({"RecAcctType": "3", "RecAcct": "", "RecAcctReal": ""}, "00000"),
    ],
)
async def test_the_account_is_one_of_the_region(
    office: Office, changes: dict[str, str], expected: str
) -> None:
    if expected == "00000":
        assert await made(office, **changes) == "00000"
    else:
        told = await refused(office, expected, "RecAcct:", **changes)
        assert "99990000" not in told


async def test_an_account_of_another_region_or_day(offices: Office) -> None:
    office = await offices({"node": {"regions": [REGION, ELSEWHERE]}})
    await office.catalogue(
        Account("777", ELSEWHERE, "collection", "20200101", bank_code="0105", bank_no="1"),
        Account("888", REGION, "collection", "20260303", bank_code="0105", bank_no="1"),
    )
    for number in ("777", "888"):
        await refused(office, "16004", "RecAcct:", RecAcct=number, RecAcctReal=number)
    office.tomorrow()
    assert await made(office, RecAcct="888", RecAcctReal="888") == "00000"


async def test_a_region_that_is_not_the_node_s(office: Office) -> None:
    await refused(office, "10002", "AdmDivCode:", AdmDivCode=ELSEWHERE)


async def test_a_region_of_ours_that_is_not_the_unit_s_or_the_peer_s(offices: Offices) -> None:
    office = await offices(
        {"node": {"regions": [REGION, ELSEWHERE]}}, {UNIT: {"units": [LAND, "0900001"]}}
    )
    await office.catalogue(
        Unit("0900001", "邻市某局", ELSEWHERE, "20200101"),
        UnitItem("0900001", LAND_FEE, "20200101"),
        Account("777", ELSEWHERE, "collection", "20200101", bank_code="0105", bank_no="1"),
    )
    there = {"AdmDivCode": ELSEWHERE, "RecAcct": "777", "RecAcctReal": "777"}
    # The unit and its region are ours, but the peer does not serve the region.
    await refused(office, "18012", "AdmDivCode:", **there, ChgAgenCode="0900001")
    await refused(office, "10002", "AdmDivCode:", ChgAgenCode="0900001")


# -- sums and standards ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "tag"),
    [
        ({"Amt": "80.01"}, "Amt:"),
        ({"DelayAmt": "1.00"}, "Amt:"),
        ({"OriAmt": "79.00", "Amt": "79.00"}, "OriAmt:"),
        ({"PayInfo": pay_info((LAND_FEE, "40.00"), (RECLAIM, "39.99"))}, "OriAmt:"),
    ],
)
async def test_sums(office: Office, changes: dict[str, str], tag: str) -> None:
    await refused(office, "16005", tag, **changes)


@pytest.mark.parametrize("amount", ["0.00", "10000000000000.01", "999999999999999.99"])
async def test_a_bill_has_an_amount(office: Office, amount: str) -> None:
    whole = {"Amt": amount, "OriAmt": amount, "PayInfo": pay_info((LAND_FEE, amount))}
    told = await refused(office, "10002", "OriAmt:", **whole)
    assert "大于0" in told
    assert office.errors() == []


async def test_the_largest_bill(office: Office) -> None:
    amount = "10000000000000.00"
    whole = {"Amt": amount, "OriAmt": amount, "PayInfo": pay_info((LAND_FEE, amount))}
    assert await made(office, **whole) == "00000"
    assert code(await office.confirm(BANK, CODE, Amt=amount)) == "00000"
    assert code(await office.confirm(BANK, CODE, Amt=amount, PayMode="51", TraNoBus="2")) == "00000"
    assert office.books.one("payments", duplicate=0)["amt"] == 10**15


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        (UNIT_BILL["PayInfo"].removesuffix("#"), "00000"),
        (pay_info((LAND_FEE, "40.00"), (RECLAIM, "40.00")), "00000"),
        (pay_info((LAND_FEE, "40.00"), (LAND_FEE, "40.00")), "00000"),
        (pay_info((LAND_FEE, "80.00"), standard="无限制|"), "00000"),
        (pay_info((LAND_FEE, "80.00"), standard="|"), "00000"),
        (pay_info((LAND_FEE, "80.00"), standard="金额上下限|80.0-80.0"), "00000"),
        (pay_info((LAND_FEE, "80.00"), standard="金额上下限|80.01-100"), "10002"),
        (pay_info((LAND_FEE, "80.00"), standard="金额上下限|1-79.99"), "10002"),
        (pay_info((LAND_FEE, "80.00"), standard="金额上下限|x"), "10002"),
        (pay_info((LAND_FEE, "80.00"), standard="别的|"), "10002"),
        ("", "10002"),
        ("#", "10002"),
        ("  ", "10002"),
        ("##", "10002"),
        (f"{LAND_FEE}|收费|80.00", "10002"),
        (f"{LAND_FEE}|收费|八十|次|1|不限制|#", "10002"),
        (f"{LAND_FEE}|收费|-80.00|次|1|不限制|#", "10002"),
        (f"{LAND_FEE}|收费|80.00|次|-1|不限制|#", "10002"),
        (f"|收费|80.00|次|1|不限制|#", "10002"),  # noqa: F541 - like its neighbours
        (pay_info((LAND_FEE, "80.00")) + "#", "10002"),
    ],
)
async def test_items(office: Office, info: str, expected: str) -> None:
    if expected == "00000":
        assert await made(office, PayInfo=info) == expected
        assert sum(row["amt"] for row in office.books.rows("bill_items", pay_code=CODE)) == 8000
        assert (await office.due(BANK, CODE)).PayInfo == info
    else:
        await refused(office, expected, "PayInfo", PayInfo=info)


async def test_the_standard_of_the_catalogue(office: Office) -> None:
    await office.catalogue(
        Item(
            LAND_FEE,
            "不动产登记费",
            "20200101",
            standard_type="金额上下限",
            standard_low=5000,
            standard_high=8000,
        )
    )
    for amount, expected in (
        ("49.99", "10002"), ("50.00", "00000"), ("80.00", "00000"), ("80.01", "10002"),
    ):  # fmt: skip
        whole = {"Amt": amount, "OriAmt": amount, "PayInfo": pay_info((LAND_FEE, amount))}
        assert await made(office, **whole, PayCode=amount) == expected, amount


async def test_the_order_of_the_checks(office: Office) -> None:
    """Everything is wrong at once; each is mended in turn and uncovers the next."""
    changes = {
        "ChgAgenCode": SCHOOL, "AdmDivCode": ELSEWHERE, "PayInfo": pay_info((TUITION, "1.00")),
        "RecAcct": "1", "RecAcctReal": "1",
    }  # fmt: skip
    for expected, mended in (
        ("18012", {"ChgAgenCode": LAND}),
        ("10002", {"AdmDivCode": REGION}),
        ("16003", {"PayInfo": pay_info((LAND_FEE, "1.00"))}),
        ("16004", {"RecAcct": ACCOUNT}),
        ("16005", {"PayInfo": UNIT_BILL["PayInfo"]}),
        ("00000", {}),
    ):
        assert await made(office, **changes) == expected
        changes |= mended


async def test_a_unit_with_old_unpaid_bills_is_blocked(offices: Offices) -> None:
    office = await offices({"controls": {"unpaid_bill_days": 30}})
    assert await made(office) == "00000"
    office.tomorrow(30)
    assert await made(office, PayCode="2", BillDate="20260401") == "00000"
    office.tomorrow()
    told = await refused(office, "16006", "ChgAgenCode:", PayCode="3")
    assert "30天" in told
    # Other faults come first, and the old bill can be repeated, paid and voided.
    await refused(office, "16005", "Amt:", PayCode="3", Amt="1.00")
    assert await made(office) == "00000"
    assert code(await office.confirm(BANK, CODE)) == "00000"
    assert await made(office, PayCode="3") == "00000"


async def test_text_that_the_charset_cannot_carry(offices: Offices) -> None:
    office = await offices(peers={UNIT: {"charset": "GB18030"}})
    office.nodes[UNIT].identity.charset = "GB18030"
    told = await refused(office, "10002", "PayerName:", PayerName="张€𠮷")
    assert "U+" in told
    assert "张" not in told


# -- voiding -----------------------------------------------------------------------------------


async def test_a_bill_is_voided(office: Office) -> None:
    assert await made(office) == "00000"
    answer = await office.bill_of_unit(PayStats="2")
    assert (answer.result, answer.information) == ("00000", "成功或收妥应答")
    assert office.books.state(CODE) == "void"
    assert office.books.kinds(CODE) == ["bill.made", "bill.voided"]
    assert office.books.archived("8994")[-1] == ("8994", CODE, "00000")
    with untouched(office):
        assert await made(office, PayStats="2") == "00000"
        answer = await office.bill_of_unit()
        assert (answer.result, answer.information) == ("11004", "缴款书已作废")
        assert await made(office, Memo="other") == "11004"


async def test_voiding_looks_at_pay_code_and_unit_only(office: Office) -> None:
    assert await made(office) == "00000"
    other = {"PayerName": "别人", "Amt": "1.00", "PayInfo": "", "RecAcct": "1", "Memo": "x"}
    assert await made(office, PayStats="2", **other) == "00000"
    assert office.books.state(CODE) == "void"


async def test_bills_that_are_not_the_unit_s(office: Office) -> None:
    assert await made(office) == "00000"
    of_school = await office.bill(unit_code=SCHOOL, item=TUITION, amt=85000)
    await refused(office, "11001", "", PayStats="2", PayCode="1")
    await refused(office, "11001", "", PayStats="2", ChgAgenCode=ESTATE)
    await refused(office, "18012", "", PayStats="2", ChgAgenCode=SCHOOL)
    await refused(office, "18012", "", PayStats="2", PayCode=of_school, ChgAgenCode=SCHOOL)
    await refused(office, "11001", "", PayStats="2", PayCode=of_school)
    assert office.books.state(CODE) == office.books.state(of_school) == "unpaid"


async def test_a_paid_bill_cannot_be_voided(office: Office) -> None:
    assert await made(office) == "00000"
    assert code(await office.confirm(BANK, CODE)) == "00000"
    told = await refused(office, "99999", "", PayStats="2")
    assert told == "已缴款,不能作废"
    sql = "UPDATE bills SET state = 'confirmed' WHERE pay_code = ?1"
    await office.transact(lambda tx: tx.run(sql, CODE))
    await refused(office, "99999", "已缴款", PayStats="2")
    assert await made(office) == "00000"


async def test_an_expired_bill_can_be_voided(offices: Offices) -> None:
    office = await offices({"collection": {"default_validity_days": 1}})
    assert await made(office) == "00000"
    office.tomorrow(10)
    assert code(await office.query(BANK, CODE)) == "11003"
    assert await made(office, PayStats="2") == "00000"


@pytest.mark.parametrize(
    ("state", "living"),
    [
        ("queued", True), ("sent", True), ("acknowledged", True), ("unknown", True),
        ("succeeded", False), ("failed", False), ("dropped", False), ("expired", False),
    ],
)  # fmt: skip
async def test_a_living_debit_blocks_voiding(office: Office, state: Any, living: bool) -> None:
    """5604: the bank may be taking the payer's money at this moment."""
    assert await made(office) == "00000"
    now = office.clock.now_ms()
    debit = OutboxMessage(
        0, BANK, "5604", "5604", "bank", CODE, "D1", "<Voucher/>", REGION, now, now, now, now,
        money=1, state="queued",
    )  # fmt: skip
    await office.transact(lambda tx: outbox.enqueue(tx, debit))
    sql = "UPDATE outbox SET state = ?1, next_at = ?2 WHERE number = '5604'"
    await office.transact(lambda tx: tx.run(sql, state, now + 10**9))
    if living:
        told = await refused(office, "99999", "", PayStats="2")
        assert told == "划缴(代扣)处理中,不能作废"
        assert office.books.state(CODE) == "unpaid"
    else:
        assert await made(office, PayStats="2") == "00000"


async def test_an_unknown_pay_stats_is_no_wish(office: Office) -> None:
    for value in ("1", "3", ""):
        await refused(office, "10002", "PayStats", PayStats=value)


async def test_void_and_payment_at_the_same_instant(office: Office) -> None:
    """One of both wins, and the other is told."""
    await office.start()
    for number in range(8):
        pay_code = f"V{number}"
        assert await made(office, PayCode=pay_code) == "00000"
        void, paid = await asyncio.gather(
            office.bill_of_unit(PayCode=pay_code, PayStats="2"),
            office.confirm(BANK, pay_code, TraNoBus=pay_code, at=1),
        )
        results = (void.result, paid.result, office.books.state(pay_code))
        assert results in {("00000", "11004", "void"), ("99999", "00000", "paid")}


# -- 8995 --------------------------------------------------------------------------------------


async def test_a_paper_bill(office: Office) -> None:
    answer = await office.bill_of_unit(number="8995")
    assert (answer.result, answer.information) == ("00000", URL)
    bill = office.books.one("bills", pay_code=CODE)
    kind = (bill["bill_type_code"], bill["bill_ver_code"], bill["bill_no"])
    assert (bill["source"], kind) == ("8995", ("0101", "2020", "0000000101"))
    assert office.books.archived() == [("8995", CODE, "00000")]
    with untouched(office):
        assert code(await office.bill_of_unit(number="8995")) == "00000"
        for tag in ("BillTypeCode", "BillVerCode", "BillNo"):
            answer = await office.bill_of_unit(number="8995", **{tag: "7"})
            assert (answer.result, answer.information.split(":")[0]) == ("10005", tag)


async def test_a_kind_of_bill_that_the_unit_does_not_hold(office: Office) -> None:
    with untouched(office):
        answer = await office.bill_of_unit(number="8995", BillTypeCode="0102")
        assert (answer.result, answer.information) == (
            "16001", "执收单位没有该类票据的开票权限",
        )  # fmt: skip
        # 示例市不动产交易管理所 holds no kind at all, and the empty one is none.
        answer = await office.bill_of_unit(number="8995", ChgAgenCode=ESTATE)
        assert answer.result == "16001"
        answer = await office.bill_of_unit(number="8995", ChgAgenCode=SCHOOL)
        assert answer.result == "18012"


async def test_a_paper_bill_is_voided_like_any_other(office: Office) -> None:
    assert code(await office.bill_of_unit(number="8995")) == "00000"
    assert code(await office.bill_of_unit(number="8995", PayStats="2")) == "00000"
    assert code(await office.bill_of_unit(number="8995")) == "11004"


# -- who may send it -----------------------------------------------------------------------------


async def test_the_platform_makes_no_bills(office: Office) -> None:
    with untouched(office):
        answer = await office.bill_of_unit(src="G000001")
        assert (answer.result, answer.information.split(":")[0]) == ("10002", "MsgNo")
        assert code(await office.bill_of_unit(src=BANK)) == "18012"
