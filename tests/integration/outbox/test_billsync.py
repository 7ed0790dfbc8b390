"""5954: the platform is told of new, changed and void bills, in packs and once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from nontax.gateway.billsync import BillSync, Pushed, push
from nontax.gateway.store import bill_sync, bills, catalogue, outbox
from nontax.gateway.store.entries import Account
from nontax.messages.basedata import BillSync as Pack

from .conftest import ScriptedPeer, World, make_bill

PLATFORM = "G000001"


@pytest.fixture
async def platform() -> AsyncIterator[ScriptedPeer]:
    peer = ScriptedPeer(code=PLATFORM)
    await peer.start()
    yield peer
    await peer.stop()


@pytest.fixture
async def told(worlds: Callable[..., Awaitable[World]], platform: ScriptedPeer) -> World:
    """A gateway whose platform is told of bills."""
    return await worlds({PLATFORM: platform.port}, more="sync_bills = true")


def sync(world: World, pack_size: int = 3) -> BillSync:
    return BillSync(
        store=world.store,
        peers=world.peers,
        enqueuer=world.enqueuer,
        clock=world.clock,
        log=world.log,
        wakeup=world.wakeup,
        pack_size=pack_size,
    )


def code(number: int) -> str:
    return f"3206822600000{number:07d}"


async def make_bills(world: World, numbers: range, *, note: bool = True, **changes: Any) -> None:
    async def work(tx: Any) -> None:
        for number in numbers:
            facts = {"rec_acct": "32001", "rec_acct_type": "1", "rec_name": "财政局"} | changes
            facts |= {"rec_op_bk": "示例银行", "rec_bank_no": "0105"}
            await bills.insert(tx, make_bill(1, code(number), **facts), [])
        if note:
            await bill_sync.note(tx, (PLATFORM,), [code(number) for number in numbers], 1)

    await world.store.transact(work)


async def packs(world: World) -> list[Pack]:
    rows = await world.store.scan(lambda tx: outbox.page(tx, limit=10_000))
    return [Pack.read(row.voucher.encode("gbk")) for row in rows]


async def test_changes_go_in_packs_and_leave_the_notes(told: World, platform: ScriptedPeer) -> None:
    await make_bills(told, range(8))
    assert await sync(told).push_changes() == Pushed(bills=8, packs=3)
    assert await told.store.read(bill_sync.peers) == {}
    found = await packs(told)
    assert [len(pack.BillList) for pack in found] == [3, 3, 2]
    assert [bill.PayCode for pack in found for bill in pack.BillList] == [
        code(number) for number in range(8)
    ]
    # Two packs a transaction make a batch; the rest is another one.
    assert [(pack.PackNo, pack.PackCount) for pack in found] == [(1, 2), (2, 2), (1, 1)]
    assert {pack.SyncMode for pack in found} == {"2"}
    assert len({pack.BatchNo for pack in found}) == 2
    await told.deliverer().deliver_due()
    assert [got.number for got in platform.received] == ["5954"] * 3
    assert await sync(told).push_changes() == Pushed()


async def test_a_bill_is_told_as_it_is_when_it_is_queued(told: World) -> None:
    await make_bills(told, range(1), crc_code="1234", mobile="13000000000", face_to_face=1)
    await told.store.transact(
        lambda tx: bills.set_state(tx, code(0), expected="unpaid", state="void", changed_at=2)
    )
    await sync(told).push_changes()
    ((bill,),) = [pack.BillList for pack in await packs(told)]
    assert (bill.PayStats, bill.CrcCode, bill.MobilePhone) == ("2", "1234", "13000000000")
    assert (bill.FaceToFace, bill.Amt, bill.RecAcct) == ("1", 8000, "32001")


async def test_full_tells_every_unpaid_bill(told: World) -> None:
    await make_bills(told, range(5), note=False)
    await make_bills(told, range(5, 7))
    await make_bills(told, range(7, 8), note=False, region="320600")
    await told.store.transact(
        lambda tx: bills.set_state(tx, code(0), expected="unpaid", state="void", changed_at=2)
    )
    assert await sync(told, 2).push_full() == Pushed(bills=6, packs=3)
    found = await packs(told)
    assert {pack.SyncMode for pack in found} == {"1"}
    assert [(pack.PackNo, pack.PackCount) for pack in found] == [(1, 3), (2, 3), (3, 3)]
    assert len({pack.BatchNo for pack in found}) == 1
    # What was noted is told with it.
    assert await told.store.read(bill_sync.peers) == {}


async def test_two_processes_tell_of_a_change_once(told: World) -> None:
    await make_bills(told, range(20))
    done = await asyncio.gather(*(sync(told).push_changes() for _ in range(3)))
    assert sum(pushed.bills for pushed in done) == 20
    codes = [bill.PayCode for pack in await packs(told) for bill in pack.BillList]
    assert sorted(codes) == [code(number) for number in range(20)]


async def test_a_bill_without_an_account_waits_for_one(told: World) -> None:
    await make_bills(told, range(2), rec_acct="", rec_acct_type="")
    syncing = sync(told)
    assert await syncing.push_changes() == Pushed(left_out=2)
    assert await syncing.push_changes() == Pushed(left_out=2)
    assert await packs(told) == []
    assert len(told.events("bills_synchronised")) == 1
    account = Account(
        acct_no="32001000000000000018",
        region="320682",
        purpose="collection",
        start_date="20200101",
        name="示例市财政局",
        bank_code="0105",
        bank_no="0105",
        bank_name="示例银行",
        is_default=1,
    )
    await told.store.transact(lambda tx: catalogue.put(tx, account, actor="maker1", at=1))
    assert await syncing.push_changes() == Pushed(bills=2, packs=1)


async def test_a_command_pushes_without_a_service(told: World) -> None:
    await make_bills(told, range(2))
    facts = (told.config, told.store, told.clock, told.log)
    assert await push(*facts, full=False, process=1) == Pushed(bills=2, packs=1)
    assert await push(*facts, full=True, process=2) == Pushed(bills=2, packs=1)
    assert [pack.SyncMode for pack in await packs(told)] == ["2", "1"]


async def test_nobody_is_told_who_is_not_to_be(
    worlds: Callable[..., Awaitable[World]], platform: ScriptedPeer
) -> None:
    world = await worlds({PLATFORM: platform.port})
    await make_bills(world, range(2))
    assert await sync(world).push_changes() == Pushed()
    assert await sync(world).push_full() == Pushed()


async def test_the_task_pushes_when_woken_and_stops(told: World, platform: ScriptedPeer) -> None:
    syncing, deliverer = sync(told), told.deliverer()
    running = [asyncio.create_task(syncing.run()), asyncio.create_task(deliverer.run())]
    await make_bills(told, range(1))
    told.wakeup.wake(())
    await platform.wait_for(1)
    await make_bills(told, range(1, 2))
    told.wakeup.wake(())
    await platform.wait_for(2)
    await asyncio.gather(syncing.stop(), deliverer.stop())
    await asyncio.gather(*running)
    assert await told.store.read(outbox.state_counts) == {"succeeded": 2}
