"""8994 and 8995: idempotency first, then the rules in their order; voiding; the payment URL."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from nontax.codecs import Head, open_envelope, parse_xml, split_mac
from nontax.gateway.clock import midnight_ms
from nontax.gateway.collection.bills import create
from nontax.gateway.flows.base import Decision, Request
from nontax.gateway.flows.unitbill import ReceivePaperBill, ReceiveUnitBill
from nontax.gateway.peers import make_peer
from nontax.gateway.store import bills, catalogue, journal
from nontax.gateway.store.entries import Unit
from nontax.gateway.store.protocol import Transaction
from nontax.mac import Secret
from nontax.messages import read
from nontax.messages.unit import UnitBill, UnitPaperBill

TODAY = "20261122"
URL = "https://pay.example.cn/qr?billId="
VECTOR = Path(__file__).parents[2] / "vectors" / "unit-8994.frame"
PAPER = {
    "BillTypeCode": "0101",
    "BillTypeName": "非税收入一般缴款书",
    "BillVerCode": "2020",
    "BillVerName": "2020版",
    "BillNo": "0000000017",
}


def unit_bill(**changes: Any) -> UnitBill:
    """8994 as a unit's system was seen to send it."""
    body, _ = split_mac(VECTOR.read_bytes()[23:], 64)
    voucher = open_envelope(body).vouchers[0].decode()
    message = read(UnitBill, parse_xml(voucher, default_encoding="GBK"))
    return message.model_copy(update=changes) if changes else message


def paper_bill(**changes: Any) -> UnitPaperBill:
    return UnitPaperBill(**{**vars(unit_bill()), **PAPER, **changes})


class Desk:
    """Sends messages to the flows as a node."""

    def __init__(self, books: Any) -> None:
        self.books = books

    async def send(
        self, message: UnitBill | UnitPaperBill, *, node: str = "K3206820002", rules: Any = None
    ) -> Decision:
        config = rules.config if rules else self.books.config
        kind = ReceivePaperBill if isinstance(message, UnitPaperBill) else ReceiveUnitBill
        flow: Any = kind(config)
        peer = make_peer(config.peer(node))
        head = Head("1.0", node, "F320682", "CNNONTAX", flow.number, "1", "1", TODAY, "")
        request = Request(peer, head, midnight_ms(TODAY), TODAY, Secret("x"))
        assert flow.validate(request, message) is None
        decision: Decision = await self.books.store.transact(
            lambda tx: flow.decide(tx, request, message)
        )
        return decision

    async def answer(self, *args: Any, **more: Any) -> tuple[str, str]:
        """Result and Information."""
        message: Any = (await self.send(*args, **more)).answer.message
        return message.Result, message.Information


@pytest.fixture
def desk(books: Any) -> Desk:
    return Desk(books)


async def test_observed_traffic_is_accepted(desk: Desk) -> None:
    decision = await desk.send(unit_bill())
    answer: Any = decision.answer.message
    assert (answer.OriMsgNo, answer.Result) == ("8994", "00000")
    assert answer.Information == URL + "32068222300000000001"
    assert decision.archived
    assert decision.subject == "32068222300000000001"
    assert decision.wake == ("G000001",)
    bill = await desk.books.store.read(lambda tx: bills.get(tx, "32068222300000000001"))
    assert (bill.amt, bill.notify, bill.notify_node) == (8000, 1, "K3206820002")
    assert (bill.source, bill.maker, bill.state) == ("8994", "K3206820002", "unpaid")
    assert bill.pay_info == "103043211|不动产登记费|80.0|次|1|不限制|0.0-0.0#"
    items = await desk.books.store.read(lambda tx: bills.items(tx, bill.pay_code))
    assert [(i.code, i.amt, i.quantity, i.standard) for i in items] == [
        ("103043211", 8000, "1", "0.0-0.0")
    ]


async def test_the_same_content_is_answered_again_whatever_changed_since(desk: Desk) -> None:
    await desk.send(unit_bill())

    async def ended(tx: Transaction) -> None:
        unit = await catalogue.unit(tx, "0104901")
        assert unit is not None
        gone = Unit(unit.code, unit.name, unit.region, "20200101", "20210101")
        await catalogue.put(tx, gone, actor="test", at=1)
        await bills.set_state(
            tx, "32068222300000000001", expected="unpaid", state="paid", changed_at=1
        )

    await desk.books.store.transact(ended)
    before = await desk.books.store.read(journal.head)
    again = await desk.send(unit_bill())
    assert (again.replayed, again.archived) == (True, False)
    assert await desk.answer(unit_bill()) == ("00000", URL + "32068222300000000001")
    assert await desk.books.store.read(journal.head) == before


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        ("PayerName", "王五"),
        ("Memo", "改"),
        ("CrcCode", ""),
        ("Hold1", ""),
        ("BillDate", "20220106"),
        ("PayInfo", "103043211|不动产登记费|80.0|次|2|不限制|0.0-0.0#"),
        ("PayInfo", "nonsense"),
        ("MobilePhone", "13000000001"),
    ],
)
async def test_other_content_names_the_field(desk: Desk, tag: str, value: str) -> None:
    await desk.send(unit_bill())
    result, information = await desk.answer(unit_bill(**{tag: value}))
    assert result == "10005"
    assert information.startswith(tag)
    if value:
        assert value not in information


@pytest.mark.parametrize(
    ("changes", "code", "text"),
    [
        ({"ChgAgenCode": "0206301"}, "18012", ""),
        ({"ChgAgenCode": "0105204"}, "16003", "第1项"),
        ({"PayInfo": ""}, "10002", "PayInfo"),
        ({"PayInfo": "a|b|c"}, "10002", "PayInfo"),
        ({"PayInfo": "103043211|不动产登记费|80.0|次|1|不限制|0.0-0.0##"}, "10002", "PayInfo"),
        ({"PayInfo": "103043211|费|80.0|次|1|金额上下限|0.0-79.9"}, "10002", "79.90"),
        ({"PayInfo": "103043211|费|-80.0|次|1|不限制|"}, "10002", "PayInfo"),
        ({"PayInfo": "77|费|80|次|1|不限制|"}, "16003", "77"),
        ({"PayInfo": "103043211|费|79.99|次|1|不限制|"}, "16005", "79.99"),
        ({"Amt": 8001}, "16005", "80.01"),
        ({"RecAcct": "62228888", "RecAcctReal": "62228888"}, "16004", "RecAcct"),
        ({"AdmDivCode": "320600"}, "10002", "AdmDivCode"),
        ({"OriAmt": 0, "Amt": 0}, "10002", "OriAmt"),
        ({"PayerName": "𠮷"}, "10002", "U+20BB7"),
    ],
)
async def test_refusals(desk: Desk, changes: dict[str, Any], code: str, text: str) -> None:
    decision = await desk.send(unit_bill(**changes))
    answer: Any = decision.answer.message
    assert answer.Result == code
    assert text in answer.Information
    assert "62228888" not in answer.Information
    assert not decision.archived
    assert await desk.books.store.read(lambda tx: bills.get(tx, unit_bill().PayCode)) is None


async def test_one_of_the_two_accounts_is_enough(desk: Desk) -> None:
    assert (await desk.answer(unit_bill(RecAcct="6217000000")))[0] == "00000"


async def test_voiding(desk: Desk) -> None:
    void = unit_bill(PayStats="2")
    assert (await desk.answer(void))[0] == "11001"
    await desk.send(unit_bill())
    assert (await desk.answer(unit_bill(PayStats="2", ChgAgenCode="0105204")))[0] == "11001"
    assert (await desk.answer(unit_bill(PayStats="2", ChgAgenCode="0206301")))[0] == "18012"
    # By pay code and unit: the rest of the message is not looked at.
    done = await desk.send(unit_bill(PayStats="2", PayInfo="", PayerName="谁"))
    assert (done.archived, done.wake) == (True, ("G000001",))
    again = await desk.send(void)
    assert (again.answer.message.Result, again.archived) == ("00000", False)  # type: ignore[attr-defined]
    assert (await desk.answer(unit_bill()))[0] == "11004"


async def test_a_paid_bill_cannot_be_voided(desk: Desk) -> None:
    await desk.send(unit_bill())
    await desk.books.store.transact(
        lambda tx: bills.set_state(
            tx, unit_bill().PayCode, expected="unpaid", state="confirmed", changed_at=1
        )
    )
    assert await desk.answer(unit_bill(PayStats="2")) == ("99999", "已缴款,不能作废")


async def test_a_bill_of_another_node_is_no_business_of_this_one(desk: Desk, draft: Any) -> None:
    """What the message says about a unit it may not bill for is refused before anything is told."""
    items = (type(draft().items[0])("103042750", "普通高中学费", 10000),)
    asked = draft(pay_code="A-17", unit_code="0206301", items=items, ori_amt=10000, amt=10000)
    await desk.books.store.transact(
        lambda tx: create(tx, [asked], desk.books.rules, desk.books.making)
    )
    assert (await desk.answer(unit_bill(PayCode="A-17", ChgAgenCode="0206301")))[0] == "18012"
    # With its own unit in the message all it learns is that the code is taken.
    result, text = await desk.answer(unit_bill(PayCode="A-17"))
    assert (result, text) == ("10005", "PayCode: 缴款码已存在(值 A-17)")
    assert (await desk.answer(unit_bill(PayCode="A-17", PayStats="2")))[0] == "11001"


async def test_a_bank_without_units_may_not_bill(desk: Desk) -> None:
    assert (await desk.answer(unit_bill(), node="D3206820105"))[0] == "18012"


async def test_a_blocked_unit(desk: Desk) -> None:
    rules = desk.books.configured("[controls]\nunpaid_bill_days = 365")
    assert (await desk.answer(unit_bill(), rules=rules))[0] == "00000"  # dated 2022
    result, text = await desk.answer(unit_bill(PayCode="A-18"), rules=rules)
    assert result == "16006"
    assert "365天" in text


async def test_a_strange_pay_code_is_quoted_in_the_url(desk: Desk) -> None:
    result, url = await desk.answer(unit_bill(PayCode="A/1&x=2"))
    assert (result, url) == ("00000", URL + "A%2F1%26x%3D2")


async def test_a_paper_bill_keeps_kind_and_number(desk: Desk) -> None:
    assert (await desk.answer(paper_bill()))[0] == "00000"
    bill = await desk.books.store.read(lambda tx: bills.get(tx, paper_bill().PayCode))
    assert (bill.bill_type_code, bill.bill_ver_code, bill.bill_no, bill.source) == (
        "0101",
        "2020",
        "0000000017",
        "8995",
    )
    assert (await desk.answer(paper_bill()))[0] == "00000"
    result, text = await desk.answer(paper_bill(BillNo="0000000018"))
    assert (result, text.partition(":")[0]) == ("10005", "BillNo")
    assert (await desk.answer(paper_bill(PayCode="B-1", BillTypeCode="0999")))[0] == "16001"


async def test_the_same_message_twice_at_once_makes_one_bill(desk: Desk) -> None:
    answers = await asyncio.gather(*(desk.answer(unit_bill()) for _ in range(10)))
    assert set(answers) == {("00000", URL + "32068222300000000001")}
    rows = await desk.books.store.scan(lambda tx: journal.of_subject(tx, unit_bill().PayCode))
    assert [row.kind for row in rows] == ["bill.made"]
