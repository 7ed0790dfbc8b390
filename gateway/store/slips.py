"""Detail slips (集中汇缴明细单) of money that units collected themselves, and their summary bills.

A slip is open while no living bill sums it up; a void summary bill gives its slips back.
"""

# ruff: noqa: S608 - statements are put together from constants of this module only

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from .protocol import Transaction
from .sql import Conditions, columns, insert_into, select_from, values


@dataclass(frozen=True, slots=True)
class Slip:
    """One slip; ``reference`` is the number of a paper receipt, ``pay_code`` its summary bill."""

    slip_no: str
    region: str
    unit_code: str
    item_code: str
    slip_date: str
    payer_name: str = field(repr=False)
    amt: int
    reference: str
    state: Literal["recorded", "dropped"]
    pay_code: str
    recorded_by: str
    recorded_at: int
    changed_at: int


_INSERT: Final = insert_into(Slip, "slips", "ON CONFLICT DO NOTHING")
_VALUES: Final = values(Slip)
_GET: Final = select_from(Slip, "slips", "WHERE slip_no = ?1")
_COLUMNS: Final = ", ".join(f"s.{name}" for name in columns(Slip))
_OPEN: Final = (
    "s.state = 'recorded' AND NOT EXISTS (SELECT 1 FROM bills AS b"
    " WHERE b.pay_code = s.pay_code AND b.state <> 'void')"
)
_UNPAID: Final = (
    "s.state = 'recorded' AND NOT EXISTS (SELECT 1 FROM bills AS b"
    " WHERE b.pay_code = s.pay_code AND b.state IN ('paid', 'confirmed'))"
)
_OLDER: Final = (
    f"SELECT count(*) FROM slips AS s WHERE s.unit_code = ?1 AND s.slip_date < ?2 AND {_UNPAID}"
)


async def insert(tx: Transaction, slip: Slip) -> bool:
    """Write a new slip; False when the unit has recorded its paper receipt already."""
    return await tx.run(_INSERT, *_VALUES(slip)) == 1


async def get(tx: Transaction, slip_no: str, *, lock: bool = False) -> Slip | None:
    """A slip by its number."""
    row = await tx.one(_GET + tx.for_update if lock else _GET, slip_no)
    return Slip(*row) if row else None


async def is_open(tx: Transaction, slip_no: str) -> bool:
    """Whether no living bill sums a slip up."""
    row = await tx.one(f"SELECT 1 FROM slips AS s WHERE s.slip_no = ?1 AND {_OPEN}", slip_no)
    return row is not None


async def page(
    tx: Transaction,
    *,
    units: Sequence[str] = (),
    only_open: bool = False,
    until: str = "",
    after: str = "",
    limit: int = 0,
) -> list[Slip]:
    """Slips by number, following the last one already seen; ``limit`` 0: all of them."""
    conditions = Conditions()
    conditions.add("s.slip_no > {}", after)
    if units:
        conditions.one_of("s.unit_code", sorted(units))
    if until:
        conditions.add("s.slip_date <= {}", until)
    if only_open:
        conditions.add(_OPEN)
    where = conditions.where()
    cut = "LIMIT " + conditions.mark(limit) if limit else ""
    sql = f"SELECT {_COLUMNS} FROM slips AS s {where} ORDER BY s.slip_no {cut}"
    return [Slip(*row) for row in await tx.all(sql, *conditions.args)]


async def sum_up(tx: Transaction, slip_nos: Sequence[str], pay_code: str, *, at: int) -> None:
    """Note that these slips are paid with a bill."""
    await tx.many(
        "UPDATE slips SET pay_code = ?2, changed_at = ?3 WHERE slip_no = ?1 AND state = 'recorded'",
        ((number, pay_code, at) for number in slip_nos),
    )


async def drop(tx: Transaction, slip_no: str, *, at: int) -> bool:
    """Take an open slip out; False when it is not open."""
    changed = await tx.run(
        "UPDATE slips AS s SET state = 'dropped', pay_code = '', changed_at = ?2"
        f" WHERE s.slip_no = ?1 AND {_OPEN}",
        slip_no,
        at,
    )
    return changed == 1


async def unpaid_before(tx: Transaction, unit_code: str, slip_date: str) -> int:
    """How many slips of a unit from before a date are not remitted yet (control 16006)."""
    row = await tx.one(_OLDER, unit_code, slip_date)
    return int(row[0]) if row else 0
