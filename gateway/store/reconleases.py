"""What one process at a time may do in reconciliation, and until when it has it."""

from __future__ import annotations

from typing import Final

from .protocol import Transaction

_TAKE: Final = (
    "INSERT INTO recon_leases (name, owner, until) VALUES (?1, ?2, ?3)"
    " ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, until = excluded.until"
    " WHERE recon_leases.until <= ?4 OR recon_leases.owner = excluded.owner"
)


async def take_lease(tx: Transaction, name: str, owner: str, *, now: int, until: int) -> bool:
    """Take, or prolong, what one process at a time may do; False: another has it."""
    return await tx.run(_TAKE, name, owner, until, now) == 1


async def lease_owner(tx: Transaction, name: str) -> str:
    """Who has a lease, whether or not it has run out; '' for nobody."""
    row = await tx.one("SELECT owner FROM recon_leases WHERE name = ?1", name)
    return str(row[0]) if row else ""


async def release_lease(tx: Transaction, name: str, owner: str) -> None:
    """Give it back before its time."""
    await tx.run("DELETE FROM recon_leases WHERE name = ?1 AND owner = ?2", name, owner)
