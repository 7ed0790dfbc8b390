"""Messages received and sent, kept for people; secret fields are sealed by the caller."""

from __future__ import annotations

from typing import Final

from .protocol import Transaction
from .records import ArchivedMessage
from .sql import Conditions, insert_into, select_from, values

_NEW: Final = ("id",)
_INSERT: Final = insert_into(ArchivedMessage, "archive", without=_NEW)
_VALUES: Final = values(ArchivedMessage, without=_NEW)
# The number stands in the text, or the partial index would not serve.
_BY_MSG_ID: Final = (
    "SELECT subject FROM archive WHERE peer = ?1 AND msg_id = ?2 AND number = '8999'"
    " AND direction = 'in' ORDER BY id DESC LIMIT 1"
)
_GET: Final = select_from(ArchivedMessage, "archive", "WHERE id = ?1")


async def insert(tx: Transaction, message: ArchivedMessage) -> None:
    """Keep a message; ``message.id`` is ignored."""
    await tx.run(_INSERT, *_VALUES(message))


async def get(tx: Transaction, message_id: int) -> ArchivedMessage | None:
    """A kept message."""
    row = await tx.one(_GET, message_id)
    return ArchivedMessage(*row) if row else None


async def number_asked(tx: Transaction, peer: str, msg_id: str) -> str:
    """The subject of a peer's latest 8999 with a MsgID, '' where none was kept."""
    row = await tx.one(_BY_MSG_ID, peer, msg_id)
    return row[0] if row else ""


async def page(
    tx: Transaction,
    *,
    peer: str = "",
    number: str = "",
    subject: str = "",
    direction: str = "",
    at_from: int | None = None,
    at_before: int | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[ArchivedMessage]:
    """Kept messages, the newest first, preceding the id of the last one already seen."""
    conditions = Conditions()
    conditions.equal("peer", peer)
    conditions.equal("number", number)
    conditions.equal("subject", subject)
    conditions.equal("direction", direction)
    if subject:
        conditions.add("subject <> ''")  # lets the partial index serve
    if at_from is not None:
        conditions.add("at >= {}", at_from)
    if at_before is not None:
        conditions.add("at < {}", at_before)
    if before is not None:
        conditions.add("id < {}", before)
    order = "ORDER BY id DESC LIMIT " + conditions.mark(limit)
    sql = select_from(ArchivedMessage, "archive", f"{conditions.where()} {order}")
    return [ArchivedMessage(*row) for row in await tx.all(sql, *conditions.args)]


async def prune(tx: Transaction, before_at: int, *, limit: int = 1000) -> int:
    """Delete at most ``limit`` messages kept before an instant, oldest first; how many."""
    return await tx.run(
        "DELETE FROM archive WHERE id IN"
        " (SELECT id FROM archive WHERE at < ?1 ORDER BY id LIMIT ?2)",
        before_at,
        limit,
    )
