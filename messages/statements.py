"""Reconciliation (对账): the banks' day lists and finance's results; balances of unit accounts."""

from typing import Annotated

from ..codecs.masking import Sensitive
from .fields import (
    ACCOUNT_TYPES,
    HOLD,
    AccountType,
    Channel,
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
    Time,
)
from .record import Record, Voucher, message


class Pack(Voucher):
    """One pack (子包) of a batch: the first rows of every statement and its result."""

    BatchNo: Annotated[str, String(1, 30, M, "批次号")]
    CheckDate: Annotated[str, Date(M, "对账日期")]
    PackCount: Annotated[int, Integer(M, "子包总数")]
    PackNo: Annotated[int, Integer(M, "子包序号,从1起")]


class ChannelBatch(Record):
    """A batch is a channel's day (2555, 5555)."""

    PayMode: Annotated[str, Channel(M, "收款渠道")]


class ReceiptBatch(Record):
    """A batch is a receiving account's day (2557, 5557)."""

    RecAcctType: Annotated[str, AccountType(M, "账户类型", codes=ACCOUNT_TYPES)]
    RecAcct: Annotated[str, String(1, 50, M, "账号")]


class AccountBatch(Record):
    """A batch is a fiscal account's day (2556, 5556)."""

    AcctType: Annotated[str, AccountType(M, "账户类型")]
    Acct: Annotated[str, String(1, 50, M, "账号")]


class Difference(Record):
    """Detail of 5555, 5557 and 5556."""

    PayCode: Annotated[str, String(0, 20, O, "缴款码")] = ""
    TraNo: Annotated[str, String(0, 50, O, "流水号")] = ""
    Amt: Annotated[int | None, Currency(O, "银行金额")] = None
    FinAmt: Annotated[int | None, Currency(O, "财政金额")] = None
    Code: Annotated[str, NString(5, 5, M, "差异代码 15001 15002 15003 …")]
    Msg: Annotated[str, GBString(0, 200, O, "差异描述")] = ""


class Outcome(Record):
    """What a result says about its batch: counts and differences only."""

    CheckStatus: Annotated[str, Choice(M, "对账状态 1成功 2失败")]
    SuccCount: Annotated[int, Integer(M, "成功条数")]
    FailCount: Annotated[int, Integer(M, "失败条数")]
    Hold1: Annotated[str, HOLD] = ""
    Hold2: Annotated[str, HOLD] = ""
    DetailList: Annotated[tuple[Difference, ...], Group("Detail", M, may_be_empty=True)]


class PaymentLine(Record):
    """Detail of 2555."""

    PayCode: Annotated[str, String(1, 20, M, "缴款码")]
    CfmDate: Annotated[str, Date(M, "缴款日期")]
    CfmTime: Annotated[str, Time(M, "缴款时间")]
    Amt: Annotated[int, Currency(M, "金额")]
    TraNoBus: Annotated[str, String(1, 50, M, "确认交易流水号")]
    PayerName: Annotated[str, GBString(0, 100, O, "缴款人全称", sensitive=Sensitive.NAME)] = ""
    PayerAcct: Annotated[str, String(0, 50, O, "缴款人账号", sensitive=Sensitive.ACCOUNT)] = ""
    RecAcctType: Annotated[str, AccountType(M, "收款人账户类型", codes=ACCOUNT_TYPES)]
    RecAcct: Annotated[str, String(0, 50, O, "收款人账号")] = ""
    BankOutlet: Annotated[str, String(0, 20, O, "银行网点编码")] = ""
    BatchNo: Annotated[str, String(0, 30, O, "行间划转批次号")] = ""


@message(
    "2555",
    "bank",
    sender="bank,platform",
    receiver="finance",
    answer="5001,5555",
    name="交易流水对账报文",
    title="day's collected payments, one batch per channel",
    origin="ours",
    note="acknowledged at once with 5001, the result follows as 5555",
)
class PaymentStatement(ChannelBatch, Pack):
    """2555 交易流水对账报文: day's collected payments, one batch per channel."""

    TotalCount: Annotated[int, Integer(M, "全部子包明细总条数")]
    TotalAmt: Annotated[int, Currency(M, "全部子包金额合计", blank_is_zero=True)]
    Hold1: Annotated[str, HOLD] = ""
    Hold2: Annotated[str, HOLD] = ""
    DetailList: Annotated[tuple[PaymentLine, ...], Group("Detail", M, may_be_empty=True)]


@message(
    "5555",
    "bank",
    sender="finance",
    receiver="bank,platform",
    answer="2001",
    name="交易流水对账结果报文",
    title="result of 2555, differences only",
    origin="ours",
)
class PaymentStatementResult(Outcome, ChannelBatch, Pack):
    """5555 交易流水对账结果报文: result of 2555, differences only."""


class FundsLine(Record):
    """Detail of 2557."""

    TraNo: Annotated[str, String(1, 50, M, "资金交易流水号")]
    PayMode: Annotated[str, Channel(M, "收款渠道")]
    PayCode: Annotated[str, String(0, 20, O, "缴款码")] = ""
    BatchNo: Annotated[str, String(0, 30, O, "跨行到账填对应批次号")] = ""
    RecSubAcct: Annotated[
        str, String(0, 50, O, "子账户(虚拟账号)", sensitive=Sensitive.ACCOUNT)
    ] = ""
    Amt: Annotated[int, Currency(M, "金额")]
    AddWord: Annotated[str, GBString(0, 200, O, "附言", sensitive=Sensitive.TEXT)] = ""


@message(
    "2557",
    "bank",
    sender="bank",
    receiver="finance",
    answer="5001,5557",
    name="到账资金对账报文",
    title="day's arrived funds, one batch per account",
    origin="ours",
)
class FundsStatement(ReceiptBatch, Pack):
    """2557 到账资金对账报文: day's arrived funds, one batch per account."""

    TotalCount: Annotated[int, Integer(M, "全部子包明细总条数")]
    TotalAmt: Annotated[int, Currency(M, "全部子包金额合计", blank_is_zero=True)]
    Hold1: Annotated[str, HOLD] = ""
    Hold2: Annotated[str, HOLD] = ""
    DetailList: Annotated[tuple[FundsLine, ...], Group("Detail", M, may_be_empty=True)]


@message(
    "5557",
    "bank",
    sender="finance",
    receiver="bank",
    answer="2001",
    name="到账资金对账结果报文",
    title="result of 2557",
    origin="ours",
)
class FundsStatementResult(Outcome, ReceiptBatch, Pack):
    """5557 到账资金对账结果报文: result of 2557."""


class ChannelTotal(Record):
    """Channel of 2556."""

    PayMode: Annotated[str, Channel(M, "缴款渠道")]
    InAmt: Annotated[int, Currency(M, "收入", blank_is_zero=True)]
    OutAmt: Annotated[int, Currency(M, "支出", blank_is_zero=True)]


class Movement(Record):
    """Detail of 2556."""

    TraNo: Annotated[str, String(1, 50, M, "资金交易流水号")]
    DcFlag: Annotated[str, Choice(M, "1收入 2支出")]
    PayMode: Annotated[str, Channel(O, "收款渠道")] = ""
    Amt: Annotated[int, Currency(M, "金额")]
    OppName: Annotated[str, GBString(0, 100, O, "对方户名", sensitive=Sensitive.NAME)] = ""
    OppAcct: Annotated[str, String(0, 50, O, "对方账号", sensitive=Sensitive.ACCOUNT)] = ""
    BatchNo: Annotated[str, String(0, 30, O, "批次号")] = ""
    AddWord: Annotated[str, GBString(0, 200, O, "附言", sensitive=Sensitive.TEXT)] = ""


@message(
    "2556",
    "bank",
    sender="bank",
    receiver="finance",
    answer="5001,5556",
    name="账户资金对账报文",
    title="day's movements and balances of a fiscal account",
    origin="ours",
    note="BeginBal + InAmt - OutAmt = EndBal",
)
class AccountStatement(AccountBatch, Pack):
    """2556 账户资金对账报文: day's movements and balances of a fiscal account."""

    BeginBal: Annotated[int, Currency(M, "期初余额", blank_is_zero=True)]
    InAmt: Annotated[int, Currency(M, "收入合计", blank_is_zero=True)]
    OutAmt: Annotated[int, Currency(M, "支出合计", blank_is_zero=True)]
    EndBal: Annotated[int, Currency(M, "期末余额", blank_is_zero=True)]
    TotalCount: Annotated[int, Integer(M, "全部子包明细总条数")]
    TotalAmt: Annotated[int, Currency(M, "全部子包金额合计", blank_is_zero=True)]
    Hold1: Annotated[str, HOLD] = ""
    Hold2: Annotated[str, HOLD] = ""
    ChannelList: Annotated[tuple[ChannelTotal, ...], Group("Channel", O)] = ()
    DetailList: Annotated[tuple[Movement, ...], Group("Detail", M, may_be_empty=True)]


@message(
    "5556",
    "bank",
    sender="finance",
    receiver="bank",
    answer="2001",
    name="账户资金对账结果报文",
    title="result of 2556",
    origin="ours",
)
class AccountStatementResult(Outcome, AccountBatch, Pack):
    """5556 账户资金对账结果报文: result of 2556."""


class SupervisedMovement(Record):
    """Line of 2581."""

    TraNo: Annotated[str, String(1, 50, M, "流水号")]
    DcFlag: Annotated[str, Choice(M, "1收入 2支出")]
    Amt: Annotated[int, Currency(M, "金额")]
    OppName: Annotated[str, GBString(0, 100, O, "对方户名", sensitive=Sensitive.NAME)] = ""
    AddWord: Annotated[str, GBString(0, 200, O, "附言", sensitive=Sensitive.TEXT)] = ""


class SupervisedBalance(Record):
    """Detail of 2581."""

    ChgAgenCode: Annotated[str, String(1, 30, M, "执收单位编码")]
    AcctNo: Annotated[str, String(1, 50, M, "账号")]
    BeginBal: Annotated[int, Currency(M, "期初余额", blank_is_zero=True)]
    InAmt: Annotated[int, Currency(M, "收入", blank_is_zero=True)]
    OutAmt: Annotated[int, Currency(M, "支出", blank_is_zero=True)]
    EndBal: Annotated[int, Currency(M, "余额", blank_is_zero=True)]
    LineList: Annotated[tuple[SupervisedMovement, ...], Group("Line", O)] = ()


@message(
    "2581",
    "bank",
    sender="bank",
    receiver="finance",
    answer="5001",
    name="单位监管账户收支余报文",
    title="movements and balance of supervised unit accounts",
    origin="ours",
)
class SupervisedBalances(Voucher):
    """2581 单位监管账户收支余报文: movements and balance of supervised unit accounts."""

    CheckDate: Annotated[str, Date(M, "日期")]
    AdmDivCode: Annotated[str, String(1, 6, M, "行政区划")]
    DetailList: Annotated[tuple[SupervisedBalance, ...], Group("Detail", M)]
