"""Self-contained pages of figures: no script, no font, no picture from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

from ...codecs import format_yuan
from .daily import (
    CORRECTION_HEADINGS,
    DEPOSIT_HEADINGS,
    INCOME_HEADINGS,
    Daily,
    correction_cells,
    deposit_cells,
    income_cells,
)
from .model import Control, Correction

_STYLE: Final = """
@page { size: A4 landscape; margin: 10mm }
body { margin: 0; color: #111; background: #fff;
  font: 10pt/1.4 "Noto Sans CJK SC", "Source Han Sans SC", "Microsoft YaHei", sans-serif }
main { margin: 0 auto; padding: 6mm; max-width: 1400px }
h1 { font-size: 16pt; margin: 0 0 2mm; text-align: center }
h2 { font-size: 12pt; margin: 6mm 0 1mm }
p { margin: 0 0 2mm }
.wide { overflow-x: auto }
table { width: 100%; border-collapse: collapse; font-size: 9pt }
th, td { border: .25mm solid #777; padding: .6mm 1.2mm; text-align: left; vertical-align: top;
  overflow-wrap: anywhere }
th { background: #eef1f4; white-space: nowrap }
.code { white-space: nowrap }
.n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums }
.total td { font-weight: 700 }
.digest { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: 8pt;
  overflow-wrap: anywhere }
.open { color: #a15c00; font-weight: 700 }
"""
_AMOUNTS: Final = ("额", "笔数", "影响", "退付", "收缴", "转出", "确认收入")
"""Endings of headings over numbers."""


_CODE_LENGTH: Final = 24


def daily_page(daily: Daily, closed_at: str) -> str:
    """Both daily reports as one page. CLOSED_AT is for people."""
    title = f"{daily.node_name}非税收入日报、非税暂存日报"
    state = (
        f"已结账,{escape(daily.closed_by)} {escape(closed_at)}"
        if daily.state == "closed"
        else '<span class="open">未结账,数据可能变化</span>'
    )
    income = daily.income_rows
    deposits = daily.deposit_rows
    parts = [
        f"<h1>{escape(title)}</h1>",
        f"<p>日期 {show_day(daily.day)}　金额单位:元　{state}</p>",
        "<h2>非税收入日报</h2>",
        table(
            INCOME_HEADINGS,
            map(income_cells, income),
            (
                sum(row.confirmed for row in income),
                sum(row.income_refunded for row in income),
                daily.income.amt,
            ),
            sum(row.income_movements for row in income),
        ),
        control(daily.income, daily.corrected_income, "更正后收入净额"),
        "<h2>非税暂存日报</h2>",
        table(
            DEPOSIT_HEADINGS,
            map(deposit_cells, deposits),
            [
                sum(getattr(row, name) for row in deposits)
                for name in ("opening", "collected", "confirmed", "refunded", "claimed", "closing")
            ],
            sum(row.movements for row in deposits),
        ),
        control(daily.deposits, daily.corrected_deposits, "更正后期末余额"),
        _corrections("结账后的更正", (*daily.corrections, *daily.pending)),
        _corrections("期初余额中包含的以前日期更正", daily.carried),
    ]
    return page(title, parts)


def _corrections(heading: str, corrections: Sequence[Correction]) -> str:
    if not corrections:
        return ""
    rows = map(correction_cells, corrections)
    return f"<h2>{heading}</h2>" + table(CORRECTION_HEADINGS, rows)


def control(totals: Control, corrected: int, label: str) -> str:
    """Control totals below a table."""
    later = ""
    if corrected != totals.amt:
        later = f"　{label} {format_yuan(corrected)}"
    return (
        f"<p>控制总数:{totals.count}行,{format_yuan(totals.amt)}元{later},摘要 "
        f'<span class="digest">{totals.digest}</span></p>'
    )


def table(
    headings: Sequence[str],
    rows: Iterable[Sequence[str]],
    totals: Sequence[int] = (),
    count: int | None = None,
) -> str:
    """A table; TOTALS (fen) and a COUNT stand under its last columns."""
    numbers = [heading.endswith(_AMOUNTS) for heading in headings]
    head = "".join(
        f'<th class="n">{escape(heading)}</th>' if number else f"<th>{escape(heading)}</th>"
        for heading, number in zip(headings, numbers, strict=True)
    )
    body = "".join(
        "<tr>"
        + "".join(
            f"<td{_css(cell, number)}>{escape(cell)}</td>"
            for cell, number in zip(row, numbers, strict=True)
        )
        + "</tr>\n"
        for row in rows
    )
    foot = ""
    if totals:
        last = [*map(format_yuan, totals), *([] if count is None else [str(count)])]
        cells = "".join(f'<td class="n">{escape(cell)}</td>' for cell in last)
        span = len(headings) - len(last)
        foot = f'<tr class="total"><td colspan="{span}">合计</td>{cells}</tr>\n'
    return (
        f'<div class="wide"><table><thead><tr>{head}</tr></thead>\n'
        f"<tbody>{body}{foot}</tbody></table></div>"
    )


def _css(cell: str, number: bool) -> str:
    """An account or a code of usual length stays on one line."""
    if number:
        return ' class="n"'
    return ' class="code"' if cell.isdigit() and len(cell) <= _CODE_LENGTH else ""


def page(title: str, parts: Sequence[str]) -> str:
    """A page; PARTS are HTML, the title is text."""
    return (
        '<!DOCTYPE html>\n<html lang="zh-CN"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n<body><main>\n"
        + "\n".join(part for part in parts if part)
        + "\n</main></body></html>\n"
    )


def show_day(day: str) -> str:
    """A date as people write it."""
    return f"{day[:4]}年{int(day[4:6])}月{int(day[6:])}日"
