"""Balances of supervised unit accounts (单位监管账户, 2581), a day and account each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from .protocol import Transaction
from .sql import Conditions, insert_into, select_from, values


@dataclass(frozen=True, slots=True)
class Balance:
    """A day of one account, amounts in fen; identity (src, acct_no, check_date)."""

    id: int
    src: str
    check_date: str
    acct_no: str = field(repr=False)
    region: str
    unit_code: str
    begin_bal: int
    in_amt: int
    out_amt: int
    end_bal: int
    received_at: int


@dataclass(frozen=True, slots=True)
class Movement:
    """One movement of a day; ``dc_flag`` 1 in, 2 out."""

    balance_id: int
    line: int
    tra_no: str
    dc_flag: str
    amt: int
    opp_name: str = field(default="", repr=False)
    add_word: str = field(default="", repr=False)


_NEW: Final = ("id",)
_INSERT: Final = insert_into(Balance, "supervised_balances", "RETURNING id", without=_NEW)
_VALUES: Final = values(Balance, without=_NEW)
_GET: Final = select_from(
    Balance, "supervised_balances", "WHERE src = ?1 AND acct_no = ?2 AND check_date = ?3"
)
_BEFORE: Final = select_from(
    Balance,
    "supervised_balances",
    "WHERE src = ?1 AND acct_no = ?2 AND check_date < ?3 ORDER BY check_date DESC LIMIT 1",
)
_INSERT_LINE: Final = insert_into(Movement, "supervised_lines")
_LINE_VALUES: Final = values(Movement)
_LINES: Final = select_from(Movement, "supervised_lines", "WHERE balance_id = ?1 ORDER BY line")


async def insert(tx: Transaction, balance: Balance) -> int:
    """Write a day and return its id; ConstraintViolated when it is there or does not add up."""
    row = await tx.one(_INSERT, *_VALUES(balance))
    if row is None:
        raise RuntimeError("the database returned no id")
    return int(row[0])


async def insert_movements(tx: Transaction, movements: Sequence[Movement]) -> None:
    """Write the movements of new days."""
    await tx.many(_INSERT_LINE, map(_LINE_VALUES, movements))


async def get(tx: Transaction, src: str, acct_no: str, check_date: str) -> Balance | None:
    """A day of an account."""
    row = await tx.one(_GET, src, acct_no, check_date)
    return Balance(*row) if row else None


async def before(tx: Transaction, src: str, acct_no: str, check_date: str) -> Balance | None:
    """The last day that is known before a date."""
    row = await tx.one(_BEFORE, src, acct_no, check_date)
    return Balance(*row) if row else None


async def movements(tx: Transaction, balance_id: int) -> list[Movement]:
    """The movements of a day, in the bank's order."""
    return [Movement(*row) for row in await tx.all(_LINES, balance_id)]


async def of_unit(
    tx: Transaction, unit_code: str, date_from: str = "", date_to: str = ""
) -> list[Balance]:
    """The days of a unit's accounts between two dates (inclusive, '' open), by account and date."""
    conditions = Conditions()
    conditions.add("unit_code = {}", unit_code)
    if date_from:
        conditions.add("check_date >= {}", date_from)
    if date_to:
        conditions.add("check_date <= {}", date_to)
    sql = select_from(
        Balance, "supervised_balances", f"{conditions.where()} ORDER BY acct_no, check_date"
    )
    return [Balance(*row) for row in await tx.all(sql, *conditions.args)]
