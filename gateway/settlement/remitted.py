"""Where a remittance (缴库单) stands, and what follows from it: its message, its dues, its voucher.

Functions over one transaction, for the outbox (the message 5618 moved on), for 2618 and for people.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..store import journal, remittance, vouchers
from ..store.protocol import Transaction
from ..store.records import OutboxMessage, OutboxState
from ..store.remittance import RemitOutcome, Remittance, RemittanceState
from ..store.vouchers import SpoolVoucher
from .voucherpages import remittance_document

ORDER: Final = "5618"
UNDER_WAY: Final[tuple[RemittanceState, ...]] = ("queued", "sent", "acknowledged", "unknown")

# Where a remittance may stand when its message reaches a state, and where it goes then. A result
# that came before the acknowledgement has ended the remittance already: it is in none of these.
_BEFORE: Final[Mapping[OutboxState, tuple[tuple[RemittanceState, ...], RemittanceState]]] = {
    "sent": (("queued",), "sent"),
    "acknowledged": (("queued", "sent"), "acknowledged"),
    "failed": (("queued", "sent", "acknowledged"), "failed"),
    "unknown": (("queued", "sent", "acknowledged"), "unknown"),
    "expired": (("queued",), "failed"),
    "dead": (("queued",), "failed"),
    "dropped": (("queued",), "failed"),
}


async def remittance_follows(
    tx: Transaction, row: OutboxMessage, state: OutboxState, at: int, reason: str
) -> None:
    """5618: the remittance has the state of its message, until 2618 says more.

    What failed for good, or was never sent, is released: it can be remitted again.
    """
    move = _BEFORE.get(state)
    found = await remittance.by_number(tx, row.peer, row.subject, lock=True) if move else None
    if move is None or found is None:
        return
    expected, following = move
    outcome = None
    if following in {"failed", "unknown"}:
        outcome = RemitOutcome(result="", information=f"{state}: {reason}"[:200])
    moved = await remittance.set_state(
        tx, found.id, expected=expected, state=following, changed_at=at, outcome=outcome
    )
    if moved and following == "failed":
        await remittance.release(tx, found.id)


async def order_again(tx: Transaction, row: OutboxMessage, at: int) -> bool:
    """Put a remittance whose message is queued again after all back on its way; False: too late."""
    found = await remittance.by_number(tx, row.peer, row.subject, lock=True)
    if found is None or found.state != "failed" or found.result:
        return False
    if not await remittance.hold(tx, found.id):
        return False
    return await remittance.set_state(
        tx, found.id, expected=("failed",), state="queued", changed_at=at
    )


async def settled_by_hand(
    tx: Transaction, row: OutboxMessage, state: OutboxState, at: int, reason: str
) -> None:
    """A person found out at the bank what became of an unknown 5618."""
    found = await remittance.by_number(tx, row.peer, row.subject, lock=True)
    if found is None or found.state != "unknown" or state not in {"succeeded", "failed"}:
        return
    await end(
        tx,
        found,
        succeeded=state == "succeeded",
        outcome=RemitOutcome(result="", information=f"settled {reason}"[:200]),
        at=at,
    )


async def end(
    tx: Transaction, found: Remittance, *, succeeded: bool, outcome: RemitOutcome, at: int
) -> bool:
    """A remittance has come to its end: its dues are done, or open again.

    False, and nothing is written, when one that failed before has succeeded after all and its money
    was remitted or ordered back otherwise since.
    """
    if found.state == "failed" and succeeded and not await remittance.hold(tx, found.id):
        return False
    state: RemittanceState = "succeeded" if succeeded else "failed"
    await remittance.set_state(
        tx, found.id, expected=(found.state,), state=state, changed_at=at, outcome=outcome
    )
    if not succeeded:
        await remittance.release(tx, found.id)
    return True


async def issue_voucher(tx: Transaction, remit_id: int, node_name: str, at: int) -> None:
    """Have the voucher (缴库凭证) of a succeeded remittance written. One is enough."""
    found = await remittance.get(tx, remit_id)
    if found is None or found.state != "succeeded" or not found.count:
        return
    document = remittance_document(found, await remittance.lines(tx, remit_id), node_name)
    # A bank's own number is no name for a file.
    number = found.remit_no if found.origin == "run" else f"{found.node}-{found.id}"
    await vouchers.put(tx, SpoolVoucher(0, "remittance", number, document, at))


async def note(
    tx: Transaction,
    found: Remittance,
    kind: str,
    *,
    actor: str,
    at: int,
    facts: Mapping[str, journal.Fact],
) -> None:
    """Journal what happened to a remittance; how much it is and where it stood is always said."""
    await journal.append(
        tx,
        at=at,
        kind=f"remittance.{kind}",
        subject=found.remit_no,
        actor=actor,
        facts={"node": found.node, "TotalAmt": found.total, "was": found.state, **facts},
    )
