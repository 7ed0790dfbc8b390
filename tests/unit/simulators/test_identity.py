"""How a counterparty writes and reads frames: captured frames, round trips, habits."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from nontax.codecs import FrameDecoder, LocalProtocolError, RawFrame, RemoteProtocolError
from nontax.mac import Secret
from nontax.messages.common import BankAnswer, FinanceAnswer, LinkTest, UnitAnswer
from nontax.messages.confirm import Confirmation, PaymentNotice
from nontax.messages.query import BillDue, BillQuery
from nontax.messages.unit import UnitBill
from nontax.simulators.identity import CIVIL, UNIT_HABITS, Habits, Identity, make_identity

# Source: tests/vectors/vectors.json.
VECTORS = Path(__file__).parents[2] / "vectors"
TOKEN = "Nj7wQ2xVb0RkT5yLc8HsP3mZd6FgA1uE"
DES = bytes(range(1, 25))
NOON = datetime(2026, 3, 2, 12, 0, 0, tzinfo=CIVIL)


def frame_of(data: bytes) -> RawFrame:
    decoder = FrameDecoder()
    decoder.receive_data(data)
    event = decoder.next_event()
    assert isinstance(event, RawFrame)
    return event


def vector(name: str) -> RawFrame:
    return frame_of((VECTORS / name).read_bytes())


def pair(algorithm: str, width: int) -> tuple[Identity, Identity]:
    """A bank and the finance node as they know each other."""
    bank, finance = (
        make_identity(code, kind, TOKEN, algorithm, width, des_key=DES, clock=lambda: NOON)
        for code, kind in (("D3206820105", "bank"), ("F320682", "finance"))
    )
    return bank, finance


def test_reads_the_captured_frames() -> None:
    unit = make_identity("K3206820002", "unit", TOKEN)
    notice = unit.open(vector("finance-5996.frame"))
    assert notice.mac_ok
    assert isinstance(notice.message, PaymentNotice)
    assert notice.message.Amt == 1
    finance = make_identity("F320682", "finance", TOKEN)
    bill = finance.open(vector("unit-8994.frame"))
    assert bill.mac_ok
    assert isinstance(bill.message, UnitBill)
    url = unit.open(vector("finance-5001-payment-url.frame"), answers=UnitBill.SPEC)
    assert url.mac_ok
    assert url.result == "00000"
    assert url.information.startswith("http://pay.jsczt.cn/")


def test_writes_the_unit_frame_as_it_was_captured() -> None:
    """Everything up to the voucher's base64 has the bytes of the captured frame."""
    captured = (VECTORS / "unit-8994.frame").read_bytes()
    at = datetime(2022, 1, 5, 9, 52, 31, tzinfo=CIVIL)
    unit = make_identity("K3206820002", "unit", TOKEN, clock=lambda: at)
    message = make_identity("F320682", "finance", TOKEN).open(frame_of(captured)).message
    assert message is not None
    written = unit.request(message, "F320682")
    start = captured.index(b"<Voucher>") + len(b"<Voucher>")
    assert written[8:start] == captured[8:start]
    assert written[-64:] == written[-64:].lower()


@pytest.mark.parametrize(
    ("algorithm", "width"),
    [
        ("sha256-token", 64),
        ("sha256-token", 128),
        ("3des-token", 64),
        ("3des-digest", 128),
        ("hmac-sha256", 64),
        ("hmac-sm3", 128),
    ],
)
def test_request_and_answer_go_round(algorithm: str, width: int) -> None:
    bank, finance = pair(algorithm, width)
    query = BillQuery(PayCode="32068226000000000017", PayMode="11", Hold1="1234")
    request = finance.open(frame_of(bank.request(query, "F320682")))
    assert request.mac_ok
    assert request.message == query
    assert request.head.msg_id == request.head.msg_ref == "20260302120000000001"
    answer = finance.answer(FinanceAnswer(OriMsgNo="2601", Result="11001"), request)
    got = bank.open(frame_of(answer), answers=BillQuery.SPEC)
    assert got.mac_ok
    assert got.result == "11001"
    assert got.head.msg_ref == request.head.msg_id


def test_an_answer_of_the_wrong_kind_is_no_answer() -> None:
    bank, finance = pair("sha256-token", 64)
    link = LinkTest(TestTime="20260302120000")
    request = finance.open(frame_of(bank.request(link, "F320682")))
    wrong = BankAnswer(OriMsgNo="2002", Result="00000")
    assert bank.open(frame_of(finance.answer(wrong, request)), answers=link.SPEC).message is None


def test_an_answer_is_sealed_with_the_token_of_its_request() -> None:
    bank, finance = pair("hmac-sha256", 64)
    new = Secret("N" * 32)
    request_bytes = bank.request(LinkTest(TestTime="20260302120000"), "F320682")
    finance.previous, finance.token = finance.token, new
    request = finance.open(frame_of(request_bytes))
    assert request.token == finance.previous
    answer = frame_of(finance.answer(finance.general("2002", "00000"), request))
    assert bank.open(answer, answers=LinkTest.SPEC).mac_ok
    finance.previous = None
    assert not finance.open(frame_of(request_bytes)).mac_ok


def test_a_token_that_is_only_expected_is_told_apart() -> None:
    bank, finance = pair("sha256-token", 64)
    new = Secret("N" * 32)
    request = finance.open(frame_of(bank.request(LinkTest(TestTime="20260302120000"), "F320682")))
    finance.token = new
    data = finance.sealed("5001", finance.document(finance.head("5001", bank.code),
        FinanceAnswer(OriMsgNo="2002", Result="00000").write()))  # fmt: skip
    assert request.mac_ok
    assert not bank.open(frame_of(data), answers=LinkTest.SPEC).mac_ok
    assert bank.open(frame_of(data), answers=LinkTest.SPEC, tokens=[new]).token == new


def test_ids_of_units_repeat_within_a_second_and_those_of_banks_do_not() -> None:
    moments = iter([NOON, NOON, NOON, NOON + timedelta(seconds=1)] * 2)
    unit = make_identity("K3206820002", "unit", TOKEN, clock=lambda: next(moments))
    assert [unit.next_id() for _ in range(4)] == ["20260302120000"] * 3 + ["20260302120001"]
    bank = make_identity("D3206820105", "bank", TOKEN, clock=lambda: next(moments))
    assert [bank.next_id() for _ in range(4)] == [
        "20260302120000000001", "20260302120000000002", "20260302120000000003",
        "20260302120001000001",
    ]  # fmt: skip


def test_a_unit_answers_with_its_habits() -> None:
    unit = make_identity("K3206820002", "unit", TOKEN, clock=lambda: NOON)
    notice = unit.open(vector("finance-5996.frame"))
    data = unit.answer(unit.general("5996", "00000"), notice)
    assert b"<HEAD><APP>" in data
    assert b"<VoucherBody><Voucher>" in data
    finance = make_identity("F320682", "finance", TOKEN)
    answer = finance.open(frame_of(data), answers=PaymentNotice.SPEC)
    assert isinstance(answer.message, UnitAnswer)
    assert answer.head.msg_ref != notice.head.msg_id
    assert UNIT_HABITS.trailing == b"\n"


def test_characters_outside_the_charset_are_refused_by_name() -> None:
    bank, _ = pair("sha256-token", 64)
    message = Confirmation(
        PayCode="1", CfmDate="20260302", CfmTime="120000", Amt=1, BankOutlet="1", Operator="甲",
        PayMode="11", TraNoBus="1", PayerName="𠮷野", RecAcctType="1", RecAcct="1",
    )  # fmt: skip
    with pytest.raises(LocalProtocolError) as caught:
        bank.request(message, "F320682")
    assert caught.value.character == "𠮷"


def test_refuses_an_unknown_kind() -> None:
    with pytest.raises(ValueError, match="kind is one of"):
        make_identity("X1", "shop", TOKEN)


def test_a_frame_with_two_vouchers_is_refused() -> None:
    bank, finance = pair("sha256-token", 64)
    text = BillQuery(PayCode="1", PayMode="11").write()
    body = bank.document(bank.head("2601", "F320682"), text, text)
    with pytest.raises(RemoteProtocolError) as caught:
        finance.open(frame_of(bank.sealed("2601", body)))
    assert caught.value.tag == "VoucherCount"


def test_declared_encoding_may_be_another_one() -> None:
    habits = Habits(declared="UTF-8")
    bank = make_identity("D3206820105", "bank", TOKEN, habits=habits)
    finance = make_identity("F320682", "finance", TOKEN)
    due_query = BillQuery(PayCode="1", PayMode="11", Hold2="示例")
    data = bank.request(due_query, "F320682")
    assert b'encoding="UTF-8"' in data
    assert finance.open(frame_of(data)).message == due_query
    assert BillDue.SPEC.number == "5603"
