"""Making clearing instructions (清分指令, 5614): from what waits, or again for failed lines.

One instruction is one transaction: number, lines, parts bound to them, journal and the message in
the outbox stand or fall together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ...codecs import LocalProtocolError
from ...messages.clearing import ClearingInstruction, ClearingLine
from ..outbox import Enqueuer
from ..store import catalogue, clearing, instructions, journal, serials
from ..store.clearing_records import Group, Instruction, InstructionLine
from ..store.protocol import Transaction
from ..store.records import Target

NUMBER = "5614"
PURPOSE = "非税收入清分"


class Unwritable(Exception):
    """An instruction that cannot be written as a message; nothing of it is kept."""


class Refused(Exception):
    """An act that does not fit the state of an instruction; the text says why, and what would."""


@dataclass(frozen=True, slots=True)
class Carried:
    """What waits for the next run: of an account as a whole (`target` ''), or of one target.

    `amt` in fen: what its collected money comes to after refunds, not above 0.
    """

    group: Group
    target: str
    amt: int


@dataclass(frozen=True, slots=True)
class Instructed:
    """What became of an account: its instruction, what is carried, what is stopped and why."""

    instruction: Instruction | None
    carried: tuple[Carried, ...] = ()
    stopped: tuple[str, ...] = ()


class Instructing:
    """Makes instructions; stateless but for the outbox."""

    def __init__(self, outbox: Enqueuer) -> None:
        self._outbox = outbox

    async def instruct(
        self,
        tx: Transaction,
        *,
        group_id: int,
        run_date: str,
        today: str,
        at: int,
        operator: str,
    ) -> Instructed:
        """Instruct what waits in a group, a line for each target that gets more than 0.

        An account that comes to 0 or less is carried whole, and so is a target of it. Raises
        Unwritable.
        """
        group = await clearing.group(tx, group_id, lock=True)
        sums = await clearing.sums(tx, group_id)
        total = sum(amt for _, amt in sums)
        if group is None or not any(amt for _, amt in sums):
            return Instructed(None)
        if total <= 0:
            return Instructed(None, (Carried(group, "", total),))
        targets, stopped = [], []
        for code, amt in sums:
            target = await catalogue.target(tx, code)
            if amt <= 0:
                continue
            if target is None or not catalogue.holds(target, today):
                stopped.append(f"target {code} is not in force: what is due to it waits")
            else:
                targets.append((target, amt))
        carried = tuple(Carried(group, code, amt) for code, amt in sums if amt < 0)
        if not targets:
            return Instructed(None, carried, tuple(stopped))
        targets.sort(key=lambda pair: (pair[0].level, pair[0].code))
        instruction = Instruction(
            instr_no=await _next_number(tx, today),
            instr_date=today,
            run_date=run_date,
            node=group.node,
            region=group.region,
            peer=group.peer,
            acct_type=group.acct_type,
            acct_name=group.acct_name,
            acct_no=group.acct_no,
            total=sum(amt for _, amt in targets),
            count=len(targets),
            state="queued",
            resend_of="",
            made_by=operator,
            created_at=at,
            changed_at=at,
        )
        lines = [
            _line(instruction.instr_no, number, target, amt)
            for number, (target, amt) in enumerate(targets, start=1)
        ]
        await instructions.insert(tx, instruction, lines)
        facts = await _bind(tx, group_id, instruction, lines)
        await self._issue(tx, instruction, lines, at, facts)
        return Instructed(instruction, carried, tuple(stopped))

    async def resend(
        self, tx: Transaction, instr_no: str, *, today: str, at: int, operator: str
    ) -> Instruction:
        """Send the failed lines of an instruction again, under a new number.

        To the targets' accounts as the catalogue has them now. Raises Refused, Unwritable.
        """
        old = await instructions.get(tx, instr_no, lock=True)
        if old is None:
            raise Refused("there is no such instruction")
        if old.state == "unknown":
            raise Refused(
                "it may have been carried out: nothing is issued again from unknown; wait for its"
                " result, or settle its message in the outbox"
            )
        again = await instructions.sent_again(tx, instr_no)
        failed = [line for line in await instructions.lines(tx, instr_no) if line.state == "failed"]
        open_lines = [line for line in failed if line.line_no not in again]
        if not open_lines:
            raise Refused(
                f"its failed lines were sent again as {', '.join(sorted(set(again.values())))}"
                if failed
                else f"no line of it has failed; it is {old.state}"
            )
        new = replace(
            old,
            instr_no=await _next_number(tx, today),
            instr_date=today,
            total=sum(line.amt for line in open_lines),
            count=len(open_lines),
            state="queued",
            resend_of=instr_no,
            made_by=operator,
            created_at=at,
            changed_at=at,
            information="",
        )
        lines = []
        for number, line in enumerate(open_lines, start=1):
            target = await catalogue.target(tx, line.target)
            if target is None or not catalogue.holds(target, today):
                raise Refused(f"target {line.target} of line {line.line_no} is not in force")
            made = _line(new.instr_no, number, target, line.amt)
            lines.append(replace(made, origin_instr=instr_no, origin_line=line.line_no))
        await instructions.insert(tx, new, lines)
        await self._issue(tx, new, lines, at, {"again": instr_no})
        return new

    async def _issue(
        self,
        tx: Transaction,
        instruction: Instruction,
        lines: Sequence[InstructionLine],
        at: int,
        facts: dict[str, journal.Fact],
    ) -> None:
        """Journal an instruction and put its message into the outbox."""
        try:
            message = _message(instruction, lines)
            self._outbox.check(message, instruction.peer)
        except LocalProtocolError as error:
            raise Unwritable(f"account at {instruction.peer}: {error}") from None
        await journal.append(
            tx,
            at=at,
            kind="clearing.queued",
            subject=instruction.instr_no,
            actor=instruction.made_by,
            facts={
                "node": instruction.node,
                "peer": instruction.peer,
                "CfmDate": instruction.run_date,
                "TotalAmt": instruction.total,
                "lines": [f"{line.target}={line.amt}" for line in lines],
                **facts,
            },
        )
        await self._outbox.enqueue(
            tx,
            message,
            peer=instruction.peer,
            subject=instruction.instr_no,
            region=instruction.region,
            at=at,
        )


async def _bind(
    tx: Transaction, group_id: int, instruction: Instruction, lines: Sequence[InstructionLine]
) -> dict[str, journal.Fact]:
    """Put what waits into the lines that were made of it; how many payments and refunds it is."""
    for line in lines:
        await clearing.bind(tx, group_id, line.target, instr_no=line.instr_no, line_no=line.line_no)
    bound = await clearing.bound(tx, instruction.instr_no)
    if bound.amt != instruction.total:
        raise RuntimeError("the parts of an instruction do not add up to it")
    return {"payments": bound.payments, "refunds": bound.refunds}


async def _next_number(tx: Transaction, today: str) -> str:
    number = await serials.next_number(tx, f"clearing:{today}")
    return f"QF{today}{number:08d}"


def _line(instr_no: str, line_no: int, target: Target, amt: int) -> InstructionLine:
    return InstructionLine(
        instr_no=instr_no,
        line_no=line_no,
        target=target.code,
        level=target.level,
        acct_type=target.acct_type,
        acct_no=target.acct_no,
        acct_name=target.name,
        bank_name=target.bank_name,
        bank_no=target.bank_no,
        amt=amt,
        state="queued",
    )


def _message(instruction: Instruction, lines: Sequence[InstructionLine]) -> ClearingInstruction:
    """The 5614 of an instruction. Raises LocalProtocolError."""
    return ClearingInstruction(
        InstrNo=instruction.instr_no,
        InstrDate=instruction.instr_date,
        PayAcctType=instruction.acct_type,
        PayAcctName=instruction.acct_name,
        PayAcct=instruction.acct_no,
        TotalAmt=instruction.total,
        Count=instruction.count,
        DetailList=tuple(
            ClearingLine(
                LineNo=line.line_no,
                RecAcctType=line.acct_type,
                RecName=line.acct_name,
                RecAcct=line.acct_no,
                RecOpBk=line.bank_name,
                RecOpBkNo=line.bank_no,
                BgtLevel=line.level,
                Amt=line.amt,
                Purpose=PURPOSE,
            )
            for line in lines
        ),
    )
