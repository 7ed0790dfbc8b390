"""Where the money is: a double-entry book per bank, and the banks' settlement between them.

Every movement has two postings that sum to zero, so that money is neither made nor lost; an
account's balance is the sum of its postings. Kept by the counterparties alone, and compared with
what the gateway expects of every account. Amounts are fen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple

OUTSIDE: Final = "outside"
"""Payers' own money, whatever bank or channel it comes from."""
SETTLEMENT: Final = "settlement"
"""What a bank has with all others (存放央行): what it sent stands here until it comes back."""


class Kind(StrEnum):
    """What an account is."""

    OUTSIDE = "outside"
    SETTLEMENT = "settlement"
    SUSPENSE = "suspense"
    """Taken from a payer, and no answer yet (待处理)."""
    IN_TRANSIT = "in-transit"
    """Collected for an account at another bank, not moved there yet (在途)."""
    UNDER_WAY = "under-way"
    """Told as moved (2613), not arrived yet."""
    SUBJECT = "subject"
    """A 科目 of the bank's own books, where money waits to be cleared."""
    COLLECTION = "collection"
    CLEARING = "clearing"
    RESERVE = "reserve"
    UNIT = "unit"
    TREASURY = "treasury"


_MAY_BE_NEGATIVE: Final = frozenset({Kind.OUTSIDE, Kind.SETTLEMENT, Kind.IN_TRANSIT, Kind.SUSPENSE})
_OF_NO_GATEWAY: Final = frozenset({Kind.OUTSIDE, Kind.SETTLEMENT})


def _no_calendar() -> str:
    return ""


class AccountError(Exception):
    """A movement that a bank's book does not allow; `chinese` is the text for the wire."""

    def __init__(self, text: str, chinese: str) -> None:
        super().__init__(text)
        self.chinese = chinese


@dataclass(frozen=True, slots=True)
class Posting:
    """One side of a movement; money that comes in is positive."""

    account: str
    amt: int


class Particulars(NamedTuple):
    """What the bank's own lists (2557, 2556) say of a movement beside its amount."""

    tra_no: str = ""
    """Its number at the bank; '' when that is its reference."""
    pay_mode: str = ""
    pay_code: str = ""
    batch_no: str = ""


NO_PARTICULARS: Final = Particulars()


@dataclass(frozen=True, slots=True)
class Movement:
    """Money that went from one account of a book to another, numbered from 1.

    date: yyyymmdd, '' in a book without a calendar.
    """

    number: int
    what: str
    reference: str
    postings: tuple[Posting, Posting]
    date: str = ""
    particulars: Particulars = NO_PARTICULARS

    @property
    def tra_no(self) -> str:
        """Its number at the bank."""
        return self.particulars.tra_no or self.reference


@dataclass(slots=True)
class Book:
    """One bank's book, by its four digits (or another short name).

    lenient: accounts are opened where money goes, and may be overdrawn. today: the date of what
    moves now, yyyymmdd.
    """

    code: str
    lenient: bool = False
    today: Callable[[], str] = _no_calendar
    kinds: dict[str, Kind] = field(default_factory=dict)
    movements: list[Movement] = field(default_factory=list)
    _balances: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Every bank has payers outside and other banks around it."""
        self.open(OUTSIDE, Kind.OUTSIDE)
        self.open(SETTLEMENT, Kind.SETTLEMENT)

    def open(self, account: str, kind: Kind, balance: int = 0) -> None:
        """Open an account, with money from outside; one that is there stays as it is."""
        if account in self.kinds:
            return
        self.kinds[account] = kind
        self._balances[account] = 0
        if balance:
            self.move(OUTSIDE, account, balance, "opening", account)

    def move(
        self,
        source: str,
        target: str,
        amt: int,
        what: str,
        reference: str,
        *,
        particulars: Particulars = NO_PARTICULARS,
    ) -> Movement:
        """Move money. Raises AccountError: unknown account, no amount, or not enough money."""
        if amt <= 0:
            raise AccountError(f"{what} {reference}: {amt} fen cannot be moved", "金额应大于0")
        for account in (source, target):
            if self.lenient and account:
                self.open(account, Kind.COLLECTION)
            if account not in self.kinds:
                raise AccountError(f"{self.code} has no account {account}", "账户不存在")
        short = self._balances[source] < amt and self.kinds[source] not in _MAY_BE_NEGATIVE
        if short and not self.lenient:
            raise AccountError(
                f"{what} {reference}: {source} has {self._balances[source]} fen, not {amt}",
                "账户余额不足",
            )
        postings = (Posting(source, -amt), Posting(target, amt))
        for posting in postings:
            self._balances[posting.account] += posting.amt
        number, date = len(self.movements) + 1, self.today()
        movement = Movement(number, what, reference, postings, date, particulars)
        self.movements.append(movement)
        return movement

    def balance(self, account: str) -> int:
        """An account's balance; 0 for one that is not here."""
        return self._balances.get(account, 0)

    def balances(self) -> dict[str, int]:
        """Every account's balance, by account."""
        return dict(sorted(self._balances.items()))

    def of(self, account: str) -> list[Movement]:
        """The movements of one account, in order."""
        return [m for m in self.movements if any(p.account == account for p in m.postings)]

    def faults(self) -> list[str]:
        """What is wrong with the book itself; empty for a good one."""
        found = []
        summed: dict[str, int] = dict.fromkeys(self.kinds, 0)
        for movement in self.movements:
            if sum(posting.amt for posting in movement.postings) != 0:
                found.append(f"{self.code}: movement {movement.number} does not sum to zero")
            for posting in movement.postings:
                summed[posting.account] += posting.amt
        if summed != self._balances:
            found.append(f"{self.code}: balances are not the sums of their postings")
        if sum(self._balances.values()) != 0:
            found.append(f"{self.code}: the balances do not sum to zero")
        return found


class Interbank:
    """All banks' books, and who holds which account.

    lenient: for a counterparty that plays alone, and does not know what there is: see `Book`.
    """

    def __init__(self, *, lenient: bool = False, today: Callable[[], str] = _no_calendar) -> None:
        self.lenient = lenient
        self.today = today
        self.books: dict[str, Book] = {}
        self._holders: dict[str, str] = {}
        self._behind: dict[str, str] = {}

    def book(self, code: str) -> Book:
        """A bank's book, made when it is first asked for."""
        return self.books.setdefault(code, Book(code, self.lenient, self.today))

    def open(self, code: str, account: str, kind: Kind, balance: int = 0) -> None:
        """Open an account at a bank."""
        self._holders.setdefault(account, code)
        self.book(self._holders[account]).open(account, kind, balance)

    def put_behind(self, number: str, account: str) -> None:
        """Money for a pseudo or virtual number arrives on this account."""
        self._behind[number] = account

    def real(self, number: str) -> str:
        """The account behind a number, or the number itself."""
        return self._behind.get(number, number)

    def holder(self, account: str) -> str:
        """The bank that holds an account, '' when nobody is known to."""
        return self._holders.get(self.real(account), "")

    def pay(
        self,
        code: str,
        source: str,
        account: str,
        amt: int,
        *,
        what: str,
        reference: str,
        particulars: Particulars = NO_PARTICULARS,
    ) -> None:
        """Pay from a bank's account to an account anywhere, by settlement where that is elsewhere.

        Raises AccountError; then nothing was moved.
        """
        account = self.real(account)
        holder = self.holder(account)
        if account == OUTSIDE or not holder or holder == code:
            book = self.book(code)
            book.move(source, account, amt, what, reference, particulars=particulars)
            return
        for book, whence, whither in (
            (self.book(code), source, SETTLEMENT),
            (self.book(holder), SETTLEMENT, account),
        ):
            book.move(whence, whither, amt, what, reference, particulars=particulars)

    def balances(self) -> dict[str, int]:
        """Balances of every account that a gateway may know, by account; not of the world outside.

        Accounts without a number carry their node's code and are told apart by it.
        """
        found: dict[str, int] = {}
        for book in self.books.values():
            for account, balance in book.balances().items():
                if book.kinds[account] not in _OF_NO_GATEWAY:
                    found[account] = found.get(account, 0) + balance
        return dict(sorted(found.items()))

    def faults(self) -> list[str]:
        """What is wrong with the books; money between the banks is nowhere else."""
        found = [fault for book in self.books.values() for fault in book.faults()]
        between = sum(book.balance(SETTLEMENT) for book in self.books.values())
        if between:
            found.append(f"{between} fen are lost between the banks")
        return found

    def __iter__(self) -> Iterator[Book]:
        return iter(self.books.values())


def interbank(
    catalogue: Mapping[str, list[Mapping[str, object]]], today: Callable[[], str] = _no_calendar
) -> Interbank:
    """The banks of a county with the accounts that its catalogue (as TOML) tells of.

    The banks keep their own books; all that they take from here is which accounts there are.
    today: the date of what moves now, yyyymmdd.
    """
    banks = Interbank(today=today)
    kinds = {"clearing": Kind.CLEARING, "reserve": Kind.RESERVE}
    for entry in catalogue.get("accounts", []):
        kind = kinds.get(str(entry["purpose"]), Kind.COLLECTION)
        banks.open(str(entry["bank"]), str(entry["number"]), kind, _fen(entry.get("balance", "0")))
    for entry in catalogue.get("supervised_accounts", []):
        banks.open(str(entry["bank"]), str(entry["number"]), Kind.UNIT)
    for entry in catalogue.get("targets", []):
        banks.open("treasury", str(entry["account"]), Kind.TREASURY)
    for entry in catalogue.get("virtual_accounts", []):
        first, last = str(entry["first"]), str(entry["last"])
        for number in range(int(first), int(last) + 1):
            banks.put_behind(f"{number:0{len(first)}d}", str(entry["account"]))
    return banks


def _fen(yuan: object) -> int:
    whole, _, part = str(yuan).partition(".")
    return int(whole) * 100 + int(f"{part:0<2}"[:2])


__all__ = [
    "OUTSIDE",
    "SETTLEMENT",
    "AccountError",
    "Book",
    "Interbank",
    "Kind",
    "Movement",
    "Particulars",
    "Posting",
    "interbank",
]
