"""What treasuries say that they booked (入库流水, 收入日报), a day at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from .protocol import Transaction
from .sql import insert_into, select_from, values

FeedbackKind = Literal["flow", "daily"]


@dataclass(frozen=True, slots=True)
class FeedbackDay:
    """One day of one treasury; ``living`` 0: replaced by a later import. ``id`` 0: not written."""

    id: int
    kind: FeedbackKind
    tre_code: str
    day: str
    digest: str
    imported_by: str
    imported_at: int
    living: int = 1


@dataclass(frozen=True, slots=True)
class FeedbackLine:
    """One booking (of a flow) or sum (of a daily report); fen, negative where it was reversed."""

    day_id: int
    line: int
    subject: str
    level: str
    amt: int
    remit_no: str = ""
    tra_no: str = ""


@dataclass(frozen=True, slots=True)
class Booked:
    """Fen under one income subject and budget level, by remittances or by the treasury's word."""

    subject: str
    level: str
    amt: int


@dataclass(frozen=True, slots=True)
class RemittedSum:
    """Fen that one succeeded remittance brought under a subject and level; ``tre_code`` may be ''
    of a bank's own, and is then that of region and level."""

    remit_no: str
    origin: str
    region: str
    tre_code: str
    subject: str
    level: str
    amt: int


_NEW: Final = ("id",)
_INSERT: Final = insert_into(FeedbackDay, "feedback_days", "RETURNING id", without=_NEW)
_VALUES: Final = values(FeedbackDay, without=_NEW)
_LIVING: Final = select_from(
    FeedbackDay, "feedback_days", "WHERE kind = ?1 AND tre_code = ?2 AND day = ?3 AND living = 1"
)
_INSERT_LINE: Final = insert_into(FeedbackLine, "feedback_lines")
_LINE_VALUES: Final = values(FeedbackLine)
_SUMS: Final = (
    "SELECT subject, level, sum(amt) FROM feedback_lines WHERE day_id = ?1"
    " GROUP BY subject, level ORDER BY subject, level"
)
# A remittance was booked on the day of the flow that names it, else on the day that the bank told.
_REMITTED: Final = """
SELECT r.remit_no, r.origin, r.region, r.tre_code, l.subject, l.level, sum(l.amt)
FROM remittances AS r JOIN remittance_lines AS l ON l.remit_id = r.id
WHERE r.state = 'succeeded' AND r.remit_type <> '2' AND coalesce(
    (SELECT min(d.day) FROM feedback_lines AS f JOIN feedback_days AS d ON d.id = f.day_id
     WHERE f.remit_no = r.remit_no AND d.kind = 'flow' AND d.living = 1),
    nullif(r.tra_date, ''), r.remit_date) = ?1
GROUP BY r.id, r.remit_no, r.origin, r.region, r.tre_code, l.subject, l.level
ORDER BY r.id, l.subject, l.level
"""


async def living(
    tx: Transaction, kind: FeedbackKind, tre_code: str, day: str
) -> FeedbackDay | None:
    """What was imported for a day and counts."""
    row = await tx.one(_LIVING + tx.for_update, kind, tre_code, day)
    return FeedbackDay(*row) if row else None


async def insert(tx: Transaction, day: FeedbackDay, lines: Sequence[FeedbackLine]) -> int:
    """Write a day with its lines and return its id; ConstraintViolated when one is there."""
    row = await tx.one(_INSERT, *_VALUES(day))
    if row is None:
        raise RuntimeError("the database returned no id")
    await tx.many(_INSERT_LINE, ((row[0], *_LINE_VALUES(line)[1:]) for line in lines))
    return int(row[0])


async def retire(tx: Transaction, day_id: int) -> None:
    """A later import takes the place of this one."""
    await tx.run("UPDATE feedback_days SET living = 0 WHERE id = ?1", day_id)


async def sums(tx: Transaction, day_id: int) -> list[Booked]:
    """What the treasury booked on a day, by subject and level."""
    return [Booked(row[0], row[1], int(row[2])) for row in await tx.all(_SUMS, day_id)]


async def remitted(tx: Transaction, day: str) -> list[RemittedSum]:
    """What succeeded remittances to treasuries brought on a day."""
    return [RemittedSum(*row) for row in await tx.all(_REMITTED, day)]
