"""What people have joined lines of statements with (对账关联)."""

from __future__ import annotations

from .protocol import Transaction


async def is_linked(tx: Transaction, reference: str, statement: str) -> bool:
    """Whether a line of this kind of statement was joined with something of ours by its name."""
    row = await tx.one(
        "SELECT 1 FROM recon_actions AS a JOIN recon_differences AS d ON d.id = a.difference_id"
        " WHERE a.action = 'link' AND a.reference = ?1 AND d.statement = ?2 LIMIT 1",
        reference,
        statement,
    )
    return row is not None
