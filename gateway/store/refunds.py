"""Refunds (退付) and their states."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from .protocol import Transaction
from .records import PaidFrom, Refund, RefundState
from .sql import Conditions, insert_into, select_from, values

_INSERT: Final = insert_into(Refund, "refunds")
_VALUES: Final = values(Refund)
_GET: Final = select_from(Refund, "refunds", "WHERE refund_no = ?1")
_OF_PAYMENT: Final = select_from(
    Refund, "refunds", "WHERE payment_id = ?1 ORDER BY created_at, refund_no"
)
_OF_BILL: Final = select_from(
    Refund, "refunds", "WHERE pay_code = ?1 ORDER BY created_at, refund_no"
)

_UNIT: Final = "(SELECT unit_code FROM bills AS b WHERE b.pay_code = refunds.pay_code)"
_UPDATE: Final = "UPDATE refunds SET {sets} WHERE refund_no = {target} AND state IN ({states})"

# Money that is, or may yet be, paid back: everything but failed and rejected.
_HELD: Final = (
    "SELECT coalesce(sum(amt), 0) FROM refunds"
    " WHERE payment_id = ?1 AND state NOT IN ('failed', 'rejected')"
)

_DECIDE: Final = (
    "UPDATE refunds SET state = ?2, approved_by = ?3, decided_at = ?4, changed_at = ?4,"
    " paid_from = ?5, pay_acct = ?6, pay_acct_name = ?7"
    " WHERE refund_no = ?1 AND state = 'requested'"
)
_LOCK_RESERVE: Final = "SELECT balance FROM accounts WHERE acct_no = ?1 AND purpose = 'reserve'"
# What was promised but not paid counts always, what was paid only from the balance's date on.
_RESERVE_USE: Final = (
    "SELECT coalesce(sum(CASE WHEN state = 'succeeded' THEN amt ELSE 0 END), 0),"
    " coalesce(sum(CASE WHEN state = 'succeeded' THEN 0 ELSE amt END), 0)"
    " FROM refunds WHERE paid_from = 'reserve' AND pay_acct = ?1"
    " AND (state IN ('approved', 'queued', 'sent', 'acknowledged', 'unknown')"
    " OR (state = 'succeeded' AND (tra_date = '' OR tra_date >= ?2)))"
)

# Where the parts of a payment are that remittances have taken, or are just taking.
_REMITTED: Final = (
    "SELECT p.item_code, p.level, d.remit_type, r.state, r.tre_code, r.tre_name"
    " FROM remittance_parts AS p JOIN remittances AS r ON r.id = p.remit_id"
    " JOIN income_dues AS d ON d.payment_id = p.payment_id AND d.item_code = p.item_code"
    " AND d.level = p.level WHERE p.payment_id = ?1 AND p.living = 1"
    " ORDER BY p.item_code, p.level"
)


@dataclass(frozen=True, slots=True)
class RemittedPart:
    """What a living remittance has of a payment; the treasury is '' of money for an account."""

    item_code: str
    level: str
    to_treasury: bool
    arrived: bool
    treasury_code: str
    treasury_name: str


@dataclass(frozen=True, slots=True)
class Source:
    """Where a refund is paid from; the account of a reserve only."""

    paid_from: PaidFrom
    pay_acct: str = field(default="", repr=False)
    pay_acct_name: str = ""


@dataclass(frozen=True, slots=True)
class ReserveUse:
    """What a reserve account has paid, and what it may yet have to pay, in fen."""

    paid: int
    promised: int


@dataclass(frozen=True, slots=True)
class RefundResult:
    """What 2617 or an operator said of a refund."""

    result: str
    information: str = ""
    tra_no: str = ""
    tra_date: str = ""
    tra_time: str = ""


async def insert(tx: Transaction, refund: Refund) -> None:
    """Write a new refund; ConstraintViolated when the number exists.

    Read the payment with ``lock=True`` and compare ``held`` with its amount before, in the same
    transaction: a payment is never paid back more than once.
    """
    await tx.run(_INSERT, *_VALUES(refund))


async def get(tx: Transaction, refund_no: str, *, lock: bool = False) -> Refund | None:
    """A refund by its number."""
    row = await tx.one(_GET + tx.for_update if lock else _GET, refund_no)
    return Refund(*row) if row else None


async def of_payment(tx: Transaction, payment_id: int) -> list[Refund]:
    """All refunds of a payment, oldest first."""
    return [Refund(*row) for row in await tx.all(_OF_PAYMENT, payment_id)]


async def of_bill(tx: Transaction, pay_code: str) -> list[Refund]:
    """All refunds of a bill's payments, oldest first."""
    return [Refund(*row) for row in await tx.all(_OF_BILL, pay_code)]


async def held(tx: Transaction, payment_id: int) -> int:
    """Sum in fen of a payment's refunds that are not failed or rejected."""
    row = await tx.one(_HELD, payment_id)
    return int(row[0]) if row else 0


async def set_state(
    tx: Transaction,
    refund_no: str,
    *,
    expected: tuple[RefundState, ...],
    state: RefundState,
    changed_at: int,
    approved_by: str | None = None,
    outcome: RefundResult | None = None,
) -> bool:
    """Move a refund to another state; False when it is in none of the expected ones.

    ``approved_by`` and ``outcome`` are kept where given.
    """
    sets = Conditions()
    sets.equal_always("state", state)
    sets.equal_always("changed_at", changed_at)
    if approved_by is not None:
        sets.equal_always("approved_by", approved_by)
    if outcome is not None:
        sets.equal_always("result", outcome.result)
        sets.equal_always("information", outcome.information)
        sets.equal_always("tra_no", outcome.tra_no)
        sets.equal_always("tra_date", outcome.tra_date)
        sets.equal_always("tra_time", outcome.tra_time)
    target = sets.mark(refund_no)
    states = ", ".join(sets.mark(name) for name in expected)
    sql = _UPDATE.format(sets=sets.listed(), target=target, states=states)
    return await tx.run(sql, *sets.args) == 1


async def decide(
    tx: Transaction,
    refund_no: str,
    state: RefundState,
    *,
    by: str,
    at: int,
    source: Source = Source("collection"),
) -> bool:
    """Approve (``approved``, ``queued``) or reject a requested refund; False when it is no more."""
    changed = await tx.run(
        _DECIDE,
        refund_no,
        state,
        by,
        at,
        source.paid_from,
        source.pay_acct,
        source.pay_acct_name,
    )
    return changed == 1


async def reserve_use(tx: Transaction, acct_no: str, since: str, *, lock: bool) -> ReserveUse:
    """What refunds have taken, or may yet take, from a reserve whose balance is that of a date.

    ``lock`` serialises whoever promises from it.
    """
    if lock:
        await tx.all(_LOCK_RESERVE + tx.for_update, acct_no)
    row = await tx.one(_RESERVE_USE, acct_no, since)
    return ReserveUse(int(row[0]), int(row[1])) if row else ReserveUse(0, 0)


async def remitted(tx: Transaction, payment_id: int) -> list[RemittedPart]:
    """The parts of a payment's money that are in living remittances, by item and level."""
    return [
        RemittedPart(row[0], row[1], row[2] == "1", row[3] == "succeeded", row[4], row[5])
        for row in await tx.all(_REMITTED, payment_id)
    ]


async def to_be_remitted(tx: Transaction, payment_id: int) -> bool:
    """Whether something of a payment is still to be remitted."""
    row = await tx.one(
        "SELECT 1 FROM income_dues WHERE payment_id = ?1 AND open = 1 LIMIT 1", payment_id
    )
    return row is not None


async def page(
    tx: Transaction,
    *,
    state: RefundState | None = None,
    src: str = "",
    units: tuple[str, ...] = (),
    after: str = "",
    limit: int = 100,
) -> list[Refund]:
    """Refunds by number, following the last one already seen; ``units`` are those of the bills."""
    conditions = Conditions()
    conditions.add("refund_no > {}", after)
    conditions.equal("state", state)
    conditions.equal("src", src)
    if units:
        conditions.one_of(_UNIT, units)
    order = "ORDER BY refund_no LIMIT " + conditions.mark(limit)
    sql = select_from(Refund, "refunds", f"{conditions.where()} {order}")
    return [Refund(*row) for row in await tx.all(sql, *conditions.args)]
