"""Rows, pages and books in memory for the tests of matching."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from zlib import crc32

from nontax.reconcile.payments import match_payments
from nontax.reconcile.ports import MAX_DIFFERENCES, BillView
from nontax.reconcile.sides import Matched, OurPayment, PaymentLine

BANK, PLATFORM = "D3206820105", "G000001"
DAY, BEFORE = "20261122", "20261121"
ACCOUNT = "32001000000000000018"


class ListPages:
    """Rows of a list, so many a page, as plain tuples."""

    def __init__(self, rows: Sequence[tuple[Any, ...]], size: int = 3) -> None:
        self._rows = [tuple(row) for row in rows]
        self._size = size

    async def next(self) -> Sequence[Any]:
        """The next page."""
        page, self._rows = self._rows[: self._size], self._rows[self._size :]
        return page


class Books:
    """Bills by pay code, payments of other days, what other lists have, refused numbers."""

    def __init__(self, **bills: BillView) -> None:
        self.bills = bills
        self.others: list[OurPayment] = []
        self.listed: dict[int, str] = {}
        self.refusals: set[tuple[str, str]] = set()
        self.to_come: set[str] = set()

    async def bill(self, line: PaymentLine) -> BillView | None:
        """The bill of the line's pay code."""
        return self.bills.get(line.pay_code)

    async def elsewhere(self, line: PaymentLine) -> OurPayment | None:
        """Our payment of another day with the line's number, pay code and amount."""
        wanted = (line.tra_no, line.pay_code, line.amt)
        return next((p for p in self.others if (p.tra_no, p.pay_code, p.amt) == wanted), None)

    async def listed_elsewhere(self, payment: OurPayment) -> str:
        """The day whose list has it."""
        return self.listed.get(payment.payment_id, "")

    async def refused(self, line: PaymentLine) -> bool:
        """Whether its identity was refused."""
        return (line.cfm_date, line.tra_no) in self.refusals

    async def awaited(self, line: PaymentLine) -> bool:
        """Whether a payment of the bill may be in a list that has not come."""
        return line.pay_code in self.to_come


def ours(
    tra_no: str,
    code: str = "A",
    amt: int = 100,
    *,
    number: int | None = None,
    src: str = BANK,
    mode: str = "11",
    account: str = ACCOUNT,
) -> OurPayment:
    """A payment of ours."""
    identity = crc32(f"{src} {tra_no}".encode()) if number is None else number
    return OurPayment(tra_no, identity, src, DAY, code, amt, mode, account)


def line(
    tra_no: str,
    code: str = "A",
    amt: int = 100,
    *,
    at: int = 1,
    pack: int = 1,
    day: str = DAY,
    mode: str = "11",
    account: str = ACCOUNT,
    fault: str = "",
) -> PaymentLine:
    """A line of the bank's list."""
    return PaymentLine(tra_no, 1, pack, at, day, code, amt, mode, account, fault)


async def match(
    payments: Sequence[OurPayment],
    lines: Sequence[PaymentLine],
    books: Books | None = None,
    *,
    size: int = 3,
    limit: int = MAX_DIFFERENCES,
) -> Matched:
    """Match both sides, ordered as the store orders them."""
    return await match_payments(
        ListPages(sorted(payments, key=lambda row: row[:2]), size),
        ListPages(sorted(lines, key=lambda row: row[:4]), size),
        books or Books(),
        node=BANK,
        check_date=DAY,
        limit=limit,
    )
