"""Stock and issue by unit, kind and code over a period (领用存情况)."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from typing import Final

from ..store import stockledger
from ..store.protocol import Transaction


@dataclass(frozen=True, slots=True)
class StockFigures:
    """What became of a holder's numbers of one code; holder '' is finance.

    closing = opening + received + recovered - distributed - returned - used - void. A number that
    becomes void after it was used leaves `used`. `turned_in` (void paper returned, 缴回) and
    `written_off` (核销) were used or void before.
    """

    holder: str
    medium: str
    kind: str
    code: str
    opening: int
    received: int
    recovered: int
    distributed: int
    returned: int
    used: int
    void: int
    closing: int
    turned_in: int
    written_off: int


_IN: Final = ("received", "recovered")
_OUT: Final = ("distributed", "returned", "used", "void")
_Key = tuple[str, str, str, str]


async def statistics(
    tx: Transaction,
    since: str,
    until: str,
    *,
    medium: str = "",
    kind: str = "",
    units: Sequence[str] = (),
) -> list[StockFigures]:
    """The figures of a period (civil days, both included), by holder, medium, kind, code."""
    before: dict[_Key, dict[str, int]] = {}
    within: dict[_Key, dict[str, int]] = {}
    rows = await stockledger.counted(tx, since, until, medium=medium, kind=kind, units=units)
    for row in rows:
        key = (row.holder, row.medium, row.kind, row.code)
        before.setdefault(key, {})[row.measure] = row.before
        within.setdefault(key, {})[row.measure] = row.within
    figures = []
    for key, earlier in before.items():
        now = within[key]
        opening, change = _balance(earlier), _balance(now)
        figures.append(
            StockFigures(
                holder=key[0],
                medium=key[1],
                kind=key[2],
                code=key[3],
                opening=opening,
                received=now.get("received", 0),
                recovered=now.get("recovered", 0),
                distributed=now.get("distributed", 0),
                returned=now.get("returned", 0),
                used=now.get("used", 0),
                void=now.get("void", 0),
                closing=opening + change,
                turned_in=now.get("turned_in", 0),
                written_off=now.get("written_off", 0),
            )
        )
    return figures


def _balance(measures: dict[str, int]) -> int:
    inward = sum(measures.get(name, 0) for name in _IN)
    return inward - sum(measures.get(name, 0) for name in _OUT)


def statistics_csv(figures: Sequence[StockFigures]) -> str:
    """The figures as CSV, one line each under the names of `StockFigures`."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(field.name for field in fields(StockFigures))
    writer.writerows(astuple(one) for one in figures)
    return text.getvalue()
