"""Inspection (查验): whether an invoice that somebody was shown is what it says.

Who asks names five things that stand on its face. All right: the invoice's state and its contents,
personal data masked. Anything wrong: one answer, whatever was wrong and whether the number exists.
Askers are slowed down, and so is guessing at one invoice from many addresses.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from enum import StrEnum
from hmac import compare_digest
from typing import Final

from ...einvoice.envelope import open_document
from ...einvoice.showing import Shown, masked
from ..clock import Clock
from ..store import Store
from ..store.protocol import Transaction
from .handout import HandOut, archived

_MINUTE_MS: Final = 60_000
_MOST_BUCKETS: Final = 4096
_IPV6_NETWORK: Final = 64


@dataclass(frozen=True, slots=True)
class Question:
    """What stands on the face. date: ``yyyymmdd``; amt: fen, below 0 of a red invoice."""

    code: str
    number: str
    random: str = field(repr=False)
    date: str
    amt: int


class InvoiceStanding(StrEnum):
    """What an invoice is worth now."""

    VALID = "valid"
    RED = "red"
    REVERSED = "reversed"


@dataclass(frozen=True, slots=True)
class Inspected:
    """The answer to a question that was right. content: as `einvoice.showing.masked` gives it."""

    given: HandOut = field(repr=False)
    standing: InvoiceStanding
    content: dict[str, Shown] = field(repr=False)

    @property
    def reversed_by(self) -> tuple[str, str] | None:
        """Code and number of the red invoice of a reversed one."""
        return self.given.reversed_by


class TooManyQuestions(Exception):
    """The asker, or everybody who asks for this invoice, has to wait; `seconds` says how long."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"too many inspections: try again in {seconds} seconds")
        self.seconds = seconds


class RateLimit:
    """Token buckets, one for each key; the longest unused ones are forgotten."""

    def __init__(self, per_minute: int, *, most: int = _MOST_BUCKETS) -> None:
        self._per_minute = per_minute
        self._most = most
        self._buckets: OrderedDict[Hashable, tuple[float, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def wait(self, key: Hashable, now_ms: int) -> int:
        """Seconds until `take` is allowed for a key, 0 when it is."""
        left = self._left(key, now_ms)
        if left >= 1:
            return 0
        return max(1, -int(-(1 - left) * 60 // self._per_minute))

    def take(self, key: Hashable, now_ms: int) -> None:
        """Count one against a key."""
        left = self._left(key, now_ms)
        self._buckets.pop(key, None)
        self._buckets[key] = (max(0.0, left - 1), now_ms)
        while len(self._buckets) > self._most:
            self._buckets.popitem(last=False)

    def _left(self, key: Hashable, now_ms: int) -> float:
        left, since = self._buckets.get(key, (float(self._per_minute), now_ms))
        # A clock that was set back must not take what is left.
        earned = max(0, now_ms - since) * self._per_minute / _MINUTE_MS
        return min(float(self._per_minute), left + earned)


class Inspection:
    """Answers questions about archived invoices."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        per_asker: int = 10,
        wrong_per_invoice: int = 30,
        most_askers: int = _MOST_BUCKETS,
    ) -> None:
        """per_asker: questions a minute; wrong_per_invoice: wrong ones a minute, by anybody."""
        self._store = store
        self._clock = clock
        self._askers = RateLimit(per_asker, most=most_askers)
        self._wrong = RateLimit(wrong_per_invoice, most=most_askers)

    async def ask(self, asker: str, question: Question) -> Inspected | None:
        """The invoice, or None for a question in which anything is wrong.

        asker: an address, or another name that one person cannot change at will. Raises
        TooManyQuestions, StoreError.
        """
        now = self._clock.now_ms()
        who = asker_key(asker)
        # Numbers that do not exist count like others, so that limits tell nothing, either.
        which = (question.code[:8], question.number[:10])
        wait = max(self._askers.wait(who, now), self._wrong.wait(which, now))
        if wait:
            raise TooManyQuestions(wait)
        self._askers.take(who, now)

        async def look(tx: Transaction) -> HandOut | None:
            return await archived(tx, question.code, question.number)

        given = await self._store.read(look)
        if not _is_right(question, given) or given is None:
            self._wrong.take(which, now)
            return None
        return inspected(given)


def inspected(given: HandOut) -> Inspected:
    """What is told of an archived invoice."""
    return Inspected(given, _standing(given), masked(open_document(given.document).invoice))


def asker_key(asker: str) -> str:
    """What an asker is counted by: an IPv6 address by its network, for one line has many."""
    try:
        address = ipaddress.ip_address(asker)
    except ValueError:
        return asker
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, _IPV6_NETWORK), strict=False))
    return str(address)


def _is_right(question: Question, given: HandOut | None) -> bool:
    """Whether all of it is right; each part is always compared, and in the same time."""
    said = (question.random, question.date, str(question.amt))
    true = ("------", "--------", "-")
    if given is not None:
        true = (given.invoice.random, given.invoice.issue_date, str(given.invoice.amt))
    right = given is not None
    for one, other in zip(said, true, strict=True):
        right &= compare_digest(one.encode(), other.encode())
    return right


def _standing(given: HandOut) -> InvoiceStanding:
    if given.invoice.is_red:
        return InvoiceStanding.RED
    if given.invoice.state == "reversed":
        return InvoiceStanding.REVERSED
    return InvoiceStanding.VALID
