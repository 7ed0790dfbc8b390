"""`nontax remit list` and `show`."""

from __future__ import annotations

import argparse

from ...codecs import format_yuan
from ..clock import civil_from_ms
from ..store import income, journal, outbox, remittance
from ..store.income import Mode
from ..store.protocol import Transaction
from ..store.records import JournalEntry, OutboxMessage
from ..store.remittance import Remittance, RemittanceLine
from .common import (
    FINE,
    CommandError,
    Json,
    print_facts,
    print_json,
    print_table,
    show_date,
    wants_json,
)
from .opening import open_gateway

STATES = {
    "queued": "待发送",
    "sent": "已发送",
    "acknowledged": "已受理",
    "succeeded": "已缴库",
    "failed": "失败",
    "unknown": "待查",
    "unmatched": "未匹配",
}
_MODES = {"1": "直接缴库", "2": "集中汇缴", "": ""}
_TYPES = {"1": "缴库", "2": "缴户", "": ""}


# -- list -----------------------------------------------------------------------------------------


async def list_remittances(arguments: argparse.Namespace) -> int:
    """List remittances by age, and the sums that wait for one."""

    async def read(
        tx: Transaction,
    ) -> tuple[list[Remittance], list[tuple[str, Mode, int, int]]]:
        found = await remittance.page(
            tx,
            state=arguments.state,
            node=arguments.node,
            remit_date=arguments.date or "",
            limit=arguments.limit,
        )
        return found, await income.waiting(tx)

    async with open_gateway(arguments) as opened:
        found, waiting = await opened.store.scan(read)
    if wants_json(arguments):
        print_json(
            {
                "remittances": [_as_json(one) for one in found],
                "waiting": [
                    {"bank": bank, "mode": mode, "dues": count, "Amt": format_yuan(amt)}
                    for bank, mode, count, amt in waiting
                ],
            }
        )
        return FINE
    print_table(
        ("remittance", "date", "bank", "treasury", "level", "mode", "lines", "total", "state"),
        [
            (
                one.remit_no,
                show_date(one.remit_date),
                one.node,
                one.tre_code or one.rec_acct,
                one.level,
                _MODES[one.mode],
                str(one.count),
                format_yuan(one.total),
                f"{one.state} ({STATES[one.state]})",
            )
            for one in found
        ],
        right="lines total",
    )
    for bank, mode, count, amt in waiting:
        print(f"waiting at {bank}, {mode}: {count} dues, {format_yuan(amt)} before refunds")
    return FINE


# -- show -----------------------------------------------------------------------------------------


async def show_remittance(arguments: argparse.Namespace) -> int:
    """Show remittances of one number with lines, message and history."""
    number: str = arguments.remit_no

    async def read(
        tx: Transaction,
    ) -> list[tuple[Remittance, list[RemittanceLine], list[OutboxMessage], list[JournalEntry]]]:
        history = await journal.of_subject(tx, number)
        messages = await outbox.of_subject(tx, number, number="5618")
        return [
            (one, await remittance.lines(tx, one.id), messages, history)
            for one in await remittance.named(tx, number)
        ]

    async with open_gateway(arguments) as opened:
        found = await opened.store.scan(read)
    if not found:
        raise CommandError(
            "there is no such remittance", where=number, do="see `nontax remit list`"
        )
    if wants_json(arguments):
        shown = [_whole_json(*each) for each in found]
        print_json(shown[0] if len(shown) == 1 else {"remittances": shown})
        return FINE
    for one, lines, messages, history in found:
        print_facts(_facts(one, messages))
        print()
        print_table(
            ("line", "subject", "level", "item", "pay code", "unit", "amount"),
            [
                (
                    str(line.line_no),
                    f"{line.subject} {line.subject_name}",
                    line.level,
                    line.item_code,
                    line.pay_code,
                    line.unit_code,
                    format_yuan(line.amt),
                )
                for line in lines
            ],
            right="line amount",
        )
        print()
        for entry in history:
            print(f"{civil_from_ms(entry.at):%F %T}  {entry.kind} by {entry.actor}")
    return FINE


def _facts(one: Remittance, messages: list[OutboxMessage]) -> list[tuple[str, str]]:
    booked = f"{show_date(one.tra_date)} {one.tra_time}".strip()
    return [
        ("remittance 缴库单号", one.remit_no),
        ("state 状态", f"{one.state} ({STATES[one.state]})"),
        ("total 总金额", format_yuan(one.total)),
        ("date 缴库日期", show_date(one.remit_date)),
        ("kind 方式", f"{_TYPES[one.remit_type]} {_MODES[one.mode]}".strip()),
        ("bank 银行", one.node + (", which started it itself" if one.origin == "bank" else "")),
        ("pays 付款账户", f"{one.pay_acct} {one.pay_acct_name}".strip()),
        ("treasury 国库", f"{one.tre_code} {one.tre_name}".strip()),
        ("receives 收款账户", f"{one.rec_acct} {one.rec_name}".strip()),
        ("level 预算级次", one.level),
        ("result 处理结果", f"{one.result} {one.information}".strip()),
        ("bank's number 流水号", f"{one.tra_no} {booked}".strip()),
        ("made by", f"{one.made_by} {civil_from_ms(one.created_at):%F %T}"),
        ("message 5618", ", ".join(f"{row.id} {row.state}" for row in messages)),
    ]


def _as_json(one: Remittance) -> dict[str, Json]:
    return {
        "RemitNo": one.remit_no,
        "origin": one.origin,
        "node": one.node,
        "state": one.state,
        "RemitDate": one.remit_date,
        "RemitType": one.remit_type,
        "RemitMode": one.mode,
        "TreCode": one.tre_code,
        "BgtLevel": one.level,
        "PayAcct": one.pay_acct,
        "RecAcct": one.rec_acct,
        "TotalAmt": format_yuan(one.total),
        "Count": one.count,
        "Result": one.result,
        "Information": one.information,
        "TraNo": one.tra_no,
        "TraDate": one.tra_date,
        "TraTime": one.tra_time,
    }


def _whole_json(
    one: Remittance,
    lines: list[RemittanceLine],
    messages: list[OutboxMessage],
    history: list[JournalEntry],
) -> dict[str, Json]:
    return {
        **_as_json(one),
        "lines": [
            {
                "LineNo": line.line_no,
                "IncomeSortCode": line.subject,
                "BgtLevel": line.level,
                "ItemCode": line.item_code,
                "PayCode": line.pay_code,
                "ChgAgenCode": line.unit_code,
                "Amt": format_yuan(line.amt),
            }
            for line in lines
        ],
        "messages": [{"id": row.id, "state": row.state} for row in messages],
        "history": [{"at": entry.at, "kind": entry.kind, "by": entry.actor} for entry in history],
    }
