"""Clearing runs: what enters, how it is shared and netted, what goes out and what waits."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from nontax.gateway.settlement import clearing as runs
from nontax.gateway.settlement import entering
from nontax.gateway.settlement.instructions import Instructing
from nontax.gateway.store import ConstraintViolated, catalogue, clearing, funds, payments
from nontax.gateway.store.clearing_records import Entry, Instruction
from nontax.gateway.store.entries import ClearingBank, Target
from nontax.gateway.store.protocol import Transaction

from .clearing_site import (
    BANK,
    CLEARER,
    CLEARING_ACCOUNT,
    DAY,
    LAND_FEE,
    NEXT_DAY,
    OTHER,
    PLATFORM,
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


# -- what goes out --------------------------------------------------------------------------------


async def test_a_day_becomes_one_instruction_for_each_paying_account(site: Site) -> None:
    await site.pay((LAND_FEE, 8000))
    await site.pay((LAND_FEE, 1), (RECLAIM, 100))
    await site.pay((TUITION, 300_000), src=OTHER)
    await site.pay((LAND_FEE, 1000), src=OTHER, rec_acct_type="9", rec_acct=CLEARING_ACCOUNT)
    report = await site.run()
    assert (report.entered, report.refunds, report.amt) == (4, 0, 309_101)
    assert not report.left_out
    assert not report.carried
    own, other, account = site.orders()
    assert [row["peer"] for row in site.rows("outbox", "number = '5614'")] == [BANK, OTHER, CLEARER]
    assert (own.InstrNo, own.InstrDate) == ("QF2026030300000001", NEXT_DAY)
    assert (own.PayAcctType, own.PayAcct, own.TotalAmt, own.Count) == ("3", "", 8101, 3)
    # 80.00 by 10, 20 and 70 %; 0.01 goes to the county; 1.00 by 33.33 and 66.67 %.
    assert [(line.LineNo, line.BgtLevel, line.Amt) for line in own.DetailList] == [
        (1, "1", 800),
        (2, "2", 1600 + 33),
        (3, "4", 5600 + 1 + 67),
    ]
    county = own.DetailList[2]
    assert (county.RecAcctType, county.RecAcct) == ("5", "270000000320682003")
    assert (county.RecName, county.RecOpBkNo) == ("国家金库示例市支库", "011306500012")
    assert [line.Amt for line in other.DetailList] == [300_000]
    assert (account.PayAcctType, account.PayAcct) == ("9", CLEARING_ACCOUNT)
    assert account.PayAcctName == "待清分非税收入款项"
    assert [line.Amt for line in account.DetailList] == [100, 200, 700]
    rows = site.rows("outbox", "number = '5614'")
    assert {(row["money"], row["lane"], row["adm_div_code"]) for row in rows} == {
        (1, "5614", "320682")
    }
    journaled = [row["kind"] for row in site.rows("journal", "kind LIKE 'clearing.%'")]
    assert journaled.count("clearing.entered") == 2
    assert journaled.count("clearing.queued") == 3
    assert site.progress


async def test_a_run_again_does_nothing(site: Site) -> None:
    await site.pay((LAND_FEE, 8000))
    await site.run()
    tables = ("clearing_entries", "clearing_parts", "journal")
    before = [site.rows(table) for table in tables]
    again = await site.run()
    assert (again.entered, again.refunds, again.instructions) == (0, 0, [])
    assert before == [
        site.rows(table) for table in ("clearing_entries", "clearing_parts", "journal")
    ]
    # A payment of that day that came late is cleared by the next run for it, alone.
    await site.pay((LAND_FEE, 500))
    late = await site.run()
    assert (late.entered, late.amt, [one.total for one in late.instructions]) == (1, 500, [500])


async def test_only_the_day_and_node_asked_for(site: Site) -> None:
    await site.pay((LAND_FEE, 1000))
    await site.pay((LAND_FEE, 2000), cfm_date=NEXT_DAY)
    await site.pay((LAND_FEE, 4000), src=OTHER)
    assert [one.total for one in (await site.run(DAY, BANK)).instructions] == [1000]
    assert [one.total for one in (await site.run(NEXT_DAY)).instructions] == [2000]
    assert [one.total for one in (await site.run(DAY)).instructions] == [4000]


async def test_pages_follow_each_other(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entering, "PAGE", 2)
    paid = [await site.pay((LAND_FEE, 100)) for _ in range(5)]
    for payment in paid:
        await site.refund(payment, 10)
    report = await site.run()
    assert (report.entered, report.refunds) == (5, 5)
    assert [one.total for one in report.instructions] == [450]
    for payment in paid:
        await site.refund(payment, 5)
    await site.pay((LAND_FEE, 1000))
    again = await site.run()
    assert (again.entered, again.refunds) == (1, 5)
    assert [one.total for one in again.instructions] == [1000 - 25]


# -- what never enters ----------------------------------------------------------------------------


async def test_what_is_not_to_be_cleared_stays_out(site: Site) -> None:
    effective = await site.pay((LAND_FEE, 8000), rec_acct_type="1", rec_acct="32001000000000000018")
    for kind in ("2", "4", "5", "6", "9"):
        await site.pay((LAND_FEE, 100), rec_acct_type=kind, rec_acct="1")
    # What the platform clears, on whatever account.
    await site.pay((LAND_FEE, 100), src=PLATFORM)
    await site.pay((LAND_FEE, 100), src=PLATFORM, rec_acct_type="9", rec_acct=CLEARING_ACCOUNT)
    report = await site.run()
    assert (report.entered, report.left_out, site.orders()) == (0, [], [])
    assert effective.duplicate == 0
    assert site.rows("clearing_entries") == []


async def test_duplicates_and_their_refunds_never_enter(site: Site) -> None:
    first = await site.pay((LAND_FEE, 8000))

    second = replace(first, id=0, tra_no_bus="T9", duplicate=1)
    number = await site.store.transact(partial(payments.insert, payment=second))
    duplicate = replace(second, id=number)
    await site.refund(duplicate, 8000, kind=1)
    report = await site.run()
    assert (report.entered, report.refunds, report.amt) == (1, 0, 8000)

    async def smuggle(tx: Transaction) -> None:
        await clearing.enter(tx, Entry(0, 1, duplicate.id, "", 8000, 1), [])

    with pytest.raises(ConstraintViolated):
        await site.store.transact(smuggle)


@pytest.mark.parametrize("wait_for", ["reconciliation", "arrival"])
async def test_what_is_not_ready_waits(site: Site, wait_for: str) -> None:
    payment = await site.pay((LAND_FEE, 8000))
    report = await site.run(wait_for=wait_for)
    assert (report.entered, report.not_ready, report.left_out) == (0, 1, [])

    async def note(tx: Transaction) -> None:
        if wait_for == "arrival":
            await funds.arrived(tx, payment.id, NEXT_DAY, None)
        else:
            await funds.reconciled(tx, payment.id, DAY)

    await site.store.transact(note)
    other = "arrival" if wait_for == "reconciliation" else "reconciliation"
    assert (await site.run(wait_for=other)).not_ready == 1
    assert (await site.run(wait_for=wait_for)).entered == 1


# -- rules ----------------------------------------------------------------------------------------


async def test_the_rule_of_the_cfm_date_applies(site: Site) -> None:
    await site.rule(RECLAIM, ("county", 10_000), start=NEXT_DAY)
    await site.pay((RECLAIM, 100))
    await site.pay((RECLAIM, 100), cfm_date=NEXT_DAY)
    [old] = (await site.run(DAY)).instructions
    [new] = (await site.run(NEXT_DAY)).instructions
    assert site.lines(old.instr_no) == {"province": 33, "county": 67}
    assert site.lines(new.instr_no) == {"county": 100}


async def test_late_fees_are_spread_or_have_an_item(site: Site) -> None:
    await site.pay((RECLAIM, 300), (TUITION, 500), delay=10)
    [spread] = (await site.run()).instructions
    # 3.75 and 6.25 of the fee: 304 in thirds, 506.
    assert site.lines(spread.instr_no) == {"province": 101, "county": 203 + 506}
    await site.store.transact(
        lambda tx: catalogue.set_delay_item(tx, LAND_FEE, actor="maker1", at=1)
    )
    await site.pay((TUITION, 500), delay=10)
    [own] = (await site.run()).instructions
    assert site.lines(own.instr_no) == {"central": 1, "province": 2, "county": 500 + 7}


async def test_a_payment_without_a_usable_rule_is_left_out_with_its_reason(site: Site) -> None:
    await site.rule(TUITION, ("county", 10_000), start="20200101", stop="20260301")
    ended = await site.pay((LAND_FEE, 100), (TUITION, 500))
    unknown = await site.pay(("999", 100))
    good = await site.pay((LAND_FEE, 100))
    report = await site.run()
    assert [(one.pay_code, one.reason) for one in report.left_out] == [
        (ended.pay_code, f"item {TUITION}: no sharing rule holds on {DAY}"),
        (unknown.pay_code, f"item 999: no sharing rule holds on {DAY}"),
    ]
    assert (report.entered, report.amt) == (1, good.amt)
    # Put right, it enters by the next run.
    await site.rule(TUITION, ("county", 10_000), start="20200101")
    again = await site.run()
    assert (again.entered, again.amt, len(again.left_out)) == (1, 600, 1)


async def test_an_inconsistent_rule_or_bill_is_left_out(site: Site) -> None:
    async def damage(tx: Transaction) -> None:
        await tx.run("UPDATE shares SET parts = 999 WHERE item_code = ?1 AND line = 1", LAND_FEE)

    await site.store.transact(damage)
    await site.pay((LAND_FEE, 100))
    county = await site.store.read(partial(catalogue.target, code="county"))
    assert isinstance(county, Target)
    await site.catalogue(replace(county, stop_date=DAY))
    await site.pay((TUITION, 100))
    await site.pay((RECLAIM, 100), amt=101)
    report = await site.run()
    assert [one.reason for one in report.left_out] == [
        f"item {LAND_FEE}: the parts of the sharing rule add up to 9999, not 10000",
        f"item {TUITION}: target county is not in force",
        "the payment is not of the bill's amount",
    ]
    assert report.entered == 0


async def test_money_that_nobody_can_be_instructed_for_is_left_out(site: Site) -> None:
    bank = await site.store.read(partial(catalogue.clearing_bank, node=CLEARER))
    assert isinstance(bank, ClearingBank)
    await site.catalogue(replace(bank, stop_date=DAY))
    await site.pay((LAND_FEE, 100), rec_acct_type="9", rec_acct=CLEARING_ACCOUNT)
    await site.pay((LAND_FEE, 100), src="D3206820999")
    report = await site.run()
    assert [(one.node, one.reason) for one in report.left_out] == [
        (BANK, "no clearing bank that we know holds the account ****0034"),
        ("D3206820999", "its payments wait: the node is not in the configuration"),
    ]


# -- whole or nothing -----------------------------------------------------------------------------


async def test_a_run_that_dies_leaves_whole_steps_and_goes_on(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    await site.pay((LAND_FEE, 8000))
    await site.pay((LAND_FEE, 1000), src=OTHER)

    class Killed(Exception):
        pass

    issue = Instructing._issue

    async def dies(self: Instructing, tx: Transaction, made: Instruction, *rest: Any) -> None:
        if made.node == OTHER:
            raise Killed  # number, lines and bound parts are written by now
        await issue(self, tx, made, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(Instructing, "_issue", dies)
        with pytest.raises(Killed):
            await site.run()
    assert [one.TotalAmt for one in site.orders()] == [8000]
    site.check_books()
    assert site.waiting() == {"central": 100, "province": 200, "county": 700}
    again = await site.run()
    assert (again.entered, [one.total for one in again.instructions]) == (0, [1000])


async def test_what_cannot_be_written_waits_and_takes_no_number(site: Site) -> None:
    county = await site.store.read(partial(catalogue.target, code="county"))
    assert isinstance(county, Target)
    await site.catalogue(replace(county, name="国家金库𠮷支库"))
    await site.pay((LAND_FEE, 8000))
    report = await site.run()
    assert report.instructions == []
    [left] = report.left_out
    assert "GBK" in left.reason
    assert site.waiting() == {"central": 800, "province": 1600, "county": 5600}
    await site.catalogue(county)
    assert [one.instr_no for one in (await site.run()).instructions] == ["QF2026030300000001"]


async def test_a_target_that_ended_meanwhile_waits(site: Site) -> None:
    cleared = await site.pay((TUITION, 1000))
    await site.run()
    await site.refund(cleared, 900)
    await site.pay((RECLAIM, 600), cfm_date=NEXT_DAY)
    assert (await site.run(NEXT_DAY)).carried
    province = await site.store.read(partial(catalogue.target, code="province"))
    assert isinstance(province, Target)
    await site.catalogue(replace(province, stop_date=DAY))
    await site.pay((TUITION, 1000), cfm_date="20260304")
    report = await site.run("20260304")
    assert [left.reason for left in report.left_out] == [
        "target province is not in force: what is due to it waits"
    ]
    assert [one.total for one in report.instructions] == [500]
    assert site.waiting() == {"province": 200}


def test_reports_add_up() -> None:
    report = runs.Report(DAY)
    report.add(entering.Page(2, 1, 300, 4, ("a",), (), None))
    report.add(entering.Page(1, 0, 100, 0, ("a", "b"), (), None))
    assert (report.entered, report.refunds, report.amt, report.not_ready) == (3, 1, 400, 4)
    assert report.held == {"a", "b"}
