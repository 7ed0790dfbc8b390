"""From dues to lines: pure, no I/O (spec: business, section 7).

Direct (直接缴库): a line per item of each bill. Consolidated (集中汇缴): a line per income subject,
budget level and unit. Amounts are fen, net of succeeded refunds.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ..store.entries import Item
from ..store.income import Due
from ..store.remittance import RemittanceLine, RemittancePart

DIRECT: Final = "1"
CONSOLIDATED: Final = "2"


@dataclass(frozen=True, slots=True)
class NetDue:
    """A due with the bill that it is of and what is left of it."""

    due: Due
    pay_code: str
    amt: int


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines and the parts that they are made of; their ids are given when they are written."""

    lines: tuple[RemittanceLine, ...]
    parts: tuple[RemittancePart, ...]

    @property
    def total(self) -> int:
        """The sum of the lines."""
        return sum(line.amt for line in self.lines)


def make_lines(
    dues: Sequence[NetDue], mode: str, items: Mapping[str, Item], units: Mapping[str, str]
) -> Lines:
    """The lines of dues that are all above 0; UNITS are names by code."""
    grouped: dict[tuple[str, ...], list[NetDue]] = defaultdict(list)
    for entry in dues:
        grouped[_line_key(entry, mode, items)].append(entry)
    lines, parts = [], []
    for number, key in enumerate(sorted(grouped), 1):
        members = grouped[key]
        lines.append(_line(number, members, mode, items, units))
        parts += [
            RemittancePart(0, number, *entry.due.key, amt=entry.amt)
            for entry in sorted(members, key=lambda entry: entry.due.key)
        ]
    return Lines(tuple(lines), tuple(parts))


def _line_key(entry: NetDue, mode: str, items: Mapping[str, Item]) -> tuple[str, ...]:
    due = entry.due
    if mode == DIRECT:
        return entry.pay_code, due.item_code, due.level
    return items[due.item_code].income_subject, due.level, due.unit_code


def _line(
    number: int,
    members: Sequence[NetDue],
    mode: str,
    items: Mapping[str, Item],
    units: Mapping[str, str],
) -> RemittanceLine:
    item = items[_chief_item(members)]
    due = members[0].due
    return RemittanceLine(
        remit_id=0,
        line_no=number,
        subject=item.income_subject,
        subject_name=item.income_subject_name,
        level=due.level,
        item_code=item.code,
        item_name=item.name,
        pay_code=members[0].pay_code if mode == DIRECT else "",
        unit_code=due.unit_code,
        unit_name=units[due.unit_code],
        amt=sum(entry.amt for entry in members),
    )


def _chief_item(members: Iterable[NetDue]) -> str:
    """The item that a line names: of several with one income subject, the one with most money."""
    amounts: Counter[str] = Counter()
    for entry in members:
        amounts[entry.due.item_code] += entry.amt
    return min(amounts, key=lambda code: (-amounts[code], code))
