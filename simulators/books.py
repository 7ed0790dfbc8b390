"""The gateway's books as an auditor reads them, and their comparison with everybody's own.

Reads the store, changes nothing, and knows none of the gateway's rules but the columns.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..gateway.store import Transaction, open_store
from .ledger import Entry, Ledger

_LIVING = frozenset({"queued", "sent", "acknowledged", "unknown"})
_ARRIVED = frozenset({"2616", "claim"})
TABLES = (
    "bills", "bill_items", "payments", "confirmations", "refunds", "outbox", "archive", "tokens",
    "journal", "queried", "serials",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class BookedPayment:
    """One payment of the books; amounts are fen."""

    id: int
    src: str
    cfm_date: str
    tra_no_bus: str
    pay_code: str
    amt: int
    pay_mode: str
    duplicate: bool
    after_expiry: bool
    channel: str = "2612"

    @property
    def collected(self) -> bool:
        """Whether its node took the money of a payer; else it was told as money that arrived."""
        return self.channel not in _ARRIVED


@dataclass(frozen=True, slots=True)
class BookedRefund:
    """One refund of the books."""

    refund_no: str
    payment_id: int
    src: str
    amt: int
    state: str


@dataclass(frozen=True, slots=True)
class Books:
    """What the gateway holds to be true."""

    bills: Mapping[str, str]
    """Pay code to state."""
    payments: tuple[BookedPayment, ...]
    refunds: tuple[BookedRefund, ...]
    outbox: Mapping[tuple[str, str], int]
    """(number, state) to count."""
    serials: Mapping[str, int]
    untold: int = 0
    """Bills that the platform has still to be told of (5954)."""

    @property
    def travelling(self) -> list[str]:
        """What still has to leave, or waits for its result; empty when all is done."""
        return _left(self.outbox, self.untold)

    def held(self, src: str) -> int:
        """Fen that a node took and keeps: its payments less its succeeded refunds."""
        paid = sum(p.amt for p in self.payments if p.src == src and p.collected)
        back = sum(r.amt for r in self.refunds if r.src == src and r.state == "succeeded")
        return paid - back


async def read_books(url: str, directory: Path) -> Books:
    """Read the books of a store. Raises StoreError."""
    store = await open_store(url, directory)
    try:
        return await store.scan(_read)
    finally:
        await store.close()


async def read_travelling(url: str, directory: Path) -> list[str]:
    """What still has to leave, or waits for its result, of a store; empty when all is done."""
    store = await open_store(url, directory)
    try:
        return await store.scan(_travelling)
    finally:
        await store.close()


async def _travelling(tx: Transaction) -> list[str]:
    outbox, untold = await _outbox(tx)
    return _left(outbox, untold)


async def _outbox(tx: Transaction) -> tuple[dict[tuple[str, str], int], int]:
    """Messages by number and state, and how many bills are still to be told."""
    rows = await tx.all("SELECT number, state, count(*) FROM outbox GROUP BY number, state")
    untold = await tx.one("SELECT count(*) FROM bill_sync")
    counts = {(str(number), str(state)): int(count) for number, state, count in rows}
    return counts, 0 if untold is None else int(untold[0])


def _left(outbox: Mapping[tuple[str, str], int], untold: int) -> list[str]:
    left = [
        f"{count} messages {number} are still {state}"
        for (number, state), count in sorted(outbox.items())
        if state in _LIVING
    ]
    return left + ([f"{untold} bills are still to be told"] if untold else [])


def _payment(row: tuple[Any, ...]) -> BookedPayment:
    number, src, cfm_date, tra_no_bus, pay_code, amt, pay_mode, duplicate, after_expiry = row[:9]
    return BookedPayment(
        number,
        src,
        cfm_date,
        tra_no_bus,
        pay_code,
        amt,
        pay_mode,
        duplicate == 1,
        after_expiry == 1,
        str(row[9]),
    )


async def _read(tx: Transaction) -> Books:
    bills = await tx.all("SELECT pay_code, state FROM bills ORDER BY pay_code")
    payments = await tx.all(
        "SELECT id, src, cfm_date, tra_no_bus, pay_code, amt, pay_mode, duplicate, after_expiry,"
        " channel FROM payments ORDER BY id"
    )
    refunds = await tx.all(
        "SELECT refund_no, payment_id, src, amt, state FROM refunds ORDER BY refund_no"
    )
    outbox, untold = await _outbox(tx)
    serials = await tx.all("SELECT scope, last FROM serials")
    return Books(
        bills={str(code): str(state) for code, state in bills},
        payments=tuple(_payment(row) for row in payments),
        refunds=tuple(BookedRefund(*row) for row in refunds),
        outbox=outbox,
        serials={str(scope): int(last) for scope, last in serials},
        untold=untold,
    )


async def count_rows(url: str, directory: Path) -> dict[str, int]:
    """Rows of every table that holds business, for telling that nothing left a trace."""

    async def count(tx: Transaction) -> dict[str, int]:
        counts = {}
        for table in TABLES:
            row = await tx.one(f"SELECT count(*) FROM {table}")  # noqa: S608 - names of ours
            assert row is not None  # noqa: S101 - count always has a row
            counts[table] = int(row[0])
        return counts

    store = await open_store(url, directory)
    try:
        return await store.scan(count)
    finally:
        await store.close()


def differences(
    books: Books,
    ledgers: Mapping[str, Ledger],
    arrivals: Mapping[str, Mapping[str, tuple[str, int]]] | None = None,
) -> list[str]:
    """What the nodes' own ledgers (by code) and the books do not agree on; empty when they do.

    Every payment that a node was told is booked stands in the books exactly once, every other
    nowhere; refunds agree; every paid bill has one effective payment. Payments that came as
    arrivals stand in the arrivals of their node (TraNo to account and fen).
    """
    faults = _arrival_faults(books, arrivals or {})
    for code, ledger in ledgers.items():
        booked = [p for p in books.payments if p.src == code and p.collected]
        faults += _unequal(code, booked, ledger.booked())
        faults += [
            f"{code}: payment {entry.tra_no_bus} was never answered"
            for entry in ledger.unanswered()
        ]
        held, known = books.held(code), ledger.totals().held_amt
        if held != known:
            faults.append(f"{code}: the books say {held} fen are held, the ledger {known}")
    known_nodes = set(ledgers)
    faults += [
        f"{payment.src}: payment {payment.tra_no_bus} of an unknown node"
        for payment in books.payments
        if payment.src not in known_nodes
    ]
    return faults + _refund_faults(books, ledgers) + _bill_faults(books)


def _unequal(code: str, booked: Iterable[BookedPayment], entries: Iterable[Entry]) -> list[str]:
    """Payments that stand on one side only, or more than once."""
    ours = Counter((p.cfm_date, p.tra_no_bus, p.pay_code, p.amt, p.pay_mode) for p in booked)
    theirs = Counter((e.cfm_date, e.tra_no_bus, e.pay_code, e.amt, e.pay_mode) for e in entries)
    faults = [f"{code}: {key[1]} is in the books and not in the ledger" for key in ours - theirs]
    faults += [f"{code}: {key[1]} is in the ledger and not in the books" for key in theirs - ours]
    return faults


def _arrival_faults(
    books: Books, arrivals: Mapping[str, Mapping[str, tuple[str, int]]]
) -> list[str]:
    """Payments by money that no bank has reported, or with another amount."""
    return [
        f"{payment.src}: arrival {payment.tra_no_bus} is a payment and was not told so"
        for payment in books.payments
        if not payment.collected
        and arrivals.get(payment.src, {}).get(payment.tra_no_bus, ("", 0))[1] != payment.amt
    ]


def _refund_faults(books: Books, ledgers: Mapping[str, Ledger]) -> list[str]:
    paid_back: dict[tuple[str, str, str], int] = defaultdict(int)
    payments = {payment.id: payment for payment in books.payments}
    faults = []
    for refund in books.refunds:
        payment = payments[refund.payment_id]
        if refund.state == "succeeded":
            paid_back[payment.src, payment.cfm_date, payment.tra_no_bus] += refund.amt
        elif refund.state not in ("failed", "rejected"):
            faults.append(f"{refund.src}: refund {refund.refund_no} is still {refund.state}")
    for code, ledger in ledgers.items():
        for entry in ledger:
            ours = paid_back.pop((code, *entry.key), 0)
            if ours != entry.refunded:
                faults.append(
                    f"{code}: {entry.tra_no_bus} refunded {entry.refunded} fen, books say {ours}"
                )
    return faults + [f"{key[0]}: refund of an unknown payment {key[2]}" for key in paid_back]


def _bill_faults(books: Books) -> list[str]:
    effective = Counter(p.pay_code for p in books.payments if not p.duplicate)
    faults = []
    for pay_code, state in books.bills.items():
        expected = 1 if state in ("paid", "confirmed") else 0
        if effective[pay_code] != expected:
            faults.append(f"bill {pay_code} is {state} with {effective[pay_code]} payments")
    return faults
