"""2614 → 5001: what became of a clearing instruction, by line (spec: business, sections 4 and 6).

A result may come in several messages, before the acknowledgement of our 5614, after its deadline,
twice, or for an instruction that was given up as unknown. It is idempotent by InstrNo and LineNo;
what contradicts a line that has ended is refused whole with 10005 and journaled for people.
"""

from __future__ import annotations

from typing import Final

from ...messages.clearing import ClearingLineResult, ClearingResult
from ...messages.codes import Result
from ..outbox.followers import end_awaited
from ..store import instructions, journal
from ..store.clearing_records import Instruction, InstructionLine, LineResult
from ..store.protocol import Transaction
from .base import Answer, Decision, Flow, Request, general

ORDER: Final = "5614"
# What a repeated result of a line must say again, by its tags; Information is only a remark.
_COMPARED: Final = (
    ("Result", "result"),
    ("TraNo", "tra_no"),
    ("TraDate", "tra_date"),
    ("TraTime", "tra_time"),
)


class ReceiveClearingResult(Flow[ClearingResult]):
    """2614: the bank has moved the money of each line, or could not."""

    number = "2614"

    def validate(self, request: Request, message: ClearingResult) -> Answer | None:
        """Totals agree with the lines, no line stands twice, each success has its transaction."""
        del request
        for detail in message.DetailList:
            missing = detail.unfilled()
            if missing:
                return self._bad(f"{missing[0]}: 第{detail.LineNo}行成功时不能为空")
        if len({detail.LineNo for detail in message.DetailList}) != len(message.DetailList):
            return self._bad("LineNo: 行号重复")
        paid = [detail.Amt for detail in message.DetailList if _succeeded(detail)]
        for tag, told, counted in (
            ("SuccAmt", message.SuccAmt, sum(paid)),
            ("SuccCount", message.SuccCount, len(paid)),
            ("FailCount", message.FailCount, len(message.DetailList) - len(paid)),
        ):
            if told != counted:
                return self._bad(f"{tag}: 与明细不符")
        return None

    def _bad(self, information: str) -> Answer:
        return general(self.number, Result.BAD_PARAMETER, information)

    async def decide(self, tx: Transaction, request: Request, message: ClearingResult) -> Decision:
        instruction = await instructions.get(tx, message.InstrNo, lock=True)
        if instruction is None or instruction.peer != request.peer.code:
            # The code tables have no code for this; one answer, so that nobody learns of others'.
            return Decision(general(self.number, Result.FAILURE, "清分指令号不存在"))
        lines = {line.line_no: line for line in await instructions.lines(tx, instruction.instr_no)}
        again = await instructions.sent_again(tx, instruction.instr_no)
        if message.TotalAmt != instruction.total:
            return await self._contradicts(tx, request, message, instruction, "TotalAmt")
        new: list[ClearingLineResult] = []
        for detail in message.DetailList:
            line = lines.get(detail.LineNo)
            if line is None:
                return await self._contradicts(tx, request, message, instruction, "LineNo")
            tag = _contradiction(line, detail, sent_again=line.line_no in again)
            if tag:
                return await self._contradicts(tx, request, message, instruction, tag)
            if not line.result:
                new.append(detail)
        if not new:
            success = general(self.number, Result.SUCCESS)
            return Decision(success, replayed=True, subject=instruction.instr_no)
        return await self._record(tx, request, instruction, new)

    async def _record(
        self,
        tx: Transaction,
        request: Request,
        instruction: Instruction,
        details: list[ClearingLineResult],
    ) -> Decision:
        for detail in details:
            await instructions.set_line(tx, instruction.instr_no, detail.LineNo, _told(detail))
        at = request.now_ms
        ended = await instructions.close(tx, instruction.instr_no, at=at)
        if ended is not None:
            refused = (detail.Result for detail in details if not _succeeded(detail))
            await end_awaited(
                tx,
                subject=instruction.instr_no,
                number=ORDER,
                state=ended,
                at=at,
                result=next(refused, Result.SUCCESS.value),
            )
        facts: dict[str, journal.Fact] = {
            "was": instruction.state,
            "lines": [
                f"{detail.LineNo}={detail.Amt}:{detail.Result}:{detail.TraNo}" for detail in details
            ],
        }
        await _journal(tx, request, instruction, f"clearing.{ended or 'reported'}", facts)
        expected = instruction.state in {"sent", "acknowledged"}
        return Decision(
            general(self.number, Result.SUCCESS),
            archived=True,
            subject=instruction.instr_no,
            notes=() if expected else (f"was {instruction.state}",),
        )

    async def _contradicts(
        self,
        tx: Transaction,
        request: Request,
        message: ClearingResult,
        instruction: Instruction,
        tag: str,
    ) -> Decision:
        """What stands is kept; the contradiction is kept, too, because money may be missing."""
        facts: dict[str, journal.Fact] = {
            "field": tag,
            "was": instruction.state,
            "TotalAmt": message.TotalAmt,
            "lines": [
                f"{detail.LineNo}={detail.Amt}:{detail.Result}:{detail.TraNo}"
                for detail in message.DetailList
            ],
        }
        await _journal(tx, request, instruction, "clearing.contradicted", facts)
        return Decision(
            general(self.number, Result.CONFLICT, f"{tag}: 与已登记的清分指令不一致"),
            archived=True,
            subject=instruction.instr_no,
            notes=(f"contradicts {instruction.state} in {tag}",),
        )


def _succeeded(detail: ClearingLineResult) -> bool:
    return detail.Result == Result.SUCCESS


def _told(detail: ClearingLineResult) -> LineResult:
    return LineResult(
        state="succeeded" if _succeeded(detail) else "failed",
        result=detail.Result,
        information=detail.Information,
        tra_no=detail.TraNo,
        tra_date=detail.TraDate,
        tra_time=detail.TraTime,
    )


def _contradiction(line: InstructionLine, detail: ClearingLineResult, *, sent_again: bool) -> str:
    """The tag in which a result contradicts what is known of the line; '' for none."""
    if detail.Amt != line.amt:
        return "Amt"
    if line.result:
        for tag, name in _COMPARED:
            if getattr(detail, tag) != getattr(line, name):
                return tag
        return ""
    # Ended without a result: settled by an operator, or never delivered and sent again since.
    if line.state == "succeeded" and not _succeeded(detail):
        return "Result"
    if sent_again and _succeeded(detail):
        return "Result"
    return ""


async def _journal(
    tx: Transaction,
    request: Request,
    instruction: Instruction,
    kind: str,
    facts: dict[str, journal.Fact],
) -> None:
    await journal.append(
        tx,
        at=request.now_ms,
        kind=kind,
        subject=instruction.instr_no,
        actor=request.peer.code,
        facts=facts,
    )
