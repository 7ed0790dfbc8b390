"""Money that the books expect on an account (2557): payments, batches, sums of channels, reports.

Expected once, whatever told of it: a payment whose money came under another number is expected as
that arrival, one that was moved in a batch (2613) as the batch, third-party payments as the day's
sum of their channel. What earlier days still wait for is carried forward.
"""

# ruff: noqa: S608 - statements are put together from constants of this module only

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ...reconcile.kinds import Kind
from ...reconcile.sides import Expected, MoneyLine
from ..store import arrivals, funds, reconciliation, reconmet
from ..store.arrivals import Arrival
from ..store.protocol import Row, Transaction
from ..store.reconciliation import DifferenceFilter, DifferenceRow
from ..store.statements import StatementBatch
from .books import PAGE, THIRD_PARTY, Merged

IN: Final = "1"
OUT: Final = "2"

_THIRD: Final = ", ".join(f"'{mode}'" for mode in sorted(THIRD_PARTY))
# An account is named by its number, by a virtual one of its pools, or by the one that a bill shows
# in its stead.
_ON_ACCOUNT: Final = (
    "(p.rec_acct = ?1 OR p.rec_acct IN (SELECT v.acct_no FROM virtual_accounts AS v"
    " JOIN virtual_pools AS q ON q.first = v.pool WHERE q.acct_no = ?1)"
    " OR EXISTS (SELECT 1 FROM bills AS b WHERE b.pay_code = p.pay_code AND b.rec_acct = p.rec_acct"
    " AND b.rec_acct <> '' AND b.rec_acct_real = ?1))"
)
_NOT_MOVED: Final = (
    "NOT EXISTS (SELECT 1 FROM transfer_details AS d JOIN transfers AS t ON t.id = d.transfer_id"
    " WHERE d.payment_id = p.id AND d.living = 1 AND t.rec_acct = ?1)"
)
# Its money is known under another number, or was in the list of another day.
_NOT_OTHERWISE: Final = (
    "NOT EXISTS (SELECT 1 FROM arrivals AS a WHERE a.payment_id = p.id AND CASE a.kind"
    " WHEN '2557' THEN a.arr_date <> ?2"
    " ELSE a.tra_no <> p.tra_no_bus OR a.arr_date <> p.cfm_date END)"
)
# What a node that does not hold the account had paid back by the end of the day never comes there.
_COMES: Final = (
    "(p.amt - CASE WHEN p.src LIKE {bank} THEN 0 ELSE coalesce((SELECT sum(r.amt) FROM refunds AS r"
    " WHERE r.payment_id = p.id AND r.state = 'succeeded' AND r.paid_from <> 'reserve'"
    " AND r.tra_date <= ?2), 0) END)"
)
# What was made of lines is expected like what was confirmed, also by the run that made it.
_PAYMENTS: Final = (
    "SELECT p.tra_no_bus, p.id, p.pay_mode, p.pay_code,"
    f" {_COMES.format(bank='?6')} AS comes FROM payments AS p"
    " WHERE p.src = ?3 AND p.cfm_date = ?2 AND p.tra_no_bus > ?4"
    " AND (p.id <= ?5 OR p.channel = 'repair')"
    f" AND p.pay_mode NOT IN ({_THIRD}) AND {_ON_ACCOUNT} AND {_NOT_MOVED} AND {_NOT_OTHERWISE}"
    f" ORDER BY p.tra_no_bus LIMIT {PAGE}"
)
_SUMS: Final = (
    f"SELECT p.pay_mode, sum({_COMES.format(bank='?5')}) FROM payments AS p"
    " WHERE p.src = ?3 AND p.cfm_date = ?2 AND (p.id <= ?4 OR p.channel = 'repair')"
    f" AND p.pay_mode IN ({_THIRD}) AND {_ON_ACCOUNT} AND {_NOT_MOVED} AND {_NOT_OTHERWISE}"
    " GROUP BY p.pay_mode"
)
_OF_SUM: Final = (
    "SELECT p.id FROM payments AS p WHERE p.src = ?3 AND p.cfm_date = ?2 AND p.pay_mode = ?4"
    f" AND {_ON_ACCOUNT} AND {_NOT_MOVED}"
)
# A batch waits until its money came; what a list of this very day showed is expected again.
_TRANSFERS: Final = (
    "SELECT t.tra_no, t.id, t.batch_no, t.amt, t.tra_date FROM transfers AS t WHERE t.rec_acct = ?1"
    " AND t.tra_date <= ?2 AND (t.state = 'sent' OR EXISTS (SELECT 1 FROM arrivals AS a"
    " WHERE a.transfer_id = t.id AND a.kind = '2557' AND a.arr_date = ?2)) ORDER BY t.id"
)
# What was reported one by one (2615, 2616, 2619), and what was given back. The list's line of money
# that is still unidentified may be anything: only where the list has none, it is missed there.
_REPORTED: Final = (
    "SELECT a.tra_no, a.id, a.batch_no, a.pay_code, a.amt FROM arrivals AS a"
    " LEFT JOIN payments AS p ON p.id = a.payment_id"
    " WHERE a.arr_date = ?2 AND (a.kind <> '2557' OR a.state = 'returned')"
    " AND a.rec_acct IN (SELECT ?1 UNION"
    " SELECT v.acct_no FROM virtual_accounts AS v JOIN virtual_pools AS q ON q.first = v.pool"
    " WHERE q.acct_no = ?1)"
    " AND (p.id IS NULL OR p.tra_no_bus <> a.tra_no OR p.cfm_date <> a.arr_date)"
    " AND (a.state <> 'unidentified' OR NOT EXISTS (SELECT 1 FROM statement_funds AS s"
    " WHERE s.batch_id = ?3 AND s.tra_no = a.tra_no)) ORDER BY a.tra_no"
)
_LINES: Final = (
    "SELECT tra_no, batch_id, pack_no, line_no, '1', pay_mode, pay_code, ref_batch_no, amt, ?2,"
    " fault FROM statement_funds WHERE batch_id = ?1 ORDER BY tra_no, pack_no, line_no"
)


@dataclass(frozen=True, slots=True)
class FundsDay:
    """The list of one account and day, and the nodes that collect. `id` bounds the payments."""

    batch: StatementBatch
    sources: tuple[str, ...]
    max_payment_id: int

    @property
    def account(self) -> str:
        """The account's number."""
        return self.batch.scope

    @property
    def date(self) -> str:
        """CheckDate."""
        return self.batch.check_date

    @property
    def bank(self) -> str:
        """The nodes of the bank that holds the account, as a pattern for LIKE."""
        return bank_of(self.batch)


def bank_of(batch: StatementBatch) -> str:
    """The nodes of the bank that sent a list (their codes end alike), as a pattern for LIKE."""
    return f"%{batch.src[-4:]}"


class Sorted:
    """Rows that are all there, as one page."""

    def __init__(self, rows: Iterable[tuple[Any, ...]]) -> None:
        self._rows: Sequence[tuple[Any, ...]] = sorted(rows, key=lambda row: row[0])

    async def next(self) -> Sequence[Any]:
        """All rows, then []."""
        rows, self._rows = self._rows, []
        return rows


async def expected_funds(tx: Transaction, day: FundsDay) -> Merged[Expected]:
    """What the books expect on an account, ordered by number, each thing once."""
    others: dict[str, Expected] = {}
    for one in await _beside_payments(tx, day):
        others.setdefault(one.expected, one)
    pages: list[Callable[[], Awaitable[Sequence[Expected]]]] = [Sorted(others.values()).next]
    pages += [_payments(tx, day, src, frozenset(others)) for src in day.sources]
    return Merged(pages)


def _payments(
    tx: Transaction, day: FundsDay, src: str, known: frozenset[str]
) -> Callable[[], Awaitable[Sequence[Expected]]]:
    after = ""
    ended = False

    async def following() -> Sequence[Expected]:
        nonlocal after, ended
        while not ended:
            args = (day.account, day.date, src, after, day.max_payment_id, day.bank)
            rows = await tx.all(_PAYMENTS, *args)
            ended = len(rows) < PAGE
            if rows:
                after = rows[-1][0]
            found = [_of_payment(row, day.date) for row in rows if row[4] > 0]
            found = [one for one in found if one.expected not in known]
            if found:
                return found
        return []

    return following


def _of_payment(row: Row, due: str) -> Expected:
    tra_no, payment_id, mode, pay_code, amt = row
    return Expected(tra_no, f"payment:{payment_id}", IN, mode, pay_code, "", amt, due, payment_id)


async def _beside_payments(tx: Transaction, day: FundsDay) -> list[Expected]:
    """Everything but the day's own payments; what a run of this day saw before comes first."""
    found = [
        Expected(*json.loads(row.data))
        for row in await reconmet.met_of_day(tx, day.batch.src, day.account, day.date)
    ]
    sums: dict[str, int] = {}
    for src in day.sources:
        args = (day.account, day.date, src, day.max_payment_id, day.bank)
        for mode, amt in await tx.all(_SUMS, *args):
            sums[mode] = sums.get(mode, 0) + int(amt)
    for mode, amt in sums.items():
        if amt == 0:
            continue
        name = f"channel:{mode}:{day.date}"
        found.append(Expected("", name, IN, mode, "", "", amt, day.date))
    for tra_no, number, batch_no, amt, told in await tx.all(_TRANSFERS, day.account, day.date):
        name = f"transfer:{number}"
        # A batch that no earlier day has reported as missing is reported by this one.
        due = told if await _reported(tx, day, name) else day.date
        found.append(Expected(tra_no, name, IN, "", "", batch_no, amt, due))
    reported = await tx.all(_REPORTED, day.account, day.date, day.batch.id)
    for tra_no, number, batch_no, pay_code, amt in reported:
        name = f"arrival:{number}"
        found.append(Expected(tra_no, name, IN, "", pay_code, batch_no, amt, day.date))
    waiting = await waiting_rows(tx, day.batch, Kind.FUNDS_MISSING)
    found += [_carried(row) for row in waiting if not row.expected.startswith("transfer:")]
    return [one for one in found if await _still_expected(tx, day, one)]


async def _reported(tx: Transaction, day: FundsDay, name: str) -> bool:
    rows = await reconciliation.of_expected(
        tx, name, node=day.batch.src, statement="2557", scope=day.account
    )
    return any(row.check_date < day.date for row in rows)


async def _still_expected(tx: Transaction, day: FundsDay, one: Expected) -> bool:
    """Whether no other day's list showed it, and nobody has decided not to wait for it."""
    met = await reconmet.met_of(tx, day.batch.src, day.account, one.expected)
    if met is not None and met.check_date != day.date:
        return False
    if one.due == day.date:
        return True
    rows = await reconciliation.of_expected(
        tx, one.expected, node=day.batch.src, statement="2557", scope=day.account
    )
    return not any(row.state == "resolved" for row in rows)


def _carried(row: DifferenceRow) -> Expected:
    """What a row of an earlier day waits for."""
    what, _, rest = row.expected.partition(":")
    mode = rest.partition(":")[0] if what == "channel" else ""
    return Expected(
        "" if what == "channel" else row.tra_no,
        row.expected,
        IN,
        mode,
        row.pay_code,
        "",
        row.ours_amt or 0,
        row.check_date,
        row.payment_id,
    )


async def fund_lines(tx: Transaction, day: FundsDay) -> Merged[MoneyLine]:
    """The lines of the list and those of earlier days that nobody knew, ordered by number."""
    rows = await tx.all(_LINES, day.batch.id, day.date)
    lines = [MoneyLine(*row) for row in rows]
    node, account = day.batch.src, day.account
    seen: set[tuple[int, int, int]] = set()
    elsewhere: set[tuple[int, int, int]] = set()
    for met in await _met_of_batch(tx, day):
        elsewhere.add((met.batch_id, met.pack_no, met.line_no))
    for met in await reconmet.met_of_day(tx, node, account, day.date):
        if met.batch_id != day.batch.id:
            seen.add((met.batch_id, met.pack_no, met.line_no))
    for row in await waiting_rows(tx, day.batch, Kind.FUNDS_UNKNOWN):
        if row.batch_id is not None and row.pack_no is not None and row.line_no is not None:
            seen.add((row.batch_id, row.pack_no, row.line_no))
    lines = [line for line in lines if line.ref not in elsewhere]
    for ref in seen:
        lines += await _line(tx, ref)
    pages: list[Callable[[], Awaitable[Sequence[MoneyLine]]]] = [Sorted(lines).next]
    return Merged(pages)


async def _met_of_batch(tx: Transaction, day: FundsDay) -> list[reconmet.MetRow]:
    """Lines of this list that a later day's run has found the other side of."""
    rows = await tx.all(
        "SELECT node, scope, expected, check_date, batch_id, pack_no, line_no, tra_no, amt, data"
        " FROM recon_met WHERE batch_id = ?1 AND check_date <> ?2",
        day.batch.id,
        day.date,
    )
    return [reconmet.MetRow(*row) for row in rows]


async def _line(tx: Transaction, ref: tuple[int, int, int]) -> list[MoneyLine]:
    row = await tx.one(
        "SELECT s.tra_no, s.batch_id, s.pack_no, s.line_no, '1', s.pay_mode, s.pay_code,"
        " s.ref_batch_no, s.amt, b.check_date, s.fault FROM statement_funds AS s"
        " JOIN statement_batches AS b ON b.id = s.batch_id WHERE s.batch_id = ?1"
        " AND s.pack_no = ?2 AND s.line_no = ?3"
        " AND b.state IN ('complete', 'failed', 'reconciled')",
        *ref,
    )
    return [MoneyLine(*row)] if row else []


async def waiting_rows(tx: Transaction, batch: StatementBatch, kind: Kind) -> list[DifferenceRow]:
    """Open rows of earlier days about a batch's account, the oldest first."""
    narrowed = DifferenceFilter(
        node=batch.src,
        date_to=batch.check_date,
        statement=batch.kind,
        scope=batch.scope,
        kinds=(kind.value,),
        states=("open",),
    )
    found: list[DifferenceRow] = []
    while rows := await reconciliation.differences(
        tx, narrowed, after=found[-1].id if found else 0, limit=1000
    ):
        found += rows
    return [row for row in found if row.check_date < batch.check_date]


async def payments_of_sum(
    tx: Transaction, sources: Sequence[str], account: str, *, mode: str, date: str
) -> list[int]:
    """The payments that a channel's sum of a day is made of, by id."""
    found: list[int] = []
    for src in sources:
        found += [int(row[0]) for row in await tx.all(_OF_SUM, account, date, src, mode)]
    return sorted(found)


async def came_otherwise(tx: Transaction, row: DifferenceRow) -> str:
    """Why an open row of funds waits no more, in Chinese; '' when it still does.

    Its money was reported by another message, its batch was told, somebody claimed it.
    """
    what, _, number = row.expected.partition(":")
    if row.kind == Kind.FUNDS_MISSING and what == "payment":
        there = await funds.of_payment(tx, int(number))
        if there.arrived_on:
            return "资金已到账"
        moved = await tx.one(
            "SELECT 1 FROM transfer_details AS d JOIN transfers AS t ON t.id = d.transfer_id"
            " WHERE d.payment_id = ?1 AND d.living = 1 AND t.rec_acct = ?2",
            int(number),
            row.scope,
        )
        return "资金已随行间划转批次划转" if moved else ""
    if row.kind == Kind.FUNDS_MISSING and what == "transfer":
        state = await tx.one("SELECT state FROM transfers WHERE id = ?1", int(number))
        return "批次资金已到账" if state and state[0] == "arrived" else ""
    if row.kind == Kind.FUNDS_MISSING and what == "arrival":
        arrival = await arrivals.get(tx, int(number))
        return "该笔资金已退回" if arrival and arrival.state == "returned" else ""
    if row.kind == Kind.FUNDS_UNKNOWN and row.tra_no:
        arrival = await arrivals.by_number(tx, row.node, row.tra_no)
        if arrival is None or await _another_days(tx, row, arrival):
            return ""
        ends = {"identified": "资金已识别", "claimed": "资金已认领", "returned": "资金已退回"}
        return ends.get(arrival.state, "")
    return ""


async def _another_days(tx: Transaction, row: DifferenceRow, arrival: Arrival) -> bool:
    """Whether another day's list has shown this money: the row's line repeats it."""
    if arrival.kind == "2557":
        return arrival.arr_date != row.check_date
    met = await reconmet.met_of(tx, row.node, row.scope, f"arrival:{arrival.id}")
    return met is not None and met.check_date != row.check_date
