"""What daily figures have not entered yet: payments, confirmed income, refunds, arrivals.

Read in pages; a source that was entered is never found again.
"""

# ruff: noqa: S608 - statements are put together from constants of this module only

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from .protocol import SqlValue, Transaction
from .records import Channel


@dataclass(frozen=True, slots=True)
class PaidMoney:
    """A payment with what figures need of its bill. Fen; dates yyyymmdd.

    `account` is the one behind a virtual account. `detail` is how figures spread the payment over
    items, '' when it is not entered.
    """

    payment_id: int
    cfm_date: str
    pay_code: str
    amt: int
    duplicate: int
    channel: Channel
    src: str
    rec_acct_type: str
    account: str
    region: str
    unit_code: str
    unit_name: str
    delay_amt: int
    detail: str


@dataclass(frozen=True, slots=True)
class ConfirmedMoney:
    """Income that was confirmed; `refunded` fen of it had been paid back before."""

    paid: PaidMoney
    confirmed_on: str
    refunded: int


@dataclass(frozen=True, slots=True)
class RefundedMoney:
    """A succeeded refund; `before` fen of the payment had been paid back earlier.

    `confirmed_on` is '' unless the payment was income when it was paid back.
    """

    paid: PaidMoney
    refund_no: str
    kind: int
    amt: int
    tra_date: str
    changed_at: int
    before: int
    confirmed_on: str


@dataclass(frozen=True, slots=True)
class ArrivedMoney:
    """Money that was or is unidentified (未明资金).

    `ended_at` is when an operator returned it, or it was identified, 0 while nothing has happened;
    `cfm_date` is that of the payment that it turned out to be, '' for none. `entered`: figures have
    its arrival.
    """

    arrival_id: int
    src: str
    arr_date: str
    rec_acct_type: str
    account: str
    amt: int
    state: str
    ended_at: int
    cfm_date: str
    entered: int


_REAL: Final = (
    "CASE WHEN b.rec_acct_real <> '' AND p.rec_acct = b.rec_acct THEN b.rec_acct_real"
    " ELSE p.rec_acct END"
)
_BEHIND: Final = (
    "coalesce((SELECT vp.acct_no FROM virtual_accounts AS v JOIN virtual_pools AS vp"
    " ON vp.first = v.pool WHERE v.acct_no = {0}), {0})"
)
_PAID: Final = (
    f"p.id, p.cfm_date, p.pay_code, p.amt, p.duplicate, p.channel, p.src, p.rec_acct_type,"
    f" {_BEHIND.format(_REAL)}, b.region, b.unit_code, b.unit_name, b.delay_amt"
)
_PAID_WIDTH: Final = 14
_ENTERED: Final = (
    "EXISTS (SELECT 1 FROM figure_sources AS s WHERE s.kind = '{kind}' AND s.source = {source})"
)
_OF_PAYMENT: Final = (
    "JOIN bills AS b ON b.pay_code = p.pay_code"
    " LEFT JOIN figure_sources AS e ON e.kind = 'payment' AND e.source = CAST(p.id AS TEXT)"
)
_PAYMENTS: Final = (
    f"SELECT {_PAID}, '' FROM payments AS p JOIN bills AS b ON b.pay_code = p.pay_code"
    " WHERE p.id > ?1 AND p.cfm_date <= ?2 AND NOT "
    + _ENTERED.format(kind="payment", source="CAST(p.id AS TEXT)")
    + " ORDER BY p.id LIMIT ?3"
)
_CONFIRMED: Final = (
    f"SELECT {_PAID}, coalesce(e.detail, ''), i.confirmed_on,"
    " (SELECT coalesce(sum(r.amt), 0) FROM refunds AS r WHERE r.payment_id = p.id"
    " AND r.state = 'succeeded' AND r.changed_at <= i.confirmed_at)"
    f" FROM income AS i JOIN payments AS p ON p.id = i.payment_id {_OF_PAYMENT}"
    " WHERE i.figured = 0 AND i.payment_id > ?1 AND i.confirmed_on <= ?2 AND p.cfm_date <= ?2"
    " ORDER BY i.payment_id LIMIT ?3"
)
_REFUNDED: Final = (
    f"SELECT {_PAID}, coalesce(e.detail, ''), r.refund_no, r.kind, r.amt, r.tra_date,"
    " r.changed_at, (SELECT coalesce(sum(o.amt), 0) FROM refunds AS o"
    " WHERE o.payment_id = r.payment_id AND o.state = 'succeeded'"
    " AND (o.changed_at, o.refund_no) < (r.changed_at, r.refund_no)),"
    " coalesce((SELECT i.confirmed_on FROM income AS i WHERE i.payment_id = r.payment_id"
    " AND i.confirmed_at < r.changed_at), '')"
    f" FROM refunds AS r JOIN payments AS p ON p.id = r.payment_id {_OF_PAYMENT}"
    " WHERE r.state = 'succeeded' AND r.refund_no > ?1 AND r.tra_date <= ?2 AND NOT "
    + _ENTERED.format(kind="refund", source="r.refund_no")
    + " ORDER BY r.refund_no LIMIT ?3"
)
_HAD: Final = _ENTERED.format(kind="arrival", source="CAST(a.id AS TEXT)")
# What was unidentified when figures looked, or still is, or was given back by an operator.
_ARRIVED: Final = (
    f"SELECT a.id, a.src, a.arr_date, a.rec_acct_type, {_BEHIND.format('a.rec_acct')}, a.amt,"
    " a.state, coalesce((SELECT max(x.at) FROM arrival_actions AS x WHERE x.arrival_id = a.id), 0),"
    " coalesce((SELECT p.cfm_date FROM payments AS p WHERE p.id = a.payment_id), ''),"
    f" CASE WHEN {_HAD} THEN 1 ELSE 0 END"
    " FROM arrivals AS a WHERE a.id IN ("
    "SELECT n.id FROM arrivals AS n WHERE n.state = 'unidentified'"
    " UNION SELECT y.arrival_id FROM arrival_actions AS y WHERE y.action = 'returned'"
    " UNION SELECT CAST(z.source AS INTEGER) FROM figure_sources AS z WHERE z.kind = 'arrival')"
    " AND a.id > ?1 AND a.arr_date <= ?2 AND NOT "
    + _ENTERED.format(kind="arrival-end", source="CAST(a.id AS TEXT)")
    + f" AND NOT (a.state = 'unidentified' AND {_HAD}) ORDER BY a.id LIMIT ?3"
)
_ITEMS: Final = (
    "SELECT pay_code, code, name, amt FROM bill_items WHERE pay_code IN ({}) ORDER BY 1, line"
)


async def payments(tx: Transaction, after: int, until: str, limit: int) -> list[PaidMoney]:
    """Payments above an id whose day is not after UNTIL."""
    return [PaidMoney(*row) for row in await tx.all(_PAYMENTS, after, until, limit)]


async def confirmed(tx: Transaction, after: int, until: str, limit: int) -> list[ConfirmedMoney]:
    """Confirmed income of payments above an id, neither's day after UNTIL."""
    found = await tx.all(_CONFIRMED, after, until, limit)
    return [ConfirmedMoney(PaidMoney(*row[:_PAID_WIDTH]), *row[_PAID_WIDTH:]) for row in found]


async def refunded(tx: Transaction, after: str, until: str, limit: int) -> list[RefundedMoney]:
    """Succeeded refunds above a number; their day may still be after UNTIL."""
    found = await tx.all(_REFUNDED, after, until, limit)
    return [RefundedMoney(PaidMoney(*row[:_PAID_WIDTH]), *row[_PAID_WIDTH:]) for row in found]


async def arrived(tx: Transaction, after: int, until: str, limit: int) -> list[ArrivedMoney]:
    """Unidentified money above an id that arrived by UNTIL, with what became of it."""
    return [ArrivedMoney(*row) for row in await tx.all(_ARRIVED, after, until, limit)]


async def items(tx: Transaction, pay_codes: list[str]) -> dict[str, list[tuple[str, str, int]]]:
    """The items of bills in the order of their lines: code, name, fen."""
    if not pay_codes:
        return {}
    args: list[SqlValue] = list(pay_codes)
    marks = ", ".join(f"?{number}" for number in range(1, len(args) + 1))
    found: dict[str, list[tuple[str, str, int]]] = {code: [] for code in pay_codes}
    for code, item, name, amt in await tx.all(_ITEMS.format(marks), *args):
        found[code].append((item, name, int(amt)))
    return found
