"""Statements on their way to be delivered, changed line by line before they are cut into packs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from random import Random
from typing import Any

from ..messages.statements import PaymentLine
from ..reconcile.kinds import NOTED, Kind
from .planted import Planted
from .statements import Line, Number, Statement, channel_totals, net


class Row:
    """A line on its way to be delivered; touched: a fault has been planted with it."""

    __slots__ = ("line", "touched")

    def __init__(self, line: Line, *, touched: bool = False) -> None:
        self.line = line
        self.touched = touched


class Draft:
    """A batch being changed.

    shift: by how much its balances begin otherwise than they should. channel_shift: by how much its
    first channel's total is more than its lines. kept: a line was taken out of it, which only its
    delivery shows. avoid: numbers of lines that are never chosen.
    """

    def __init__(self, statement: Statement, avoid: frozenset[str] = frozenset()) -> None:
        self.statement = statement
        self.rows = [Row(line, touched=line_number(line) in avoid) for line in statement.lines]
        self.shift = 0
        self.channel_shift = 0
        self.kept = False
        self.dropped = False

    def free(self) -> list[Row]:
        """The lines that no fault has touched."""
        return [] if self.dropped else [row for row in self.rows if not row.touched]

    def lines(self) -> tuple[Line, ...]:
        return tuple(row.line for row in self.rows)


def line_number(line: Line) -> str:
    """The flow number of a line."""
    return line.TraNoBus if isinstance(line, PaymentLine) else line.TraNo


def _delivered(drafts: Iterable[Draft]) -> list[Statement]:
    """The statements that are delivered, each account's day beginning with what it had before."""
    made: list[Statement] = []
    ends: dict[tuple[str, str], int] = {}
    for draft in sorted(drafts, key=lambda d: d.statement.check_date):
        statement = draft.statement
        lines = draft.lines()
        if statement.number == "2556":
            account = (statement.src, statement.scope)
            begin = ends.get(account, statement.begin) + draft.shift
            ends[account] = begin + net(lines)
            channels = channel_totals(lines)
            if draft.channel_shift:
                first = channels[0]
                wrong = first.model_copy(update={"InAmt": first.InAmt + draft.channel_shift})
                channels = (wrong, *channels[1:])
            statement = replace(statement, begin=begin, end=ends[account], channels=channels)
        if not draft.dropped:
            made.append(replace(statement, lines=lines))
    return made


def carried(draft: Draft) -> bool:
    """Whether a bank's batch has the platform's payments."""
    return draft.statement.scope[0] == "5" and draft.statement.src[0] != "G"


class Drafts:
    """A set of statements being changed, and what was planted into them. avoid: see `Spare`."""

    def __init__(self, statements: Iterable[Statement], seed: int, avoid: frozenset[str]) -> None:
        self.random = Random(f"faults/{seed}")
        self.batches = {statement.key: Draft(statement, avoid) for statement in statements}
        self.planted: list[Planted] = []
        self._made = 0

    def of(self, number: Number) -> list[Draft]:
        """The batches of a kind that are delivered."""
        return [d for d in self.batches.values() if d.statement.number == number and not d.dropped]

    def choose(self, number: Number) -> tuple[Draft, Row] | None:
        """A line that nothing was planted with, and its batch."""
        places = [(draft, row) for draft in self.of(number) for row in draft.free()]
        return self.random.choice(places) if places else None

    def own_batch(self) -> Draft | None:
        """A batch of a node's own payments (an agent bank's also carries the platform's)."""
        own = [draft for draft in self.of("2555") if not carried(draft)]
        return self.random.choice(own) if own else None

    def new_number(self) -> str:
        """A flow number that nobody uses."""
        self._made += 1
        return f"X{self.random.randrange(10**8):08d}{self._made:04d}"

    def found(self, kind: Kind, draft: Draft, line: Line | None = None, **facts: Any) -> bool:
        """Note what must be found; the facts are those of the line unless told otherwise."""
        known: dict[str, Any] = {"state": "noted" if kind in NOTED else "open"}
        if line is not None:
            known |= {"tra_no": line_number(line), "pay_code": getattr(line, "PayCode", "")}
        self.planted.append(replace(self._row(kind, draft), **(known | facts)))
        return True

    def _row(
        self, kind: Kind, draft: Draft, ours: int | None = None, theirs: int | None = None
    ) -> Planted:
        number, node, date, scope = draft.statement.key
        return Planted(kind.value, node, date, number, scope, ours_amt=ours, theirs_amt=theirs)

    def finish(self) -> tuple[list[Statement], list[Planted]]:
        """What is delivered now, and what must be found in it."""
        statements = _delivered(self.batches.values())
        planted = list(self.planted)
        for statement in statements:
            draft = self.batches[statement.key]
            if draft.shift:
                told = statement.begin
                planted.append(self._row(Kind.BALANCE, draft, told - draft.shift, told))
            if draft.channel_shift:
                told = statement.channels[0].InAmt
                real = told - draft.channel_shift
                planted.append(self._row(Kind.CHANNEL_TOTAL, draft, real, told))
        return statements, planted


__all__ = ["Draft", "Drafts", "Row", "carried", "line_number"]
