"""education."""

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
    Group,
    M,
    NString,
    O,
    String,
)
from .record import Record, Voucher, message


@message(
    "2698",
    "bank",
    sender="bank",
    receiver="finance",
    answer="5698",
    name="教育缴费查询报文",
    title="unpaid school bills of a payer",
    origin="seed",
)
class SchoolBillQuery(Voucher):
    """2698 教育缴费查询报文: unpaid school bills of a payer."""

    PayerCreditCode: Annotated[
        str,
        String(
            0,
            30,
            C,
            "缴款人统一社会信用代码或身份证号,手机号为空时必填",
            sensitive=Sensitive.IDENTITY,
        ),
    ] = ""
    MobilePhone: Annotated[
        str, String(0, 20, C, "缴款人手机号,信用代码为空时必填", sensitive=Sensitive.PHONE)
    ] = ""
    Hold1: Annotated[str, HOLD] = ""
    Hold2: Annotated[str, HOLD] = ""


class SchoolBill(Record):
    """Bill of 5698."""

    PayCode: Annotated[str, String(1, 20, M, "缴款码")]
    BillDate: Annotated[str, Date(M, "填制日期")]
    ChgAgenCode: Annotated[str, String(1, 30, M, "执收单位编码")]
    ChgAgenName: Annotated[str, GBString(1, 100, M, "执收单位名称")]
    PayerName: Annotated[str, GBString(1, 100, M, "缴(付)款人全称", sensitive=Sensitive.NAME)]
    PayerAcct: Annotated[str, String(0, 50, O, "缴(付)款人账号", sensitive=Sensitive.ACCOUNT)] = ""
    PayerOpBk: Annotated[str, GBString(0, 100, O, "缴(付)款人开户行")] = ""
    Amt: Annotated[int, Currency(M, "缴款金额合计(含滞纳金)")]
    OriAmt: Annotated[int, Currency(M, "缴款书金额")]
    DelayAmt: Annotated[int, Currency(M, "滞纳金", blank_is_zero=True)]
    PayStats: Annotated[str, Choice(M, "缴款状态 0未缴款 1已缴款 2作废")]
    RecAcctType: Annotated[str, REC_ACCT_TYPE]
    RecName: Annotated[str, GBString(0, 100, C, "收款人全称")] = ""
    RecAcct: Annotated[str, String(0, 50, C, "收款人账号")] = ""
    RecOpBk: Annotated[str, GBString(0, 100, C, "收款人开户行")] = ""
    IsInterBank: Annotated[str, Choice(M, "是否跨行 0本行 1跨行")]
    PayInfo: Annotated[
        str, GBString(0, 500, O, "摘要: 项目识别码|名称|金额|计量单位|数量|标准类型|收缴标准#…")
    ] = ""
    Memo: Annotated[str, GBString(0, 200, O, "备注", sensitive=Sensitive.TEXT)] = ""
    Hold1: Annotated[str, GBString(0, 100, M, "收款人开户行的联行号")]
    Hold2: Annotated[str, GBString(0, 100, O, "伪账号时填写真实账号")] = ""


@message(
    "5698",
    "bank",
    sender="finance",
    receiver="bank",
    name="教育缴费查询响应报文",
    title="answer to 2698",
    origin="seed",
)
class SchoolBills(Voucher):
    """5698 教育缴费查询响应报文: answer to 2698."""

    Result: Annotated[str, NString(5, 5, M, "00000 / 99999")]
    AdmDivCode: Annotated[str, String(0, 6, O, "行政区划")] = ""
    BillList: Annotated[tuple[SchoolBill, ...], Group("Bill", O)] = ()


@message(
    "2697",
    "bank",
    sender="bank",
    receiver="finance",
    answer="5697",
    name="教育缴费查询报文",
    title="unpaid school bills of a payer",
    origin="mirror",
    note="the seeds use both numbers; same table as 2698",
)
class SchoolBillQuery2697(SchoolBillQuery):
    """2697 教育缴费查询报文: unpaid school bills of a payer."""


@message(
    "5697",
    "bank",
    sender="finance",
    receiver="bank",
    name="教育缴费查询响应报文",
    title="answer to 2697",
    origin="mirror",
    note="same table as 5698",
)
class SchoolBills2697(SchoolBills):
    """5697 教育缴费查询响应报文: answer to 2697."""
