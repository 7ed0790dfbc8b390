"""Refunds in clearing: netted once, by the rules of then; what they hold back and carry."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from .clearing_site import (
    BANK,
    LAND_FEE,
    NEXT_DAY,
    RECLAIM,
    TUITION,
    Site,
    opened_site,
)


@pytest.fixture
async def site(sample_template: Path, tmp_path: Path) -> AsyncIterator[Site]:
    async with opened_site(sample_template, tmp_path / "site") as opened:
        yield opened
        opened.check_books()


async def test_succeeded_refunds_are_netted_before_clearing(site: Site) -> None:
    payment = await site.pay((LAND_FEE, 3000), (TUITION, 5000))
    await site.refund(payment, 1000)
    await site.refund(payment, 1, "failed")
    await site.refund(payment, 2, "rejected")
    await site.refund(payment, 7)
    report = await site.run()
    assert (report.entered, report.refunds, report.amt) == (1, 2, 6993)
    [one] = report.instructions
    # Of 1,007 fen the items bear 378 (377.625) and 629 (629.375).
    assert site.lines(one.instr_no) == {
        "central": 300 - 38,
        "province": 600 - 76,
        "county": 2100 - 264 + 5000 - 629,
    }


async def test_a_living_refund_holds_its_payment_back(site: Site) -> None:
    payment = await site.pay((LAND_FEE, 8000))
    number = await site.refund(payment, 3000, "approved")
    report = await site.run()
    assert (report.entered, report.held) == (0, {payment.pay_code})
    await site.refund_ends(number, "succeeded")
    [one] = (await site.run()).instructions
    assert one.total == 5000


async def test_a_refund_that_fails_lets_the_whole_payment_go(site: Site) -> None:
    payment = await site.pay((LAND_FEE, 8000))
    number = await site.refund(payment, 3000, "unknown")
    assert (await site.run()).entered == 0
    await site.refund_ends(number, "failed")
    assert [one.total for one in (await site.run()).instructions] == [8000]


async def test_a_refund_of_cleared_money_is_taken_from_the_next_clearing_once(site: Site) -> None:
    payment = await site.pay((LAND_FEE, 8000))
    await site.run()
    number = await site.refund(payment, 800, "sent")
    await site.pay((LAND_FEE, 1000), cfm_date=NEXT_DAY)
    # While it lives nothing is taken, and what was cleared holds nobody back.
    [before] = (await site.run(NEXT_DAY)).instructions
    assert before.total == 1000
    await site.refund_ends(number, "succeeded")
    await site.pay((LAND_FEE, 2000), cfm_date=NEXT_DAY)
    report = await site.run(NEXT_DAY)
    assert (report.entered, report.refunds) == (1, 1)
    [after] = report.instructions
    assert site.lines(after.instr_no) == {
        "central": 200 - 80,
        "province": 400 - 160,
        "county": 1400 - 560,
    }
    assert (await site.run(NEXT_DAY)).instructions == []


async def test_an_account_that_comes_to_nothing_is_carried_whole(site: Site) -> None:
    payment = await site.pay((LAND_FEE, 8000))
    await site.run()
    await site.refund(payment, 8000)
    await site.pay((TUITION, 3000), cfm_date=NEXT_DAY)
    report = await site.run(NEXT_DAY)
    assert report.instructions == []
    [carried] = report.carried
    assert (carried.group.peer, carried.target, carried.amt) == (BANK, "", -5000)
    assert site.waiting() == {"central": -800, "province": -1600, "county": -2600}
    # Again: nothing new, still carried.
    again = await site.run(NEXT_DAY)
    assert (again.entered, again.refunds, again.carried) == (0, 0, [carried])
    # The next day's money makes up for it.
    await site.pay((LAND_FEE, 50_000), cfm_date="20260304")
    [one] = (await site.run("20260304")).instructions
    assert site.lines(one.instr_no) == {"central": 4200, "province": 8400, "county": 32_400}
    assert site.waiting() == {}


async def test_a_target_below_nothing_is_carried_and_the_others_go(site: Site) -> None:
    payment = await site.pay((LAND_FEE, 8000))
    await site.run()
    await site.refund(payment, 8000)
    await site.pay((TUITION, 10_000), cfm_date=NEXT_DAY)
    report = await site.run(NEXT_DAY)
    [one] = report.instructions
    assert site.lines(one.instr_no) == {"county": 10_000 - 5600}
    assert [(two.target, two.amt) for two in report.carried] == [
        ("central", -800),
        ("province", -1600),
    ]
    assert site.waiting() == {"central": -800, "province": -1600}


async def test_a_fully_refunded_payment_nets_to_nothing(site: Site) -> None:
    payment = await site.pay((LAND_FEE, 33), (RECLAIM, 67), delay=1)
    for amt in (1, 49, 50, 1):
        await site.refund(payment, amt)
    report = await site.run()
    assert (report.entered, report.refunds, report.amt) == (1, 4, 0)
    assert (report.instructions, report.carried, site.waiting()) == ([], [], {})


async def test_refunds_follow_the_rule_that_the_payment_was_cleared_by(site: Site) -> None:
    payment = await site.pay((RECLAIM, 1001))
    await site.run()
    # The rule of that time is corrected afterwards.
    await site.rule(RECLAIM, ("central", 10_000))
    await site.refund(payment, 500)
    await site.refund(payment, 501)
    await site.pay((TUITION, 5000), cfm_date=NEXT_DAY)
    await site.run(NEXT_DAY)
    given = site.rows("clearing_parts")
    by_target: dict[str, int] = {}
    for part in given:
        by_target[part["target"]] = by_target.get(part["target"], 0) + part["amt"]
    assert by_target == {"province": 0, "county": 5000}


async def test_a_refund_that_the_treasury_bore_is_not_netted(site: Site) -> None:
    payment = await site.pay((LAND_FEE, 8000))
    await site.run()
    await site.refund(payment, 800, paid_from="treasury")
    assert (await site.run()).refunds == 0


async def test_what_waits_is_held_by_a_later_refund(site: Site) -> None:
    cleared = await site.pay((LAND_FEE, 8000))
    await site.run()
    await site.refund(cleared, 8000)
    waiting = await site.pay((LAND_FEE, 5000), cfm_date=NEXT_DAY)
    assert (await site.run(NEXT_DAY)).carried
    number = await site.refund(waiting, 1000, "requested")
    await site.pay((LAND_FEE, 20_000), cfm_date="20260304")
    report = await site.run("20260304")
    assert report.held == {waiting.pay_code}
    assert [one.total for one in report.instructions] == [12_000]
    await site.refund_ends(number, "succeeded")
    last = await site.run("20260304")
    assert [one.total for one in last.instructions] == [4000]
    assert site.waiting() == {}
