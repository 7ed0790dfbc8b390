"""Gap-free counters: a number is taken in the transaction that uses it, or not at all."""

from __future__ import annotations

from .protocol import Transaction

_NEXT = (
    "INSERT INTO serials (scope, last) VALUES (?1, ?2)"
    " ON CONFLICT (scope) DO UPDATE SET last = serials.last + excluded.last RETURNING last"
)


async def next_number(tx: Transaction, scope: str) -> int:
    """The next number of a scope, from 1 on; taken back when the transaction is rolled back."""
    return (await next_block(tx, scope, 1))[0]


async def next_block(tx: Transaction, scope: str, count: int) -> range:
    """The next ``count`` numbers of a scope, in order."""
    if count < 1:
        raise ValueError("a block has at least one number")
    row = await tx.one(_NEXT, scope, count)
    if row is None:
        raise RuntimeError("the database returned no serial")
    last = int(row[0])
    return range(last - count + 1, last + 1)


async def last_number(tx: Transaction, scope: str) -> int:
    """The number taken last, 0 for an unused scope."""
    row = await tx.one("SELECT last FROM serials WHERE scope = ?1", scope)
    return int(row[0]) if row else 0


async def scopes(tx: Transaction, prefix: str = "") -> dict[str, int]:
    """All counters whose scope starts with ``prefix``, with their last numbers."""
    rows = await tx.all(
        "SELECT scope, last FROM serials WHERE substr(scope, 1, ?1) = ?2 ORDER BY scope",
        len(prefix),
        prefix,
    )
    return {row[0]: int(row[1]) for row in rows}
