"""`nontax arrival list`, `show` and `transfers`: what has arrived, and what is awaited."""

from __future__ import annotations

import argparse

from ...codecs import Sensitive, format_yuan, mask
from ..clock import civil_from_ms, parse_date
from ..store import arrivals, payments, transfers
from ..store.arrivals import Arrival, ArrivalAction, ArrivalFilter, ArrivalTotal
from ..store.protocol import Transaction
from ..store.records import Payment
from ..store.transfers import Transfer
from .common import (
    FINE,
    INPUT,
    CommandError,
    Json,
    print_facts,
    print_json,
    print_table,
    show_date,
    wants_json,
)
from .opening import open_gateway

_STATES = {
    "unidentified": "未明",
    "identified": "已匹配",
    "claimed": "已认领",
    "returned": "已退回",
}


# -- list -----------------------------------------------------------------------------------------


async def list_arrivals(arguments: argparse.Namespace) -> int:
    """List arrivals, the oldest first, with the number and sum of all that fit."""
    narrowed = ArrivalFilter(
        state=None if arguments.state == "all" else arguments.state,
        src=arguments.node,
        kind=arguments.kind,
        arr_date_from=arguments.date_from,
        arr_date_to=arguments.date_to,
    )

    async def read(tx: Transaction) -> tuple[list[Arrival], ArrivalTotal]:
        rows = await arrivals.page(tx, narrowed, limit=arguments.limit)
        return rows, await arrivals.total(tx, narrowed)

    async with open_gateway(arguments) as opened:
        today = opened.clock.today()
        rows, total = await opened.store.scan(read)
    if wants_json(arguments):
        print_json(
            {
                "arrivals": [_brief(row, today) for row in rows],
                "count": total.count,
                "Amt": format_yuan(total.amt),
                "oldest": show_date(total.oldest),
            }
        )
        return FINE
    print_table(
        ("id", "by", "node", "number", "date", "days", "amount", "payer", "state", "why"),
        (
            (
                str(row.id),
                row.kind,
                row.src,
                row.tra_no,
                show_date(row.arr_date),
                str(_age(row, today)),
                format_yuan(row.amt),
                mask(Sensitive.NAME, row.payer_name),
                row.state,
                row.why,
            )
            for row in rows
        ),
        right="id days amount",
    )
    print(f"{total.count} in all, {format_yuan(total.amt)} yuan")
    return FINE


def _age(row: Arrival, today: str) -> int:
    """Days since the money arrived."""
    return (parse_date(today) - parse_date(row.arr_date)).days


def _brief(row: Arrival, today: str) -> dict[str, Json]:
    """An arrival with the wire's own tags, personal data masked."""
    return {
        "id": row.id,
        "MsgNo": row.kind,
        "SRC": row.src,
        "TraNo": row.tra_no,
        "ArrDate": row.arr_date,
        "ArrTime": row.arr_time,
        "Amt": format_yuan(row.amt),
        "RecAcctType": row.rec_acct_type,
        "RecAcct": mask(Sensitive.ACCOUNT, row.rec_acct),
        "PayerName": mask(Sensitive.NAME, row.payer_name),
        "PayerAcct": mask(Sensitive.ACCOUNT, row.payer_acct),
        "BatchNo": row.batch_no,
        "PayCode": row.pay_code,
        "state": row.state,
        "why": row.why,
        "age_days": _age(row, today),
        "instruction_line": row.instr_line,
    }


# -- show -----------------------------------------------------------------------------------------


async def show_arrival(arguments: argparse.Namespace) -> int:
    """Show one arrival in full, what it was identified by, and what was done about it."""

    async def read(
        tx: Transaction,
    ) -> tuple[Arrival, list[ArrivalAction], Payment | None, Transfer | None] | None:
        row = await arrivals.get(tx, arguments.id)
        if row is None:
            return None
        paid = await payments.get(tx, row.payment_id) if row.payment_id else None
        moved = await transfers.get(tx, row.transfer_id) if row.transfer_id else None
        return row, await arrivals.actions(tx, row.id), paid, moved

    async with open_gateway(arguments) as opened:
        today = opened.clock.today()
        found = await opened.store.scan(read)
    if found is None:
        raise CommandError(
            f"there is no arrival {arguments.id}", do="see `nontax arrival list`", code=INPUT
        )
    row, acts, paid, moved = found
    if wants_json(arguments):
        print_json(
            {
                **_brief(row, today),
                "RecName": row.rec_name,
                "RecAcct": row.rec_acct,
                "PayerName": row.payer_name,
                "PayerAcct": row.payer_acct,
                "PayerOpBk": row.payer_op_bk,
                "AddWord": row.add_word,
                "payment": None if paid is None else _payment(paid),
                "batch": None if moved is None else _transfer(moved),
                "actions": [_action(act) for act in acts],
            }
        )
        return FINE
    print_facts(
        (
            ("arrival", f"{row.id} ({row.kind})"),
            ("state", f"{row.state} ({_STATES[row.state]})"),
            ("why", row.why),
            ("node", row.src),
            ("number", row.tra_no),
            ("arrived", f"{show_date(row.arr_date)} {_clock(row.arr_time)}".strip()),
            ("age", f"{_age(row, today)} days"),
            ("amount", format_yuan(row.amt)),
            ("on account", f"{row.rec_acct} {row.rec_name}".strip()),
            ("payer", row.payer_name),
            ("payer's account", f"{row.payer_acct} {row.payer_op_bk}".strip()),
            ("postscript", row.add_word),
            ("names batch", row.batch_no),
            ("names bill", row.pay_code),
            ("is of bill", paid.pay_code if paid else ""),
            ("is batch", f"{moved.batch_no} of {moved.src}" if moved else ""),
            ("is line", f"{row.instr_line} of {row.instr_no}" if row.instr_no else ""),
        )
    )
    for act in acts:
        print(f"{_moment(act.at)}  {act.action} by {act.actor}: {act.reason}")
    return FINE


def _payment(paid: Payment) -> dict[str, Json]:
    return {
        "PayCode": paid.pay_code,
        "SRC": paid.src,
        "CfmDate": paid.cfm_date,
        "TraNoBus": paid.tra_no_bus,
        "Amt": format_yuan(paid.amt),
        "channel": paid.channel,
        "duplicate": bool(paid.duplicate),
    }


def _action(act: ArrivalAction) -> dict[str, Json]:
    return {
        "action": act.action,
        "by": act.actor,
        "reason": act.reason,
        "PayCode": act.pay_code,
        "at": _moment(act.at),
    }


def _moment(at: int) -> str:
    return civil_from_ms(at).isoformat(sep=" ", timespec="seconds")[:19]


def _clock(text: str) -> str:
    return f"{text[:2]}:{text[2:4]}:{text[4:]}" if len(text) == 6 else text


# -- transfers ------------------------------------------------------------------------------------


async def list_transfers(arguments: argparse.Namespace) -> int:
    """List batches by id."""

    async def read(tx: Transaction) -> list[Transfer]:
        return await transfers.page(
            tx,
            src=arguments.node,
            state=None if arguments.state == "all" else arguments.state,
            limit=arguments.limit,
        )

    async with open_gateway(arguments) as opened:
        rows = await opened.store.scan(read)
    if wants_json(arguments):
        print_json({"transfers": [_transfer(row) for row in rows]})
        return FINE
    print_table(
        ("node", "batch", "date", "payments", "amount", "state"),
        (
            (
                row.src,
                row.batch_no,
                show_date(row.tra_date),
                str(row.count),
                format_yuan(row.amt),
                row.state,
            )
            for row in rows
        ),
        right="payments amount",
    )
    return FINE


def _transfer(row: Transfer) -> dict[str, Json]:
    return {
        "SRC": row.src,
        "BatchNo": row.batch_no,
        "TraNo": row.tra_no,
        "TraDate": row.tra_date,
        "Amt": format_yuan(row.amt),
        "Count": row.count,
        "RecAcct": mask(Sensitive.ACCOUNT, row.rec_acct),
        "state": row.state,
    }
