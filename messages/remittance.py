"""Remittance to treasury or account (缴库, 缴户): 5618 and its confirmation 2618."""

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
    Group,
    Integer,
    M,
    NString,
    O,
    String,
    when,
    when_parent,
)
from .record import Record, Voucher, message


class RemittanceLine(Record):
    """Detail of 5618."""

    LineNo: Annotated[int, Integer(M, "行号")]
    IncomeSortCode: Annotated[str, String(1, 30, M, "收入分类科目编码")]
    IncomeSortName: Annotated[str, GBString(0, 100, O, "收入分类科目名称")] = ""
    BgtLevel: Annotated[str, NString(1, 1, M, "预算级次")]
    ItemCode: Annotated[str, String(1, 30, M, "项目识别码")]
    ItemName: Annotated[str, GBString(0, 100, O, "项目名称")] = ""
    PayCode: Annotated[
        str, String(0, 20, C, "缴款码,直接缴库时必填", required_when=when_parent("RemitMode", "1"))
    ] = ""
    PayerName: Annotated[str, GBString(0, 100, O, "缴款人全称", sensitive=Sensitive.NAME)] = ""
    ChgAgenCode: Annotated[str, String(1, 30, M, "执收单位编码")]
    ChgAgenName: Annotated[str, GBString(0, 100, O, "执收单位名称")] = ""
    Amt: Annotated[int, Currency(M, "金额")]


@message(
    "5618",
    "bank",
    sender="finance",
    receiver="bank",
    answer="2001,2618",
    name="缴库(户)报文",
    title="remittance to treasury or account, batch",
    origin="ours",
    note="TotalAmt equals the sum of the details",
)
class Remittance(Voucher):
    """5618 缴库(户)报文: remittance to treasury or account, batch."""

    RemitNo: Annotated[str, String(1, 20, M, "缴库单号")]
    RemitDate: Annotated[str, Date(M, "缴库日期")]
    RemitType: Annotated[str, Choice(M, "1缴库 2缴户")]
    RemitMode: Annotated[str, Choice(M, "1直接缴库 2集中汇缴")]
    TreCode: Annotated[
        str, String(0, 10, C, "国库代码,缴库时必填", required_when=when("RemitType", "1"))
    ] = ""
    TreName: Annotated[str, GBString(0, 100, O, "国库名称")] = ""
    FinOrgCode: Annotated[str, String(1, 12, M, "财政机关代码")]
    PayAcctName: Annotated[str, GBString(1, 100, M, "付款户名")]
    PayAcct: Annotated[str, String(1, 50, M, "付款账号")]
    RecName: Annotated[str, GBString(0, 100, C, "收款人全称")] = ""
    RecAcct: Annotated[str, String(0, 50, C, "收款人账号")] = ""
    RecOpBk: Annotated[str, GBString(0, 100, C, "收款人开户行")] = ""
    TotalAmt: Annotated[int, Currency(M, "总金额")]
    Count: Annotated[int, Integer(M, "明细笔数")]
    Hold1: Annotated[str, HOLD] = ""
    Hold2: Annotated[str, HOLD] = ""
    DetailList: Annotated[tuple[RemittanceLine, ...], Group("Detail", M)]


@message(
    "2618",
    "bank",
    sender="bank",
    receiver="finance",
    answer="5001",
    name="缴库(户)确认报文",
    title="confirmation of a remittance",
    origin="ours",
)
class RemittanceResult(Voucher):
    """2618 缴库(户)确认报文: confirmation of a remittance."""

    RemitNo: Annotated[str, String(1, 20, M, "缴库单号")]
    TotalAmt: Annotated[int, Currency(M, "总金额")]
    Result: Annotated[str, RESULT]
    Information: Annotated[str, INFORMATION] = ""
    TraNo: Annotated[str, TRA_NO] = ""
    TraDate: Annotated[str, TRA_DATE] = ""
    TraTime: Annotated[str, TRA_TIME] = ""
    Hold1: Annotated[str, HOLD] = ""
    Hold2: Annotated[str, HOLD] = ""
