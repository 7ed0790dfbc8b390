"""Facts about the store itself: its id, when it was made, settings that commands keep."""

from __future__ import annotations

from .protocol import Transaction


async def get(tx: Transaction, name: str) -> str | None:
    """The value of a name; ``store_id`` and ``created_at`` always exist."""
    row = await tx.one("SELECT value FROM meta WHERE name = ?1", name)
    return str(row[0]) if row else None


async def put(tx: Transaction, name: str, value: str) -> None:
    """Set the value of a name."""
    await tx.run(
        "INSERT INTO meta (name, value) VALUES (?1, ?2)"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        name,
        value,
    )
