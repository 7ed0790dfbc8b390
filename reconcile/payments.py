"""Matching the day's payments with a node's lists of them (2555).

Both sides come ordered by flow number and are merged; what agrees in every field is passed without
being kept. Rows of a number that do not simply agree are paired by value; what is left over waits
for the pay code, and then for a judgement of what it is (``judging``).
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter, itemgetter
from typing import Final

from .judging import Judge, Leftover, Repeated, difference_of_pair
from .kinds import NOTED
from .pairing import Alike, Side, pair, within
from .ports import MAX_DIFFERENCES, Pages, PaymentLookups
from .sides import Difference, Matched, OurPayment, PaymentLine, PaymentLineRow, PaymentRow
from .tally import Tally

_RUN: Final = 256
"""Rows looked at in one go: slices of this length are cheap to throw away at a difference."""


async def match_payments(
    ours: Pages[PaymentRow],
    theirs: Pages[PaymentLineRow],
    look: PaymentLookups,
    *,
    node: str,
    check_date: str,
    limit: int = MAX_DIFFERENCES,
) -> Matched:
    """Match what the books expect in the lists of `node` for `check_date` with those lists.

    `ours`: the payments whose CfmDate is `check_date`, of the node itself and those of others that
    its lists carry (the platform's on accounts that the bank holds), in channels that were
    delivered. `theirs`: all lines of the node's lists of that day. Own payments match by flow
    number, carried ones by flow number and pay code; then by pay code and amount among the node's
    own. A line without RecAcct says nothing about the account. The outcome depends neither on the
    order of the lines of one number nor on how they were split into packs (but for `line`, which
    says where one of several equal lines stands). Raises TooManyDifferences when more than `limit`
    rows differ, noted ones included.
    """
    day = _Day(node, check_date, limit)
    left, right = Side(ours), Side(theirs)
    while True:
        ours_left, theirs_left = await left.more(), await right.more()
        if ours_left and theirs_left:
            passed = day.pass_equal(
                left.page[left.at : left.at + _RUN], right.page[right.at : right.at + _RUN]
            )
            left.at += passed
            right.at += passed
            if passed:
                continue
            number = min(left.page[left.at][0], right.page[right.at][0])
        elif ours_left:
            number = left.page[left.at][0]
        elif theirs_left:
            number = right.page[right.at][0]
        else:
            return await day.outcome(look)
        day.group(await left.group(number), await right.group(number))


# Columns of OurPayment; those of PaymentLine stand one further.
_DATE, _CODE, _AMT, _MODE, _ACCT = 3, 4, 5, 6, 7


def _same(*columns: int) -> Alike[OurPayment, PaymentLine]:
    return itemgetter(*columns), itemgetter(*(column + 1 for column in columns))


def _same_but_account(*columns: int) -> Alike[OurPayment, PaymentLine]:
    ours, theirs = _same(*columns)
    return ours, lambda line: None if line.rec_acct else theirs(line)


_BY_NUMBER: Final = (
    _same(_CODE, _AMT, _DATE, _MODE, _ACCT),
    _same_but_account(_CODE, _AMT, _DATE, _MODE),
    _same(_CODE, _AMT, _DATE, _ACCT),
    _same_but_account(_CODE, _AMT, _DATE),
    _same(_CODE, _AMT, _DATE),
    _same(_CODE, _AMT, _ACCT),
    _same(_CODE, _AMT),
    _same(_CODE),
)
"""Rows of one flow number and pay code, whoever confirmed them."""

_BY_IDENTITY: Final = (
    _same(_DATE, _AMT, _MODE, _ACCT),
    _same(_DATE, _AMT, _ACCT),
    _same(_DATE, _AMT),
    _same(_DATE),
)
"""Rows of one identity (SRC, CfmDate, TraNoBus) whose pay codes differ: the node's own only."""


def _left_over(alike: Alike[OurPayment, PaymentLine]) -> Alike[OurPayment, Leftover]:
    ours, theirs = alike
    return ours, lambda one: theirs(one.line) if one.may_pair else None


_BY_CODE: Final = tuple(
    _left_over(alike)
    for alike in (
        _same(_DATE, _CODE, _AMT, _MODE, _ACCT),
        _same_but_account(_DATE, _CODE, _AMT, _MODE),
        _same(_DATE, _CODE, _AMT, _ACCT),
        _same(_DATE, _CODE, _AMT),
    )
)
"""Rows without a partner of their flow number: the node's own, of the same day."""

_by_value = attrgetter("pay_code", "amt", "cfm_date", "pay_mode", "rec_acct", "fault", "ref")


def _alone(at: int, *sides: Sequence[PaymentRow] | Sequence[PaymentLineRow]) -> bool:
    """Whether the row at a place is seen to be the last of its number on every side."""
    return all(at + 1 < len(rows) and rows[at][0] != rows[at + 1][0] for rows in sides)


class _Day:
    """What has been seen of a day so far: sums of all, and only those rows that differ."""

    def __init__(self, node: str, check_date: str, limit: int) -> None:
        self._node = node
        self._date = check_date
        self._limit = limit
        self._passed = ("", "")  # number and pay code of the last row that simply agreed
        self._tally = Tally()
        self._differences: list[Difference] = []
        self._left: list[OurPayment] = []
        self._right: list[Leftover] = []

    def pass_equal(self, ours: Sequence[PaymentRow], theirs: Sequence[PaymentLineRow]) -> int:
        """Pass the rows that agree in everything, side by side; how many.

        This is where a day's time goes: no objects are made, and nothing is kept. A number that
        follows itself ends the run, so that its rows are looked at together; so does a line without
        an account, unless its number has no other row: it might be another payment's.
        """
        counts, amounts = self._tally.agreed.count, self._tally.agreed.amt
        date = self._date
        last, last_code = self._passed
        passed = 0
        for our_row, their_row in zip(ours, theirs, strict=False):
            number, _, _, _, code, amt, mode, account = our_row
            their_number, _, _, _, day, their_code, their_amt, their_mode, their_account, fault = (
                their_row
            )
            if (
                number != their_number
                or code != their_code
                or amt != their_amt
                or mode != their_mode
                or day != date
                or fault
                or number == last
            ):
                break
            if account != their_account and (their_account or not _alone(passed, ours, theirs)):
                break
            counts[mode] += 1
            amounts[mode] += amt
            last = number
            last_code = code
            passed += 1
        self._passed = (last, last_code)
        return passed

    def group(self, ours: Sequence[PaymentRow], theirs: Sequence[PaymentLineRow]) -> None:
        """Take all rows of one flow number that have not been passed."""
        payments = list(map(OurPayment._make, ours))
        lines = list(map(PaymentLine._make, theirs))
        if len(lines) > 1:
            lines.sort(key=_by_value)
        for payment in payments:
            self._tally.ours.add(payment.pay_mode, payment.amt)
        for line in lines:
            self._tally.theirs.add(line.pay_mode, line.amt)
        pairs, left, right = self._pair(payments, [line for line in lines if not line.fault])
        for payment, line in pairs:
            self._paired(payment, line)
        self._left += left
        if right:
            self._right += self._leftovers(right, {line.pay_code for _, line in pairs})
        self._right += [Leftover(line, Repeated.NO) for line in lines if line.fault]
        self._hold(ended=False)

    def _pair(
        self, payments: list[OurPayment], lines: list[PaymentLine]
    ) -> tuple[list[tuple[OurPayment, PaymentLine]], list[OurPayment], list[PaymentLine]]:
        if len(payments) == len(lines) == 1 and payments[0].pay_code == lines[0].pay_code:
            return [(payments[0], lines[0])], [], []  # what the passes below would come to
        pairs, left, right = pair(payments, lines, _BY_NUMBER)
        if left and right:
            own = [payment for payment in left if payment.src == self._node]
            carried = [payment for payment in left if payment.src != self._node]
            more, own, right = pair(own, right, _BY_IDENTITY)
            pairs += more
            left = own + carried
        return pairs, left, right

    def _leftovers(self, lines: list[PaymentLine], paired: set[str]) -> list[Leftover]:
        number, code = self._passed
        codes = paired | {code} if number == lines[0].tra_no else set(paired)
        reused = len(codes | {line.pay_code for line in lines}) > 1
        found = []
        for line in lines:
            repeated = Repeated.NUMBER if reused else Repeated.NO
            if line.pay_code in codes:
                repeated = Repeated.LINE
            codes.add(line.pay_code)
            found.append(Leftover(line, repeated))
        return found

    def _paired(self, payment: OurPayment, line: PaymentLine) -> None:
        difference = difference_of_pair(payment, line)
        if difference is None or difference.kind in NOTED:
            self._tally.matched.add(line.pay_mode, line.amt)
        if difference is not None:
            self._differences.append(difference)

    async def outcome(self, look: PaymentLookups) -> Matched:
        """Pair the rest by pay code, judge what is left then, and add up."""
        own = [payment for payment in self._left if payment.src == self._node]
        carried = [payment for payment in self._left if payment.src != self._node]
        pairs, own, self._right = pair(own, self._right, _BY_CODE)
        for payment, leftover in pairs:
            self._paired(payment, leftover.line)
        self._left = own + carried
        self._hold(ended=True)
        judge = Judge(look, self._date, {payment.pay_code for payment in self._left})
        for payment in self._left:
            self._differences.append(await judge.payment(payment))
        for leftover in self._right:
            self._differences.append(await judge.line(leftover))
        self._differences.sort(key=attrgetter("scope", "key"))
        return Matched("2555", self._tally.totals(), self._differences)

    def _hold(self, *, ended: bool) -> None:
        within(
            self._limit,
            ours=len(self._left),
            theirs=len(self._right),
            paired=len(self._differences),
            ended=ended,
        )
