"""What the books know of an account's movements (2556): money in, and what they had paid out of it.

In: the lines of the day's list of arrived funds where the bank gave one, else what is expected of
it. Out: lines of clearing instructions, refunds, remittances and batches that were executed on the
day. What earlier days still wait for is carried forward.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from ...reconcile.kinds import Kind
from ...reconcile.sides import Balances, ChannelSum, Expected, MoneyLine
from ..store import statements
from ..store.protocol import Transaction
from ..store.reconciliation import DifferenceRow
from ..store.statements import StatementBatch
from .books import Merged
from .expecting import IN, OUT, FundsDay, Sorted, bank_of, expected_funds, waiting_rows

# Named by what they say, not by where they stand: a list may come again in another order.
_LISTED: Final = (
    "SELECT tra_no, 'funds:' || ?2 || ':' || tra_no || ':' || row_number() OVER"
    " (PARTITION BY tra_no ORDER BY amt, pay_mode, pay_code, ref_batch_no), '1', pay_mode,"
    " pay_code, ref_batch_no, amt FROM statement_funds WHERE batch_id = ?1 AND fault = ''"
)
_REPORTED: Final = (
    "SELECT tra_no, 'arrival:' || id, '1', '', pay_code, batch_no, amt FROM arrivals"
    " WHERE src = ?1 AND rec_acct = ?2 AND arr_date = ?3 AND kind <> '2557'"
)
_CLEARED: Final = (
    "SELECT l.tra_no, 'clearing:' || l.instr_no || ':' || l.line_no, '2', '', '', l.instr_no, l.amt"
    " FROM clearing_instructions AS i JOIN clearing_lines AS l ON l.instr_no = i.instr_no"
    " WHERE i.acct_no = ?1 AND l.tra_date = ?2 AND l.state = 'succeeded'"
)
_REFUNDED: Final = (
    "SELECT r.tra_no, 'refund:' || r.refund_no, '2', '', r.pay_code, '', r.amt FROM refunds AS r"
    " JOIN payments AS p ON p.id = r.payment_id WHERE r.tra_date = ?2 AND r.state = 'succeeded'"
    " AND CASE r.paid_from WHEN 'collection' THEN p.rec_acct = ?1 AND r.src LIKE ?3"
    " WHEN 'reserve' THEN r.pay_acct = ?1 ELSE 0 END"
)
_REMITTED: Final = (
    "SELECT tra_no, 'remittance:' || remit_no, '2', '', '', remit_no, total FROM remittances"
    " WHERE pay_acct = ?1 AND tra_date = ?2 AND state = 'succeeded'"
)
_MOVED: Final = (
    "SELECT tra_no, 'moved:' || id, '2', '', '', batch_no, amt FROM transfers"
    " WHERE payer_acct = ?1 AND tra_date = ?2 AND state <> 'cancelled'"
)
_LINES: Final = (
    "SELECT tra_no, batch_id, pack_no, line_no, dc_flag, pay_mode, '', ref_batch_no, amt, ?2,"
    " fault FROM statement_movements WHERE batch_id = ?1 ORDER BY tra_no, pack_no, line_no"
)
_LINE: Final = (
    "SELECT s.tra_no, s.batch_id, s.pack_no, s.line_no, s.dc_flag, s.pay_mode, '', s.ref_batch_no,"
    " s.amt, b.check_date, s.fault FROM statement_movements AS s JOIN statement_batches AS b"
    " ON b.id = s.batch_id WHERE s.batch_id = ?1 AND s.pack_no = ?2 AND s.line_no = ?3"
    " AND b.state IN ('complete', 'failed', 'reconciled')"
)


async def expected_movements(
    tx: Transaction, batch: StatementBatch, *, sources: Sequence[str], max_payment_id: int
) -> Merged[Expected]:
    """What the books know of an account's day, ordered by number, each thing once."""
    account, date = batch.scope, batch.check_date
    found: dict[str, Expected] = {}
    pages: list[Callable[[], Awaitable[Sequence[Expected]]]] = []
    listed = await statements.living(tx, "2557", batch.src, date, account)
    if listed is not None and listed.state in statements.USABLE:
        numbers = set()
        for row in await tx.all(_LISTED, listed.id, date):
            found[row[1]] = Expected._make((*row, date, None))
            numbers.add(row[0])
        for row in await tx.all(_REPORTED, batch.src, account, date):
            if row[0] not in numbers:
                found[row[1]] = Expected._make((*row, date, None))
    else:
        # The account's own list stands in for that of its funds.
        day = FundsDay(batch, tuple(sources), max_payment_id)
        pages.append((await expected_funds(tx, day)).next)
    # Who does not hold the account pays back what it holds itself.
    for sql, *more in ((_CLEARED,), (_REFUNDED, bank_of(batch)), (_REMITTED,), (_MOVED,)):
        for row in await tx.all(sql, account, date, *more):
            found[row[1]] = Expected._make((*row, date, None))
    for missing in await waiting_rows(tx, batch, Kind.MOVEMENT_MISSING):
        found.setdefault(missing.expected, _carried(missing))
    pages.insert(0, Sorted(found.values()).next)
    return Merged(pages)


def _carried(row: DifferenceRow) -> Expected:
    what, _, rest = row.expected.partition(":")
    flag = IN if what in {"funds", "arrival", "payment", "transfer", "channel"} else OUT
    batch_no = rest.partition(":")[0] if what in {"clearing", "remittance"} else ""
    return Expected(
        row.tra_no,
        row.expected,
        flag,
        "",
        row.pay_code,
        batch_no,
        row.ours_amt or 0,
        row.check_date,
        row.payment_id,
    )


async def movement_lines(tx: Transaction, batch: StatementBatch) -> Merged[MoneyLine]:
    """The lines of the statement, and those of earlier days that nobody knew, by number."""
    lines = [MoneyLine(*row) for row in await tx.all(_LINES, batch.id, batch.check_date)]
    for waiting in await waiting_rows(tx, batch, Kind.MOVEMENT_UNKNOWN):
        if waiting.batch_id is not None:
            ref = (waiting.batch_id, waiting.pack_no, waiting.line_no)
            row = await tx.one(_LINE, *ref)
            if row:
                lines.append(MoneyLine(*row))
    return Merged([Sorted(lines).next])


async def balances_of(tx: Transaction, batch: StatementBatch) -> Balances:
    """What a statement says of the whole day, and how the one before it ended."""
    previous = await statements.previous_balance(tx, batch.src, batch.scope, batch.check_date)
    channels = tuple(
        ChannelSum(total.pay_mode, total.in_amt, total.out_amt)
        for total in await statements.channels(tx, batch.id)
    )
    return Balances(
        batch.begin_bal or 0,
        batch.in_amt or 0,
        batch.out_amt or 0,
        batch.end_bal or 0,
        channels,
        previous[1] if previous else None,
    )
