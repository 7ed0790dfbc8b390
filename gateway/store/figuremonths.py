"""A month with one collecting node, day by day, for its monthly statement (对账单)."""

from __future__ import annotations

from typing import Final

from ...reconcile.figures.monthly import KINDS, OpenDifference
from .protocol import Transaction

# One statement for each kind of money: day, number, sum.
_MONEY: Final = {
    "payments": (
        "SELECT cfm_date, count(*), sum(amt) FROM payments WHERE src = ?1 AND duplicate = 0"
        " AND cfm_date >= ?2 AND cfm_date <= ?3 GROUP BY cfm_date"
    ),
    "duplicates": (
        "SELECT cfm_date, count(*), sum(amt) FROM payments WHERE src = ?1 AND duplicate = 1"
        " AND cfm_date >= ?2 AND cfm_date <= ?3 GROUP BY cfm_date"
    ),
    "refunds": (
        "SELECT tra_date, count(*), sum(amt) FROM refunds WHERE src = ?1 AND state = 'succeeded'"
        " AND tra_date >= ?2 AND tra_date <= ?3 GROUP BY tra_date"
    ),
    "arrivals": (
        "SELECT arr_date, count(*), sum(amt) FROM arrivals WHERE src = ?1"
        " AND arr_date >= ?2 AND arr_date <= ?3 GROUP BY arr_date"
    ),
    "clearing": (
        "SELECT l.tra_date, count(*), sum(l.amt) FROM clearing_lines AS l"
        " JOIN clearing_instructions AS i ON i.instr_no = l.instr_no WHERE i.peer = ?1"
        " AND l.state = 'succeeded' AND l.tra_date >= ?2 AND l.tra_date <= ?3 GROUP BY l.tra_date"
    ),
    "remittances": (
        "SELECT tra_date, count(*), sum(total) FROM remittances WHERE node = ?1"
        " AND state = 'succeeded' AND tra_date >= ?2 AND tra_date <= ?3 GROUP BY tra_date"
    ),
}
# Open at the month's end: open now, or ended by a person or a later run after it.
_OPEN: Final = (
    "SELECT check_date, statement, scope, kind, pay_code, tra_no, ours_amt, theirs_amt, reason"
    " FROM recon_differences WHERE node = ?1 AND check_date <= ?2 AND (state = 'open'"
    " OR (state IN ('resolved', 'settled') AND changed_at >= ?3)) ORDER BY check_date, id"
)


async def money(
    tx: Transaction, node: str, first: str, last: str
) -> dict[str, dict[str, tuple[int, int]]]:
    """Number and sum (fen) of every kind of money by day, from FIRST to LAST."""
    found: dict[str, dict[str, tuple[int, int]]] = {}
    for kind in KINDS:
        rows = await tx.all(_MONEY[kind], node, first, last)
        found[kind] = {str(day): (int(count), int(amt)) for day, count, amt in rows}
    return found


async def open_differences(
    tx: Transaction, node: str, last: str, ends_at: int
) -> list[OpenDifference]:
    """Differences of days up to LAST that were open at the instant ENDS_AT (milliseconds)."""
    return [OpenDifference(*row) for row in await tx.all(_OPEN, node, last, ends_at)]
