"""Where the money of payments is (资金状态): arrived, reconciled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from .protocol import Transaction

_ARRIVED: Final = (
    "INSERT INTO payment_funds (payment_id, arrived_on, arrival_id) VALUES (?1, ?2, ?3)"
    " ON CONFLICT (payment_id) DO UPDATE SET arrived_on = excluded.arrived_on,"
    " arrival_id = excluded.arrival_id WHERE payment_funds.arrived_on = ''"
)
_RECONCILED: Final = (
    "INSERT INTO payment_funds (payment_id, reconciled_on) VALUES (?1, ?2)"
    " ON CONFLICT (payment_id) DO UPDATE SET reconciled_on = excluded.reconciled_on"
    " WHERE payment_funds.reconciled_on = ''"
)


@dataclass(frozen=True, slots=True)
class Funds:
    """The state of one payment's money; '' where it has not come to that."""

    payment_id: int
    arrived_on: str = ""
    arrival_id: int | None = None
    reconciled_on: str = ""


async def of_payment(tx: Transaction, payment_id: int) -> Funds:
    """The state of a payment's money."""
    row = await tx.one(
        "SELECT payment_id, arrived_on, arrival_id, reconciled_on FROM payment_funds"
        " WHERE payment_id = ?1",
        payment_id,
    )
    return Funds(*row) if row else Funds(payment_id)


async def arrived(tx: Transaction, payment_id: int, date: str, arrival_id: int | None) -> bool:
    """Note that a payment's money has arrived; False when that was known already."""
    return await tx.run(_ARRIVED, payment_id, date, arrival_id) == 1


async def reconciled(tx: Transaction, payment_id: int, check_date: str) -> bool:
    """Note that a statement has the payment; False when that was known already."""
    return await tx.run(_RECONCILED, payment_id, check_date) == 1
