"""Direct debit (划缴, 代扣): request 5604 and its result 2607."""

from typing import Annotated

from ..codecs.masking import Sensitive
from .fields import (
    HOLD,
    INFORMATION,
    REC_ACCT_TYPE,
    RESULT,
    TRA_DATE,
    TRA_NO,
    TRA_TIME,
    C,
    Currency,
    Date,
    GBString,
    M,
    O,
    String,
)
from .record import Voucher, message


@message(
    "5604",
    "bank",
    sender="finance",
    receiver="bank",
    answer="2001,2607",
    name="划缴(代扣)报文",
    title="direct debit",
    origin="ours",
)
class DebitRequest(Voucher):
    """5604 划缴(代扣)报文: direct debit."""

    PayCode: Annotated[str, String(1, 20, M, "缴款码")]
    PayerNo: Annotated[str, String(1, 30, M, "缴款人编号", sensitive=Sensitive.ACCOUNT)]
    ProtocolNo: Annotated[str, String(1, 30, M, "划缴协议号", sensitive=Sensitive.ACCOUNT)]
    PayerName: Annotated[str, GBString(1, 100, M, "缴(付)款人全称", sensitive=Sensitive.NAME)]
    PayerAcct: Annotated[str, String(0, 50, O, "缴(付)款人账号", sensitive=Sensitive.ACCOUNT)] = ""
    PayerOpBk: Annotated[str, GBString(0, 100, O, "缴(付)款人开户行")] = ""
    RecAcctType: Annotated[str, REC_ACCT_TYPE]
    RecName: Annotated[str, GBString(0, 100, C, "收款人全称")] = ""
    RecAcct: Annotated[str, String(0, 50, C, "收款人账号")] = ""
    RecOpBk: Annotated[str, GBString(0, 100, C, "收款人开户行")] = ""
    Amt: Annotated[int, Currency(M, "应缴金额")]
    LastDate: Annotated[str, Date(M, "最迟划缴日期")]
    Hold1: Annotated[str, HOLD] = ""
    Hold2: Annotated[str, HOLD] = ""


@message(
    "2607",
    "bank",
    sender="bank",
    receiver="finance",
    answer="5001",
    name="划缴(代扣)结果报文",
    title="result of a direct debit",
    origin="ours",
)
class DebitResult(Voucher):
    """2607 划缴(代扣)结果报文: result of a direct debit."""

    PayCode: Annotated[str, String(1, 20, M, "缴款码")]
    PayerNo: Annotated[str, String(1, 30, M, "缴款人编号", sensitive=Sensitive.ACCOUNT)]
    ProtocolNo: Annotated[str, String(1, 30, M, "划缴协议号", sensitive=Sensitive.ACCOUNT)]
    Amt: Annotated[int, Currency(M, "应缴金额")]
    PaidAmt: Annotated[int, Currency(M, "实缴金额", blank_is_zero=True)]
    Result: Annotated[str, RESULT]
    Information: Annotated[str, INFORMATION] = ""
    TraNo: Annotated[str, TRA_NO] = ""
    TraDate: Annotated[str, TRA_DATE] = ""
    TraTime: Annotated[str, TRA_TIME] = ""
    Hold1: Annotated[str, HOLD] = ""
    Hold2: Annotated[str, HOLD] = ""
