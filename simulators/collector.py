"""What banks and the platform have in common: they query bills, take money, confirm it, and pay
back what the gateway refuses or orders to be refunded.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from ..messages import Voucher
from ..messages.confirm import Confirmation
from ..messages.query import BillDue, BillQuery, DueBill
from ..messages.refund import RefundOrder, RefundResult
from .identity import Received
from .ledger import Entry, Ledger, Money
from .link import NoAnswerError
from .peer import Node

SUCCESS = "00000"
FAILURE = "99999"


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

    def __init__(self, node: Node) -> None:
        self.node = node
        self.ledger = Ledger()
        self.refund_orders: dict[str, RefundOrder] = {}
        self._told: dict[tuple[str, str], Confirmation] = {}
        self._owed: list[RefundResult] = []
        self._ordered = asyncio.Event()
        self._settled = asyncio.Event()
        self._settled.set()
        self._serial = 0
        node.handlers["5617"] = self._refund_ordered

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
    ) -> Entry:
        """Take the money and confirm it (2612); what is refused goes back to the payer.

        amt, rec_acct: what the teller enters instead of what the query said. The entry stays
        unanswered when there is no usable answer; `settle_unanswered` asks again.
        """
        now = self.node.identity.clock()
        message = self._confirmation(
            due,
            payer or Payer(due.PayerName),
            Amt=due.Amt if amt is None else amt,
            RecAcct=due.RecAcct if rec_acct is None else rec_acct,
            PayMode=pay_mode or self.pay_mode,
            TraNoBus=tra_no_bus or self.next_serial(),
            CfmDate=now.strftime("%Y%m%d"),
            CfmTime=now.strftime("%H%M%S"),
        )
        entry = Entry(
            message.CfmDate,
            message.TraNoBus,
            message.PayCode,
            message.Amt,
            message.PayMode,
            message.RecAcct,
        )
        self.ledger.take(entry)
        self._told[entry.key] = message
        try:
            return await self._tell(entry)
        except NoAnswerError:
            return entry

    def _confirmation(self, due: DueBill, payer: Payer, **fields: Any) -> Confirmation:
        return Confirmation(
            PayCode=due.PayCode,
            BankOutlet=self.outlet,
            Operator=self.operator,
            PayerName=payer.name,
            PayerAcct=payer.acct,
            PayerOpBk=payer.op_bk,
            PayerOpBkNo=payer.op_bk_no,
            RecAcctType=due.RecAcctType,
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

    # -- refunds ---------------------------------------------------------------------------

    def _refund_ordered(self, request: Received) -> Voucher:
        """5617: accept what can be paid back; the result follows later as 2617."""
        order = request.message
        assert isinstance(order, RefundOrder)  # noqa: S101 - registered for 5617 only
        known = self.refund_orders.get(order.RefundNo)
        if known is not None:
            if known == order:
                return self._general("5617", SUCCESS)
            return self._general("5617", "10005", "RefundNo: 与原报文不一致")
        entry = self.ledger.find(order.OriCfmDate, order.OriTraNoBus)
        if entry is None or entry.pay_code != order.PayCode:
            return self._general("5617", FAILURE, "原交易不存在")
        if entry.money is Money.RETURNED or order.OriAmt != entry.amt:
            return self._general("5617", FAILURE, "原交易金额不符或未入账")
        if order.Amt > entry.amt - entry.refunded:
            return self._general("5617", FAILURE, "退付金额超过原交易可退金额")
        self.refund_orders[order.RefundNo] = order
        now = self.node.identity.clock()
        self._owed.append(
            RefundResult(
                RefundNo=order.RefundNo,
                PayCode=order.PayCode,
                Amt=order.Amt,
                Result=SUCCESS,
                Information="已退付",
                TraNo=self.next_serial(),
                TraDate=now.strftime("%Y%m%d"),
                TraTime=now.strftime("%H%M%S"),
            )
        )
        self._settled.clear()
        self._ordered.set()
        return self._general("5617", SUCCESS)

    async def all_refunds_told(self) -> None:
        """Wait until nothing is owed."""
        await self._settled.wait()

    @property
    def owed(self) -> tuple[RefundResult, ...]:
        """Refunds that were accepted and whose result was not yet taken by the gateway."""
        return tuple(self._owed)

    async def send_refund_results(self) -> int:
        """Pay the accepted refunds out and tell their results (2617); return how many were taken.

        Raises NoAnswerError; what was not taken stays owed.
        """
        taken = 0
        while self._owed:
            result = self._owed[0]
            order = self.refund_orders[result.RefundNo]
            key = (order.OriCfmDate, order.OriTraNoBus)
            entry = self.ledger.entry(key)
            if entry.refund_no != result.RefundNo:
                if entry.money is Money.UNANSWERED:
                    # The gateway orders a refund of what it booked, so its answer was lost.
                    self.ledger.settle(key, SUCCESS)
                self.ledger.refund(key, result.RefundNo, result.Amt)
            answer = await self.node.ask(result)
            if answer.result != SUCCESS:
                raise NoAnswerError(f"result 2617 was refused: {answer.result}", sent=True)
            self._owed.pop(0)
            taken += 1
        self._settled.set()
        return taken

    async def keep_sending_results(self) -> None:
        """Send refund results as orders come in, until cancelled."""
        while True:
            await self._ordered.wait()
            self._ordered.clear()
            try:
                await self.send_refund_results()
            except NoAnswerError:
                patience = self.node.patience
                await patience.sleep(patience.pause_seconds)
                self._ordered.set()

    def _general(self, number: str, result: str, information: str = "") -> Voucher:
        return self.node.identity.general(number, result, information)


__all__ = ["Collector", "Payer", "Quote"]
