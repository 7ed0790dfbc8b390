"""What banks and the platform have in common: they query bills, take money, confirm it, and pay
back what the gateway refuses or orders to be refunded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..messages import Voucher
from ..messages.confirm import Confirmation
from ..messages.query import BillDue, BillQuery, DueBill
from ..messages.refund import RefundOrder, RefundResult
from .accounts import AccountError, Interbank
from .duties import Counter, Stamp
from .executing import FAILURE, SUCCESS, Duty, Executor, by
from .identity import Received
from .ledger import Entry, Ledger, LedgerError, Money
from .link import NoAnswerError
from .peer import Node
from .scenario import Behaviour
from .statements import Statement, StatementDesk, payment_statements
from .till import Till


@dataclass(frozen=True, slots=True)
class Quote:
    """The answer to a query: what is due, or the code that refuses it."""

    result: str
    due: BillDue | None = None
    information: str = ""


@dataclass(frozen=True, slots=True)
class Payer:
    """Who pays, from what account; the account is empty for third-party payments."""

    name: str
    acct: str = ""
    op_bk: str = ""
    op_bk_no: str = ""


class Collector:
    """A collecting node with its ledger. Subclasses say how they pay and what else they do."""

    outlet = "320682001"
    operator = "柜员01"
    pay_mode = "11"
    serial_prefix = "B"

    def __init__(self, node: Node, banks: Interbank | None = None) -> None:
        self.node = node
        if banks is None:  # who plays alone knows every account
            banks = Interbank(lenient=True, today=lambda: node.identity.clock().strftime("%Y%m%d"))
        self.till = Till(node.code, banks)
        self.ledger = Ledger(self.till)
        self.executor = Executor(node)
        self.desk = StatementDesk(node)
        self.counter = Counter(node.identity, self.next_serial)
        self._told: dict[tuple[str, str], Confirmation] = {}
        self._serial = 0
        self.executor.take_on(Duty("5617", by("RefundNo"), self._refund_problem, self._pay_back))

    # -- bills and payments ----------------------------------------------------------------

    async def query(self, pay_code: str, check_code: str = "", pay_mode: str = "") -> Quote:
        """Ask what is due (2601). Raises NoAnswerError."""
        answer = await self.node.ask(
            BillQuery(PayCode=pay_code, PayMode=pay_mode or self.pay_mode, Hold1=check_code)
        )
        if isinstance(answer.message, BillDue):
            return Quote(SUCCESS, answer.message)
        return Quote(answer.result, None, answer.information)

    async def pay(
        self,
        due: DueBill,
        payer: Payer | None = None,
        *,
        amt: int | None = None,
        rec_acct: str | None = None,
        pay_mode: str = "",
        tra_no_bus: str = "",
        late: bool = False,
    ) -> Entry:
        """Take the money and confirm it (2612); what is refused goes back to the payer.

        amt, rec_acct: what the teller enters instead of what the query said. late: the money comes
        to its account only when `Receiver.landed` says so. The entry stays
        unanswered when there is no usable answer; `settle_unanswered` asks again.
        """
        message = self._confirmation(
            due,
            payer or Payer(due.PayerName),
            Amt=due.Amt if amt is None else amt,
            RecAcctType=due.RecAcctType,
            RecAcct=due.RecAcct if rec_acct is None else rec_acct,
            PayMode=pay_mode or self.pay_mode,
            TraNoBus=tra_no_bus or self.next_serial(),
        )
        entry = self._take(message, str(getattr(due, "Hold2", "")), late=late)
        try:
            return await self._tell(entry)
        except NoAnswerError:
            return entry

    def take_untold(self, due: DueBill, *, acct_type: str = "", rec_acct: str = "") -> Entry:
        """Take the money for a bill and tell nobody: the day's list will be the first to say so.

        acct_type, rec_acct: where the teller puts it instead of where the query said.
        """
        message = self._confirmation(
            due,
            Payer(due.PayerName),
            Amt=due.Amt,
            RecAcctType=acct_type or due.RecAcctType,
            RecAcct=rec_acct or due.RecAcct,
            PayMode=self.pay_mode,
            TraNoBus=self.next_serial(),
        )
        return self._take(message, "")

    def _take(self, message: Confirmation, real_acct: str, *, late: bool = False) -> Entry:
        """The money comes in."""
        entry = Entry(
            message.CfmDate,
            message.TraNoBus,
            message.PayCode,
            message.Amt,
            message.PayMode,
            message.RecAcct,
            acct_type=message.RecAcctType,
            real_acct=real_acct,
            late=late,
            cfm_time=message.CfmTime,
            payer_name=message.PayerName,
        )
        self.ledger.take(entry)
        self._told[entry.key] = message
        return entry

    def _confirmation(self, due: DueBill, payer: Payer, **fields: Any) -> Confirmation:
        now = self.node.identity.clock()
        return Confirmation(
            PayCode=due.PayCode,
            CfmDate=now.strftime("%Y%m%d"),
            CfmTime=now.strftime("%H%M%S"),
            BankOutlet=self.outlet,
            Operator=self.operator,
            PayerName=payer.name,
            PayerAcct=payer.acct,
            PayerOpBk=payer.op_bk,
            PayerOpBkNo=payer.op_bk_no,
            **fields,
        )

    async def _tell(self, entry: Entry) -> Entry:
        answer = await self.node.ask(self._told[entry.key])
        if not answer.result:
            raise NoAnswerError(f"{answer.head.msg_no} is no answer to 2612", sent=True)
        return self.ledger.settle(entry.key, answer.result)

    async def settle_unanswered(self) -> list[Entry]:
        """Tell every payment again whose fate is not known; return those that are known now."""
        settled = []
        for entry in self.ledger.unanswered():
            try:
                settled.append(await self._tell(entry))
            except NoAnswerError:
                continue
        return settled

    async def repeat(self, entry: Entry, **changes: Any) -> Received:
        """Send the confirmation of a payment once more, perhaps with other content.

        No money moves: it is a copy that comes late, or a mistake. The answer to an unchanged copy
        must be the one that the payment had. Raises NoAnswerError, LedgerError.
        """
        message = self._told[entry.key]
        if changes:
            return await self.node.ask(message.model_copy(update=changes))
        answer = await self.node.ask(message)
        self.ledger.settle(entry.key, answer.result)
        return answer

    def skip_serials_to(self, number: int) -> None:
        """Begin above a number: what an earlier run of this node used must not come again."""
        self._serial = max(self._serial, number)

    def next_serial(self) -> str:
        """A serial number (流水号) of this node, unique for ever."""
        self._serial += 1
        day = self.node.identity.clock().strftime("%Y%m%d")
        return f"{day}{self.serial_prefix}{self._serial:08d}"

    # -- statements ------------------------------------------------------------------------

    def statements(self, date: str, others: Iterable[Ledger] = ()) -> list[Statement]:
        """What this node delivers of a day (对账), from its own ledger; see `statements`.

        others: ledgers of nodes that owe no list of their own.
        """
        return payment_statements(self.till, self.ledger, date, outlet=self.outlet, others=others)

    # -- refunds ---------------------------------------------------------------------------

    @property
    def refund_orders(self) -> Mapping[str, Voucher]:
        """Refunds (5617) that were accepted, by RefundNo."""
        return self.executor.orders("5617")

    def _refund_problem(self, order: RefundOrder) -> str:
        """Why a refund cannot be accepted, '' when it can."""
        entry = self.ledger.find(order.OriCfmDate, order.OriTraNoBus)
        if entry is None or entry.pay_code != order.PayCode:
            return "原交易不存在"
        if entry.money is Money.RETURNED or order.OriAmt != entry.amt:
            return "原交易金额不符或未入账"
        if order.Amt > entry.amt - entry.refunded:
            return "退付金额超过原交易可退金额"
        return ""

    def _pay_back(self, order: RefundOrder, behaviour: Behaviour) -> Voucher:
        """Pay an accepted refund out, and say what came of it (2617)."""
        key = (order.OriCfmDate, order.OriTraNoBus)
        if self.ledger.entry(key).money is Money.UNANSWERED:
            # The gateway orders a refund of what it booked, so its answer was lost.
            self.ledger.settle(key, SUCCESS)
        result, information, stamp = SUCCESS, "已退付", Stamp()
        if behaviour.result not in (None, SUCCESS):
            result, information = behaviour.result or FAILURE, behaviour.information or "退付失败"
        else:
            try:
                made = self.counter.stamp()
                self.ledger.refund(
                    key, order.RefundNo, order.Amt, pay_acct=order.PayAcct, tra_no=made.tra_no
                )
                stamp = made
            except AccountError as error:
                result, information = FAILURE, error.chinese
            except LedgerError:
                result, information = FAILURE, "退付金额超过原交易可退金额"
        return RefundResult(
            RefundNo=order.RefundNo,
            PayCode=order.PayCode,
            Amt=order.Amt,
            Result=result,
            Information=information,
            TraNo=stamp.tra_no,
            TraDate=stamp.tra_date,
            TraTime=stamp.tra_time,
        )

    def _general(self, number: str, result: str, information: str = "") -> Voucher:
        return self.node.identity.general(number, result, information)


__all__ = ["Collector", "Payer", "Quote"]
