"""What the reconciliation that the service starts by itself has done, and what is new for it."""

from __future__ import annotations

from typing import Final, NamedTuple

from . import meta
from .protocol import Transaction

_DONE_TO: Final = "reconciliation.done_to"
_SEEN_PAYMENT: Final = "reconciliation.seen_payment"


class News(NamedTuple):
    """What a day has that no run has seen: lists that are complete, by number and the latest id."""

    check_date: str
    lists: int
    latest: int


async def done_to(tx: Transaction) -> str:
    """The last date that was reconciled by schedule, with all before it; '' for none yet."""
    return await meta.get(tx, _DONE_TO) or ""


async def set_done_to(tx: Transaction, date: str) -> None:
    """Note it; an earlier date changes nothing."""
    if date > await done_to(tx):
        await meta.put(tx, _DONE_TO, date)


async def seen_payment(tx: Transaction) -> int | None:
    """The highest id of a payment when the days were last looked at; None for never."""
    value = await meta.get(tx, _SEEN_PAYMENT)
    return None if value is None else int(value)


async def set_seen_payment(tx: Transaction, payment_id: int) -> None:
    """Note it, where it is higher."""
    known = await seen_payment(tx)
    if known is None or payment_id > known:
        await meta.put(tx, _SEEN_PAYMENT, str(payment_id))


async def news(tx: Transaction, date_from: str, date_to: str) -> list[News]:
    """The days between two (inclusive) with lists that are complete and in no run, by date."""
    rows = await tx.all(
        "SELECT check_date, count(*), max(id) FROM statement_batches"
        " WHERE check_date BETWEEN ?1 AND ?2 AND state = 'complete'"
        " GROUP BY check_date ORDER BY check_date",
        date_from,
        date_to,
    )
    return [News(*row) for row in rows]


async def latest_payment(tx: Transaction) -> int:
    """The highest id of a payment; 0 for none."""
    row = await tx.one("SELECT coalesce(max(id), 0) FROM payments")
    return int(row[0]) if row else 0


async def paid_late(
    tx: Transaction, date_from: str, date_to: str, *, after: int, up_to: int
) -> list[str]:
    """The accounting days between two (inclusive) of payments with ids in (after, up_to], by date.

    What reconciliation itself made a payment of (补单) is not new to it.
    """
    rows = await tx.all(
        "SELECT DISTINCT cfm_date FROM payments WHERE id > ?1 AND id <= ?2"
        " AND cfm_date BETWEEN ?3 AND ?4 AND channel <> 'repair' ORDER BY cfm_date",
        after,
        up_to,
        date_from,
        date_to,
    )
    return [str(row[0]) for row in rows]
