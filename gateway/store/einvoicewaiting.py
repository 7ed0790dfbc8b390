"""Paid bills that never had an e-invoice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from .protocol import Transaction
from .sql import Conditions

# A bill whose invoice was reversed or given up is left to people: they know why.
_WAITING: Final = (
    "SELECT p.id, p.pay_code FROM payments AS p JOIN bills AS b ON b.pay_code = p.pay_code {where}"
    " AND NOT EXISTS (SELECT 1 FROM einvoices AS e WHERE e.pay_code = p.pay_code)"
    " ORDER BY p.id LIMIT {limit}"
)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A bill without an invoice, and the payment that made it paid."""

    payment_id: int
    pay_code: str


async def waiting(
    tx: Transaction, *, units: tuple[str, ...], after: int = 0, limit: int = 500
) -> list[Waiting]:
    """Bills of these units by the order in which they were paid; use it inside ``Store.scan``.

    after: the id of the payment seen last.
    """
    conditions = Conditions()
    conditions.add("p.id > {}", after)
    conditions.add("p.duplicate = {}", 0)
    conditions.one_of("b.state", ("paid", "confirmed"))
    conditions.one_of("b.unit_code", units)
    sql = _WAITING.format(where=conditions.where(), limit=conditions.mark(limit))
    return [Waiting(int(row[0]), row[1]) for row in await tx.all(sql, *conditions.args)]
