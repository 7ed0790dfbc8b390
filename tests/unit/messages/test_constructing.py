"""Models made by our own code obey the same tables, so that what we write is strict."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from nontax.codecs import LocalProtocolError
from nontax.codecs.xml import parse
from nontax.messages import CATALOGUE, MessageSpec, PayMode, Record, Result, Scalar, Voucher, write
from nontax.messages.clearing import ClearingInstruction
from nontax.messages.common import FinanceAnswer
from nontax.messages.confirm import Confirmation
from nontax.messages.query import BillDue, BillQuery
from nontax.messages.record import declarations
from nontax.messages.refund import RefundResult
from nontax.messages.remittance import Remittance, RemittanceLine
from nontax.messages.transfer import InterbankTransfer, TransferDetail

Values = Callable[[type[Record]], dict[str, Any]]
EVERY = pytest.mark.parametrize("spec", CATALOGUE, ids=lambda s: f"{s.interface}-{s.number}")


def refusal(model: type[Record], values: dict[str, Any]) -> LocalProtocolError:
    """The error of values that must not become a record."""
    with pytest.raises(LocalProtocolError) as caught:
        model(**values)
    return caught.value


@EVERY
def test_what_is_made_is_read_back(spec: MessageSpec, values: Values) -> None:
    made = spec.model(**values(spec.model))
    text = write(made)
    assert spec.model.read(text.encode("gbk"), strict=True) == made
    assert [child.tag for child in parse(text.encode("gbk"))] == list(declarations(spec.model))


@EVERY
def test_every_row_is_checked(spec: MessageSpec, values: Values) -> None:
    good = values(spec.model)
    for tag, declared in declarations(spec.model).items():
        left_out = {key: value for key, value in good.items() if key != tag}
        case = getattr(declared, "case", None)
        needed = declared.need == "M" and not getattr(declared, "may_be_empty", False)
        if needed or (case and case.applies(good)):
            assert refusal(spec.model, left_out).tag == tag
        else:
            assert not getattr(spec.model(**left_out), tag)
        if isinstance(declared, Scalar):
            too_much = "9" * (declared.maximum + 1) if declared.is_text else 10**17
            for wrong in (too_much, 1.5, b"1", True, [] if declared.is_text else "1"):
                error = refusal(spec.model, {**good, tag: wrong})
                assert error.tag == tag
                assert str(error).startswith(tag)


@EVERY
def test_names_that_are_no_fields_are_refused(spec: MessageSpec, values: Values) -> None:
    with pytest.raises(TypeError, match="NoSuchField"):
        spec.model(**values(spec.model), NoSuchField="1")


def test_amounts_are_written_with_two_decimals_and_empty_fields_keep_their_element() -> None:
    notice = Confirmation(
        PayCode="32068222300000000007",
        CfmDate="20261122",
        CfmTime="150305",
        Amt=1,
        BankOutlet="00000",
        Operator="G000001",
        PayMode=PayMode.ALIPAY,
        TraNoBus="2026112200001",
        PayerName="张三",
        RecAcctType="1",
        RecAcct="32001000000000000018",
    )
    assert write(notice) == (
        "<Voucher><PayCode>32068222300000000007</PayCode><CfmDate>20261122</CfmDate>"
        "<CfmTime>150305</CfmTime><Amt>0.01</Amt><BankOutlet>00000</BankOutlet>"
        "<Operator>G000001</Operator><PayMode>51</PayMode><TraNoBus>2026112200001</TraNoBus>"
        "<PayerName>张三</PayerName><PayerAcct/><PayerOpBk/><PayerOpBkNo/>"
        "<RecAcctType>1</RecAcctType><RecAcct>32001000000000000018</RecAcct><Hold1/><Hold2/>"
        "</Voucher>"
    )
    assert type(notice.PayMode) is str


def test_text_is_escaped_and_trimmed(values: Values) -> None:
    answer = FinanceAnswer(OriMsgNo="2612", Result=Result.SUCCESS, Information=" a<b & c>d\r\n")
    assert answer.Information == "a<b & c>d"
    assert "<Information>a&lt;b &amp; c&gt;d</Information>" in write(answer)
    assert FinanceAnswer.read(write(answer).encode()) == answer
    broken = FinanceAnswer(OriMsgNo="2612", Result="00000", Information="a\r\nb")
    assert FinanceAnswer.read(write(broken).encode()).Information == "a\r\nb"


@pytest.mark.parametrize("bad", ["a\x00b", "a\x1bb", "a\ud800b", "a\uffffb"])
def test_characters_that_xml_cannot_carry_are_refused(bad: str) -> None:
    assert refusal(FinanceAnswer, {"OriMsgNo": "2612", "Result": "00000", "Information": bad}).tag


def test_floats_never_become_amounts(values: Values) -> None:
    for wrong in (80.0, Decimal("80.00"), "80.00", True):
        assert refusal(Confirmation, {**values(Confirmation), "Amt": wrong}).tag == "Amt"


def test_conditional_fields_are_filled_in_what_we_send(values: Values) -> None:
    good = values(RefundResult)
    good |= {"Result": "00000"}
    assert refusal(RefundResult, {**good, "TraTime": ""}).tag == "TraTime"
    assert RefundResult(**{**good, "Result": "99999", "TraTime": ""}).TraTime == ""
    remittance = values(Remittance)
    assert refusal(Remittance, {**remittance, "RemitType": "1", "TreCode": ""}).tag == "TreCode"
    assert Remittance(**{**remittance, "RemitType": "2", "TreCode": ""}).TreCode == ""
    line = RemittanceLine(**{**values(RemittanceLine), "PayCode": ""})
    direct = {**remittance, "RemitMode": "1", "DetailList": (line,)}
    assert refusal(Remittance, direct).tag == "DetailList/Detail[1]/PayCode"
    assert Remittance(**{**direct, "RemitMode": "2"}).DetailList == (line,)
    clearing = {**values(ClearingInstruction), "PayAcct": ""}
    assert refusal(ClearingInstruction, {**clearing, "PayAcctType": "1"}).tag == "PayAcct"
    assert ClearingInstruction(**{**clearing, "PayAcctType": "03"}).PayAcctType == "3"


def test_account_fields_are_empty_only_on_a_subject(values: Values) -> None:
    good = {**values(InterbankTransfer), "RecAcct": ""}
    assert refusal(InterbankTransfer, {**good, "RecAcctType": "1"}).tag == "RecAcct"
    assert InterbankTransfer(**{**good, "RecAcctType": "3"}).RecAcct == ""


def test_groups_take_tuples_of_their_records(values: Values) -> None:
    good = values(InterbankTransfer)
    item = TransferDetail(PayCode="1", TraNoBus="1", Amt=1)
    assert InterbankTransfer(**{**good, "DetailList": [item]}).DetailList == (item,)
    for wrong in ((good,), (BillQuery(PayCode="1", PayMode="1"),), item, "text"):
        with pytest.raises(TypeError, match="DetailList"):
            InterbankTransfer(**{**good, "DetailList": wrong})


def test_models_are_frozen_and_copies_are_checked(values: Values) -> None:
    query = BillQuery(PayCode="1", PayMode="11")
    with pytest.raises(ValidationError):
        query.PayCode = "2"  # type: ignore[misc]  # what the test is about
    assert query.model_copy(update={"PayCode": " 2 "}).PayCode == "2"
    assert query.model_copy() == query
    with pytest.raises(LocalProtocolError):
        query.model_copy(update={"PayMode": "77"})


def test_pydantic_itself_takes_the_same_door() -> None:
    assert BillQuery.model_validate({"PayCode": " 1 ", "PayMode": "11"}).PayCode == "1"
    with pytest.raises(LocalProtocolError):
        BillQuery.model_validate({"PayCode": "1", "PayMode": "77"})


def test_a_bill_without_an_account_can_be_answered(values: Values) -> None:
    empty = {"RecName": "", "RecAcct": "", "RecOpBk": "", "Hold1": ""}
    assert BillDue(**{**values(BillDue), **empty}).Hold1 == ""


def test_a_base_class_is_no_message() -> None:
    with pytest.raises(AttributeError):
        _ = Voucher.SPEC
