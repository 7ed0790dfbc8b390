"""2952, the bank's receipt for a batch of fiscal accounts (5952): which of them it has taken.

One receipt belongs to a whole batch. It may come before the acknowledgement of our own messages,
after its deadline, or twice; it is idempotent by the batch's number, and one that contradicts what
stands is refused with 10005 and journaled for people.
"""

from __future__ import annotations

from ...codecs import mask
from ...messages.basedata import FiscalAccountsReceipt
from ...messages.codes import Result
from ..basedata.following import note
from ..outbox.followers import end_awaited
from ..store import basedata, outbox
from ..store.basedata import Batch, Line
from ..store.protocol import Transaction
from .base import Answer, Decision, Flow, Request, general

ORDER = "5952"


class ReceiveAccountsReceipt(Flow[FiscalAccountsReceipt]):
    """2952 → 5001: a bank has entered fiscal accounts, or could not."""

    number = "2952"

    def validate(self, request: Request, message: FiscalAccountsReceipt) -> Answer | None:
        """Counts are not below zero, and no account is named twice."""
        del request
        for tag in ("SuccCount", "FailCount"):
            if getattr(message, tag) < 0:
                return self._wrong(f"{tag}: 不能小于0")
        seen: set[str] = set()
        for detail in message.DetailList:
            if detail.AcctNo in seen:
                return self._wrong(f"AcctNo: {mask('account', detail.AcctNo)} 重复")
            seen.add(detail.AcctNo)
        return None

    async def decide(
        self, tx: Transaction, request: Request, message: FiscalAccountsReceipt
    ) -> Decision:
        batch = await basedata.get(tx, message.BatchNo, lock=True)
        if batch is None or batch.peer != request.peer.code or batch.number != ORDER:
            # The code tables have no code for this; one answer, so that nobody learns of others'.
            return Decision(general(self.number, Result.FAILURE, "批次号不存在"))
        if batch.receipt_at:
            return await self._repeated(tx, request, message, batch)
        rows = await outbox.of_subject(tx, batch.batch_no, number=ORDER)
        if not all(row.ever_sent for row in rows):
            answer = general(self.number, Result.FAILURE, "该批次尚有子包未发送")
            return Decision(answer, subject=batch.batch_no)
        wrong = await self._wrong_content(tx, message, batch)
        if wrong is not None:
            return Decision(wrong, subject=batch.batch_no)
        return await self._record(tx, request, message, batch)

    async def _wrong_content(
        self, tx: Transaction, message: FiscalAccountsReceipt, batch: Batch
    ) -> Answer | None:
        """Refuse a receipt that does not account for exactly what the batch held."""
        if message.SuccCount + message.FailCount != batch.entries:
            return self._wrong(f"SuccCount,FailCount: 合计与批次总笔数{batch.entries}不一致")
        held = {line.entry for line in await basedata.lines(tx, batch.id)}
        for detail in message.DetailList:
            if detail.AcctNo not in held:
                return self._wrong(f"AcctNo: {mask('account', detail.AcctNo)} 不在该批次中")
        failed = len(_refused(message))
        # That all of them failed says all by itself.
        if failed != message.FailCount and (failed or message.FailCount != batch.entries):
            return self._wrong("DetailList: 失败明细数与FailCount不一致")
        return None

    async def _record(
        self, tx: Transaction, request: Request, message: FiscalAccountsReceipt, batch: Batch
    ) -> Decision:
        said = [
            Line(batch.id, detail.AcctNo, "", detail.Code, detail.Msg)
            for detail in message.DetailList
        ]
        state = await basedata.receive(
            tx,
            batch,
            succeeded=message.SuccCount,
            failed=message.FailCount,
            said=said,
            at=request.now_ms,
        )
        result = (Result.FAILURE if message.FailCount else Result.SUCCESS).value
        await end_awaited(
            tx,
            subject=batch.batch_no,
            number=ORDER,
            state=state,
            at=request.now_ms,
            result=result,
        )
        await self._note(tx, request, message, batch, state)
        notes = () if batch.state in {"sent", "acknowledged"} else (f"was {batch.state}",)
        return Decision(
            general(self.number, Result.SUCCESS),
            archived=True,
            subject=batch.batch_no,
            notes=notes,
        )

    async def _repeated(
        self, tx: Transaction, request: Request, message: FiscalAccountsReceipt, batch: Batch
    ) -> Decision:
        """What stands is kept; Msg is only a remark, and taken accounts need not be listed."""
        stored = {line.entry: line.code for line in await basedata.refused_lines(tx, batch.id)}
        tag = ""
        if message.SuccCount != batch.succeeded:
            tag = "SuccCount"
        elif message.FailCount != batch.failed:
            tag = "FailCount"
        elif _refused(message) != stored:
            tag = "DetailList"
        if not tag:
            success = general(self.number, Result.SUCCESS)
            return Decision(success, replayed=True, subject=batch.batch_no)
        await self._note(tx, request, message, batch, "contradicted")
        return Decision(
            general(self.number, Result.CONFLICT, f"{tag}: 与已登记的回执不一致"),
            archived=True,
            subject=batch.batch_no,
            notes=(f"contradicts {batch.state} in {tag}",),
        )

    async def _note(
        self,
        tx: Transaction,
        request: Request,
        message: FiscalAccountsReceipt,
        batch: Batch,
        what: str,
    ) -> None:
        await note(
            tx,
            batch,
            what,
            actor=request.peer.code,
            at=request.now_ms,
            facts={
                "SuccCount": message.SuccCount,
                "FailCount": message.FailCount,
                "was": batch.state,
            },
        )

    def _wrong(self, information: str) -> Answer:
        return general(self.number, Result.BAD_PARAMETER, information)


def _refused(message: FiscalAccountsReceipt) -> dict[str, str]:
    """The accounts that a receipt names as not taken, with its codes."""
    return {
        detail.AcctNo: detail.Code
        for detail in message.DetailList
        if detail.Code != Result.SUCCESS.value
    }
