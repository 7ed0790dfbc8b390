"""Bills that a platform has still to be told of (5954), each once however often it changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from .protocol import Transaction

_NOTE: Final = (
    "INSERT INTO bill_sync (peer, pay_code, at) VALUES (?1, ?2, ?3)"
    " ON CONFLICT (peer, pay_code) DO UPDATE SET at = excluded.at"
)
_NOTED: Final = "SELECT at FROM bill_sync WHERE peer = ?1 AND pay_code = ?2"


async def note(tx: Transaction, peers: Sequence[str], pay_codes: Iterable[str], at: int) -> None:
    """These bills are new or have changed, and these peers have to be told."""
    if peers:
        await tx.many(_NOTE, ((peer, code, at) for code in pay_codes for peer in peers))


async def waiting(
    tx: Transaction, peer: str, limit: int, *, after: str = ""
) -> list[tuple[str, int]]:
    """Pay codes that a peer has still to be told of, each with the time of its last change.

    By pay code, following the last one already seen.
    """
    rows = await tx.all(
        "SELECT pay_code, at FROM bill_sync WHERE peer = ?1 AND pay_code > ?3"
        " ORDER BY pay_code LIMIT ?2",
        peer,
        limit,
        after,
    )
    return [(row[0], int(row[1])) for row in rows]


async def is_noted(tx: Transaction, peer: str, pay_code: str) -> bool:
    """Whether a peer has still to be told of a bill; keeps others from telling it meanwhile."""
    return await tx.one(_NOTED + tx.for_update, peer, pay_code) is not None


async def told(tx: Transaction, peer: str, pay_codes: Iterable[str]) -> None:
    """These bills are in a message to the peer, written by the same transaction."""
    await tx.many(
        "DELETE FROM bill_sync WHERE peer = ?1 AND pay_code = ?2",
        ((peer, code) for code in pay_codes),
    )


async def peers(tx: Transaction) -> dict[str, int]:
    """How many bills wait for each peer."""
    rows = await tx.all("SELECT peer, count(*) FROM bill_sync GROUP BY peer ORDER BY peer")
    return {row[0]: int(row[1]) for row in rows}
