"""Short questions about a node's day: whether something waits, whether something was done since."""

from __future__ import annotations

from typing import Final

from .protocol import Transaction

_IS_OPEN: Final = (
    "SELECT 1 FROM recon_differences WHERE node = ?1 AND check_date = ?2 AND state = 'open'"
    " AND statement = ?3 AND scope = ?4 LIMIT 1"
)
_ACTED_SINCE: Final = (
    "SELECT 1 FROM recon_actions AS a JOIN recon_differences AS d ON d.id = a.difference_id"
    " WHERE a.id > ?1 AND d.node = ?2 AND d.check_date = ?3 LIMIT 1"
)


async def is_open(
    tx: Transaction, node: str, check_date: str, *, statement: str, scope: str
) -> bool:
    """Whether a difference of a statement of a node and day waits."""
    return await tx.one(_IS_OPEN, node, check_date, statement, scope) is not None


async def last_action(tx: Transaction) -> int:
    """The id of what was done last about any difference; 0 for nothing."""
    row = await tx.one("SELECT coalesce(max(id), 0) FROM recon_actions")
    return int(row[0]) if row else 0


async def acted_since(tx: Transaction, action_id: int, node: str, check_date: str) -> bool:
    """Whether anything was done about a node's day after an action."""
    return await tx.one(_ACTED_SINCE, action_id, node, check_date) is not None
