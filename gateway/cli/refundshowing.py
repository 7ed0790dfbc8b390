"""`nontax refund list`, `show` and `reserves`: how refunds stand, personal data masked."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Final, get_args

from ...codecs import Sensitive, format_yuan, mask
from ..clock import civil_from_ms
from ..settlement.acting import SettlementRefused
from ..settlement.refunds import ORDER, Whole, look
from ..settlement.reserves import Reserve, reserves
from ..store import journal, outbox, refunds
from ..store.protocol import Transaction
from ..store.records import JournalEntry, OutboxMessage, Refund, RefundState
from .common import (
    FINE,
    Json,
    add_limit,
    print_facts,
    print_json,
    print_table,
    show_date,
    wants_json,
)
from .issuing import refused
from .opening import open_gateway

_CHINESE: Final = {
    "requested": "待审核",
    "approved": "已审核",
    "queued": "待发送",
    "sent": "已发送",
    "acknowledged": "已受理",
    "succeeded": "已退付",
    "failed": "失败",
    "unknown": "待查",
    "rejected": "未通过",
}


# -- list -----------------------------------------------------------------------------------------


def list_options(parser: argparse.ArgumentParser) -> None:
    """The options of `refund list`."""
    parser.add_argument(
        "--state", choices=get_args(RefundState), default=None, help="only refunds in this state"
    )
    parser.add_argument(
        "--unit", action="append", metavar="CODE", help="only this unit's; may be given again"
    )
    parser.add_argument("--node", default="", metavar="CODE", help="only those this node pays")
    parser.add_argument("--after", default="", metavar="NO", help="only those after this number")
    add_limit(parser)


async def list_refunds(arguments: argparse.Namespace) -> int:
    """List refunds by number."""

    async def read(tx: Transaction) -> list[Refund]:
        return await refunds.page(
            tx,
            state=arguments.state,
            src=arguments.node,
            units=tuple(arguments.unit or ()),
            after=arguments.after,
            limit=arguments.limit,
        )

    async with open_gateway(arguments) as opened:
        found = await opened.store.scan(read)
    if wants_json(arguments):
        print_json({"refunds": [_brief(refund) for refund in found]})
        return FINE
    print_table(
        ("number", "pay code", "node", "amount", "of", "state", "from", "asked by", "decided by"),
        [
            (
                refund.refund_no,
                refund.pay_code,
                refund.src,
                format_yuan(refund.amt),
                format_yuan(refund.ori_amt),
                refund.state,
                refund.paid_from,
                refund.requested_by,
                refund.approved_by,
            )
            for refund in found
        ],
        right="amount of",
    )
    return FINE


def _brief(refund: Refund) -> dict[str, Json]:
    return {
        "RefundNo": refund.refund_no,
        "RefundType": str(refund.kind),
        "PayCode": refund.pay_code,
        "SRC": refund.src,
        "OriTraNoBus": refund.ori_tra_no_bus,
        "OriCfmDate": refund.ori_cfm_date,
        "OriAmt": format_yuan(refund.ori_amt),
        "Amt": format_yuan(refund.amt),
        "state": refund.state,
        "receiver": refund.receiver,
        "paid_from": refund.paid_from,
        "requested_by": refund.requested_by,
        "decided_by": refund.approved_by,
        "created_at": _time(refund.created_at),
        "decided_at": _time(refund.decided_at),
        "Result": refund.result,
        "TraNo": refund.tra_no,
        "TraDate": refund.tra_date,
    }


def _time(at: int) -> str:
    return f"{civil_from_ms(at):%F %T}" if at else ""


# -- show -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _History:
    """A refund with its messages and what the journal says."""

    whole: Whole
    held: int
    orders: list[OutboxMessage]
    entries: list[JournalEntry]


async def _history(tx: Transaction, refund_no: str) -> _History:
    whole = await look(tx, refund_no)
    return _History(
        whole,
        await refunds.held(tx, whole.payment.id),
        await outbox.of_subject(tx, refund_no, number=ORDER),
        await journal.of_subject(tx, refund_no),
    )


async def show_refund(arguments: argparse.Namespace) -> int:
    """Show one refund with all that happened to it."""
    async with open_gateway(arguments) as opened:
        try:
            found = await opened.store.scan(lambda tx: _history(tx, arguments.refund_no))
        except SettlementRefused as error:
            raise refused(error, arguments.refund_no) from None
        now = opened.clock.now_ms()
    if wants_json(arguments):
        print_json(_as_json(found, now))
        return FINE
    print_facts(_facts(found, now))
    print()
    print_table(
        ("when", "what", "who"),
        [(_time(entry.at), entry.kind, entry.actor) for entry in found.entries],
    )
    return FINE


def _overdue(found: _History, now: int) -> bool:
    return any(
        order.state == "acknowledged"
        and order.result_deadline is not None
        and order.result_deadline <= now
        for order in found.orders
    )


def _facts(found: _History, now: int) -> list[tuple[str, str]]:
    refund, bill = found.whole.refund, found.whole.bill
    state = f"{refund.state} ({_CHINESE[refund.state]})"
    paid = f"{refund.paid_from} {mask(Sensitive.ACCOUNT, refund.pay_acct)}".strip()
    return [
        ("refund 退付单号", refund.refund_no),
        ("state 状态", state + (", overdue" if _overdue(found, now) else "")),
        ("type 退付类型", "1 技术性差错" if refund.kind == 1 else "2 其他"),
        ("amount 退付金额", format_yuan(refund.amt)),
        ("of payment 原缴款", f"{format_yuan(refund.ori_amt)} {refund.ori_tra_no_bus}"),
        ("of it in refunds 已申请退付", format_yuan(found.held)),
        ("pay code 缴款码", refund.pay_code),
        ("unit 执收单位", f"{bill.unit_code} {bill.unit_name}"),
        ("paid back by 退付行", refund.src),
        ("paid from 资金来源", paid if refund.decided_at else ""),
        ("to 收款人", f"{refund.receiver} {mask(Sensitive.NAME, refund.rec_name)}"),
        ("account 收款账号", mask(Sensitive.ACCOUNT, refund.rec_acct)),
        ("reason 退付原因", refund.reason),
        ("asked by 申请", f"{refund.requested_by} {_time(refund.created_at)}"),
        ("decided by 审核", f"{refund.approved_by} {_time(refund.decided_at)}".strip()),
        ("result 结果", f"{refund.result} {refund.information}".strip()),
        ("transfer 交易流水号", f"{refund.tra_no} {show_date(refund.tra_date)}".strip()),
    ]


def _as_json(found: _History, now: int) -> dict[str, Json]:
    refund, bill = found.whole.refund, found.whole.bill
    return {
        **_brief(refund),
        "ChgAgenCode": bill.unit_code,
        "overdue": _overdue(found, now),
        "RecName": mask(Sensitive.NAME, refund.rec_name),
        "RecAcct": mask(Sensitive.ACCOUNT, refund.rec_acct),
        "PayAcct": mask(Sensitive.ACCOUNT, refund.pay_acct),
        "Reason": refund.reason,
        "Information": refund.information,
        "refunds_of_payment": format_yuan(found.held),
        "history": [
            {"at": _time(entry.at), "kind": entry.kind, "actor": entry.actor}
            for entry in found.entries
        ],
    }


# -- reserves -------------------------------------------------------------------------------------


async def show_reserves(arguments: argparse.Namespace) -> int:
    """Show what the reserves hold."""
    async with open_gateway(arguments) as opened:
        regions, today = opened.config.node.regions, opened.clock.today()

        async def read(tx: Transaction) -> list[Reserve]:
            return [entry for region in regions for entry in await reserves(tx, region, today)]

        found = await opened.store.scan(read)
    if wants_json(arguments):
        print_json(
            {
                "reserves": [
                    {
                        "bank": reserve.bank_code,
                        "AdmDivCode": reserve.region,
                        "account": mask(Sensitive.ACCOUNT, reserve.acct_no),
                        "name": reserve.name,
                        "since": reserve.since,
                        "opening": format_yuan(reserve.opening),
                        "paid": format_yuan(reserve.paid),
                        "promised": format_yuan(reserve.promised),
                        "available": format_yuan(reserve.available),
                    }
                    for reserve in found
                ]
            }
        )
        return FINE
    print_table(
        ("bank", "region", "account", "since", "opening", "paid", "promised", "available"),
        [
            (
                reserve.bank_code,
                reserve.region,
                mask(Sensitive.ACCOUNT, reserve.acct_no),
                show_date(reserve.since),
                format_yuan(reserve.opening),
                format_yuan(reserve.paid),
                format_yuan(reserve.promised),
                format_yuan(reserve.available),
            )
            for reserve in found
        ],
        right="opening paid promised available",
    )
    return FINE
