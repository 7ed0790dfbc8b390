"""Working days with the State Council's changes."""

from __future__ import annotations

import pytest

from nontax.gateway.workdays import Workdays, WorkdaysError

# the National Day holiday of 2026 as a site would write it
TEXT = """\
# 国庆节
2026-10-01
2026-10-02   # 星期五
2026-10-05

+2026-10-10  # 星期六, 上班
"""


def test_weekends_rest_and_the_files_days_stand_over_them() -> None:
    days = Workdays.parse(TEXT)
    assert days.is_working("20260930")
    for day in ("20261001", "20261002", "20261003", "20261004", "20261005", "20261011"):
        assert not days.is_working(day)
    assert days.is_working("20261010")


def test_the_next_working_day_is_the_day_itself_or_a_later_one() -> None:
    days = Workdays.parse(TEXT)
    assert days.on_or_after("20260930") == "20260930"
    assert days.on_or_after("20261001") == "20261006"
    assert days.on_or_after("20261010") == "20261010"
    assert Workdays().on_or_after("20261010") == "20261012"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2026-10-01\n20261002", "line 2"),
        ("2026-13-01", "line 1: no such day"),
        ("-2026-10-01", "line 1"),
        ("2026-10-10\n+2026-10-10", "both"),
    ],
)
def test_a_line_that_is_no_date_is_named(text: str, reason: str) -> None:
    with pytest.raises(WorkdaysError, match=reason):
        Workdays.parse(text)
