"""What daily figures are made of: movements of money, rows that sum them up, corrections.

A movement is an amount (fen) on one day under one key: category, region, unit, item, fund nature
(资金性质) and account. Money on temporary deposit (暂存) comes by `collected` and leaves by the
other measures; income (收入) comes by `confirmed` and is lessened by `income_refunded`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, replace
from enum import StrEnum
from typing import Any, Final, NamedTuple


class Category(StrEnum):
    """Why money is on temporary deposit."""

    SETTLING = "settling"
    RETURNING = "returning"
    UNIDENTIFIED = "unidentified"

    @property
    def text(self) -> str:
        """The Chinese name."""
        return _CATEGORIES[self]


class Measure(StrEnum):
    """What a movement is."""

    COLLECTED = "collected"
    CONFIRMED = "confirmed"
    REFUNDED = "refunded"
    CLAIMED = "claimed"
    INCOME_REFUNDED = "income_refunded"

    @property
    def text(self) -> str:
        """The Chinese name."""
        return _MEASURES[self][0]

    @property
    def deposit(self) -> int:
        """How it counts for money on deposit: 1, 0 or -1."""
        return _MEASURES[self][1]

    @property
    def income(self) -> int:
        """How it counts for income: 1, 0 or -1."""
        return _MEASURES[self][2]


class Cause(StrEnum):
    """What made a movement; on a correction it says why a closed day was not complete."""

    PAYMENT = "payment"
    REPAIR = "repair"
    DEBIT = "debit"
    ARRIVAL_PAID = "arrival_paid"
    CLAIM = "claim"
    DUPLICATE = "duplicate"
    CONFIRMATION = "confirmation"
    REFUND = "refund"
    TECHNICAL_REFUND = "technical_refund"
    UNIDENTIFIED = "unidentified"
    IDENTIFIED = "identified"
    RETURNED = "returned"

    @property
    def text(self) -> str:
        """The Chinese name."""
        return _CAUSES[self]


_CATEGORIES: Final = {
    Category.SETTLING: "待结算",
    Category.RETURNING: "待退付",
    Category.UNIDENTIFIED: "未明资金",
}
_MEASURES: Final = {
    Measure.COLLECTED: ("收缴", 1, 0),
    Measure.CONFIRMED: ("收入确认", -1, 1),
    Measure.REFUNDED: ("暂存退付", -1, 0),
    Measure.CLAIMED: ("认领转出", -1, 0),
    Measure.INCOME_REFUNDED: ("收入退付", 0, -1),
}
_CAUSES: Final = {
    Cause.PAYMENT: "缴款",
    Cause.REPAIR: "补单",
    Cause.DEBIT: "划缴",
    Cause.ARRIVAL_PAID: "虚拟账户到账",
    Cause.CLAIM: "认领",
    Cause.DUPLICATE: "重复缴款",
    Cause.CONFIRMATION: "收入确认",
    Cause.REFUND: "退付",
    Cause.TECHNICAL_REFUND: "技术性退付",
    Cause.UNIDENTIFIED: "未明资金到账",
    Cause.IDENTIFIED: "未明资金查明",
    Cause.RETURNED: "未明资金退回",
}


class Key(NamedTuple):
    """What figures are given per; '' where money has no such thing."""

    category: str
    region: str
    unit_code: str
    item_code: str
    fund_nature: str
    account: str


class Names(NamedTuple):
    """Names of unit, item and account as they were when the figure was made."""

    unit: str = ""
    item: str = ""
    account: str = ""


class Movement(NamedTuple):
    """An amount (fen) of one day under one key; `reference` names what it came from."""

    day: str
    key: Key
    names: Names
    measure: Measure
    amt: int
    cause: Cause
    reference: str


SUMS: Final = (
    "opening",
    "collected",
    "confirmed",
    "refunded",
    "claimed",
    "income_refunded",
    "movements",
    "income_movements",
)
"""The fields of a row that add up."""


@dataclass(frozen=True, slots=True)
class Row:
    """The figures of one day and key, in fen; the numbers of movements behind either report."""

    day: str
    category: str
    region: str
    unit_code: str
    item_code: str
    fund_nature: str
    account: str
    unit_name: str = ""
    item_name: str = ""
    account_name: str = ""
    opening: int = 0
    collected: int = 0
    confirmed: int = 0
    refunded: int = 0
    claimed: int = 0
    income_refunded: int = 0
    movements: int = 0
    income_movements: int = 0

    @classmethod
    def empty(cls, day: str, key: Key, names: Names) -> Row:
        """A row without money."""
        return cls(day, *key, *names)

    @property
    def key(self) -> Key:
        """What the row is of."""
        return Key(
            self.category,
            self.region,
            self.unit_code,
            self.item_code,
            self.fund_nature,
            self.account,
        )

    @property
    def names(self) -> Names:
        """The names that the row has."""
        return Names(self.unit_name, self.item_name, self.account_name)

    @property
    def closing(self) -> int:
        """What stays on deposit at the end of the day."""
        return self.opening + self.collected - self.confirmed - self.refunded - self.claimed

    @property
    def income(self) -> int:
        """The day's income, net."""
        return self.confirmed - self.income_refunded

    @property
    def has_income(self) -> bool:
        """Whether the row belongs into the income report."""
        return self.income_movements > 0

    @property
    def has_deposit(self) -> bool:
        """Whether the row belongs into the report of deposits."""
        return self.movements > 0 or self.opening != 0

    def plus(self, movement: Movement) -> Row:
        """The row with one more movement."""
        name = movement.measure.value
        changes: dict[str, Any] = {name: getattr(self, name) + movement.amt}
        if movement.measure.deposit:
            changes["movements"] = self.movements + 1
        if movement.measure.income:
            changes["income_movements"] = self.income_movements + 1
        return replace(self, **changes)

    def merged(self, other: Row) -> Row:
        """This row and another of the same day and key."""
        sums = {name: getattr(self, name) + getattr(other, name) for name in SUMS}
        return replace(self, **sums)

    def opened(self, amt: int) -> Row:
        """The row with AMT fen more at the day's beginning."""
        return replace(self, opening=self.opening + amt)


@dataclass(frozen=True, slots=True)
class Correction:
    """A movement of a closed day that was found out later. `no` 0: found, not yet registered."""

    no: int
    day: str
    category: str
    region: str
    unit_code: str
    item_code: str
    fund_nature: str
    account: str
    unit_name: str
    item_name: str
    account_name: str
    measure: Measure
    amt: int
    cause: Cause
    reference: str
    found_on: str
    found_at: int
    found_by: str

    @property
    def key(self) -> Key:
        """What the correction is of."""
        return Key(
            self.category,
            self.region,
            self.unit_code,
            self.item_code,
            self.fund_nature,
            self.account,
        )

    @property
    def names(self) -> Names:
        """The names that it has."""
        return Names(self.unit_name, self.item_name, self.account_name)

    @property
    def deposit(self) -> int:
        """What it changes of the money on deposit, in fen."""
        return self.measure.deposit * self.amt

    @property
    def income(self) -> int:
        """What it changes of the income, in fen."""
        return self.measure.income * self.amt


@dataclass(frozen=True, slots=True)
class Control:
    """Control totals (控制总数): number of rows, fen, SHA-256 over the rows."""

    count: int
    amt: int
    digest: str


# -- sums -----------------------------------------------------------------------------------------

_CANONICAL: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def sum_up(movements: Iterable[Movement]) -> list[Row]:
    """The rows of movements, by day and key; the first name of a key stays."""
    found: dict[tuple[str, Key], Row] = {}
    for movement in movements:
        at = (movement.day, movement.key)
        row = found.get(at) or Row.empty(movement.day, movement.key, movement.names)
        found[at] = row.plus(movement)
    return [found[at] for at in sorted(found)]


def carried(
    day: str, before: Iterable[Row], corrections: Iterable[Correction] = ()
) -> dict[Key, tuple[Names, int]]:
    """What is on deposit when DAY begins: the rows BEFORE as they closed, and the corrections.

    Keys without money are left out.
    """
    found: dict[Key, tuple[Names, int]] = {}
    amounts = [(row.key, row.names, row.closing) for row in before]
    amounts += [(one.key, one.names, one.deposit) for one in corrections]
    for key, names, amt in amounts:
        first, so_far = found.get(key, (names, 0))
        found[key] = (first, so_far + amt)
    return {key: found[key] for key in sorted(found) if found[key][1]}


def opened(day: str, rows: Iterable[Row], openings: dict[Key, tuple[Names, int]]) -> list[Row]:
    """The rows of DAY with what it began with, by key."""
    found = {row.key: row for row in rows}
    for key, (names, amt) in openings.items():
        found[key] = (found.get(key) or Row.empty(day, key, names)).opened(amt)
    return [found[key] for key in sorted(found)]


def income_rows(rows: Iterable[Row]) -> list[Row]:
    """The rows of the income report."""
    return [row for row in rows if row.has_income]


def deposit_rows(rows: Iterable[Row]) -> list[Row]:
    """The rows of the report of deposits."""
    return [row for row in rows if row.has_deposit]


def income_control(rows: Iterable[Row]) -> Control:
    """Control totals of the income report; the amount is the net income."""
    found = income_rows(rows)
    lines = [
        (row.day, *row.key, *row.names, row.confirmed, row.income_refunded, row.income_movements)
        for row in found
    ]
    return Control(len(found), sum(row.income for row in found), digest(lines))


def deposit_control(rows: Iterable[Row]) -> Control:
    """Control totals of the report of deposits; the amount is what is left at the day's end."""
    found = deposit_rows(rows)
    lines = [astuple(row) for row in found]
    return Control(len(found), sum(row.closing for row in found), digest(lines))


def digest(lines: Sequence[Sequence[str | int]]) -> str:
    """SHA-256 over lines of texts and numbers, in hex; each line is a JSON array of its own."""
    made = hashlib.sha256()
    for line in lines:
        made.update(_CANONICAL(list(line)).encode())
        made.update(b"\n")
    return made.hexdigest()
