"""Closing days of figures (日报结账): in order, once, in small transactions.

Movements of days that are open are entered into their rows, those of closed days as corrections.
A day is closed by the transaction that finds nothing left to be entered; whoever is stopped in
between goes on where he was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from ...reconcile.figures.model import (
    Correction,
    Movement,
    carried,
    deposit_control,
    income_control,
    opened,
    sum_up,
)
from ..settlement.acting import Acting, SettlementRefused
from ..store import Store, figures, journal
from ..store.figures import FigureDay
from ..store.protocol import Transaction
from .gathering import KINDS, Gatherer, Kind, Page, Source

_AT_ONCE: Final = 200
"""Sources entered in one transaction: whoever else writes waits for some milliseconds."""


@dataclass(frozen=True, slots=True)
class Closed:
    """What closing came to: the days that were closed, the corrections that were registered."""

    days: tuple[str, ...]
    corrections: int


async def close_day(
    store: Store,
    date: str,
    acting: Acting,
    progress: Callable[[int], None] = lambda count: None,
) -> Closed:
    """Close a day and every earlier one with money that is open still.

    Of days that are closed already it registers what has changed since. Raises SettlementRefused
    for a day that is not over, and for an operator of some units only.
    """
    if acting.units:
        raise SettlementRefused(
            f"{acting.name} may act for some units only, the figures are of all",
            "name an operator without units",
            wrong_input=True,
        )
    if date >= acting.today:
        raise SettlementRefused("the day is not over", "close it when it is", wrong_input=True)
    before = await store.read(figures.last_correction)
    closed: list[str] = []
    entered = 0
    while True:
        for kind in KINDS:
            after: int | str | None = None
            while True:
                work = partial(_enter, kind=kind, until=date, after=after, acting=acting)
                page = await store.transact(work)
                entered += len(page.sources)
                progress(entered)
                after = page.after
                if after is None:
                    break
        outcome = await store.transact(partial(_finish, until=date, acting=acting))
        if outcome == "done":
            break
        if outcome:
            closed.append(outcome)
    after_all = await store.read(figures.last_correction)
    return Closed(tuple(closed), after_all - before)


async def _enter(
    tx: Transaction, *, kind: Kind, until: str, after: int | str | None, acting: Acting
) -> Page:
    """Enter one page of sources."""
    last = await figures.last_closed(tx)
    if kind == "payment" and after is None and last is not None:
        after = last.payments_from - 1
    page = await Gatherer().page(tx, kind, until, after, _AT_ONCE)
    await _write(tx, page.sources, last.day if last else "", acting)
    return page


async def _write(
    tx: Transaction, sources: Sequence[Source], closed_until: str, acting: Acting
) -> None:
    late: list[Movement] = []
    fresh: list[Movement] = []
    for source in sources:
        await figures.enter(tx, source.kind, source.source, source.day, source.detail)
        for movement in source.movements:
            (late if movement.day <= closed_until else fresh).append(movement)
    rows = sum_up(fresh)
    for day in sorted({row.day for row in rows}):
        await figures.begin(tx, day, acting.at)
    await figures.add(tx, rows)
    if late:
        last = await figures.last_correction(tx)
        await figures.correct(
            tx,
            [correction(movement, no, acting) for no, movement in enumerate(late, last + 1)],
        )


def correction(movement: Movement, no: int, acting: Acting) -> Correction:
    """A movement of a closed day as it is registered; NO 0: it is not yet."""
    return Correction(
        no,
        movement.day,
        *movement.key,
        *movement.names,
        movement.measure,
        movement.amt,
        movement.cause,
        movement.reference,
        acting.today,
        acting.at,
        acting.name,
    )


async def _finish(tx: Transaction, until: str, acting: Acting) -> str:
    """Close the first day that can be: its date; '' when something is left to be entered first.

    "done" when the day that was asked for is closed.
    """
    last = await figures.last_closed(tx)
    for kind in KINDS:
        after: int | str | None = None
        if kind == "payment" and last is not None:
            after = last.payments_from - 1
        while True:
            page = await Gatherer().page(tx, kind, until, after, _AT_ONCE)
            if page.sources:
                return ""
            after = page.after
            if after is None:
                break
    if last is not None and last.day >= until:
        return "done"
    waiting = await figures.closing_days(tx, until)
    day = waiting[0] if waiting else until
    if day == until:
        await figures.begin(tx, until, acting.at)
    await _close(tx, day, last, acting)
    return day


async def _close(tx: Transaction, day: str, last: FigureDay | None, acting: Acting) -> None:
    """Give a day its opening and its control totals."""
    newest = await figures.last_correction(tx)
    before = await figures.rows(tx, last.day) if last else []
    since = await figures.corrections_between(tx, last.corrections if last else 0, newest)
    openings = carried(day, before, since)
    await figures.add(tx, opened(day, [], openings))
    rows = await figures.rows(tx, day)
    income, deposits = income_control(rows), deposit_control(rows)
    first = await figures.first_unentered(tx, last.payments_from if last else 0)
    await figures.close(
        tx,
        FigureDay(
            day,
            "closed",
            acting.at,
            acting.at,
            acting.name,
            income.count,
            income.amt,
            income.digest,
            deposits.count,
            deposits.amt,
            deposits.digest,
            newest,
            first,
        ),
    )
    facts: dict[str, journal.Fact] = {
        "income": income.amt,
        "income_digest": income.digest,
        "deposits": deposits.amt,
        "deposits_digest": deposits.digest,
        "corrections": newest,
    }
    await journal.append(
        tx, at=acting.at, kind="figures.closed", subject=day, actor=acting.name, facts=facts
    )
