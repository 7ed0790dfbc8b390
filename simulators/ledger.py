"""What a collecting node knows of its own money: taken, booked, returned at the counter, refunded.

Kept by the counterparty alone, from the answers that it got; at the end of the day it must agree
with the gateway's books to the fen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Protocol


class Money(StrEnum):
    """Where the money of one payment is."""

    UNANSWERED = "unanswered"
    """Taken and told, no answer that can be used yet: neither ours nor the payer's."""
    BOOKED = "booked"
    """The gateway said 00000."""
    RETURNED = "returned"
    """The gateway refused: given back to the payer at the counter or by the channel."""
    REFUNDED = "refunded"
    """Booked, and paid back on an instruction 5617."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One payment. Identity is (cfm_date, tra_no_bus); amounts are fen."""

    cfm_date: str
    tra_no_bus: str
    pay_code: str
    amt: int
    pay_mode: str
    rec_acct: str
    money: Money = Money.UNANSWERED
    result: str = ""
    refund_no: str = ""
    refunded: int = 0
    acct_type: str = ""
    real_acct: str = ""
    """The account behind the one that was named, where it is another."""
    late: bool = False
    """The bank's own branches have not brought the money to the account yet (同行在途)."""
    cfm_time: str = ""
    payer_name: str = field(default="", repr=False)

    @property
    def key(self) -> tuple[str, str]:
        """Identity of the payment at its node."""
        return self.cfm_date, self.tra_no_bus

    @property
    def held(self) -> int:
        """Fen of this payment that lie in the fiscal account."""
        return self.amt - self.refunded if self.money in (Money.BOOKED, Money.REFUNDED) else 0


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts and fen of one node's day."""

    payments: int = 0
    taken: int = 0
    booked: int = 0
    booked_amt: int = 0
    returned: int = 0
    returned_amt: int = 0
    refunds: int = 0
    refunded_amt: int = 0
    unanswered: int = 0

    @property
    def held_amt(self) -> int:
        """Fen that lie in the fiscal account: booked less refunded."""
        return self.booked_amt - self.refunded_amt


class LedgerError(Exception):
    """Something that a bank's own books do not allow."""


class Follows(Protocol):
    """Moves the money as the ledger says."""

    def taken(self, entry: Entry) -> None:
        """Money has come in."""

    def booked(self, entry: Entry) -> None:
        """It was booked."""

    def returned(self, entry: Entry) -> None:
        """It was refused and given back."""

    def refunded(
        self, entry: Entry, refund_no: str, amt: int, pay_acct: str = "", tra_no: str = ""
    ) -> None:
        """It was paid back on an instruction."""


@dataclass(slots=True)
class Ledger:
    """The payments of one node, in the order in which the money came in.

    till: moves the money between accounts; without one only the payments are kept.
    """

    till: Follows | None = None
    _entries: dict[tuple[str, str], Entry] = field(default_factory=dict)

    def take(self, entry: Entry) -> None:
        """Money comes in. Raises LedgerError for a serial number that was used that day."""
        if entry.key in self._entries:
            raise LedgerError(f"serial number {entry.tra_no_bus} was used that day")
        self._entries[entry.key] = entry
        if self.till is not None:
            self.till.taken(entry)

    def settle(self, key: tuple[str, str], result: str) -> Entry:
        """The gateway's final answer: 00000 books, anything else returns the money to the payer.

        The same answer again changes nothing. Raises LedgerError when it contradicts the first.
        """
        entry = self.entry(key)
        money = Money.BOOKED if result == "00000" else Money.RETURNED
        if entry.money is Money.UNANSWERED:
            entry = self._entries[key] = replace(entry, money=money, result=result)
            if self.till is not None:
                (self.till.booked if money is Money.BOOKED else self.till.returned)(entry)
        elif entry.result != result:
            raise LedgerError(
                f"{entry.tra_no_bus} was answered {entry.result} before and is {result} now"
            )
        return entry

    def refund(
        self,
        key: tuple[str, str],
        refund_no: str,
        amt: int,
        *,
        pay_acct: str = "",
        tra_no: str = "",
    ) -> Entry:
        """Money goes back on an instruction, from `pay_acct` where that names an account.

        tra_no: the bank's own number of it, '' for none.
        Raises LedgerError when the payment has not so much left, and what the till raises.
        """
        entry = self.entry(key)
        if amt > entry.held:
            raise LedgerError(f"refund {refund_no} of {amt} fen is more than is held")
        if self.till is not None:
            self.till.refunded(entry, refund_no, amt, pay_acct, tra_no)
        changed = replace(
            entry, money=Money.REFUNDED, refund_no=refund_no, refunded=entry.refunded + amt
        )
        self._entries[key] = changed
        return changed

    def landed(self, key: tuple[str, str]) -> Entry:
        """Late money of the same bank has come to its account. Raises LedgerError."""
        changed = self._entries[key] = replace(self.entry(key), late=False)
        return changed

    def entry(self, key: tuple[str, str]) -> Entry:
        """The payment of this identity. Raises LedgerError."""
        try:
            return self._entries[key]
        except KeyError:
            raise LedgerError(f"no payment {key[1]} on {key[0]}") from None

    def find(self, cfm_date: str, tra_no_bus: str) -> Entry | None:
        """The payment of this identity, if there is one."""
        return self._entries.get((cfm_date, tra_no_bus))

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)

    def booked(self) -> list[Entry]:
        """The payments that the gateway has accepted, refunded ones included."""
        return [e for e in self if e.money in (Money.BOOKED, Money.REFUNDED)]

    def unanswered(self) -> list[Entry]:
        """The payments whose fate is not known yet."""
        return [e for e in self if e.money is Money.UNANSWERED]

    def totals(self) -> Totals:
        """Counts and sums."""
        booked = self.booked()
        returned = [e for e in self if e.money is Money.RETURNED]
        refunded = [e for e in self if e.money is Money.REFUNDED]
        return Totals(
            payments=len(self),
            taken=sum(e.amt for e in self),
            booked=len(booked),
            booked_amt=sum(e.amt for e in booked),
            returned=len(returned),
            returned_amt=sum(e.amt for e in returned),
            refunds=len(refunded),
            refunded_amt=sum(e.refunded for e in refunded),
            unanswered=len(self.unanswered()),
        )
