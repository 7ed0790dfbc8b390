"""Remittances that a bank starts itself (mode `bank`): matching them to payments.

A bank that remits by itself tells so with a 2618 whose number we do not know. Its total is looked
for among the open dues of that bank: those of payments of the same date, else everything up to that
date, else one single earlier date. What fits nothing stays `unmatched`, and every run tries it
again, because more income may have been confirmed.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from ..store import income, remittance
from ..store.income import DueFilter
from ..store.protocol import Transaction
from ..store.remittance import Remittance
from .remitlines import CONSOLIDATED, NetDue, make_lines
from .remittance import CannotRemit, Catalogue, left_of
from .remitted import issue_voucher, note


async def match(
    tx: Transaction, found: Remittance, bank_code: str, *, node_name: str, actor: str, at: int
) -> bool:
    """Give a bank's own remittance its lines where open dues come to its total exactly."""
    date = found.tra_date or found.remit_date
    opened = await income.open_dues(tx, DueFilter(cfm_until=date), bank_code=bank_code)
    dates = {entry.due.key: entry.cfm_date for entry in opened}
    due, _ = await left_of(tx, opened)
    chosen = _choose(due, dates, date, found.total)
    if not chosen:
        return False
    known = Catalogue()
    keys = {entry.due.key for entry in chosen}
    try:
        await known.learn(tx, [entry for entry in opened if entry.due.key in keys])
    except CannotRemit:
        return False
    lines = make_lines(chosen, CONSOLIDATED, known.items, known.units)
    types = {entry.due.remit_type for entry in chosen}
    accounts = {entry.due.acct_no for entry in chosen}
    whole = replace(
        found,
        region=min(entry.due.region for entry in chosen),
        mode=CONSOLIDATED,
        remit_type=min(types) if len(types) == 1 else "",
        pay_acct=min(accounts) if len(accounts) == 1 else "",
    )
    await remittance.match(tx, whole, lines.lines, lines.parts, at=at)
    await note(
        tx, found, "matched", actor=actor, at=at, facts={"id": found.id, "count": len(lines.lines)}
    )
    await issue_voucher(tx, found.id, node_name, at)
    return True


def _choose(
    due: list[NetDue], dates: dict[tuple[int, str, str], str], date: str, total: int
) -> list[NetDue]:
    """The dues that a total stands for; none where that is not clear."""
    by_date: dict[str, list[NetDue]] = defaultdict(list)
    for entry in due:
        by_date[dates[entry.due.key]].append(entry)
    if _sum(by_date.get(date, [])) == total:
        return by_date[date]
    if _sum(due) == total:
        return due
    fitting = [entries for day, entries in by_date.items() if _sum(entries) == total]
    return fitting[0] if len(fitting) == 1 else []


def _sum(entries: list[NetDue]) -> int:
    return sum(entry.amt for entry in entries)
