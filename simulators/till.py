"""A node's hands on the money: what taking, booking, returning and paying back do to the accounts.

The rules of where money lies are the banks' own: on the account when the node's bank holds it, on a
科目 when the bill says so, else in transit until it is moved to the account's bank.
"""

from __future__ import annotations

from typing import Final

from .accounts import OUTSIDE, Book, Interbank, Kind, Particulars
from .ledger import Entry

SUBJECT_TYPE: Final = "3"
"""RecAcctType 科目."""


class Till:
    """The money of one node. Nodes of one bank (their codes end alike) share its book."""

    def __init__(self, node: str, banks: Interbank | None = None, bank: str = "") -> None:
        self.node = node
        self.banks = banks if banks is not None else Interbank(lenient=True)
        self.bank = bank or (node[-4:] if node[:1] in "DQ" else node)

    @property
    def book(self) -> Book:
        """The bank's book."""
        return self.banks.book(self.bank)

    def own(self, kind: Kind) -> str:
        """An account of the node that has no number; opened when it is first used."""
        account = f"{self.node}:{kind}"
        self.banks.open(self.bank, account, kind)
        return account

    def place(self, acct_type: str, account: str) -> str:
        """Where money lies that this node collected for an account."""
        if acct_type == SUBJECT_TYPE:
            return self.own(Kind.SUBJECT)
        account = self.banks.real(account)
        holder = self.banks.holder(account)
        if not holder and account:
            self.banks.open(self.bank, account, Kind.COLLECTION)
            holder = self.bank
        return account if holder == self.bank else self.own(Kind.IN_TRANSIT)

    def _place_of(self, entry: Entry) -> str:
        if entry.late:
            return self.own(Kind.IN_TRANSIT)
        return self.place(entry.acct_type, self.account_of(entry))

    def account_of(self, entry: Entry) -> str:
        """The account that a payment is for, '' for a 科目."""
        return self.banks.real(entry.real_acct or entry.rec_acct)

    def in_transit(self, entry: Entry) -> bool:
        """Whether a payment's money, once booked, waits here to be moved to its account."""
        return self._place_of(entry) == self.own(Kind.IN_TRANSIT)

    # -- what becomes of a payment ---------------------------------------------------------

    def taken(self, entry: Entry) -> None:
        """Money comes in."""
        suspense = self.own(Kind.SUSPENSE)
        self.book.move(OUTSIDE, suspense, entry.amt, "taken", entry.tra_no_bus)

    def booked(self, entry: Entry) -> None:
        """The gateway has booked it: it goes to where such money lies."""
        suspense, place = self.own(Kind.SUSPENSE), self._place_of(entry)
        told = Particulars(pay_mode=entry.pay_mode, pay_code=entry.pay_code)
        self.book.move(suspense, place, entry.amt, "booked", entry.tra_no_bus, particulars=told)

    def returned(self, entry: Entry) -> None:
        """The gateway has refused it: the payer gets it back."""
        self.book.move(self.own(Kind.SUSPENSE), OUTSIDE, entry.amt, "returned", entry.tra_no_bus)

    def refunded(
        self, entry: Entry, refund_no: str, amt: int, pay_acct: str = "", tra_no: str = ""
    ) -> None:
        """Paid back: from the account that the order names (退付备用金), else from where it lies.

        Raises AccountError.
        """
        told = Particulars(tra_no, pay_code=entry.pay_code)
        if pay_acct:
            holder = self.banks.holder(pay_acct) or self.bank
            self.banks.book(holder).move(
                pay_acct, OUTSIDE, amt, "refund", refund_no, particulars=told
            )
        else:
            self.book.move(
                self._place_of(entry), OUTSIDE, amt, "refund", refund_no, particulars=told
            )


__all__ = ["SUBJECT_TYPE", "Till"]
