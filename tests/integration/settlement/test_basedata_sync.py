"""Telling nodes by itself when the catalogue changes, with one process and with several."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from nontax.gateway.basedata.sync import CatalogueSync
from nontax.gateway.clock import SystemClock
from nontax.gateway.store import catalogue
from nontax.gateway.store.entries import Unit
from nontax.simulators.process import nontax_command

from ..flows.conftest import BANK, OTHER, PLATFORM, REGION, Offices
from .telling import ACCOUNTS, Telling, account, telling

TOLD = {"sync_catalogue": True}


@pytest.fixture
async def site(offices: Offices) -> AsyncIterator[Telling]:
    """A bank and the platform are told by themselves, the other bank is not."""
    async with telling(offices, {BANK: TOLD, PLATFORM: TOLD | {"sync_bills": False}}) as made:
        yield made


def sync(site: Telling) -> CatalogueSync:
    gateway = site.office.gateway
    return CatalogueSync(
        data=site.data(),
        store=gateway.store,
        clock=site.office.clock,
        log=gateway.log,
        wakeup=gateway.wakeup,
    )


async def alone(site: Telling) -> CatalogueSync:
    """A task in our hands that has looked once; the gateway's own has ended."""
    gateway = site.office.gateway
    await gateway.catalogue_sync.stop()
    await asyncio.gather(*(t for t in gateway._tasks if t.get_name() == "catalogue-sync"))
    looking = sync(site)
    await looking.look()
    assert batches(site) == EVERYTHING
    await site.deliver()
    return looking


def batches(site: Telling, **wanted: object) -> list[tuple[str, str, str, int]]:
    rows = site.office.books.rows("base_data_batches", **wanted)
    return [(row["peer"], row["kind"], row["mode"], row["entries"]) for row in rows]


EVERYTHING = [
    (BANK, "regions", "full", 1),
    (BANK, "accounts", "full", 5),
    (BANK, "unit-accounts", "full", 1),
    (PLATFORM, "units", "full", 3),
    (PLATFORM, "items", "full", 3),
    (PLATFORM, "accounts", "full", 5),
    (PLATFORM, "clearing-banks", "full", 1),
]


async def test_everything_is_told_once_by_the_running_service(site: Telling) -> None:
    for code, number, count in ((BANK, "5953", 1), (BANK, "5952", 3), (PLATFORM, "5955", 8)):
        await site.office.nodes[code].wait_for(number, count)
    assert batches(site) == EVERYTHING
    assert {row["made_by"] for row in site.office.books.rows("base_data_batches")} == {"gateway"}
    assert site.told(OTHER, "5952") == []
    site.office.gateway.wakeup.wake(())
    assert await sync(site).look() == 0


async def test_a_change_is_told_when_it_is_noticed(site: Telling) -> None:
    await site.office.nodes[PLATFORM].wait_for("5955", 8)
    await site.change(Unit("0900", "新单位", REGION, "20260101"))
    site.office.gateway.wakeup.wake(())
    await site.office.nodes[PLATFORM].wait_for("5955", 9)
    assert batches(site)[len(EVERYTHING) :] == [(PLATFORM, "units", "changes", 1)]


async def test_two_tasks_tell_of_a_change_once(site: Telling) -> None:
    await alone(site)
    await site.change(account("1000"), Unit("0900", "新单位", REGION, "20260101"))
    await asyncio.gather(*(sync(site).look() for _ in range(4)))
    assert sorted(batches(site)[len(EVERYTHING) :]) == [
        (BANK, "accounts", "full", 6),
        (PLATFORM, "accounts", "changes", 1),
        (PLATFORM, "units", "changes", 1),
    ]


async def test_a_second_process_tells_nothing_twice(site: Telling) -> None:
    await site.office.nodes[PLATFORM].wait_for("5955", 8)
    await site.office.start()
    await site.change(Unit("0900", "新单位", REGION, "20260101"))
    for gateway in site.office.gateways:
        gateway.wakeup.wake(())
    await site.office.nodes[PLATFORM].wait_for("5955", 9)
    assert await sync(site).look() == 0
    assert len(batches(site)) == len(EVERYTHING) + 1


async def test_what_was_refused_waits_for_a_change_or_a_command(site: Telling) -> None:
    looking = await alone(site)
    site.answers[PLATFORM] = ["10002"]
    await site.change(Unit("0900", "新单位", REGION, "20260101"))
    assert await looking.look() == 1
    await site.deliver()
    [*_, last] = site.office.books.rows("base_data_batches", kind="units")
    assert last["state"] == "failed"
    site.office.tomorrow()
    assert await looking.look() == 0
    # A change of something else is told alone: who refused is not asked again by itself.
    await site.change(Unit("0901", "又一单位", REGION, "20260101"))
    assert await looking.look() == 1
    assert batches(site, kind="units")[-1] == (PLATFORM, "units", "changes", 1)


async def test_a_new_day_is_looked_at(site: Telling) -> None:
    """An account is called otherwise from tomorrow on."""
    looking = await alone(site)
    await site.change(
        account(ACCOUNTS[0], stop_date="20260302", is_default=1),
        account(ACCOUNTS[0], start_date="20260303", name="示例市财政局(新)", is_default=1),
    )
    await looking.look()
    before = len(batches(site))
    assert await looking.look() == 0
    site.office.tomorrow()
    assert await looking.look() == 2
    assert len(batches(site)) == before + 2
    await site.deliver()
    [told] = [
        detail
        for pack in site.told(BANK, "5952")[-3:]
        for detail in pack.DetailList
        if detail.AcctNo == ACCOUNTS[0]
    ]
    assert (told.AcctName, told.StartDate, told.StopDate) == ("示例市财政局(新)", "20200101", "")


async def test_what_cannot_be_told_is_said_once_and_holds_up_nothing_else(site: Telling) -> None:
    looking = await alone(site)
    await site.change(Unit("0900", "𠮷祥所", REGION, "20260101"), account("1000"))
    assert await looking.look() == 2
    await site.change(account("2000"))
    assert await looking.look() == 2
    lines = [json.loads(line) for line in site.office.stream.getvalue().splitlines()]
    own = [line for line in lines if line["event"] == "base_data_refused"]
    assert {(line["kind"], line["level"]) for line in own} == {("units", "warning")}
    assert len(own) == 1
    assert "U+20BB7" in own[0]["reason"]
    assert [batch for batch in batches(site) if batch[1] == "units"] == [
        (PLATFORM, "units", "full", 3)
    ]
    await site.change(Unit("0900", "吉祥所", REGION, "20260101"))
    assert await looking.look() == 1


async def test_nobody_is_told_by_itself_unless_the_setting_says_so(offices: Offices) -> None:
    async with telling(offices) as site:
        assert await sync(site).look() == 0
        assert batches(site) == []


async def test_commands_at_the_same_time_tell_once(offices: Offices) -> None:
    """Two operators push at once; the service delivers what one of them queued."""
    async with telling(offices) as site:
        words = site.office.installation.command("catalogue", "push")
        processes = [
            await asyncio.create_subprocess_exec(*nontax_command(), *words) for _ in range(2)
        ]
        assert [await process.wait() for process in processes] == [0, 0]
        assert len(batches(site)) == len({batch[:2] for batch in batches(site)}) == 9
        site.office.clock.set(SystemClock().now_ms())  # the commands have the machine's
        await site.deliver()
        assert len(site.told(BANK, "5952")) == 3


@pytest.mark.crash
@pytest.mark.parametrize("queued", [0, 1, 3])
async def test_a_killed_push_leaves_whole_batches(offices: Offices, queued: int) -> None:
    async with telling(offices) as site:

        async def many(tx: catalogue.Transaction) -> None:
            for number in range(3000):
                entry = Unit(f"8{number:05d}", f"单位{number}", REGION, "20260101")
                await catalogue.put(tx, entry, actor="maker1", at=1)

        await site.office.transact(many)
        words = site.office.installation.command("catalogue", "push")
        process = await asyncio.create_subprocess_exec(*nontax_command(), *words)
        while process.returncode is None:
            if len(batches(site)) > queued:
                break
            await asyncio.sleep(0)
        if process.returncode is None:
            process.kill()
        await process.wait()
        for row in site.office.books.rows("base_data_batches"):
            packs = site.office.books.rows("base_data_packs", batch_id=row["id"])
            lines = site.office.books.rows("base_data_lines", batch_id=row["id"])
            messages = site.office.books.rows("outbox", subject=row["batch_no"])
            assert len(packs) == len(messages) == row["packs"]
            assert len(lines) == row["entries"]
        again = await asyncio.create_subprocess_exec(*nontax_command(), *words)
        assert await again.wait() == 0
        assert len(batches(site)) == len({batch[:2] for batch in batches(site)}) == 9
