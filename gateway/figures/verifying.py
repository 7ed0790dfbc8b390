"""Whether closed days are what they were when they were closed, for `nontax check`."""

from __future__ import annotations

import json

from ...reconcile.figures.model import deposit_control, income_control
from ..store import figures, journal
from ..store.figures import FigureDay
from ..store.protocol import Transaction


async def altered_days(tx: Transaction) -> list[str]:
    """Closed days whose rows give other control totals than the day or the journal has. Long."""
    return [day.day for day in await figures.closed_days(tx) if not await _is_as_closed(tx, day)]


async def _is_as_closed(tx: Transaction, day: FigureDay) -> bool:
    rows = await figures.rows(tx, day.day)
    income, deposits = income_control(rows), deposit_control(rows)
    if (income, deposits) != (day.income, day.deposits):
        return False
    noted = [
        json.loads(entry.facts)
        for entry in await journal.of_subject(tx, day.day)
        if entry.kind == "figures.closed"
    ]
    digests = [(facts["income_digest"], facts["deposits_digest"]) for facts in noted]
    return digests == [(income.digest, deposits.digest)]
