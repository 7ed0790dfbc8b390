"""Which node asked for which bill, and on which dates: for the checks 12005 and 12006.

Written only where a site switched one of them on.
"""

from __future__ import annotations

from .protocol import Transaction


async def note(tx: Transaction, src: str, pay_code: str, date: str, at: int) -> None:
    """Remember that a node asked for a bill; the first time of a day is kept."""
    await tx.run(
        "INSERT INTO queried (pay_code, src, query_date, at) VALUES (?1, ?2, ?3, ?4)"
        " ON CONFLICT DO NOTHING",
        pay_code,
        src,
        date,
        at,
    )


async def dates(tx: Transaction, src: str, pay_code: str) -> frozenset[str]:
    """The dates on which a node asked for a bill."""
    rows = await tx.all(
        "SELECT query_date FROM queried WHERE pay_code = ?1 AND src = ?2", pay_code, src
    )
    return frozenset(row[0] for row in rows)
