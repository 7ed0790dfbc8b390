"""The inbox (问题凭证): authentic messages that were malformed, and what people did about them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from .protocol import Transaction
from .sql import Conditions, insert_into, select_from, values

InboxState = Literal["new", "proposed", "accepted", "dropped"]
InboxForm = Literal["voucher", "base64", "document"]
InboxAction = Literal["export", "propose", "accept", "drop"]
Kept = Literal["kept", "again", "full"]


@dataclass(frozen=True, slots=True)
class InboxMessage:
    """One malformed message. ``id`` 0: not yet written.

    ``form`` says what ``content`` is: the voucher's bytes, its base64 where that is broken, or the
    whole document. It is sealed, and '' where only ``size`` and ``digest`` (SHA-256) were kept.
    ``result`` and ``information`` are what the peer was answered. ``proposal`` is the id of the
    action that proposed the present correction; ``outcome`` what processing one was answered.
    Of a 2612 ``cfm_date``, ``tra_no`` and ``pay_code`` are what could be read of its identity.
    """

    id: int
    peer: str
    number: str
    msg_id: str
    msg_ref: str
    work_date: str
    received_at: int
    last_at: int
    result: str
    information: str = field(repr=False)
    form: InboxForm
    size: int
    digest: str
    content: str = field(repr=False)
    changed_at: int
    copies: int = 1
    state: InboxState = "new"
    proposer: str = ""
    reason: str = field(default="", repr=False)
    proposal: int = 0
    accepter: str = ""
    outcome: str = ""
    outcome_text: str = field(default="", repr=False)
    replayed: int = 0
    cfm_date: str = ""
    tra_no: str = ""
    pay_code: str = ""


@dataclass(frozen=True, slots=True)
class InboxEntry:
    """What a person did about a message. ``voucher`` is sealed, and there for a proposal only."""

    id: int
    inbox_id: int
    action: InboxAction
    actor: str
    reason: str = field(repr=False)
    at: int
    voucher: str = field(default="", repr=False)
    digest: str = ""
    result: str = ""
    information: str = field(default="", repr=False)


_NEW: Final = ("id",)
_INSERT: Final = insert_into(InboxMessage, "inbox", without=_NEW)
_VALUES: Final = values(InboxMessage, without=_NEW)
_GET: Final = select_from(InboxMessage, "inbox", "WHERE id = ?1")
_ACTION: Final = insert_into(InboxEntry, "inbox_actions", "RETURNING id", without=_NEW)
_ACTION_VALUES: Final = values(InboxEntry, without=_NEW)
_ACTION_GET: Final = select_from(InboxEntry, "inbox_actions", "WHERE id = ?1")
_ACTIONS: Final = select_from(InboxEntry, "inbox_actions", "WHERE inbox_id = ?1 ORDER BY id")
_OPEN: Final = "state IN ('new', 'proposed')"  # written out, so that its index serves


async def keep(tx: Transaction, message: InboxMessage, limit: int) -> Kept:
    """Keep a message; the same bytes again are counted on the row that is there.

    Not kept ('full') where so many of its peer wait for a person already.
    """
    again = await tx.run(
        "UPDATE inbox SET copies = copies + 1,"
        " last_at = CASE WHEN last_at < ?4 THEN ?4 ELSE last_at END"
        " WHERE peer = ?1 AND number = ?2 AND digest = ?3",
        message.peer,
        message.number,
        message.digest,
        message.received_at,
    )
    if again:
        return "again"
    if await open_count(tx, message.peer, limit) >= limit:
        return "full"
    await tx.run(_INSERT, *_VALUES(message))
    return "kept"


async def open_count(tx: Transaction, peer: str, limit: int) -> int:
    """How many messages of a peer wait for a person; counts no further than a limit."""
    row = await tx.one(
        f"SELECT count(*) FROM (SELECT 1 FROM inbox WHERE {_OPEN} AND peer = ?1 LIMIT ?2)",  # noqa: S608 - our own condition
        peer,
        limit,
    )
    return int(row[0]) if row else 0


async def refused(
    tx: Transaction, src: str, cfm_date: str, tra_no: str, pay_code: str = ""
) -> bool:
    """Whether a malformed 2612 of this identity was refused, and nothing right came instead.

    With a pay code also under another date, as ``confirmations.refused``.
    """
    row = await tx.one(
        "SELECT 1 FROM inbox WHERE peer = ?1 AND tra_no = ?3 AND tra_no <> ''"
        " AND (cfm_date = ?2 OR (pay_code = ?4 AND pay_code <> '')) AND state <> 'accepted'"
        " AND NOT EXISTS (SELECT 1 FROM confirmations AS c WHERE c.src = ?1 AND c.cfm_date = ?2"
        " AND c.tra_no_bus = ?3 AND c.accepted = 1) LIMIT 1",
        src,
        cfm_date,
        tra_no,
        pay_code,
    )
    return row is not None


async def get(tx: Transaction, message_id: int, *, lock: bool = False) -> InboxMessage | None:
    """A message by its id."""
    row = await tx.one(_GET + tx.for_update if lock else _GET, message_id)
    return InboxMessage(*row) if row else None


async def page(
    tx: Transaction,
    *,
    peer: str = "",
    number: str = "",
    states: tuple[InboxState, ...] = (),
    after: int = 0,
    limit: int = 100,
) -> list[InboxMessage]:
    """Messages by id, following the id of the last one seen; no states: any."""
    conditions = Conditions()
    conditions.equal("peer", peer)
    conditions.equal("number", number)
    if states:
        conditions.one_of("state", states)
    conditions.add("id > {}", after)
    order = "ORDER BY id LIMIT " + conditions.mark(limit)
    sql = select_from(InboxMessage, "inbox", f"{conditions.where()} {order}")
    return [InboxMessage(*row) for row in await tx.all(sql, *conditions.args)]


async def act(tx: Transaction, entry: InboxEntry) -> int:
    """Write down what a person did and return its id; ``entry.id`` is ignored."""
    row = await tx.one(_ACTION, *_ACTION_VALUES(entry))
    if row is None:
        raise RuntimeError("the database returned no id")
    return int(row[0])


async def actions(tx: Transaction, message_id: int) -> list[InboxEntry]:
    """What people did about a message, in order."""
    return [InboxEntry(*row) for row in await tx.all(_ACTIONS, message_id)]


async def action(tx: Transaction, action_id: int) -> InboxEntry | None:
    """One thing that somebody did."""
    row = await tx.one(_ACTION_GET, action_id)
    return InboxEntry(*row) if row else None


async def proposed(
    tx: Transaction, message_id: int, proposal: int, *, proposer: str, reason: str, at: int
) -> None:
    """A correction is proposed, maybe in the place of another one that nobody accepted."""
    await tx.run(
        "UPDATE inbox SET state = 'proposed', proposal = ?2, proposer = ?3, reason = ?4,"
        " changed_at = ?5, outcome = '', outcome_text = '', replayed = 0 WHERE id = ?1",
        message_id,
        proposal,
        proposer,
        reason,
        at,
    )


async def processed(
    tx: Transaction,
    message_id: int,
    *,
    accepter: str,
    outcome: str,
    outcome_text: str,
    replayed: bool,
    at: int,
) -> None:
    """The proposal was processed; `accepter` '' where the answer was a refusal: it stays one."""
    await tx.run(
        "UPDATE inbox SET state = CASE ?2 WHEN '' THEN 'proposed' ELSE 'accepted' END,"
        " accepter = ?2, outcome = ?3, outcome_text = ?4, replayed = ?5, changed_at = ?6"
        " WHERE id = ?1",
        message_id,
        accepter,
        outcome,
        outcome_text,
        int(replayed),
        at,
    )


async def dropped(tx: Transaction, message_id: int, *, reason: str, at: int) -> None:
    """Nothing will be done about it."""
    await tx.run(
        "UPDATE inbox SET state = 'dropped', reason = ?2, changed_at = ?3 WHERE id = ?1",
        message_id,
        reason,
        at,
    )
