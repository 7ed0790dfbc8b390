"""Working days: weekends, and what a site's holiday file says about them.

The State Council announces each year's holidays and the weekend days that are worked instead. The
file has one date a line, `2026-10-01` for a day of rest, `+2026-10-10` for a weekend day that is
worked; text after `#` is a comment.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from .clock import add_days, parse_date

_LINE = re.compile(r"(\+?)(\d{4})-(\d{2})-(\d{2})")
_SATURDAY = 5


class WorkdaysError(ValueError):
    """A line of a holiday file that is no date; the message names the line."""


@dataclass(frozen=True, slots=True)
class Workdays:
    """Days of rest on weekdays and worked weekend days, as `yyyymmdd`."""

    rest: frozenset[str] = frozenset()
    worked: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, text: str) -> Workdays:
        """Read a holiday file; raises `WorkdaysError`."""
        rest: set[str] = set()
        worked: set[str] = set()
        for number, line in enumerate(text.splitlines(), start=1):
            entry = line.partition("#")[0].strip()
            if not entry:
                continue
            match = _LINE.fullmatch(entry)
            if match is None:
                raise WorkdaysError(f"line {number}: must be YYYY-MM-DD or +YYYY-MM-DD")
            try:
                day = date(int(match[2]), int(match[3]), int(match[4])).strftime("%Y%m%d")
            except ValueError:
                raise WorkdaysError(f"line {number}: no such day in the calendar") from None
            (worked if match[1] else rest).add(day)
        both = rest & worked
        if both:
            raise WorkdaysError(f"{min(both)} is both a day of rest and a worked one")
        return cls(frozenset(rest), frozenset(worked))

    def is_working(self, day: str) -> bool:
        """Tell whether `yyyymmdd` is a working day; `ValueError` for no date."""
        if day in self.worked:
            return True
        return parse_date(day).weekday() < _SATURDAY and day not in self.rest

    def on_or_after(self, day: str) -> str:
        """Return `day` if it is a working day, else the next one that is."""
        while not self.is_working(day):
            day = add_days(day, 1)
        return day
