"""Matching known movements and balances with the statement of one account (2556)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from operator import attrgetter
from typing import Final, NamedTuple

from ..codecs import format_yuan
from .kinds import Kind
from .money import Wording, match_money
from .ports import MAX_DIFFERENCES, Pages, TooManyDifferences
from .sides import Balances, ChannelSum, Difference, Expected, FieldDifference, Matched, MoneyLine
from .tally import Sums

_WORDING: Final = Wording(
    "2556",
    amount=Kind.MOVEMENT_AMOUNT,
    missing=Kind.MOVEMENT_MISSING,
    unknown=Kind.MOVEMENT_UNKNOWN,
    duplicate=Kind.MOVEMENT_DUPLICATE,
    missing_text="账户对账单中没有此笔收支",
    unknown_text="财政没有此笔收支",
)


async def match_account(
    expected: Pages[Expected],
    lines: Pages[MoneyLine],
    balances: Balances,
    *,
    account: str,
    check_date: str,
    limit: int = MAX_DIFFERENCES,
) -> Matched:
    """Match one account's day; both sides with what is carried forward, by flow number.

    Movements match as money does on 2557. The balances must follow from the day before and from
    each other, the totals (of the day, and of each channel where the statement has channels) from
    the lines. Raises TooManyDifferences.
    """
    summed = _Summed(lines, check_date)
    matched = await match_money(
        expected, summed, _WORDING, account=account, check_date=check_date, limit=limit
    )
    found = [*_balances(balances, account), *_totals(balances, summed, account)]
    if len(found) + len(matched.differences) > limit:
        raise TooManyDifferences(limit, ours=0, theirs=0, paired=len(found))
    differences = sorted([*matched.differences, *found], key=attrgetter("scope", "key"))
    return replace(matched, differences=differences)


class _Summed:
    """Pages of lines that are added up as they pass: by direction and channel, of this day."""

    def __init__(self, lines: Pages[MoneyLine], check_date: str) -> None:
        self._lines = lines
        self._date = check_date
        self.total = Sums()
        self.channels = {"1": Sums(), "2": Sums()}

    async def next(self) -> Sequence[MoneyLine]:
        """The next page."""
        page = await self._lines.next()
        for line in map(MoneyLine._make, page):
            if line.check_date == self._date and line.dc_flag in self.channels:
                self.total.add(line.dc_flag, line.amt)
                self.channels[line.dc_flag].add(line.pay_mode, line.amt)
        return page


class _Told(NamedTuple):
    """A sum that the statement tells: its tag, its name, and the fen."""

    tag: str
    name: str
    told: int


def _balances(balances: Balances, account: str) -> Iterator[Difference]:
    previous = balances.previous_end
    begin = _Told("BeginBal", "期初余额", balances.begin_bal)
    if previous is not None and previous != begin.told:
        yield _row(Kind.BALANCE, account, "balance", begin, previous)
    counted = balances.begin_bal + balances.in_amt - balances.out_amt
    end = _Told("EndBal", "期末余额", balances.end_bal)
    if counted != end.told:
        yield _row(Kind.BALANCE, account, "balance", end, counted)


def _totals(balances: Balances, summed: _Summed, account: str) -> Iterator[Difference]:
    day = (("1", "InAmt", "收入", balances.in_amt), ("2", "OutAmt", "支出", balances.out_amt))
    for dc_flag, tag, name, told in day:
        counted = summed.total.of(dc_flag).amt
        if counted != told:
            total = _Told(tag, f"{name}合计", told)
            yield _row(Kind.CHANNEL_TOTAL, account, "total", total, counted)
    if not balances.channels:
        return
    modes = {one.pay_mode: one for one in balances.channels}
    seen = {mode for sums in summed.channels.values() for mode in sums.count if mode}
    for mode in sorted(seen | set(modes)):
        channel = modes.get(mode, ChannelSum(mode, 0, 0))
        for (dc_flag, tag, name, _), told in zip(day, channel[1:], strict=True):
            counted = summed.channels[dc_flag].of(mode).amt
            if counted != told:
                total = _Told(tag, f"渠道{mode}{name}合计", told)
                yield _row(Kind.CHANNEL_TOTAL, account, f"channel:{mode}", total, counted)


def _row(kind: Kind, account: str, what: str, total: _Told, counted: int) -> Difference:
    amounts = FieldDifference(total.tag, format_yuan(counted), format_yuan(total.told))
    return Difference(
        kind,
        "2556",
        account,
        f"{what}:{total.tag}",
        ours_amt=counted,
        theirs_amt=total.told,
        fields=(amounts,),
        reason=f"{total.name}应为{amounts.ours},对账单为{amounts.theirs}",
    )
