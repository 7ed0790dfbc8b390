"""Matching expected money with the arrived funds of one account (2557)."""

from __future__ import annotations

from .ports import MAX_DIFFERENCES, Pages
from .sides import Expected, Matched, MoneyLine


async def match_funds(
    expected: Pages[Expected],
    lines: Pages[MoneyLine],
    *,
    account: str,
    check_date: str,
    limit: int = MAX_DIFFERENCES,
) -> Matched:
    """Match one account's day; both sides with what is carried forward, by flow number."""
    raise NotImplementedError
