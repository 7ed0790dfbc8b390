"""Bills of units' own systems (单位自建系统): 8994, 8995, and the paper receipt 8998."""

from typing import Annotated

from ..codecs.masking import Sensitive
from .fields import (
    HOLD,
    REC_ACCT_TYPE,
    C,
    Choice,
    Currency,
    Date,
    GBString,
    M,
    NString,
    O,
    String,
)
from .record import Record, Voucher, message


class UnitBillKey(Record):
    """Which bill 8994 and 8995 are about."""

    AdmDivCode: Annotated[str, String(1, 6, M, "行政区划")]
    PayCode: Annotated[str, String(1, 20, M, "缴款码,固定20位")]


class BillKind(Record):
    """The kind of a bill or invoice (票据种类), as 8995, 8998, 8999, 8981 and 8982 name it."""

    BillTypeCode: Annotated[str, String(1, 30, M, "票据类型代码")]
    BillTypeName: Annotated[str, GBString(1, 100, M, "票据类型名称")]
    BillVerCode: Annotated[str, String(1, 30, M, "票据版本代码")]
    BillVerName: Annotated[str, GBString(1, 100, M, "票据版本名称")]


class UnitBillBody(Record):
    """The rows that 8994 and 8995 share behind the numbers."""

    BillDate: Annotated[str, Date(M, "填制日期")]
    ChgAgenCode: Annotated[str, String(1, 30, M, "执收单位编码")]
    ChgAgenName: Annotated[str, GBString(1, 100, M, "执收单位名称")]
    PayerName: Annotated[str, GBString(1, 100, M, "缴(付)款人全称", sensitive=Sensitive.NAME)]
    PayerAcct: Annotated[str, String(0, 50, O, "缴(付)款人账号", sensitive=Sensitive.ACCOUNT)] = ""
    PayerOpBk: Annotated[str, GBString(0, 100, O, "缴(付)款人开户行")] = ""
    Amt: Annotated[int, Currency(M, "缴款金额合计")]
    OriAmt: Annotated[int, Currency(M, "缴款书金额")]
    DelayAmt: Annotated[int, Currency(M, "滞纳金", blank_is_zero=True)]
    PayStats: Annotated[str, Choice(M, "缴款状态 0未缴款 2作废")]
    RecAcctType: Annotated[str, REC_ACCT_TYPE]
    RecName: Annotated[str, GBString(0, 100, M, "收款人全称")]
    RecAcct: Annotated[str, String(0, 50, M, "票据上打印的收款人账号")]
    RecAcctReal: Annotated[str, String(0, 50, C, "伪账号时的真实收款人账号")] = ""
    RecOpBk: Annotated[str, GBString(0, 100, M, "收款人开户行")]
    RecBankNo: Annotated[str, NString(0, 20, M, "收款人开户行行号")]
    IsInterBank: Annotated[str, Choice(M, "0本行 1跨行")]
    PayInfo: Annotated[str, GBString(0, 500, O, "摘要")] = ""
    Memo: Annotated[str, GBString(0, 200, O, "备注", sensitive=Sensitive.TEXT)] = ""
    CrcCode: Annotated[str, String(0, 4, O, "校验码", sensitive=Sensitive.SECRET)] = ""
    MobilePhone: Annotated[str, String(1, 20, M, "缴款人手机号", sensitive=Sensitive.PHONE)]
    PayerCreditCode: Annotated[
        str, String(0, 30, O, "缴款人统一社会信用代码", sensitive=Sensitive.IDENTITY)
    ] = ""
    RecCreditCode: Annotated[str, String(0, 30, O, "收款人统一社会信用代码")] = ""
    OperatorCode: Annotated[str, String(0, 30, O, "操作人编码", sensitive=Sensitive.ACCOUNT)] = ""
    OperatorName: Annotated[
        str, String(0, 30, O, "操作人名称", sensitive=Sensitive.NAME, any_text=True)
    ] = ""
    Hold1: Annotated[str, GBString(0, 100, O, "Y: 需要缴款成功通知(5996)")] = ""
    Hold2: Annotated[str, HOLD] = ""


@message(
    "8994",
    "unit",
    sender="unit,bank",
    receiver="finance",
    answer="5001",
    name="输入模式电子缴款单信息",
    title="bill made in a unit's own system",
    origin="seed",
    note=(
        "observed: success carries a payment URL in Information; a bill is voided by "
        "sending it again with PayStats 2; one site leaves out OperatorCode and "
        "OperatorName"
    ),
)
class UnitBill(UnitBillBody, UnitBillKey, Voucher):
    """8994 输入模式电子缴款单信息: bill made in a unit's own system."""


class PaperNumber(Record):
    """The number printed on the paper bill."""

    BillNo: Annotated[str, String(1, 20, M, "票据号码")]


@message(
    "8995",
    "unit",
    sender="unit,bank",
    receiver="finance",
    answer="5001",
    name="输入模式应缴票据信息",
    title="paper bill made in a unit's own system",
    origin="ours",
    note="the seeds name it and print no table",
)
class UnitPaperBill(UnitBillBody, PaperNumber, BillKind, UnitBillKey, Voucher):
    """8995 输入模式应缴票据信息: paper bill made in a unit's own system."""


class PaperBill(Record):
    """The paid bill and the paper that replaces it."""

    PayCode: Annotated[str, String(1, 20, M, "缴款码")]
    BillNo: Annotated[str, String(1, 20, M, "票据号码")]
    AdmDivCode: Annotated[str, String(1, 6, M, "行政区划")]


@message(
    "8998",
    "unit",
    sender="unit,bank",
    receiver="finance",
    answer="5001",
    name="换开纸质票据请求报文",
    title="change a paid bill into a paper receipt",
    origin="ours",
)
class PaperReceiptRequest(BillKind, PaperBill, Voucher):
    """8998 换开纸质票据请求报文: change a paid bill into a paper receipt."""

    Hold1: Annotated[str, HOLD] = ""
    Hold2: Annotated[str, HOLD] = ""
