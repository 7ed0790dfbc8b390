"""Results that peers report later: 2617, the result of a refund (spec: business, sections 4 and 8).

A result may come before the acknowledgement of our own message, after its deadline, twice, or for a
message that was given up as unknown: the books take it in whatever order. It is idempotent by its
number; one that contradicts what stands is refused with 10005 and journaled for people.
"""

from __future__ import annotations

from typing import Final

from ...messages.codes import Result
from ...messages.refund import RefundResult
from ..outbox.followers import end_awaited
from ..store import journal, payments, refunds
from ..store.protocol import Transaction
from ..store.records import Refund, RefundState
from .base import Answer, Decision, Flow, Request, general

ORDER: Final = "5617"
# Not yet given to the node that is to pay it back, so no node can have a result.
_NOT_ISSUED: Final = frozenset({"requested", "approved", "rejected"})
# What a repeated result must say again, by its tags; Information is only a remark.
_COMPARED: Final = (
    ("Result", "result"),
    ("TraNo", "tra_no"),
    ("TraDate", "tra_date"),
    ("TraTime", "tra_time"),
)


class ReceiveRefundResult(Flow[RefundResult]):
    """2617 → 5001: the collecting node has paid money back, or could not."""

    number = "2617"

    def validate(self, request: Request, message: RefundResult) -> Answer | None:
        """A success without the bank's transaction proves nothing."""
        del request
        missing = message.unfilled()
        if missing:
            return general(self.number, Result.BAD_PARAMETER, f"{missing[0]}: 成功时不能为空")
        return None

    async def decide(self, tx: Transaction, request: Request, message: RefundResult) -> Decision:
        refund = await refunds.get(tx, message.RefundNo, lock=True)
        if refund is None or refund.src != request.peer.code or refund.state in _NOT_ISSUED:
            # The code tables have no code for this; one answer, so that nobody learns of others'.
            return Decision(general(self.number, Result.FAILURE, "退付单号不存在"))
        for tag, ours, theirs in (
            ("PayCode", refund.pay_code, message.PayCode),
            ("Amt", refund.amt, message.Amt),
        ):
            if ours != theirs:
                return await self._contradicts(tx, request, message, refund, tag)
        return await self._judge(tx, request, message, refund)

    async def _judge(
        self, tx: Transaction, request: Request, message: RefundResult, refund: Refund
    ) -> Decision:
        if refund.result:
            for tag, name in _COMPARED:
                if getattr(message, tag) != getattr(refund, name):
                    return await self._contradicts(tx, request, message, refund, tag)
            success = general(self.number, Result.SUCCESS)
            return Decision(success, replayed=True, subject=refund.refund_no)
        paid = message.Result == Result.SUCCESS
        if refund.state == "succeeded" and not paid:
            return await self._contradicts(tx, request, message, refund, "Result")
        if refund.state == "failed" and paid and not await _has_room(tx, refund):
            # Taken for failed without a result, and the money was ordered back another way since.
            return await self._contradicts(tx, request, message, refund, "Result")
        return await self._record(tx, request, message, refund)

    async def _record(
        self, tx: Transaction, request: Request, message: RefundResult, refund: Refund
    ) -> Decision:
        """The first result of a refund: it and its message have come to an end."""
        state: RefundState = "succeeded" if message.Result == Result.SUCCESS else "failed"
        await refunds.set_state(
            tx,
            refund.refund_no,
            expected=(refund.state,),
            state=state,
            changed_at=request.now_ms,
            outcome=refunds.RefundResult(
                result=message.Result,
                information=message.Information,
                tra_no=message.TraNo,
                tra_date=message.TraDate,
                tra_time=message.TraTime,
            ),
        )
        await end_awaited(
            tx,
            subject=refund.refund_no,
            number=ORDER,
            state="succeeded" if state == "succeeded" else "failed",
            at=request.now_ms,
            result=message.Result,
        )
        await self._journal(tx, request, message, refund, f"refund.{state}")
        notes = () if refund.state in {"sent", "acknowledged"} else (f"was {refund.state}",)
        return Decision(
            general(self.number, Result.SUCCESS),
            archived=True,
            subject=refund.refund_no,
            notes=notes,
        )

    async def _contradicts(
        self, tx: Transaction, request: Request, message: RefundResult, refund: Refund, tag: str
    ) -> Decision:
        """What stands is kept; the contradiction is kept, too, because money may be missing."""
        await self._journal(tx, request, message, refund, "refund.contradicted")
        return Decision(
            general(self.number, Result.CONFLICT, f"{tag}: 与已登记的退付不一致"),
            archived=True,
            subject=refund.refund_no,
            notes=(f"contradicts {refund.state} in {tag}",),
        )

    @staticmethod
    async def _journal(
        tx: Transaction, request: Request, message: RefundResult, refund: Refund, kind: str
    ) -> None:
        await journal.append(
            tx,
            at=request.now_ms,
            kind=kind,
            subject=refund.refund_no,
            actor=request.peer.code,
            facts={
                "Amt": message.Amt,
                "Result": message.Result,
                "TraNo": message.TraNo,
                "TraDate": message.TraDate,
                "was": refund.state,
            },
        )


async def _has_room(tx: Transaction, refund: Refund) -> bool:
    """Whether a failed refund can count again without paying back more than was paid."""
    payment = await payments.get(tx, refund.payment_id, lock=True)
    held = await refunds.held(tx, refund.payment_id)
    return payment is not None and held + refund.amt <= payment.amt
