"""Money that moves or arrives (划转, 到账): 2613, 2615, 2616, 2619."""

from typing import Annotated

from ..codecs.masking import Sensitive
from .fields import (
    HOLD,
    REC_ACCT_TYPE,
    C,
    Currency,
    Date,
    GBString,
    Group,
    Integer,
    M,
    NString,
    O,
    String,
    Time,
)
from .record import Record, Voucher, message


class TransferDetail(Record):
    """Detail of 2613."""

    PayCode: Annotated[str, String(1, 20, M, "缴款码")]
    TraNoBus: Annotated[str, String(1, 50, M, "确认交易流水号")]
    Amt: Annotated[int, Currency(M, "金额")]


@message(
    "2613",
    "bank",
    sender="bank,platform",
    receiver="finance",
    answer="5001",
    name="收单行行间划转报文",
    title="inter-bank transfer made for a batch of collected payments",
    origin="ours",
    note="Amt equals the sum of the details, Count their number",
)
class InterbankTransfer(Voucher):
    """2613 收单行行间划转报文: inter-bank transfer made for a batch of collected payments."""

    BatchNo: Annotated[str, String(1, 30, M, "批次号")]
    TraDate: Annotated[str, Date(M, "划转日期")]
    TraNo: Annotated[str, String(1, 50, M, "划转流水号")]
    PayerName: Annotated[str, GBString(1, 100, M, "付款人全称", sensitive=Sensitive.NAME)]
    PayerAcct: Annotated[str, String(0, 50, C, "付款人账号", sensitive=Sensitive.ACCOUNT)] = ""
    RecAcctType: Annotated[str, REC_ACCT_TYPE]
    RecName: Annotated[str, GBString(0, 100, M, "收款人全称")]
    RecAcct: Annotated[str, String(0, 50, M, "收款人账号")]
    RecOpBk: Annotated[str, GBString(0, 100, M, "收款人开户行")]
    RecOpBkNo: Annotated[str, NString(0, 20, O, "收款人开户行行号")] = ""
    Amt: Annotated[int, Currency(M, "划转金额")]
    Count: Annotated[int, Integer(M, "笔数")]
    Hold1: Annotated[str, HOLD] = ""
    Hold2: Annotated[str, HOLD] = ""
    DetailList: Annotated[tuple[TransferDetail, ...], Group("Detail", M)]


@message(
    "2615",
    "bank",
    sender="bank,clearing",
    receiver="finance,platform",
    answer="5001",
    name="行间划转及清分资金到账报文",
    title="funds arrived from another bank or from clearing",
    origin="ours",
    note="same TraNo with the same content is answered 00000, with other content 13001",
)
class FundsArrival(Voucher):
    """2615 行间划转及清分资金到账报文: funds arrived from another bank or from clearing."""

    TraNo: Annotated[str, String(1, 50, M, "资金交易流水号")]
    ArrDate: Annotated[str, Date(M, "到账日期")]
    ArrTime: Annotated[str, Time(M, "到账时间")]
    BatchNo: Annotated[str, String(0, 30, O, "2613批次号或5614指令号,空为未明资金")] = ""
    RecAcctType: Annotated[str, REC_ACCT_TYPE]
    RecName: Annotated[str, GBString(0, 100, O, "收款人全称")] = ""
    RecAcct: Annotated[str, String(1, 50, M, "收款人账号")]
    PayerName: Annotated[str, GBString(0, 100, O, "付款人全称", sensitive=Sensitive.NAME)] = ""
    PayerAcct: Annotated[str, String(0, 50, O, "付款人账号", sensitive=Sensitive.ACCOUNT)] = ""
    PayerOpBk: Annotated[str, GBString(0, 100, O, "付款人开户行")] = ""
    Amt: Annotated[int, Currency(M, "到账金额")]
    AddWord: Annotated[str, GBString(0, 200, O, "附言", sensitive=Sensitive.TEXT)] = ""
    Hold1: Annotated[str, HOLD] = ""
    Hold2: Annotated[str, HOLD] = ""


@message(
    "2616",
    "bank",
    sender="bank",
    receiver="finance",
    answer="5001",
    name="虚拟账号资金到账报文",
    title="funds arrived on a virtual account",
    origin="ours",
)
class VirtualAccountArrival(Voucher):
    """2616 虚拟账号资金到账报文: funds arrived on a virtual account."""

    TraNo: Annotated[str, String(1, 50, M, "资金交易流水号")]
    ArrDate: Annotated[str, Date(M, "到账日期")]
    ArrTime: Annotated[str, Time(M, "到账时间")]
    RecAcctType: Annotated[str, REC_ACCT_TYPE]
    RecAcct: Annotated[str, String(1, 50, M, "虚拟账号", sensitive=Sensitive.ACCOUNT)]
    Amt: Annotated[int, Currency(M, "到账金额")]
    PayerName: Annotated[str, GBString(1, 100, M, "付款人全称", sensitive=Sensitive.NAME)]
    PayerAcct: Annotated[str, String(0, 50, O, "付款人账号", sensitive=Sensitive.ACCOUNT)] = ""
    PayerOpBk: Annotated[str, GBString(0, 100, O, "付款人开户行")] = ""
    AddWord: Annotated[str, GBString(0, 200, O, "附言", sensitive=Sensitive.TEXT)] = ""
    Hold1: Annotated[str, HOLD] = ""
    Hold2: Annotated[str, HOLD] = ""


@message(
    "2619",
    "bank",
    sender="bank,platform",
    receiver="finance",
    answer="5001",
    name="同行在途资金到账报文",
    title="in-transit funds of the same bank arrived after the day was reconciled",
    origin="ours",
    note="same TraNo with other content is 14001, an amount other than the bill's is 14002",
)
class InTransitArrival(Voucher):
    """2619 同行在途资金到账报文:
    in-transit funds of the same bank arrived after the day was reconciled.
    """

    TraNo: Annotated[str, String(1, 50, M, "资金交易流水号")]
    PayCode: Annotated[str, String(1, 20, M, "缴款码")]
    ArrDate: Annotated[str, Date(M, "到账日期")]
    ArrTime: Annotated[str, Time(M, "到账时间")]
    RecAcctType: Annotated[str, REC_ACCT_TYPE]
    RecAcct: Annotated[str, String(0, 50, C, "收款人账号")] = ""
    Amt: Annotated[int, Currency(M, "金额")]
    Hold1: Annotated[str, HOLD] = ""
    Hold2: Annotated[str, HOLD] = ""
