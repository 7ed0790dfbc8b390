"""2618 → 5001: what became of a remittance (spec: business, sections 4 and 7).

Idempotent by RemitNo, in whatever order results and acknowledgements come; a contradiction is
refused with 10005 and journaled. A bank that remits by itself (`remits = "bank"`) names numbers
that we do not know: its remittances are taken into the books and matched to payments.
"""

from __future__ import annotations

from typing import Final

from ...codecs import format_yuan
from ...messages.codes import Result
from ...messages.remittance import RemittanceResult
from ..outbox.followers import end_awaited
from ..settlement.bankstarted import match
from ..settlement.remitted import ORDER, end, issue_voucher, note
from ..store import MAX_FEN, remittance
from ..store.protocol import Transaction
from ..store.remittance import RemitOutcome, Remittance
from .base import Answer, Decision, Flow, Request, general

# What a repeated result must say again, by its tags; Information is only a remark.
_COMPARED: Final = (
    ("Result", "result"),
    ("TraNo", "tra_no"),
    ("TraDate", "tra_date"),
    ("TraTime", "tra_time"),
)


class ReceiveRemittanceResult(Flow[RemittanceResult]):
    """2618: the bank has remitted, or could not; or it has remitted by itself."""

    number = "2618"

    def __init__(self, node_name: str) -> None:
        """`node_name` stands on remittance vouchers."""
        self._node_name = node_name

    def validate(self, request: Request, message: RemittanceResult) -> Answer | None:
        """A success without the bank's transaction proves nothing."""
        del request
        missing = message.unfilled()
        if missing:
            return general(self.number, Result.BAD_PARAMETER, f"{missing[0]}: 成功时不能为空")
        if not 0 < message.TotalAmt <= MAX_FEN:
            value = format_yuan(message.TotalAmt)
            information = f"TotalAmt: 金额应大于0且不超过10万亿元(值 {value})"
            return general(self.number, Result.BAD_PARAMETER, information)
        return None

    async def decide(
        self, tx: Transaction, request: Request, message: RemittanceResult
    ) -> Decision:
        peer = request.peer
        found = await remittance.by_number(tx, peer.code, message.RemitNo, lock=True)
        if found is None:
            if peer.remits == "bank" and peer.kind == "bank":
                return await self._started_by_bank(tx, request, message)
            # One answer, so that nobody learns of others' numbers.
            return Decision(general(self.number, Result.FAILURE, "缴库单号不存在"))
        if message.TotalAmt != found.total:
            return await self._contradicts(tx, request, message, found, "TotalAmt")
        succeeded = message.Result == Result.SUCCESS
        if found.result:
            for tag, name in _COMPARED:
                if getattr(message, tag) != getattr(found, name):
                    return await self._contradicts(tx, request, message, found, tag)
            success = general(self.number, Result.SUCCESS)
            return Decision(success, replayed=True, subject=found.remit_no, region=found.region)
        if found.state == "succeeded" and not succeeded:
            return await self._contradicts(tx, request, message, found, "Result")
        return await self._record(tx, request, message, found)

    async def _record(
        self, tx: Transaction, request: Request, message: RemittanceResult, found: Remittance
    ) -> Decision:
        """The first result of one of our remittances."""
        succeeded = message.Result == Result.SUCCESS
        done = await end(
            tx, found, succeeded=succeeded, outcome=_outcome(message), at=request.now_ms
        )
        if not done:
            # Given up without a result, and its money was remitted or ordered back otherwise since.
            return await self._contradicts(tx, request, message, found, "Result")
        await end_awaited(
            tx,
            subject=found.remit_no,
            number=ORDER,
            state="succeeded" if succeeded else "failed",
            at=request.now_ms,
            result=message.Result,
        )
        await self._note(tx, request, message, found, "succeeded" if succeeded else "failed")
        await issue_voucher(tx, found.id, self._node_name, request.now_ms)
        notes = () if found.state in {"sent", "acknowledged"} else (f"was {found.state}",)
        return Decision(
            general(self.number, Result.SUCCESS),
            archived=True,
            subject=found.remit_no,
            notes=notes,
            region=found.region,
        )

    async def _started_by_bank(
        self, tx: Transaction, request: Request, message: RemittanceResult
    ) -> Decision:
        """A remittance that we did not order; what has failed moved nothing and is only kept."""
        succeeded = message.Result == Result.SUCCESS
        new = _own(request, message, "unmatched" if succeeded else "failed")
        remit_id = await remittance.insert(tx, new)
        found = await remittance.get(tx, remit_id)
        assert found is not None  # noqa: S101 - it was just written
        matched = False
        if succeeded:
            matched = await match(
                tx,
                found,
                request.peer.bank_code or "",
                node_name=self._node_name,
                actor=request.peer.code,
                at=request.now_ms,
            )
        if not matched:
            await self._note(tx, request, message, found, found.state)
        return Decision(
            general(self.number, Result.SUCCESS),
            archived=True,
            subject=found.remit_no,
            notes=("started by the bank, " + ("matched" if matched else found.state),),
        )

    async def _contradicts(
        self,
        tx: Transaction,
        request: Request,
        message: RemittanceResult,
        found: Remittance,
        tag: str,
    ) -> Decision:
        """What stands is kept; the contradiction is kept, too, because money may be missing."""
        await self._note(tx, request, message, found, "contradicted")
        return Decision(
            general(self.number, Result.CONFLICT, f"{tag}: 与已登记的缴库不一致"),
            archived=True,
            subject=found.remit_no,
            notes=(f"contradicts {found.state} in {tag}",),
            region=found.region,
        )

    @staticmethod
    async def _note(
        tx: Transaction, request: Request, message: RemittanceResult, found: Remittance, kind: str
    ) -> None:
        await note(
            tx,
            found,
            kind,
            actor=request.peer.code,
            at=request.now_ms,
            facts={
                "id": found.id,
                "said": message.TotalAmt,
                "Result": message.Result,
                "TraNo": message.TraNo,
                "TraDate": message.TraDate,
            },
        )


def _outcome(message: RemittanceResult) -> RemitOutcome:
    return RemitOutcome(
        result=message.Result,
        information=message.Information,
        tra_no=message.TraNo,
        tra_date=message.TraDate,
        tra_time=message.TraTime,
    )


def _own(request: Request, message: RemittanceResult, state: str) -> Remittance:
    """A bank's own remittance as it told of it."""
    return Remittance(
        id=0,
        remit_no=message.RemitNo,
        node=request.peer.code,
        origin="bank",
        remit_date=message.TraDate or request.today,
        remit_type="",
        mode="",
        region="",
        target="",
        level="",
        tre_code="",
        tre_name="",
        pay_acct="",
        pay_acct_name="",
        rec_acct="",
        rec_name="",
        rec_op_bk="",
        total=message.TotalAmt,
        count=0,
        state="unmatched" if state == "unmatched" else "failed",
        made_by=request.peer.code,
        created_at=request.now_ms,
        changed_at=request.now_ms,
        result=message.Result,
        information=message.Information,
        tra_no=message.TraNo,
        tra_date=message.TraDate,
        tra_time=message.TraTime,
    )
