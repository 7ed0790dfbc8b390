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


PaymentRow = tuple[str, int, str, str, str, int, str, str]
"""The columns of OurPayment, in its order: what pages of the books are made of."""

PaymentLineRow = tuple[str, int, int, int, str, str, int, str, str, str]
"""The columns of PaymentLine, in its order: what pages of a statement are made of."""


class Expected(NamedTuple):
    """Money that the books expect on an account, once, as one movement of exactly `amt`.

    `expected` names it: "payment:ID", "transfer:ID" (2613), "channel:PayMode:yyyymmdd" (the day's
    sum of a third-party channel), "clearing:InstrNo:LineNo", "refund:No", "remittance:No",
    "arrival:ID". Whatever of `tra_no` (the number of the movement itself, TraNoBus of a same-bank
    payment), `batch_no` (2613, 5614) and `pay_code` is known is filled in; what has none of them
    is found by `pay_mode` (third-party channel). `due`: the day on which it was expected first;
    earlier than CheckDate for what is carried forward. `dc_flag` "1" comes in, "2" goes out.
    """

    tra_no: str
    expected: str
    dc_flag: str
    pay_mode: str
    pay_code: str
    batch_no: str
    amt: int
    due: str
    payment_id: int | None = None


class MoneyLine(NamedTuple):
    """A line of 2557 (`dc_flag` "1") or of 2556 (`pay_code` ''), as matching needs it.

    `check_date` is its statement's: earlier than the day that is reconciled for a line that nobody
    knew then. `ref_batch_no` is the BatchNo of the line itself; `fault` '' when readable.
    """

    tra_no: str
    batch_id: int
    pack_no: int
    line_no: int
    dc_flag: str
    pay_mode: str
    pay_code: str
    ref_batch_no: str
    amt: int
    check_date: str
    fault: str = ""

    @property
    def ref(self) -> LineRef:
        """Where it stands."""
        return LineRef(self.batch_id, self.pack_no, self.line_no)


class ChannelSum(NamedTuple):
    """What an account statement says of one channel, fen."""

    pay_mode: str
    in_amt: int
    out_amt: int


class Balances(NamedTuple):
    """What an account statement (2556) says of the whole day, fen.

    `previous_end`: EndBal of the statement before it, None where there is none to compare with.
    """

    begin_bal: int
    in_amt: int
    out_amt: int
    end_bal: int
    channels: tuple[ChannelSum, ...] = ()
    previous_end: int | None = None


class Met(NamedTuple):
    """Expected money that a line shows: the name of `Expected`, and where the line stands."""

    expected: str
    line: LineRef


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
    funds and movements (see `Expected`). `held`: no machine may repair it, whatever its kind; the
    reason says why.
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
    held: bool = False


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
    """What matching one statement of one node and day came to.

    `totals` ordered by scope, `differences` by (scope, key). `met` (2557 and 2556 only): what was
    expected and has come.
    """

    statement: Statement
    totals: tuple[ScopeTotals, ...]
    differences: Sequence[Difference] = field(default_factory=tuple)
    met: Sequence[Met] = field(default_factory=tuple)
