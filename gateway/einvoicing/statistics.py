"""Statistics of issue (开票统计): invoices and amounts by unit, kind, code and day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from ...einvoice.numbering import parse_code
from ..clock import add_days, midnight_ms
from ..store import einvoicestatistics
from ..store.protocol import Transaction

DIMENSIONS: Final = ("unit", "kind", "code", "day")
"""What can be told apart; kind is class and kind of the code (票据种类), 4 digits."""
_EPOCH: Final = date(1970, 1, 1)
Key = tuple[str, ...]


@dataclass(slots=True)
class IssueFigures:
    """Sums of one group. Amounts in fen, red ones below 0.

    reversed_count, reversed_amt: those of the blue ones that were reversed since, which are not
    taken off blue. voided: numbers that were given up (作废), by the day of voiding.
    """

    key: Key
    blue: int = 0
    blue_amt: int = 0
    red: int = 0
    red_amt: int = 0
    reversed_count: int = 0
    reversed_amt: int = 0
    voided: int = 0

    @property
    def net_amt(self) -> int:
        """Blue and red together."""
        return self.blue_amt + self.red_amt

    def add(self, other: IssueFigures) -> None:
        """Add another group's sums."""
        self.blue += other.blue
        self.blue_amt += other.blue_amt
        self.red += other.red
        self.red_amt += other.red_amt
        self.reversed_count += other.reversed_count
        self.reversed_amt += other.reversed_amt
        self.voided += other.voided


@dataclass(frozen=True, slots=True)
class IssueSpan:
    """Which days (``yyyymmdd``, inclusive, '' open) and which unit ('' all)."""

    date_from: str = ""
    date_to: str = ""
    unit: str = ""


async def issue_statistics(
    tx: Transaction, span: IssueSpan, by: Sequence[str]
) -> list[IssueFigures]:
    """Figures by the DIMENSIONS that `by` names, in order of their keys; use it inside a scan."""
    unknown = set(by) - set(DIMENSIONS)
    if unknown:
        raise ValueError(f"{min(unknown)!r} is none of {', '.join(DIMENSIONS)}")
    groups: dict[Key, IssueFigures] = {}

    def add(values: tuple[str, str, str], figures: IssueFigures) -> None:
        unit, code, day = values
        kind = parse_code(code).bill_type
        named = {"unit": unit, "kind": kind, "code": code, "day": day}
        key = tuple(named[name] for name in by)
        groups.setdefault(key, IssueFigures(key)).add(figures)

    for row in await einvoicestatistics.issued(
        tx, date_from=span.date_from, date_to=span.date_to, unit=span.unit
    ):
        figures = IssueFigures(
            (),
            row.blue,
            row.blue_amt,
            row.red,
            row.red_amt,
            row.reversed_count,
            row.reversed_amt,
        )
        add((row.unit_code, row.code, row.day), figures)
    for void in await einvoicestatistics.voided(
        tx,
        from_ms=midnight_ms(span.date_from) if span.date_from else None,
        before_ms=midnight_ms(add_days(span.date_to, 1)) if span.date_to else None,
        unit=span.unit,
    ):
        day = f"{_EPOCH + timedelta(days=void.day_number):%Y%m%d}"
        add((void.unit_code, void.code, day), IssueFigures((), voided=void.voided))
    return [groups[key] for key in sorted(groups)]


def total_of(groups: Sequence[IssueFigures]) -> IssueFigures:
    """All groups together."""
    total = IssueFigures(())
    for figures in groups:
        total.add(figures)
    return total
