"""Expected money that lines of 2557 have shown, beside a day's own payments (对账到账).

A later run of the day expects it again, a run of another day no more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from .protocol import Transaction
from .sql import insert_into, select_from, values


@dataclass(frozen=True, slots=True)
class MetRow:
    """Expected money that a line of 2557 showed; ``data`` is what was expected, as JSON."""

    node: str
    scope: str
    expected: str
    check_date: str
    batch_id: int
    pack_no: int
    line_no: int
    tra_no: str
    amt: int
    data: str


_MEET: Final = insert_into(
    MetRow,
    "recon_met",
    "ON CONFLICT (node, scope, expected) DO UPDATE SET check_date = excluded.check_date,"
    " batch_id = excluded.batch_id, pack_no = excluded.pack_no, line_no = excluded.line_no,"
    " tra_no = excluded.tra_no, amt = excluded.amt, data = excluded.data",
)
_MET_VALUES: Final = values(MetRow)
_MET_OF_DAY: Final = select_from(
    MetRow, "recon_met", "WHERE node = ?1 AND scope = ?2 AND check_date = ?3 ORDER BY expected"
)
_MET: Final = select_from(MetRow, "recon_met", "WHERE node = ?1 AND scope = ?2 AND expected = ?3")
_MET_BY_NUMBER: Final = select_from(
    MetRow, "recon_met", "WHERE node = ?1 AND tra_no = ?2 ORDER BY expected LIMIT 1"
)


async def meet(tx: Transaction, row: MetRow) -> None:
    """Note that expected money was shown by a line; what was noted before is replaced."""
    await tx.run(_MEET, *_MET_VALUES(row))


async def met_of_day(tx: Transaction, node: str, scope: str, check_date: str) -> list[MetRow]:
    """What the list of a day showed, by name."""
    return [MetRow(*row) for row in await tx.all(_MET_OF_DAY, node, scope, check_date)]


async def met_of(tx: Transaction, node: str, scope: str, expected: str) -> MetRow | None:
    """Where expected money was shown."""
    row = await tx.one(_MET, node, scope, expected)
    return MetRow(*row) if row else None


async def met_by_number(tx: Transaction, node: str, tra_no: str) -> MetRow | None:
    """What a node's line of this number showed."""
    row = await tx.one(_MET_BY_NUMBER, node, tra_no)
    return MetRow(*row) if row else None
