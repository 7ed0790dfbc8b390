"""The list (清单): half sheets that follow the face with what had no room on it."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Final

from ..fields import EInvoice
from ..table import Extension
from .face import COLUMNS, Face, check_lines, fact_html, item_cells, item_row, yuan
from .facts import Fact, flat
from .values import Checked

_SHARES: Final = (5, 13, 30, 8, 9, 12, 13, 10)


def annex(invoice: EInvoice, front: Face, checked: Checked | None) -> str:
    """HTML of the list, '' when the face shows everything."""
    parts = []
    if front.items_shown < len(invoice.items):
        parts.append(_items(invoice, front.items_shown))
    if front.left_facts:
        parts.append(_facts("其他信息(续)", front.left_facts))
    if invoice.aux_items:
        parts.append(_aux(invoice))
    if front.signatures_cut:
        rows = "".join(f"<p>{html}</p>" for _, _, html in check_lines(checked))
        parts.append(f'<h2>验签信息</h2><div class="facts">{rows}</div>')
    if not parts:
        return ""
    css = "list red" if invoice.is_red else "list"
    return f'<section class="{css}">{_head(invoice)}{"".join(parts)}</section>\n'


def _head(invoice: EInvoice) -> str:
    return (
        f"<p><span>{escape(invoice.main.EInvoiceName)} 清单</span>"
        f'<span><span class="k">票据代码:</span>{invoice.code}</span>'
        f'<span><span class="k">票据号码:</span>{invoice.number}</span></p>'
    )


def _items(invoice: EInvoice, first: int) -> str:
    names = ("序号", *(name for name, _ in COLUMNS))
    columns = "".join(f'<col style="width:{share}%">' for share in _SHARES)
    heads = "".join(f"<th>{name}</th>" for name in names)
    rows = "".join(
        item_row(item_cells(item), f'<td class="middle">{index}</td>')
        for index, item in enumerate(invoice.items[first:], start=first + 1)
    )
    sums = (
        ("清单小计", sum(item.ItemAmount for item in invoice.items[first:])),
        ("金额合计", invoice.main.TotalAmount),
    )
    last = "".join(
        f'<tr class="sum"><td colspan="5">{label}</td>'
        f'<td colspan="2" class="amount">¥{yuan(fen)}</td><td></td></tr>'
        for label, fen in sums
    )
    return (
        f"<h2>项目清单(续)</h2><table><colgroup>{columns}</colgroup>"
        f"<thead><tr>{heads}</tr></thead><tbody>{rows}{last}</tbody></table>"
    )


def _facts(title: str, facts: Iterable[Fact]) -> str:
    return f'<h2>{title}</h2><div class="facts">{"".join(map(fact_html, facts))}</div>'


def _aux(invoice: EInvoice) -> str:
    """Auxiliary items: their elements are the region's own, so each is named."""
    rows = "".join(
        f'<tr><td class="middle">{index}</td><td>{_named(item.fields)}</td></tr>'
        for index, item in enumerate(invoice.aux_items, start=1)
    )
    return (
        '<h2>项目明细</h2><table><colgroup><col style="width:6%"><col></colgroup>'
        f"<thead><tr><th>序号</th><th>明细</th></tr></thead><tbody>{rows}</tbody></table>"
    )


def _named(extensions: Iterable[Extension]) -> str:
    return ";".join(
        f'<span class="k">{escape(name)}:</span>{escape(text)}' for name, text in flat(extensions)
    )
