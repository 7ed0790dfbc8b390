"""What reconciled money leads to: payments count as reconciled, arrived funds are known.

Each step is whole in itself and can be repeated: a run that was killed is simply run again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from ...reconcile.sides import Expected, LineRef, Met
from ..settlement.transfers import batch_arrived
from ..store import MAX_FEN, arrivals, funds, payments, reconciliation, reconmet, statements
from ..store import transfers as batches
from ..store.arrivals import Arrival
from ..store.protocol import Transaction
from ..store.reconciliation import GATEWAY, DifferenceFilter, DifferenceRow
from ..store.reconmet import MetRow
from ..store.statements import FundsRow, StatementBatch
from .books import SELF_REPORTED
from .expecting import FundsDay, came_otherwise, payments_of_sum
from .rows import settle

AT_ONCE: Final = 1000
MARKED_AT_ONCE: Final = 5000

_NO_TIME: Final = "000000"
_UNEXPECTED: Final = "the day's list has it, and nothing expects it"


# -- payments -------------------------------------------------------------------------------------


async def mark_reconciled(tx: Transaction, payment_ids: Sequence[int], check_date: str) -> int:
    """Note that a statement has these payments; how many were not known to be before."""
    marked = 0
    for payment_id in payment_ids:
        marked += await funds.reconciled(tx, payment_id, check_date)
    return marked


# -- arrived funds --------------------------------------------------------------------------------


async def meet_funds(
    tx: Transaction,
    day: FundsDay,
    met: Sequence[Met],
    expected: Mapping[str, Expected],
    at: int,
) -> list[DifferenceRow]:
    """Expected money that lines of a list show has arrived. EXPECTED has it beside payments.

    The rows of other days that are settled by it.
    """
    batch = day.batch
    settled: list[DifferenceRow] = []
    for one in met:
        line = await statements.fund_line(tx, one.line)
        if line is None:
            continue
        what, _, rest = one.expected.partition(":")
        if what == "payment":
            await _payment_came(tx, batch, line, int(rest), at)
        elif what == "transfer":
            await _transfer_came(tx, batch, line, int(rest), at)
        elif what == "channel":
            mode, _, date = rest.partition(":")
            ids = await payments_of_sum(tx, day.sources, batch.scope, mode=mode, date=date)
            for payment_id in ids:
                await funds.arrived(tx, payment_id, batch.check_date, None)
        if one.expected in expected:
            await _note_met(tx, batch, line, expected[one.expected])
        settled += await _settle_met(tx, batch, one, at)
    return settled


async def _payment_came(
    tx: Transaction, batch: StatementBatch, line: FundsRow, payment_id: int, at: int
) -> None:
    payment = await payments.get(tx, payment_id)
    if payment is None:
        return
    known = await arrivals.by_number(tx, batch.src, line.tra_no)
    if known is None and await arrivals.of_payment(tx, payment_id) is None:
        found = replace(_arrival(batch, line, at), state="identified", payment_id=payment_id)
        arrival_id: int | None = await arrivals.insert(tx, found)
    else:
        arrival_id = known.id if known is not None else None
        if known is not None and known.state == "unidentified":
            await arrivals.end(
                tx,
                known.id,
                "identified",
                actor=GATEWAY,
                reason="the day's list shows whose money it is",
                at=at,
                payment_id=payment_id,
                pay_code=payment.pay_code,
            )
    await funds.arrived(tx, payment_id, batch.check_date, arrival_id)
    if payment.channel in SELF_REPORTED:
        # No list of payments has it: that its money is there is all that there is to compare.
        await funds.reconciled(tx, payment_id, batch.check_date)


async def _transfer_came(
    tx: Transaction, batch: StatementBatch, line: FundsRow, transfer_id: int, at: int
) -> None:
    transfer = await batches.get(tx, transfer_id, lock=True)
    if transfer is None or transfer.state != "sent":
        return
    known = await arrivals.by_number(tx, batch.src, line.tra_no)
    if known is None:
        found = replace(_arrival(batch, line, at), state="identified", transfer_id=transfer_id)
        arrival_id = await arrivals.insert(tx, found)
    elif known.state == "unidentified":
        arrival_id = known.id
        await arrivals.end(
            tx,
            known.id,
            "identified",
            actor=GATEWAY,
            reason="the day's list shows whose money it is",
            at=at,
            transfer_id=transfer_id,
        )
    else:
        return  # the number is that of other money: nothing is said of the batch
    await batch_arrived(tx, transfer, arrival_id, batch.check_date, at)


async def _note_met(
    tx: Transaction, batch: StatementBatch, line: FundsRow, expected: Expected
) -> None:
    row = MetRow(
        node=batch.src,
        scope=batch.scope,
        expected=expected.expected,
        check_date=batch.check_date,
        batch_id=line.batch_id,
        pack_no=line.pack_no,
        line_no=line.line_no,
        tra_no=line.tra_no,
        amt=line.amt,
        data=json.dumps(list(expected)),
    )
    await reconmet.meet(tx, row)


async def _settle_met(
    tx: Transaction, batch: StatementBatch, met: Met, at: int
) -> list[DifferenceRow]:
    """Rows of earlier days that waited for this money, or had this line, are at rest."""
    waiting = await reconciliation.of_expected(
        tx, met.expected, node=batch.src, statement="2557", scope=batch.scope
    )
    if met.line.batch_id != batch.id:
        waiting += await _rows_of_line(tx, batch, met.line)
    settled: list[DifferenceRow] = []
    for row in waiting:
        if row.state == "open" and row.check_date != batch.check_date:
            reason = f"{batch.check_date}对账已核对一致"
            if await settle(tx, row, reason, at, reference=met.expected):
                settled.append(row)
    return settled


async def _rows_of_line(
    tx: Transaction, batch: StatementBatch, line: LineRef
) -> list[DifferenceRow]:
    narrowed = DifferenceFilter(
        node=batch.src,
        statement="2557",
        scope=batch.scope,
        states=("open",),
        batch_id=line.batch_id,
    )
    rows = await reconciliation.differences(tx, narrowed, limit=100_000)
    return [row for row in rows if (row.pack_no, row.line_no) == (line.pack_no, line.line_no)]


async def keep_unknown(
    tx: Transaction, batch: StatementBatch, lines: Sequence[LineRef], at: int
) -> int:
    """Lines that nothing expects are unidentified money, unless it was reported; how many."""
    kept = 0
    for ref in lines:
        line = await statements.fund_line(tx, ref)
        if line is None or line.fault or not line.tra_no or not 0 < line.amt <= MAX_FEN:
            continue
        if await arrivals.by_number(tx, batch.src, line.tra_no) is None:
            await arrivals.insert(tx, replace(_arrival(batch, line, at), why=_UNEXPECTED))
            kept += 1
    return kept


def _arrival(batch: StatementBatch, line: FundsRow, at: int) -> Arrival:
    return Arrival(
        id=0,
        kind="2557",
        src=batch.src,
        tra_no=line.tra_no,
        arr_date=batch.check_date,
        arr_time=_NO_TIME,
        rec_acct_type=batch.acct_type,
        rec_acct=batch.scope,
        amt=line.amt,
        received_at=at,
        changed_at=at,
        batch_no=line.ref_batch_no,
        pay_code=line.pay_code,
        add_word=line.add_word,
    )


# -- rows that wait no more -----------------------------------------------------------------------


async def settle_known(
    tx: Transaction, node: str, until: str, at: int, *, after: int, limit: int = 200
) -> tuple[int | None, list[DifferenceRow]]:
    """Settle a page of a node's open rows of funds whose money came to its end otherwise.

    The id to go on after, None at the end, and the rows that are settled. Rows of days after UNTIL
    are left alone.
    """
    narrowed = DifferenceFilter(node=node, date_to=until, statement="2557", states=("open",))
    rows = await reconciliation.differences(tx, narrowed, after=after, limit=limit)
    settled: list[DifferenceRow] = []
    for row in rows:
        reason = await came_otherwise(tx, row)
        if reason and await settle(tx, row, reason, at):
            settled.append(row)
    return (rows[-1].id if len(rows) == limit else None), settled
