"""From a statement message (2555, 2557, 2556) to the pack that is taken in: pure, no books.

`received` is the long part of a pack's work; it runs where the message was read, which for a large
one is a thread beside the event loop, and before the transaction begins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, Final

from ...messages import Result
from ...messages.statements import AccountStatement, FundsStatement, PaymentStatement
from ...reconcile.digest import lines_digest
from ...reconcile.kinds import Statement
from ..settlement.transfers import Fault
from ..store import MAX_FEN
from ..store.statements import Line

Message = PaymentStatement | FundsStatement | AccountStatement
Total = tuple[str, int, int]
"""A channel of 2556: PayMode, what came in, what went out."""

MOST_PACKS: Final = 10_000
MOST_TOTAL: Final = 100 * MAX_FEN
"""Above it (10^15 yuan) no statement can be true, and sums would leave 64 bits."""
IN: Final = "1"


@dataclass(frozen=True, slots=True)
class Heading:
    """What every pack of a batch says of the batch; balances are None unless the kind is 2556."""

    kind: Statement
    check_date: str
    scope: str = field(repr=False)
    acct_type: str
    batch_no: str
    pack_count: int
    total_count: int
    total_amt: int
    begin_bal: int | None = None
    in_amt: int | None = None
    out_amt: int | None = None
    end_bal: int | None = None


@dataclass(frozen=True, slots=True)
class Pack:
    """One pack: its lines as the store takes them, their digest, number and sums (fen)."""

    heading: Heading
    number: int
    digest: str
    count: int
    amt: int
    in_amt: int
    lines: Sequence[Line] = field(repr=False)
    channels: tuple[Total, ...] = ()


def received(message: Message) -> Pack:
    """The pack that a message brings."""
    if isinstance(message, PaymentStatement):
        lines = _payments(message)
    elif isinstance(message, FundsStatement):
        lines = _funds(message)
    else:
        lines = _movements(message)
    in_amt = 0
    channels: tuple[Total, ...] = ()
    if isinstance(message, AccountStatement):
        in_amt = sum(line.Amt for line in message.DetailList if line.DcFlag == IN)
        channels = tuple((c.PayMode, c.InAmt, c.OutAmt) for c in message.ChannelList)
    heading = heading_of(message)
    return Pack(
        heading,
        message.PackNo,
        digest_of(heading.kind, lines),
        len(lines),
        sum(line.Amt for line in message.DetailList),
        in_amt,
        # In the order of the table's key: lines that follow each other are written faster.
        sorted(lines, key=itemgetter(0)) if heading.kind == "2555" else lines,
        channels,
    )


def heading_of(message: Message) -> Heading:
    """What a message says of its batch."""
    kind: Statement
    balances: tuple[int, ...] = ()
    if isinstance(message, PaymentStatement):
        kind, scope, acct_type = "2555", message.PayMode, ""
    elif isinstance(message, FundsStatement):
        kind, scope, acct_type = "2557", message.RecAcct, message.RecAcctType
    else:
        kind, scope, acct_type = "2556", message.Acct, message.AcctType
        balances = (message.BeginBal, message.InAmt, message.OutAmt, message.EndBal)
    return Heading(
        kind,
        message.CheckDate,
        scope,
        acct_type,
        message.BatchNo,
        message.PackCount,
        message.TotalCount,
        message.TotalAmt,
        *balances,
    )


def digest_of(kind: Statement, lines: Iterable[Line]) -> str:
    """The digest of a pack's lines, whatever their order and numbers."""
    number = 1 if kind == "2555" else 0  # where the line's number stands
    return lines_digest((*line[:number], *line[number + 1 :]) for line in lines)


def amount_fault(amt: int) -> str:
    """What is wrong with a line's amount, '' for nothing; such a line is kept and reported."""
    if amt <= 0:
        return "Amt: 金额应大于0"
    return "" if amt <= MAX_FEN else "Amt: 金额超过10万亿元"


_PAYMENT: Final[Callable[[dict[str, Any]], tuple[Any, ...]]] = itemgetter(
    "PayerName", "PayerAcct", "RecAcctType", "RecAcct", "BankOutlet", "BatchNo"
)
_FUNDS: Final[Callable[[dict[str, Any]], tuple[Any, ...]]] = itemgetter(
    "TraNo", "PayMode", "PayCode", "BatchNo", "RecSubAcct", "Amt", "AddWord"
)
_MOVEMENT: Final[Callable[[dict[str, Any]], tuple[Any, ...]]] = itemgetter(
    "TraNo", "DcFlag", "PayMode", "Amt", "OppName", "OppAcct", "BatchNo", "AddWord"
)


def _payments(message: PaymentStatement) -> list[Line]:
    mode = message.PayMode
    return [
        (
            line.TraNoBus,
            number,
            line.PayCode,
            line.CfmDate,
            line.CfmTime,
            line.Amt,
            mode,
            *_PAYMENT(vars(line)),
            amount_fault(line.Amt),
        )
        for number, line in enumerate(message.DetailList, 1)
    ]


def _funds(message: FundsStatement) -> list[Line]:
    return [
        (number, *_FUNDS(vars(line)), amount_fault(line.Amt))
        for number, line in enumerate(message.DetailList, 1)
    ]


def _movements(message: AccountStatement) -> list[Line]:
    return [
        (number, *_MOVEMENT(vars(line)), amount_fault(line.Amt))
        for number, line in enumerate(message.DetailList, 1)
    ]


def check(pack: Pack, today: str) -> Fault | None:
    """What the pack alone shows to be wrong: dates, numbers, balances that do not add up."""
    heading = pack.heading
    if heading.check_date > today:
        return _wrong("CheckDate", "对账日期晚于今天")
    if not 1 <= heading.pack_count <= MOST_PACKS:
        return _wrong("PackCount", f"子包总数应在1到{MOST_PACKS}之间")
    if not 1 <= pack.number <= heading.pack_count:
        return _wrong("PackNo", f"子包序号应在1到{heading.pack_count}之间")
    if heading.total_count < 0:
        return _wrong("TotalCount", "总条数不能小于0")
    if max(heading.total_amt, pack.amt) > MOST_TOTAL:
        return _wrong("TotalAmt", "合计金额过大")
    begin, came, went, end = _balances(heading)
    for tag, amt in (("BeginBal", begin), ("InAmt", came), ("OutAmt", went), ("EndBal", end)):
        if amt > MOST_TOTAL:
            return _wrong(tag, "金额过大")
    if begin + came - went != end:
        return _wrong("EndBal", "期初余额+收入-支出与期末余额不一致")
    seen: set[str] = set()
    for number, (mode, *amounts) in enumerate(pack.channels, 1):
        place = f"ChannelList/Channel[{number}]"
        if mode in seen:
            return _wrong(f"{place}/PayMode", "渠道重复")
        if max(amounts) > MOST_TOTAL:
            return _wrong(f"{place}/InAmt", "金额过大")
        seen.add(mode)
    return None


def _balances(heading: Heading) -> tuple[int, int, int, int]:
    """BeginBal, InAmt, OutAmt, EndBal; zeros for kinds that have none."""
    return (
        heading.begin_bal or 0,
        heading.in_amt or 0,
        heading.out_amt or 0,
        heading.end_bal or 0,
    )


def _wrong(tag: str, text: str) -> Fault:
    return Fault(tag, Result.BAD_PARAMETER, text)
