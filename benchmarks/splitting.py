"""Splitting amounts by sharing rules, in microseconds. Figures, not rows."""

from __future__ import annotations

import random

from benchmarks.tight import microseconds
from nontax.gateway.settlement.sharing import Line, refund, shares, split

_RULE = (1000, 2000, 7000)
_LINES = (Line(8001, _RULE), Line(12_345, (3333, 6667)))


def measure() -> dict[str, float]:
    """Every figure by its name; for one amount, one payment."""
    luck = random.Random(1)  # noqa: S311 - the same amounts every time
    amounts = [luck.randrange(1, 10**9) for _ in range(1000)]

    def thousand() -> None:
        for amount in amounts:
            split(amount, _RULE)

    return {
        "sharing: split an amount by three parts": microseconds(thousand, 100) / len(amounts),
        "sharing: the parts of a payment of two items": microseconds(lambda: shares(_LINES)),
        "sharing: the parts of its second refund": microseconds(lambda: refund(_LINES, 999, 1234)),
    }
