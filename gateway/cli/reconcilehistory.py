"""`nontax reconcile history`: everything that was done about one difference (对账处理记录)."""

from __future__ import annotations

import argparse
import json

from ...codecs import format_yuan
from ...reconcile.kinds import Kind
from ..clock import civil_from_ms
from ..store import reconciliation
from ..store.protocol import Transaction
from ..store.reconciliation import Action, DifferenceRow
from .common import (
    FINE,
    CommandError,
    Json,
    Subparsers,
    add_command,
    count_argument,
    print_facts,
    print_json,
    print_table,
    show_date,
    wants_json,
)
from .opening import open_gateway

_TEXTS = {kind.value: kind.text for kind in Kind}


def register(actions: Subparsers) -> None:
    """Add the action."""
    history = add_command(
        actions,
        "history",
        _history,
        "show one difference and what was done about it",
        reads=True,
        description=(
            "Show one difference and everything that was ever done about it: proposed, decided, "
            "commented, judged again, by the gateway or by whom, when and why, before and after."
        ),
    )
    history.add_argument("id", type=count_argument, metavar="ID", help="number of the difference")


async def _history(arguments: argparse.Namespace) -> int:
    number: int = arguments.id

    async def look(tx: Transaction) -> tuple[DifferenceRow | None, list[Action]]:
        return await reconciliation.get(tx, number), await reconciliation.actions(tx, number)

    async with open_gateway(arguments) as opened:
        row, done = await opened.store.scan(look)
    if row is None:
        raise CommandError("there is no such difference", where=f"row {number}")
    if wants_json(arguments):
        print_json({**_row_json(row), "actions": [_action_json(one) for one in done]})
        return FINE
    fields = ", ".join(f"{tag}: {ours} / {theirs}" for tag, ours, theirs in json.loads(row.fields))
    print_facts(
        (
            ("row", str(row.id)),
            ("list", f"{row.statement} {row.scope} of {row.node}, {show_date(row.check_date)}"),
            ("kind", f"{_TEXTS.get(row.kind, '')} ({row.kind})"),
            ("state", row.state),
            ("PayCode", row.pay_code),
            ("TraNo", row.tra_no),
            ("payment", "" if row.payment_id is None else str(row.payment_id)),
            ("ours", "" if row.ours_amt is None else format_yuan(row.ours_amt)),
            ("theirs", "" if row.theirs_amt is None else format_yuan(row.theirs_amt)),
            ("fields", fields),
            ("reason", row.reason),
        )
    )
    if done:
        headings = ("time", "who", "action", "before", "after", "reference", "why")
        print_table(headings, [_cells(one) for one in done])
    return FINE


def _cells(one: Action) -> tuple[str, ...]:
    states = [str(json.loads(text).get("state", "")) for text in (one.before, one.after)]
    return (_time(one.at), one.actor, one.action, *states, one.reference, one.reason)


def _time(at: int) -> str:
    return civil_from_ms(at).strftime("%Y-%m-%d %H:%M:%S")


def _row_json(row: DifferenceRow) -> dict[str, Json]:
    return {
        "id": row.id,
        "node": row.node,
        "date": show_date(row.check_date),
        "statement": row.statement,
        "scope": row.scope,
        "kind": row.kind,
        "state": row.state,
        "PayCode": row.pay_code,
        "TraNo": row.tra_no,
        "payment": row.payment_id,
        "FinAmt": None if row.ours_amt is None else format_yuan(row.ours_amt),
        "Amt": None if row.theirs_amt is None else format_yuan(row.theirs_amt),
        "fields": json.loads(row.fields),
        "reason": row.reason,
    }


def _action_json(one: Action) -> dict[str, Json]:
    return {
        "time": _time(one.at),
        "actor": one.actor,
        "action": one.action,
        "reason": one.reason,
        "before": json.loads(one.before),
        "after": json.loads(one.after),
        "reference": one.reference,
    }
