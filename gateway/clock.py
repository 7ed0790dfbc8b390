"""Time as the gateway knows it: instants in UTC milliseconds, civil time fixed at +08:00.

The machine's own zone is never asked. A clock is handed in from the composition root, so that a
simulated day can drive the production objects.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Final, Protocol

CIVIL: Final = timezone(timedelta(hours=8), "+08:00")
"""Civil time of the whole country: Asia/Shanghai has no summer time since 1991."""

_DAY_MS: Final = 86_400_000
_OFFSET_MS: Final = 8 * 3_600_000


class Clock(Protocol):
    """What the gateway asks of a clock."""

    def now_ms(self) -> int:
        """Return the instant in milliseconds of the UTC epoch."""

    def civil(self) -> datetime:
        """Return the civil time, aware, at +08:00."""

    def today(self) -> str:
        """Return the civil date as `yyyymmdd`."""


def civil_from_ms(ms: int) -> datetime:
    """Return the civil time (+08:00) of an instant; exact to the millisecond."""
    seconds, rest = divmod(ms, 1000)
    return datetime.fromtimestamp(seconds, CIVIL).replace(microsecond=rest * 1000)


def ms_from_civil(moment: datetime) -> int:
    """Return the instant of a civil time; a naive one is taken at +08:00."""
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=CIVIL)
    return (aware - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def date_from_ms(ms: int) -> str:
    """Return the civil date (`yyyymmdd`) of an instant."""
    return civil_from_ms(ms).strftime("%Y%m%d")


def time_from_ms(ms: int) -> str:
    """Return the civil time of day (`HHMMSS`) of an instant."""
    return civil_from_ms(ms).strftime("%H%M%S")


def midnight_ms(day: str) -> int:
    """Return the instant at which the civil date `yyyymmdd` begins; `ValueError` for no date."""
    return ms_from_civil(datetime.combine(parse_date(day), datetime.min.time()))


def parse_date(day: str) -> date:
    """Return the date that `yyyymmdd` writes; `ValueError` for anything else."""
    if len(day) != 8 or not (day.isascii() and day.isdigit()):
        raise ValueError(f"{day!r} is no date yyyymmdd")
    return date(int(day[:4]), int(day[4:6]), int(day[6:]))


def add_days(day: str, days: int) -> str:
    """Return the date `days` after (or before) `yyyymmdd`; `ValueError` for no date."""
    return (parse_date(day) + timedelta(days=days)).strftime("%Y%m%d")


class _Civil(ABC):
    """Civil date and time over `now_ms`, with the day's date computed once a day."""

    def __init__(self) -> None:
        self._day_number = -1
        self._today = ""

    @abstractmethod
    def now_ms(self) -> int:
        """Return the instant in milliseconds of the UTC epoch."""

    def civil(self) -> datetime:
        """Return the civil time, aware, at +08:00."""
        return civil_from_ms(self.now_ms())

    def today(self) -> str:
        """Return the civil date as `yyyymmdd`."""
        now = self.now_ms()
        day_number = (now + _OFFSET_MS) // _DAY_MS
        if day_number != self._day_number:
            self._today = date_from_ms(now)
            self._day_number = day_number
        return self._today


class SystemClock(_Civil):
    """The machine's clock."""

    def now_ms(self) -> int:
        """Return the instant in milliseconds of the UTC epoch."""
        return time.time_ns() // 1_000_000


class ManualClock(_Civil):
    """A clock that moves only when it is told to: simulated days, tests."""

    def __init__(self, start_ms: int) -> None:
        super().__init__()
        self._now_ms = start_ms

    def now_ms(self) -> int:
        """Return the instant that was set last."""
        return self._now_ms

    def set(self, now_ms: int) -> None:
        """Jump to an instant, also backwards."""
        self._now_ms = now_ms

    def advance(self, *, seconds: float = 0, ms: int = 0) -> None:
        """Move on by so much time."""
        self._now_ms += round(seconds * 1000) + ms
