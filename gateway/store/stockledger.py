"""What was done to the stock: steps, applications, authorisations, and counts by day."""

# ruff: noqa: S608 - statements are put together from constants of this module only

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from .protocol import Transaction
from .sql import Conditions, insert_into, select_from, values


@dataclass(frozen=True, slots=True)
class StockStep:
    """One step, for ever; ``code`` '' and numbers 0 where it has none.

    ``holder`` had the numbers, ``other`` gets them or has them used for it; ``reference`` is the
    number of an application, writing off or authorisation, or a pay code.
    """

    seq: int
    at: int
    day: str
    step: str
    medium: str
    kind: str
    code: str
    first: int
    last: int
    holder: str
    other: str
    reference: str
    operator: str
    reason: str


@dataclass(frozen=True, slots=True)
class Application:
    """An application (申领) for numbers; ``applicant`` '' is finance to the body above it."""

    no: str
    medium: str
    kind: str
    count: int
    applicant: str
    state: Literal["submitted", "cancelled", "refused", "fulfilled"]
    delivered: int
    made_by: str
    made_at: int
    changed_by: str
    changed_at: int
    reason: str


@dataclass(frozen=True, slots=True)
class Authorisation:
    """``agent`` may draw stock (代领) for ``unit_code``, or issue for it (代开); kind '': all."""

    no: str
    scope: Literal["draw", "issue"]
    unit_code: str
    agent: str
    kind: str
    start_date: str
    stop_date: str
    granted_by: str
    granted_at: int
    ended_by: str
    ended_at: int
    reason: str


class Counted(NamedTuple):
    """How many numbers a holder's stock of a code had before a period and what became of them."""

    holder: str
    medium: str
    kind: str
    code: str
    measure: str
    before: int
    within: int


_INSERT_STEP: Final = insert_into(StockStep, "stock_steps")
_INSERT_APPLICATION: Final = insert_into(Application, "stock_applications")
_APPLICATION_VALUES: Final = values(Application)
_GET_APPLICATION: Final = select_from(Application, "stock_applications", "WHERE no = ?1")
_INSERT_AUTHORISATION: Final = insert_into(Authorisation, "stock_authorisations")
_AUTHORISATION_VALUES: Final = values(Authorisation)
_STEP_VALUES: Final = values(StockStep, without=("seq",))


async def append(tx: Transaction, step: StockStep) -> int:
    """Write a step and return its number (its ``seq`` is not looked at)."""
    row = await tx.one("SELECT coalesce(max(seq), 0) + 1 FROM stock_steps")
    seq = int(row[0]) if row else 1
    await tx.run(_INSERT_STEP, seq, *_STEP_VALUES(step))
    return seq


async def steps(
    tx: Transaction,
    *,
    medium: str = "",
    kind: str = "",
    code: str = "",
    number: int = 0,
    unit: str = "",
    step: str = "",
    after: int = 0,
    limit: int = 0,
) -> list[StockStep]:
    """Steps in order, following the last one seen; ``number``: those that it took part in."""
    conditions = Conditions()
    conditions.add("seq > {}", after)
    conditions.equal("medium", medium)
    conditions.equal("kind", kind)
    conditions.equal("code", code)
    conditions.equal("step", step)
    if number:
        mark = conditions.mark(number)
        conditions.add(f"first <= {mark} AND last >= {mark}")
    if unit:
        mark = conditions.mark(unit)
        conditions.add(f"(holder = {mark} OR other = {mark})")
    cut = "LIMIT " + conditions.mark(limit) if limit else ""
    sql = select_from(StockStep, "stock_steps", f"{conditions.where()} ORDER BY seq {cut}")
    return [StockStep(*row) for row in await tx.all(sql, *conditions.args)]


# -- applications ---------------------------------------------------------------------------------


async def apply(tx: Transaction, application: Application) -> None:
    """Write a new application."""
    await tx.run(_INSERT_APPLICATION, *_APPLICATION_VALUES(application))


async def application(tx: Transaction, no: str, *, lock: bool = False) -> Application | None:
    """An application by its number."""
    row = await tx.one(_GET_APPLICATION + tx.for_update if lock else _GET_APPLICATION, no)
    return Application(*row) if row else None


async def applications(
    tx: Transaction, *, medium: str = "", state: str = "", applicants: Sequence[str] = ()
) -> list[Application]:
    """Applications by number."""
    conditions = Conditions()
    conditions.equal("medium", medium)
    conditions.equal("state", state)
    if applicants:
        conditions.one_of("applicant", list(applicants))
    sql = select_from(Application, "stock_applications", f"{conditions.where()} ORDER BY no")
    return [Application(*row) for row in await tx.all(sql, *conditions.args)]


async def change_application(tx: Transaction, changed: Application) -> None:
    """Write state, delivered numbers and reason of an application anew."""
    await tx.run(
        "UPDATE stock_applications SET state = ?2, delivered = ?3, changed_by = ?4,"
        " changed_at = ?5, reason = ?6 WHERE no = ?1",
        changed.no,
        changed.state,
        changed.delivered,
        changed.changed_by,
        changed.changed_at,
        changed.reason,
    )


# -- authorisations -------------------------------------------------------------------------------


async def authorise(tx: Transaction, granted: Authorisation) -> None:
    """Write a new authorisation."""
    await tx.run(_INSERT_AUTHORISATION, *_AUTHORISATION_VALUES(granted))


async def authorisations(tx: Transaction, *, no: str = "", unit: str = "") -> list[Authorisation]:
    """Authorisations by number; ``unit``: as unit or as agent."""
    conditions = Conditions()
    conditions.equal("no", no)
    if unit:
        mark = conditions.mark(unit)
        conditions.add(f"(unit_code = {mark} OR agent = {mark})")
    sql = select_from(Authorisation, "stock_authorisations", f"{conditions.where()} ORDER BY no")
    return [Authorisation(*row) for row in await tx.all(sql, *conditions.args)]


async def end_authorisation(tx: Transaction, no: str, *, by: str, at: int) -> bool:
    """End an authorisation at once; False when it ended before."""
    changed = await tx.run(
        "UPDATE stock_authorisations SET ended_by = ?2, ended_at = ?3"
        " WHERE no = ?1 AND ended_at = 0",
        no,
        by,
        at,
    )
    return changed == 1


# -- counts ---------------------------------------------------------------------------------------


async def counted(
    tx: Transaction,
    since: str,
    until: str,
    *,
    medium: str = "",
    kind: str = "",
    units: Sequence[str] = (),
) -> list[Counted]:
    """Sums of what became of numbers before and within a period, days included."""
    conditions = Conditions()
    first = conditions.mark(since)
    conditions.add("day <= {}", until)
    conditions.equal("medium", medium)
    conditions.equal("kind", kind)
    if units:
        conditions.one_of("holder", list(units))
    rows = await tx.all(
        "SELECT holder, medium, kind, code, measure,"
        f" sum(CASE WHEN day < {first} THEN count ELSE 0 END),"
        f" sum(CASE WHEN day >= {first} THEN count ELSE 0 END)"
        f" FROM stock_days {conditions.where()} GROUP BY holder, medium, kind, code, measure"
        " ORDER BY holder, medium, kind, code, measure",
        *conditions.args,
    )
    return [Counted(*row) for row in rows]
