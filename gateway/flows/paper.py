"""A paid bill is changed into a paper receipt (换开纸质票据): 8998 → 5001."""

from __future__ import annotations

from ...messages import Result
from ...messages.unit import PaperReceiptRequest
from ..einvoicing import paper
from ..settlement.acting import Acting
from ..store import bills, catalogue, einvoices, payments, refunds, stockuses
from ..store.protocol import Transaction
from ..store.records import Bill
from ..store.stockuses import StockUse
from .base import Decision, Flow, Request, general
from .unitbill import may_use_kind

_ENDED = frozenset({"succeeded", "failed", "rejected"})
"""States of a refund that moves no money any more."""


class ChangeIntoPaper(Flow[PaperReceiptRequest]):
    """8998 换开纸质票据请求报文: a number of the unit's paper stock becomes a paid bill's receipt.

    A bill has one living receipt, on paper or electronic: the same number again is a success,
    another one 10005. A receipt that is made void (spoilt paper) leaves room for another.
    """

    number = "8998"

    async def decide(
        self, tx: Transaction, request: Request, message: PaperReceiptRequest
    ) -> Decision:
        bill = await bills.get(tx, message.PayCode, lock=True)
        peer = request.peer
        if bill is None or bill.unit_code not in peer.units or bill.region not in peer.regions:
            return self._refused(Result.NO_SUCH_BILL, request)
        decision = await self._judge(tx, request, message, bill)
        return decision._replace(region=bill.region)

    async def _judge(
        self, tx: Transaction, request: Request, message: PaperReceiptRequest, bill: Bill
    ) -> Decision:
        if message.AdmDivCode != bill.region:
            text = f"AdmDivCode: 与缴款书的区划不一致(值 {message.AdmDivCode})"
            return self._refused(Result.BAD_PARAMETER, request, text)
        stored = await stockuses.living(tx, bill.pay_code, "receipt")
        if stored is not None:
            return self._again(stored, message)
        if bill.state == "void":
            return self._refused(Result.BILL_VOID, request)
        refusal = await _refusal(tx, bill)
        if refusal:
            return self._refused(Result.FAILURE, request, refusal)
        unit = await catalogue.unit(tx, bill.unit_code)
        if unit is None or not may_use_kind(unit, message.BillTypeCode):
            return self._refused(Result.NO_BILL_KIND_RIGHT, request)
        wanted = paper.PaperNumber(message.BillTypeCode, message.BillVerCode, message.BillNo)
        numbers = await paper.unused_in_stock(tx, unit.code, wanted, request.today)
        if numbers is None:
            return self._refused(Result.NO_BILL_STOCK, request)
        acting = Acting(request.peer.code, frozenset(), request.now_ms, request.today)
        used_by = paper.UsedBy("receipt", unit.code, bill.pay_code)
        await paper.use(tx, numbers, wanted.kind, used_by, acting)
        return Decision(general(self.number, Result.SUCCESS), archived=True, subject=bill.pay_code)

    def _again(self, stored: StockUse, message: PaperReceiptRequest) -> Decision:
        """A bill that has its receipt."""
        wanted = paper.PaperNumber(message.BillTypeCode, message.BillVerCode, message.BillNo)
        if paper.is_number(wanted, stored):
            answer = general(self.number, Result.SUCCESS)
            return Decision(answer, replayed=True, subject=stored.pay_code)
        text = "BillNo: 该缴款书已换开其他号码的纸质票据"
        answer = general(self.number, Result.CONFLICT, text)
        return Decision(answer, subject=stored.pay_code)

    def _refused(self, result: Result, request: Request, text: str | None = None) -> Decision:
        return Decision(general(self.number, result, text), subject=request.head.msg_id)


async def _refusal(tx: Transaction, bill: Bill) -> str:
    """Why a bill gets no paper receipt; '' when it may have one."""
    payment = await payments.effective(tx, bill.pay_code)
    if bill.state not in {"paid", "confirmed"} or payment is None:
        return "未缴款,不能换开纸质票据"
    if await einvoices.living(tx, bill.pay_code) is not None:
        return "已开具电子票据,不能换开纸质票据"
    asked = await refunds.of_payment(tx, payment.id)
    if any(refund.state not in _ENDED for refund in asked):
        return "退付处理中,不能换开纸质票据"
    if await refunds.held(tx, payment.id) >= payment.amt:
        return "已全额退付,不能换开纸质票据"
    return ""
