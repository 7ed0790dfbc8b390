"""Daily figures (非税收入日报, 非税暂存日报): days, their rows, corrections, what was entered.

A day's rows grow while it is `closing`; the schema refuses every change once it is closed. Each
payment, refund, confirmation and arrival is entered once, into a row of an open day or as a
correction of a closed one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from typing import Final, Literal

from ...reconcile.figures.model import SUMS, Cause, Control, Correction, Measure, Row
from .protocol import Transaction
from .sql import columns, insert_into, select_from, values

SourceKind = Literal["payment", "refund", "arrival", "arrival-end", "income"]


@dataclass(frozen=True, slots=True)
class FigureDay:
    """A day of figures; `corrections` is the last one that its opening contains.

    Payments below `payments_from` are all entered. Amounts are fen; zeroes while it is closing.
    """

    day: str
    state: Literal["closing", "closed"]
    started_at: int
    closed_at: int = 0
    closed_by: str = ""
    income_count: int = 0
    income_amt: int = 0
    income_digest: str = ""
    deposit_count: int = 0
    deposit_amt: int = 0
    deposit_digest: str = ""
    corrections: int = 0
    payments_from: int = 0

    @property
    def income(self) -> Control:
        """Control totals of the income report."""
        return Control(self.income_count, self.income_amt, self.income_digest)

    @property
    def deposits(self) -> Control:
        """Control totals of the report of deposits."""
        return Control(self.deposit_count, self.deposit_amt, self.deposit_digest)


_KEY: Final = (
    "day",
    "category",
    "region",
    "unit_code",
    "item_code",
    "fund_nature",
    "account",
)
_DAY: Final = select_from(FigureDay, "figure_days", "WHERE day = ?1")
_LAST_CLOSED: Final = select_from(
    FigureDay, "figure_days", "WHERE state = 'closed' ORDER BY day DESC LIMIT 1"
)
_CLOSED_BEFORE: Final = select_from(
    FigureDay, "figure_days", "WHERE state = 'closed' AND day < ?1 ORDER BY day DESC LIMIT 1"
)
_CLOSED_AFTER: Final = select_from(
    FigureDay, "figure_days", "WHERE state = 'closed' AND day > ?1 ORDER BY day LIMIT 1"
)
_CLOSED: Final = select_from(FigureDay, "figure_days", "WHERE state = 'closed' ORDER BY day")
_CLOSING: Final = "SELECT day FROM figure_days WHERE state = 'closing' AND day <= ?1 ORDER BY day"
_BEGIN: Final = insert_into(FigureDay, "figure_days", "ON CONFLICT (day) DO NOTHING")
_CLOSE: Final = (
    "UPDATE figure_days SET state = 'closed', closed_at = ?2, closed_by = ?3, income_count = ?4,"
    " income_amt = ?5, income_digest = ?6, deposit_count = ?7, deposit_amt = ?8,"
    " deposit_digest = ?9, corrections = ?10, payments_from = ?11"
    " WHERE day = ?1 AND state = 'closing'"
)
_ADD: Final = insert_into(
    Row,
    "figure_rows",
    f"ON CONFLICT ({', '.join(_KEY)}) DO UPDATE SET "
    + ", ".join(f"{name} = figure_rows.{name} + excluded.{name}" for name in SUMS),
)
_ROWS: Final = select_from(Row, "figure_rows", f"WHERE day = ?1 ORDER BY {', '.join(_KEY)}")
_ENTER: Final = "INSERT INTO figure_sources (kind, source, day, detail) VALUES (?1, ?2, ?3, ?4)"
_CORRECT: Final = insert_into(Correction, "figure_corrections")
_CORRECTION_VALUES: Final = values(Correction)
_LAST_NO: Final = "SELECT coalesce(max(no), 0) FROM figure_corrections"
_OF_DAY: Final = select_from(Correction, "figure_corrections", "WHERE day = ?1 ORDER BY no")
_BETWEEN: Final = select_from(
    Correction, "figure_corrections", "WHERE no > ?1 AND no <= ?2 ORDER BY no"
)
_FIRST_UNENTERED: Final = (
    "SELECT coalesce((SELECT min(p.id) FROM payments AS p WHERE p.id >= ?1 AND NOT EXISTS"
    " (SELECT 1 FROM figure_sources AS s WHERE s.kind = 'payment'"
    " AND s.source = CAST(p.id AS TEXT))), (SELECT coalesce(max(id), 0) + 1 FROM payments)),"
    " (SELECT coalesce(max(id), 0) FROM payments)"
)
# Ids are handed out in the order of commits by the embedded store; another one may be late.
_LATE_IDS: Final = 10_000


async def day(tx: Transaction, date: str, *, lock: bool = False) -> FigureDay | None:
    """A day of figures, None when nobody began to close it."""
    row = await tx.one(_DAY + tx.for_update if lock else _DAY, date)
    return FigureDay(*row) if row else None


async def last_closed(tx: Transaction) -> FigureDay | None:
    """The latest closed day."""
    row = await tx.one(_LAST_CLOSED)
    return FigureDay(*row) if row else None


async def closed_before(tx: Transaction, date: str) -> FigureDay | None:
    """The closed day next before a date."""
    row = await tx.one(_CLOSED_BEFORE, date)
    return FigureDay(*row) if row else None


async def closed_after(tx: Transaction, date: str) -> FigureDay | None:
    """The closed day next after a date."""
    row = await tx.one(_CLOSED_AFTER, date)
    return FigureDay(*row) if row else None


async def closed_days(tx: Transaction) -> list[FigureDay]:
    """All closed days, in order."""
    return [FigureDay(*row) for row in await tx.all(_CLOSED)]


async def closing_days(tx: Transaction, until: str) -> list[str]:
    """Days up to a date that somebody began to close, in order."""
    return [str(row[0]) for row in await tx.all(_CLOSING, until)]


async def begin(tx: Transaction, date: str, at: int) -> None:
    """Begin to close a day, unless that was done."""
    await tx.run(_BEGIN, *values(FigureDay)(FigureDay(date, "closing", at)))


async def close(tx: Transaction, closed: FigureDay) -> bool:
    """Close a day with its control totals; False when somebody else has closed it."""
    changed = await tx.run(
        _CLOSE,
        closed.day,
        closed.closed_at,
        closed.closed_by,
        closed.income_count,
        closed.income_amt,
        closed.income_digest,
        closed.deposit_count,
        closed.deposit_amt,
        closed.deposit_digest,
        closed.corrections,
        closed.payments_from,
    )
    return changed == 1


async def add(tx: Transaction, rows: Iterable[Row]) -> None:
    """Add to the rows of days that are closing."""
    await tx.many(_ADD, (astuple(row) for row in rows))


async def rows(tx: Transaction, date: str) -> list[Row]:
    """The rows of a day, by key."""
    return [Row(*row) for row in await tx.all(_ROWS, date)]


async def enter(
    tx: Transaction, kind: SourceKind, source: str, date: str, detail: str = ""
) -> None:
    """Note that something is entered; ConstraintViolated when it is already.

    The source of income is the payment's id.
    """
    if kind == "income":
        await tx.run("UPDATE income SET figured = 1 WHERE payment_id = ?1", int(source))
    else:
        await tx.run(_ENTER, kind, source, date, detail)


async def first_unentered(tx: Transaction, since: int) -> int:
    """The id from which on payments may not be entered; those below SINCE are."""
    row = await tx.one(_FIRST_UNENTERED, since)
    if row is None:
        return since
    return max(since, min(int(row[0]), int(row[1]) - _LATE_IDS))


# -- corrections ----------------------------------------------------------------------------------


async def last_correction(tx: Transaction) -> int:
    """The number of the last correction, 0 before the first."""
    row = await tx.one(_LAST_NO)
    return int(row[0]) if row else 0


async def correct(tx: Transaction, corrections: Sequence[Correction]) -> None:
    """Write corrections, whose numbers follow on the last one's."""
    await tx.many(_CORRECT, map(_CORRECTION_VALUES, corrections))


async def corrections_of(tx: Transaction, date: str) -> list[Correction]:
    """The corrections of a day, by number."""
    return [_correction(row) for row in await tx.all(_OF_DAY, date)]


async def corrections_between(tx: Transaction, after: int, until: int) -> list[Correction]:
    """Corrections whose numbers are above AFTER, up to UNTIL."""
    return [_correction(row) for row in await tx.all(_BETWEEN, after, until)]


def _correction(row: tuple[object, ...]) -> Correction:
    found = dict(zip(columns(Correction), row, strict=True))
    found["measure"] = Measure(str(found["measure"]))
    found["cause"] = Cause(str(found["cause"]))
    return Correction(**found)  # type: ignore[arg-type] # columns have the fields' types (STRICT)
