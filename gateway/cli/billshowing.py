"""`nontax bill show`, `list` and `notice`."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final, get_args

from ...codecs import Sensitive, format_yuan, mask
from ..clock import civil_from_ms
from ..collection.accounts import Recipient, recipient
from ..collection.notice import render
from ..collection.validity import expired
from ..settlement.spool import put
from ..store import bills, catalogue, payments, refunds
from ..store.bills import BillFilter, BillTotal
from ..store.protocol import Transaction
from ..store.records import Bill, BillItem, BillSource, BillState, Payment, Refund
from .common import (
    FINE,
    CommandError,
    Json,
    add_limit,
    date_argument,
    print_facts,
    print_json,
    print_table,
    show_date,
    wants_json,
)
from .opening import open_gateway

PAY_STATS: Final = {"unpaid": "0", "paid": "1", "confirmed": "1", "void": "2"}
_CHINESE: Final = {
    "unpaid": "未缴款",
    "paid": "已缴款",
    "confirmed": "收入已确认",
    "void": "作废",
}


@dataclass(frozen=True, slots=True)
class _Whole:
    """A bill with all that happened to it."""

    bill: Bill
    items: list[BillItem]
    payments: list[Payment]
    refunds: list[Refund]


async def _whole(tx: Transaction, pay_code: str) -> _Whole | None:
    bill = await bills.get(tx, pay_code)
    if bill is None:
        return None
    return _Whole(
        bill,
        await bills.items(tx, pay_code),
        await payments.of_bill(tx, pay_code),
        await refunds.of_bill(tx, pay_code),
    )


def _unknown(pay_code: str) -> CommandError:
    return CommandError("there is no such bill", where=pay_code, do="check the pay code")


# -- show -----------------------------------------------------------------------------------------


async def show_bill(arguments: argparse.Namespace) -> int:
    """Show one bill, personal data masked."""
    async with open_gateway(arguments) as opened:
        whole = await opened.store.scan(lambda tx: _whole(tx, arguments.pay_code))
        today = opened.clock.today()
    if whole is None:
        raise _unknown(arguments.pay_code)
    if wants_json(arguments):
        print_json(_as_json(whole, today))
        return FINE
    bill = whole.bill
    print_facts(_facts(bill, today))
    print()
    print_table(
        ("item", "name", "amount", "unit", "quantity", "standard"),
        [
            (i.code, i.name, format_yuan(i.amt), i.unit, i.quantity, i.standard_type)
            for i in whole.items
        ],
        right="amount quantity",
    )
    if whole.payments:
        print("\npayments:")
        print_table(
            ("from", "date", "number", "amount", "mode", "channel", "remark"),
            [
                (
                    p.src,
                    show_date(p.cfm_date),
                    p.tra_no_bus,
                    format_yuan(p.amt),
                    p.pay_mode,
                    p.channel,
                    _remark(p),
                )
                for p in whole.payments
            ],
            right="amount",
        )
    if whole.refunds:
        print("\nrefunds:")
        print_table(
            ("number", "type", "amount", "state"),
            [(r.refund_no, str(r.kind), format_yuan(r.amt), r.state) for r in whole.refunds],
            right="amount",
        )
    return FINE


def _facts(bill: Bill, today: str) -> list[tuple[str, str]]:
    state = f"{bill.state} ({_CHINESE[bill.state]})"
    if bill.state == "unpaid" and expired(bill.expiry_date, today):
        state += ", expired"
    delay = f"{format_yuan(bill.ori_amt)} + {format_yuan(bill.delay_amt)} late fee"
    return [
        ("pay code 缴款码", bill.pay_code),
        ("state 状态", state),
        ("amount 金额", format_yuan(bill.amt) + (f" = {delay}" if bill.delay_amt else "")),
        ("unit 执收单位", f"{bill.unit_code} {bill.unit_name}"),
        ("region 区划", bill.region),
        ("payer 缴款人", mask(Sensitive.NAME, bill.payer_name)),
        ("phone 手机号", mask(Sensitive.PHONE, bill.mobile)),
        ("bill date 填制日期", show_date(bill.bill_date)),
        ("valid until 有效期止", show_date(bill.expiry_date)),
        ("account 收款账号", mask(Sensitive.ACCOUNT, bill.rec_acct)),
        ("virtual account 虚拟账号", mask(Sensitive.ACCOUNT, bill.virtual_acct)),
        ("paper bill 票据", f"{bill.bill_type_code} {bill.bill_no}".strip()),
        ("made by 制单", f"{bill.maker} ({bill.source}) {civil_from_ms(bill.created_at):%F %T}"),
        ("5996 to", bill.notify_node if bill.notify else ""),
    ]


def _remark(payment: Payment) -> str:
    marks = {
        "duplicate": payment.duplicate,
        "after expiry": payment.after_expiry,
        "before the bill": payment.before_bill,
    }
    return ", ".join(text for text, marked in marks.items() if marked)


def _as_json(whole: _Whole, today: str) -> dict[str, Json]:
    bill = whole.bill
    return {
        "PayCode": bill.pay_code,
        "PayStats": PAY_STATS[bill.state],
        "state": bill.state,
        "expired": bill.state == "unpaid" and expired(bill.expiry_date, today),
        "AdmDivCode": bill.region,
        "BillDate": bill.bill_date,
        "ExpiryDate": bill.expiry_date,
        "ChgAgenCode": bill.unit_code,
        "ChgAgenName": bill.unit_name,
        "PayerName": mask(Sensitive.NAME, bill.payer_name),
        "Amt": format_yuan(bill.amt),
        "OriAmt": format_yuan(bill.ori_amt),
        "DelayAmt": format_yuan(bill.delay_amt),
        "PayInfo": bill.pay_info,
        "source": bill.source,
        "maker": bill.maker,
        "items": [
            {
                "ItemCode": item.code,
                "ItemName": item.name,
                "Amt": format_yuan(item.amt),
                "Unit": item.unit,
                "Quantity": item.quantity,
            }
            for item in whole.items
        ],
        "payments": [
            {
                "SRC": payment.src,
                "CfmDate": payment.cfm_date,
                "TraNoBus": payment.tra_no_bus,
                "Amt": format_yuan(payment.amt),
                "PayMode": payment.pay_mode,
                "duplicate": bool(payment.duplicate),
                "channel": payment.channel,
                "after_expiry": bool(payment.after_expiry),
                "before_bill": bool(payment.before_bill),
            }
            for payment in whole.payments
        ],
        "refunds": [
            {
                "RefundNo": refund.refund_no,
                "RefundType": str(refund.kind),
                "Amt": format_yuan(refund.amt),
                "state": refund.state,
                "TraNoBus": refund.ori_tra_no_bus,
            }
            for refund in whole.refunds
        ],
    }


# -- list -----------------------------------------------------------------------------------------


def list_options(parser: argparse.ArgumentParser) -> None:
    """The options of `bill list`."""
    parser.add_argument("--unit", default="", metavar="CODE", help="only this unit's bills")
    parser.add_argument("--region", default="", metavar="CODE", help="only this region's bills")
    parser.add_argument(
        "--state", choices=get_args(BillState), default=None, help="only bills in this state"
    )
    parser.add_argument(
        "--source", choices=get_args(BillSource), default="", help="only bills that came this way"
    )
    for option, text in (("--from", "first"), ("--to", "last")):
        parser.add_argument(
            option,
            dest=f"date_{option[2:]}",
            type=date_argument,
            metavar="YYYY-MM-DD",
            help=f"{text} bill date",
        )
    add_limit(parser)


async def list_bills(arguments: argparse.Namespace) -> int:
    """List bills and the totals of all that fit."""
    narrowed = BillFilter(
        region=arguments.region,
        unit_code=arguments.unit,
        state=arguments.state,
        source=arguments.source,
        bill_date_from=arguments.date_from or "",
        bill_date_to=arguments.date_to or "",
    )

    async def read(tx: Transaction) -> tuple[list[Bill], list[BillTotal]]:
        found = await bills.page(tx, narrowed, limit=arguments.limit)
        return found, await bills.totals(tx, narrowed)

    async with open_gateway(arguments) as opened:
        found, totals = await opened.store.scan(read)
    if wants_json(arguments):
        print_json(
            {
                "bills": [
                    {
                        "PayCode": bill.pay_code,
                        "PayStats": PAY_STATS[bill.state],
                        "state": bill.state,
                        "BillDate": bill.bill_date,
                        "ChgAgenCode": bill.unit_code,
                        "PayerName": mask(Sensitive.NAME, bill.payer_name),
                        "Amt": format_yuan(bill.amt),
                    }
                    for bill in found
                ],
                "totals": {t.state: {"count": t.count, "Amt": format_yuan(t.amt)} for t in totals},
            }
        )
        return FINE
    print_table(
        ("pay code", "bill date", "unit", "payer", "amount", "state"),
        [
            (
                bill.pay_code,
                show_date(bill.bill_date),
                bill.unit_code,
                mask(Sensitive.NAME, bill.payer_name),
                format_yuan(bill.amt),
                bill.state,
            )
            for bill in found
        ],
        right="amount",
    )
    whole = ", ".join(f"{t.count} {t.state} {format_yuan(t.amt)}" for t in totals) or "none"
    print(f"\nin all: {whole}")
    return FINE


# -- notice ---------------------------------------------------------------------------------------


async def print_notice(arguments: argparse.Namespace) -> int:
    """Print a bill for its payer."""
    async with open_gateway(arguments) as opened:
        today = opened.clock.today()

        async def read(tx: Transaction) -> tuple[Bill, list[BillItem], Recipient | None] | None:
            bill = await bills.get(tx, arguments.pay_code)
            if bill is None:
                return None
            accounts = await catalogue.collection_accounts(tx, bill.region, today)
            to = await recipient(tx, bill, "", accounts)
            return bill, await bills.items(tx, bill.pay_code), to

        found = await opened.store.scan(read)
        name = opened.config.node.name
    if found is None:
        raise _unknown(arguments.pay_code)
    write_page(render(*found, name), arguments.out)
    return FINE


def write_page(page: str, out: Path | None) -> None:
    """Write a printable page to stdout, or to a file for its owner alone."""
    if out is None:
        sys.stdout.write(page)
    else:
        if not out.parent.is_dir():
            raise CommandError("there is no such folder", where=str(out.parent), do="make it")
        # The payer's name stands in it.
        put(out.parent, out.name, page)
        print(f"written to {out}")
