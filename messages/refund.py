"""Refunds (退付): order 5617 and its result 2617."""

from typing import Annotated

from ..codecs.masking import Sensitive
from .fields import (
    HOLD,
    INFORMATION,
    RESULT,
    TRA_DATE,
    TRA_NO,
    TRA_TIME,
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
from .record import Voucher, message


@message(
    "5617",
    "bank",
    sender="finance",
    receiver="bank,platform",
    answer="2001,2617",
    name="缴款资金退付报文",
    title="refund",
    origin="ours",
    note=("the receiver of the money is the original payer, or the unit when the request says so"),
)
class RefundOrder(Voucher):
    """5617 缴款资金退付报文: refund."""

    RefundNo: Annotated[str, String(1, 30, M, "退付单号")]
    RefundDate: Annotated[str, Date(M, "退付日期")]
    RefundType: Annotated[str, Choice(M, "退付类型 1技术性差错 2其他")]
    PayCode: Annotated[str, String(1, 20, M, "缴款码")]
    OriTraNoBus: Annotated[str, String(1, 50, M, "原确认交易流水号")]
    OriCfmDate: Annotated[str, Date(M, "原缴款日期")]
    OriAmt: Annotated[int, Currency(M, "原缴款金额")]
    Amt: Annotated[int, Currency(M, "退付金额")]
    PayAcctName: Annotated[str, GBString(0, 100, O, "退付账户户名")] = ""
    PayAcct: Annotated[str, String(0, 50, O, "退付账户账号(备用金)")] = ""
    RecName: Annotated[str, GBString(0, 100, C, "收款人全称", sensitive=Sensitive.NAME)] = ""
    RecAcct: Annotated[str, String(0, 50, C, "收款人账号", sensitive=Sensitive.ACCOUNT)] = ""
    RecOpBk: Annotated[str, GBString(0, 100, C, "收款人开户行")] = ""
    RecOpBkNo: Annotated[str, NString(0, 20, O, "收款人开户行行号")] = ""
    Reason: Annotated[str, GBString(0, 200, O, "退付原因", sensitive=Sensitive.TEXT)] = ""
    Hold1: Annotated[str, HOLD] = ""
    Hold2: Annotated[str, HOLD] = ""


@message(
    "2617",
    "bank",
    sender="bank,platform",
    receiver="finance",
    answer="5001",
    name="缴款资金退付结果报文",
    title="result of a refund",
    origin="ours",
)
class RefundResult(Voucher):
    """2617 缴款资金退付结果报文: result of a refund."""

    RefundNo: Annotated[str, String(1, 30, M, "退付单号")]
    PayCode: Annotated[str, String(1, 20, M, "缴款码")]
    Amt: Annotated[int, Currency(M, "退付金额")]
    Result: Annotated[str, RESULT]
    Information: Annotated[str, INFORMATION] = ""
    TraNo: Annotated[str, TRA_NO] = ""
    TraDate: Annotated[str, TRA_DATE] = ""
    TraTime: Annotated[str, TRA_TIME] = ""
    Hold1: Annotated[str, HOLD] = ""
    Hold2: Annotated[str, HOLD] = ""
