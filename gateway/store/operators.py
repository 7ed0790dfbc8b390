"""Operators: who may run commands, in which roles, for which units."""

from __future__ import annotations

from typing import Final

from .protocol import Transaction
from .records import Operator
from .sql import insert_into, select_from, values

_INSERT: Final = insert_into(Operator, "operators", "ON CONFLICT DO NOTHING")
_VALUES: Final = values(Operator)
_GET: Final = select_from(Operator, "operators", "WHERE name = ?1")
_ALL: Final = select_from(Operator, "operators", "ORDER BY name")


async def insert(tx: Transaction, operator: Operator) -> bool:
    """Write a new operator; False when the name is taken."""
    return await tx.run(_INSERT, *_VALUES(operator)) == 1


async def get(tx: Transaction, name: str, *, lock: bool = False) -> Operator | None:
    """An operator by name."""
    row = await tx.one(_GET + tx.for_update if lock else _GET, name)
    return Operator(*row) if row else None


async def all_operators(tx: Transaction) -> list[Operator]:
    """All operators by name."""
    return [Operator(*row) for row in await tx.all(_ALL)]


async def set_password(
    tx: Transaction, name: str, password_hash: str, *, must_change: int, at: int
) -> bool:
    """Set a password's hash and forget failed attempts; ``must_change`` 1: at the next use."""
    changed = await tx.run(
        "UPDATE operators SET password_hash = ?2, must_change = ?3, changed_at = ?4,"
        " failed_attempts = 0, locked_until = 0 WHERE name = ?1",
        name,
        password_hash,
        must_change,
        at,
    )
    return changed == 1


async def set_enabled(tx: Transaction, name: str, enabled: int, at: int) -> bool:
    """Enable or disable an operator."""
    changed = await tx.run(
        "UPDATE operators SET enabled = ?2, changed_at = ?3 WHERE name = ?1", name, enabled, at
    )
    return changed == 1


async def set_scope(tx: Transaction, name: str, *, roles: str, units: str, at: int) -> bool:
    """Set roles and units, both lists joined by commas."""
    changed = await tx.run(
        "UPDATE operators SET roles = ?2, units = ?3, changed_at = ?4 WHERE name = ?1",
        name,
        roles,
        units,
        at,
    )
    return changed == 1


async def attempt_failed(tx: Transaction, name: str, *, now: int, limit: int, lock_ms: int) -> int:
    """Count a wrong password and return the count; every ``limit``-th locks for ``lock_ms``."""
    row = await tx.one(
        "UPDATE operators SET failed_attempts = failed_attempts + 1 WHERE name = ?1"
        " RETURNING failed_attempts",
        name,
    )
    failed = int(row[0]) if row else 0
    if failed and failed % limit == 0:
        await tx.run("UPDATE operators SET locked_until = ?2 WHERE name = ?1", name, now + lock_ms)
    return failed


async def attempt_passed(tx: Transaction, name: str) -> None:
    """Forget failed attempts after a right password."""
    await tx.run(
        "UPDATE operators SET failed_attempts = 0, locked_until = 0"
        " WHERE name = ?1 AND (failed_attempts > 0 OR locked_until > 0)",
        name,
    )
