"""The day's statements (对账单) of a bank or the platform, from its own ledger and book alone.

2555: the payments that it took, a batch per channel; a bank's also lists the platform's payments of
accounts that it holds, where the platform owes no list of its own. 2557: the money that came to
each collection account. 2556: every movement of each fiscal account, with balances and totals per
channel. A batch goes out in packs; what finance found comes back as 5555, 5557, 5556.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from ..messages import Voucher, spec_of
from ..messages.statements import (
    AccountStatement,
    AccountStatementResult,
    ChannelTotal,
    FundsLine,
    FundsStatement,
    FundsStatementResult,
    Movement,
    PaymentLine,
    PaymentStatement,
    PaymentStatementResult,
)
from .accounts import Kind
from .executing import CONFLICT, SUCCESS
from .identity import Received
from .ledger import Entry, Ledger
from .peer import Node
from .till import Till

Number = Literal["2555", "2557", "2556"]
Line = PaymentLine | FundsLine | Movement
Result = PaymentStatementResult | FundsStatementResult | AccountStatementResult

IN: Final = "1"
OUT: Final = "2"
PACK_SIZE: Final = 500
_RESULTS: Final[tuple[str, ...]] = ("5555", "5557", "5556")
_LISTED: Final = (Kind.COLLECTION, Kind.CLEARING, Kind.RESERVE)
_RECEIVING: Final = (Kind.COLLECTION, Kind.CLEARING)
_UNNAMED_CHANNEL: Final = "9"
_ACCOUNT_TYPES: Final = {Kind.CLEARING: "9"}


@dataclass(frozen=True, slots=True)
class Statement:
    """One batch before it is cut into packs. `scope`: its PayMode, or its account. Fen.

    begin, end and channels are those of 2556.
    """

    number: Number
    src: str
    check_date: str
    scope: str
    batch_no: str
    lines: tuple[Line, ...] = ()
    acct_type: str = ""
    begin: int = 0
    end: int = 0
    channels: tuple[ChannelTotal, ...] = ()

    @property
    def key(self) -> tuple[Number, str, str, str]:
        """What there is one living batch of: kind, node, day, scope."""
        return self.number, self.src, self.check_date, self.scope

    @property
    def amt(self) -> int:
        """What all lines sum up to, whatever their direction."""
        return sum(line.Amt for line in self.lines)

    def packs(self, size: int = PACK_SIZE) -> tuple[Voucher, ...]:
        """The messages that carry it, at most `size` lines each; one without lines when empty."""
        starts = range(0, max(len(self.lines), 1), size)
        cut = [self.lines[start : start + size] for start in starts]
        return tuple(
            self._pack(lines, number, len(cut)) for number, lines in enumerate(cut, start=1)
        )

    def _pack(self, lines: Sequence[Line], number: int, count: int) -> Voucher:
        fields: dict[str, Any] = {
            "BatchNo": self.batch_no,
            "CheckDate": self.check_date,
            "PackCount": count,
            "PackNo": number,
            "TotalCount": len(self.lines),
            "TotalAmt": self.amt,
            "DetailList": tuple(lines),
        }
        if self.number == "2555":
            return PaymentStatement(PayMode=self.scope, **fields)
        if self.number == "2557":
            return FundsStatement(RecAcctType=self.acct_type, RecAcct=self.scope, **fields)
        moved = {
            flag: sum(line.Amt for line in self.lines if getattr(line, "DcFlag", "") == flag)
            for flag in (IN, OUT)
        }
        return AccountStatement(
            AcctType=self.acct_type,
            Acct=self.scope,
            BeginBal=self.begin,
            InAmt=moved[IN],
            OutAmt=moved[OUT],
            EndBal=self.end,
            ChannelList=self.channels,
            **fields,
        )


# -- from the ledger and the book ------------------------------------------------------------------


def payment_lines(entries: Iterable[Entry], outlet: str) -> dict[str, list[PaymentLine]]:
    """Booked payments as lines of 2555, by PayMode and in the order in which they were taken."""
    lines: dict[str, list[PaymentLine]] = defaultdict(list)
    for entry in entries:
        lines[entry.pay_mode].append(
            PaymentLine(
                PayCode=entry.pay_code,
                CfmDate=entry.cfm_date,
                CfmTime=entry.cfm_time,
                Amt=entry.amt,
                TraNoBus=entry.tra_no_bus,
                PayerName=entry.payer_name,
                RecAcctType=entry.acct_type,
                RecAcct=entry.rec_acct,
                BankOutlet=outlet,
            )
        )
    return lines


def payment_statements(
    till: Till, ledger: Ledger, date: str, *, outlet: str = "", others: Iterable[Ledger] = ()
) -> list[Statement]:
    """2555 of a node's day, a batch per channel.

    others: ledgers of nodes that owe no list of their own (the platform); their payments of
    accounts that this node's bank holds are listed, too.
    """
    wanted = [entry for entry in ledger.booked() if entry.cfm_date == date]
    for other in others:
        wanted += [
            entry
            for entry in other.booked()
            if entry.cfm_date == date
            and till.banks.holder(entry.real_acct or entry.rec_acct) == till.bank
        ]
    return [
        Statement("2555", till.node, date, pay_mode, _batch_no("L", date, pay_mode), tuple(lines))
        for pay_mode, lines in sorted(payment_lines(wanted, outlet).items())
    ]


def funds_statements(till: Till, date: str) -> list[Statement]:
    """2557 of a bank's day: what came to each collection account, a batch per account."""
    return [
        Statement(
            "2557",
            till.node,
            date,
            account,
            _batch_no("F", date, account),
            tuple(
                FundsLine(
                    TraNo=moved.tra_no,
                    PayMode=moved.particulars.pay_mode or _UNNAMED_CHANNEL,
                    PayCode=moved.particulars.pay_code,
                    BatchNo=moved.particulars.batch_no,
                    Amt=amt,
                )
                for moved, amt in _moved(till, account, date)
                if amt > 0
            ),
            acct_type=_ACCOUNT_TYPES.get(till.book.kinds[account], "1"),
        )
        for account in _accounts(till, _RECEIVING)
    ]


def account_statements(till: Till, date: str) -> list[Statement]:
    """2556 of a bank's day: movements and balances of each fiscal account that it holds."""
    return [_account_statement(till, account, date) for account in _accounts(till, _LISTED)]


def _account_statement(till: Till, account: str, date: str) -> Statement:
    begin = sum(
        posting.amt
        for moved in till.book.of(account)
        if moved.what == "opening" or moved.date < date
        for posting in moved.postings
        if posting.account == account
    )
    lines = [
        Movement(
            TraNo=moved.tra_no,
            DcFlag=IN if amt > 0 else OUT,
            PayMode=moved.particulars.pay_mode,
            Amt=abs(amt),
            BatchNo=moved.particulars.batch_no,
        )
        for moved, amt in _moved(till, account, date)
    ]
    return Statement(
        "2556",
        till.node,
        date,
        account,
        _batch_no("A", date, account),
        tuple(lines),
        acct_type=_ACCOUNT_TYPES.get(till.book.kinds[account], "1"),
        begin=begin,
        end=begin + net(lines),
        channels=channel_totals(lines),
    )


def net(lines: Iterable[Line]) -> int:
    """What movements change a balance by."""
    return sum(
        line.Amt if line.DcFlag == IN else -line.Amt for line in lines if isinstance(line, Movement)
    )


def channel_totals(lines: Iterable[Line]) -> tuple[ChannelTotal, ...]:
    """What came in and went out by each channel that lines name."""
    totals: dict[str, dict[str, int]] = defaultdict(lambda: {IN: 0, OUT: 0})
    for line in lines:
        if isinstance(line, Movement) and line.PayMode:
            totals[line.PayMode][line.DcFlag] += line.Amt
    return tuple(
        ChannelTotal(PayMode=mode, InAmt=total[IN], OutAmt=total[OUT])
        for mode, total in sorted(totals.items())
    )


def _accounts(till: Till, kinds: Sequence[Kind]) -> list[str]:
    """The accounts with a number that a bank holds; its own 科目 and the like carry its code."""
    return sorted(
        account for account, kind in till.book.kinds.items() if kind in kinds and ":" not in account
    )


def _moved(till: Till, account: str, date: str) -> list[tuple[Any, int]]:
    """The movements of an account on a day, and by how much each changed it."""
    return [
        (moved, posting.amt)
        for moved in till.book.of(account)
        if moved.date == date and moved.what != "opening"
        for posting in moved.postings
        if posting.account == account
    ]


def _batch_no(letter: str, date: str, scope: str) -> str:
    """A node's BatchNo: the day, the kind of list and what tells its scopes apart."""
    return f"DZ{date}{letter}{scope[-12:]}"


# -- sending them, and what comes back -------------------------------------------------------------


class StatementDesk:
    """Sends a node's statements, and keeps the results that finance sends back."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self._packs: dict[tuple[str, str, str, str], dict[int, Result]] = {}
        for number in _RESULTS:
            node.handlers[number] = self._result

    async def send(
        self, statements: Iterable[Statement], size: int = PACK_SIZE
    ) -> dict[tuple[Number, str, str, str], list[str]]:
        """Send batches in packs; the answers' result codes by batch. Raises NoAnswerError."""
        answered = {}
        for statement in statements:
            answered[statement.key] = [
                (await self.node.ask(pack)).result for pack in statement.packs(size)
            ]
        return answered

    def all_results(self) -> tuple[Result, ...]:
        """The results that are complete, in the order in which they began; packs joined."""
        found = []
        for packs in self._packs.values():
            first = next(iter(packs.values()))
            if len(packs) == first.PackCount:
                details = tuple(d for no in sorted(packs) for d in packs[no].DetailList)
                whole = {"DetailList": details, "PackNo": 1, "PackCount": 1}
                found.append(first.model_copy(update=whole))
        return tuple(found)

    def results(self, number: str, check_date: str, scope: str) -> tuple[Result, ...]:
        """The complete results (5555, 5557, 5556) of a channel or account, the latest last."""
        return tuple(
            result
            for result in self.all_results()
            if (spec_of(result).number, result.CheckDate, scope_of(result))
            == (number, check_date, scope)
        )

    def _result(self, request: Received) -> Voucher:
        """A pack of a result: taken once, the same again is taken again."""
        number, pack = request.head.msg_no, request.message
        assert isinstance(  # noqa: S101 - registered for the three only
            pack, PaymentStatementResult | FundsStatementResult | AccountStatementResult
        )
        # The same batch has another result when a run sees more, or a person has decided.
        outcome = f"{pack.BatchNo} {pack.CheckStatus} {pack.SuccCount} {pack.FailCount}"
        key = (number, pack.CheckDate, scope_of(pack), outcome)
        packs = self._packs.setdefault(key, {})
        if packs.setdefault(pack.PackNo, pack) != pack:
            return self.node.identity.general(number, CONFLICT, "与原报文不一致")
        return self.node.identity.general(number, SUCCESS)


def scope_of(pack: Voucher) -> str:
    """The PayMode or account that a pack of a statement or of a result is about."""
    fields = vars(pack)
    return str(fields.get("PayMode") or fields.get("RecAcct") or fields.get("Acct"))


def renamed(statement: Statement, batch_no: str) -> Statement:
    """The same batch under another BatchNo: one that replaces what failed."""
    return replace(statement, batch_no=batch_no)


__all__ = [
    "IN",
    "OUT",
    "PACK_SIZE",
    "Line",
    "Number",
    "Result",
    "Statement",
    "StatementDesk",
    "account_statements",
    "channel_totals",
    "funds_statements",
    "net",
    "payment_statements",
    "renamed",
    "scope_of",
]
