"""Sums over issued e-invoices and voided numbers, by unit, code and day."""

from __future__ import annotations

from dataclasses import dataclass

from .protocol import Transaction
from .sql import Conditions

_CIVIL_MS = 8 * 3_600_000
_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class IssueSum:
    """What a unit issued of a code on a day (IssueDate): numbers and fen; red amounts below 0.

    reversed_count, reversed_amt: those of the blue ones that were reversed since.
    """

    unit_code: str
    code: str
    day: str
    blue: int
    blue_amt: int
    red: int
    red_amt: int
    reversed_count: int
    reversed_amt: int


@dataclass(frozen=True, slots=True)
class VoidSum:
    """Numbers of a unit and code that were voided on a day, counted since 1970 in civil time."""

    unit_code: str
    code: str
    day_number: int
    voided: int


async def issued(
    tx: Transaction, *, date_from: str = "", date_to: str = "", unit: str = ""
) -> list[IssueSum]:
    """Archived invoices by unit, code and day; use it inside ``Store.scan``."""
    conditions = Conditions()
    conditions.add("state IN ('archived', 'reversed')")
    conditions.equal("unit_code", unit)
    if date_from:
        conditions.add("issue_date >= {}", date_from)
    if date_to:
        conditions.add("issue_date <= {}", date_to)
    sql = (
        "SELECT unit_code, code, issue_date,"  # noqa: S608 - put together from constants
        " sum(CASE WHEN kind = 'blue' THEN 1 ELSE 0 END),"
        " sum(CASE WHEN kind = 'blue' THEN amt ELSE 0 END),"
        " sum(CASE WHEN kind = 'red' THEN 1 ELSE 0 END),"
        " sum(CASE WHEN kind = 'red' THEN amt ELSE 0 END),"
        " sum(CASE WHEN state = 'reversed' THEN 1 ELSE 0 END),"
        " sum(CASE WHEN state = 'reversed' THEN amt ELSE 0 END)"
        f" FROM einvoices {conditions.where()}"
        " GROUP BY unit_code, code, issue_date ORDER BY unit_code, code, issue_date"
    )
    return [
        IssueSum(row[0], row[1], row[2], *map(int, row[3:]))
        for row in await tx.all(sql, *conditions.args)
    ]


async def voided(
    tx: Transaction, *, from_ms: int | None = None, before_ms: int | None = None, unit: str = ""
) -> list[VoidSum]:
    """Voided numbers by unit, code and day of voiding; use it inside ``Store.scan``."""
    conditions = Conditions()
    conditions.add("state = 'voided'")
    conditions.equal("unit_code", unit)
    if from_ms is not None:
        conditions.add("changed_at >= {}", from_ms)
    if before_ms is not None:
        conditions.add("changed_at < {}", before_ms)
    day = f"(changed_at + {_CIVIL_MS}) / {_DAY_MS}"
    sql = (
        f"SELECT unit_code, code, {day}, count(*) FROM einvoice_numbers"  # noqa: S608 - constants
        f" {conditions.where()} GROUP BY unit_code, code, {day} ORDER BY unit_code, code, {day}"
    )
    return [VoidSum(*row) for row in await tx.all(sql, *conditions.args)]
