"""Payments (缴款): what arrived for bills, by whatever message."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from .protocol import Transaction
from .records import Payment
from .sql import Conditions, insert_into, select_from, values

_NEW: Final = ("id",)
_INSERT: Final = insert_into(Payment, "payments", "RETURNING id", without=_NEW)
_TRY: Final = insert_into(Payment, "payments", "ON CONFLICT DO NOTHING RETURNING id", without=_NEW)
_TOTAL: Final = "SELECT count(*), coalesce(sum(amt), 0) FROM payments {}"
_VALUES: Final = values(Payment, without=_NEW)
_GET: Final = select_from(Payment, "payments", "WHERE id = ?1")
_BY_IDENTITY: Final = select_from(
    Payment, "payments", "WHERE src = ?1 AND cfm_date = ?2 AND tra_no_bus = ?3"
)
_EFFECTIVE: Final = select_from(Payment, "payments", "WHERE pay_code = ?1 AND duplicate = 0")
_OF_BILL: Final = " ".join(
    (
        _EFFECTIVE,
        "UNION ALL",
        select_from(Payment, "payments", "WHERE pay_code = ?1 AND duplicate = 1"),
        "ORDER BY duplicate, id",
    )
)
_DAY: Final = select_from(
    Payment,
    "payments",
    "WHERE src = ?1 AND cfm_date = ?2 AND tra_no_bus > ?3 ORDER BY tra_no_bus LIMIT ?4",
)


@dataclass(frozen=True, slots=True)
class PaymentTotal:
    """Number and sum (fen) of payments."""

    count: int
    amt: int


async def insert(tx: Transaction, payment: Payment) -> int:
    """Write a payment and return its id; ``payment.id`` is ignored.

    ConstraintViolated when the identity exists, or when the bill has an effective payment already
    and this one is not marked as duplicate: of two nodes that confirm one bill at the same instant
    exactly one wins, by the database's decision.
    """
    row = await tx.one(_INSERT, *_VALUES(payment))
    if row is None:
        raise RuntimeError("the database returned no id")
    return int(row[0])


async def try_insert(tx: Transaction, payment: Payment) -> int | None:
    """Like ``insert``, but None, and nothing written, where ``insert`` raises."""
    row = await tx.one(_TRY, *_VALUES(payment))
    return int(row[0]) if row else None


async def get(tx: Transaction, payment_id: int, *, lock: bool = False) -> Payment | None:
    """A payment by id; ``lock`` serialises whoever checks sums against it."""
    row = await tx.one(_GET + tx.for_update if lock else _GET, payment_id)
    return Payment(*row) if row else None


async def by_identity(tx: Transaction, src: str, cfm_date: str, tra_no_bus: str) -> Payment | None:
    """The payment with the identity (SRC, CfmDate, TraNoBus)."""
    row = await tx.one(_BY_IDENTITY, src, cfm_date, tra_no_bus)
    return Payment(*row) if row else None


async def effective(tx: Transaction, pay_code: str) -> Payment | None:
    """The payment that made the bill paid."""
    row = await tx.one(_EFFECTIVE, pay_code)
    return Payment(*row) if row else None


async def of_bill(tx: Transaction, pay_code: str) -> list[Payment]:
    """All payments of a bill, the effective one first, then duplicates by arrival."""
    return [Payment(*row) for row in await tx.all(_OF_BILL, pay_code)]


async def day_page(
    tx: Transaction, src: str, cfm_date: str, *, after: str = "", limit: int = 1000
) -> list[Payment]:
    """A node's payments of an accounting day by TraNoBus, following the last one already seen."""
    return [Payment(*row) for row in await tx.all(_DAY, src, cfm_date, after, limit)]


async def day_total(
    tx: Transaction, src: str, cfm_date: str, *, pay_mode: str = "", rec_acct: str = ""
) -> PaymentTotal:
    """Number and sum of a node's payments of an accounting day, of one channel or account."""
    conditions = Conditions()
    conditions.add("src = {}", src)
    conditions.add("cfm_date = {}", cfm_date)
    conditions.equal("pay_mode", pay_mode)
    conditions.equal("rec_acct", rec_acct)
    row = await tx.one(_TOTAL.format(conditions.where()), *conditions.args)
    return PaymentTotal(int(row[0]), int(row[1])) if row else PaymentTotal(0, 0)
