"""Tokens of peers that changed them with 2003; sealed by the caller."""

from __future__ import annotations

from typing import Final

from .protocol import Transaction
from .records import TokenRow
from .sql import select_from, values

_GET: Final = select_from(TokenRow, "tokens", "WHERE peer = ?1")
_ALL: Final = select_from(TokenRow, "tokens", "ORDER BY peer")
_VALUES: Final = values(TokenRow)
_PUT: Final = (
    "INSERT INTO tokens (peer, sealed_current, sealed_previous, changed_at, confirmed_at, version)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
    " ON CONFLICT (peer) DO UPDATE SET sealed_current = excluded.sealed_current,"
    " sealed_previous = excluded.sealed_previous, changed_at = excluded.changed_at,"
    " confirmed_at = excluded.confirmed_at, version = excluded.version"
    " WHERE tokens.version = excluded.version - 1"
)


async def get(tx: Transaction, peer: str, *, lock: bool = False) -> TokenRow | None:
    """A peer's token row; None while the configured first token is in force."""
    row = await tx.one(_GET + tx.for_update if lock else _GET, peer)
    return TokenRow(*row) if row else None


async def put(tx: Transaction, row: TokenRow) -> bool:
    """Write a token row whose version follows the stored one (1 for the first).

    False, and nothing written, when another version is stored: somebody else was faster.
    """
    return await tx.run(_PUT, *_VALUES(row)) == 1


async def remove(tx: Transaction, peer: str) -> bool:
    """Forget a peer's changed token, so that the configured one is in force again."""
    return await tx.run("DELETE FROM tokens WHERE peer = ?1", peer) == 1


async def all_tokens(tx: Transaction) -> list[TokenRow]:
    """The rows of all peers that changed their token."""
    return [TokenRow(*row) for row in await tx.all(_ALL)]
