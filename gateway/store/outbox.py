"""Messages to deliver (outbox): lanes, leases, outcomes.

A lane is an order of delivery: only the oldest living row of each (peer, lane), its head, can be
claimed. Rows in ``queued`` and ``sent`` live; all other states are over for delivery and block
nobody. ``sent`` means that bytes left us and no final answer is known.

A worker claims heads under a lease, calls ``mark_sending`` before the first byte leaves, and ends
with ``finish`` or ``retry``. Every step names the lease's owner: who lost it changes nothing.
"""

# ruff: noqa: S608 - statements are put together from constants of this module only

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

from . import journal
from .protocol import Transaction
from .records import OutboxMessage, OutboxState
from .sql import Conditions, insert_into, select_from, values

_NEW: Final = ("id",)
_INSERT: Final = insert_into(OutboxMessage, "outbox", "RETURNING id", without=_NEW)
_VALUES: Final = values(OutboxMessage, without=_NEW)
_GET: Final = select_from(OutboxMessage, "outbox", "WHERE id = ?1")
_BY_MSG_ID: Final = select_from(OutboxMessage, "outbox", "WHERE msg_id = ?1")
_OF_SUBJECT: Final = select_from(OutboxMessage, "outbox", "WHERE subject = ?1 ORDER BY id")

# The heads, by skipping along the index of living rows: one look-up a lane, however long it is.
_HEADS: Final = """
WITH RECURSIVE heads (id) AS (
    SELECT (SELECT id FROM outbox WHERE state IN ('queued', 'sent')
            ORDER BY peer, lane, id LIMIT 1)
    UNION ALL
    SELECT coalesce(
        (SELECT n.id FROM outbox AS c JOIN outbox AS n ON n.peer = c.peer AND n.lane > c.lane
         WHERE c.id = heads.id AND n.state IN ('queued', 'sent')
         ORDER BY n.lane, n.id LIMIT 1),
        (SELECT n.id FROM outbox AS c JOIN outbox AS n ON n.peer > c.peer
         WHERE c.id = heads.id AND n.state IN ('queued', 'sent')
         ORDER BY n.peer, n.lane, n.id LIMIT 1))
    FROM heads WHERE heads.id IS NOT NULL
)
"""
_DUE: Final = _HEADS + select_from(
    OutboxMessage,
    "outbox",
    "WHERE id IN (SELECT id FROM heads) AND next_at <= ?1 AND lease_until <= ?1"
    " AND expires_at > ?1 ORDER BY next_at, id LIMIT ?2",
)
_NEXT_DUE: Final = (
    _HEADS
    + """
SELECT min(due) FROM (
    SELECT CASE WHEN next_at > lease_until THEN next_at ELSE lease_until END AS due
    FROM outbox WHERE id IN (SELECT id FROM heads)
    UNION ALL SELECT min(expires_at) FROM outbox WHERE state IN ('queued', 'sent')
) AS dues
"""
)
_OVERDUE: Final = select_from(
    OutboxMessage,
    "outbox",
    "WHERE state = 'acknowledged' AND result_deadline <= ?1 ORDER BY result_deadline, id LIMIT ?2",
)
# Giving up on money that may have left us is never a failure: it becomes unknown.
_GIVEN_UP: Final = (
    "CASE WHEN money = 1 AND ever_sent = 1 AND ?2 IN ('dead', 'dropped', 'expired')"
    " THEN 'unknown' ELSE ?2 END"
)
_FINISH: Final = (
    "UPDATE outbox SET state = " + _GIVEN_UP + ", changed_at = ?3, done_at = ?4, last_result = ?5,"
    " last_error = ?6, result_deadline = ?7, lease_owner = '', lease_until = 0"
    " WHERE id = ?1 AND state IN ('queued', 'sent') AND lease_owner = ?8 RETURNING state"
)
_EXPIRED: Final = select_from(
    OutboxMessage,
    "outbox",
    "WHERE state IN ('queued', 'sent') AND expires_at <= ?1 AND lease_until <= ?1"
    " ORDER BY expires_at, id LIMIT ?2",
)
_DROP: Final = (
    "UPDATE outbox SET state = " + _GIVEN_UP + ", changed_at = ?3, done_at = ?3,"
    " lease_owner = '', lease_until = 0"
    " WHERE id = ?1 AND (state IN ('queued', 'sent', 'dead', 'expired')"
    " OR (state = 'failed' AND money = 0)) RETURNING state"
)

Outcome = Literal["acknowledged", "succeeded", "failed", "partly", "unknown", "dead", "expired"]
LaterResult = Literal["succeeded", "failed", "partly"]


@dataclass(frozen=True, slots=True)
class Lane:
    """What lives in one lane: number of rows and when the oldest was made."""

    peer: str
    lane: str
    depth: int
    oldest_at: int


async def enqueue(tx: Transaction, message: OutboxMessage) -> int:
    """Write a message to deliver and return its id; ``message.id`` is ignored.

    ConstraintViolated when the MsgID is there already.
    """
    row = await tx.one(_INSERT, *_VALUES(message))
    if row is None:
        raise RuntimeError("the database returned no id")
    return int(row[0])


async def due(tx: Transaction, *, now: int, limit: int) -> list[OutboxMessage]:
    """The heads that may be sent now and are in nobody's hands, the longest due first."""
    return [OutboxMessage(*row) for row in await tx.all(_DUE, now, limit)]


async def lease(tx: Transaction, message_id: int, owner: str, *, now: int, until: int) -> bool:
    """Take a due message into one's hands; False when somebody else was faster."""
    changed = await tx.run(
        "UPDATE outbox SET lease_owner = ?2, lease_until = ?3"
        " WHERE id = ?1 AND lease_until <= ?4 AND next_at <= ?4 AND state IN ('queued', 'sent')",
        message_id,
        owner,
        until,
        now,
    )
    return changed == 1


async def claim(
    tx: Transaction, owner: str, *, now: int, lease_ms: int, limit: int
) -> list[OutboxMessage]:
    """Lease the due heads, the longest due first; nobody else gets them before the lease ends.

    Call ``expire`` before: an expired head is not claimed and blocks its lane until then.
    """
    until = now + lease_ms
    return [
        replace(message, lease_owner=owner, lease_until=until)
        for message in await due(tx, now=now, limit=limit)
        if await lease(tx, message.id, owner, now=now, until=until)
    ]


async def mark_sending(tx: Transaction, message_id: int, owner: str, *, at: int) -> bool:
    """Note durably, before the first byte leaves, that a message is being sent; counts attempts.

    False: the lease was lost or the message is over; send nothing.
    """
    changed = await tx.run(
        "UPDATE outbox SET state = 'sent', ever_sent = 1, attempts = attempts + 1, changed_at = ?3"
        " WHERE id = ?1 AND lease_owner = ?2 AND state IN ('queued', 'sent')",
        message_id,
        owner,
        at,
    )
    return changed == 1


async def finish(
    tx: Transaction,
    message_id: int,
    owner: str,
    state: Outcome,
    *,
    at: int,
    result: str = "",
    error: str = "",
    result_deadline: int | None = None,
) -> OutboxState | None:
    """End a delivery and the lease; the state that was written, None when the lease was lost.

    Giving up (``dead``, ``expired``) on a money message that was ever sent is written as
    ``unknown``. ``acknowledged`` with a ``result_deadline`` waits for a later result.
    """
    done = None if state == "acknowledged" else at
    row = await tx.one(_FINISH, message_id, state, at, done, result, error, result_deadline, owner)
    return row[0] if row else None


async def retry(
    tx: Transaction,
    message_id: int,
    owner: str,
    *,
    next_at: int,
    at: int,
    result: str = "",
    error: str = "",
) -> bool:
    """End the lease and try again at ``next_at``; False when the lease was lost."""
    changed = await tx.run(
        "UPDATE outbox SET next_at = ?3, changed_at = ?4, last_result = ?5, last_error = ?6,"
        " lease_owner = '', lease_until = 0"
        " WHERE id = ?1 AND lease_owner = ?2 AND state IN ('queued', 'sent')",
        message_id,
        owner,
        next_at,
        at,
        result,
        error,
    )
    return changed == 1


async def renew(tx: Transaction, message_id: int, owner: str, *, until: int) -> bool:
    """Prolong a lease; False when it was lost."""
    changed = await tx.run(
        "UPDATE outbox SET lease_until = ?3"
        " WHERE id = ?1 AND lease_owner = ?2 AND state IN ('queued', 'sent')",
        message_id,
        owner,
        until,
    )
    return changed == 1


async def release(tx: Transaction, message_id: int, owner: str) -> bool:
    """Give a lease back without a verdict, at a shutdown; False when it was lost."""
    changed = await tx.run(
        "UPDATE outbox SET lease_owner = '', lease_until = 0"
        " WHERE id = ?1 AND lease_owner = ?2 AND state IN ('queued', 'sent')",
        message_id,
        owner,
    )
    return changed == 1


async def expire(tx: Transaction, *, now: int, limit: int = 100) -> list[OutboxMessage]:
    """Give up on what passed its expiry and is in nobody's hands; the rows as they are now.

    Money that was ever sent becomes ``unknown``, all else ``expired``.
    """
    given_up = []
    for row in await tx.all(_EXPIRED, now, limit):
        message = OutboxMessage(*row)
        error = message.last_error or "expired"
        state = await finish(
            tx,
            message.id,
            message.lease_owner,
            "expired",
            at=now,
            result=message.last_result,
            error=error,
        )
        if state is not None:
            given_up.append(
                replace(
                    message,
                    state=state,
                    changed_at=now,
                    done_at=now,
                    last_error=error,
                    lease_owner="",
                    lease_until=0,
                )
            )
    return given_up


async def has_expired(tx: Transaction, *, now: int) -> bool:
    """Whether ``expire`` has something to do."""
    return bool(await tx.all(_EXPIRED, now, 1))


async def resolve(
    tx: Transaction, message_id: int, state: LaterResult, *, at: int, result: str = ""
) -> bool:
    """Note the later result of a message, whatever its delivery came to; False when it has one."""
    changed = await tx.run(
        "UPDATE outbox SET state = ?2, changed_at = ?3, done_at = ?3, last_result = ?4,"
        " lease_owner = '', lease_until = 0"
        " WHERE id = ?1 AND state NOT IN ('succeeded', 'failed', 'partly')",
        message_id,
        state,
        at,
        result,
    )
    return changed == 1


async def expect_result(tx: Transaction, message_id: int, deadline: int) -> None:
    """Say when the later result of an acknowledged message is overdue."""
    await tx.run(
        "UPDATE outbox SET result_deadline = ?2 WHERE id = ?1 AND state = 'acknowledged'",
        message_id,
        deadline,
    )


async def requeue(
    tx: Transaction, message_id: int, *, operator: str, reason: str, at: int, expires_at: int
) -> bool:
    """Deliver a dead, expired or dropped message after all, under its old MsgID; journaled.

    A refused one (``failed``) too, unless it moves money: that takes a new instruction. False in
    every other state: nothing is issued again from ``unknown``.
    """
    row = await tx.one(
        "UPDATE outbox SET state = 'queued', attempts = 0, next_at = ?2, expires_at = ?3,"
        " changed_at = ?2, done_at = NULL, lease_owner = '', lease_until = 0"
        " WHERE id = ?1 AND (state IN ('dead', 'expired', 'dropped')"
        " OR (state = 'failed' AND money = 0)) RETURNING number, peer",
        message_id,
        at,
        expires_at,
    )
    if row is None:
        return False
    await _journal(
        tx, "outbox.requeued", message_id, operator, at=at, facts=[*row, "queued", reason]
    )
    return True


async def drop(
    tx: Transaction, message_id: int, *, operator: str, reason: str, at: int
) -> OutboxState | None:
    """Stop delivering a message; journaled. The state written: ``dropped``, or ``unknown`` for
    money that was ever sent. None, and nothing written, when its delivery is over otherwise."""
    row = await tx.one(_DROP, message_id, "dropped", at)
    message = await get(tx, message_id) if row else None
    if message is None:
        return None
    facts = [message.number, message.peer, message.state, reason]
    await _journal(tx, "outbox.dropped", message_id, operator, at=at, facts=facts)
    return message.state


async def get(tx: Transaction, message_id: int) -> OutboxMessage | None:
    """A message by id."""
    row = await tx.one(_GET, message_id)
    return OutboxMessage(*row) if row else None


async def by_msg_id(tx: Transaction, msg_id: str) -> OutboxMessage | None:
    """A message by MsgID."""
    row = await tx.one(_BY_MSG_ID, msg_id)
    return OutboxMessage(*row) if row else None


async def of_subject(tx: Transaction, subject: str, *, number: str = "") -> list[OutboxMessage]:
    """The messages about one thing (RefundNo, PayCode, InstrNo), oldest first."""
    found = [OutboxMessage(*row) for row in await tx.all(_OF_SUBJECT, subject)]
    return [message for message in found if not number or message.number == number]


async def overdue(tx: Transaction, *, now: int, limit: int = 100) -> list[OutboxMessage]:
    """Acknowledged messages whose later result did not come in time."""
    return [OutboxMessage(*row) for row in await tx.all(_OVERDUE, now, limit)]


async def page(
    tx: Transaction,
    *,
    peer: str = "",
    number: str = "",
    states: tuple[OutboxState, ...] = (),
    after: int = 0,
    limit: int = 100,
) -> list[OutboxMessage]:
    """Messages by id, following the last one already seen."""
    conditions = Conditions()
    conditions.add("id > {}", after)
    conditions.equal("peer", peer)
    conditions.equal("number", number)
    if states:
        conditions.one_of("state", states)
    order = "ORDER BY id LIMIT " + conditions.mark(limit)
    sql = select_from(OutboxMessage, "outbox", f"{conditions.where()} {order}")
    return [OutboxMessage(*row) for row in await tx.all(sql, *conditions.args)]


async def lanes(tx: Transaction) -> list[Lane]:
    """Depth and oldest row of every lane that has living rows."""
    rows = await tx.all(
        "SELECT peer, lane, count(*), min(created_at) FROM outbox"
        " WHERE state IN ('queued', 'sent') GROUP BY peer, lane ORDER BY peer, lane"
    )
    return [Lane(row[0], row[1], int(row[2]), int(row[3])) for row in rows]


async def state_counts(tx: Transaction) -> dict[str, int]:
    """Number of messages in each state."""
    rows = await tx.all("SELECT state, count(*) FROM outbox GROUP BY state ORDER BY state")
    return {row[0]: int(row[1]) for row in rows}


async def next_due(tx: Transaction) -> int | None:
    """The earliest instant at which ``claim`` or ``expire`` has something to do; None: nothing."""
    row = await tx.one(_NEXT_DUE)
    return row[0] if row else None


async def prune(tx: Transaction, before_at: int, *, limit: int = 1000) -> int:
    """Delete at most ``limit`` delivered or dropped messages that ended before an instant."""
    return await tx.run(
        "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox"
        " WHERE state IN ('succeeded', 'failed', 'partly', 'dropped') AND done_at < ?1"
        " ORDER BY id LIMIT ?2)",
        before_at,
        limit,
    )


async def _journal(
    tx: Transaction, kind: str, message_id: int, operator: str, *, at: int, facts: list[str]
) -> None:
    names = ("number", "peer", "state", "reason")
    await journal.append(
        tx,
        at=at,
        kind=kind,
        subject=f"outbox:{message_id}",
        actor=operator,
        facts=dict(zip(names, facts, strict=True)),
    )
