"""Matching the day's payments with a node's list of them (2555)."""

from __future__ import annotations

from .ports import MAX_DIFFERENCES, Pages, PaymentLookups
from .sides import Matched, PaymentLineRow, PaymentRow


async def match_payments(
    ours: Pages[PaymentRow],
    theirs: Pages[PaymentLineRow],
    look: PaymentLookups,
    *,
    node: str,
    check_date: str,
    limit: int = MAX_DIFFERENCES,
) -> Matched:
    """Match what the books expect in the lists of `node` for `check_date` with those lists."""
    raise NotImplementedError
