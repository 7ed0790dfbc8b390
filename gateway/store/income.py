"""Confirmed income (收入确认) and what of it is to be remitted: parts, and dues made of them.

A due is what one payment gives to one target account under one item. It is open while it is in no
living remittance.
"""

# ruff: noqa: S608 - statements are put together from constants of this module only

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from .funds import Funds
from .protocol import Transaction
from .sql import Conditions, columns, insert_into, select_from, values

Mode = Literal["direct", "consolidated", "bank"]

LIVING_REFUND: Final = (
    "EXISTS (SELECT 1 FROM refunds AS r WHERE r.payment_id = {payment}"
    " AND r.state NOT IN ('succeeded', 'failed', 'rejected'))"
)
"""Whether a refund of a payment has not come to an end; its money waits for that."""


@dataclass(frozen=True, slots=True)
class Income:
    """A payment whose income is confirmed; ``judged`` 1: it is divided into dues."""

    payment_id: int
    pay_code: str
    receipt_no: str
    confirmed_on: str
    confirmed_at: int
    confirmed_by: str
    judged: int = 0


@dataclass(frozen=True, slots=True)
class Part:
    """What a line of a bill gives to a line of its sharing rule; ``weight`` of 10,000, fen."""

    payment_id: int
    line: int
    position: int
    item_code: str
    level: str
    target: str
    weight: int
    amt: int


@dataclass(frozen=True, slots=True)
class Due:
    """What is to be remitted of a payment under one item to one level; fen before refunds."""

    payment_id: int
    item_code: str
    level: str
    target: str
    region: str
    acct_no: str
    bank_code: str
    mode: Mode
    remit_type: str
    unit_code: str
    amt: int
    open: int = 1

    @property
    def key(self) -> tuple[int, str, str]:
        """What can be in one living remittance only."""
        return self.payment_id, self.item_code, self.level


@dataclass(frozen=True, slots=True)
class OpenDue:
    """An open due with what it is netted by: fen paid, fen paid back by succeeded refunds."""

    due: Due
    pay_code: str
    cfm_date: str
    paid: int
    refunded: int


@dataclass(frozen=True, slots=True, order=True)
class DueGroup:
    """What dues of one remittance have in common."""

    bank_code: str
    acct_no: str
    region: str
    mode: Mode
    remit_type: str
    target: str


@dataclass(frozen=True, slots=True)
class DueFilter:
    """Which dues: of payments of this CfmDate, up to one, by this node, of these units."""

    cfm_date: str = ""
    cfm_until: str = ""
    src: str = ""
    units: frozenset[str] = frozenset()

    def add_to(self, conditions: Conditions) -> None:
        """Add the conditions, over d (dues) and p (payments)."""
        conditions.equal("p.cfm_date", self.cfm_date)
        conditions.equal("p.src", self.src)
        if self.cfm_until:
            conditions.add("p.cfm_date <= {}", self.cfm_until)
        if self.units:
            conditions.one_of("d.unit_code", sorted(self.units))


@dataclass(frozen=True, slots=True)
class Candidate:
    """A paid bill of a unit whose income is confirmed automatically."""

    pay_code: str
    payment_id: int
    funds: Funds


_INSERT: Final = insert_into(Income, "income", "ON CONFLICT DO NOTHING")
_VALUES: Final = values(Income)
_OF_BILL: Final = select_from(Income, "income", "WHERE pay_code = ?1")
_UNJUDGED: Final = select_from(
    Income, "income", "WHERE judged = 0 AND payment_id > ?1 ORDER BY payment_id LIMIT ?2"
)
_INSERT_PART: Final = insert_into(Part, "income_parts")
_PART_VALUES: Final = values(Part)
_PARTS: Final = select_from(Part, "income_parts", "WHERE payment_id = ?1 ORDER BY line, position")
_INSERT_DUE: Final = insert_into(Due, "income_dues")
_DUE_VALUES: Final = values(Due)
_DUES: Final = select_from(Due, "income_dues", "WHERE payment_id = ?1 ORDER BY item_code, level")
_CANDIDATES: Final = (
    "SELECT b.pay_code, p.id, coalesce(f.arrived_on, ''), f.arrival_id,"
    " coalesce(f.reconciled_on, '') FROM bills AS b"
    " JOIN payments AS p ON p.pay_code = b.pay_code AND p.duplicate = 0"
    " JOIN units AS u ON u.code = b.unit_code AND u.income_confirmation = 'automatic'"
    " LEFT JOIN payment_funds AS f ON f.payment_id = p.id"
    " WHERE b.state = 'paid' AND b.pay_code > ?1 AND NOT "
    + LIVING_REFUND.format(payment="p.id")
    + "{ready} ORDER BY b.pay_code LIMIT ?2"
)
_READY: Final = {
    "reconciliation": " AND f.reconciled_on <> ''",
    "arrival": " AND f.arrived_on <> ''",
    "confirmation": "",
}
_GROUP_COLUMNS: Final = ", ".join(f"d.{name}" for name in columns(DueGroup))
_DUE_COLUMNS: Final = ", ".join(f"d.{name}" for name in columns(Due))
_OF_DUES: Final = "FROM income_dues AS d JOIN payments AS p ON p.id = d.payment_id"
_REFUNDED: Final = (
    "(SELECT coalesce(sum(r.amt), 0) FROM refunds AS r"
    " WHERE r.payment_id = p.id AND r.state = 'succeeded')"
)
_HELD: Final = LIVING_REFUND.format(payment="p.id")


async def candidates(
    tx: Transaction,
    *,
    wait_for: Literal["reconciliation", "arrival", "confirmation"] = "confirmation",
    after: str = "",
    limit: int = 1000,
) -> list[Candidate]:
    """Paid bills whose income is confirmed without anybody's doing, by pay code: those of whose
    money what ``wait_for`` asks for is known; a living refund keeps a bill away."""
    sql = _CANDIDATES.format(ready=_READY[wait_for])
    return [
        Candidate(row[0], row[1], Funds(row[1], row[2], row[3], row[4]))
        for row in await tx.all(sql, after, limit)
    ]


async def insert(tx: Transaction, income: Income) -> bool:
    """Write that a payment is income; False when it is already."""
    return await tx.run(_INSERT, *_VALUES(income)) == 1


async def of_bill(tx: Transaction, pay_code: str) -> Income | None:
    """The confirmed income of a bill."""
    row = await tx.one(_OF_BILL, pay_code)
    return Income(*row) if row else None


async def refund_lives(tx: Transaction, payment_id: int) -> bool:
    """Whether a refund of the payment has not come to an end."""
    row = await tx.one("SELECT " + LIVING_REFUND.format(payment="?1"), payment_id)
    return bool(row and row[0])


async def refunded(tx: Transaction, payment_id: int) -> int:
    """Fen of a payment that were paid back."""
    row = await tx.one(
        "SELECT coalesce(sum(amt), 0) FROM refunds WHERE payment_id = ?1 AND state = 'succeeded'",
        payment_id,
    )
    return int(row[0]) if row else 0


# -- dividing -------------------------------------------------------------------------------------


async def unjudged(tx: Transaction, *, after: int = 0, limit: int = 500) -> list[Income]:
    """Income that is not divided into dues yet."""
    return [Income(*row) for row in await tx.all(_UNJUDGED, after, limit)]


async def divide(
    tx: Transaction, payment_id: int, parts: Iterable[Part], dues: Iterable[Due]
) -> bool:
    """Keep how a payment is divided; False, and nothing is written, when that was done already."""
    done = await tx.run(
        "UPDATE income SET judged = 1 WHERE payment_id = ?1 AND judged = 0", payment_id
    )
    if not done:
        return False
    await tx.many(_INSERT_PART, map(_PART_VALUES, parts))
    await tx.many(_INSERT_DUE, map(_DUE_VALUES, dues))
    return True


async def parts_of(tx: Transaction, payment_id: int) -> list[Part]:
    """How a payment was divided."""
    return [Part(*row) for row in await tx.all(_PARTS, payment_id)]


async def dues_of(tx: Transaction, payment_id: int) -> list[Due]:
    """The dues of a payment, by item and level."""
    return [Due(*row) for row in await tx.all(_DUES, payment_id)]


# -- dues -----------------------------------------------------------------------------------------


async def groups(tx: Transaction, narrowed: DueFilter) -> list[DueGroup]:
    """What open dues can be remitted together, in order."""
    conditions = Conditions()
    narrowed.add_to(conditions)
    conditions.add("d.open = 1")
    sql = f"SELECT DISTINCT {_GROUP_COLUMNS} {_OF_DUES} {conditions.where()} ORDER BY 1,2,3,4,5,6"
    return [DueGroup(*row) for row in await tx.all(sql, *conditions.args)]


async def open_dues(
    tx: Transaction,
    narrowed: DueFilter,
    *,
    group: DueGroup | None = None,
    bank_code: str = "",
    after: tuple[int, str, str] | None = None,
    limit: int = 0,
) -> list[OpenDue]:
    """Open dues of a group or bank by key, following the last one seen; ``limit`` 0: all of them.

    Payments whose refund has not come to an end are left out.
    """
    conditions = Conditions()
    conditions.add("d.open = 1")
    if group is not None:
        for name in columns(DueGroup):
            conditions.equal_always(f"d.{name}", getattr(group, name))
    conditions.equal("d.bank_code", bank_code)
    narrowed.add_to(conditions)
    if after is not None:
        conditions.add("(d.payment_id, d.item_code, d.level) > ({}, {}, {})", *after)
    conditions.add(f"NOT {_HELD}")
    where = conditions.where()
    cut = "LIMIT " + conditions.mark(limit) if limit else ""
    sql = (
        f"SELECT {_DUE_COLUMNS}, p.pay_code, p.cfm_date, p.amt, {_REFUNDED} {_OF_DUES} {where}"
        f" ORDER BY d.payment_id, d.item_code, d.level {cut}"
    )
    width = len(columns(Due))
    return [OpenDue(Due(*row[:width]), *row[width:]) for row in await tx.all(sql, *conditions.args)]


async def close(tx: Transaction, keys: Sequence[tuple[int, str, str]]) -> None:
    """Note that these dues are in a living remittance, or that nothing is left of them."""
    await tx.many(
        "UPDATE income_dues SET open = 0 WHERE payment_id = ?1 AND item_code = ?2 AND level = ?3",
        keys,
    )


async def waiting(tx: Transaction) -> list[tuple[str, Mode, int, int]]:
    """Open dues by bank and mode: number and fen before refunds."""
    sql = (
        "SELECT bank_code, mode, count(*), sum(amt) FROM income_dues WHERE open = 1"
        " GROUP BY bank_code, mode ORDER BY bank_code, mode"
    )
    return [(row[0], row[1], int(row[2]), int(row[3])) for row in await tx.all(sql)]
