"""Sending a batch of base data again that did not arrive, or that the bank did not take.

What was lost on the way goes out again as it was, under its own number. A batch that the bank has
and refused, or never gave a receipt for, is told anew under a new one: a receipt belongs to one
number for ever.
"""

from __future__ import annotations

from ..outbox import Terms, operate
from ..outbox.operate import NotPossible
from ..store import basedata, outbox
from ..store.basedata import Batch
from ..store.protocol import Store, Transaction
from .entries import Kind
from .following import note
from .push import BaseData, PushRefused, targets


async def resend(
    data: BaseData,
    store: Store,
    batch_no: str,
    *,
    terms: Terms,
    actor: str,
    reason: str,
    at: int,
) -> Batch:
    """Send a batch again; it, or the one that tells its list anew. Raises PushRefused."""

    async def work(tx: Transaction) -> tuple[Batch, bool]:
        batch = await _to_send_again(tx, batch_no, at)
        if batch.receipt_at or batch.state != "failed":
            return batch, False
        lost = [p.outbox_id for p in await basedata.packs(tx, batch.id) if p.state == "failed"]
        if any([await outbox.get(tx, message) is None for message in lost]):
            return batch, False
        for message in lost:
            await operate.requeue(tx, message, operator=actor, reason=reason, at=at, terms=terms)
        await note(tx, batch, "resent", actor=actor, at=at, facts={"reason": reason})
        return await _found(tx, batch_no), True

    try:
        batch, done = await store.transact(work)
    except NotPossible as error:
        raise PushRefused(str(error), wrong_input=False) from None
    if done:
        return batch
    [target] = targets(data.peers, node=batch.peer, kind=Kind(batch.kind))
    [outcome] = await data.push([target], full=True, actor=actor)
    if outcome.batch is None:
        raise PushRefused("the catalogue has nothing of it any more", wrong_input=False)
    return outcome.batch


async def _found(tx: Transaction, batch_no: str) -> Batch:
    batch = await basedata.get(tx, batch_no, lock=True)
    if batch is None:
        raise PushRefused("there is no such batch", "see `nontax catalogue push --status`")
    return batch


async def _to_send_again(tx: Transaction, batch_no: str, at: int) -> Batch:
    batch = await _found(tx, batch_no)
    latest = await basedata.latest(tx, batch.peer, batch.kind)
    if latest is not None and latest.id != batch.id:
        raise PushRefused(
            f"{latest.batch_no} was told after it",
            "push the catalogue; that tells what is missing",
            wrong_input=False,
        )
    late = batch.state == "acknowledged" and await overdue(tx, batch, at)
    if batch.state not in {"failed", "partly"} and not late:
        raise PushRefused(
            f"it is {batch.state}",
            "only what failed, or waits for its receipt too long, is sent again",
            wrong_input=False,
        )
    return batch


async def overdue(tx: Transaction, batch: Batch, at: int) -> bool:
    """Whether the receipt (2952) of a batch should have come."""
    if batch.state != "acknowledged":
        return False
    deadlines = [row.result_deadline for row in await outbox.of_subject(tx, batch.batch_no)]
    return any(deadline is not None and deadline <= at for deadline in deadlines)
