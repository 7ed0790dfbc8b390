"""The look of the page: half a sheet of A4 (210 × 148 mm, A5 landscape) in the form's brown."""

from __future__ import annotations

from typing import Final

PAGE_HEIGHT: Final = 148.0
MARGIN_TOP: Final = 6.5
MARGIN_BOTTOM: Final = 7.0
MARGIN_SIDE: Final = 10.0
FACE_HEIGHT: Final = PAGE_HEIGHT - MARGIN_TOP - MARGIN_BOTTOM - 0.5
FACE_WIDTH: Final = 210.0 - 2 * MARGIN_SIDE

STYLE: Final = f"""
@page {{ size: 210mm 148mm; margin: {MARGIN_TOP}mm {MARGIN_SIDE}mm {MARGIN_BOTTOM}mm }}
:root {{ --form: #8a3b12; --data: #10202e; --soft: #6b5a4f; --red: #c8161d; --green: #1b6a3c }}
* {{ box-sizing: border-box }}
html {{ -webkit-print-color-adjust: exact; print-color-adjust: exact }}
body {{ margin: 0; color: var(--data); background: #fff; font: 9pt/1.32 "Noto Serif CJK SC",
  "Source Han Serif SC", "Songti SC", SimSun, serif; font-variant-numeric: tabular-nums }}
p, h1, h2, dl, dd, dt, figure {{ margin: 0; font-weight: 400 }}
.face {{ position: relative; display: flex; flex-direction: column; width: {FACE_WIDTH}mm;
  min-height: {FACE_HEIGHT}mm }}
.k {{ color: var(--form) }}
.n {{ font-family: "DejaVu Sans Mono", Consolas, ui-monospace, monospace; font-size: .92em }}
.head {{ position: relative; min-height: 28mm }}
h1 {{ padding: 1.5mm 38mm 0; min-height: 11.5mm; color: var(--form); font-weight: 700;
  font-size: 17pt; line-height: 1.2; text-align: center; letter-spacing: .1em }}
h1.long {{ font-size: 12.5pt; letter-spacing: .02em }}
h1.longer {{ font-size: 9.5pt; letter-spacing: 0 }}
h1 b {{ color: var(--red) }}
.rule {{ width: 92mm; height: 1.1mm; margin: 0 auto .8mm; border: solid var(--form);
  border-width: .3mm 0 .15mm }}
.sides {{ display: grid; grid-template-columns: 112mm 1fr; column-gap: 6mm; padding: 0 1.4mm }}
.sides p {{ overflow-wrap: anywhere; line-height: 1.42 }}
.seal {{ position: absolute; opacity: .62; font-family: "Noto Serif CJK SC", SimSun, serif;
  pointer-events: none }}
.seal.finance {{ left: 50%; top: -.6mm; margin-left: -19mm }}
.seal.unit {{ left: 62mm; bottom: 12mm }}
.form {{ flex: 1; display: flex; flex-direction: column; border: .35mm solid var(--form) }}
.items {{ flex: 1; display: flex }}
table {{ width: 100%; border-collapse: collapse; table-layout: fixed }}
.items table {{ align-self: stretch }}
th, td {{ padding: .35mm 1mm; font-weight: 400; text-align: left;
  vertical-align: baseline; overflow-wrap: anywhere; border: solid var(--form);
  border-width: 0 .2mm }}
th {{ color: var(--form); text-align: center; border-bottom-width: .2mm }}
th:first-child, td:first-child {{ border-left: 0 }}
th:last-child, td:last-child {{ border-right: 0 }}
.amount {{ text-align: right; white-space: nowrap }}
.middle {{ text-align: center }}
tr.fill td {{ height: 100%; padding: 0 }}
tr.more td {{ color: var(--soft); text-align: center }}
.total {{ display: flex; border: solid var(--form); border-width: .2mm 0; line-height: 1.5 }}
.total p {{ padding: .6mm 1.4mm }}
.total p:first-child {{ flex: 1; overflow-wrap: anywhere }}
.total p:last-child {{ min-width: 62mm }}
.total b {{ font-size: 10pt }}
.other {{ display: flex; font-size: 7.6pt; line-height: 1.36 }}
.other h2 {{ display: flex; align-items: center; width: 7mm; padding: 0 1.6mm; font-size: 9pt;
  line-height: 1.2; color: var(--form); border-right: .15mm solid var(--form) }}
.facts {{ flex: 1; display: grid; grid-template-columns: repeat(6, 1fr); column-gap: 3mm;
  align-content: start; padding: .6mm 1.4mm .8mm }}
.facts p {{ overflow-wrap: anywhere; grid-column: span 6 }}
.facts .w3 {{ grid-column: span 3 }}
.facts .w2 {{ grid-column: span 2 }}
.sign {{ display: grid; grid-template-columns: 1fr 42mm 42mm; column-gap: 3mm;
  padding: 1.1mm 1.4mm .9mm }}
.sign p {{ overflow-wrap: anywhere }}
.check {{ padding-top: .7mm; border-top: .15mm dashed var(--soft); font-size: 6.8pt;
  line-height: 1.38; color: var(--soft) }}
.check p {{ overflow-wrap: anywhere }}
.check b {{ color: var(--green); font-weight: 700 }}
.check b.bad, .bad {{ color: var(--red) }}
.red .amount, .red .total b {{ color: var(--red) }}
.mark {{ position: absolute; left: 0; right: 0; top: 56mm; text-align: center; font-size: 46pt;
  font-weight: 700; line-height: 1; color: var(--red); opacity: .15; letter-spacing: .35em;
  text-indent: .35em; transform: rotate(-14deg); pointer-events: none }}
.mark.second {{ top: 84mm; font-size: 24pt }}
.list {{ width: {FACE_WIDTH}mm; break-before: page }}
.list > p {{ display: flex; justify-content: space-between; gap: 4mm; margin-bottom: 1mm;
  overflow-wrap: anywhere }}
.list h2 {{ margin: 2.2mm 0 1mm; color: var(--form); font-size: 10.5pt; font-weight: 700;
  text-align: center; letter-spacing: .12em; break-after: avoid }}
.list table {{ border: .3mm solid var(--form); font-size: 8.2pt }}
.list thead {{ display: table-header-group }}
.list tr {{ break-inside: avoid }}
.list td {{ border-bottom-width: .12mm }}
.list .sum td {{ font-weight: 700 }}
.list .facts {{ border: .3mm solid var(--form); font-size: 8.2pt; display: block }}
@media screen {{ body {{ padding: 6mm 0; background: #e7e4df }}
  .face, .list {{ width: 210mm; margin: 0 auto 6mm; padding: {MARGIN_TOP}mm {MARGIN_SIDE}mm
    {MARGIN_BOTTOM}mm; background: #fffdf8; box-shadow: 0 .3mm 2mm rgba(0, 0, 0, .22) }}
  .face {{ min-height: 148mm }} }}
"""

RUNNING: Final = """
@page {{ @bottom-left {{ content: "{left}"; font: 7pt sans-serif; color: #6b5a4f }}
  @bottom-right {{ content: "第 " counter(page) " 页,共 " counter(pages) " 页";
    font: 7pt sans-serif; color: #6b5a4f }} }}
"""
"""What runs along the foot of every page of an invoice of several; `left` is digits alone."""
