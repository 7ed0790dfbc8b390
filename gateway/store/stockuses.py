"""Paper numbers that are not unused any more, and their writing off (核销)."""

# ruff: noqa: S608 - statements are put together from constants of this module only

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from ...einvoice.numbering import Range
from .protocol import Transaction
from .sql import Conditions, columns, insert_into, select_from, values

UseState = Literal["used", "void", "returned", "written_off"]
Purpose = Literal["", "bill", "receipt"]
"""Of a bill (8995), receipt of a paid bill (8998), or '' for paper that was spoilt."""


@dataclass(frozen=True, slots=True)
class StockUse:
    """What became of a paper number; ``unit_code``: for whom, ``void_day`` '' while not void."""

    kind: str
    code: str
    number: int
    holder: str
    unit_code: str
    state: UseState
    use: Purpose
    pay_code: str
    used_at: int
    void_day: str
    changed_at: int
    changed_by: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class WriteOff:
    """A writing off that one operator proposes and another decides."""

    no: str
    kind: str
    code: str
    first: int
    last: int
    holder: str
    state: Literal["proposed", "approved", "rejected"]
    reason: str
    proposed_by: str
    proposed_at: int
    decided_by: str = ""
    decided_at: int = 0


_COLUMNS: Final = ", ".join(columns(StockUse))
_INSERT: Final = insert_into(StockUse, "stock_uses", "ON CONFLICT DO NOTHING")
_VALUES: Final = values(StockUse)
_GET: Final = select_from(StockUse, "stock_uses", "WHERE kind = ?1 AND code = ?2 AND number = ?3")
_AMONG: Final = select_from(
    StockUse,
    "stock_uses",
    "WHERE kind = ?1 AND code = ?2 AND number >= ?3 AND number <= ?4 ORDER BY number",
)
_LIVING: Final = select_from(
    StockUse, "stock_uses", "WHERE pay_code = ?1 AND use = ?2 AND void_day = ''"
)
_OF_BILL: Final = select_from(
    StockUse, "stock_uses", "WHERE pay_code = ?1 AND pay_code <> '' ORDER BY used_at, number"
)
_INSERT_WRITE_OFF: Final = insert_into(WriteOff, "stock_write_offs")
_WRITE_OFF_VALUES: Final = values(WriteOff)
_GET_WRITE_OFF: Final = select_from(WriteOff, "stock_write_offs", "WHERE no = ?1")
_VOID_BEFORE: Final = (
    "SELECT count(*) FROM stock_uses WHERE holder = ?1 AND state = 'void' AND void_day < ?2"
)


async def insert(tx: Transaction, use: StockUse) -> bool:
    """Note that a number is not unused any more; False when it was not unused before."""
    return await tx.run(_INSERT, *_VALUES(use)) == 1


async def change(
    tx: Transaction, use: StockUse, state: UseState, *, at: int, by: str, reason: str, day: str
) -> None:
    """Write a number's next state; ``day`` is when it became void."""
    await tx.run(
        "UPDATE stock_uses SET state = ?4, changed_at = ?5, changed_by = ?6, reason = ?7,"
        " void_day = ?8 WHERE kind = ?1 AND code = ?2 AND number = ?3",
        use.kind,
        use.code,
        use.number,
        state,
        at,
        by,
        reason,
        use.void_day or (day if state == "void" else ""),
    )


async def get(
    tx: Transaction, kind: str, code: str, number: int, *, lock: bool = False
) -> StockUse | None:
    """What became of a number; None while it is unused."""
    row = await tx.one(_GET + tx.for_update if lock else _GET, kind, code, number)
    return StockUse(*row) if row else None


async def among(tx: Transaction, kind: str, numbers: Range) -> list[StockUse]:
    """The numbers of a range that are not unused any more, ascending."""
    rows = await tx.all(_AMONG, kind, numbers.code, numbers.first, numbers.last)
    return [StockUse(*row) for row in rows]


async def living(tx: Transaction, pay_code: str, use: Purpose) -> StockUse | None:
    """The number that a bill has as its paper bill or as its receipt, unless that is void."""
    row = await tx.one(_LIVING, pay_code, use)
    return StockUse(*row) if row else None


async def of_bill(tx: Transaction, pay_code: str) -> list[StockUse]:
    """Every paper number of a bill, oldest first."""
    return [StockUse(*row) for row in await tx.all(_OF_BILL, pay_code)]


async def by_number(tx: Transaction, number: int, limit: int = 100) -> list[StockUse]:
    """What became of a number, of whatever kind and version."""
    sql = select_from(StockUse, "stock_uses", "WHERE number = ?1 ORDER BY kind, code LIMIT ?2")
    return [StockUse(*row) for row in await tx.all(sql, number, limit)]


async def page(
    tx: Transaction,
    *,
    holder: str = "",
    kind: str = "",
    state: str = "",
    units: Sequence[str] = (),
    limit: int = 0,
) -> list[StockUse]:
    """Numbers that are not unused, by kind, code and number."""
    conditions = Conditions()
    conditions.equal("holder", holder)
    conditions.equal("kind", kind)
    conditions.equal("state", state)
    if units:
        conditions.one_of("holder", list(units))
    where = conditions.where()
    cut = "LIMIT " + conditions.mark(limit) if limit else ""
    sql = f"SELECT {_COLUMNS} FROM stock_uses {where} ORDER BY kind, code, number {cut}"
    return [StockUse(*row) for row in await tx.all(sql, *conditions.args)]


async def void_before(tx: Transaction, holder: str, day: str) -> int:
    """How many paper bills of a unit became void before a day and were not returned (16006)."""
    row = await tx.one(_VOID_BEFORE, holder, day)
    return int(row[0]) if row else 0


# -- writing off ----------------------------------------------------------------------------------


async def propose(tx: Transaction, write_off: WriteOff) -> None:
    """Write a new proposal."""
    await tx.run(_INSERT_WRITE_OFF, *_WRITE_OFF_VALUES(write_off))


async def write_off(tx: Transaction, no: str, *, lock: bool = False) -> WriteOff | None:
    """A writing off by its number."""
    row = await tx.one(_GET_WRITE_OFF + tx.for_update if lock else _GET_WRITE_OFF, no)
    return WriteOff(*row) if row else None


async def write_offs(tx: Transaction, *, state: str = "", limit: int = 0) -> list[WriteOff]:
    """Writings off by number."""
    conditions = Conditions()
    conditions.equal("state", state)
    where = conditions.where()
    cut = "LIMIT " + conditions.mark(limit) if limit else ""
    sql = select_from(WriteOff, "stock_write_offs", f"{where} ORDER BY no {cut}")
    return [WriteOff(*row) for row in await tx.all(sql, *conditions.args)]


async def decide(tx: Transaction, no: str, state: str, *, by: str, at: int) -> bool:
    """Approve or reject a proposal; False when it was decided before."""
    changed = await tx.run(
        "UPDATE stock_write_offs SET state = ?2, decided_by = ?3, decided_at = ?4"
        " WHERE no = ?1 AND state = 'proposed'",
        no,
        state,
        by,
        at,
    )
    return changed == 1
