"""The report of a reconciled day (对账报告) as values; every way of writing it reads these alone.

Amounts are fen, dates yyyymmdd, instants civil time as text (`2026-11-23 08:05:00`), ages whole
days. Account numbers and names of persons arrive masked; nothing here knows a clock or a store.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final, NamedTuple

from ..kinds import Kind, State, Statement
from ..sides import FieldDifference, Totals

AGES: Final[tuple[tuple[int, int | None], ...]] = ((0, 1), (2, 3), (4, 7), (8, 30), (31, None))
"""Ages by which open rows are grouped: first and last day, None for no last."""

UNKNOWN_HOUR: Final = -1
"""Hour of payments whose CfmTime nobody told."""


@dataclass(frozen=True, slots=True)
class NodeHead:
    """One node's part of the report. `state` is the run's: '' when the day was never run.

    `revision` counts the runs of this node and date that had other inputs, from 1. `missing` are
    the statements that the node owes and has not delivered, as labels; `silent`: it has delivered
    none at all although it owes one, and the books have no payment that would wait for it;
    `merged`: it owes none, the banks' lists carry its payments.
    """

    code: str
    name: str
    state: str = ""
    revision: int = 0
    finished_at: str = ""
    missing: tuple[str, ...] = ()
    silent: bool = False
    merged: bool = False


@dataclass(frozen=True, slots=True)
class Header:
    """Whose report of which day this is. `node` '' means all nodes.

    `as_of` is the date that ages are counted to; `generated_at` stands in the heads of the pages.
    """

    finance_code: str
    finance_name: str
    check_date: str
    as_of: str
    generated_at: str
    node: str = ""
    nodes: tuple[NodeHead, ...] = ()


@dataclass(frozen=True, slots=True)
class ScopeLine:
    """Both sides of one channel (2555) or account (2557, 2556) of one node."""

    node: str
    statement: Statement
    scope: str
    label: str
    ours: Totals
    theirs: Totals
    matched: Totals
    delivered: bool = True

    @property
    def difference(self) -> Totals:
        """Their side less ours; either number may be negative."""
        return minus(self.theirs, self.ours)

    @property
    def equal(self) -> bool:
        """Whether both sides have the same and all of it was matched."""
        return self.ours == self.theirs == self.matched


@dataclass(frozen=True, slots=True)
class Hour:
    """Payments of one hour of the day (0 to 23, or UNKNOWN_HOUR)."""

    hour: int
    count: int
    amt: int


class LastAction(NamedTuple):
    """What was last done about a row, by whom (an operator, or the gateway), why and when.

    `reference` names what it led to: `payment:ID`, `difference:ID`, a refund's number, or ''.
    """

    action: str
    actor: str
    reason: str
    at: str
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One difference. `id` is what operators name it by; `scope` is a label, accounts masked."""

    id: int
    node: str
    check_date: str
    statement: Statement
    scope: str
    kind: Kind
    code: str
    state: State
    age: int
    pay_code: str = ""
    tra_no: str = ""
    ours_amt: int | None = None
    theirs_amt: int | None = None
    fields: tuple[FieldDifference, ...] = ()
    reason: str = ""
    last: LastAction | None = None

    @property
    def amt(self) -> int:
        """The money that the row is about: what one side has beyond the other, else its amount."""
        if self.ours_amt is None or self.theirs_amt is None:
            return self.ours_amt or self.theirs_amt or 0
        return abs(self.theirs_amt - self.ours_amt) or self.ours_amt


@dataclass(frozen=True, slots=True)
class InTransit:
    """Money that was collected and is not known to have arrived.

    `source` says how it is known: `funds` a row FUNDS_MISSING, `transfer` a 2613 under way.
    """

    node: str
    source: str
    number: str
    scope: str
    since: str
    age: int
    amt: int
    count: int = 1


@dataclass(frozen=True, slots=True)
class RefundSum:
    """Refunds of the day of one type (1 technical, 2 other) in one state."""

    kind: int
    state: str
    count: int
    amt: int


class AgeLine(NamedTuple):
    """Open rows of one node by age, in the order of AGES."""

    node: str
    ages: tuple[Totals, ...]

    @property
    def total(self) -> Totals:
        """All ages."""
        return added(self.ages)


@dataclass(frozen=True, slots=True)
class RunReport:
    """A day's reconciliation of one node or all.

    `rows` are the day's differences in every state, `carried` the open ones of earlier days; both
    ordered. `refunds` are those asked for on the day or paid back on it.
    """

    header: Header
    scopes: tuple[ScopeLine, ...] = ()
    hours: tuple[Hour, ...] = ()
    rows: Sequence[Row] = ()
    carried: Sequence[Row] = ()
    transit: Sequence[InTransit] = ()
    refunds: tuple[RefundSum, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)

    def name(self, node: str) -> str:
        """A node's name, or its code where it has none."""
        return self.names.get(node) or node

    @property
    def open_rows(self) -> list[Row]:
        """What waits for a person: the day's and the earlier ones'."""
        return [row for row in (*self.carried, *self.rows) if row.state == "open"]

    @property
    def repaired(self) -> list[Row]:
        """What policy has put right of this day."""
        return [row for row in self.rows if row.state == "repaired"]

    @property
    def undelivered(self) -> list[NodeHead]:
        """The nodes that owe a statement of the day."""
        return [node for node in self.header.nodes if node.missing]

    @property
    def closed(self) -> bool:
        """Whether the day was run, every statement has come and nothing waits for anybody."""
        with_money = {line.node for line in self.scopes}
        states = {node.state for node in self.header.nodes if node.state or node.code in with_money}
        return (
            states == {"done"}
            and not self.undelivered
            and all(row.state != "open" for row in self.rows)
        )

    def totals(self, statement: Statement) -> ScopeLine | None:
        """The sum of one statement over all nodes and scopes; None where there is none."""
        lines = [line for line in self.scopes if line.statement == statement]
        return summed(lines) if lines else None

    def states(self, rows: Iterable[Row] | None = None) -> dict[State, int]:
        """Number of rows in each state, those without any left at 0."""
        counts: dict[State, int] = dict.fromkeys(
            ("open", "repaired", "resolved", "settled", "noted"), 0
        )
        for row in self.rows if rows is None else rows:
            counts[row.state] += 1
        return counts

    def kinds(self, among: Iterable[Row] | None = None) -> list[KindLine]:
        """The day's differences, or some of them, by kind in the order of Kind."""
        order = {kind: at for at, kind in enumerate(Kind)}
        lines: dict[Kind, list[Row]] = {}
        for row in self.rows if among is None else among:
            lines.setdefault(row.kind, []).append(row)
        return [
            KindLine(kind, len(rows), sum(row.amt for row in rows), self.states(rows))
            for kind, rows in sorted(lines.items(), key=lambda entry: order[entry[0]])
        ]

    def ages(self) -> list[AgeLine]:
        """Open rows by node and age, nodes in the order of their codes."""
        by_node = sorted(self.open_rows, key=lambda row: row.node)
        return [AgeLine(node, _by_age(rows)) for node, rows in groupby(by_node, _node_of)]


@dataclass(frozen=True, slots=True)
class KindLine:
    """The day's differences of one kind."""

    kind: Kind
    count: int
    amt: int
    states: dict[State, int]


def _node_of(row: Row) -> str:
    return row.node


def _by_age(rows: Iterable[Row]) -> tuple[Totals, ...]:
    found = [Totals() for _ in AGES]
    for row in rows:
        at = age_group(row.age)
        found[at] = found[at].plus(row.amt)
    return tuple(found)


def age_group(age: int) -> int:
    """Index in AGES of an age in days; one below 0 (a run of today) counts as 0."""
    for at, (_, last) in enumerate(AGES):
        if last is None or age <= last:
            return at
    raise AssertionError("the last group has no end")


def minus(left: Totals, right: Totals) -> Totals:
    """The difference of two totals."""
    return Totals(left.count - right.count, left.amt - right.amt)


def added(totals: Iterable[Totals]) -> Totals:
    """The sum of totals."""
    count = amt = 0
    for one in totals:
        count += one.count
        amt += one.amt
    return Totals(count, amt)


def summed(lines: Sequence[ScopeLine]) -> ScopeLine:
    """The sum of lines of one statement, of the first one's node. Raises IndexError for none."""
    first = lines[0]
    return ScopeLine(
        node=first.node,
        statement=first.statement,
        scope="",
        label="合计",
        ours=added(line.ours for line in lines),
        theirs=added(line.theirs for line in lines),
        matched=added(line.matched for line in lines),
        delivered=all(line.delivered for line in lines),
    )
