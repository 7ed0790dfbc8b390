"""Runs of reconciliation (对账), the differences that they found, and what was done about those.

A run belongs to a node and a day. It has the digest of its inputs: the same inputs give the same
run, other inputs its next revision. A difference is found again under its key (node, check_date,
statement, scope, key); what was decided about it stays. Actions are only ever appended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, NamedTuple

from ...reconcile.kinds import State, Statement
from .protocol import Transaction
from .sql import Conditions, columns, insert_into, select_from, values

RunState = Literal["running", "done"]
ActionName = Literal[
    "repair",
    "settle",
    "accept",
    "write_off",
    "link",
    "force",
    "refund",
    "comment",
    "propose",
    "reject",
    "reopen",
    "rerun",
    "carry",
]

GATEWAY: Final = "gateway"
"""Who acts where no person does."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run. ``summary`` is its result as JSON, '' while it runs; instants in ms UTC.

    ``max_payment_id`` bounds the payments it knew: what is booked later belongs to a later run.
    """

    id: int
    node: str
    check_date: str
    revision: int
    inputs_digest: str
    state: RunState
    started_at: int
    finished_at: int | None
    max_payment_id: int
    summary: str


@dataclass(frozen=True, slots=True)
class DifferenceRow:
    """A difference as the books keep it; see ``reconcile.sides.Difference``. ``id`` 0: not written.

    ``fields`` is JSON ``[[tag, ours, theirs], …]`` with personal values masked. The line stands in
    ``batch_id``, ``pack_no``, ``line_no`` where the statement has one. ``held`` 1: no machine may
    repair it, whatever its kind.
    """

    id: int
    node: str
    check_date: str
    statement: Statement
    scope: str
    kind: str
    key: str
    code: str
    state: State
    first_run: int
    last_run: int
    pay_code: str
    tra_no: str
    payment_id: int | None
    batch_id: int | None
    pack_no: int | None
    line_no: int | None
    ours_amt: int | None
    theirs_amt: int | None
    fields: str
    reason: str
    expected: str
    held: int
    found_at: int
    changed_at: int


@dataclass(frozen=True, slots=True)
class Action:
    """What was done about a difference, or (``batch_id``) about a statement. ``id`` 0: new.

    ``before`` and ``after`` are JSON; ``reference`` names what it led to (``payment:ID``, a refund
    number, ``difference:ID``).
    """

    id: int
    difference_id: int | None
    batch_id: int | None
    action: ActionName
    actor: str
    reason: str
    before: str
    after: str
    reference: str
    at: int


class StateCount(NamedTuple):
    """How many (``number``) differences of one statement, scope, kind and state there are."""

    statement: Statement
    scope: str
    kind: str
    state: State
    number: int


@dataclass(frozen=True, slots=True)
class DifferenceFilter:
    """Which differences; '', () and None mean any. Dates are inclusive."""

    node: str = ""
    date_from: str = ""
    date_to: str = ""
    statement: str = ""
    scope: str | None = None
    kinds: Sequence[str] = ()
    states: Sequence[State] = ()
    pay_code: str = ""
    tra_no: str = ""
    payment_id: int | None = None
    batch_id: int | None = None

    def conditions(self) -> Conditions:
        """The conditions as SQL."""
        found = Conditions()
        found.equal("node", self.node)
        if self.date_from and self.date_from == self.date_to:
            found.equal("check_date", self.date_from)
        else:
            if self.date_from:
                found.add("check_date >= {}", self.date_from)
            if self.date_to:
                found.add("check_date <= {}", self.date_to)
        found.equal("statement", self.statement)
        if self.scope is not None:
            found.equal_always("scope", self.scope)
        if self.kinds:
            found.one_of("kind", list(self.kinds))
        if tuple(self.states) == ("open",):
            found.add("state = 'open'")  # written out, so that its index serves
        elif self.states:
            found.one_of("state", list(self.states))
        found.equal("pay_code", self.pay_code)
        found.equal("tra_no", self.tra_no)
        found.equal("payment_id", self.payment_id)
        found.equal("batch_id", self.batch_id)
        return found


_NEW: Final = ("id",)
_INSERT_RUN: Final = insert_into(Run, "recon_runs", "RETURNING id", without=_NEW)
_RUN_VALUES: Final = values(Run, without=_NEW)
_RUN: Final = select_from(Run, "recon_runs", "WHERE id = ?1")
_RUN_OF_DIGEST: Final = select_from(
    Run, "recon_runs", "WHERE node = ?1 AND check_date = ?2 AND inputs_digest = ?3"
)
_UNDER_WAY: Final = select_from(
    Run, "recon_runs", "WHERE node = ?1 AND check_date = ?2 AND state = 'running'"
)
_RUNS: Final = select_from(
    Run,
    "recon_runs",
    "WHERE node = ?1 AND check_date = ?2"
    " ORDER BY CASE WHEN finished_at IS NULL THEN 1 ELSE 0 END, finished_at, revision",
)
_LAST_DONE: Final = select_from(
    Run,
    "recon_runs",
    "WHERE node = ?1 AND check_date = ?2 AND state = 'done'"
    " ORDER BY finished_at DESC, revision DESC LIMIT 1",
)

_INSERT: Final = insert_into(
    DifferenceRow, "recon_differences", "ON CONFLICT DO NOTHING RETURNING id", without=_NEW
)
_VALUES: Final = values(DifferenceRow, without=_NEW)
_GET: Final = select_from(DifferenceRow, "recon_differences", "WHERE id = ?1")
_BY_KEY: Final = select_from(
    DifferenceRow,
    "recon_differences",
    "WHERE node = ?1 AND check_date = ?2 AND statement = ?3 AND scope = ?4 AND key = ?5",
)
_KEPT: Final = ("node", "check_date", "statement", "scope", "key", "first_run", "found_at", "id")
_CHANGED: Final = tuple(name for name in columns(DifferenceRow) if name not in _KEPT)
_UPDATE: Final = (
    "UPDATE recon_differences SET "  # noqa: S608 - columns of the record
    + ", ".join(f"{name} = ?{at}" for at, name in enumerate(_CHANGED, 2))
    + " WHERE id = ?1"
)
_CHANGED_VALUES: Final = values(DifferenceRow, only=_CHANGED)
_SET_STATE: Final = (
    "UPDATE recon_differences SET state = ?2, changed_at = ?3 WHERE id = ?1 AND state = ?4"
)
_NOT_SEEN: Final = select_from(
    DifferenceRow,
    "recon_differences",
    "WHERE node = ?1 AND check_date = ?2 AND (last_run <> ?3 OR changed_at < ?4)"
    " AND state IN ('open', 'noted') AND id > ?5 ORDER BY id LIMIT ?6",
)
_ACT: Final = insert_into(Action, "recon_actions", "RETURNING id", without=_NEW)
_ACT_VALUES: Final = values(Action, without=_NEW)
_ACTIONS: Final = select_from(Action, "recon_actions", "WHERE {} = ?1 ORDER BY id")
_OF_EXPECTED: Final = select_from(
    DifferenceRow,
    "recon_differences",
    "WHERE expected = ?1 AND node = ?2 AND statement = ?3 AND scope = ?4 ORDER BY id",
)


# -- runs -----------------------------------------------------------------------------------------


async def begin_run(
    tx: Transaction, node: str, check_date: str, digest: str, *, max_payment_id: int, at: int
) -> Run:
    """The run of these inputs: the one there is, done or under way, else a new revision.

    A run of other inputs that is under way must be ended before: see ``under_way``.
    """
    known = await run_of_digest(tx, node, check_date, digest)
    if known is not None:
        return known
    row = await tx.one(
        "SELECT coalesce(max(revision), 0) FROM recon_runs WHERE node = ?1 AND check_date = ?2",
        node,
        check_date,
    )
    revision = (int(row[0]) if row else 0) + 1
    run = Run(0, node, check_date, revision, digest, "running", at, None, max_payment_id, "")
    inserted = await tx.one(_INSERT_RUN, *_RUN_VALUES(run))
    if inserted is None:
        raise RuntimeError("the database returned no id")
    return replace(run, id=int(inserted[0]))


async def finish_run(tx: Transaction, run_id: int, summary: str, *, at: int) -> bool:
    """End a run with its result (JSON, not empty); False when it was ended before.

    It ends after every other run of its node and day: the order tells which one counts.
    """
    row = await tx.one(
        "SELECT max(o.finished_at) FROM recon_runs AS r JOIN recon_runs AS o"
        " ON o.node = r.node AND o.check_date = r.check_date WHERE r.id = ?1",
        run_id,
    )
    last = int(row[0]) if row and row[0] is not None else 0
    changed = await tx.run(
        "UPDATE recon_runs SET state = 'done', summary = ?2, finished_at = ?3"
        " WHERE id = ?1 AND state = 'running'",
        run_id,
        summary,
        max(at, last + 1),
    )
    return changed == 1


async def resume_run(tx: Transaction, run_id: int, *, at: int) -> bool:
    """Take a done run up again, because its statements were delivered anew; False: not done."""
    changed = await tx.run(
        "UPDATE recon_runs SET state = 'running', summary = '', started_at = ?2,"
        " finished_at = NULL WHERE id = ?1 AND state = 'done'",
        run_id,
        at,
    )
    return changed == 1


async def run(tx: Transaction, run_id: int) -> Run | None:
    """A run by its id."""
    row = await tx.one(_RUN, run_id)
    return Run(*row) if row else None


async def run_of_digest(tx: Transaction, node: str, check_date: str, digest: str) -> Run | None:
    """The run of a node and day over inputs with this digest."""
    row = await tx.one(_RUN_OF_DIGEST, node, check_date, digest)
    return Run(*row) if row else None


async def under_way(tx: Transaction, node: str, check_date: str) -> Run | None:
    """The run of a node and day that was begun and not ended."""
    row = await tx.one(_UNDER_WAY, node, check_date)
    return Run(*row) if row else None


async def last_run(tx: Transaction, node: str, check_date: str) -> Run | None:
    """The run of a node and day that came to its end last: one of earlier inputs may again."""
    row = await tx.one(_LAST_DONE, node, check_date)
    return Run(*row) if row else None


async def runs(tx: Transaction, node: str, check_date: str) -> list[Run]:
    """All runs of a node and day as they came to their end, one under way last."""
    return [Run(*row) for row in await tx.all(_RUNS, node, check_date)]


async def nodes_of_day(tx: Transaction, check_date: str) -> list[str]:
    """The nodes that have differences or runs of a day, by code."""
    rows = await tx.all(
        "SELECT node FROM recon_runs WHERE check_date = ?1"
        " UNION SELECT node FROM recon_differences WHERE check_date = ?1 ORDER BY 1",
        check_date,
    )
    return [str(row[0]) for row in rows]


# -- differences ----------------------------------------------------------------------------------


async def insert(tx: Transaction, row: DifferenceRow) -> int | None:
    """Write a new difference and return its id; None, and nothing written, when its key exists."""
    found = await tx.one(_INSERT, *_VALUES(row))
    return int(found[0]) if found else None


async def update(tx: Transaction, row: DifferenceRow) -> None:
    """Write a difference anew; its key, first run and first instant stay as they are."""
    if await tx.run(_UPDATE, row.id, *_CHANGED_VALUES(row)) != 1:
        raise RuntimeError("there is no such difference")


async def get(tx: Transaction, difference_id: int, *, lock: bool = False) -> DifferenceRow | None:
    """A difference by its id."""
    row = await tx.one(_GET + tx.for_update if lock else _GET, difference_id)
    return DifferenceRow(*row) if row else None


async def by_key(
    tx: Transaction, node: str, check_date: str, *, statement: str, scope: str, key: str
) -> DifferenceRow | None:
    """A difference by what names it in every run."""
    row = await tx.one(_BY_KEY, node, check_date, statement, scope, key)
    return DifferenceRow(*row) if row else None


async def differences(
    tx: Transaction, narrowed: DifferenceFilter, *, after: int = 0, limit: int = 100
) -> list[DifferenceRow]:
    """Differences by id, following the last one already seen."""
    conditions = narrowed.conditions()
    conditions.add("id > {}", after)
    order = "ORDER BY id LIMIT " + conditions.mark(limit)
    sql = select_from(DifferenceRow, "recon_differences", f"{conditions.where()} {order}")
    return [DifferenceRow(*row) for row in await tx.all(sql, *conditions.args)]


async def counts(tx: Transaction, narrowed: DifferenceFilter) -> list[StateCount]:
    """Numbers of differences by statement, scope, kind and state."""
    conditions = narrowed.conditions()
    rows = await tx.all(
        "SELECT statement, scope, kind, state, count(*) FROM recon_differences"  # noqa: S608 - ours
        f" {conditions.where()} GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4",
        *conditions.args,
    )
    return [StateCount(*row) for row in rows]


async def open_count(
    tx: Transaction, node: str, check_date: str, *, statement: str = "", scope: str | None = None
) -> int:
    """How many differences of a node and day wait, of one statement and scope where given."""
    narrowed = DifferenceFilter(
        node=node,
        date_from=check_date,
        date_to=check_date,
        statement=statement,
        scope=scope,
        states=("open",),
    )
    conditions = narrowed.conditions()
    row = await tx.one(
        f"SELECT count(*) FROM recon_differences {conditions.where()}",  # noqa: S608 - ours
        *conditions.args,
    )
    return int(row[0]) if row else 0


async def not_seen(
    tx: Transaction, run: Run, *, after: int = 0, limit: int = 200
) -> list[DifferenceRow]:
    """Open and noted differences of a run's node and day that it did not find, by id."""
    rows = await tx.all(_NOT_SEEN, run.node, run.check_date, run.id, run.started_at, after, limit)
    return [DifferenceRow(*row) for row in rows]


async def of_expected(
    tx: Transaction, expected: str, *, node: str, statement: str, scope: str
) -> list[DifferenceRow]:
    """The differences of a node's channel or account about one thing that was expected, by id."""
    rows = await tx.all(_OF_EXPECTED, expected, node, statement, scope)
    return [DifferenceRow(*row) for row in rows]


async def set_state(
    tx: Transaction, row: DifferenceRow, state: State, action: Action, *, reason: str | None = None
) -> bool:
    """Move a difference from the state that ROW has to another, with the action that did it.

    REASON replaces the row's. False, and nothing is written, when it has another state by now.
    """
    if await tx.run(_SET_STATE, row.id, state, action.at, row.state) != 1:
        return False
    if reason is not None:
        await tx.run("UPDATE recon_differences SET reason = ?2 WHERE id = ?1", row.id, reason)
    await act(tx, action)
    return True


# -- actions --------------------------------------------------------------------------------------


async def act(tx: Transaction, action: Action) -> int:
    """Append what was done; its id."""
    row = await tx.one(_ACT, *_ACT_VALUES(action))
    if row is None:
        raise RuntimeError("the database returned no id")
    return int(row[0])


async def actions(tx: Transaction, difference_id: int) -> list[Action]:
    """What was done about a difference, in order."""
    sql = _ACTIONS.format("difference_id")
    return [Action(*row) for row in await tx.all(sql, difference_id)]


async def batch_actions(tx: Transaction, batch_id: int) -> list[Action]:
    """What was done about a statement as a whole, in order."""
    return [Action(*row) for row in await tx.all(_ACTIONS.format("batch_id"), batch_id)]
