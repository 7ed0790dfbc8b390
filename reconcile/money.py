"""Matching expected money with the movements of one account: what 2557 and 2556 have in common.

By the number of the movement first, merged as the pages come; then, among what is left, by batch,
by pay code and amount, and by channel. Expectations and lines of earlier days take part and may be
met, but are not reported again: their own day has their row.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from operator import attrgetter, itemgetter
from typing import Final, NamedTuple

from ..codecs import format_yuan
from .judging import LineKeys
from .kinds import Kind, Statement
from .pairing import Alike, Side, pair, within
from .ports import Pages
from .sides import Difference, Expected, FieldDifference, Matched, Met, MoneyLine
from .tally import Tally


class Wording(NamedTuple):
    """A statement's kinds of difference, and how they are told."""

    statement: Statement
    amount: Kind
    missing: Kind
    unknown: Kind
    duplicate: Kind
    missing_text: str
    unknown_text: str


# Columns of Expected; those of MoneyLine stand two further.
_DC, _MODE, _CODE, _BATCH, _AMT = 2, 3, 4, 5, 6


def _same(*columns: int) -> Alike[Expected, MoneyLine]:
    return itemgetter(*columns), itemgetter(*(column + 2 for column in columns))


def _only(
    alike: Alike[Expected, MoneyLine],
    expected: Callable[[Expected], bool],
    line: Callable[[MoneyLine], bool],
) -> Alike[Expected, MoneyLine]:
    ours, theirs = alike
    return (
        lambda one: ours(one) if expected(one) else None,
        lambda one: theirs(one) if line(one) else None,
    )


def _any(_: object) -> bool:
    return True


def _says_nothing(line: MoneyLine) -> bool:
    return not line.pay_code and not line.ref_batch_no


_BY_NUMBER: Final = (
    _same(_DC, _BATCH, _CODE, _AMT),
    _same(_DC, _CODE, _AMT),
    _same(_DC, _BATCH, _AMT),
    _same(_DC, _AMT),
    _same(_DC, _BATCH, _CODE),
    _only(_same(_DC, _CODE), _any, lambda line: not line.ref_batch_no),
    _only(_same(_DC, _BATCH), _any, lambda line: not line.pay_code),
    _only(_same(_DC), _any, _says_nothing),
)
"""Movements of one number; of another amount only where nothing else speaks against it."""

_BY_BATCH: Final = tuple(
    _only(alike, lambda one: bool(one.batch_no), lambda line: bool(line.ref_batch_no))
    for alike in (_same(_DC, _BATCH, _AMT), _same(_DC, _BATCH))
)
_BY_CODE: Final = (
    _only(
        _same(_DC, _CODE, _AMT),
        lambda one: bool(one.pay_code) and not one.batch_no,
        lambda line: bool(line.pay_code) and not line.ref_batch_no,
    ),
)
_BY_CHANNEL: Final = (
    _only(
        _same(_DC, _MODE, _AMT),
        lambda one: not (one.tra_no or one.batch_no or one.pay_code),
        lambda line: bool(line.pay_mode) and _says_nothing(line),
    ),
)

_by_age = attrgetter("due", "expected")
_by_value = attrgetter(
    "check_date", "tra_no", "dc_flag", "pay_code", "ref_batch_no", "pay_mode", "amt", "fault", "ref"
)
_repeats = attrgetter("tra_no", "dc_flag", "pay_code", "ref_batch_no", "amt")


async def match_money(
    expected: Pages[Expected],
    lines: Pages[MoneyLine],
    wording: Wording,
    *,
    account: str,
    check_date: str,
    limit: int,
) -> Matched:
    """Match one account's day; TooManyDifferences above `limit` rows that differ.

    What finds no partner by its number is kept until the end, so that many rows may take part in
    the later steps; more than `limit` of one side are refused.
    """
    account_day = _AccountDay(wording, account, check_date, limit)
    left, right = Side(expected), Side(lines)
    while True:
        ours_left, theirs_left = await left.more(), await right.more()
        if not ours_left and not theirs_left:
            return account_day.outcome()
        numbers = [side.page[side.at][0] for side in (left, right) if side.at < len(side.page)]
        number = min(numbers)
        account_day.group(await left.group(number), await right.group(number))


class _AccountDay:
    """What has been seen of an account's day so far."""

    def __init__(self, wording: Wording, account: str, check_date: str, limit: int) -> None:
        self._wording = wording
        self._account = account
        self._date = check_date
        self._limit = limit
        self._tally = Tally()
        self._met: list[Met] = []
        self._differences: list[Difference] = []
        self._left: list[Expected] = []
        self._right: list[MoneyLine] = []
        self._repeated: list[MoneyLine] = []
        self._faulty: list[MoneyLine] = []

    def group(self, expected: Sequence[Expected], lines: Sequence[MoneyLine]) -> None:
        """Take all rows of one number."""
        ours = sorted(map(Expected._make, expected), key=_by_age)
        theirs = sorted(map(MoneyLine._make, lines), key=_by_value)
        for one in ours:
            if one.due == self._date:
                self._tally.ours.add(self._account, one.amt)
        for line in theirs:
            if line.check_date == self._date:
                self._tally.theirs.add(self._account, line.amt)
        usable = [line for line in theirs if not line.fault]
        self._faulty += [line for line in theirs if line.fault]
        if not (ours or theirs)[0].tra_no:
            self._left += ours
            self._right += usable
        else:
            pairs, left, right = pair(ours, usable, _BY_NUMBER)
            self._paired(pairs)
            self._left += left
            seen = {_repeats(line) for _, line in pairs}
            for line in right:
                (self._repeated if _repeats(line) in seen else self._right).append(line)
                seen.add(_repeats(line))
        self._hold(ended=False)

    def _paired(self, pairs: Sequence[tuple[Expected, MoneyLine]]) -> None:
        for one, line in pairs:
            if one.amt != line.amt:
                self._differences.append(self._amounts_differ(one, line))
                continue
            self._met.append(Met(one.expected, line.ref))
            if line.check_date == self._date:
                self._tally.matched.add(self._account, line.amt)

    def outcome(self) -> Matched:
        """Match the rest in the ways that need no number, and say what is left."""
        self._left.sort(key=_by_age)
        self._right.sort(key=_by_value)
        by_batch, self._left, self._right = pair(self._left, self._right, _BY_BATCH)
        self._paired(by_batch)
        self._take_repeated_batches({(line.ref_batch_no, line.amt) for _, line in by_batch})
        by_code, self._left, self._right = pair(self._left, self._right, _BY_CODE)
        self._paired(by_code)
        # A day's sum is in the list of that day, before it is in one of another.
        self._left.sort(key=lambda one: (one.due != self._date, *_by_age(one)))
        self._right.sort(key=lambda line: (line.check_date != self._date, *_by_value(line)))
        by_channel, self._left, self._right = pair(self._left, self._right, _BY_CHANNEL)
        self._paired(by_channel)
        self._sums_that_differ()
        self._left = [one for one in self._left if one.due == self._date]
        self._right = self._of_today(self._right)
        self._repeated = self._of_today(self._repeated)
        self._faulty = self._of_today(self._faulty)
        self._hold(ended=True)
        self._report()
        self._differences.sort(key=attrgetter("scope", "key"))
        return Matched(self._wording.statement, self._tally.totals(), self._differences, self._met)

    def _take_repeated_batches(self, seen: set[tuple[str, int]]) -> None:
        rest = []
        for line in self._right:
            if line.ref_batch_no and (line.ref_batch_no, line.amt) in seen:
                self._repeated.append(line)
            else:
                rest.append(line)
        self._right = rest

    def _sums_that_differ(self) -> None:
        """A channel whose one sum of the day meets one line of the day, of another amount."""
        (ours, theirs), *_ = _BY_CHANNEL
        sums: dict[Hashable, list[Expected]] = {}
        lines: dict[Hashable, list[MoneyLine]] = {}
        for one in self._left:
            if ours(one) is not None and one.due == self._date:
                sums.setdefault((one.dc_flag, one.pay_mode), []).append(one)
        for line in self._right:
            if theirs(line) is not None and line.check_date == self._date:
                lines.setdefault((line.dc_flag, line.pay_mode), []).append(line)
        for channel, expected in sums.items():
            found = lines.get(channel, [])
            if len(expected) == len(found) == 1:
                self._paired([(expected[0], found[0])])
                self._left.remove(expected[0])
                self._right.remove(found[0])

    def _of_today(self, lines: list[MoneyLine]) -> list[MoneyLine]:
        return sorted((one for one in lines if one.check_date == self._date), key=_by_value)

    def _report(self) -> None:
        words, keys = self._wording, LineKeys()
        for one in self._left:
            self._differences.append(
                Difference(
                    words.missing,
                    words.statement,
                    self._account,
                    f"expected:{one.expected}",
                    pay_code=one.pay_code,
                    tra_no=one.tra_no,
                    ours_amt=one.amt,
                    reason=words.missing_text,
                    payment_id=one.payment_id,
                    expected=one.expected,
                )
            )
        for kind, reason, lines in (
            (words.unknown, words.unknown_text, self._right),
            (words.duplicate, "同一笔资金在对账单中重复", self._repeated),
            (Kind.MALFORMED, "", self._faulty),
        ):
            for line in lines:
                key = keys.key(self._account, line.amt, line.pay_code, line.tra_no)
                self._differences.append(
                    Difference(
                        kind,
                        words.statement,
                        self._account,
                        key,
                        pay_code=line.pay_code,
                        tra_no=line.tra_no,
                        theirs_amt=line.amt,
                        reason=reason or line.fault,
                        line=line.ref,
                    )
                )

    def _amounts_differ(self, one: Expected, line: MoneyLine) -> Difference:
        amounts = FieldDifference("Amt", format_yuan(one.amt), format_yuan(line.amt))
        return Difference(
            self._wording.amount,
            self._wording.statement,
            self._account,
            f"expected:{one.expected}",
            pay_code=one.pay_code or line.pay_code,
            tra_no=line.tra_no,
            ours_amt=one.amt,
            theirs_amt=line.amt,
            fields=(amounts,),
            reason=f"金额:财政{amounts.ours},银行{amounts.theirs}",
            payment_id=one.payment_id,
            line=line.ref,
            expected=one.expected,
        )

    def _hold(self, *, ended: bool) -> None:
        within(
            self._limit,
            ours=len(self._left),
            theirs=len(self._right),
            paired=len(self._differences) + len(self._repeated) + len(self._faulty),
            ended=ended,
        )
