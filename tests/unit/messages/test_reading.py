"""What is accepted from a peer, what is refused, and how a refusal names the place."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from nontax.codecs import RemoteProtocolError
from nontax.codecs.xml import parse
from nontax.messages import CATALOGUE, MessageSpec, Record, Scalar, Voucher, read
from nontax.messages.basedata import FiscalAccountsReceipt
from nontax.messages.clearing import ClearingInstruction, ClearingResult
from nontax.messages.common import FinanceAnswer
from nontax.messages.confirm import Confirmation
from nontax.messages.invoice import InvoiceRequest
from nontax.messages.query import BillDue, BillQuery
from nontax.messages.record import declarations
from nontax.messages.refund import RefundResult
from nontax.messages.remittance import Remittance
from nontax.messages.statements import FundsStatement, PaymentStatement, SupervisedBalances
from nontax.messages.transfer import InterbankTransfer
from nontax.messages.unit import UnitBill

Make = Callable[..., bytes]
EVERY = pytest.mark.parametrize("spec", CATALOGUE, ids=lambda s: f"{s.interface}-{s.number}")


def refusal(model: type[Voucher], data: bytes, *, strict: bool = False) -> RemoteProtocolError:
    """The error of a voucher that must not be accepted."""
    with pytest.raises(RemoteProtocolError) as caught:
        model.read(data, strict=strict)
    assert caught.value.code == "10002"
    return caught.value


@EVERY
def test_a_full_voucher_is_read(spec: MessageSpec, voucher: Make) -> None:
    data = voucher(spec.model)
    read_back = read(spec, data, strict=True)
    assert type(read_back) is spec.model
    assert spec.model.read(read_back.write().encode("gbk")) == read_back


@EVERY
def test_every_mandatory_row_is_insisted_on(spec: MessageSpec, voucher: Make) -> None:
    for tag, declared in declarations(spec.model).items():
        missing = voucher(spec.model, {tag: None})
        empty = voucher(spec.model, {tag: " \n "})
        if not isinstance(declared, Scalar):
            if declared.need == "M" and not getattr(declared, "may_be_empty", False):
                assert refusal(spec.model, missing).tag == tag
            else:
                assert not getattr(spec.model.read(missing), tag)
            continue
        if declared.need != "M":
            assert getattr(spec.model.read(missing), tag) in {"", None}
            assert getattr(spec.model.read(empty), tag) in {"", None}
            continue
        assert refusal(spec.model, missing).tag == tag
        if declared.traits.get("blank_is_zero"):
            assert getattr(spec.model.read(empty), tag) == 0
        else:
            assert refusal(spec.model, empty).tag == tag


@EVERY
def test_every_row_is_refused_by_name(spec: MessageSpec, voucher: Make) -> None:
    for tag, declared in declarations(spec.model).items():
        if not isinstance(declared, Scalar):
            assert refusal(spec.model, voucher(spec.model, {tag: "text"})).tag == tag
            continue
        too_long = "9" * (declared.maximum + 1)
        for wrong in (too_long, "<X>1</X>", f"1</{tag}><{tag}>1"):
            error = refusal(spec.model, voucher(spec.model, {tag: wrong}))
            assert error.tag == tag
            assert tag in error.information
            assert tag in str(error)
        if declared.is_text and declared.minimum == declared.maximum > 1:
            assert refusal(spec.model, voucher(spec.model, {tag: "9"})).tag == tag
        if declared.codes:
            assert refusal(spec.model, voucher(spec.model, {tag: "77"})).tag == tag


def test_order_is_free_on_receipt(voucher: Make) -> None:
    data = voucher(Confirmation)
    root = parse(data)
    root[:] = reversed(root)
    assert Confirmation.read(root) == Confirmation.read(data)


def test_unknown_elements_are_ignored_and_counted(voucher: Make) -> None:
    extra = "1</Hold1><Extra>x</Extra><Extra/><Deep><PayCode>1</PayCode></Deep><Hold2>2"
    data = voucher(BillQuery, {"Hold1": extra, "Hold2": None}).replace(
        b"</Hold1></Voucher>", b"</Hold2></Voucher>"
    )
    unknown: list[str] = []
    message = BillQuery.read(data, unknown=unknown)
    assert (message.Hold1, message.Hold2) == ("1", "2")
    assert sorted(unknown) == ["Deep", "Extra", "Extra"]


def test_unknown_elements_inside_groups_are_counted(voucher: Make) -> None:
    data = voucher(InterbankTransfer).replace(b"<Detail>", b"<Other/><Detail><More>1</More>")
    unknown: list[str] = []
    assert len(InterbankTransfer.read(data, unknown=unknown).DetailList) == 2
    assert sorted(unknown) == ["More", "More", "Other", "Other"]


def test_values_are_trimmed(voucher: Make) -> None:
    data = voucher(BillQuery, {"PayCode": "\r\n  32068222300000000001\t "})
    assert BillQuery.read(data).PayCode == "32068222300000000001"


def test_another_root_is_refused() -> None:
    assert refusal(FinanceAnswer, b"<Other/>").tag == "Voucher"


def test_an_item_is_named_with_its_index(voucher: Make) -> None:
    data = voucher(InterbankTransfer)
    good, bad = b"<Amt>80.00</Amt></Detail>", b"<Amt>8,0</Amt></Detail>"
    head, _, tail = data.rpartition(good)
    error = refusal(InterbankTransfer, head + bad + tail)
    assert error.tag == "DetailList/Detail[2]/Amt"
    assert error.value == "8,0"
    assert "DetailList/Detail[2]/Amt" in error.information


def test_a_nested_item_is_named_with_its_path(voucher: Make) -> None:
    data = voucher(SupervisedBalances).replace(b"<DcFlag>1</DcFlag>", b"<DcFlag>3</DcFlag>", 1)
    error = refusal(SupervisedBalances, data)
    assert error.tag == "DetailList/Detail[1]/LineList/Line[1]/DcFlag"


def test_a_single_group_is_named_with_its_path(voucher: Make) -> None:
    data = voucher(InvoiceRequest).replace(b"+0800</Time>", b"+9900</Time>")
    assert refusal(InvoiceRequest, data).tag == "Sign_Info/Time"


@pytest.mark.parametrize(
    "twice",
    [
        b"<DetailList/><DetailList><Detail/></DetailList>",
        b"<DetailList><Detail/></DetailList><DetailList/>",
        b"<DetailList><Detail/></DetailList><DetailList><Detail/></DetailList>",
        b"<DetailList/><DetailList/>",
    ],
)
def test_a_group_is_there_once(voucher: Make, twice: bytes) -> None:
    data = voucher(PaymentStatement, {"DetailList": None})
    assert refusal(PaymentStatement, data.replace(b"</Voucher>", twice + b"</Voucher>")).tag == (
        "DetailList"
    )


@pytest.mark.parametrize("model", [PaymentStatement, FundsStatement, FiscalAccountsReceipt])
@pytest.mark.parametrize("written", [b"", b"<DetailList/>", b"<DetailList> </DetailList>"])
def test_an_empty_day_has_no_details(model: type[Voucher], written: bytes, voucher: Make) -> None:
    data = voucher(model, {"DetailList": None}).replace(b"</Voucher>", written + b"</Voucher>")
    assert vars(model.read(data))["DetailList"] == ()


def test_a_group_that_must_hold_something(voucher: Make) -> None:
    data = voucher(ClearingInstruction, {"DetailList": None})
    empty = data.replace(b"</Voucher>", b"<DetailList><Other/></DetailList></Voucher>")
    assert refusal(ClearingInstruction, empty).tag == "DetailList"


@pytest.mark.parametrize("tag", ["RecName", "RecAcct", "RecOpBk", "RecBankNo"])
def test_account_fields_are_empty_only_on_a_subject(tag: str, voucher: Make) -> None:
    assert refusal(UnitBill, voucher(UnitBill, {tag: ""})).tag == tag
    on_subject = UnitBill.read(voucher(UnitBill, {tag: "", "RecAcctType": "3"}))
    assert getattr(on_subject, tag) == ""


def test_the_line_number_goes_with_the_account(voucher: Make) -> None:
    assert refusal(BillDue, voucher(BillDue, {"Hold1": ""})).tag == "Hold1"
    assert BillDue.read(voucher(BillDue, {"Hold1": "", "RecAcct": ""})).Hold1 == ""
    assert BillDue.read(voucher(BillDue, {"Hold1": "", "RecAcctType": "3"})).Hold1 == ""


def test_the_payer_account_may_be_empty_when_a_third_party_pays(voucher: Make) -> None:
    empty = {"PayerAcct": "", "PayerOpBk": "", "PayerOpBkNo": "", "RecAcct": ""}
    assert Confirmation.read(voucher(Confirmation, dict(empty)), strict=True).PayerAcct == ""


def test_conditional_fields_may_be_empty_on_receipt_unless_strict(voucher: Make) -> None:
    data = voucher(RefundResult, {"Result": "00000", "TraNo": "", "TraDate": None})
    lenient = RefundResult.read(data)
    assert lenient.TraNo == ""
    assert lenient.unfilled() == ("TraNo", "TraDate")
    assert refusal(RefundResult, data, strict=True).tag == "TraNo"
    failed = RefundResult.read(voucher(RefundResult, {"Result": "99999", "TraNo": ""}), strict=True)
    assert failed.unfilled() == ()


def test_conditional_fields_of_items(voucher: Make) -> None:
    data = voucher(ClearingResult).replace(b"<Result>10245<", b"<Result>00000<")
    data = data.replace(b"<TraDate>20261122<", b"<TraDate><", 1)
    assert refusal(ClearingResult, data, strict=True).tag == "DetailList/Detail[1]/TraDate"
    assert ClearingResult.read(data).DetailList[0].unfilled() == ("TraDate",)


@pytest.mark.parametrize(("mode", "refused"), [("1", True), ("2", False)])
def test_the_voucher_tells_the_case_of_its_items(mode: str, refused: bool, voucher: Make) -> None:
    data = voucher(Remittance, {"RemitMode": mode})
    head, tail = data.rsplit(b"<PayCode>", 1)
    data = head + b"<PayCode/>" + tail.split(b"</PayCode>", 1)[1]
    if refused:
        assert refusal(Remittance, data, strict=True).tag == "DetailList/Detail[2]/PayCode"
    else:
        assert Remittance.read(data, strict=True).DetailList[1].PayCode == ""


@pytest.mark.parametrize(("sent", "kept"), [("01", "1"), ("1", "1"), ("9", "9"), ("06", "6")])
def test_account_types_come_with_a_leading_zero(sent: str, kept: str, voucher: Make) -> None:
    assert UnitBill.read(voucher(UnitBill, {"RecAcctType": sent})).RecAcctType == kept


@pytest.mark.parametrize("sent", ["7", "00", "0", "11", "x"])
def test_account_types_outside_the_table_are_refused(sent: str, voucher: Make) -> None:
    assert refusal(UnitBill, voucher(UnitBill, {"RecAcctType": sent})).tag == "RecAcctType"


def test_a_paid_state_is_no_state_of_a_new_bill(voucher: Make) -> None:
    assert refusal(UnitBill, voucher(UnitBill, {"PayStats": "1"})).tag == "PayStats"
    assert BillDue.read(voucher(BillDue, {"PayStats": "1"})).PayStats == "1"


def test_an_operator_has_a_chinese_name(voucher: Make) -> None:
    assert UnitBill.read(voucher(UnitBill, {"OperatorName": "王五"})).OperatorName == "王五"
    assert refusal(UnitBill, voucher(UnitBill, {"OperatorName": "王" * 16})).tag == "OperatorName"
    assert refusal(UnitBill, voucher(UnitBill, {"OperatorCode": "王五"})).tag == "OperatorCode"


@pytest.mark.parametrize(("sent", "fen"), [("80.0", 8000), ("21", 2100), ("0.01", 1), ("0", 0)])
def test_amounts_have_up_to_two_decimals(sent: str, fen: int, voucher: Make) -> None:
    assert Confirmation.read(voucher(Confirmation, {"Amt": sent})).Amt == fen


@pytest.mark.parametrize("sent", ["-1.00", "1.234", "1,000.00", "1e3", "NaN", "1" * 16])
def test_amounts_of_another_form_are_refused(sent: str, voucher: Make) -> None:
    assert refusal(Confirmation, voucher(Confirmation, {"Amt": sent})).tag == "Amt"


def test_no_amount_is_negative(voucher: Make) -> None:
    for spec in CATALOGUE:
        for tag, declared in declarations(spec.model).items():
            if isinstance(declared, Scalar) and declared.wire == "Currency":
                assert refusal(spec.model, voucher(spec.model, {tag: "-1.00"})).tag == tag


def test_lengths_count_bytes_of_gbk(voucher: Make) -> None:
    fits = "示" * 50
    assert Confirmation.read(voucher(Confirmation, {"PayerName": fits})).PayerName == fits
    error = refusal(Confirmation, voucher(Confirmation, {"PayerName": fits + "1"}))
    assert error.tag == "PayerName"
    assert "101" in error.information


def test_the_first_wrong_row_of_the_table_is_named(voucher: Make) -> None:
    data = voucher(Confirmation, {"CfmTime": "250000", "CfmDate": "20260230"})
    root = parse(data)
    root[:] = reversed(root)
    assert refusal(Confirmation, data).tag == "CfmDate"
    with pytest.raises(RemoteProtocolError) as caught:
        Confirmation.read(root)
    assert caught.value.tag == "CfmDate"


def test_information_fits_the_answer(voucher: Make) -> None:
    error = refusal(BillQuery, voucher(BillQuery, {"Hold2": "长" * 3000}))
    assert len(error.information.encode("gbk")) <= 1024
    assert FinanceAnswer(OriMsgNo="2601", Result=error.code, Information=error.information)


def test_the_declarations_are_shared_by_mirrors() -> None:
    pairs = {"8997": "2601", "5997": "5603", "5996": "2612", "2697": "2698", "5697": "5698"}
    models: dict[str, type[Record]] = {s.number: s.model for s in CATALOGUE}
    for mirror, origin in pairs.items():
        assert issubclass(models[mirror], models[origin])
        assert declarations(models[mirror]) == declarations(models[origin])
