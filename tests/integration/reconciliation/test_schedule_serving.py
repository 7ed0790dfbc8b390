"""The schedule of a whole gateway: real lists, real runs, real reports; several processes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nontax.gateway.clock import ms_from_civil
from nontax.gateway.reconciliation.schedule import ReconciliationKeeper

from ..flows.conftest import TODAY, TOMORROW, Office, Offices, offices
from .desk import Desk
from .test_schedule import at

__all__ = ["offices"]

SCHEDULED = {"reconciliation": {"schedule": "06:30"}}
WEDNESDAY = "20260304"


def keeper(office: Office, process: int = 0) -> ReconciliationKeeper:
    found = office.gateways[process].reconciliation
    assert found is not None
    return found


def logged(office: Office, event: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in office.stream.getvalue().splitlines()]
    return [line for line in lines if line["event"] == event]


def reports(office: Office) -> list[str]:
    folder: Path = office.config.reconciliation.reports
    return sorted(path.name for path in folder.glob("*")) if folder.exists() else []


def block_reports(office: Office) -> None:
    office.config.reconciliation.reports.write_text("a file stands in the way", "utf-8")


async def test_nothing_runs_by_itself_unless_it_is_asked_for(offices: Offices) -> None:
    office = await offices()
    assert office.gateway.reconciliation is None


async def test_a_day_is_reconciled_and_reported_in_the_morning(offices: Offices) -> None:
    office = await offices(SCHEDULED)
    desk = Desk(office)
    await desk.lists(desk.line(await desk.paid("T1"), "T1"))
    office.clock.set(ms_from_civil(at(TOMORROW, 6, 29)))
    assert await keeper(office).once() == []

    office.clock.set(ms_from_civil(at(TOMORROW, 6, 30)))
    assert (await keeper(office).once())[-1] == TODAY

    assert (desk.batch_states(), desk.results()) == (["reconciled"], ["1"])
    assert reports(office) == [f"reconcile-{TODAY}.{name}" for name in ("csv", "html", "json")]
    [line] = logged(office, "reconciled")
    assert (line["date"], line["open"], line["level"]) == (TODAY, 0, "info")
    assert await keeper(office).once() == []


async def test_a_list_that_comes_late_is_reconciled_when_it_is_there(offices: Offices) -> None:
    office = await offices(SCHEDULED)
    desk = Desk(office)
    pay_code = await desk.paid("T1")
    office.clock.set(ms_from_civil(at(TOMORROW)))
    await keeper(office).once()
    assert [row["kind"] for row in desk.rows(state="open")] == ["not_delivered"]
    [line] = logged(office, "reconciled")
    assert (line["open"], line["undelivered"], line["level"]) == (1, 1, "warning")

    await desk.lists(desk.line(pay_code, "T1"))
    office.clock.advance(seconds=600)
    assert await keeper(office).once() == [TODAY]

    assert desk.rows(state="open") == []
    assert desk.batch_states() == ["reconciled"]


async def test_two_processes_run_a_day_once(offices: Offices) -> None:
    office = await offices(SCHEDULED)
    desk = Desk(office)
    await desk.lists(desk.line(await desk.paid("T1"), "T1"))
    await office.start()
    office.clock.set(ms_from_civil(at(TOMORROW)))

    first = await keeper(office, 0).once()
    second = await keeper(office, 1).once()

    assert (first[-1], second) == (TODAY, [])
    assert len(office.books.rows("recon_runs", check_date=TODAY)) == 1
    assert desk.results() == ["1"]


async def test_a_day_that_somebody_runs_by_hand_is_left_to_him(offices: Offices) -> None:
    office = await offices(SCHEDULED)
    desk = Desk(office)
    await desk.lists(desk.line(await desk.paid("T1"), "T1"))
    office.clock.set(ms_from_civil(at(TOMORROW)))
    now = office.clock.now_ms()
    await office.transact(
        lambda tx: tx.run(
            "INSERT INTO recon_leases (name, owner, until) VALUES (?1, ?2, ?3)",
            f"reconcile:D3206820105:{TODAY}",
            "another-machine/7/x",
            now + 60_000,
        )
    )

    await keeper(office).once()
    [line] = logged(office, "reconciliation_failed")
    assert (line["node"], line["level"]) == ("D3206820105", "info")
    office.clock.advance(seconds=600)
    assert await keeper(office).once() == [TODAY]
    assert desk.batch_states() == ["reconciled"]


async def test_days_that_were_missed_are_made_up_for(offices: Offices) -> None:
    office = await offices(SCHEDULED)
    desk = Desk(office)
    await desk.lists(desk.line(await desk.paid("T1"), "T1"))
    office.clock.set(ms_from_civil(at(WEDNESDAY)))

    ran = await keeper(office).once()

    assert ran[-2:] == [TODAY, TOMORROW]
    assert desk.batch_states() == ["reconciled"]


@pytest.mark.parametrize(("days", "first"), [(1, "20260303"), (2, "20260302"), (5, "20260227")])
async def test_the_site_says_how_far_back(offices: Offices, days: int, first: str) -> None:
    office = await offices({"reconciliation": {"schedule": "06:30", "catch_up_days": days}})
    office.clock.set(ms_from_civil(at(WEDNESDAY)))
    assert (await keeper(office).once())[0] == first


async def test_reports_are_written_where_the_site_says(offices: Offices) -> None:
    office = await offices({"reconciliation": {"schedule": "06:30", "reports": "told/daily"}})
    desk = Desk(office)
    await desk.lists(desk.line(await desk.paid("T1"), "T1"))
    office.clock.set(ms_from_civil(at(TOMORROW)))
    await keeper(office).once()
    folder = office.installation.directory / "told" / "daily"
    assert len(list(folder.glob(f"reconcile-{TODAY}.*"))) == 3


async def test_a_day_that_cannot_be_run_waits_for_something_new(offices: Offices) -> None:
    office = await offices({"reconciliation": {"schedule": "06:30", "max_differences": 1}})
    desk = Desk(office)
    await desk.paid("T1")
    await desk.paid("T2")
    await desk.lists(desk.line(await desk.paid("T3"), "T3"))
    office.clock.set(ms_from_civil(at(TOMORROW)))
    await keeper(office).once()
    [line] = logged(office, "reconciliation_failed")
    assert (line["node"], line["level"]) == ("D3206820105", "error")

    office.clock.advance(seconds=600)
    assert await keeper(office).once() == []
    await desk.lists(PayMode="13")
    assert await keeper(office).once() == [TODAY]
    assert len(logged(office, "reconciliation_failed")) == 2


async def test_the_report_that_cannot_be_written_stops_nothing(offices: Offices) -> None:
    office = await offices(SCHEDULED)
    desk = Desk(office)
    await desk.lists(desk.line(await desk.paid("T1"), "T1"))
    block_reports(office)
    office.clock.set(ms_from_civil(at(TOMORROW)))

    await keeper(office).once()

    assert [line["date"] for line in logged(office, "reconciliation_report")] == [TODAY]
    assert desk.batch_states() == ["reconciled"]
    assert await keeper(office).once() == []
