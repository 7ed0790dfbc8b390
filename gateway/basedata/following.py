"""Keeping batches of base data in step with their messages in the outbox.

Everything here runs in the transaction that moves the message.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..store import basedata, journal
from ..store.basedata import Batch, PackState
from ..store.protocol import Transaction
from ..store.records import OutboxMessage, OutboxState

NUMBERS: Final = ("5952", "5953", "5955", "5981")
GATEWAY: Final = "gateway"

_PACK_STATES: Final[Mapping[OutboxState, PackState]] = {
    "sent": "sent",
    "acknowledged": "acknowledged",
    "succeeded": "succeeded",
    "failed": "failed",
    "dead": "failed",
    "expired": "failed",
    "dropped": "failed",
}
_ENDS: Final = frozenset({"succeeded", "failed"})


async def batch_follows(
    tx: Transaction, row: OutboxMessage, state: OutboxState, at: int, reason: str
) -> None:
    """5952, 5953, 5955, 5981: a batch has what became of its packs, until 2952 says more."""
    pack_state = _PACK_STATES.get(state)
    before = await basedata.get(tx, row.subject, lock=True)
    if pack_state is None or before is None:
        return
    information = f"{state}: {reason}"[:200] if pack_state == "failed" else ""
    batch = await basedata.move_pack(tx, row.id, pack_state, at=at, information=information)
    if batch is not None and batch.state != before.state and batch.state in _ENDS:
        facts: dict[str, journal.Fact] = {"was": before.state}
        if batch.state == "failed":
            facts |= {"outbox": row.id, "state": state, "result": row.last_result}
        await note(tx, batch, batch.state, actor=GATEWAY, at=at, facts=facts)


async def sent_again(tx: Transaction, row: OutboxMessage, at: int) -> str:
    """A dead letter of a batch is delivered after all; why it must not be, '' when it may.

    An old list that arrives behind a newer one would undo it.
    """
    batch = await basedata.get(tx, row.subject, lock=True)
    if batch is None:
        return ""
    if batch.receipt_at:
        return "its receipt (2952) is here: push the catalogue anew"
    latest = await basedata.latest(tx, batch.peer, batch.kind)
    if latest is not None and latest.id != batch.id:
        return f"{latest.batch_no} was told after it: push the catalogue anew"
    await basedata.move_pack(tx, row.id, "queued", at=at)
    return ""


async def note(
    tx: Transaction,
    batch: Batch,
    what: str,
    *,
    actor: str,
    at: int,
    facts: Mapping[str, journal.Fact],
) -> None:
    """Journal what happened to a batch."""
    about: dict[str, journal.Fact] = {
        "peer": batch.peer,
        "kind": batch.kind,
        "number": batch.number,
    }
    await journal.append(
        tx,
        at=at,
        kind=f"basedata.{what}",
        subject=batch.batch_no,
        actor=actor,
        facts=about | dict(facts),
    )
