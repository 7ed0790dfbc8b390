"""Delivery over real sockets: order, answers that count and answers that do not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from nontax.codecs import encode_frame, write_envelope
from nontax.gateway.store import archive, outbox
from nontax.mac import TokenState

from .conftest import (
    BANK,
    NEW_TOKEN,
    TOKEN,
    UNIT,
    Behaviour,
    ScriptedPeer,
    Timing,
    World,
    make_notice,
)


async def test_a_message_is_delivered_and_kept(world: World, unit: ScriptedPeer) -> None:
    row_id = await world.queue(make_notice(), UNIT, region="320699")
    assert await world.deliverer().deliver_due() == 1
    (got,) = unit.received
    assert got.mac_ok
    assert (got.number, got.head.src, got.head.des) == ("5996", "F320682", UNIT)
    assert got.head.msg_ref == got.head.msg_id
    assert got.region == "320699"
    assert "<TraNoBus>T1</TraNoBus>" in got.voucher
    row = await world.row(row_id)
    assert (row.state, row.attempts, row.ever_sent, row.last_result) == ("succeeded", 1, 1, "00000")
    assert row.msg_id == got.head.msg_id
    (kept,) = await world.store.read(lambda tx: archive.page(tx, direction="out"))
    assert (kept.number, kept.peer, kept.result, kept.msg_id) == ("5996", UNIT, "00000", row.msg_id)
    assert world.metrics.value("outbox_succeeded", "5996") == 1


async def test_messages_of_a_lane_keep_their_order(world: World, unit: ScriptedPeer) -> None:
    for number in ("T1", "T2", "T3"):
        await world.queue(make_notice(number), UNIT)
    unit.script = [Behaviour(result="10006"), Behaviour()]
    deliverer = world.deliverer()
    # The head waits for its back-off, and nothing overtakes it.
    assert await deliverer.deliver_due() == 1
    assert await deliverer.deliver_due() == 0
    world.clock.advance(seconds=10)
    assert await deliverer.deliver_due() == 3
    sent = [got.voucher.split("<TraNoBus>")[1][:2] for got in unit.received]
    assert sent == ["T1", "T1", "T2", "T3"]
    assert unit.received[0].head.msg_id == unit.received[1].head.msg_id
    assert unit.most_at_once == 1


async def test_lanes_and_peers_do_not_wait_for_each_other(
    world: World, bank: ScriptedPeer, unit: ScriptedPeer
) -> None:
    unit.script = [Behaviour(result="10006")]
    stuck = await world.queue(make_notice("T1"), UNIT, lane="a")
    other = await world.queue(make_notice("T2"), UNIT, lane="b")
    await world.queue(make_notice("T3"), BANK)
    await world.deliverer().deliver_due()
    assert len(bank.received) == 1
    assert len(unit.received) == 2
    assert (await world.row(stuck)).state == (await world.row(other)).state == "sent"


@pytest.mark.parametrize("result", ["10004", "10006", "99999"])
async def test_retried_results(world: World, unit: ScriptedPeer, result: str) -> None:
    row_id = await world.queue(make_notice(), UNIT)
    unit.script = [Behaviour(result=result)]
    deliverer = world.deliverer()
    waits = []
    for _ in range(5):
        assert await deliverer.deliver_due() == 1
        row = await world.row(row_id)
        assert (row.state, row.last_result) == ("sent", result)
        waits.append((row.next_at - world.clock.now_ms()) // 1000)
        world.clock.set(row.next_at)
    assert waits == [10, 20, 40, 60, 60]
    assert len({got.head.msg_id for got in unit.received}) == 1
    unit.script = [Behaviour()]
    await deliverer.deliver_due()
    assert (await world.row(row_id)).state == "succeeded"


@pytest.mark.parametrize("result", ["10002", "10003", "10005", "10007", "11001", "12001"])
async def test_final_results_end_a_notice_and_free_its_lane(
    world: World, unit: ScriptedPeer, result: str
) -> None:
    row_id = await world.queue(make_notice("T1"), UNIT)
    after = await world.queue(make_notice("T2"), UNIT)
    unit.script = [Behaviour(result=result, information="张三的账号有误"), Behaviour()]
    assert await world.deliverer().deliver_due() == 2
    row = await world.row(row_id)
    assert (row.state, row.last_result, row.last_error) == ("failed", result, "张三的账号有误")
    assert (await world.row(after)).state == "succeeded"
    # A notice that moves no money leaves the journal alone, and the peer's words stay out of logs.
    assert await world.kinds() == []
    (event,) = world.events("outbox_failed")
    assert event["result"] == result
    assert "张三" not in world.stream.getvalue()


UNUSABLE = {
    "other token": Behaviour(token=NEW_TOKEN),
    "blank MAC": Behaviour(result="10004", blank_mac=True),
    "MsgRef of another": Behaviour(msg_ref="ANOTHER"),
    "answers another number": Behaviour(ori_number="5617"),
    "from another node": Behaviour(src="D3206820301"),
    "for another node": Behaviour(des="F320000"),
    "no general answer": Behaviour(number="5603"),
    "cut": Behaviour(cut_at=100),
    "closed": Behaviour(close=True),
    "cut in the header": Behaviour(cut_at=10),
}


@pytest.mark.parametrize("name", UNUSABLE)
async def test_an_answer_that_proves_nothing_is_none(
    world: World, bank: ScriptedPeer, name: str
) -> None:
    row_id = await world.queue(make_notice(), BANK)
    bank.script = [UNUSABLE[name], Behaviour()]
    deliverer = world.deliverer()
    await deliverer.deliver_due()
    row = await world.row(row_id)
    assert (row.state, row.ever_sent, row.last_result) == ("sent", 1, "")
    assert row.last_error
    world.clock.advance(seconds=10)
    await deliverer.deliver_due()
    assert (await world.row(row_id)).state == "succeeded"
    assert len({got.head.msg_id for got in bank.received}) == 1


@pytest.mark.parametrize(
    "behaviour",
    [
        Behaviour(msg_ref="ANOTHER"),
        Behaviour(ori_number="5617"),
        Behaviour(trailing=b"\r\n"),
        Behaviour(trailing=b"\n"),
        Behaviour(half_close_first=True),
    ],
)
async def test_units_are_forgiven(world: World, unit: ScriptedPeer, behaviour: Behaviour) -> None:
    row_id = await world.queue(make_notice(), UNIT)
    unit.script = [behaviour]
    await world.deliverer().deliver_due()
    assert (await world.row(row_id)).state == "succeeded"


async def test_a_lenient_peer_is_not_forgiven_a_wrong_mac(world: World, unit: ScriptedPeer) -> None:
    row_id = await world.queue(make_notice(), UNIT)
    unit.script = [Behaviour(token=NEW_TOKEN)]
    await world.deliverer().deliver_due()
    assert (await world.row(row_id)).state == "sent"
    assert world.metrics.value("outbox_bad_mac", "5996") == 1


async def test_what_is_glued_behind_the_document_is_refused(
    world: World, bank: ScriptedPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def glued(says: Behaviour, ori_number: str, msg_id: str) -> bytes:
        data = ScriptedPeer.frame(bank, says, ori_number, msg_id)
        body = data[23:-64] + b"<x/></CFX>"
        mac = bank._algorithm.compute(TOKEN.encode(), body)
        return encode_frame("2001", body, mac, width=64)

    monkeypatch.setattr(bank, "frame", glued)
    row_id = await world.queue(make_notice(), BANK)
    await world.deliverer().deliver_due()
    assert (await world.row(row_id)).state == "sent"


async def test_a_peer_that_reads_once_gets_the_whole_frame(
    worlds: Callable[..., Awaitable[World]],
) -> None:
    peer = ScriptedPeer(code=UNIT, answer_number="8001", read_bytes=4096, single_read=True)
    await peer.start()
    world = await worlds({UNIT: peer.port})
    row_id = await world.queue(make_notice(), UNIT)
    await world.deliverer().deliver_due()
    assert (await world.row(row_id)).state == "succeeded"
    assert peer.connections == 1
    await peer.stop()


async def test_a_silent_peer_costs_its_own_time_only(
    worlds: Callable[..., Awaitable[World]], bank: ScriptedPeer, unit: ScriptedPeer
) -> None:
    world = await worlds({BANK: bank.port, UNIT: unit.port}, Timing(answer=0.2))
    bank.script = [Behaviour(silent=True)]
    slow = [await world.queue(make_notice(f"S{n}"), BANK, lane=str(n)) for n in range(6)]
    quick = await world.queue(make_notice("Q"), UNIT)
    await world.deliverer().deliver_due()
    assert (await world.row(quick)).state == "succeeded"
    states = [await world.row(row_id) for row_id in slow]
    assert {(row.state, row.last_error) for row in states} == {("sent", "no answer in time")}
    assert bank.most_at_once <= 4
    assert world.metrics.value("outbox_no_answer", "5996") == 6


async def test_a_refusing_peer_has_seen_nothing(world: World, bank: ScriptedPeer) -> None:
    await bank.stop()
    row_id = await world.queue(make_notice(), BANK)
    deliverer = world.deliverer()
    for wait in (10, 20, 40):
        assert await deliverer.deliver_due() == 1
        row = await world.row(row_id)
        assert (row.state, row.ever_sent, row.attempts) == ("queued", 0, 0)
        assert row.next_at - world.clock.now_ms() == wait * 1000
        world.clock.set(row.next_at)
    assert world.metrics.value("outbox_never_sent", "5996") == 3
    assert world.metrics.value("outbox_sent", "5996") == 0
    await bank.start()
    await deliverer.deliver_due()
    assert (await world.row(row_id)).state == "succeeded"


async def test_disabled_and_unknown_peers_are_waited_for(
    worlds: Callable[..., Awaitable[World]], bank: ScriptedPeer, unit: ScriptedPeer
) -> None:
    world = await worlds({BANK: bank.port, UNIT: unit.port}, more="enabled = false")
    rows = [await world.queue(make_notice(), peer) for peer in (BANK, "K3206829999")]
    assert await world.deliverer().deliver_due() == 0
    states = [(await world.row(row_id)).state for row_id in rows]
    assert states == ["queued", "queued"]
    enabled = await worlds({BANK: bank.port}, folder="a")
    assert await enabled.deliverer().deliver_due() == 1
    assert (await world.row(rows[0])).state == "succeeded"


async def test_a_character_outside_the_charset_is_a_dead_letter(
    world: World, unit: ScriptedPeer
) -> None:
    notice = make_notice()

    async def work(tx: object) -> int:
        row_id = await world.enqueuer.enqueue(
            tx,  # type: ignore[arg-type]
            notice,
            peer=UNIT,
            subject="S",
            at=world.clock.now_ms(),
        )
        await tx.run(  # type: ignore[attr-defined]
            "UPDATE outbox SET voucher = replace(voucher, '张三', '𠮷') WHERE id = ?1", row_id
        )
        return row_id

    row_id = await world.store.transact(work)
    await world.deliverer().deliver_due()
    row = await world.row(row_id)
    assert (row.state, row.ever_sent) == ("dead", 0)
    assert unit.received == []


async def test_the_token_in_force_is_used_at_each_sending(world: World, bank: ScriptedPeer) -> None:
    row_id = await world.queue(make_notice(), BANK)
    bank.script = [Behaviour(result="10006"), Behaviour()]
    deliverer = world.deliverer()
    await deliverer.deliver_due()
    from nontax.gateway.store import tokens

    changed = TokenState(TOKEN).changed(NEW_TOKEN, world.clock.now_ms())
    sealed = world.sealer.token_row(BANK, changed, 1)
    await world.store.transact(lambda tx: tokens.put(tx, sealed))
    bank.token = NEW_TOKEN
    world.clock.advance(seconds=10)
    await deliverer.deliver_due()
    assert [got.mac_ok for got in bank.received] == [True, True]
    assert (await world.row(row_id)).state == "succeeded"
    # The answer under the new token is the first frame that confirms it.
    stored = await world.store.read(lambda tx: tokens.get(tx, BANK))
    assert stored is not None
    assert stored.confirmed_at == world.clock.now_ms()


async def test_an_answer_under_a_token_changed_meanwhile_counts(
    world: World, bank: ScriptedPeer
) -> None:
    from nontax.gateway.store import tokens

    async def change() -> None:
        changed = TokenState(TOKEN).changed(NEW_TOKEN, world.clock.now_ms())
        sealed = world.sealer.token_row(BANK, changed, 1)
        await world.store.transact(lambda tx: tokens.put(tx, sealed))

    row_id = await world.queue(make_notice(), BANK)
    bank.script = [Behaviour(token=NEW_TOKEN, before=change)]
    await world.deliverer().deliver_due()
    assert (await world.row(row_id)).state == "succeeded"


async def test_an_expired_message_frees_its_lane(world: World, unit: ScriptedPeer) -> None:
    unit.script = [Behaviour(result="99999")]
    sent = await world.queue(make_notice("T1"), UNIT)
    waiting = await world.queue(make_notice("T2"), UNIT)
    deliverer = world.deliverer()
    await deliverer.deliver_due()
    world.clock.advance(seconds=3600)
    fresh = await world.queue(make_notice("T3"), UNIT)
    unit.script = [Behaviour()]
    await deliverer.deliver_due()
    states = [(await world.row(row_id)).state for row_id in (sent, waiting, fresh)]
    assert states == ["expired", "expired", "succeeded"]
    assert world.metrics.value("outbox_expired", "5996") == 2


async def test_wake_delivers_without_waiting_for_the_poll(world: World, unit: ScriptedPeer) -> None:
    deliverer = world.deliverer()
    running = asyncio.create_task(deliverer.run())
    for count in (1, 2):
        await world.queue(make_notice(), UNIT)
        world.wakeup.wake((UNIT,))
        await unit.wait_for(count)
    await deliverer.stop()
    await running
    assert await world.store.read(outbox.state_counts) == {"succeeded": 2}


async def test_next_due_is_kept_without_wake_or_poll(
    worlds: Callable[..., Awaitable[World]], unit: ScriptedPeer
) -> None:
    from nontax.gateway.clock import SystemClock

    world = await worlds({UNIT: unit.port})
    clock = SystemClock()
    await world.queue(make_notice(), UNIT, at=clock.now_ms() + 50)
    deliverer = world.deliverer(clock=clock)
    running = asyncio.create_task(deliverer.run())
    await unit.wait_for(1)
    await deliverer.stop()
    await running
    assert len(unit.received) == 1


async def test_an_answer_from_a_stranger_to_the_format_is_none(
    world: World, bank: ScriptedPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def twice(says: Behaviour, ori_number: str, msg_id: str) -> bytes:
        # A document that is authentic and well formed, but answers nothing: another voucher.
        from nontax.codecs import Head

        head = Head(BANK, "F320682", "2001", "A1", msg_id, "20261122")
        body = write_envelope(
            head,
            f"<Voucher><Other>{ori_number}{says.result}</Other></Voucher>",
            charset="GBK",
            adm_div_code="320682",
            st_year="2026",
        )
        mac = bank._algorithm.compute(TOKEN.encode(), body)
        return encode_frame("2001", body, mac, width=64)

    monkeypatch.setattr(bank, "frame", twice)
    row_id = await world.queue(make_notice(), BANK)
    await world.deliverer().deliver_due()
    row = await world.row(row_id)
    assert row.state == "sent"
    assert "OriMsgNo" in row.last_error
