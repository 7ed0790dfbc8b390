"""Reading a day of figures: as it was closed, or as it stands while it is open.

Nothing is written: what changed a closed day and is not registered yet is shown as such.
"""

from __future__ import annotations

from collections.abc import Iterable

from ...reconcile.figures.daily import Daily
from ...reconcile.figures.model import (
    Correction,
    Key,
    Movement,
    Row,
    carried,
    deposit_control,
    income_control,
    opened,
    sum_up,
)
from ..settlement.acting import Acting, SettlementRefused
from ..store import figures
from ..store.figures import FigureDay
from ..store.protocol import Transaction
from .closing import correction
from .gathering import KINDS, Gatherer

_PAGE = 1000


async def daily(tx: Transaction, date: str, today: str, node_name: str) -> Daily:
    """The figures of a day (a long read: of an open day, all that is not entered yet).

    Raises SettlementRefused when the rows of a closed day are not those that were closed.
    """
    found = await figures.day(tx, date)
    last = await figures.last_closed(tx)
    pending = await _pending(tx, max(date, last.day) if last else date, last)
    closed_until = last.day if last else ""
    looking = Acting("", frozenset(), 0, today)
    late = [correction(one, 0, looking) for one in pending if one.day <= closed_until]
    if found is not None and found.state == "closed":
        return await _closed(tx, found, late, node_name)
    if date <= closed_until:
        return await _quiet(tx, date, late, node_name)
    return await _open(tx, date, node_name, last=last, pending=pending, late=late)


async def _closed(tx: Transaction, day: FigureDay, late: list[Correction], node_name: str) -> Daily:
    rows = await figures.rows(tx, day.day)
    if income_control(rows) != day.income or deposit_control(rows) != day.deposits:
        raise SettlementRefused(
            "the rows of the closed day are not those that were closed",
            "see `nontax check`; somebody has changed the books past the gateway",
        )
    before = await figures.closed_before(tx, day.day)
    since = before.corrections if before else 0
    return Daily(
        day.day,
        node_name,
        "closed",
        tuple(rows),
        corrections=tuple(await figures.corrections_of(tx, day.day)),
        pending=tuple(one for one in late if one.day == day.day),
        carried=tuple(await figures.corrections_between(tx, since, day.corrections)),
        closed_at=day.closed_at,
        closed_by=day.closed_by,
    )


async def _quiet(tx: Transaction, date: str, late: list[Correction], node_name: str) -> Daily:
    """A day without movements among closed ones: it ended as it began."""
    before = await figures.closed_before(tx, date)
    after = await figures.closed_after(tx, date)
    rows: list[Row] = []
    if before is not None:
        rows = opened(date, [], carried(date, await figures.rows(tx, before.day)))
    return Daily(
        date,
        node_name,
        "closed",
        tuple(rows),
        corrections=tuple(await figures.corrections_of(tx, date)),
        pending=tuple(one for one in late if one.day == date),
        closed_at=after.closed_at if after else 0,
        closed_by=after.closed_by if after else "",
    )


async def _open(
    tx: Transaction,
    date: str,
    node_name: str,
    *,
    last: FigureDay | None,
    pending: list[Movement],
    late: list[Correction],
) -> Daily:
    """A day that is not closed: what was entered of it and the days before it, and what was not."""
    closed_until = last.day if last else ""
    entered = [
        row for day in await figures.closing_days(tx, date) for row in await figures.rows(tx, day)
    ]
    fresh = sum_up(one for one in pending if one.day > closed_until)
    registered: list[Correction] = []
    before: list[Row] = []
    if last is not None:
        newest = await figures.last_correction(tx)
        registered = await figures.corrections_between(tx, last.corrections, newest)
        before = await figures.rows(tx, last.day)
    earlier = [row for row in (*entered, *fresh) if row.day < date]
    openings = carried(date, [*before, *earlier], [*registered, *late])
    rows = opened(date, _merged(row for row in (*entered, *fresh) if row.day == date), openings)
    return Daily(date, node_name, "open", tuple(rows), carried=(*registered, *late))


def _merged(rows: Iterable[Row]) -> list[Row]:
    found: dict[Key, Row] = {}
    for row in rows:
        found[row.key] = found[row.key].merged(row) if row.key in found else row
    return list(found.values())


async def _pending(tx: Transaction, until: str, last: FigureDay | None) -> list[Movement]:
    """The movements up to a day that are not entered."""
    gatherer = Gatherer()
    found: list[Movement] = []
    for kind in KINDS:
        after: int | str | None = None
        if kind == "payment" and last is not None:
            after = last.payments_from - 1
        while True:
            page = await gatherer.page(tx, kind, until, after, _PAGE)
            found += [movement for source in page.sources for movement in source.movements]
            after = page.after
            if after is None:
                break
    return found
