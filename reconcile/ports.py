"""What matching needs from outside: pages of both sides, and look-ups for what is left over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol, TypeVar

from .sides import OurPayment, PaymentLine

T_co = TypeVar("T_co", covariant=True)

MAX_DIFFERENCES: Final = 100_000
"""How many rows may differ before matching gives up, unless told otherwise."""


class TooManyDifferences(Exception):
    """The two sides do not belong together, or a list is missing: more rows differ than allowed.

    `ours` and `theirs` count what had found no partner, `paired` the pairs that differ in a field.
    """

    def __init__(self, limit: int, *, ours: int, theirs: int, paired: int) -> None:
        """Name the limit and what was counted up to it."""
        super().__init__(
            f"more than {limit} differences: {ours} rows of ours and {theirs} of theirs without"
            f" a partner, {paired} pairs that differ"
        )
        self.limit = limit
        self.ours = ours
        self.theirs = theirs
        self.paired = paired


class Pages(Protocol[T_co]):
    """Rows in the ascending order of their first column, the flow number.

    The order is that of Python's `str`, which is that of UTF-8 and of SQLite's BINARY: ``ORDER BY
    tra_no, …``. A page has a few thousand rows; rows of one flow number may cross pages. Rows may
    be plain tuples in the column order of their NamedTuple: making a NamedTuple of every row of a
    day costs more than matching it.
    """

    async def next(self) -> Sequence[T_co]:
        """The next page, empty at the end (and from then on)."""


@dataclass(frozen=True, slots=True)
class BillView:
    """The bill that a line names. `account_accepted`: a confirmation of this line's node with this
    line's account would have been taken (result 12003 otherwise).
    """

    state: Literal["unpaid", "paid", "confirmed", "void"]
    amt: int
    account_accepted: bool


class PaymentLookups(Protocol):
    """Point look-ups about rows that found no partner; never called for what agrees."""

    async def bill(self, line: PaymentLine) -> BillView | None:
        """The bill of the line's pay code."""

    async def elsewhere(self, line: PaymentLine) -> OurPayment | None:
        """Our payment on a neighbouring accounting day that the line tells of.

        Same node, pay code and amount, and the same flow number unless it was made from a claimed
        transfer; not listed on its own day.
        """

    async def listed_elsewhere(self, payment: OurPayment) -> str:
        """CheckDate of the neighbouring day's statement that lists the payment, '' for none."""

    async def refused(self, line: PaymentLine) -> bool:
        """Whether a confirmation of the line's identity was ever refused: the teller gave the money
        back then.
        """

    async def awaited(self, line: PaymentLine) -> bool:
        """Whether the books have a payment of the line's bill in a channel whose list of the day
        has not come: the line may be that very payment, told wrongly.
        """
