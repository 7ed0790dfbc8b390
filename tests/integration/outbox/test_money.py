"""Messages that move money: no order of answer, result, expiry and operator loses or doubles it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from nontax.codecs import Head
from nontax.gateway.flows.base import Decision, Request
from nontax.gateway.flows.results import ReceiveRefundResult
from nontax.gateway.outbox import Terms, operate
from nontax.gateway.outbox.operate import NotPossible
from nontax.gateway.store import journal, outbox, refunds
from nontax.mac import Secret
from nontax.messages.refund import RefundResult

from .conftest import (
    BANK,
    PAY_CODE,
    TOKEN,
    UNIT,
    Behaviour,
    ScriptedPeer,
    World,
    make_notice,
    make_order,
    make_refund,
)

PAID = {"Result": "00000", "TraNo": "B1", "TraDate": "20261123", "TraTime": "101500"}
NOT_PAID = {"Result": "12003", "Information": "账户已销户"}


async def result(world: World, sender: str = BANK, **changes: Any) -> str:
    """Receive a 2617 and return the code that it is answered with."""
    return (await decide(world, sender, **changes)).answer.message.Result


async def decide(world: World, sender: str = BANK, **changes: Any) -> Decision:
    facts: dict[str, Any] = {"RefundNo": "TF1", "PayCode": PAY_CODE, "Amt": 8000} | PAID | changes
    message = RefundResult.read(voucher(facts))
    peer = world.peers.get(sender)
    assert peer is not None
    request = Request(
        peer=peer,
        head=Head(sender, "F320682", "2617", "R1", "R1", "20261123"),
        now_ms=world.clock.now_ms(),
        today="20261123",
        token=Secret(TOKEN),
    )
    flow = ReceiveRefundResult()
    refusal = flow.validate(request, message)
    if refusal is not None:
        return Decision(refusal)
    return await world.store.transact(lambda tx: flow.decide(tx, request, message))


def voucher(facts: dict[str, Any]) -> bytes:
    """A 2617 as a bank writes it, whatever it leaves out."""
    shown = {**facts, "Amt": f"{facts['Amt'] / 100:.2f}"}
    fields = "".join(f"<{tag}>{value}</{tag}>" for tag, value in shown.items())
    return f"<Voucher>{fields}</Voucher>".encode("gbk")


async def states(world: World, row_id: int, number: str = "TF1") -> tuple[str, str]:
    """State of the message and of its refund."""
    return (await world.row(row_id)).state, (await world.refund(number)).state


async def test_the_refund_follows_its_message(world: World, bank: ScriptedPeer) -> None:
    row_id = await world.queue_refund()
    seen: list[tuple[str, str]] = [await states(world, row_id)]

    async def look() -> None:
        seen.append(await states(world, row_id))

    bank.script = [Behaviour(before=look)]
    await world.deliverer().deliver_due()
    seen.append(await states(world, row_id))
    assert seen == [("queued", "queued"), ("sent", "sent"), ("acknowledged", "acknowledged")]
    row = await world.row(row_id)
    assert row.money == 1
    assert row.result_deadline == world.clock.now_ms() + 3_600_000
    assert await result(world) == "00000"
    assert await states(world, row_id) == ("succeeded", "succeeded")
    refund = await world.refund()
    assert (refund.result, refund.tra_no, refund.tra_date) == ("00000", "B1", "20261123")
    assert await world.kinds() == ["outbox.acknowledged", "refund.succeeded"]


async def test_an_overdue_result_is_a_flag_and_still_welcome(
    world: World, bank: ScriptedPeer
) -> None:
    row_id = await world.queue_refund()
    deliverer = world.deliverer()
    await deliverer.deliver_due()
    world.clock.advance(seconds=3600)
    await deliverer.deliver_due()
    late = await world.store.read(lambda tx: outbox.overdue(tx, now=world.clock.now_ms()))
    assert [row.id for row in late] == [row_id]
    assert await states(world, row_id) == ("acknowledged", "acknowledged")
    assert len(bank.received) == 1
    assert await result(world, **NOT_PAID, TraNo="", TraDate="", TraTime="") == "00000"
    assert await states(world, row_id) == ("failed", "failed")


async def test_the_acknowledgement_frees_the_lane_before_the_result(
    world: World, bank: ScriptedPeer
) -> None:
    await world.queue_refund("TF1", 3000)
    await world.queue_refund("TF2", 5000)
    assert await world.deliverer().deliver_due() == 2
    assert [got.voucher.split("<RefundNo>")[1][:3] for got in bank.received] == ["TF1", "TF2"]


@pytest.mark.parametrize("answer", ["00000", "11001", "99999"])
async def test_a_result_before_the_answer_stands(
    world: World, bank: ScriptedPeer, answer: str
) -> None:
    row_id = await world.queue_refund()

    async def settle_first() -> None:
        assert await result(world) == "00000"

    bank.script = [Behaviour(result=answer, before=settle_first), Behaviour()]
    deliverer = world.deliverer()
    await deliverer.deliver_due()
    world.clock.advance(seconds=600)
    await deliverer.deliver_due()
    assert await states(world, row_id) == ("succeeded", "succeeded")
    assert len(bank.received) == 1
    assert world.metrics.value("outbox_late_answer", "5617") == 1


async def test_a_result_for_what_was_never_sent_stops_the_sending(
    world: World, bank: ScriptedPeer
) -> None:
    # Books restored from a backup: the peer knows more than we do.
    row_id = await world.queue_refund()
    decision = await decide(world)
    assert decision.notes == ("was queued",)
    await world.deliverer().deliver_due()
    assert await states(world, row_id) == ("succeeded", "succeeded")
    assert bank.received == []


async def test_a_result_repeated_is_answered_again(world: World, bank: ScriptedPeer) -> None:
    assert bank.received == []
    row_id = await world.queue_refund()
    await world.deliverer().deliver_due()
    assert await result(world) == "00000"
    again = await decide(world, Information="another remark")
    assert again.answer.message.Result == "00000"
    assert again.replayed
    assert await states(world, row_id) == ("succeeded", "succeeded")
    assert (await world.kinds()).count("refund.succeeded") == 1


@pytest.mark.parametrize(
    ("tag", "changes"),
    [
        ("Result", NOT_PAID),
        ("TraNo", {"TraNo": "B2"}),
        ("TraDate", {"TraDate": "20261124"}),
        ("TraTime", {"TraTime": "101501"}),
        ("PayCode", {"PayCode": "32068226000000000028"}),
        ("Amt", {"Amt": 7999}),
    ],
)
async def test_a_contradicting_result_is_refused_and_kept_for_people(
    world: World, tag: str, changes: dict[str, Any]
) -> None:
    await world.queue_refund()
    await world.deliverer().deliver_due()
    await result(world)
    before = await world.refund()
    decision = await decide(world, **changes)
    assert decision.answer.message.Result == "10005"
    assert decision.answer.message.Information.startswith(f"{tag}:")
    assert await world.refund() == before
    assert (await world.kinds())[-1] == "refund.contradicted"


@pytest.mark.parametrize("changes", [{"Amt": 1}, {"PayCode": "X"}])
async def test_a_first_result_must_fit_the_refund(world: World, changes: dict[str, Any]) -> None:
    row_id = await world.queue_refund()
    await world.deliverer().deliver_due()
    assert await result(world, **changes) == "10005"
    assert await states(world, row_id) == ("acknowledged", "acknowledged")


async def test_results_of_others_and_of_unknown_refunds_look_alike(world: World) -> None:
    row_id = await world.queue_refund()
    await world.deliverer().deliver_due()
    foreign = await decide(world, UNIT)
    unknown = await decide(world, RefundNo="TF9")
    assert foreign.answer == unknown.answer
    assert foreign.answer.message.Result == "99999"
    assert await states(world, row_id) == ("acknowledged", "acknowledged")


@pytest.mark.parametrize("missing", ["TraNo", "TraDate", "TraTime"])
async def test_a_success_names_its_transaction(world: World, missing: str) -> None:
    await world.queue_refund()
    decision = await decide(world, **{missing: ""})
    assert decision.answer.message.Result == "10002"
    assert decision.answer.message.Information.startswith(missing)


async def test_a_business_refund_that_was_not_issued_has_no_result(world: World) -> None:
    await world.queue_refund("TF1", 3000)
    first = await world.refund()

    async def work(tx: Any) -> None:
        refund = make_refund("YW1", first.payment_id, 1000, BANK, 1)
        from dataclasses import replace

        await refunds.insert(tx, replace(refund, state="approved"))

    await world.store.transact(work)
    assert await result(world, RefundNo="YW1", Amt=1000) == "99999"


async def test_money_that_expires_after_it_left_is_unknown(
    world: World, bank: ScriptedPeer
) -> None:
    row_id = await world.queue_refund()
    bank.script = [Behaviour(close=True)]
    deliverer = world.deliverer()
    await deliverer.deliver_due()
    world.clock.advance(seconds=3600)
    await deliverer.deliver_due()
    assert await states(world, row_id) == ("unknown", "unknown")
    assert "outbox.unknown" in await world.kinds()
    # Nothing is issued again from unknown, by nobody.
    world.clock.advance(seconds=36000)
    await deliverer.deliver_due()
    assert len(bank.received) == 1
    with pytest.raises(NotPossible, match="unknown"):
        await act(world, operate.requeue, row_id, terms=terms(world))
    held = await world.store.read(lambda tx: refunds.held(tx, 2))
    assert held == 8000
    assert await result(world) == "00000"
    assert await states(world, row_id) == ("succeeded", "succeeded")


@pytest.mark.parametrize("end", ["succeeded", "failed"])
async def test_an_operator_may_settle_what_is_unknown(
    world: World, bank: ScriptedPeer, end: str
) -> None:
    row_id = await world.queue_refund()
    bank.script = [Behaviour(close=True)]
    await world.deliverer().deliver_due()
    with pytest.raises(NotPossible, match="sent"):
        await act(world, operate.settle, row_id, state=end)
    assert await act(world, operate.drop, row_id) == "unknown"
    assert await states(world, row_id) == ("unknown", "unknown")
    await act(world, operate.settle, row_id, state=end)
    assert await states(world, row_id) == (end, end)
    assert (await world.kinds())[-2:] == ["outbox.dropped", "outbox.settled"]
    # A result that says the same completes the record.
    same = PAID if end == "succeeded" else {**NOT_PAID, "TraNo": "", "TraDate": "", "TraTime": ""}
    assert await result(world, **same) == "00000"
    assert (await world.refund()).result == same["Result"]


async def test_a_settled_success_is_not_undone_by_a_failing_result(
    world: World, bank: ScriptedPeer
) -> None:
    row_id = await world.queue_refund()
    bank.script = [Behaviour(close=True)]
    await world.deliverer().deliver_due()
    await act(world, operate.drop, row_id)
    await act(world, operate.settle, row_id, state="succeeded")
    assert await result(world, **NOT_PAID) == "10005"
    assert await states(world, row_id) == ("succeeded", "succeeded")


async def test_money_that_never_left_expires_and_can_be_queued_again(
    world: World, bank: ScriptedPeer
) -> None:
    await bank.stop()
    row_id = await world.queue_refund()
    deliverer = world.deliverer()
    await deliverer.deliver_due()
    world.clock.advance(seconds=3600)
    await deliverer.deliver_due()
    assert await states(world, row_id) == ("expired", "failed")
    before = (await world.row(row_id)).msg_id
    row = await act(world, operate.requeue, row_id, terms=terms(world))
    assert (row.state, row.msg_id) == ("queued", before)
    assert await states(world, row_id) == ("queued", "queued")
    await bank.start()
    await deliverer.deliver_due()
    assert await states(world, row_id) == ("acknowledged", "acknowledged")
    assert "outbox.requeued" in await world.kinds()


async def test_a_payment_is_not_paid_back_twice_by_requeueing(
    world: World, bank: ScriptedPeer
) -> None:
    await bank.stop()
    row_id = await world.queue_refund("TF1")
    world.clock.advance(seconds=3600)
    await world.deliverer().deliver_due()
    await world.queue_refund("TF2")
    with pytest.raises(NotPossible, match="another refund"):
        await act(world, operate.requeue, row_id, terms=terms(world))
    # Nothing of the act was kept.
    assert await states(world, row_id) == ("expired", "failed")
    assert "outbox.requeued" not in await world.kinds()
    # Nor by a result for the refund that was taken for failed.
    assert await result(world) == "10005"
    assert (await world.refund()).state == "failed"


async def test_a_final_refusal_fails_the_refund(world: World, bank: ScriptedPeer) -> None:
    row_id = await world.queue_refund()
    bank.script = [Behaviour(result="11001", information="没有该笔缴款")]
    await world.deliverer().deliver_due()
    assert await states(world, row_id) == ("failed", "failed")
    refund = await world.refund()
    assert (refund.result, refund.information) == ("", "failed: 11001 没有该笔缴款")
    assert await world.kinds() == ["outbox.failed"]
    with pytest.raises(NotPossible, match="new instruction"):
        await act(world, operate.requeue, row_id, terms=terms(world))
    with pytest.raises(NotPossible, match="over"):
        await act(world, operate.drop, row_id)
    # The peer paid after all: true, and nothing else pays it back.
    assert await result(world) == "00000"
    assert (await world.refund()).state == "succeeded"


async def test_a_conflict_leaves_money_unknown(world: World, bank: ScriptedPeer) -> None:
    # 10005: what the bank has stored under our number stands.
    row_id = await world.queue_refund()
    bank.script = [Behaviour(result="10005")]
    await world.deliverer().deliver_due()
    assert await states(world, row_id) == ("unknown", "unknown")


async def test_a_refused_notice_changes_nothing_and_can_be_sent_again(
    world: World, unit: ScriptedPeer
) -> None:
    row_id = await world.queue(make_notice(), UNIT)
    unit.script = [Behaviour(result="10002"), Behaviour()]
    deliverer = world.deliverer()
    await deliverer.deliver_due()
    assert (await world.row(row_id)).state == "failed"
    await act(world, operate.requeue, row_id, terms=terms(world))
    await deliverer.deliver_due()
    assert (await world.row(row_id)).state == "succeeded"
    with pytest.raises(NotPossible, match="succeeded"):
        await act(world, operate.requeue, row_id, terms=terms(world))
    with pytest.raises(NotPossible, match="no such"):
        await act(world, operate.drop, 999)


async def test_an_act_names_operator_and_reason(world: World) -> None:
    row_id = await world.queue(make_notice(), UNIT)
    await act(world, operate.drop, row_id)
    (entry,) = await world.store.read(journal.page)
    assert (entry.kind, entry.actor) == ("outbox.dropped", "checker1")
    assert '"reason":"checked by telephone"' in entry.facts
    assert (await world.store.scan(journal.verify)).ok


async def test_other_messages_with_a_later_result_wait_for_it(
    world: World, bank: ScriptedPeer
) -> None:
    order = make_order("TF1")
    row_id = await world.queue(order, BANK, subject="X")
    await world.deliverer().deliver_due()
    assert (await world.row(row_id)).state == "acknowledged"
    assert len(bank.received) == 1


def terms(world: World) -> Terms:
    return Terms.from_config(world.config.outbox)


async def act(world: World, what: Callable[..., Awaitable[Any]], row_id: int, **more: Any) -> Any:
    """An operator's act."""
    facts = {"operator": "checker1", "reason": "checked by telephone", "at": world.clock.now_ms()}
    return await world.store.transact(lambda tx: what(tx, row_id, **(facts | more)))
