"""Joining a line of the bank alone with what the books have of it, by a person's word.

Both sides must be of the same amount, and nothing of ours is joined twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ...codecs import format_yuan
from ...reconcile.sides import LineRef, Met
from ..settlement.acting import Acting, SettlementRefused
from ..store import arrivals, funds, payments, reconciliation, reconlinks, statements, transfers
from ..store.protocol import Transaction
from ..store.reconciliation import DifferenceFilter, DifferenceRow
from ..store.records import Payment
from ..store.statements import StatementBatch
from .decisions import EXPECTED, Decision
from .effects import meet_funds
from .expecting import FundsDay


@dataclass(frozen=True, slots=True)
class Linked:
    """What a line is joined with, by name, and the rows of ours that are closed with it."""

    reference: str
    rows: tuple[DifferenceRow, ...] = ()


class Sources(Protocol):
    """Who knows whose payments there are."""

    def sources_of(self, node: str) -> tuple[str, ...]:
        """The nodes whose payments a node's lists have."""

    async def collecting(self, tx: Transaction) -> list[str]:
        """Every node that collects, or did."""


async def find_link(
    tx: Transaction, row: DifferenceRow, decision: Decision, sources: Sources
) -> Linked:
    """What DECISION joins the open ROW of the bank alone with. Raises SettlementRefused."""
    if row.theirs_amt is None:
        raise SettlementRefused("the line has no amount that could be compared", "accept it")
    other = None if decision.other is None else await _other(tx, row, decision.other)
    if row.statement == "2555":
        payment_id = decision.payment if other is None else other.payment_id
        if payment_id is None:
            raise _wrong("a line of payments is linked with a payment", "name one")
        return await _listed_payment(tx, row, payment_id, sources)
    if other is not None:
        return await _expected(tx, row, other.expected)
    if decision.arrival is not None:
        return await _expected(tx, row, f"arrival:{decision.arrival}")
    if row.statement == "2556":
        raise _wrong("a movement is linked with an arrival or another row", "name one")
    return await _expected(tx, row, f"payment:{decision.payment}")


async def join(
    tx: Transaction, row: DifferenceRow, linked: Linked, sources: Sources, acting: Acting
) -> None:
    """What follows for the money, once the rows are closed."""
    what, _, number = linked.reference.partition(":")
    if row.statement == "2555":
        await funds.reconciled(tx, int(number), row.check_date)
    elif row.statement == "2557" and what == "arrival":
        await _same_money(tx, row, int(number), acting)
    elif row.statement == "2557":
        batch = await _batch(tx, row)
        met = Met(linked.reference, _place(row))
        day = FundsDay(batch, tuple(await sources.collecting(tx)), 0)
        await meet_funds(tx, day, [met], {}, acting.at)


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


async def _listed_payment(
    tx: Transaction, row: DifferenceRow, payment_id: int, sources: Sources
) -> Linked:
    """A payment that no list has shown, with the row of it."""
    payment = await _payment(tx, row, payment_id)
    if payment.src not in sources.sources_of(row.node):
        raise SettlementRefused(
            f"payment {payment.id} was collected by {payment.src}, the line is of {row.node}",
            "name one that this node's lists have",
        )
    there = await funds.of_payment(tx, payment.id)
    if there.reconciled_on:
        raise _known_already(f"payment {payment.id} is reconciled", there.reconciled_on)
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
    return Linked(f"payment:{payment.id}", tuple(closed))


async def _expected(tx: Transaction, row: DifferenceRow, expected: str) -> Linked:
    """Money or a movement that the books know by a name, with the rows that wait for it."""
    what, _, number = expected.partition(":")
    if what == "payment":
        payment = await _payment(tx, row, int(number))
        there = await funds.of_payment(tx, payment.id)
        if there.arrived_on:
            raise _known_already(f"the money of payment {payment.id} arrived", there.arrived_on)
    elif what == "arrival":
        arrival = await arrivals.get(tx, int(number), lock=True)
        if arrival is None:
            raise _wrong(f"there is no arrival {number}", "see `nontax arrival list`")
        _same_amount(row, arrival.amt)
    elif what == "transfer":
        transfer = await transfers.get(tx, int(number), lock=True)
        if transfer is None or transfer.state != "sent":
            raise SettlementRefused("the batch has arrived already", "name another row")
    if await reconlinks.is_linked(tx, expected, row.statement):
        raise SettlementRefused(f"{expected} is linked with another line", "name another one")
    if row.statement == "2557":
        await _check_line(tx, row, expected)
    waiting = await reconciliation.of_expected(
        tx, expected, node=row.node, statement=row.statement, scope=row.scope
    )
    return Linked(expected, tuple(found for found in waiting if found.state == "open"))


async def _check_line(tx: Transaction, row: DifferenceRow, expected: str) -> None:
    """The money of a line of 2557 must not have come to another end."""
    await _batch(tx, row)
    own = await arrivals.by_number(tx, row.node, row.tra_no)
    if own is None or expected == f"arrival:{own.id}":
        return
    if own.state != "unidentified":
        raise SettlementRefused(
            f"the line's money is {own.state} already", f"see `nontax arrival show {own.id}`"
        )


async def _same_money(tx: Transaction, row: DifferenceRow, arrival_id: int, acting: Acting) -> None:
    """The line is money that was reported under another number: it stands in the books once."""
    own = await arrivals.by_number(tx, row.node, row.tra_no)
    if own is None or own.id == arrival_id or own.state != "unidentified":
        return
    reason = f"the same money as arrival {arrival_id}"
    await arrivals.end(tx, own.id, "returned", actor=acting.name, reason=reason, at=acting.at)


async def _batch(tx: Transaction, row: DifferenceRow) -> StatementBatch:
    batch = None if row.batch_id is None else await statements.get(tx, row.batch_id)
    if batch is None or batch.state not in statements.USABLE:
        raise SettlementRefused(
            "its list does not stand any more", "run `nontax reconcile run` for its day"
        )
    return batch


def _place(row: DifferenceRow) -> LineRef:
    return LineRef(row.batch_id or 0, row.pack_no or 0, row.line_no or 0)


async def _payment(tx: Transaction, row: DifferenceRow, payment_id: int) -> Payment:
    payment = await payments.get(tx, payment_id, lock=True)
    if payment is None:
        raise _wrong(f"there is no payment {payment_id}", "see `nontax bill show`")
    _same_amount(row, payment.amt)
    return payment


def _known_already(what: str, date: str) -> SettlementRefused:
    return SettlementRefused(f"{what} already, on {date}", "name another one")


def _same_amount(row: DifferenceRow, ours: int | None) -> None:
    if ours is None or row.theirs_amt is None or ours != row.theirs_amt:
        theirs = "nothing" if row.theirs_amt is None else format_yuan(row.theirs_amt)
        known = "nothing" if ours is None else format_yuan(ours)
        raise SettlementRefused(
            f"the line says {theirs}, ours {known}", "only the same amount can be linked"
        )


def _wrong(what: str, do: str) -> SettlementRefused:
    return SettlementRefused(what, do, wrong_input=True)
