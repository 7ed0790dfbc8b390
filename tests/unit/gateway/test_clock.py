"""Civil time is +08:00, whatever the machine's zone says."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from nontax.gateway.clock import (
    ManualClock,
    SystemClock,
    add_days,
    civil_from_ms,
    date_from_ms,
    midnight_ms,
    ms_from_civil,
    parse_date,
    time_from_ms,
)

# 2026-11-22T15:59:59.999Z, the last millisecond of the civil day
LAST_MS = 1_795_363_199_999


def test_the_civil_day_ends_at_16_00_utc() -> None:
    assert datetime.fromtimestamp(LAST_MS / 1000, UTC).hour == 15
    assert date_from_ms(LAST_MS) == "20261122"
    assert time_from_ms(LAST_MS) == "235959"
    assert date_from_ms(LAST_MS + 1) == "20261123"
    assert time_from_ms(LAST_MS + 1) == "000000"
    assert midnight_ms("20261123") == LAST_MS + 1


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Shanghai"])
def test_the_machines_zone_does_not_matter(monkeypatch: pytest.MonkeyPatch, zone: str) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert civil_from_ms(LAST_MS).isoformat() == "2026-11-22T23:59:59.999000+08:00"
        assert date_from_ms(LAST_MS) == "20261122"
        assert midnight_ms("20261123") == LAST_MS + 1
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("ms", [0, 1, -1, LAST_MS, 253_402_271_999_999])
def test_instants_survive_the_way_to_civil_time_and_back(ms: int) -> None:
    assert ms_from_civil(civil_from_ms(ms)) == ms
    assert ms_from_civil(civil_from_ms(ms).replace(tzinfo=None)) == ms


def test_a_clock_knows_today_and_notices_midnight() -> None:
    clock = ManualClock(LAST_MS)
    assert (clock.today(), clock.civil().hour) == ("20261122", 23)
    clock.advance(ms=1)
    assert clock.today() == "20261123"
    clock.set(LAST_MS)
    assert clock.today() == "20261122"
    clock.advance(seconds=86_400)
    assert clock.today() == "20261123"


def test_the_system_clock_is_the_machines() -> None:
    before = time.time_ns() // 1_000_000
    clock = SystemClock()
    now = clock.now_ms()
    assert before <= now <= time.time_ns() // 1_000_000
    assert clock.civil().utcoffset().total_seconds() == 8 * 3600
    assert clock.today() in {date_from_ms(before), date_from_ms(clock.now_ms())}


def test_dates_are_real_calendar_dates() -> None:
    assert add_days("20240228", 1) == "20240229"
    assert add_days("20260101", -1) == "20251231"
    for wrong in ("20230229", "2026112", "20261301", "2026-1-1", "２０２６１１２２", ""):
        with pytest.raises(ValueError):  # noqa: PT011 - several rules, one kind of error
            parse_date(wrong)
