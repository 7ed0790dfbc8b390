"""The two sides of a reconciliation and what comes of them. Amounts are fen, dates yyyymmdd."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from .kinds import Kind, Statement


class OurPayment(NamedTuple):
    """A payment of the books, as matching needs it. `src` is the node that confirmed it."""

    tra_no: str
    payment_id: int
    src: str
    cfm_date: str
    pay_code: str
    amt: int
    pay_mode: str
    rec_acct: str


class LineRef(NamedTuple):
    """Where a line of a statement stands: its batch, its pack and its number there (from 1)."""

    batch_id: int
    pack_no: int
    line_no: int


class PaymentLine(NamedTuple):
    """A line of 2555, as matching needs it. `pay_mode` is its batch's; `fault` '' when readable.

    The first column orders it; its reference follows from batch_id, pack_no, line_no.
    """

    tra_no: str
    batch_id: int
    pack_no: int
    line_no: int
    cfm_date: str
    pay_code: str
    amt: int
    pay_mode: str
    rec_acct: str
    fault: str = ""

    @property
    def ref(self) -> LineRef:
        """Where it stands."""
        return LineRef(self.batch_id, self.pack_no, self.line_no)


class FieldDifference(NamedTuple):
    """One field that differs, by its wire tag; values as text, personal ones masked."""

    tag: str
    ours: str
    theirs: str


@dataclass(frozen=True, slots=True)
class Difference:
    """One row that the two sides do not agree on.

    `key` names the row within (node, date, statement, scope) whatever the order of lines: a later
    run finds it again under the same key. `scope` is the PayMode of 2555, the account of 2557 and
    2556. `reason` is Chinese, for people and the wire. `expected` names what the books expected of
    funds and movements: "payment:ID", "transfer:ID", "channel:PayMode" and so on.
    """

    kind: Kind
    statement: Statement
    scope: str
    key: str
    pay_code: str = ""
    tra_no: str = ""
    ours_amt: int | None = None
    theirs_amt: int | None = None
    fields: tuple[FieldDifference, ...] = ()
    reason: str = ""
    payment_id: int | None = None
    line: LineRef | None = None
    expected: str = ""


@dataclass(frozen=True, slots=True)
class Totals:
    """Number and sum (fen) of one side."""

    count: int = 0
    amt: int = 0

    def plus(self, amt: int) -> Totals:
        """One more of this amount."""
        return Totals(self.count + 1, self.amt + amt)


@dataclass(frozen=True, slots=True)
class ScopeTotals:
    """Both sides of one channel or account, and how much of them agreed."""

    scope: str
    ours: Totals
    theirs: Totals
    matched: Totals


@dataclass(frozen=True, slots=True)
class Matched:
    """What matching one statement of one node and day came to; `differences` ordered by key."""

    statement: Statement
    totals: tuple[ScopeTotals, ...]
    differences: Sequence[Difference] = field(default_factory=tuple)
