"""What operators may do with messages of the outbox; the journal has who and why.

Units of work over one transaction: an act that is not possible raises, and nothing of it is kept.
"""

from __future__ import annotations

from typing import Final

from ..basedata.following import NUMBERS as _BASE_DATA
from ..basedata.following import sent_again
from ..clock import date_from_ms
from ..settlement.acting import SettlementRefused
from ..settlement.debitends import may_go_again as debit_may_go_again
from ..settlement.refunds import may_go_again
from ..settlement.remitted import ORDER as _REMITTANCE
from ..settlement.remitted import order_again, settled_by_hand
from ..store import debits, instructions, journal, outbox, payments, refunds
from ..store.outbox import LaterResult
from ..store.protocol import Transaction
from ..store.records import OutboxMessage, OutboxState
from .followers import FOLLOWERS
from .policy import Terms

_REFUND: Final = "5617"
_CLEARING: Final = "5614"
_DEBIT: Final = "5604"


class NotPossible(Exception):
    """The act does not fit the state of the message; the text says why, and what would."""


async def requeue(
    tx: Transaction, message_id: int, *, operator: str, reason: str, at: int, terms: Terms
) -> OutboxMessage:
    """Deliver a dead letter after all, with its old MsgID and a new expiry.

    A refund behind it stands on queued again, as long as the payment is not paid back otherwise.
    """
    row = await _row(tx, message_id)
    if row.state == "unknown":
        raise NotPossible(
            "it may have been carried out: nothing is issued again from unknown; settle it"
        )
    if row.state == "failed" and row.money:
        raise NotPossible("the peer refused it for good: a new instruction is needed")
    done = await outbox.requeue(
        tx,
        message_id,
        operator=operator,
        reason=reason,
        at=at,
        expires_at=terms.expires_at(at),
    )
    if not done:
        raise NotPossible(f"it is {row.state}; dead letters are dead, expired, dropped, failed")
    if row.number == _REFUND:
        await _refund_again(tx, row.subject, at)
    if row.number == _DEBIT:
        await _debit_again(tx, row.id, at)
    if row.number == _CLEARING:
        await _clearing_again(tx, row.subject, at)
    if row.number == _REMITTANCE and not await order_again(tx, row, at):
        raise NotPossible("its money was remitted or ordered back otherwise: make a new remittance")
    if row.number in _BASE_DATA and (problem := await sent_again(tx, row, at)):
        raise NotPossible(problem)
    return await _row(tx, message_id)


async def drop(
    tx: Transaction, message_id: int, *, operator: str, reason: str, at: int
) -> OutboxState:
    """Stop delivering a message. Money that was ever sent is unknown from then on."""
    row = await _row(tx, message_id)
    state = await outbox.drop(tx, message_id, operator=operator, reason=reason, at=at)
    if state is None:
        raise NotPossible(f"it is {row.state}: its delivery is over")
    follower = FOLLOWERS.get(row.number)
    if follower is not None:
        await follower(tx, row, state, at, f"by {operator}")
    return state


async def settle(
    tx: Transaction,
    message_id: int,
    state: LaterResult,
    *,
    operator: str,
    reason: str,
    at: int,
) -> None:
    """End a message that is unknown, on what a person found out at the peer."""
    row = await _row(tx, message_id)
    if row.state != "unknown":
        raise NotPossible(f"it is {row.state}: only unknown ones are settled by hand")
    if row.number == _DEBIT:
        await _debit_failed(tx, row.id, state, operator, at)
    await outbox.resolve(tx, message_id, state, at=at)
    if row.number == _REFUND and state != "partly":
        await refunds.set_state(
            tx,
            row.subject,
            expected=("unknown",),
            state=state,
            changed_at=at,
            outcome=refunds.RefundResult(result="", information=f"settled by {operator}"),
        )
    if row.number == _CLEARING and state != "partly":
        await instructions.settle(
            tx, row.subject, state, at=at, information=f"settled by {operator}: {reason}"
        )
    if row.number == _REMITTANCE:
        await settled_by_hand(tx, row, state, at, f"by {operator}: {reason}")
    await journal.append(
        tx,
        at=at,
        kind="outbox.settled",
        subject=f"outbox:{message_id}",
        actor=operator,
        facts={
            "number": row.number,
            "peer": row.peer,
            "subject": row.subject,
            "state": state,
            "reason": reason,
        },
    )


async def _row(tx: Transaction, message_id: int) -> OutboxMessage:
    row = await outbox.get(tx, message_id)
    if row is None:
        raise NotPossible("there is no such message")
    return row


async def _refund_again(tx: Transaction, refund_no: str, at: int) -> None:
    refund = await refunds.get(tx, refund_no, lock=True)
    payment = None if refund is None else await payments.get(tx, refund.payment_id, lock=True)
    if refund is None or payment is None or refund.state != "failed" or refund.result:
        raise NotPossible("its refund has come to another end")
    try:
        await may_go_again(tx, refund, payment, date_from_ms(at))
    except SettlementRefused as error:
        raise NotPossible(str(error)) from None
    await refunds.set_state(tx, refund_no, expected=("failed",), state="queued", changed_at=at)


async def _clearing_again(tx: Transaction, instr_no: str, at: int) -> None:
    instruction = await instructions.get(tx, instr_no, lock=True)
    if instruction is None or any(line.result for line in await instructions.lines(tx, instr_no)):
        raise NotPossible("its instruction has come to another end")
    if await instructions.sent_again(tx, instr_no):
        raise NotPossible("its lines were sent again under another number")
    if not await instructions.move(tx, instr_no, expected=("failed",), state="queued", at=at):
        raise NotPossible("its instruction has come to another end")


async def _debit_again(tx: Transaction, message_id: int, at: int) -> None:
    debit = await debits.by_outbox(tx, message_id, lock=True)
    if debit is None or debit.state != "failed" or debit.result:
        raise NotPossible("its debit has come to another end")
    try:
        await debit_may_go_again(tx, debit, date_from_ms(at))
    except SettlementRefused as error:
        raise NotPossible(str(error)) from None
    await debits.set_state(tx, debit.debit_no, expected=("failed",), state="queued", changed_at=at)


async def _debit_failed(
    tx: Transaction, message_id: int, state: LaterResult, operator: str, at: int
) -> None:
    """Only a failure is settled here: what was taken has to be booked with the bank's number."""
    debit = await debits.by_outbox(tx, message_id, lock=True)
    if debit is None:
        return
    if state != "failed":
        raise NotPossible(f"book what it took with `nontax debit settle {debit.debit_no}`")
    end = debits.DebitEnd(result="", information=f"settled by {operator}")
    await debits.set_state(
        tx, debit.debit_no, expected=("unknown",), state="failed", changed_at=at, end=end
    )
