"""Clearing (清分划款): instruction 5614 and its result 2614."""

from typing import Annotated

from .fields import (
    HOLD,
    INFORMATION,
    REC_ACCT_TYPE,
    RESULT,
    TRA_DATE,
    TRA_NO,
    TRA_TIME,
    AccountType,
    C,
    Choice,
    Currency,
    Date,
    GBString,
    Group,
    Integer,
    M,
    NString,
    O,
    String,
    unless,
)
from .record import Record, Voucher, message


class ClearingLine(Record):
    """Detail of 5614."""

    LineNo: Annotated[int, Integer(M, "行号")]
    RecAcctType: Annotated[str, REC_ACCT_TYPE]
    RecName: Annotated[str, GBString(0, 100, M, "收款人全称")]
    RecAcct: Annotated[str, String(0, 50, M, "收款人账号")]
    RecOpBk: Annotated[str, GBString(0, 100, M, "收款人开户行")]
    RecOpBkNo: Annotated[str, NString(0, 20, O, "收款人开户行行号")] = ""
    BgtLevel: Annotated[str, Choice(M, "预算级次 0共享 1中央 2省 3市 4县 5乡")]
    Amt: Annotated[int, Currency(M, "金额")]
    Purpose: Annotated[str, GBString(0, 200, O, "用途")] = ""


@message(
    "5614",
    "bank",
    sender="finance,platform",
    receiver="bank,clearing",
    answer="2001,2614",
    name="清分划款报文",
    title="clearing instruction",
    origin="ours",
)
class ClearingInstruction(Voucher):
    """5614 清分划款报文: clearing instruction."""

    InstrNo: Annotated[str, String(1, 30, M, "清分指令号")]
    InstrDate: Annotated[str, Date(M, "指令日期")]
    PayAcctType: Annotated[str, AccountType(M, "付款账户类型")]
    PayAcctName: Annotated[str, GBString(0, 100, C, "付款户名")] = ""
    PayAcct: Annotated[
        str, String(0, 50, C, "付款账号,科目时可空", required_when=unless("PayAcctType", "3"))
    ] = ""
    TotalAmt: Annotated[int, Currency(M, "总金额")]
    Count: Annotated[int, Integer(M, "明细笔数")]
    Hold1: Annotated[str, HOLD] = ""
    Hold2: Annotated[str, HOLD] = ""
    DetailList: Annotated[tuple[ClearingLine, ...], Group("Detail", M)]


class ClearingLineResult(Record):
    """Detail of 2614."""

    LineNo: Annotated[int, Integer(M, "行号")]
    Amt: Annotated[int, Currency(M, "金额")]
    Result: Annotated[str, RESULT]
    Information: Annotated[str, INFORMATION] = ""
    TraNo: Annotated[str, TRA_NO] = ""
    TraDate: Annotated[str, TRA_DATE] = ""
    TraTime: Annotated[str, TRA_TIME] = ""


@message(
    "2614",
    "bank",
    sender="bank,clearing",
    receiver="finance,platform",
    answer="5001",
    name="清分划款结果报文",
    title="result of a clearing instruction",
    origin="ours",
)
class ClearingResult(Voucher):
    """2614 清分划款结果报文: result of a clearing instruction."""

    InstrNo: Annotated[str, String(1, 30, M, "清分指令号")]
    TotalAmt: Annotated[int, Currency(M, "指令总金额")]
    SuccAmt: Annotated[int, Currency(M, "成功金额", blank_is_zero=True)]
    SuccCount: Annotated[int, Integer(M, "成功笔数")]
    FailCount: Annotated[int, Integer(M, "失败笔数")]
    Hold1: Annotated[str, HOLD] = ""
    Hold2: Annotated[str, HOLD] = ""
    DetailList: Annotated[tuple[ClearingLineResult, ...], Group("Detail", M)]
