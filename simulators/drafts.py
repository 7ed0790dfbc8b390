"""Statements on their way to be delivered, changed line by line before they are cut into packs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from .statements import Line, Statement, channel_totals, net


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
    delivery shows.
    """

    def __init__(self, statement: Statement) -> None:
        self.statement = statement
        self.rows = [Row(line) for line in statement.lines]
        self.shift = 0
        self.channel_shift = 0
        self.kept = False
        self.dropped = False

    def free(self) -> list[Row]:
        """The lines that no fault has touched."""
        return [] if self.dropped else [row for row in self.rows if not row.touched]

    def lines(self) -> tuple[Line, ...]:
        return tuple(row.line for row in self.rows)


def delivered(drafts: Iterable[Draft]) -> list[Statement]:
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


__all__ = ["Draft", "Row", "delivered"]
