"""Joining a line of the bank alone with what the books have of it, by a person's word.

Both sides must be of the same amount, and nothing of ours is joined twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ...codecs import format_yuan
from ..settlement.acting import SettlementRefused
from ..store import funds, payments, reconciliation
from ..store.protocol import Transaction
from ..store.reconciliation import DifferenceFilter, DifferenceRow
from ..store.records import Payment
from .decisions import EXPECTED, Decision


@dataclass(frozen=True, slots=True)
class Linked:
    """What a line was joined with, by name, and the rows of ours that are closed with it."""

    reference: str
    rows: tuple[DifferenceRow, ...] = ()


class Sources(Protocol):
    """Who knows whose payments a node's lists have."""

    def sources_of(self, node: str) -> tuple[str, ...]:
        """The nodes."""


async def link_targets(
    tx: Transaction, row: DifferenceRow, decision: Decision, sources: Sources
) -> Linked:
    """Join the open ROW of the bank alone with what DECISION names. Raises SettlementRefused."""
    if row.theirs_amt is None:
        raise SettlementRefused("the line has no amount that could be compared", "accept it")
    other = None if decision.other is None else await _other(tx, row, decision.other)
    payment_id = decision.payment
    if other is not None and row.statement == "2555":
        payment_id = other.payment_id
    if row.statement == "2555":
        if payment_id is None:
            raise _wrong("a line of payments is linked with a payment", "name one")
        return await _to_payment(tx, row, payment_id, sources)
    raise _wrong("not yet", "")


async def _other(tx: Transaction, row: DifferenceRow, number: int) -> DifferenceRow:
    """The row of ours that a line is joined with."""
    other = await reconciliation.get(tx, number, lock=True)
    if other is None:
        raise _wrong(f"there is no difference {number}", "see `nontax reconcile show`")
    if other.statement != row.statement or other.kind not in EXPECTED[row.statement]:
        raise _wrong(f"row {number} is {other.kind} of {other.statement}", "name a row of ours")
    if other.state != "open":
        raise SettlementRefused(f"row {number} is {other.state} already", "look at it again")
    _same_amount(row, other.ours_amt)
    return other


async def _to_payment(
    tx: Transaction, row: DifferenceRow, payment_id: int, sources: Sources
) -> Linked:
    payment = await _payment(tx, row, payment_id, sources)
    there = await funds.of_payment(tx, payment.id)
    if there.reconciled_on:
        raise SettlementRefused(
            f"payment {payment.id} is reconciled already, on {there.reconciled_on}",
            "name another one",
        )
    closed: list[DifferenceRow] = []
    narrowed = DifferenceFilter(statement="2555", states=("open",), payment_id=payment.id)
    for found in await reconciliation.differences(tx, narrowed):
        if found.id == row.id:
            continue
        if found.kind not in EXPECTED["2555"]:
            raise SettlementRefused(
                f"payment {payment.id} has another line: row {found.id}, {found.kind}",
                "decide on that row first",
            )
        closed.append(found)
    await funds.reconciled(tx, payment.id, row.check_date)
    return Linked(f"payment:{payment.id}", tuple(closed))


async def _payment(
    tx: Transaction, row: DifferenceRow, payment_id: int, sources: Sources
) -> Payment:
    payment = await payments.get(tx, payment_id, lock=True)
    if payment is None:
        raise _wrong(f"there is no payment {payment_id}", "see `nontax bill show`")
    if payment.src not in sources.sources_of(row.node):
        raise SettlementRefused(
            f"payment {payment.id} was collected by {payment.src}, the line is of {row.node}",
            "name one that this node's lists have",
        )
    _same_amount(row, payment.amt)
    return payment


def _same_amount(row: DifferenceRow, ours: int | None) -> None:
    if ours is None or row.theirs_amt is None or ours != row.theirs_amt:
        theirs = "nothing" if row.theirs_amt is None else format_yuan(row.theirs_amt)
        known = "nothing" if ours is None else format_yuan(ours)
        raise SettlementRefused(
            f"the line says {theirs}, ours {known}", "only the same amount can be linked"
        )


def _wrong(what: str, do: str) -> SettlementRefused:
    return SettlementRefused(what, do, wrong_input=True)
