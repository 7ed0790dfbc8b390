"""Stock (库存) of numbers (票据号码): ranges with one holder each, and numbers taken from them.

One machinery for electronic invoices and for paper bills. A range lies with finance (holder '') or
with a unit; it is ``received`` until confirmed, then ``stock``, and ``offered`` while distributed
and not accepted. The schema keeps ranges apart, lets nothing move that was used, and lets
electronic numbers be taken only one after the other.

How an e-invoice gets its number, in the transaction that reserves it::

    taken = await stock.take_next(tx, unit, "electronic", kind, at)
    if taken is None:        # 16002, after the unit's right to the kind (16001)
        ...
    # keep (taken.code, taken.number) with taken.range_id; number_text(taken.number) is the wire's
    # form; taken.holder is another unit than the one asked for where that one may issue for it.

Rolled back, the number is the next one again: no gap, whoever else is waiting, in however many
processes. A number that was taken and is not issued is never taken again: it is made void in the
caller's table, and ``note_void`` tells the statistics.
"""

# ruff: noqa: S608 - statements are put together from constants of this module only

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from ...einvoice.numbering import Range
from ..clock import date_from_ms
from .protocol import Transaction
from .sql import Conditions, columns, insert_into, select_from, values

Medium = Literal["electronic", "paper"]
RangeState = Literal["received", "stock", "offered"]
Measure = Literal[
    "received",
    "recovered",
    "distributed",
    "returned",
    "used",
    "void",
    "turned_in",
    "written_off",
]
"""What numbers of a holder became on a day: ``received`` into its stock, ``recovered`` from those
below, ``distributed`` to them, ``returned`` upward, ``used``, ``void``; ``turned_in`` (缴回) and
``written_off`` (核销) are numbers that were used or void before."""

FINANCE: Final = ""
"""Holder of what finance itself has."""


@dataclass(frozen=True, slots=True)
class StockRange:
    """The numbers ``first`` to ``last`` of a code and who has them.

    ``code`` is the invoice code (票据代码, 8 digits), of paper the version (BillVerCode). ``path``
    are the units through whose hands it came, joined by commas, the holder last. ``next`` is the
    first electronic number that was not taken, ``last + 1`` when none is left; of paper always
    ``first``.
    """

    id: int
    medium: Medium
    kind: str
    code: str
    first: int
    last: int
    next: int
    holder: str
    path: str
    state: RangeState
    offered_to: str
    received_by: str
    changed_at: int

    @property
    def left(self) -> int:
        """How many numbers were not taken; of paper, used ones are not known here."""
        return self.last - self.next + 1


@dataclass(frozen=True, slots=True)
class TakenNumber:
    """An electronic number that was taken; ``holder`` is the unit whose stock it came from."""

    range_id: int
    kind: str
    code: str
    number: int
    holder: str


_COLUMNS: Final = ", ".join(columns(StockRange))
_INSERT: Final = insert_into(StockRange, "stock_ranges", "RETURNING id", without=("id",))
_VALUES: Final = values(StockRange, without=("id",))
_GET: Final = select_from(StockRange, "stock_ranges", "WHERE id = ?1")
_AVAILABLE: Final = select_from(
    StockRange,
    "stock_ranges",
    "WHERE holder = ?1 AND medium = ?2 AND kind = ?3 AND state = 'stock' AND next <= last"
    " ORDER BY code, first",
)
_NEXT: Final = select_from(
    StockRange,
    "stock_ranges",
    "WHERE holder = ?1 AND medium = 'electronic' AND kind = ?2 AND state = 'stock'"
    " AND next <= last"
    " ORDER BY CASE WHEN substr(code, 7, 2) <= ?3 THEN 0 ELSE 1 END,"
    " CASE WHEN substr(code, 7, 2) <= ?3 THEN substr(code, 7, 2) ELSE '' END DESC,"
    " code, first LIMIT 1",
)
_TAKE: Final = (
    "UPDATE stock_ranges SET next = next + 1, changed_at = ?3 WHERE id = ?1 AND next = ?2"
)
_OF: Final = select_from(
    StockRange,
    "stock_ranges",
    "WHERE medium = ?1 AND code = ?2 AND first <= ?3 AND last >= ?3 AND (kind = ?4 OR ?4 = '')"
    " ORDER BY kind LIMIT 1",
)
_COUNT: Final = (
    "INSERT INTO stock_days (day, holder, medium, kind, code, measure, count)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
    " ON CONFLICT (holder, medium, kind, code, day, measure)"
    " DO UPDATE SET count = stock_days.count + excluded.count"
)
_AGENTS: Final = (
    "SELECT DISTINCT agent FROM stock_authorisations WHERE unit_code = ?1 AND scope = ?2"
    " AND (kind = '' OR kind = ?3) AND start_date <= ?4 AND (stop_date = '' OR stop_date >= ?4)"
    " AND ended_at = 0 ORDER BY agent"
)


async def available(tx: Transaction, unit: str, medium: Medium, kind: str) -> list[StockRange]:
    """A unit's confirmed, accepted ranges of a kind with numbers left, by code and number.

    Of paper, numbers that were used in the meantime still lie in them.
    """
    return [StockRange(*row) for row in await tx.all(_AVAILABLE, unit, medium, kind)]


async def take_next(
    tx: Transaction, unit: str, medium: Literal["electronic"], kind: str, at: int
) -> TakenNumber | None:
    """Take the next electronic number of a kind (BillTypeCode, 4 digits); None without stock.

    The code's year is that of ``at`` (milliseconds), else the last one before it, and only then one
    to come. A unit's own stock comes first, then that of units that may issue for it (代开).
    """
    day = date_from_ms(at)
    for holder in (unit, *await agents(tx, unit, "issue", kind, day)):
        row = await tx.one(_NEXT + tx.for_update, holder, kind, day[2:4])
        if row is None:
            continue
        held = StockRange(*row)
        if await tx.run(_TAKE, held.id, held.next, at) != 1:  # the row is locked: cannot be
            raise RuntimeError("a number of the stock was taken twice")
        await count(tx, held, "used", 1, day)
        return TakenNumber(held.id, held.kind, held.code, held.next, held.holder)
    return None


async def note_void(tx: Transaction, code: str, number: int, at: int) -> None:
    """Let the statistics know that a taken electronic number became void instead of used."""
    held = await range_of(tx, "electronic", code, number)
    if held is not None:
        day = date_from_ms(at)
        await count(tx, held, "used", -1, day)
        await count(tx, held, "void", 1, day)


async def range_of(
    tx: Transaction, medium: Medium, code: str, number: int, *, kind: str = ""
) -> StockRange | None:
    """The range that a number lies in, whoever has it.

    Electronic codes say their kind; versions of paper do not: name ``kind`` there.
    """
    row = await tx.one(_OF, medium, code, number, kind)
    return StockRange(*row) if row else None


async def agents(
    tx: Transaction, unit: str, scope: Literal["draw", "issue"], kind: str, day: str
) -> list[str]:
    """The units that may draw stock (代领) or issue (代开) for a unit on a day, by code."""
    return [row[0] for row in await tx.all(_AGENTS, unit, scope, kind, day)]


async def get(tx: Transaction, range_id: int, *, lock: bool = False) -> StockRange | None:
    """A range by its id."""
    row = await tx.one(_GET + tx.for_update if lock else _GET, range_id)
    return StockRange(*row) if row else None


async def insert(tx: Transaction, held: StockRange) -> int:
    """Write a new range (its ``id`` is not looked at) and return its id."""
    row = await tx.one(_INSERT, *_VALUES(held))
    if row is None:
        raise RuntimeError("the database returned no id")
    return int(row[0])


async def change(tx: Transaction, held: StockRange) -> None:
    """Write a range's numbers, holder and state anew; not ``next``."""
    await tx.run(
        "UPDATE stock_ranges SET first = ?2, last = ?3, next = ?4, holder = ?5, path = ?6,"
        " state = ?7, offered_to = ?8, received_by = ?9, changed_at = ?10 WHERE id = ?1",
        held.id,
        held.first,
        held.last,
        held.next,
        held.holder,
        held.path,
        held.state,
        held.offered_to,
        held.received_by,
        held.changed_at,
    )


async def remove(tx: Transaction, range_id: int) -> None:
    """Take a range out whose numbers lie in another one now, or were received in error."""
    await tx.run("DELETE FROM stock_ranges WHERE id = ?1", range_id)


async def overlapping(
    tx: Transaction, medium: Medium, kind: str, numbers: Range
) -> list[StockRange]:
    """The ranges that have one of these numbers, ascending."""
    sql = select_from(
        StockRange,
        "stock_ranges",
        "WHERE medium = ?1 AND code = ?2 AND (medium = 'electronic' OR kind = ?3)"
        " AND first <= ?5 AND last >= ?4 ORDER BY first",
    )
    rows = await tx.all(sql, medium, numbers.code, kind, numbers.first, numbers.last)
    return [StockRange(*row) for row in rows]


async def page(
    tx: Transaction,
    *,
    medium: str = "",
    kind: str = "",
    code: str = "",
    holder: str | None = None,
    state: str = "",
    units: tuple[str, ...] = (),
    limit: int = 0,
) -> list[StockRange]:
    """Ranges by holder, kind, code and number; ``units`` are the holders or receivers shown."""
    conditions = Conditions()
    conditions.equal("medium", medium)
    conditions.equal("kind", kind)
    conditions.equal("code", code)
    conditions.equal("state", state)
    if holder is not None:
        conditions.equal_always("holder", holder)
    if units:
        held = ", ".join(map(conditions.mark, units))
        conditions.add(f"(holder IN ({held}) OR offered_to IN ({held}))")
    where = conditions.where()
    cut = "LIMIT " + conditions.mark(limit) if limit else ""
    sql = (
        f"SELECT {_COLUMNS} FROM stock_ranges {where}"
        f" ORDER BY medium, holder, kind, code, first {cut}"
    )
    return [StockRange(*row) for row in await tx.all(sql, *conditions.args)]


async def count(tx: Transaction, held: StockRange, measure: Measure, number: int, day: str) -> None:
    """Add to what became of a holder's numbers on a civil day; 0 adds nothing."""
    if number:
        await tx.run(_COUNT, day, held.holder, held.medium, held.kind, held.code, measure, number)
