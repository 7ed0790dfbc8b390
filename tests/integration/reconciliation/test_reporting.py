"""Reports of real runs: what the run told is what the report says, by command and by schedule."""

from __future__ import annotations

import asyncio
import io
from dataclasses import replace
from pathlib import Path

import pytest

from nontax.gateway.observe.log import Log
from nontax.gateway.reconciliation.parts import DayOutcome
from nontax.gateway.reconciliation.reporting import ReportParts, gather, reporter
from nontax.gateway.reconciliation.serving import make_keeper
from nontax.reconcile.report import RunReport, as_json, html_page
from nontax.reconcile.sides import ScopeTotals

from ..flows.conftest import ACCOUNT, BANK, OTHER, PLATFORM, TODAY, Office, office, offices
from .desk import Desk

__all__ = ["office", "offices"]


@pytest.fixture
def desk(office: Office) -> Desk:
    return Desk(office)


def parts_of(desk: Desk) -> ReportParts:
    gateway = desk.office.gateway
    node = gateway.config.node
    return ReportParts(gateway.store, gateway.peers, node.code, node.name)


async def report_of(desk: Desk, node: str | None = None) -> RunReport:
    return await gather(parts_of(desk), TODAY, node, now_ms=desk.office.clock.now_ms())


def assert_same(report: RunReport, outcome: DayOutcome) -> None:
    """The report says what the run told: totals, numbers of rows, what is open."""
    told = {
        (one.node, statement): totals
        for one in outcome.nodes
        for statement, totals in one.totals.items()
        if totals
    }
    said: dict[tuple[str, str], tuple[ScopeTotals, ...]] = {}
    for line in report.scopes:
        if line.delivered:
            known = said.get((line.node, line.statement), ())
            one = ScopeTotals(line.scope, line.ours, line.theirs, line.matched)
            said[line.node, line.statement] = (*known, one)
    assert said == told
    counted = sum(count.number for one in outcome.nodes for count in one.counts)
    assert len(report.rows) == counted
    assert report.states()["open"] == outcome.open
    assert report.states()["repaired"] == sum(one.repaired for one in outcome.nodes)


async def test_a_day_that_agrees_is_closed(desk: Desk) -> None:
    one, two = await desk.paid("T1"), await desk.paid("T2", 1250)
    await desk.lists(desk.line(two, "T2", 1250), desk.line(one, "T1"))
    await desk.lists_funds(desk.funds_line("T1"), desk.funds_line("T2", 1250))
    outcome = await desk.run(None)
    report = await report_of(desk)
    assert_same(report, outcome)
    assert report.closed == (outcome.exit_code == 0)
    assert report.closed
    payments = report.totals("2555")
    assert payments is not None
    assert payments.equal
    assert sum(hour.count for hour in report.hours) == 2
    states = {node.code: (node.state, node.silent, node.merged) for node in report.header.nodes}
    assert states[BANK] == ("done", False, False)
    assert states[OTHER] == ("", True, False)
    assert states[PLATFORM] == ("", False, True)


async def test_differences_repairs_and_decisions_are_told(desk: Desk) -> None:
    one = await desk.paid("T1")
    await desk.paid("T2")
    unpaid = await desk.office.bill(amt=8000)
    await desk.lists(desk.line(one, "T1", 8100), desk.line(unpaid, "T3"))
    outcome = await desk.run(None)
    report = await report_of(desk)
    assert_same(report, outcome)
    assert not report.closed
    rows = {row.kind.value: row for row in report.rows}
    assert (rows["amount"].ours_amt, rows["amount"].theirs_amt) == (8000, 8100)
    repaired = rows["bank_only"]
    assert repaired.state == "repaired"
    assert repaired.last is not None
    assert repaired.last.reference.startswith("payment:")
    await desk.decide(rows["amount"].id, "accept")
    again = await report_of(desk)
    assert again.states()["open"] == report.states()["open"] - 1
    last = next(row for row in again.rows if row.kind == "amount").last
    assert last is not None
    assert (last.action, last.actor) == ("accept", "maker1")


async def test_the_page_has_no_account_in_full(desk: Desk) -> None:
    paid, unpaid = await desk.paid("T1"), await desk.office.bill(amt=8000)
    other = "32003000000000000026"
    await desk.lists(
        desk.line(paid, "T1", RecAcct=other),
        desk.line(unpaid, "T2", RecAcct="32009999999999990077"),
    )
    await desk.run(None)
    report = await report_of(desk)
    rows = {row.kind.value: row for row in report.rows}
    [field] = [one for one in rows["account"].fields if one.tag == "RecAcct"]
    assert (field.ours, field.theirs) == ("****" + ACCOUNT[-4:], "****0026")
    assert rows["bill_account"].reason.endswith("账号****0077")
    page = html_page(report)
    assert not [account for account in (ACCOUNT, other, "32009999999999990077") if account in page]


async def test_a_list_that_has_not_come_is_named(desk: Desk) -> None:
    await desk.paid("T1")
    outcome = await desk.run(None)
    report = await report_of(desk)
    assert_same(report, outcome)
    assert outcome.exit_code == 1
    assert not report.closed
    [line] = report.scopes
    assert (line.node, line.label, line.delivered) == (BANK, "11 柜台缴款", False)
    assert (line.ours.count, line.ours.amt) == (1, 8000)
    [late] = report.undelivered
    assert (late.code, late.missing) == (BANK, ("11 柜台缴款",))


async def test_money_that_has_not_arrived_is_in_transit(desk: Desk) -> None:
    one, two = await desk.paid("T1"), await desk.paid("T2", 1250)
    await desk.lists(desk.line(one, "T1"), desk.line(two, "T2", 1250))
    await desk.lists_funds(desk.funds_line("T1"))
    await desk.run(None)
    report = await report_of(desk)
    [missing] = report.transit
    assert (missing.node, missing.source, missing.number) == (BANK, "funds", two)
    assert (missing.amt, missing.scope, missing.age) == (1250, "****" + ACCOUNT[-4:], 1)


async def test_the_schedule_writes_the_day(desk: Desk, tmp_path: Path) -> None:
    one = await desk.paid("T1")
    await desk.lists(desk.line(one, "T1"))
    desk.office.tomorrow()
    gateway, clock = desk.office.gateway, desk.office.clock
    rules = gateway.config.reconciliation.model_copy(update={"schedule": "00:00"})
    config = gateway.config.model_copy(update={"reconciliation": rules})
    parts = replace(desk.parts, log=Log(io.StringIO(), clock.now_ms))
    keeper = make_keeper(config, parts, reporter(parts_of(desk), tmp_path / "r", clock))
    assert keeper is not None
    assert TODAY in await keeper.once()
    names = sorted(file.name for file in await asyncio.to_thread(list, (tmp_path / "r").iterdir()))
    assert names == [f"reconcile-{TODAY}.{kind}" for kind in ("csv", "html", "json")]
    report = await report_of(desk)
    written = (tmp_path / "r" / f"reconcile-{TODAY}.json").read_text("utf-8")
    assert f'"generated_at": "{as_json(report)["generated_at"]}"' in written
    assert "账已对平" in (tmp_path / "r" / f"reconcile-{TODAY}.html").read_text("utf-8")
