"""Closing a statement when people have ended its last open difference (spec: business, 9)."""

from __future__ import annotations

from ..store import reconciliation, reconprogress, statements
from ..store.protocol import Transaction
from ..store.reconciliation import DifferenceRow
from .results import Results
from .revisions import Summary


class Closings:
    """Asked after a row has come to its end."""

    def __init__(self, results: Results) -> None:
        self._results = results

    async def close(self, tx: Transaction, row: DifferenceRow, at: int) -> tuple[str, ...]:
        """Close the row's statement when no other row of it waits, and queue the final result.

        The peers to be woken. A statement that is not reconciled yet is left to its run.
        """
        place = (row.node, row.check_date)
        batch = await statements.living(tx, row.statement, *place, row.scope)
        if batch is None or batch.state not in {"failed", "reconciled"}:
            return ()
        if await reconprogress.is_open(tx, *place, statement=row.statement, scope=row.scope):
            return ()
        matched = 0
        run = await reconciliation.last_run(tx, *place)
        if run is not None:
            for totals in Summary.read(run.summary).totals.get(row.statement, ()):
                if totals.scope == row.scope:
                    matched = totals.matched.count
        return await self._results.finish(tx, batch, matched=matched, at=at)
