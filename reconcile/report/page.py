"""The shell of the printed page: style, escaping, tables. Nothing is fetched, no script runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final, NamedTuple

_STYLE: Final = """
:root { --ink: #1c2733; --soft: #5a6774; --line: #cdd5dd; --faint: #e6eaee; --head: #eff3f6;
  --blue: #2f5f8f; --red: #a3242b; --amber: #8a5800; --green: #1e6b47 }
* { box-sizing: border-box }
html { -webkit-print-color-adjust: exact; print-color-adjust: exact }
body { margin: 0; background: #e9edf0; color: var(--ink); font: 10pt/1.45 "Noto Sans CJK SC",
  "Source Han Sans SC", "Microsoft YaHei", "PingFang SC", SimHei, sans-serif;
  font-variant-numeric: tabular-nums }
main { max-width: 297mm; margin: 6mm auto; padding: 9mm 10mm; background: #fff;
  box-shadow: 0 0 2mm rgba(0, 0, 0, .14) }
.top { display: flex; justify-content: space-between; align-items: flex-end; gap: 8mm;
  border-bottom: .6mm solid var(--blue); padding-bottom: 2.5mm }
h1 { margin: 0; font-size: 17pt; line-height: 1.3; letter-spacing: .04em }
.top p { margin: 0; color: var(--soft); font-size: 9pt; text-align: right; white-space: nowrap }
.top .sub { margin: .5mm 0 0; font-size: 10pt; text-align: left }
h2 { margin: 6mm 0 1.8mm; font-size: 12pt; line-height: 1.3; break-after: avoid }
h2 small { margin-left: 2mm; color: var(--soft); font-size: 9pt; font-weight: 400 }
.verdict { margin: 3.5mm 0 0; padding: 2mm 3mm; border-left: 1.2mm solid; font-weight: 700 }
.verdict span { display: block; font-weight: 400 }
.verdict.good { color: var(--green); background: #edf6f1 }
.verdict.bad { color: var(--red); background: #fbefef }
.tiles { display: grid; grid-template-columns: repeat(5, 1fr); gap: 3mm; margin-top: 3.5mm }
.tile { padding: 2mm 3mm; border: .25mm solid var(--line); border-top: .8mm solid var(--blue) }
.tile b { display: block; font-size: 14pt; line-height: 1.35 }
.tile b small { font-size: 9pt; font-weight: 400 }
.tile span { color: var(--soft); font-size: 9pt }
.tile.bad { border-top-color: var(--red) } .tile.bad b { color: var(--red) }
.tile.wait { border-top-color: #c58a1c }
.scroll { overflow-x: auto }
table { width: 100%; border-collapse: collapse; font-size: 8.8pt; line-height: 1.4 }
thead { display: table-header-group }
tr { break-inside: avoid }
th, td { padding: 1mm 1.6mm; text-align: left; vertical-align: top; font-weight: 400;
  border-bottom: .2mm solid var(--faint); overflow-wrap: anywhere }
thead th { background: var(--head); font-weight: 700; vertical-align: bottom;
  border-bottom: .3mm solid var(--line) }
thead th.over { text-align: center; border-left: .3mm solid var(--line) }
.n { text-align: right; white-space: nowrap; overflow-wrap: normal }
.w { white-space: nowrap; overflow-wrap: normal }
.c { font-family: "DejaVu Sans Mono", Consolas, ui-monospace, "Noto Sans Mono CJK SC", monospace;
  font-size: 8pt; overflow-wrap: anywhere }
.group th { padding-top: 2mm; font-weight: 700; border-bottom: .3mm solid var(--line);
  break-after: avoid }
.group small, .soft { color: var(--soft); font-weight: 400 }
.sum td { background: #f8fafb; font-weight: 700; border-bottom: .3mm solid var(--line) }
.off { color: var(--red); font-weight: 700 }
.ok { color: var(--green) }
.pill { display: inline-block; padding: 0 1.4mm; border: .25mm solid; border-radius: 1mm;
  font-size: 8pt; white-space: nowrap }
.pill.open { color: var(--red) } .pill.repaired { color: var(--blue) }
.pill.resolved, .pill.settled { color: var(--green) } .pill.noted { color: var(--soft) }
.pair { display: grid; grid-template-columns: 55fr 45fr; gap: 7mm }
.pair td:first-child { word-break: keep-all; overflow-wrap: break-word }
.note { margin: 1.5mm 0 0; color: var(--amber); font-size: 9pt }
.none { margin: 1mm 0 0; color: var(--soft) }
.chart { display: block; width: 100%; height: auto; font-size: 11px }
.chart .t { fill: var(--ink); font-weight: 700 }
.chart .x { fill: var(--soft); text-anchor: middle }
.chart .y { fill: var(--soft); text-anchor: end }
.chart .grid { stroke: var(--faint) } .chart .axis { stroke: #8894a0 }
.chart .bar { fill: #5b88b5 }
footer { margin-top: 6mm; padding-top: 2mm; border-top: .25mm solid var(--line);
  color: var(--soft); font-size: 8.5pt }
@media screen and (max-width: 800px) { main { padding: 5mm; margin: 0 }
  .pair { grid-template-columns: 1fr }
  .scroll table { min-width: 190mm } .pair .scroll table { min-width: 0 }
  .tiles { grid-template-columns: 1fr 1fr } .top { display: block } .top p { text-align: left } }
@media print { body { background: #fff; font-size: 9pt } main { max-width: none; margin: 0;
  padding: 0; box-shadow: none } .scroll { overflow: visible } table { font-size: 8pt }
  .c { font-size: 7.2pt } h2 { margin: 4.5mm 0 1.5mm } .keep { break-inside: avoid } }
"""

_PRINT: Final = """
@page {{ size: A4 landscape; margin: 13mm 10mm 13mm;
  @top-left {{ content: {left}; font: 8pt sans-serif; color: #5a6774 }}
  @top-right {{ content: {right}; font: 8pt sans-serif; color: #5a6774 }}
  @bottom-right {{ content: "第 " counter(page) " 页,共 " counter(pages) " 页";
    font: 8pt sans-serif; color: #5a6774 }} }}
@page :first {{ margin-top: 10mm; @top-left {{ content: none }} @top-right {{ content: none }} }}
"""


class Cell(NamedTuple):
    """A cell that is HTML already, with the class of its column: `n` numbers, `c` codes."""

    html: str
    css: str = ""


class Column(NamedTuple):
    """A column's heading, its class, its share of the width in percent (0: as needed)."""

    name: str
    css: str = ""
    share: int = 0


def text(value: str) -> str:
    """A text as HTML: escaped, and without characters that steer a line (control, bidi)."""
    if not value.isprintable():
        value = "".join(char if char.isprintable() else " " for char in value)
    return escape(value)


def page(title: str, head: tuple[str, str], parts: Iterable[str]) -> str:
    """A whole page; PARTS are HTML, the title and the head of the printed pages are text."""
    left, right = map(_css_string, head)
    return (
        '<!DOCTYPE html>\n<html lang="zh-CN"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{text(title)}</title><style>{_STYLE}{_PRINT.format(left=left, right=right)}"
        "</style></head>\n<body><main>\n" + "\n".join(parts) + "\n</main></body></html>\n"
    )


def _css_string(value: str) -> str:
    """A text as a CSS string that can end neither itself nor the style element."""
    kept = (c if c.isalnum() or c in " -:," else f"\\{ord(c):06x}" for c in value)
    return f'"{"".join(kept)}"'


def table(columns: Sequence[Column], rows: Iterable[str], *, over: str = "") -> str:
    """A table of rows that are HTML; OVER is a row of headings above the columns' own."""
    groups = "".join(
        f'<col style="width:{column.share}%">' if column.share else "<col>" for column in columns
    )
    heads = "".join(_th(column) for column in columns)
    return (
        f'<div class="scroll"><table><colgroup>{groups}</colgroup><thead>{over}<tr>{heads}</tr>'
        f"</thead><tbody>\n" + "\n".join(rows) + "\n</tbody></table></div>"
    )


def _th(column: Column) -> str:
    css = f' class="{column.css}"' if column.css in {"n", "w"} else ""
    return f'<th scope="col"{css}>{column.name}</th>'


def row(cells: Iterable[Cell | str], css: str = "") -> str:
    """A row of a table; a plain text is escaped."""
    made = "".join(
        f"<td>{text(cell)}</td>"
        if isinstance(cell, str)
        else f'<td class="{cell.css}">{cell.html}</td>'
        if cell.css
        else f"<td>{cell.html}</td>"
        for cell in cells
    )
    return f'<tr class="{css}">{made}</tr>' if css else f"<tr>{made}</tr>"


def number(value: int) -> Cell:
    """A count, set to the right with separators."""
    return Cell(f"{value:,}", "n")


def code(value: str) -> Cell:
    """A code or number of a document."""
    return Cell(text(value), "c")


def heading(title: str, more: str = "") -> str:
    """A section's heading with a remark beside it; both are text."""
    return f"<h2>{text(title)}{f'<small>{text(more)}</small>' if more else ''}</h2>"


def none(said: str) -> str:
    """What stands where a section has nothing."""
    return f'<p class="none">{text(said)}</p>'
