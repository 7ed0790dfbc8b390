"""E-invoices over the wire: numbers, issue with the unit's own signature, download."""

from __future__ import annotations

import asyncio
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from nontax.einvoice.certificates import parse_certificates
from nontax.einvoice.envelope import open_document
from nontax.einvoice.keys import load_private_key
from nontax.einvoice.verify import verify
from nontax.gateway.einvoicing.keys import load_keys
from nontax.gateway.store import catalogue
from nontax.messages.invoice import InvoiceAnswer, InvoiceFileAnswer
from nontax.simulators.identity import Received
from nontax.simulators.invoicing import InvoiceDesk, Made, PaidBill
from nontax.simulators.link import Address
from nontax.simulators.unit import Charge, UnitSystem

from .conftest import (
    BANK,
    LAND,
    LAND_FEE,
    RECLAIM,
    TODAY,
    UNIT,
    Office,
    Offices,
    code,
    untouched,
)

CODE = "32010126"
FIRST = "0000000001"
NUMBER = {
    "BillTypeCode": "0101", "BillTypeName": "非税收入一般缴款书", "BillVerCode": "2020",
    "BillVerName": "2020版", "ChgAgenCode": LAND, "Hold1": "", "Hold2": "",
}  # fmt: skip
FILE = {
    "BillNo": FIRST, "AdmDivCode": "320682", "BillTypeCode": "0101", "Version": "1.0",
    "BillTypeName": "非税收入一般缴款书", "BillVerCode": "2020", "BillVerName": "2020版",
    "CrcCode": "", "Hold1": "",
}  # fmt: skip


def desk_of(office: Office, name: str = "0104901-own") -> InvoiceDesk:
    """The unit's own system with a key of its own; its node calls the first gateway."""
    folder = office.installation.directory / "einvoice"
    node = office.nodes[UNIT]
    node.gateway = Address(*office.gateway.server.address)
    [certificate] = parse_certificates((folder / "certificates" / f"{name}.pem").read_bytes())
    key = load_private_key((folder / "keys" / f"{name}.key").read_bytes())
    return InvoiceDesk(UnitSystem(node, LAND, "示例市自然资源局"), key, certificate)


async def paid(office: Office, amt: int = 8000, **changes: Any) -> PaidBill:
    pay_code = await office.bill(amt=amt, **changes)
    number = f"T{len(office.books.rows('payments')) + 1}"
    answer = await office.confirm(BANK, pay_code, Amt=f"{amt / 100:.2f}", TraNoBus=number)
    assert code(answer) == "00000"
    return PaidBill(pay_code, "张三", [Charge(LAND_FEE, "收费", amt)])


async def number_of(office: Office, **more: str) -> Received:
    return await office.call(UNIT, "8999", NUMBER | more)


async def made(office: Office, desk: InvoiceDesk, bill: PaidBill) -> Made:
    return desk.make(bill, (await desk.reserve()).information)


def said(answer: Received) -> tuple[str, str]:
    """Result and Msg of the 5981 that an answer must be."""
    assert isinstance(answer.message, InvoiceAnswer), answer.message
    return answer.message.Result, answer.message.Msg


# -- 8999 ------------------------------------------------------------------------------------------


async def test_every_request_takes_the_next_number(office: Office) -> None:
    for expected in ("0000000001", "0000000002", "0000000003"):
        answer = await number_of(office)
        assert (answer.result, answer.information) == ("00000", expected)
        assert office.answered_region == "320682"
    rows = office.books.rows("einvoice_numbers")
    assert [(row["code"], row["state"], row["reserved_by"]) for row in rows] == [
        (CODE, "reserved", UNIT)
    ] * 3
    assert office.books.archived("8999")[0] == ("8999", f"{CODE}-{FIRST}", "00000")


@pytest.mark.parametrize("kind", ["0101", "320101", CODE])
async def test_kinds_are_understood_in_every_form(office: Office, kind: str) -> None:
    assert (await number_of(office, BillTypeCode=kind)).information == FIRST


@pytest.mark.parametrize(
    ("changes", "result", "text"),
    [
        ({"ChgAgenCode": "0206301"}, "18012", "没有该单位的代收费权限"),
        ({"BillTypeCode": "0601"}, "16001", "执收单位没有该类票据的开票权限"),
        ({"BillTypeCode": "F101"}, "10002", "BillTypeCode: 票据类型代码应为4位、6位或8位数字"),
    ],
)
async def test_a_number_is_refused(
    office: Office, changes: Mapping[str, str], result: str, text: str
) -> None:
    with untouched(office):
        answer = await number_of(office, **changes)
    assert (answer.result, answer.information) == (result, text)
    assert office.books.rows("einvoice_numbers") == []


async def test_there_may_be_a_right_without_stock(office: Office) -> None:
    unit = await office.transact(lambda tx: catalogue.unit(tx, LAND))
    await office.catalogue(replace(unit, bill_kinds="0101,0201"))
    answer = await number_of(office, BillTypeCode="0201")
    assert (answer.result, answer.information) == ("16002", "执收单位没有票据库存")
    assert office.books.rows("einvoice_numbers") == []


async def test_the_same_message_gets_the_same_number(office: Office) -> None:
    same = {"msg_id": "U20260302000000017", "msg_ref": "U20260302000000017"}
    first = await office.send(UNIT, "8999", NUMBER, **same)
    again = await office.send(UNIT, "8999", NUMBER, **same)
    other = await office.send(UNIT, "8999", NUMBER, msg_id="U20260302000000018")
    assert [answer.information for answer in (first, again, other)] == [FIRST, FIRST, "0000000002"]
    assert len(office.books.archived("8999")) == 2


async def test_a_time_in_seconds_names_no_message(office: Office) -> None:
    """Units have been seen to use one MsgID several times within a second."""
    same = {"msg_id": "20260302100000", "msg_ref": "20260302100000"}
    answers = [await office.send(UNIT, "8999", NUMBER, **same) for _ in range(3)]
    assert len({answer.information for answer in answers}) == 3


async def test_numbers_of_one_instant_differ(office: Office) -> None:
    answers = await asyncio.gather(*(number_of(office) for _ in range(20)))
    assert sorted(int(answer.information) for answer in answers) == list(range(1, 21))


# -- 8981 ------------------------------------------------------------------------------------------


async def test_an_invoice_is_issued_downloaded_and_verified(office: Office) -> None:
    desk, bill = desk_of(office), await paid(office)
    invoice = await made(office, desk, bill)
    answer = await desk.send(invoice)
    message = answer.message
    assert isinstance(message, InvoiceAnswer)
    assert (message.Result, message.Svr_Code, message.Issue_Date) == ("00000", "00000", TODAY)
    random = invoice.invoice.main.RandomNumber
    assert message.Invoice_Url == f"https://invoice.example.cn/{CODE}/{FIRST}/{random}"
    assert message.Trade_Id
    document = await desk.download(invoice, check_code=random)
    keys = load_keys(office.config)
    found = desk.verified(document, invoice, keys.certificates, keys.policy)
    assert found is not None
    assert (found.intact, found.valid, found.trusted) == (True, True, True)
    assert open_document(document).signed == b64decode(invoice.request.Invoice_Data)
    row = office.books.one("einvoices", pay_code=bill.pay_code)
    assert (row["state"], row["source"], row["trade_id"]) == ("archived", "8981", message.Trade_Id)
    assert office.books.archived("8981") == [("8981", bill.pay_code, "00000")]
    assert (await desk.download(invoice, page=True)).startswith(b"<!DOCTYPE html>")


async def test_the_first_answer_is_repeated(office: Office) -> None:
    desk, bill = desk_of(office), await paid(office)
    invoice = await made(office, desk, bill)
    first = await desk.send(invoice)
    with untouched(office):
        again = await desk.send(invoice)
        signed_again = await desk.send(desk.signed(invoice.invoice))
    assert again.message == first.message == signed_again.message


async def test_copies_at_one_instant_make_one_invoice(office: Office) -> None:
    desk, bill = desk_of(office), await paid(office)
    invoice = await made(office, desk, bill)
    answers = await asyncio.gather(*(desk.send(invoice) for _ in range(8)))
    assert len({str(answer.message) for answer in answers}) == 1
    assert said(answers[0])[0] == "00000"
    assert len(office.books.rows("einvoice_archive")) == 1


async def test_other_content_for_an_issued_bill_is_a_conflict(office: Office) -> None:
    desk, bill = desk_of(office), await paid(office)
    assert said(await desk.send(await made(office, desk, bill)))[0] == "00000"
    result, text = said(await desk.send(await made(office, desk, bill)))
    assert result == "10005"
    assert f"已开具电子票据{CODE}-{FIRST}" in text
    assert len(office.books.rows("einvoices")) == 1


async def test_two_of_one_instant_are_one_invoice_and_a_conflict(office: Office) -> None:
    desk, bill = desk_of(office), await paid(office)
    both = [await made(office, desk, bill) for _ in range(2)]
    results = sorted(said(a)[0] for a in await asyncio.gather(*(desk.send(one) for one in both)))
    assert results == ["00000", "10005"]


async def test_red_by_the_units_own_key(office: Office) -> None:
    desk, bill = desk_of(office), await paid(office)
    first = await made(office, desk, bill)
    assert said(await desk.send(first))[0] == "00000"
    red = desk.red(first, (await desk.reserve()).information, "开票有误")
    assert said(await desk.send(red))[0] == "00000"
    assert said(await desk.send(red))[0] == "00000"
    states = {row["number"]: row["state"] for row in office.books.rows("einvoices")}
    assert states == {FIRST: "reversed", "0000000002": "archived"}
    third = await made(office, desk, bill)
    assert said(await desk.send(third))[0] == "00000"


# -- refused ---------------------------------------------------------------------------------------


async def refused(office: Office, desk: InvoiceDesk, invoice: Made, **changes: Any) -> str:
    """The text of a refusal, after which nothing is left."""
    request = invoice.request.model_copy(update=changes)
    with untouched(office):
        answer = await desk.send(Made(invoice.invoice, request))
    result, text = said(answer)
    assert text
    assert office.books.rows("einvoices") == []
    states = {row["state"] for row in office.books.rows("einvoice_numbers")}
    assert states <= {"reserved"}
    return f"{result} {text}"


async def test_base64_must_be_canonical(office: Office) -> None:
    desk = desk_of(office)
    bill = await paid(office)
    invoice = await made(office, desk, bill)
    while not invoice.request.Invoice_Data.endswith("="):
        bill = replace(bill, payer=bill.payer + "a")
        invoice = desk.make(bill, invoice.invoice.number)
    data = invoice.request.Invoice_Data
    unused = data.rstrip("=")[:-1] + chr(ord(data.rstrip("=")[-1]) + 1)  # its last bits are set
    for broken in (data[:-1], f"{data[:40]} {data[40:]}", data + "====", "-" * 40, unused):
        text = await refused(office, desk, invoice, Invoice_Data=broken)
        assert text == "10002 Invoice_Data: 不是规范的base64"
    sign = invoice.request.Sign_Info.model_copy(update={"Value": "AAA"})
    assert "10002 Value: " in await refused(office, desk, invoice, Sign_Info=sign)
    assert "10002 Seal_Pic: " in await refused(office, desk, invoice, Seal_Pic="AAAA")


async def test_what_was_signed_must_be_what_is_sent(office: Office) -> None:
    desk = desk_of(office)
    invoice = await made(office, desk, await paid(office))
    data = b64decode(invoice.request.Invoice_Data)
    other = b64encode(data.replace(b"op1", b"op3")).decode()
    assert "单位签名验证未通过" in await refused(office, desk, invoice, Invoice_Data=other)


async def test_a_units_certificate_is_asked_for(office: Office) -> None:
    desk, bill = desk_of(office), await paid(office)
    number = (await desk.reserve()).information
    finance = desk_of(office, "finance")
    assert "99999 " in await refused(office, desk, finance.make(bill, number))
    invoice = desk.make(bill, number)
    key = invoice.request.Sign_Info.Key_Info
    assert key is not None
    unknown = invoice.request.Sign_Info.model_copy(
        update={"Key_Info": key.model_copy(update={"Number": "0123456789"})}
    )
    assert "证书" in await refused(office, desk, invoice, Sign_Info=unknown)
    nobody = invoice.request.Sign_Info.model_copy(update={"Key_Info": None})
    # two certificates of the unit are configured: it must say which
    assert "证书" in await refused(office, desk, invoice, Sign_Info=nobody)


async def test_key_info_may_be_written_as_other_programs_do(office: Office) -> None:
    desk, bill = desk_of(office), await paid(office)
    invoice = await made(office, desk, bill)
    sign = invoice.request.Sign_Info
    key = sign.Key_Info
    assert key is not None
    pairs = [key.Number[i : i + 2] for i in range(0, len(key.Number), 2)]
    loose = key.model_copy(
        update={
            "Number": ":".join(pairs).lower(),
            "Issuer": ", ".join(reversed(key.Issuer.split(","))),
        }
    )
    changed = invoice.request.model_copy(
        update={
            "Sign_Info": sign.model_copy(update={"Key_Info": loose, "Time": f"{sign.Time}+0800"})
        }
    )
    assert said(await desk.send(Made(invoice.invoice, changed))) == ("00000", "")


async def test_the_message_must_say_what_the_document_says(office: Office) -> None:
    desk = desk_of(office)
    invoice = await made(office, desk, await paid(office))
    other = await paid(office)
    for changes, word in (
        ({"BillNo": "0000000002"}, "BillNo"),
        ({"BillNo": "12"}, "BillNo"),
        ({"AdmDivCode": "320699"}, "AdmDivCode"),
        ({"BillTypeCode": "0201"}, "BillTypeCode"),
        ({"PayCode": other.pay_code}, "PayCode"),
    ):
        assert word in await refused(office, desk, invoice, **changes)
    for name, value in (("Format", "ATTACH"), ("Algorithm", "MD5withRSA")):
        sign = invoice.request.Sign_Info.model_copy(update={name: value})
        assert "10002 " in await refused(office, desk, invoice, Sign_Info=sign)


async def test_the_books_are_held_against(office: Office) -> None:
    desk, bill = desk_of(office), await paid(office)
    number = (await desk.reserve()).information
    wrong = replace(bill, charges=[Charge(LAND_FEE, "收费", 7999)])
    assert "16005 电子票据 TotalAmount" in await refused(office, desk, desk.make(wrong, number))
    strange = replace(bill, charges=[Charge(RECLAIM, "土地复垦费", 8000)])
    assert "ItemCode" in await refused(office, desk, desk.make(strange, number))
    unpaid = replace(bill, pay_code=await office.bill())
    assert "99999 " in await refused(office, desk, desk.make(unpaid, number))
    unknown = replace(bill, pay_code="32068226100000009999")
    assert "11001 " in await refused(office, desk, desk.make(unknown, number))
    never = desk.make(bill, "0000000077")
    assert "预留" in await refused(office, desk, never)
    assert said(await desk.send(desk.make(bill, number)))[0] == "00000"


async def test_another_units_bill_is_not_invoiced(office: Office) -> None:
    desk = desk_of(office)
    foreign = await office.bill(unit_code="0206301", item="103042750", amt=85000)
    assert code(await office.confirm(BANK, foreign, Amt="850.00")) == "00000"
    bill = PaidBill(foreign, "张三", [Charge("103042750", "收费", 85000)])
    invoice = desk.make(bill, (await desk.reserve()).information)
    assert "18012 " in await refused(office, desk, invoice)


async def test_without_a_key_of_finance_nothing_is_begun(offices: Offices) -> None:
    office = await offices()
    lines = office.installation.config_file.read_text("utf-8").splitlines()
    begin = lines.index("[einvoice.finance]")
    lines[begin : begin + 3] = [f"# {line}" for line in lines[begin : begin + 3]]
    office.installation.config_file.write_text("\n".join(lines) + "\n", "utf-8")
    office.config = office.installation.config()
    await office.stop()
    await office.start()
    desk = desk_of(office)
    invoice = await made(office, desk, await paid(office))
    assert "财政签名未配置" in await refused(office, desk, invoice)


# -- 8982 ------------------------------------------------------------------------------------------


async def test_check_codes_are_not_tried_out(office: Office) -> None:
    """Whether or not there is the invoice, and nobody else is kept waiting by it."""
    desk, bill = desk_of(office), await paid(office)
    invoice = await made(office, desk, bill)
    assert said(await desk.send(invoice))[0] == "00000"
    right = invoice.invoice.main.RandomNumber

    async def asked(node: str = BANK, **changes: str) -> str:
        answer = await office.call(node, "8982", FILE | changes)
        assert isinstance(answer.message, InvoiceFileAnswer)
        return answer.message.Result

    for number in (FIRST, "0000000099"):
        tries = [await asked(BillNo=number, CrcCode=f"{n:06d}") for n in range(31)]
        assert tries == ["99999"] * 30 + ["10006"]
    assert await asked(BillNo=CODE + FIRST, CrcCode=right) == "10006"
    assert await asked(UNIT, CrcCode=right) == await asked(UNIT) == "00000"
    office.clock.advance(seconds=2)
    assert await asked(CrcCode=right) == "00000"


async def test_one_answer_for_unknown_and_wrong(office: Office) -> None:
    desk, bill = desk_of(office), await paid(office)
    invoice = await made(office, desk, bill)
    assert said(await desk.send(invoice))[0] == "00000"
    random = invoice.invoice.main.RandomNumber
    answers = []
    for changes in (
        {"BillNo": "0000000099"},
        {"BillNo": "x"},
        {"CrcCode": "zzzzzz"},
        {"BillTypeCode": "0201"},
        {"AdmDivCode": "320699"},
    ):
        answer = await office.call(UNIT, "8982", FILE | changes)
        assert isinstance(answer.message, InvoiceFileAnswer)
        answers.append(answer.message.model_dump())
    answers.append((await office.call(BANK, "8982", FILE)).message.model_dump())
    assert answers == [answers[0]] * len(answers)
    assert answers[0]["Result"] == "99999"
    whole = await office.call(UNIT, "8982", FILE | {"BillNo": CODE + FIRST})
    by_bank = await office.call(BANK, "8982", FILE | {"CrcCode": random})
    assert whole.message == by_bank.message
    assert isinstance(whole.message, InvoiceFileAnswer)
    document = b64decode(whole.message.Invoicefiledata)
    keys = load_keys(office.config)
    assert verify(document, keys.certificates, keys.policy).trusted
    assert office.books.rows("einvoice_archive")[0]["document"] == document
