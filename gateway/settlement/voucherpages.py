"""Documents of the voucher library (电子凭证库): electronic receipts and remittance vouchers.

A document is JSON under the interface's own tags; amounts are yuan as text. Its page for people is
made from the document alone, so that both can be written again and come out the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

from ...codecs import format_yuan
from ...codecs.capitals import capitals
from ..clock import civil_from_ms
from ..collection.notice import long_date, page
from ..store.income import Income
from ..store.records import Bill, BillItem, Payment
from ..store.remittance import Remittance, RemittanceLine
from ..store.vouchers import VoucherKind

LEVELS: Final = {"0": "共享", "1": "中央", "2": "省级", "3": "市级", "4": "县级", "5": "乡级"}
_MODES: Final = {"1": "直接缴库", "2": "集中汇缴"}
_TYPES: Final = {"1": "缴库", "2": "缴户"}


def receipt_document(
    income: Income,
    bill: Bill,
    items: Sequence[BillItem],
    payment: Payment,
    *,
    refunded: int,
    node_name: str,
) -> str:
    """An electronic receipt (电子收据) as JSON. It names the payer in full: it is the payer's."""
    return _json(
        {
            "kind": "receipt",
            "ReceiptNo": income.receipt_no,
            "FinanceName": node_name,
            "PayCode": bill.pay_code,
            "AdmDivCode": bill.region,
            "ChgAgenCode": bill.unit_code,
            "ChgAgenName": bill.unit_name,
            "PayerName": bill.payer_name,
            "BillDate": bill.bill_date,
            "CfmDate": payment.cfm_date,
            "TraNoBus": payment.tra_no_bus,
            "SRC": payment.src,
            "ConfirmDate": income.confirmed_on,
            "Amt": format_yuan(payment.amt),
            "DelayAmt": format_yuan(bill.delay_amt),
            "RefundedAmt": format_yuan(refunded),
            "NetAmt": format_yuan(payment.amt - refunded),
            "NetAmtInWords": capitals(payment.amt - refunded),
            "Items": [
                {
                    "ItemCode": item.code,
                    "ItemName": item.name,
                    "Unit": item.unit,
                    "Quantity": item.quantity,
                    "Amt": format_yuan(item.amt),
                }
                for item in items
            ],
        }
    )


def remittance_document(
    remittance: Remittance, lines: Sequence[RemittanceLine], node_name: str
) -> str:
    """A remittance voucher (缴库凭证) as JSON."""
    return _json(
        {
            "kind": "remittance",
            "RemitNo": remittance.remit_no,
            "FinanceName": node_name,
            "SRC": remittance.node,
            "RemitDate": remittance.remit_date,
            "RemitType": remittance.remit_type,
            "RemitMode": remittance.mode,
            "TreCode": remittance.tre_code,
            "TreName": remittance.tre_name,
            "PayAcct": remittance.pay_acct,
            "PayAcctName": remittance.pay_acct_name,
            "RecAcct": remittance.rec_acct,
            "RecName": remittance.rec_name,
            "RecOpBk": remittance.rec_op_bk,
            "TraNo": remittance.tra_no,
            "TraDate": remittance.tra_date,
            "TraTime": remittance.tra_time,
            "TotalAmt": format_yuan(remittance.total),
            "TotalAmtInWords": capitals(remittance.total),
            "Count": len(lines),
            "DetailList": [
                {
                    "LineNo": line.line_no,
                    "IncomeSortCode": line.subject,
                    "IncomeSortName": line.subject_name,
                    "BgtLevel": line.level,
                    "ItemCode": line.item_code,
                    "ItemName": line.item_name,
                    "PayCode": line.pay_code,
                    "ChgAgenCode": line.unit_code,
                    "ChgAgenName": line.unit_name,
                    "Amt": format_yuan(line.amt),
                }
                for line in lines
            ],
            "MadeAt": f"{civil_from_ms(remittance.changed_at):%F %T}",
        }
    )


def _json(document: Mapping[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def voucher_page(kind: VoucherKind, document: str) -> str:
    """The printable page of a document; everything in it is escaped."""
    facts: dict[str, Any] = json.loads(document)
    return _receipt(facts) if kind == "receipt" else _remittance(facts)


def _receipt(facts: dict[str, Any]) -> str:
    rows = [
        ("缴款识别码", facts["PayCode"], "执收单位", _unit(facts)),
        ("缴款人", facts["PayerName"], "缴款日期", long_date(facts["CfmDate"])),
        ("交易流水号", facts["TraNoBus"], "收入确认日期", long_date(facts["ConfirmDate"])),
    ]
    items = [
        (item["ItemCode"], item["ItemName"], item["Unit"], item["Quantity"], item["Amt"])
        for item in facts["Items"]
    ]
    if facts["DelayAmt"] != "0.00":
        items.append(("", "滞纳金", "", "", facts["DelayAmt"]))
    if facts["RefundedAmt"] != "0.00":
        items.append(("", "已退付", "", "", f"-{facts['RefundedAmt']}"))
    head = (("项目编码", 22), ("收入项目名称", 38), ("单位", 10), ("数量", 12), ("金额(元)", 18))
    return page(
        f"电子收据 {facts['ReceiptNo']}",
        [
            _heading(facts, "非税收入电子收据", "收据编号", facts["ReceiptNo"]),
            _facts(rows),
            _table(head, items, facts["NetAmtInWords"], facts["NetAmt"]),
            f"<footer>{escape(facts['FinanceName'])}制。本收据由系统在收入确认后生成。</footer>",
        ],
    )


def _remittance(facts: dict[str, Any]) -> str:
    receiver = facts["TreName"] or facts["RecName"]
    code = f"({facts['TreCode']})" if facts["TreCode"] else ""
    rows = [
        ("付款户名", facts["PayAcctName"], "收款国库", receiver + code),
        ("付款账号", facts["PayAcct"], "收款账号", facts["RecAcct"]),
        ("缴库方式", _kind(facts), "收款开户行", facts["RecOpBk"]),
        (
            "银行流水号",
            facts["TraNo"],
            "入账时间",
            f"{long_date(facts['TraDate'])} {facts['TraTime']}".strip(),
        ),
    ]
    items = [
        (
            f"{line['IncomeSortCode']} {line['IncomeSortName']}".strip(),
            LEVELS.get(line["BgtLevel"], line["BgtLevel"]),
            line["ItemName"] or line["ItemCode"],
            line["PayCode"] or line["ChgAgenName"] or line["ChgAgenCode"],
            line["Amt"],
        )
        for line in facts["DetailList"]
    ]
    head = (
        ("收入分类科目", 26),
        ("预算级次", 11),
        ("项目", 23),
        ("缴款码或执收单位", 24),
        ("金额(元)", 16),
    )
    return page(
        f"缴库凭证 {facts['RemitNo']}",
        [
            _heading(facts, "非税收入缴库凭证", "缴库单号", facts["RemitNo"]),
            _facts(rows),
            _table(head, items, facts["TotalAmtInWords"], facts["TotalAmt"]),
            f"<footer>{escape(facts['FinanceName'])}制。</footer>",
        ],
    )


def _kind(facts: dict[str, Any]) -> str:
    kinds = (_TYPES.get(facts["RemitType"], ""), _MODES.get(facts["RemitMode"], ""))
    return " ".join(filter(None, kinds)) or "银行发起"


def _unit(facts: dict[str, Any]) -> str:
    return f"{facts['ChgAgenName']}({facts['ChgAgenCode']})"


def _heading(facts: dict[str, Any], title: str, label: str, number: str) -> str:
    return (
        f"<h1>{escape(facts['FinanceName'])}{title}</h1>\n"
        f'<p class="head"><span>{label} <span class="code">{escape(number)}</span></span></p>'
    )


def _facts(rows: Sequence[tuple[str, str, str, str]]) -> str:
    cells = "".join(
        f"<tr><th>{left}</th><td>{escape(one)}</td><th>{right}</th><td>{escape(two)}</td></tr>"
        for left, one, right, two in rows
    )
    columns = '<col style="width:14%"><col style="width:36%">' * 2
    return f"<table><colgroup>{columns}</colgroup>{cells}</table>"


def _table(
    head: Sequence[tuple[str, int]], rows: Sequence[Sequence[str]], words: str, total: str
) -> str:
    """A table whose last column has amounts, with the sum in words below."""
    cells = "".join(f'<th style="width:{share}%">{name}</th>' for name, share in head)
    body = "".join(
        "<tr>"
        + "".join(f"<td>{escape(cell)}</td>" for cell in row[:-1])
        + f'<td class="amount">{escape(row[-1])}</td></tr>'
        for row in rows
    )
    whole = (
        f'<tr class="total"><td colspan="{len(head) - 1}">合计(大写) {escape(words)}</td>'
        f'<td class="amount">¥{escape(total)}</td></tr>'
    )
    return f'<table style="margin-top:1.5mm"><tr>{cells}</tr>{body}{whole}</table>'
