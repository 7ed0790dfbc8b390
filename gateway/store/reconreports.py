"""What reports of reconciliation read besides runs and differences: sums of a day."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

from .protocol import Transaction
from .reconciliation import Action
from .sql import Conditions, select_from

_CHUNK: Final = 500


class HourSum(NamedTuple):
    """Payments of one hour: `hour` is the first two digits of CfmTime, '' where it is not known."""

    hour: str
    number: int
    amt: int


class ChannelSum(NamedTuple):
    """Payments of one channel (PayMode)."""

    pay_mode: str
    number: int
    amt: int


class RefundStateSum(NamedTuple):
    """Refunds of one type in one state."""

    kind: int
    state: str
    number: int
    amt: int


async def by_hour(
    tx: Transaction, src: str, cfm_date: str, accounts: Collection[str] = ()
) -> list[HourSum]:
    """A node's payments of a day by hour; with ACCOUNTS only those on one of them."""
    conditions = _of_day(src, cfm_date, accounts)
    rows = await tx.all(
        "SELECT substr(cfm_time, 1, 2), count(*), sum(amt) FROM payments"  # noqa: S608 - ours
        f" {conditions.where()} GROUP BY 1 ORDER BY 1",
        *conditions.args,
    )
    return [HourSum(*row) for row in rows]


async def by_channel(
    tx: Transaction, src: str, cfm_date: str, accounts: Collection[str] = ()
) -> list[ChannelSum]:
    """A node's payments of a day by channel; with ACCOUNTS only those on one of them."""
    conditions = _of_day(src, cfm_date, accounts)
    rows = await tx.all(
        "SELECT pay_mode, count(*), sum(amt) FROM payments"  # noqa: S608 - ours
        f" {conditions.where()} GROUP BY 1 ORDER BY 1",
        *conditions.args,
    )
    return [ChannelSum(*row) for row in rows]


def _of_day(src: str, cfm_date: str, accounts: Collection[str]) -> Conditions:
    conditions = Conditions()
    conditions.add("src = {}", src)
    conditions.add("cfm_date = {}", cfm_date)
    if accounts:
        conditions.one_of("rec_acct", sorted(accounts))
    return conditions


async def refunds_of_day(
    tx: Transaction, day: str, *, since: int, before: int, sources: Sequence[str] = ()
) -> list[RefundStateSum]:
    """Refunds that were asked for in [since, before) (ms UTC), or paid back with TraDate DAY.

    SOURCES: only of payments of these nodes.
    """
    conditions = Conditions()
    asked = f"created_at >= {conditions.mark(since)} AND created_at < {conditions.mark(before)}"
    paid = f"state = 'succeeded' AND tra_date = {conditions.mark(day)}"
    conditions.add(f"(({asked}) OR ({paid}))")
    if sources:
        conditions.one_of("src", list(sources))
    rows = await tx.all(
        "SELECT kind, state, count(*), sum(amt) FROM refunds"  # noqa: S608 - ours
        f" {conditions.where()} GROUP BY 1, 2 ORDER BY 1, 2",
        *conditions.args,
    )
    return [RefundStateSum(*row) for row in rows]


async def last_actions(tx: Transaction, difference_ids: Sequence[int]) -> dict[int, Action]:
    """What was last done about each of these differences; those without an action left out."""
    found: dict[int, Action] = {}
    for start in range(0, len(difference_ids), _CHUNK):
        conditions = Conditions()
        conditions.one_of("difference_id", list(difference_ids[start : start + _CHUNK]))
        latest = (
            "WHERE id IN (SELECT max(id) FROM recon_actions"  # noqa: S608 - ours
            f" {conditions.where()} GROUP BY difference_id)"
        )
        sql = select_from(Action, "recon_actions", latest)
        for row in await tx.all(sql, *conditions.args):
            action = Action(*row)
            if action.difference_id is not None:
                found[action.difference_id] = action
    return found
