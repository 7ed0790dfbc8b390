"""The report in short for a terminal: counts first, then sums, then what waits."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Final

from ..sides import Totals
from .model import AGES, RunReport, ScopeLine, added
from .words import STATEMENTS, STATES, short_date, yuan

_LISTED: Final = 20


def summary(report: RunReport) -> str:
    """English with the Chinese terms, ends with a line end; at most 20 open rows are listed."""
    header = report.header
    whose = f"{report.name(header.node)} ({header.node})" if header.node else "all nodes"
    lines = [
        f"Reconciliation (对账) of {short_date(header.check_date)}, {whose}",
        f"{header.finance_name} ({header.finance_code}), as of {header.generated_at}",
        "",
        *_counts(report),
        *_totals(report),
        *_kinds(report),
        *_ages(report),
        *_open(report),
        "THE DAY IS CLOSED" if report.closed else "THE DAY IS NOT CLOSED",
    ]
    return "\n".join(lines) + "\n"


def _counts(report: RunReport) -> list[str]:
    states = report.states()
    counted = ", ".join(f"{state} {states[state]:,}" for state in STATES)
    facts = [
        ("differences (差异)", f"{len(report.rows):,}" + (f": {counted}" if report.rows else "")),
        ("carried forward (结转)", f"{len(report.carried):,}"),
        ("in transit (在途资金)", _sum(added(Totals(t.count, t.amt) for t in report.transit))),
        ("refunds (退付)", _sum(added(Totals(r.count, r.amt) for r in report.refunds))),
    ]
    for node in report.undelivered:
        late = "、".join(node.missing)
        facts.append(("NOT DELIVERED (未送达)", f"{node.code} {node.name}: {late}"))
    facts += [
        ("nothing delivered (未送达)", f"{node.code} {node.name}: no payment of the day either")
        for node in report.header.nodes
        if node.silent
    ]
    wide = max(_width(name) for name, _ in facts)
    return [*(f"  {_pad(name, wide)}  {value}" for name, value in facts), ""]


def _sum(totals: Totals) -> str:
    return f"{totals.count:,}, {yuan(totals.amt)} yuan" if totals.count else "0"


def _totals(report: RunReport) -> list[str]:
    rows = [
        (
            f"{line.node} {report.name(line.node)}",
            f"{line.statement} {STATEMENTS[line.statement]}",
            line.label if line.delivered else f"{line.label} (!)",
            *_pair(line.ours),
            *_pair(line.theirs),
            *_pair(line.matched),
            _verdict(line),
        )
        for line in report.scopes
    ]
    return _table(
        "Totals in yuan as compared, before repairs ((!) not delivered)",
        ("node", "statement", "scope", "ours", "", "theirs", "", "matched", "", ""),
        rows,
        right=range(3, 9),
    )


def _pair(totals: Totals) -> tuple[str, str]:
    return f"{totals.count:,}", yuan(totals.amt)


def _verdict(line: ScopeLine) -> str:
    return "equal" if line.equal else "DIFFERENT"


def _kinds(report: RunReport) -> list[str]:
    rows = [
        (
            line.kind.value,
            line.kind.text,
            line.kind.code,
            *(f"{line.states[state]:,}" for state in STATES),
            yuan(line.amt),
        )
        for line in report.kinds()
    ]
    return _table(
        "Differences by kind (差异类别)",
        ("kind", "", "code", *STATES, "yuan"),
        rows,
        right=range(3, 9),
    )


def _ages(report: RunReport) -> list[str]:
    names = [f"{a}+ days" if b is None else f"{a}-{b} days" for a, b in AGES]
    rows = [
        (
            f"{line.node} {report.name(line.node)}",
            *(f"{one.count:,}" for one in line.ages),
            f"{line.total.count:,}",
            yuan(line.total.amt),
        )
        for line in report.ages()
    ]
    return _table(
        "Open rows by age (账龄), those of earlier days too",
        ("node", *names, "all", "yuan"),
        rows,
        right=range(1, 8),
    )


def _open(report: RunReport) -> list[str]:
    waiting = report.open_rows
    rows = [
        (
            str(row.id),
            short_date(row.check_date),
            row.node,
            row.scope,
            row.kind.text,
            row.pay_code,
            row.tra_no,
            yuan(row.ours_amt) or "-",
            yuan(row.theirs_amt) or "-",
            f"{row.age}",
        )
        for row in waiting[:_LISTED]
    ]
    made = _table(
        "Open rows (待处理)",
        ("id", "date", "node", "scope", "kind", "pay code", "number", "ours", "theirs", "days"),
        rows,
        right=(0, 7, 8, 9),
    )
    if len(waiting) > _LISTED:
        made[-1:] = [f"  ... and {len(waiting) - _LISTED:,} more", ""]
    return made


def _table(
    title: str, header: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int]
) -> list[str]:
    """Lines of a table, none where there are no rows; RIGHT are the columns of numbers."""
    if not rows:
        return []
    shown = [[_plain(cell) for cell in row] for row in (header, *rows)]
    widths = [max(map(_width, column)) for column in zip(*shown, strict=True)]
    lines = [title]
    for row in shown:
        cells = [
            _pad(cell, wide, right=at in right)
            for at, (cell, wide) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append(("  " + "  ".join(cells)).rstrip())
    return [*lines, ""]


def _plain(cell: str) -> str:
    """A cell without characters that steer a terminal."""
    return cell if cell.isprintable() else "".join(c if c.isprintable() else " " for c in cell)


def _width(text: str) -> int:
    """Columns on a terminal: Chinese characters take two."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def _pad(text: str, wide: int, *, right: bool = False) -> str:
    space = " " * (wide - _width(text))
    return space + text if right else text + space
