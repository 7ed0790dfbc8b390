"""What every account should hold, from the gateway's own books alone.

Collected money stands where its last message put it: on the account when the collecting node's bank
holds it, on the node's 科目, else in transit at the node until a batch (2613) has taken it away and
its money has arrived. Clearing, remittances and refunds move it on when their results say so.
What banks hold besides is not ours: the expectation begins with nothing but the reserves' openings.
"""

# ruff: noqa: S608 - statements are put together from constants of this module only

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ...messages.codes import RecAcctType
from ..clock import add_days, midnight_ms
from ..peers import PeerDirectory
from ..store import bills, catalogue, payments, refunds
from ..store.entries import Account, Target
from ..store.protocol import Transaction
from .refunds import Whole
from .treasury import treasury_voucher

COLUMNS: Final = ("opening", "collected", "unidentified", "refunded", "cleared", "remitted")
"""What a balance is made of, in order; money that leaves is negative."""

_REAL: Final = (
    "CASE WHEN b.rec_acct_real <> '' AND p.rec_acct = b.rec_acct THEN b.rec_acct_real"
    " ELSE p.rec_acct END"
)
_PAYMENTS: Final = (
    f"SELECT p.src, p.rec_acct_type, {_REAL} AS acct, t.id IS NOT NULL AS moved,"
    " ta.id IS NOT NULL AS landed, coalesce(ta.src, a.src, '') AS reporter,"
    " coalesce(ta.rec_acct_type, a.rec_acct_type, '') AS landed_type,"
    " coalesce(ta.rec_acct, a.rec_acct, '') AS landed_on, a.id IS NOT NULL AS arrived,"
    " sum(p.amt)"
    " FROM payments p JOIN bills b ON b.pay_code = p.pay_code"
    " LEFT JOIN transfer_details d ON d.payment_id = p.id AND d.living = 1"
    " LEFT JOIN transfers t ON t.id = d.transfer_id AND t.tra_date <= ?1"
    " LEFT JOIN arrivals ta ON ta.transfer_id = t.id AND ta.arr_date <= ?1"
    " LEFT JOIN arrivals a ON a.payment_id = p.id AND a.arr_date <= ?1"
    " WHERE p.cfm_date <= ?1 GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9"
)
_UNIDENTIFIED: Final = (
    "SELECT a.src, a.rec_acct_type, a.rec_acct, sum(a.amt) FROM arrivals a"
    " WHERE a.arr_date <= ?1 AND (a.state = 'unidentified' OR (a.state = 'returned'"
    " AND EXISTS (SELECT 1 FROM arrival_actions x WHERE x.arrival_id = a.id"
    " AND x.action = 'returned' AND x.at >= ?2))) GROUP BY 1, 2, 3"
)
_REFUNDS: Final = (
    f"SELECT r.src, p.rec_acct_type, {_REAL} AS acct, sum(r.amt)"
    " FROM refunds r JOIN payments p ON p.id = r.payment_id JOIN bills b ON b.pay_code = p.pay_code"
    " WHERE r.state = 'succeeded' AND r.paid_from = 'collection' AND r.tra_date <= ?1"
    " GROUP BY 1, 2, 3"
)
_OF_RESERVES: Final = (
    "SELECT pay_acct, tra_date, sum(amt) FROM refunds WHERE state = 'succeeded'"
    " AND paid_from = 'reserve' AND tra_date <= ?1 GROUP BY 1, 2"
)
_OF_TREASURIES: Final = (
    "SELECT refund_no FROM refunds WHERE state = 'succeeded' AND paid_from = 'treasury'"
    " AND tra_date <= ?1 ORDER BY 1"
)
_CLEARED: Final = (
    "SELECT i.peer, i.acct_type, i.acct_no, l.acct_no, sum(l.amt) FROM clearing_lines l"
    " JOIN clearing_instructions i ON i.instr_no = l.instr_no"
    " WHERE l.state = 'succeeded' AND l.tra_date <= ?1 GROUP BY 1, 2, 3, 4"
)
# A bank that remitted by itself names no account: the lines know from where they come.
_REMITTED: Final = (
    "SELECT CASE WHEN r.pay_acct <> '' THEN r.pay_acct ELSE d.acct_no END, r.rec_acct, r.tre_code,"
    " sum(x.amt) FROM remittances r JOIN remittance_parts x ON x.remit_id = r.id JOIN income_dues d"
    " ON d.payment_id = x.payment_id AND d.item_code = x.item_code AND d.level = x.level"
    " WHERE r.state = 'succeeded' AND r.tra_date <= ?1 GROUP BY 1, 2, 3"
)
_VIRTUAL: Final = (
    "SELECT v.acct_no, p.acct_no FROM virtual_accounts v JOIN virtual_pools p ON p.first = v.pool"
)


@dataclass(frozen=True, slots=True)
class Balance:
    """One account: its number, or node and kind where it has none. `parts` by COLUMNS, in fen."""

    account: str
    name: str
    parts: Mapping[str, int]

    @property
    def expected(self) -> int:
        """What the account should hold."""
        return sum(self.parts.values())


@dataclass(frozen=True, slots=True)
class Compared:
    """One account here and in an outside ledger; `outside` is 0 where that has no such account."""

    balance: Balance
    outside: int

    @property
    def difference(self) -> int:
        """Outside less expected."""
        return self.outside - self.balance.expected


async def balances(tx: Transaction, peers: PeerDirectory, date: str) -> list[Balance]:
    """The expectation of every account at the end of a day, by account; empty ones left out.

    A long read: it sums over all payments.
    """
    places = await _places(tx, peers, date)
    book = _Sums()
    await _openings(tx, book, date)
    for row in await tx.all(_PAYMENTS, date):
        book.add(places.now(row[:9]), "collected", int(row[9]))
    end = midnight_ms(add_days(date, 1))
    for src, acct_type, account, amt in await tx.all(_UNIDENTIFIED, date, end):
        book.add(places.arrived(src, acct_type, account), "unidentified", int(amt))
    for src, acct_type, account, amt in await tx.all(_REFUNDS, date):
        book.add(places.first(src, acct_type, account), "refunded", -int(amt))
    await _treasury_refunds(tx, book, date)
    for peer, acct_type, source, target, amt in await tx.all(_CLEARED, date):
        subject = acct_type == RecAcctType.SUBJECT.value
        book.add(f"{peer}:subject" if subject else source, "cleared", -int(amt))
        book.add(target, "cleared", int(amt))
    for source, target, treasury, amt in await tx.all(_REMITTED, date):
        book.add(source, "remitted", -int(amt))
        book.add(target or f"treasury:{treasury}", "remitted", int(amt))
    return [Balance(account, places.name(account), parts) for account, parts in book.filled()]


def compare(expected: list[Balance], outside: Mapping[str, int]) -> list[Compared]:
    """Every account of either side, by account; an account that one side lacks is empty there.

    One that nobody here knows and that is empty outside, too, is left out.
    """
    ours = {balance.account: balance for balance in expected}
    ours |= {
        account: Balance(account, "", {})
        for account, amt in outside.items()
        if amt and account not in ours
    }
    return [Compared(ours[account], outside.get(account, 0)) for account in sorted(ours)]


class _Sums:
    """Fen by account and column."""

    def __init__(self) -> None:
        self._sums: defaultdict[str, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))

    def add(self, account: str, column: str, amt: int) -> None:
        self._sums[account][column] += amt

    def filled(self) -> list[tuple[str, dict[str, int]]]:
        """The accounts that ever had money, with their columns in order."""
        return [
            (account, {name: parts.get(name, 0) for name in COLUMNS})
            for account, parts in sorted(self._sums.items())
            if any(parts.values())
        ]


@dataclass(frozen=True, slots=True)
class _Places:
    """Which account money stands on, by the rules of this module."""

    peers: PeerDirectory
    holders: Mapping[str, str]
    virtual: Mapping[str, str]
    names: Mapping[str, str]

    def now(self, row: tuple[object, ...]) -> str:
        """Where the payments of a row of _PAYMENTS stand."""
        src, acct_type, account = str(row[0]), str(row[1]), str(row[2])
        moved, landed, arrived = bool(row[3]), bool(row[4]), bool(row[8])
        if landed or arrived:
            return self.arrived(str(row[5]), str(row[6]), str(row[7]))
        place = self.first(src, acct_type, account)
        return f"{src}:under-way" if moved and place == f"{src}:in-transit" else place

    def first(self, src: str, acct_type: str, account: str) -> str:
        """Where money stands that a node has just collected for an account, or pays back."""
        if acct_type == RecAcctType.SUBJECT.value:
            return f"{src}:subject"
        real = self.virtual.get(account, account)
        holder = self.holders.get(real)
        if holder is None and real:
            return real  # unknown: nobody but its bank can have named it
        peer = self.peers.get(src)
        return real if peer is not None and peer.bank_code == holder else f"{src}:in-transit"

    def arrived(self, src: str, acct_type: str, account: str) -> str:
        """Where money stands that a node has reported as arrived."""
        if not account or acct_type == RecAcctType.SUBJECT.value:
            return f"{src}:subject"
        return self.virtual.get(account, account)

    def name(self, account: str) -> str:
        """An account's name for people."""
        node, _, kind = account.partition(":")
        if kind in _KINDS:
            return f"{node} {_KINDS[kind]}"
        return self.names.get(account, "")


_KINDS: Final = {"in-transit": "在途", "under-way": "划转在途", "subject": "科目"}


async def _places(tx: Transaction, peers: PeerDirectory, date: str) -> _Places:
    accounts = await catalogue.entries(tx, Account)
    known = [entry for entry in accounts if entry.start_date <= date]
    targets = await catalogue.entries(tx, Target)
    return _Places(
        peers,
        {target.acct_no: "" for target in targets}
        | {entry.acct_no: entry.bank_code for entry in known},
        {str(number): str(account) for number, account in await tx.all(_VIRTUAL)},
        {target.acct_no: target.name for target in targets}
        | {entry.acct_no: entry.name for entry in known},
    )


async def _openings(tx: Transaction, book: _Sums, date: str) -> None:
    """Reserves: what the entry that holds now began with, less what was paid since."""
    since: dict[str, Account] = {}
    for entry in await catalogue.entries(tx, Account):
        if entry.purpose == "reserve" and entry.start_date <= date:
            last = since.get(entry.acct_no)
            if last is None or last.start_date < entry.start_date:
                since[entry.acct_no] = entry
    for account, entry in since.items():
        book.add(account, "opening", entry.balance)
    for account, tra_date, amt in await tx.all(_OF_RESERVES, date):
        known = since.get(str(account))
        if known is None or not tra_date or tra_date >= known.start_date:
            book.add(str(account), "refunded", -int(amt))


async def _treasury_refunds(tx: Transaction, book: _Sums, date: str) -> None:
    """What treasuries paid back: from the accounts that the payment's sharing rules gave it to."""
    for (refund_no,) in await tx.all(_OF_TREASURIES, date):
        refund = await refunds.get(tx, str(refund_no))
        payment = await payments.get(tx, refund.payment_id) if refund else None
        bill = await bills.get(tx, refund.pay_code) if refund else None
        if refund is None or payment is None or bill is None:
            continue  # foreign keys say that it cannot be
        for line in (await treasury_voucher(tx, Whole(refund, payment, bill))).lines:
            rule = await catalogue.sharing_rule(tx, line.item_code, payment.cfm_date)
            account = next((p.target.acct_no for p in rule if p.target.level == line.level), "")
            book.add(account or f"treasury:{line.treasury_code}", "refunded", -line.amt)
