"""The schedule: which dates, when, once, whatever goes wrong. The clock is in our hands."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from nontax.gateway.clock import CIVIL, ManualClock, ms_from_civil
from nontax.gateway.observe.log import Log
from nontax.gateway.reconciliation.schedule import LEASE, Plan, ReconciliationKeeper, Told
from nontax.gateway.store import (
    Store,
    StoreBusy,
    bills,
    open_store,
    payments,
    reconduties,
    reconleases,
    statements,
)
from nontax.gateway.store.protocol import Transaction
from nontax.gateway.store.records import Bill, Channel, Payment
from nontax.gateway.store.statements import StatementBatch
from nontax.gateway.workdays import Workdays

# Monday 2 March to Sunday 8 March 2026 is an ordinary week.
MON, TUE, WED, THU, FRI, SAT, SUN = (f"2026030{day}" for day in range(2, 9))
NEXT_MON, NEXT_TUE = "20260309", "20260310"
WEEK_BEFORE = [f"202602{day}" for day in (23, 24, 25, 26, 27, 28)] + ["20260301"]
FINE = Told(finished=True, ran=True)


def at(day: str, hour: int = 6, minute: int = 30) -> datetime:
    return datetime.strptime(day, "%Y%m%d").replace(hour=hour, minute=minute, tzinfo=CIVIL)


@dataclass
class Site:
    """A store, a clock, and keepers whose runs are noted; what a run does is told by `doing`."""

    store: Store
    clock: ManualClock
    stream: io.StringIO = field(default_factory=io.StringIO)
    ran: list[str] = field(default_factory=list)
    doing: dict[str, Told | Exception] = field(default_factory=dict)
    during: Callable[[str], Awaitable[None]] | None = None

    def keeper(self, owner: str = "one", *, back: int = 7, rest: str = "") -> ReconciliationKeeper:
        workdays = Workdays.parse(rest)
        return ReconciliationKeeper(
            store=self.store,
            plan=Plan("06:30", workdays, back),
            reconcile=self._reconcile,
            owner=owner,
            clock=self.clock,
            log=Log(self.stream, self.clock.now_ms),
            every_seconds=0.001,
        )

    async def _reconcile(self, date: str) -> Told:
        self.ran.append(date)
        if self.during is not None:
            await self.during(date)
        told = self.doing.get(date, FINE)
        if isinstance(told, Exception):
            raise told
        return told

    def set(self, day: str, hour: int = 6, minute: int = 30) -> None:
        self.clock.set(ms_from_civil(at(day, hour, minute)))

    async def done(self, day: str) -> None:
        """Everything up to a day was reconciled before."""
        await self.store.transact(partial(reconduties.set_done_to, date=day))
        await self.store.transact(partial(reconduties.set_seen_payment, payment_id=0))

    async def done_to(self) -> str:
        return await self.store.read(reconduties.done_to)

    def logged(self, event: str) -> list[Mapping[str, Any]]:
        lines = [json.loads(line) for line in self.stream.getvalue().splitlines()]
        return [line for line in lines if line["event"] == event]

    async def pay(self, day: str, number: str, channel: Channel = "2612") -> None:
        bill = Bill(
            pay_code=number, region="320682", bill_date=day, unit_code="0104901", unit_name="",
            payer_name="", amt=1, ori_amt=1, delay_amt=0, source="cli", maker="", created_at=1,
            changed_at=1, state="paid",
        )  # fmt: skip
        payment = Payment(
            id=0, src="D3206820105", cfm_date=day, tra_no_bus=number, pay_code=number, amt=1,
            pay_mode="1", rec_acct_type="1", rec_acct="1", channel=channel, received_at=1,
        )  # fmt: skip

        async def work(tx: Transaction) -> None:
            await bills.insert(tx, bill, ())
            await payments.insert(tx, payment)

        await self.store.transact(work)

    async def list_came(self, day: str, scope: str = "1") -> int:
        batch = StatementBatch(
            id=0, kind="2555", src="D3206820105", check_date=day, scope=scope, acct_type="",
            batch_no="B1", pack_count=1, total_count=0, total_amt=0, begin_bal=None, in_amt=None,
            out_amt=None, end_bal=None, state="complete", origin="message", digest="d",
            received_at=1, changed_at=1,
        )  # fmt: skip
        written = await self.store.transact(partial(statements.insert_batch, batch=batch))
        assert written is not None
        return written


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    store = await open_store("sqlite:///books.db", tmp_path, create=True)
    clock = ManualClock(0)
    made = Site(store, clock)
    made.set(TUE)
    yield made
    await store.close()


# -- which dates ------------------------------------------------------------------------------


def plan(back: int = 1, rest: str = "") -> Plan:
    return Plan("06:30", Workdays.parse(rest), back)


@pytest.mark.parametrize(
    ("now", "dates"),
    [
        (at(TUE, 6, 29), []),
        (at(TUE, 6, 30), [MON]),
        (at(TUE, 23, 59), [MON]),
        (at(SAT), []),
        (at(SUN), []),
        (at(NEXT_MON), [FRI, SAT, SUN]),
    ],
)
def test_a_date_is_due_on_the_working_day_after_it(now: datetime, dates: list[str]) -> None:
    assert plan().dates(now) == dates


def test_all_days_of_long_holidays_are_due_after_them() -> None:
    # National Day 2026: 1 to 7 October are days of rest, the 10th is worked.
    holidays = "\n".join(f"2026-10-0{day}" for day in range(1, 8)) + "\n+2026-10-10\n"
    due = plan(2, holidays)
    assert due.dates(at("20261005")) == []
    assert due.dates(at("20261008")) == [
        "20260930", *(f"2026100{day}" for day in range(1, 8))
    ]  # fmt: skip
    assert due.dates(at("20261010")) == ["20261008", "20261009"]
    assert due.dates(at("20261011")) == []


def test_days_that_were_missed_are_caught_up_with() -> None:
    assert plan(3).dates(at(FRI)) == [TUE, WED, THU]


# -- once -------------------------------------------------------------------------------------


async def test_a_date_is_run_once(site: Site) -> None:
    await site.done("20260301")
    keeper = site.keeper()

    assert await keeper.once() == [MON]
    assert await keeper.once() == []
    site.set(WED, 5)
    assert await keeper.once() == []
    site.set(WED, 7)
    assert await keeper.once() == [TUE]

    assert site.ran == [MON, TUE]
    assert await site.done_to() == TUE
    assert [line["date"] for line in site.logged("reconciled")] == [MON, TUE]


async def test_another_process_does_not_repeat_it(site: Site) -> None:
    await site.done("20260301")

    assert await site.keeper("one").once() == [MON]
    assert await site.keeper("two").once() == []


async def test_the_first_time_looks_back_as_far_as_it_may(site: Site) -> None:
    assert await site.keeper().once() == [*WEEK_BEFORE[1:], MON]
    assert not site.logged("reconciliation_missed")


async def test_what_was_missed_is_caught_up_with(site: Site) -> None:
    await site.done("20260227")
    site.set(THU)

    assert await site.keeper().once() == ["20260228", "20260301", MON, TUE, WED]


async def test_what_is_too_far_back_is_said(site: Site) -> None:
    await site.done("20260220")
    keeper = site.keeper(back=3)

    await keeper.once()
    await keeper.once()

    [line] = site.logged("reconciliation_missed")
    assert (line["first"], line["last"]) == ("20260221", "20260227")
    assert site.ran == ["20260228", "20260301", MON]


# -- again ------------------------------------------------------------------------------------


async def test_a_late_list_makes_its_day_run_again(site: Site) -> None:
    await site.done("20260301")
    keeper = site.keeper()
    await keeper.once()
    await site.list_came(MON)

    assert await keeper.once() == []  # not at once: more may come
    site.clock.advance(seconds=600)
    assert await keeper.once() == [MON]
    site.clock.advance(seconds=600)
    assert await keeper.once() == []  # a list that no run can use is not tried for ever
    await site.list_came(MON, "2")
    assert await keeper.once() == [MON]


async def test_a_late_payment_makes_its_day_run_again(site: Site) -> None:
    await site.done("20260301")
    keeper = site.keeper()
    await keeper.once()
    site.clock.advance(seconds=600)
    await site.pay(TUE, "T1")  # today's: not due yet
    assert await keeper.once() == []
    await site.pay(MON, "T2")
    assert await keeper.once() == [MON]
    await site.pay(MON, "T3", "repair")  # reconciliation made it itself
    site.clock.advance(seconds=600)
    assert await keeper.once() == []


async def test_a_late_payment_is_seen_after_a_restart(site: Site) -> None:
    await site.done("20260301")
    await site.keeper().once()
    await site.pay(MON, "T1")

    assert await site.keeper("after the restart").once() == [MON]


# -- what goes wrong --------------------------------------------------------------------------


async def test_a_date_that_fails_is_tried_again_and_holds_up_no_other(site: Site) -> None:
    await site.done("20260228")
    site.doing[MON] = ValueError("a name")
    site.set(WED)
    keeper = site.keeper()

    assert await keeper.once() == ["20260301", MON, TUE]
    assert await site.done_to() == "20260301"
    [line] = site.logged("reconciliation_failed")
    assert (line["date"], line["error"]) == (MON, "ValueError")
    assert "a name" not in site.stream.getvalue()
    assert await keeper.once() == []

    del site.doing[MON]
    site.clock.advance(seconds=600)
    assert await keeper.once() == [MON, TUE]
    assert await site.done_to() == TUE


async def test_a_date_that_is_not_finished_is_tried_again(site: Site) -> None:
    await site.done("20260301")
    site.doing[MON] = Told(finished=False, ran=True, open=1)
    keeper = site.keeper()
    await keeper.once()

    site.clock.advance(seconds=600)
    assert await keeper.once() == [MON]
    assert [line["level"] for line in site.logged("reconciled")] == ["warning", "warning"]


async def test_the_service_goes_on_after_errors_of_the_store(site: Site) -> None:
    await site.done("20260301")
    keeper = site.keeper()
    calls = asyncio.Event()
    real, failures = site.store.scan, [StoreBusy("later")]

    async def scan(work: Any) -> Any:
        if failures:
            raise failures.pop()
        return await real(work)

    site.store.scan = scan  # type: ignore[method-assign] # a store that is busy once

    async def note(_: str) -> None:
        calls.set()

    site.during = note
    running = asyncio.create_task(keeper.run())
    await calls.wait()
    await keeper.stop()
    await running

    assert site.ran == [MON]
    assert [line["reason"] for line in site.logged("reconciliation_store")] == ["later"]


async def test_nothing_new_is_begun_after_stop(site: Site) -> None:
    await site.done("20260228")
    keeper = site.keeper()

    async def stop(_: str) -> None:
        await keeper.stop()

    site.during = stop
    assert await keeper.once() == ["20260301"]
    assert await site.done_to() == "20260301"


# -- several processes ------------------------------------------------------------------------


async def test_two_processes_share_the_lease(site: Site) -> None:
    await site.done("20260301")
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def wait(_: str) -> None:
        begun.set()
        await go_on.wait()

    site.during = wait
    first = asyncio.create_task(site.keeper("one").once())
    await begun.wait()

    assert await site.keeper("two").once() == []
    go_on.set()
    assert await first == [MON]
    assert site.ran == [MON]


async def test_the_lease_of_a_killed_process_ends(site: Site) -> None:
    await site.done("20260301")
    now = site.clock.now_ms()
    take = partial(reconleases.take_lease, name=LEASE, owner="dead", now=now, until=now + 60_000)
    assert await site.store.transact(take)
    keeper = site.keeper()

    assert await keeper.once() == []
    site.clock.advance(seconds=60)
    assert await keeper.once() == [MON]


async def test_a_cancelled_run_gives_its_lease_back(site: Site) -> None:
    await site.done("20260301")
    begun = asyncio.Event()

    async def wait(_: str) -> None:
        begun.set()
        await asyncio.Event().wait()

    site.during = wait
    running = asyncio.create_task(site.keeper("one").once())
    await begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    site.during = None
    assert await site.keeper("two").once() == [MON]
