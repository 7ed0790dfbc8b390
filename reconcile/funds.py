"""Matching expected money with the arrived funds of one account (2557)."""

from __future__ import annotations

from typing import Final

from .kinds import Kind
from .money import Wording, match_money
from .ports import MAX_DIFFERENCES, Pages
from .sides import Expected, Matched, MoneyLine

_WORDING: Final = Wording(
    "2557",
    amount=Kind.FUNDS_AMOUNT,
    missing=Kind.FUNDS_MISSING,
    unknown=Kind.FUNDS_UNKNOWN,
    duplicate=Kind.FUNDS_DUPLICATE,
    missing_text="资金在途,对账单中没有到账",
    unknown_text="到账资金没有对应的缴款或划转",
)


async def match_funds(
    expected: Pages[Expected],
    lines: Pages[MoneyLine],
    *,
    account: str,
    check_date: str,
    limit: int = MAX_DIFFERENCES,
) -> Matched:
    """Match one account's day; both sides with what is carried forward, by flow number.

    Money matches by the number of its movement (TraNo = TraNoBus of same-bank counter payments);
    else by BatchNo, one line of the batch's Amt; else by pay code and amount; else one line of a
    third-party channel without BatchNo by the channel's sum of the day. A sum of the day meets the
    day's line before an older one. Raises TooManyDifferences.
    """
    return await match_money(
        expected, lines, _WORDING, account=account, check_date=check_date, limit=limit
    )
