"""The demo's plan is a function of its seed, and every day has every special story."""

from __future__ import annotations

import json
from datetime import date

import pytest

from nontax.codecs import parse_yuan
from nontax.simulators.day import Source, Story, import_file, plan_day

TODAY = date(2026, 3, 2)


@pytest.mark.parametrize("seed", range(20))
def test_a_day(seed: int) -> None:
    plan = plan_day(seed)
    assert plan == plan_day(seed)
    assert 60 <= len(plan.bills) <= 120
    stories = plan.stories()
    usual = {Story.COUNTER, Story.TERMINAL, Story.ONLINE, Story.ALIPAY, Story.WECHAT,
             Story.NOT_PAID, Story.ONLY_ASKED}  # fmt: skip
    assert set(Story) - usual <= stories.keys()
    assert plan.of(Source.UNIT)


def test_days_differ() -> None:
    assert len({plan_day(seed).bills for seed in range(10)}) == 10


def test_the_import_file() -> None:
    plan = plan_day(3)
    imported = plan.of(Source.IMPORT)
    bills = [json.loads(line) for line in import_file(imported, TODAY).splitlines()]
    assert len(bills) == len(imported)
    for bill, planned in zip(bills, imported, strict=True):
        assert sum(parse_yuan(item["Amt"]) for item in bill["Items"]) == planned.amt
        assert parse_yuan(bill["OriAmt"]) == planned.amt > 0
        assert ("ExpiryDate" in bill) is planned.expired
        assert not planned.expired or bill["BillDate"] < bill["ExpiryDate"] < "20260302"
        assert ("Education" in bill) is planned.school
