"""Releasing a remittance (缴库单) by hand: its money can be remitted again under a new number."""

from __future__ import annotations

from ..outbox import end_awaited
from ..outbox.operate import NotPossible, drop
from ..store import outbox, remittance
from ..store.protocol import Transaction
from ..store.records import OutboxMessage
from ..store.remittance import RemitOutcome, Remittance
from .acting import Acting, SettlementRefused
from .remitted import ORDER, end, note


async def release(tx: Transaction, remit_no: str, reason: str, acting: Acting) -> Remittance:
    """End a remittance that moved no money, as was found out at the bank. Raises SettlementRefused.

    One that was never sent is taken out of the outbox. One that was sent is released only when it
    is unknown, or when its result is overdue: until then the bank is about to answer. One that a
    bank started by itself is not matched any more.
    """
    found = await _named(tx, remit_no)
    message = await _message(tx, found)
    if found.state == "unmatched":
        why = f"released by {acting.name}: {reason}"[:200]
        outcome = RemitOutcome(found.result, why, found.tra_no, found.tra_date, found.tra_time)
        await end(tx, found, succeeded=False, outcome=outcome, at=acting.at)
    elif found.state == "queued" and message is not None and not message.ever_sent:
        try:
            await drop(tx, message.id, operator=acting.name, reason=reason, at=acting.at)
        except NotPossible as error:
            raise SettlementRefused(str(error), "see `nontax outbox list`") from None
    elif found.state == "unknown" or _overdue(found, message, acting.at):
        outcome = RemitOutcome(result="", information=f"released by {acting.name}: {reason}"[:200])
        await end(tx, found, succeeded=False, outcome=outcome, at=acting.at)
        await end_awaited(
            tx, subject=found.remit_no, number=ORDER, state="failed", at=acting.at, result=""
        )
    else:
        raise SettlementRefused(*_why_not(found))
    await note(
        tx,
        found,
        "released",
        actor=acting.name,
        at=acting.at,
        facts={"id": found.id, "reason": reason},
    )
    return await remittance.get(tx, found.id) or found


async def _named(tx: Transaction, remit_no: str) -> Remittance:
    """The remittance of a number, locked: ours, else the bank's own that still fits no payments."""
    named = await remittance.named(tx, remit_no)
    named.sort(key=lambda one: (one.origin != "run", one.state != "unmatched", one.id))
    found = await remittance.get(tx, named[0].id, lock=True) if named else None
    if found is None:
        raise SettlementRefused(
            "there is no such remittance", "see `nontax remit list`", wrong_input=True
        )
    return found


async def _message(tx: Transaction, found: Remittance) -> OutboxMessage | None:
    messages = await outbox.of_subject(tx, found.remit_no, number=ORDER)
    return messages[-1] if messages else None


def _overdue(found: Remittance, message: OutboxMessage | None, at: int) -> bool:
    deadline = message.result_deadline if message is not None else None
    return found.state == "acknowledged" and deadline is not None and deadline <= at


def _why_not(found: Remittance) -> tuple[str, str]:
    if found.state == "failed":
        return "it has failed and is released already", "run `nontax remit run` again"
    if found.state == "succeeded":
        return "it has succeeded: its money is remitted", "see `nontax remit show`"
    if found.state == "acknowledged":
        return "the bank has accepted it and is about to report", "wait for 2618 or its deadline"
    return "the bank may have it", "wait for its answer, or drop its message: it is unknown then"
