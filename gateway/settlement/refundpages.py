"""Printed pages of refunds: 《非税收入退付申请凭证》 and 国库退库凭证, each half an A4 sheet.

Self-contained HTML; everything that is printed is escaped. Personal data are printed in full: the
pages are for the file, the bank and the treasury.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Final

from ...codecs import format_yuan
from ...codecs.capitals import capitals
from ..clock import date_from_ms
from ..collection.notice import long_date, page
from ..store.records import BillItem, Refund
from .refunds import Whole
from .treasury import TreasuryVoucher

STATES: Final = {
    "requested": "待审核",
    "approved": "已审核",
    "queued": "待退付",
    "sent": "退付中",
    "acknowledged": "退付中",
    "unknown": "退付结果待查",
    "succeeded": "已退付",
    "failed": "退付失败",
    "rejected": "未通过",
}
_TYPES: Final = {1: "技术性差错", 2: "其他"}
_WAYS: Final = {
    "collection": "原收款账户原渠道退付",
    "reserve": "退付备用金退付",
    "treasury": "国库退库",
}
_RECEIVERS: Final = {"payer": "原缴款人", "unit": "执收单位"}


def application(whole: Whole, items: Iterable[BillItem], node_name: str) -> str:
    """《非税收入退付申请凭证》 of a refund, in whatever state it is."""
    refund = whole.refund
    parts = [
        f"<h1>{escape(node_name)}非税收入退付申请凭证</h1>",
        _head("退付单号", refund.refund_no, long_date(date_from_ms(refund.created_at)), refund),
        _about(whole, "、".join(dict.fromkeys(item.name for item in items))),
        _signatures(
            ("申请单位(章)", ""),
            ("经办", refund.requested_by),
            ("审核", refund.approved_by),
            ("财政部门(章)", ""),
        ),
    ]
    if refund.state in {"rejected", "failed"}:
        parts.append(f'<div class="void">{STATES[refund.state]}</div>')
    return page(f"非税收入退付申请凭证 {refund.refund_no}", parts)


def treasury_page(voucher: TreasuryVoucher, node_name: str) -> str:
    """国库退库凭证 of a refund of money that was remitted to the treasury."""
    whole, refund = voucher.whole, voucher.whole.refund
    rows = "".join(
        f"<tr><td>{escape(line.item_code)}</td><td>{escape(line.item_name)}</td>"
        f"<td>{escape(line.income_subject)}</td><td>{escape(line.level_name)}</td>"
        f"<td>{escape(line.treasury_code)} {escape(line.treasury_name)}</td>"
        f'<td class="amount">{format_yuan(line.amt)}</td></tr>'
        for line in voucher.lines
    )
    head = "".join(
        f'<th style="width:{width}%">{name}</th>'
        for name, width in (
            ("项目识别码", 15),
            ("收入项目名称", 22),
            ("收入科目", 15),
            ("预算级次", 12),
            ("国库", 22),
            ("金额(元)", 14),
        )
    )
    whole_row = (
        f'<tr class="total"><td colspan="5">合计(大写) {capitals(refund.amt)}</td>'
        f'<td class="amount">¥{format_yuan(refund.amt)}</td></tr>'
    )
    parts = [
        f"<h1>{escape(node_name)}国库退库凭证</h1>",
        _head("退付单号", refund.refund_no, long_date(date_from_ms(refund.decided_at)), refund),
        _table(
            (
                ("收款人", refund.rec_name, "缴款识别码", refund.pay_code),
                ("账号", refund.rec_acct, "原缴款日期", long_date(refund.ori_cfm_date)),
                ("开户行", refund.rec_op_bk, "原缴款金额", f"¥{format_yuan(refund.ori_amt)}"),
                ("执收单位", whole.bill.unit_name, "退库原因", refund.reason),
            )
        ),
        f'<table style="margin-top:1.5mm"><tr>{head}</tr>{rows}{whole_row}</table>',
        _signatures(
            ("财政部门(章)", ""),
            ("经办", refund.requested_by),
            ("审核", refund.approved_by),
            ("国库(章)", ""),
        ),
    ]
    return page(f"国库退库凭证 {refund.refund_no}", parts)


def _head(name: str, number: str, date: str, refund: Refund) -> str:
    return (
        f'<p class="head"><span>{name} <span class="code">{escape(number)}</span></span>'
        f"<span>日期 {date}</span><span>状态 {STATES[refund.state]}</span></p>"
    )


def _about(whole: Whole, items: str) -> str:
    refund, bill = whole.refund, whole.bill
    way = _WAYS[refund.paid_from] if refund.decided_at and refund.state != "rejected" else ""
    facts = _table(
        (
            ("执收单位", f"{bill.unit_name}({bill.unit_code})", "缴款识别码", refund.pay_code),
            ("缴款人", bill.payer_name, "原缴款日期", long_date(refund.ori_cfm_date)),
            ("收入项目", items, "原交易流水号", refund.ori_tra_no_bus),
            ("退付类型", _TYPES[refund.kind], "原缴款金额", f"¥{format_yuan(refund.ori_amt)}"),
            ("收款人", refund.rec_name, "收款对象", _RECEIVERS[refund.receiver]),
            ("账号", refund.rec_acct, "退付方式", way),
            ("开户行", refund.rec_op_bk, "退付银行流水号", refund.tra_no),
        )
    )
    amounts = (
        '<table style="margin-top:1.5mm"><colgroup><col style="width:16%"><col></colgroup>'
        f'<tr class="total"><th>退付金额</th><td>{capitals(refund.amt)}'
        f" ¥{format_yuan(refund.amt)}</td></tr>"
        f"<tr><th>退付原因</th><td>{escape(refund.reason)}</td></tr></table>"
    )
    return facts + amounts


def _table(rows: Iterable[tuple[str, str, str, str]]) -> str:
    cells = "".join(
        f"<tr><th>{left}</th><td>{escape(one)}</td><th>{right}</th><td>{escape(two)}</td></tr>"
        for left, one, right, two in rows
    )
    columns = '<col style="width:16%"><col style="width:34%">' * 2
    return f"<table><colgroup>{columns}</colgroup>{cells}</table>"


def _signatures(*places: tuple[str, str]) -> str:
    shown = "".join(f"<span>{title}:{escape(name)}</span>" for title, name in places)
    return f'<p class="head" style="margin-top:4mm">{shown}</p>'
