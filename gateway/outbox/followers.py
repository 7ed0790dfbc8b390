"""What else changes when a message of the outbox moves on: what is behind it, and the journal.

A 5617 has a refund behind it, a 5614 a clearing instruction, a 5618 a remittance, a 5604 a direct
debit, 5952, 5953, 5955 and 5981 a batch of base data.

Everything here runs in the transaction that moves the message, so that both stand or fall together.
A notice that a peer refuses for good (5996) has nothing behind it: the books stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, Protocol

from ..basedata.following import NUMBERS, batch_follows
from ..clock import add_days, midnight_ms
from ..settlement.remitted import remittance_follows
from ..store import debits, instructions, journal, outbox, refunds
from ..store.protocol import Transaction
from ..store.records import OutboxMessage, OutboxState

GATEWAY: Final = "gateway"


class Follower(Protocol):
    """Keeps the thing that a message is about in step with the message."""

    async def __call__(
        self, tx: Transaction, row: OutboxMessage, state: OutboxState, at: int, reason: str
    ) -> None:
        """The message ROW has just reached STATE, for REASON (a result code or a few words)."""


_State = Literal["queued", "sent", "acknowledged", "failed", "unknown"]

# Where a refund or an instruction may stand when its message reaches a state, and where it goes
# then. A result that came before the acknowledgement has ended it already: it is in none of these.
_BEFORE: Final[Mapping[OutboxState, tuple[tuple[_State, ...], _State]]] = {
    "sent": (("queued",), "sent"),
    "acknowledged": (("queued", "sent"), "acknowledged"),
    "failed": (("queued", "sent", "acknowledged"), "failed"),
    "unknown": (("queued", "sent", "acknowledged"), "unknown"),
    "expired": (("queued",), "failed"),
    "dead": (("queued",), "failed"),
    "dropped": (("queued",), "failed"),
}


async def refund_follows(
    tx: Transaction, row: OutboxMessage, state: OutboxState, at: int, reason: str
) -> None:
    """5617: the refund has the state of its message, until 2617 says more.

    The column ``result`` is left to 2617; why a refund failed without one stands in
    ``information``.
    """
    move = _BEFORE.get(state)
    if move is None:
        return
    expected, following = move
    outcome = None
    if following in {"failed", "unknown"}:
        outcome = refunds.RefundResult(result="", information=f"{state}: {reason}"[:200])
    await refunds.set_state(
        tx, row.subject, expected=expected, state=following, changed_at=at, outcome=outcome
    )


async def clearing_follows(
    tx: Transaction, row: OutboxMessage, state: OutboxState, at: int, reason: str
) -> None:
    """5614: instruction and lines have the state of their message, until 2614 says more."""
    move = _BEFORE.get(state)
    if move is None:
        return
    expected, following = move
    why = f"{state}: {reason}"[:200] if following in {"failed", "unknown"} else ""
    await instructions.move(
        tx, row.subject, expected=expected, state=following, at=at, information=why
    )


async def debit_follows(
    tx: Transaction, row: OutboxMessage, state: OutboxState, at: int, reason: str
) -> None:
    """5604: the debit has the state of its message, until 2607 says more.

    The bank may debit until the last date: the result is overdue after that day.
    """
    move = _BEFORE.get(state)
    debit = None if move is None else await debits.by_outbox(tx, row.id, lock=True)
    if move is None or debit is None:
        return
    expected, following = move
    end = None
    if following in {"failed", "unknown"}:
        end = debits.DebitEnd(result="", information=f"{state}: {reason}"[:200])
    moved_on = await debits.set_state(
        tx, debit.debit_no, expected=expected, state=following, changed_at=at, end=end
    )
    if moved_on and following == "acknowledged":
        deadline = midnight_ms(add_days(debit.last_date, 1))
        await outbox.expect_result(tx, row.id, deadline)


FOLLOWERS: Final[Mapping[str, Follower]] = {
    "5604": debit_follows,
    "5614": clearing_follows,
    "5617": refund_follows,
    "5618": remittance_follows,
    **dict.fromkeys(NUMBERS, batch_follows),
}
"""By the number of the request."""


async def moved(
    tx: Transaction,
    row: OutboxMessage,
    state: OutboxState,
    at: int,
    reason: str,
    *,
    followers: Mapping[str, Follower] = FOLLOWERS,
) -> None:
    """Bring everything else in step with ROW, which has just reached STATE in this transaction.

    What becomes of messages that move money is journaled.
    """
    follower = followers.get(row.number)
    if follower is not None:
        await follower(tx, row, state, at, reason)
    if state == "sent" or not row.money:
        return
    await journal.append(
        tx,
        at=at,
        kind=f"outbox.{state}",
        subject=row.subject,
        actor=GATEWAY,
        facts={
            "outbox": row.id,
            "peer": row.peer,
            "number": row.number,
            "MsgID": row.msg_id,
            "reason": reason,
        },
    )


async def end_awaited(
    tx: Transaction,
    *,
    subject: str,
    number: str,
    state: outbox.LaterResult,
    at: int,
    result: str,
) -> int:
    """The later result of the request NUMBER about SUBJECT is here; how many messages it ended.

    It may come at any time: before the acknowledgement, after the deadline, or for a message that
    was given up as unknown. What was not sent yet is not sent any more.
    """
    ended = 0
    for row in await outbox.of_subject(tx, subject, number=number):
        ended += await outbox.resolve(tx, row.id, state, at=at, result=result)
    return ended
