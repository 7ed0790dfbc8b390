"""Restarts, crashes and several processes: each message is delivered, by one process at a time."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from nontax.gateway.store import outbox

from .conftest import BANK, UNIT, Behaviour, ScriptedPeer, Timing, World, make_notice

WORKER = Path(__file__).with_name("worker.py")
Worlds = Callable[..., Awaitable[World]]


async def begin(world: World) -> Process:
    """Start a delivering process and wait until it has begun."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(WORKER), str(world.file), stdin=PIPE, stdout=PIPE
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"delivering\n"
    return process


async def end(process: Process) -> None:
    """Stop a process gracefully."""
    assert process.stdin is not None
    process.stdin.close()
    assert await process.wait() == 0


def now_ms() -> int:
    return time.time_ns() // 1_000_000


async def test_two_processes_deliver_each_message_once(worlds: Worlds, unit: ScriptedPeer) -> None:
    world = await worlds({UNIT: unit.port}, Timing(poll=0.02))
    world.clock.set(now_ms())
    processes = [await begin(world) for _ in range(2)]
    for number in range(40):
        await world.queue(make_notice(f"T{number}"), UNIT, lane=str(number % 4))
    await unit.wait_for(40)
    for process in processes:
        await end(process)
    counted = Counter(got.head.msg_id for got in unit.received)
    assert len(counted) == 40
    assert set(counted.values()) == {1}
    for lane in range(4):
        sent = [
            int(got.voucher.split("<TraNoBus>T")[1].split("<")[0])
            for got in unit.received
            if int(got.voucher.split("<TraNoBus>T")[1].split("<")[0]) % 4 == lane
        ]
        assert sent == sorted(sent)
    assert await world.store.read(outbox.state_counts) == {"succeeded": 40}


async def test_a_killed_process_is_followed_after_its_lease(
    worlds: Worlds, bank: ScriptedPeer
) -> None:
    world = await worlds({BANK: bank.port}, Timing(answer=20, lease=60, poll=0.02))
    world.clock.set(now_ms())
    row_id = await world.queue_refund()
    bank.script = [Behaviour(silent=True), Behaviour()]
    process = await begin(world)
    await bank.wait_for(1)
    process.send_signal(signal.SIGKILL)
    await process.wait()
    row = await world.row(row_id)
    # It was durable that the message may have left before it left.
    assert (row.state, row.ever_sent, row.attempts) == ("sent", 1, 1)
    world.clock.set(now_ms())
    deliverer = world.deliverer()
    assert await deliverer.deliver_due() == 0
    world.clock.set(row.lease_until)
    assert await deliverer.deliver_due() == 1
    assert len({got.head.msg_id for got in bank.received}) == 1
    assert (await world.row(row_id)).state == "acknowledged"


async def test_a_restart_goes_on_where_it_stopped(worlds: Worlds, unit: ScriptedPeer) -> None:
    world = await worlds({UNIT: unit.port}, Timing(answer=20, lease=60, grace=0.05))
    row_id = await world.queue(make_notice(), UNIT)
    unit.script = [Behaviour(silent=True), Behaviour()]
    deliverer = world.deliverer()
    running = asyncio.create_task(deliverer.run())
    await unit.wait_for(1)
    await deliverer.stop()
    await running
    row = await world.row(row_id)
    # Cut off at the end of the grace: the lease is given back, the next process need not wait.
    assert (row.state, row.lease_owner, row.lease_until) == ("sent", "", 0)
    assert world.events("outbox_cut")[0]["messages"] == 1
    await world.store.close()
    await world.open()
    assert await world.deliverer().deliver_due() == 1
    assert (await world.row(row_id)).state == "succeeded"
    assert len({got.head.msg_id for got in unit.received}) == 1


async def test_a_stop_lets_what_is_under_way_finish(world: World, unit: ScriptedPeer) -> None:
    row_id = await world.queue(make_notice("T1"), UNIT)
    behind = await world.queue(make_notice("T2"), UNIT)
    answering = asyncio.Event()
    stopping: list[asyncio.Task[None]] = []
    deliverer = world.deliverer()

    async def stop_first() -> None:
        stopping.append(asyncio.create_task(deliverer.stop()))
        answering.set()

    unit.script = [Behaviour(before=stop_first)]
    running = asyncio.create_task(deliverer.run())
    await answering.wait()
    await stopping[0]
    await running
    assert (await world.row(row_id)).state == "succeeded"
    row = await world.row(behind)
    assert (row.state, row.lease_owner) == ("queued", "")


async def test_a_cancelled_deliverer_gives_its_leases_back(
    worlds: Worlds, unit: ScriptedPeer
) -> None:
    world = await worlds({UNIT: unit.port}, Timing(answer=20, lease=60))
    row_id = await world.queue(make_notice(), UNIT)
    unit.script = [Behaviour(silent=True)]
    deliverer = world.deliverer()
    running = asyncio.create_task(deliverer.run())
    await unit.wait_for(1)
    under_way = list(deliverer._under_way.values())
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await asyncio.gather(*under_way, return_exceptions=True)
    assert (await world.row(row_id)).lease_owner == ""


async def test_a_lease_is_renewed_while_a_message_is_under_way(
    worlds: Worlds, unit: ScriptedPeer
) -> None:
    world = await worlds({UNIT: unit.port}, Timing(answer=20, lease=60))
    row_id = await world.queue(make_notice(), UNIT)
    deliverer, other = world.deliverer(), world.deliverer()
    deliverer._lease_ms = 90

    async def outlive_the_lease() -> None:
        first = (await world.row(row_id)).lease_until
        world.clock.advance(seconds=10)
        async with asyncio.timeout(10):
            while (await world.row(row_id)).lease_until == first:  # noqa: ASYNC110 - the books have no events
                await asyncio.sleep(0.005)
        assert await other.deliver_due() == 0

    unit.script = [Behaviour(before=outlive_the_lease)]
    running = asyncio.create_task(deliverer.run())
    await unit.wait_for(1)
    await deliverer.stop()
    await running
    assert (await world.row(row_id)).state == "succeeded"
    assert len(unit.received) == 1


async def test_who_lost_the_lease_sends_nothing(world: World, unit: ScriptedPeer) -> None:
    row_id = await world.queue(make_notice(), UNIT)
    slow, quick = world.deliverer(), world.deliverer()
    now = world.clock.now_ms()
    await world.store.transact(
        lambda tx: outbox.lease(tx, row_id, slow._owner, now=now, until=now + 30_000)
    )
    held = await world.row(row_id)
    world.clock.advance(seconds=30)
    await quick.deliver_due()
    assert (await world.row(row_id)).state == "succeeded"
    peer = world.peers.get(UNIT)
    assert peer is not None
    await slow._attempts.make(held, peer)
    assert len(unit.received) == 1
    assert len(world.events("outbox_lease_lost")) == 1


async def test_a_message_dropped_before_it_left_does_not_leave(
    world: World, unit: ScriptedPeer
) -> None:
    row_id = await world.queue(make_notice(), UNIT)
    deliverer = world.deliverer()
    now = world.clock.now_ms()
    await world.store.transact(
        lambda tx: outbox.lease(tx, row_id, deliverer._owner, now=now, until=now + 30_000)
    )
    held = await world.row(row_id)
    await world.store.transact(
        lambda tx: outbox.drop(tx, row_id, operator="checker1", reason="wrong", at=now)
    )
    peer = world.peers.get(UNIT)
    assert peer is not None
    await deliverer._attempts.make(held, peer)
    assert unit.received == []
    assert (await world.row(row_id)).state == "dropped"
