"""2607 → 5001: the result of a direct debit (划缴, 代扣; spec: business, sections 4 and 5).

A success makes the bill paid, or, when it was paid meanwhile, is a duplicate that is paid back.
The answer to a repeated result is the first one's; a contradicting one is refused with 10005 and
journaled for people.

Several requests may have been made of one bill and protocol, one after the other. A result belongs
to the request whose number it gives back (Hold1); else to the one that it has ended already, when
it is the same message or the same transfer; else to the one that lives.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from ...codecs import Head
from ...messages.codes import Result
from ...messages.debit import DebitResult
from ..collection.booking import Booking
from ..settlement.debitends import Collected, collect, ended
from ..store import debits, journal
from ..store.debits import Debit, DebitEnd
from ..store.protocol import Transaction
from .base import Answer, Decision, Flow, Request, general

# What a repeated result must say again, by its tags; Information is only a remark.
_COMPARED: Final = (
    ("Result", "result"),
    ("TraNo", "tra_no"),
    ("TraDate", "tra_date"),
    ("TraTime", "tra_time"),
)
# Of a success that a person entered, which has no Result.
_ENTERED: Final = (("TraNo", "tra_no"), ("TraDate", "tra_date"))


class _Told(NamedTuple):
    """A result and the request that it belongs to."""

    request: Request
    message: DebitResult
    debit: Debit


class ReceiveDebitResult(Flow[DebitResult]):
    """2607: the bank has debited the payer, or could not."""

    number = "2607"

    def __init__(self, booking: Booking) -> None:
        self._booking = booking

    def validate(self, request: Request, message: DebitResult) -> Answer | None:
        """A success without the bank's transaction proves nothing; a failure takes no money."""
        del request
        missing = message.unfilled()
        if missing:
            return general(self.number, Result.BAD_PARAMETER, f"{missing[0]}: 成功时不能为空")
        if message.Result != Result.SUCCESS and message.PaidAmt:
            return general(self.number, Result.BAD_PARAMETER, "PaidAmt: 未成功时应为0")
        return None

    async def decide(self, tx: Transaction, request: Request, message: DebitResult) -> Decision:
        debit = await _debit(tx, request, message)
        if debit is None:
            # The code tables have no code for this; one answer, so that nobody learns of others'.
            return Decision(general(self.number, Result.FAILURE, "划缴申请不存在"))
        told = _Told(request, message, debit)
        if message.Amt != debit.amt:
            return await self._contradicts(tx, told, "Amt")
        compared: tuple[tuple[str, str], ...] = _COMPARED if debit.result else ()
        if debit.state == "succeeded" and not debit.result:
            if message.Result != Result.SUCCESS:
                return await self._contradicts(tx, told, "Result")
            compared = _ENTERED
        for tag, name in compared:
            if getattr(message, tag) != getattr(debit, name):
                return await self._contradicts(tx, told, tag)
        if debit.result:
            answer = general(self.number, Result.SUCCESS)
            return Decision(answer, replayed=True, subject=debit.pay_code)
        if message.Result != Result.SUCCESS:
            return await self._failed(tx, told)
        if message.PaidAmt != message.Amt:
            text = "PaidAmt: 实缴金额与应缴金额不一致"
            return await self._refuse(tx, told, Result.AMOUNT_DIFFERS, text)
        return await self._taken(tx, told)

    async def _failed(self, tx: Transaction, told: _Told) -> Decision:
        request, message, debit = told
        await ended(tx, debit, _end(request, message), None, request.now_ms)
        await _journal(tx, told, "debit.failed")
        return Decision(
            general(self.number, Result.SUCCESS),
            archived=True,
            subject=debit.pay_code,
            notes=_was(debit),
        )

    async def _taken(self, tx: Transaction, told: _Told) -> Decision:
        """The payer's money was taken: book it."""
        request, message, debit = told
        end = _end(request, message)
        if debit.payment_id is not None:  # a person has booked it: only the record is completed
            taken: Collected | Result = Collected(debit.payment_id, linked=True)
        else:
            taken = await collect(
                tx, self._booking, debit, end, at=request.now_ms, today=request.today
            )
        if isinstance(taken, Result):
            text = "TraNo: 与已入账的缴款不一致" if taken is Result.CONFLICT else taken.meaning
            return await self._refuse(tx, told, taken, text)
        await ended(tx, debit, end, taken.payment_id, request.now_ms)
        await _journal(tx, told, "debit.succeeded", taken)
        information = Result.SUCCESS.meaning
        if taken.refund_no:
            information = f"重复缴款,已登记技术性退付 {taken.refund_no}"
        notes = _was(debit) + (("linked to a payment",) if taken.linked else ())
        return Decision(
            general(self.number, Result.SUCCESS, information),
            archived=True,
            subject=debit.pay_code,
            wake=taken.wake,
            notes=notes,
            region=taken.region,
        )

    async def _contradicts(self, tx: Transaction, told: _Told, tag: str) -> Decision:
        text = f"{tag}: 与已登记的划缴不一致"
        return await self._refuse(tx, told, Result.CONFLICT, text)

    async def _refuse(self, tx: Transaction, told: _Told, result: Result, text: str) -> Decision:
        """What stands is kept; the message is kept, too, because money may be missing."""
        debit = told.debit
        await _journal(tx, told, "debit.contradicted")
        return Decision(
            general(self.number, result, text),
            archived=True,
            subject=debit.pay_code,
            notes=(f"contradicts {debit.debit_no} ({debit.state})",),
        )


async def _debit(tx: Transaction, request: Request, message: DebitResult) -> Debit | None:
    """The request that a result belongs to; None when this bank has none of these numbers."""
    names = (request.peer.code, message.PayerNo, message.ProtocolNo)
    mine = [
        debit
        for debit in await debits.of_bill(tx, message.PayCode)
        if (debit.node, debit.payer_no, debit.protocol_no) == names
    ]
    if not mine:
        return None
    mine.reverse()  # the latest first
    found = _chosen(mine, message, request.head)
    return await debits.get(tx, found.debit_no, lock=True)


def _chosen(mine: Sequence[Debit], message: DebitResult, head: Head) -> Debit:
    given_back = [debit for debit in mine if message.Hold1 == debit.debit_no]
    repeated = [debit for debit in mine if debit.result and _repeats(debit, message, head)]
    living = [debit for debit in mine if debit.living]
    return (*given_back, *repeated, *living, *mine)[0]


def _repeats(debit: Debit, message: DebitResult, head: Head) -> bool:
    """Whether the message is the one that ended a debit, or tells of the same transfer."""
    if message.Result == Result.SUCCESS:
        return (debit.tra_no, debit.tra_date) == (message.TraNo, message.TraDate)
    return debit.msg_id == head.msg_id and debit.result == message.Result


def _end(request: Request, message: DebitResult) -> DebitEnd:
    return DebitEnd(
        result=message.Result,
        information=message.Information,
        tra_no=message.TraNo,
        tra_date=message.TraDate,
        tra_time=message.TraTime,
        msg_id=request.head.msg_id,
    )


def _was(debit: Debit) -> tuple[str, ...]:
    return () if debit.state in {"sent", "acknowledged"} else (f"was {debit.state}",)


async def _journal(tx: Transaction, told: _Told, kind: str, taken: Collected | None = None) -> None:
    request, message, debit = told
    facts: dict[str, journal.Fact] = {
        "debit": debit.debit_no,
        "Amt": message.Amt,
        "PaidAmt": message.PaidAmt,
        "Result": message.Result,
        "TraNo": message.TraNo,
        "TraDate": message.TraDate,
        "was": debit.state,
    }
    if taken is not None:
        facts["payment"] = taken.payment_id
    await journal.append(
        tx,
        at=request.now_ms,
        kind=kind,
        subject=debit.pay_code,
        actor=request.peer.code,
        facts=facts,
    )
