"""What other lists of a node say of the money that a day's list names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ...reconcile.ports import Pages
from ...reconcile.sides import PaymentRow
from ..clock import add_days
from ..store.protocol import Transaction
from .books import NodeDay, is_listed

_FARTHEST: Final = 31
"""Days: people may link a line with a payment of longer ago than a machine carries."""
_COUNTED: Final = (
    "SELECT DISTINCT p.id, p.tra_no_bus, p.pay_code, p.amt FROM recon_differences AS d"
    " JOIN statement_batches AS b ON b.id = d.batch_id"
    " AND b.state IN ('complete', 'failed', 'reconciled')"
    " JOIN payment_funds AS f ON f.payment_id = d.payment_id AND f.reconciled_on = d.check_date"
    " JOIN payments AS p ON p.id = d.payment_id AND p.cfm_date = ?2"
    " WHERE d.node = ?1 AND d.check_date BETWEEN ?3 AND ?4 AND d.check_date <> ?2"
    " AND d.statement = '2555' AND d.state IN ('repaired', 'resolved', 'settled')"
)


async def listed_again(tx: Transaction, day: NodeDay) -> frozenset[int]:
    """The day's payments that another day's list of the node has had, and the day's own has, too.

    Left out of what the day's list must have, they make its lines ones that are told twice.
    """
    date = day.check_date
    around = add_days(date, -_FARTHEST), add_days(date, _FARTHEST)
    found: set[int] = set()
    src = day.peer.code
    for number, tra_no, pay_code, amt in await tx.all(_COUNTED, src, date, *around):
        if await is_listed(tx, src, date, tra_no=tra_no, pay_code=pay_code, amt=amt):
            found.add(number)
    return frozenset(found)


class Without:
    """Pages of payments, some of them left out."""

    def __init__(self, pages: Pages[PaymentRow], left_out: frozenset[int]) -> None:
        self._pages = pages
        self._left_out = left_out

    async def next(self) -> Sequence[PaymentRow]:
        """The next page, [] at the end."""
        page = await self._pages.next()
        while page and self._left_out:
            kept = [row for row in page if row[1] not in self._left_out]
            if kept:
                return kept
            page = await self._pages.next()
        return page
