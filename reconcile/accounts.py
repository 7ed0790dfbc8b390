"""Matching known movements and balances with the statement of one account (2556)."""

from __future__ import annotations

from .ports import MAX_DIFFERENCES, Pages
from .sides import Balances, Expected, Matched, MoneyLine


async def match_account(
    expected: Pages[Expected],
    lines: Pages[MoneyLine],
    balances: Balances,
    *,
    account: str,
    check_date: str,
    limit: int = MAX_DIFFERENCES,
) -> Matched:
    """Match one account's day; both sides with what is carried forward, by flow number."""
    raise NotImplementedError
