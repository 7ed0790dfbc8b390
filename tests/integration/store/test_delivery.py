"""Contract: the outbox. Order per lane, leases, outcomes, and money that is never just given up."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nontax.gateway.store import ConstraintViolated, Store, journal, outbox

OWNER = "worker-1"


async def put(store: Store, *messages) -> list[int]:
    async def fill(tx):
        return [await outbox.enqueue(tx, message) for message in messages]

    return await store.transact(fill)


async def claim(store: Store, now: int = 100, owner: str = OWNER, limit: int = 10) -> list[int]:
    found = await store.transact(
        lambda tx: outbox.claim(tx, owner, now=now, lease_ms=50, limit=limit)
    )
    assert all((m.lease_owner, m.lease_until) == (owner, now + 50) for m in found)
    return [message.id for message in found]


async def sent(store: Store, message_id: int, owner: str = OWNER, at: int = 101) -> bool:
    return await store.transact(lambda tx: outbox.mark_sending(tx, message_id, owner, at=at))


async def finish(store: Store, message_id: int, state: str, owner: str = OWNER, **more):
    return await store.transact(
        lambda tx: outbox.finish(tx, message_id, owner, state, at=102, **more)
    )


async def state_of(store: Store, message_id: int) -> str:
    return (await store.read(lambda tx: outbox.get(tx, message_id))).state


async def test_a_message_comes_back_as_it_was_written(store: Store, make) -> None:
    message = make.message(money=1, result_deadline=9)
    (new,) = await put(store, message)
    kept = replace(message, id=new)
    assert await store.read(lambda tx: outbox.get(tx, new)) == kept
    assert await store.read(lambda tx: outbox.by_msg_id(tx, "M1")) == kept
    assert await store.read(lambda tx: outbox.of_subject(tx, message.subject)) == [kept]
    assert await store.read(lambda tx: outbox.of_subject(tx, message.subject, number="5617")) == []
    with pytest.raises(ConstraintViolated):
        await put(store, make.message())


async def test_only_heads_are_claimed_and_once(store: Store, make) -> None:
    one, two, other_lane, other_peer = await put(
        store,
        make.message("M1"),
        make.message("M2"),
        make.message("M3", lane="refund"),
        make.message("M4", peer="D3206820105"),
    )
    assert sorted(await claim(store)) == [one, other_lane, other_peer]
    assert await claim(store, owner="worker-2") == []
    assert await sent(store, one)
    assert await finish(store, one, "succeeded") == "succeeded"
    assert await claim(store, owner="worker-2") == [two]


async def test_the_longest_due_come_first_up_to_the_limit(store: Store, make) -> None:
    ids = await put(
        store, *(make.message(f"M{n}", lane=f"L{n}", next_at=100 - n) for n in range(5))
    )
    assert await claim(store, limit=2) == [ids[4], ids[3]]
    assert await claim(store, limit=10) == [ids[2], ids[1], ids[0]]


async def test_a_head_that_waits_holds_its_lane(store: Store, make) -> None:
    one, two = await put(store, make.message("M1"), make.message("M2"))
    await claim(store)
    await sent(store, one)
    assert await store.transact(
        lambda tx: outbox.retry(tx, one, OWNER, next_at=500, at=103, result="10006", error="busy")
    )
    assert await claim(store, now=499) == []
    waiting = await store.read(lambda tx: outbox.get(tx, one))
    assert (waiting.state, waiting.attempts, waiting.ever_sent) == ("sent", 1, 1)
    assert (waiting.last_result, waiting.last_error, waiting.lease_owner) == ("10006", "busy", "")
    assert await claim(store, now=500) == [one]
    assert await finish(store, one, "dead", result="18001") == "dead"
    assert await claim(store, now=501) == [two]


async def test_an_acknowledged_head_blocks_nobody(store: Store, make) -> None:
    one, two = await put(store, make.message("M1", money=1), make.message("M2"))
    await claim(store)
    await sent(store, one)
    assert await finish(store, one, "acknowledged", result="00000", result_deadline=900)
    assert await claim(store) == [two]
    assert await store.read(lambda tx: outbox.overdue(tx, now=899)) == []
    (late,) = await store.read(lambda tx: outbox.overdue(tx, now=900))
    assert (late.id, late.done_at) == (one, None)
    assert await store.transact(
        lambda tx: outbox.resolve(tx, one, "succeeded", at=950, result="00000")
    )
    assert await store.read(lambda tx: outbox.overdue(tx, now=900)) == []
    assert not await store.transact(lambda tx: outbox.resolve(tx, one, "failed", at=960))


async def test_who_lost_the_lease_changes_nothing(store: Store, make) -> None:
    (one,) = await put(store, make.message())
    await claim(store, now=100)
    assert await claim(store, now=149, owner="worker-2") == []
    assert await claim(store, now=150, owner="worker-2") == [one]
    before = await store.read(lambda tx: outbox.get(tx, one))
    assert not await sent(store, one)
    assert await finish(store, one, "succeeded") is None
    assert not await store.transact(lambda tx: outbox.retry(tx, one, OWNER, next_at=1, at=1))
    assert not await store.transact(lambda tx: outbox.renew(tx, one, OWNER, until=999))
    assert not await store.transact(lambda tx: outbox.release(tx, one, OWNER))
    assert await store.read(lambda tx: outbox.get(tx, one)) == before


async def test_a_lease_is_renewed_and_released(store: Store, make) -> None:
    (one,) = await put(store, make.message())
    await claim(store)
    assert await store.transact(lambda tx: outbox.renew(tx, one, OWNER, until=300))
    assert await claim(store, now=299, owner="worker-2") == []
    assert await store.transact(lambda tx: outbox.release(tx, one, OWNER))
    assert await claim(store, now=299, owner="worker-2") == [one]


async def test_money_that_was_sent_expires_into_unknown(store: Store, make) -> None:
    ids = await put(
        store,
        make.message("M1", lane="a", expires_at=200, money=1),
        make.message("M2", lane="b", expires_at=200, money=1),
        make.message("M3", lane="c", expires_at=200),
        make.message("M4", lane="d", expires_at=201),
        make.message("M5", lane="a"),
    )
    await claim(store)
    await sent(store, ids[0])
    await sent(store, ids[2])
    assert await store.transact(lambda tx: outbox.expire(tx, now=149)) == []
    assert await claim(store, now=200) == [ids[3]]
    changed = await store.transact(lambda tx: outbox.expire(tx, now=200))
    assert [(m.id, m.state) for m in changed] == [
        (ids[0], "unknown"),
        (ids[1], "expired"),
        (ids[2], "expired"),
    ]
    for message in changed:
        assert await store.read(lambda tx, m=message: outbox.get(tx, m.id)) == message
    assert await claim(store, now=200) == [ids[4]]


async def test_a_leased_message_does_not_expire_under_its_worker(store: Store, make) -> None:
    (one,) = await put(store, make.message(expires_at=120))
    await claim(store)
    assert await store.transact(lambda tx: outbox.expire(tx, now=130)) == []
    assert await finish(store, one, "succeeded") == "succeeded"


async def test_giving_up_on_sent_money_is_written_as_unknown(store: Store, make) -> None:
    one, two = await put(
        store, make.message("M1", lane="a", money=1), make.message("M2", lane="b", money=1)
    )
    await claim(store)
    await sent(store, one)
    assert await finish(store, one, "dead") == "unknown"
    assert await finish(store, two, "dead") == "dead"


async def test_nothing_is_issued_again_from_unknown(store: Store, make) -> None:
    (one,) = await put(store, make.message(money=1))
    await claim(store)
    await sent(store, one)
    dropped = {"operator": "checker1", "reason": "bank asked", "at": 300}
    assert await store.transact(lambda tx: outbox.drop(tx, one, **dropped)) == "unknown"
    assert await store.transact(lambda tx: outbox.drop(tx, one, **dropped)) is None
    assert not await store.transact(lambda tx: outbox.requeue(tx, one, **dropped, expires_at=999))
    assert await finish(store, one, "succeeded") is None
    assert await store.transact(lambda tx: outbox.resolve(tx, one, "failed", at=400))
    assert await state_of(store, one) == "failed"


async def test_an_operator_drops_and_requeues_with_a_reason(store: Store, make) -> None:
    one, two = await put(store, make.message("M1"), make.message("M2"))
    facts = {"operator": "checker1", "reason": "unit is gone", "at": 300}
    assert await store.transact(lambda tx: outbox.drop(tx, one, **facts)) == "dropped"
    assert await claim(store, now=300) == [two]
    assert await store.transact(lambda tx: outbox.requeue(tx, one, **facts, expires_at=20_000))
    again = await store.read(lambda tx: outbox.get(tx, one))
    assert (again.state, again.msg_id, again.next_at, again.expires_at, again.done_at) == (
        "queued",
        "M1",
        300,
        20_000,
        None,
    )
    assert not await store.transact(lambda tx: outbox.requeue(tx, one, **facts, expires_at=1))
    entries = await store.read(lambda tx: journal.of_subject(tx, f"outbox:{one}"))
    assert [(e.kind, e.actor) for e in entries] == [
        ("outbox.dropped", "checker1"),
        ("outbox.requeued", "checker1"),
    ]
    assert all("unit is gone" in entry.facts for entry in entries)


async def test_lanes_states_and_the_next_due_instant(store: Store, make) -> None:
    assert await store.read(outbox.next_due) is None
    await put(
        store,
        make.message("M1", next_at=700, created_at=10),
        make.message("M2", next_at=50, created_at=20),
        make.message("M3", peer="D3206820105", next_at=600, created_at=30),
    )
    assert await store.read(outbox.next_due) == 600  # M2 waits behind M1
    assert [(lane.peer, lane.depth, lane.oldest_at) for lane in await store.read(outbox.lanes)] == [
        ("D3206820105", 1, 30),
        ("K3206820002", 2, 10),
    ]
    assert await claim(store, now=600) == [3]
    assert await store.read(outbox.next_due) == 650  # M3's lease ends
    await finish(store, 3, "succeeded")
    assert await store.read(outbox.next_due) == 700
    await put(store, make.message("M4", peer="X", next_at=9_000, expires_at=650))
    assert await store.read(outbox.next_due) == 650  # M4 expires
    assert await store.read(outbox.state_counts) == {"queued": 3, "succeeded": 1}


async def test_pages_and_pruning(store: Store, make) -> None:
    ids = await put(store, *(make.message(f"M{n}", lane=f"L{n}") for n in range(5)))
    await claim(store)
    for message_id, state in zip(
        ids, ("succeeded", "failed", "dead", "acknowledged"), strict=False
    ):
        await finish(store, message_id, state)

    async def listed(**narrowed) -> list[int]:
        found = await store.scan(lambda tx: outbox.page(tx, **narrowed))
        return [message.id for message in found]

    assert await listed(after=ids[1], limit=2) == ids[2:4]
    assert await listed(states=("dead", "failed"), peer="K3206820002") == [ids[1], ids[2]]
    assert await listed(number="5617") == []
    assert await store.transact(lambda tx: outbox.prune(tx, 102)) == 0
    assert await store.transact(lambda tx: outbox.prune(tx, 103)) == 2
    assert await listed() == ids[2:]
    (new,) = await put(store, make.message("M9"))
    assert new > max(ids)
