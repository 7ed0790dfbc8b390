"""The lists of single differences in the page: the day's, what was repaired, what was carried."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from .model import Row, RunReport
from .page import Cell, Column, code, heading, none, row, table, text
from .words import ACTIONS, ACTORS, STATEMENTS, STATES, TAGS, reference_text, short_date, yuan

_ORDER: Final = {state: at for at, state in enumerate(STATES)}
_SAME: Final = {("repaired", "repair"), ("settled", "settle")}
_COLUMNS: Final = (
    Column("编号", "n", 5),
    Column("节点", "", 9),
    Column("对账单、渠道", "", 9),
    Column("差异", "", 10),
    Column("缴款码 / 流水号", "", 15),
    Column("财政(元)", "n", 8),
    Column("对账单(元)", "n", 8),
    Column("差异内容与原因", "", 16),
    Column("天数", "n", 4),
    Column("状态与最近处理", "", 16),
)


def rows_section(report: RunReport, limit: int) -> str:
    """The day's differences in every state; what waits comes first."""
    if not report.rows:
        return heading("差异明细") + none("当日没有差异。")
    states = report.states()
    said = "、".join(f"{STATES[state]} {count:,} 笔" for state, count in states.items() if count)
    title = heading("差异明细", f"共 {len(report.rows):,} 笔:{said}")
    return title + _table(report, report.rows, limit, dated=False)


def carried_section(report: RunReport, limit: int) -> str:
    """Open differences of earlier days, the oldest first."""
    if not report.carried:
        return ""
    title = heading("以前日期结转的未了差异", f"共 {len(report.carried):,} 笔")
    return title + _table(report, report.carried, limit, dated=True)


def _table(report: RunReport, rows: Sequence[Row], limit: int, *, dated: bool) -> str:
    if dated:
        ordered = sorted(rows, key=lambda one: (one.check_date, one.node, one.id))
    else:
        ordered = sorted(rows, key=lambda one: (_ORDER[one.state], one.node, one.statement, one.id))
    made = table(_COLUMNS, [_line(report, one, dated=dated) for one in ordered[:limit]])
    if len(ordered) <= limit:
        return made
    return (
        f'<p class="note">本页仅列出前 {limit:,} 笔,共 {len(ordered):,} 笔;'
        f"全部明细见同名 CSV 文件。</p>{made}"
    )


def _line(report: RunReport, one: Row, *, dated: bool) -> str:
    day = f'<br><span class="soft">{short_date(one.check_date)}</span>' if dated else ""
    return row(
        [
            Cell(str(one.id), "n"),
            Cell(text(report.name(one.node)) + day),
            Cell(f'{STATEMENTS[one.statement]}<br><span class="soft">{text(one.scope)}</span>'),
            Cell(one.kind.text + (f' <span class="soft">{one.code}</span>' if one.code else "")),
            code(one.pay_code) if not one.tra_no else _numbers(one),
            Cell(_amount(one.ours_amt), "n"),
            Cell(_amount(one.theirs_amt), "n"),
            Cell(_why(one)),
            Cell(str(one.age), "n"),
            Cell(_state(one)),
        ]
    )


def _numbers(one: Row) -> Cell:
    return Cell("<br>".join(text(number) for number in (one.pay_code, one.tra_no) if number), "c")


def _amount(fen: int | None) -> str:
    return '<span class="soft">无</span>' if fen is None else yuan(fen)


def _why(one: Row) -> str:
    parts = [
        f"{text(TAGS.get(field.tag, field.tag))}:{text(field.ours) or '空'}"
        f' <span class="soft">/</span> {text(field.theirs) or "空"}'
        for field in one.fields
    ]
    if one.reason:
        parts.append(f'<span class="soft">{text(one.reason)}</span>' if parts else text(one.reason))
    return "<br>".join(parts)


def _state(one: Row) -> str:
    pill = f'<span class="pill {one.state}">{STATES[one.state]}</span>'
    if one.last is None:
        return pill
    last = one.last
    # A row that policy repaired says so by its state already.
    action = "" if (one.state, last.action) in _SAME else ACTIONS.get(last.action, last.action)
    done = f"{action} {ACTORS.get(last.actor, last.actor)}"
    why = f"<br>{text(last.reason)}" if last.reason and last.reason != one.reason else ""
    led = f"<br>{text(reference_text(last.reference))}" if last.reference else ""
    return f'{pill} {text(done)}<br><span class="soft">{text(last.at)}</span>{led}{why}'
