"""The printable 缴款书 (缴款通知): one self-contained HTML page of half an A4 sheet."""

from __future__ import annotations

from html import escape
from typing import Final

from ...codecs import format_yuan
from ...codecs.capitals import capitals
from ..store.records import Bill, BillItem
from .accounts import Recipient

_STATES: Final = {
    "unpaid": "未缴款",
    "paid": "已缴款",
    "confirmed": "已缴款",
    "void": "作废",
}

_STYLE: Final = """
@page { size: A4; margin: 10mm 14mm }
body { margin: 0; color: #111; background: #fff;
  font: 10.5pt/1.35 "Noto Serif CJK SC", "Source Han Serif SC", SimSun, serif }
main { box-sizing: border-box; max-width: 182mm; max-height: 138mm; margin: 0 auto;
  position: relative }
h1 { margin: 0 0 2mm; font-size: 16pt; text-align: center; letter-spacing: .2em }
.head { display: flex; justify-content: space-between; margin: 0 0 1.5mm }
.code { font-family: ui-monospace, "DejaVu Sans Mono", Consolas, monospace; font-weight: 700;
  letter-spacing: .04em; white-space: nowrap }
table { width: 100%; border-collapse: collapse; table-layout: fixed }
th, td { border: .3mm solid #111; padding: .8mm 1.6mm; text-align: left; font-weight: 400;
  overflow-wrap: anywhere; vertical-align: top }
th { background: #f3f3f3 }
.amount { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums }
.total { font-weight: 700 }
footer { margin-top: 2mm; font-size: 9pt }
.void { position: absolute; top: 34%; left: 0; right: 0; text-align: center; font-size: 60pt;
  color: #b00; opacity: .35; transform: rotate(-18deg); letter-spacing: .3em }
@media screen { body { background: #eee } main { background: #fff; padding: 8mm; margin: 8mm auto;
  max-height: none } }
"""


def render(bill: Bill, items: list[BillItem], to: Recipient | None, node_name: str) -> str:
    """The page of a bill; `to` is the account that payers are told, None for none.

    Everything that is printed is escaped. Personal data are printed in full: the page is for the
    payer.
    """
    parts = [
        _heading(bill, node_name),
        _parties(bill, to),
        _items(bill, items),
        _footer(bill, node_name),
    ]
    if bill.state == "void":
        parts.append('<div class="void">作废</div>')
    return page(f"缴款书 {bill.pay_code}", parts)


def page(title: str, parts: list[str]) -> str:
    """A self-contained page of half an A4 sheet; PARTS are HTML, the title is text."""
    return (
        '<!DOCTYPE html>\n<html lang="zh-CN"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n<body><main>\n"
        + "\n".join(parts)
        + "\n</main></body></html>\n"
    )


def _heading(bill: Bill, node_name: str) -> str:
    return (
        f"<h1>{escape(node_name)}非税收入缴款书</h1>\n"
        '<p class="head"><span>缴款识别码 '
        f'<span class="code">{escape(bill.pay_code)}</span></span>'
        f"<span>填制日期 {long_date(bill.bill_date)}</span>"
        f"<span>状态 {_STATES[bill.state]}</span></p>"
    )


def _parties(bill: Bill, to: Recipient | None) -> str:
    account = to.acct if to else ""
    if to and to.real_acct:
        account = f"{to.acct}(虚拟账号)"
    rows = (
        ("缴款人", bill.payer_name, "收款人", to.name if to else ""),
        ("账号", bill.payer_acct, "账号", account),
        ("开户行", bill.payer_op_bk, "开户行", to.op_bk if to else ""),
        ("执收单位", f"{bill.unit_name}({bill.unit_code})", "联行号", to.bank_no if to else ""),
    )
    cells = "".join(
        f"<tr><th>{left}</th><td>{escape(one)}</td><th>{right}</th><td>{escape(two)}</td></tr>"
        for left, one, right, two in rows
    )
    columns = '<col style="width:13%"><col style="width:37%">' * 2
    return f"<table><colgroup>{columns}</colgroup>{cells}</table>"


def _items(bill: Bill, items: list[BillItem]) -> str:
    head = "".join(
        f'<th style="width:{share}%"{css}>{name}</th>'
        for name, share, css in (
            ("项目编码", 18, ""),
            ("收入项目名称", 34, ""),
            ("单位", 10, ""),
            ("数量", 10, ' class="amount"'),
            ("收缴标准", 14, ""),
            ("金额(元)", 14, ' class="amount"'),
        )
    )
    rows = "".join(
        f"<tr><td>{escape(item.code)}</td><td>{escape(item.name)}</td><td>{escape(item.unit)}</td>"
        f'<td class="amount">{escape(item.quantity)}</td><td>{escape(_standard(item))}</td>'
        f'<td class="amount">{format_yuan(item.amt)}</td></tr>'
        for item in items
    )
    if bill.delay_amt:
        rows += (
            '<tr><td></td><td colspan="4">滞纳金</td>'
            f'<td class="amount">{format_yuan(bill.delay_amt)}</td></tr>'
        )
    whole = (
        f'<tr class="total"><td colspan="5">合计(大写) {capitals(bill.amt)}</td>'
        f'<td class="amount">¥{format_yuan(bill.amt)}</td></tr>'
    )
    return f'<table style="margin-top:1.5mm"><tr>{head}</tr>{rows}{whole}</table>'


def _standard(item: BillItem) -> str:
    return item.standard if item.standard_type == "金额上下限" else item.standard_type


def _footer(bill: Bill, node_name: str) -> str:
    lines = [
        f"请于{long_date(bill.expiry_date)}前(含当日)缴款,逾期请联系执收单位。"
        if bill.expiry_date
        else "请及时缴款。",
        "缴款方式:凭缴款识别码到代理银行柜台、自助终端、网上银行,或通过统一公共支付平台缴款。",
    ]
    if bill.crc_code:
        lines.append(f"校验码:{escape(bill.crc_code)}")
    if bill.memo:
        lines.append(f"备注:{escape(bill.memo)}")
    lines.append(f"{escape(node_name)}制。本通知不作收款凭证。")
    return "<footer>" + "<br>".join(lines) + "</footer>"


def long_date(day: str) -> str:
    """A date as people write it; '' for none."""
    return f"{day[:4]}年{int(day[4:6])}月{int(day[6:])}日" if day else ""
