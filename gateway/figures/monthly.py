"""The monthly statement of a bank, from the books."""

from __future__ import annotations

from calendar import monthrange

from ...reconcile.figures.monthly import Statement, make_days
from ..clock import add_days, midnight_ms
from ..peers import Peer
from ..store import figuremonths
from ..store.protocol import Transaction


async def statement(tx: Transaction, month: str, bank: Peer, finance_name: str) -> Statement:
    """The statement of a bank for a month (yyyymm). A long read."""
    _, length = monthrange(int(month[:4]), int(month[4:]))
    days = [f"{month}{day:02d}" for day in range(1, length + 1)]
    money = await figuremonths.money(tx, bank.code, days[0], days[-1])
    ends_at = midnight_ms(add_days(days[-1], 1))
    open_ones = await figuremonths.open_differences(tx, bank.code, days[-1], ends_at)
    return Statement(
        month, bank.code, bank.name, finance_name, make_days(days, money), tuple(open_ones)
    )
