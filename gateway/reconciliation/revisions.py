"""Runs of a node's day and their stored results: revisions, what a killed run left behind."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from ...reconcile.sides import ScopeTotals, Totals
from ..store import reconciliation
from ..store.protocol import Transaction
from ..store.reconciliation import DifferenceFilter, Run, StateCount
from .parts import Owed
from .snapshot import Inputs


@dataclass(frozen=True, slots=True)
class Summary:
    """The stored result of a run."""

    totals: Mapping[str, tuple[ScopeTotals, ...]]
    owed: tuple[Owed, ...]
    carried: int

    def write(self) -> str:
        """As JSON: totals by statement are [scope, ours, theirs, matched], each [count, fen]."""
        totals = {
            statement: [
                [
                    one.scope,
                    *([side.count, side.amt] for side in (one.ours, one.theirs, one.matched)),
                ]
                for one in scopes
            ]
            for statement, scopes in self.totals.items()
        }
        owed = [[one.node, one.scope, one.count, one.amt] for one in self.owed]
        return json.dumps({"totals": totals, "owed": owed, "carried": self.carried})

    def matched(self, statement: str, scope: str) -> int:
        """How many lines of a statement agreed."""
        for one in self.totals.get(statement, ()):
            if one.scope == scope:
                return one.matched.count
        return 0

    @classmethod
    def read(cls, text: str) -> Summary:
        """The result that `write` wrote."""
        stored = json.loads(text)
        totals = {
            statement: tuple(
                ScopeTotals(scope, *(Totals(*side) for side in sides)) for scope, *sides in scopes
            )
            for statement, scopes in stored.get("totals", {}).items()
        }
        owed = tuple(Owed(*one) for one in stored.get("owed", ()))
        return cls(totals, owed, int(stored.get("carried", 0)))


async def begin(tx: Transaction, *, inputs: Inputs, at: int) -> Run:
    """The run of these inputs: taken up where it stopped, or a new revision."""
    node, date = inputs.peer.code, inputs.check_date
    other = await reconciliation.under_way(tx, node, date)
    if other is not None and other.inputs_digest != inputs.digest:
        # It was killed, and what it worked on has changed since: this run finishes its work.
        left = Summary({}, (), 0).write()
        await reconciliation.finish_run(tx, other.id, left, at=at)
    run = await reconciliation.begin_run(
        tx, node, date, inputs.digest, max_payment_id=inputs.max_payment_id, at=at
    )
    if run.state == "done":
        # The same statements were delivered anew, after they were reopened.
        await reconciliation.resume_run(tx, run.id, at=at)
        run = await reconciliation.run(tx, run.id) or run
    return run


async def repaired_payments(tx: Transaction, *, run: Run) -> list[int]:
    """The payments of a day's repaired rows: made of lines, or listed by a neighbouring day."""
    narrowed = DifferenceFilter(
        node=run.node,
        date_from=run.check_date,
        date_to=run.check_date,
        statement="2555",
        states=("repaired",),
    )
    found: list[int] = []
    after = 0
    while rows := await reconciliation.differences(tx, narrowed, after=after, limit=1000):
        after = rows[-1].id
        found += [row.payment_id for row in rows if row.payment_id is not None]
    return found


async def counts_of(tx: Transaction, *, node: str, date: str) -> tuple[StateCount, ...]:
    """A node's differences of a day by statement, scope, kind and state, as they are now."""
    narrowed = DifferenceFilter(node=node, date_from=date, date_to=date)
    return tuple(await reconciliation.counts(tx, narrowed))
