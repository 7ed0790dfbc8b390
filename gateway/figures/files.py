"""Files of figures: each whole or not there, the same content under the same name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

from ...reconcile.csvcells import ENCODING
from ...reconcile.figures.daily import (
    Daily,
    as_json,
    corrections_csv,
    daily_document,
    deposit_csv,
    income_csv,
)
from ...reconcile.figures.monthly import (
    Statement,
    open_csv,
    statement_csv,
    statement_document,
    statement_page,
)
from ...reconcile.figures.page import daily_page
from ..clock import civil_from_ms
from ..settlement import spool

Format = Literal["csv", "json", "html"]
FORMATS: Final[tuple[Format, ...]] = ("csv", "json", "html")


def closed_at(daily: Daily) -> str:
    """When a day was closed, for people; '' for an open one."""
    return f"{civil_from_ms(daily.closed_at):%F %T}" if daily.closed_at else ""


def write_daily(folder: Path, daily: Daily, formats: Sequence[Format]) -> list[Path]:
    """Write both reports of a day; the paths. Raises OSError."""
    day, when = daily.day, closed_at(daily)
    written = []
    if "csv" in formats:
        written += [
            _sheet(folder, f"income-{day}.csv", income_csv(daily)),
            _sheet(folder, f"deposits-{day}.csv", deposit_csv(daily)),
            _sheet(folder, f"corrections-{day}.csv", corrections_csv(daily)),
        ]
    if "html" in formats:
        written.append(spool.put(folder, f"daily-{day}.html", daily_page(daily, when)))
    if "json" in formats:  # the last: who waits for it finds the others
        document = as_json(daily_document(daily, when))
        written.append(spool.put(folder, f"daily-{day}.json", document))
    return written


def write_statement(folder: Path, statement: Statement, formats: Sequence[Format]) -> list[Path]:
    """Write a bank's monthly statement; the paths. Raises OSError."""
    name = f"{statement.node}-{statement.month}"
    written = []
    if "csv" in formats:
        written += [
            _sheet(folder, f"statement-{name}.csv", statement_csv(statement)),
            _sheet(folder, f"open-{name}.csv", open_csv(statement)),
        ]
    if "html" in formats:
        written.append(spool.put(folder, f"statement-{name}.html", statement_page(statement)))
    if "json" in formats:
        document = as_json(statement_document(statement))
        written.append(spool.put(folder, f"statement-{name}.json", document))
    return written


def _sheet(folder: Path, name: str, text: str) -> Path:
    return spool.put(folder, name, text, encoding=ENCODING)
