"""`nontax outbox`: messages that wait, are dead or unknown; and what to do with them."""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, get_args

from ..clock import civil_from_ms
from ..outbox import Terms, operate
from ..outbox.operate import NotPossible
from ..store import operators, outbox
from ..store.protocol import Transaction
from ..store.records import Operator, OutboxMessage, OutboxState
from .common import (
    FINE,
    NOT_FINE,
    CommandError,
    Json,
    Subparsers,
    add_actions,
    add_command,
    count_argument,
    print_json,
    print_table,
    wants_json,
)
from .opening import Opened, act_as, open_gateway

STATES: tuple[OutboxState, ...] = get_args(OutboxState)
LIVING: tuple[OutboxState, ...] = ("queued", "sent")
DEAD: tuple[OutboxState, ...] = ("failed", "dead", "expired", "unknown")
MAKER, CHECKER = "maker", "checker"


def register(subparsers: Subparsers) -> None:
    """Add the command and its actions."""
    parser = add_command(subparsers, "outbox", None, "messages to peers: waiting, dead, unknown")
    actions = add_actions(parser)
    listing = add_command(
        actions,
        "list",
        _list,
        "list messages",
        reads=True,
        description=(
            "List messages of the outbox by id: those that wait or are to be looked at "
            "(queued, sent, overdue, dead letters, unknown), or those of the states given."
        ),
    )
    listing.add_argument("--peer", default="", metavar="CODE", help="only to this node")
    listing.add_argument("--number", default="", metavar="NUMBER", help="only this message number")
    listing.add_argument(
        "--state", action="append", choices=STATES, help="only this state; may be given again"
    )
    listing.add_argument("--dead", action="store_true", help=f"only {', '.join(DEAD)}")
    listing.add_argument("--overdue", action="store_true", help="only those whose result is late")
    listing.add_argument(
        "--limit",
        type=count_argument,
        default=100,
        metavar="N",
        help="at most so many (%(default)s)",
    )
    for name, run, text in (
        ("requeue", _requeue, "deliver a dead letter after all, under its old MsgID"),
        ("drop", _drop, "stop delivering a message; money that was ever sent becomes unknown"),
        ("settle", _settle, "end an unknown message on what was found out at the peer"),
    ):
        act = add_command(actions, name, run, text, reads=True, operator=True)
        act.add_argument("id", type=count_argument, metavar="ID", help="id of the message")
        if name == "settle":
            act.add_argument("state", choices=("succeeded", "failed"), help="what became of it")
        act.add_argument("--reason", required=True, help="why; kept in the journal")


# -- list -----------------------------------------------------------------------------------------


async def _list(arguments: argparse.Namespace) -> int:
    async with open_gateway(arguments) as opened:
        now = opened.clock.now_ms()
        if arguments.overdue:
            look = partial(outbox.overdue, now=now, limit=arguments.limit)
            rows = [row for row in await opened.store.scan(look) if _fits(row, arguments)]
        else:
            rows = await opened.store.scan(
                partial(
                    outbox.page,
                    peer=arguments.peer,
                    number=arguments.number,
                    states=_states(arguments),
                    limit=arguments.limit,
                )
            )
    if wants_json(arguments):
        print_json({"messages": [_as_json(row, now) for row in rows]})
        return FINE
    headings = ("id", "peer", "number", "subject", "state", "tries", "next", "result", "error")
    print_table(headings, (_cells(row, now) for row in rows), right="id tries")
    return FINE


def _states(arguments: argparse.Namespace) -> tuple[OutboxState, ...]:
    if arguments.state:
        return tuple(arguments.state)
    return DEAD if arguments.dead else (*LIVING, "acknowledged", *DEAD)


def _fits(row: OutboxMessage, arguments: argparse.Namespace) -> bool:
    return (not arguments.peer or row.peer == arguments.peer) and (
        not arguments.number or row.number == arguments.number
    )


def _overdue(row: OutboxMessage, now: int) -> bool:
    deadline = row.result_deadline
    return row.state == "acknowledged" and deadline is not None and deadline <= now


def _time(ms: int | None) -> str:
    return civil_from_ms(ms).isoformat(sep=" ", timespec="seconds")[:19] if ms else ""


def _cells(row: OutboxMessage, now: int) -> tuple[str, ...]:
    state = f"{row.state}, overdue" if _overdue(row, now) else row.state
    waits = row.next_at if row.state in LIVING else row.result_deadline
    return (
        str(row.id),
        row.peer,
        row.number,
        row.subject,
        state,
        str(row.attempts),
        _time(waits),
        row.last_result,
        row.last_error[:60],
    )


def _as_json(row: OutboxMessage, now: int) -> dict[str, Json]:
    return {
        "id": row.id,
        "peer": row.peer,
        "lane": row.lane,
        "number": row.number,
        "subject": row.subject,
        "MsgID": row.msg_id,
        "state": row.state,
        "money": bool(row.money),
        "overdue": _overdue(row, now),
        "attempts": row.attempts,
        "ever_sent": bool(row.ever_sent),
        "created_at": _time(row.created_at),
        "next_at": _time(row.next_at) if row.state in LIVING else "",
        "expires_at": _time(row.expires_at) if row.state in LIVING else "",
        "result_deadline": _time(row.result_deadline),
        "done_at": _time(row.done_at),
        "last_result": row.last_result,
        "last_error": row.last_error,
    }


# -- acts -----------------------------------------------------------------------------------------


async def _requeue(arguments: argparse.Namespace) -> int:
    async with open_gateway(arguments) as opened:
        actor = await act_as_either(opened, arguments)
        terms = Terms.from_config(opened.config.outbox)
        work = partial(operate.requeue, terms=terms)
        row: OutboxMessage = await _act(opened, arguments, actor, work)
    return _done(arguments, row.state)


async def _drop(arguments: argparse.Namespace) -> int:
    async with open_gateway(arguments) as opened:
        actor = await act_as_either(opened, arguments)
        state: str = await _act(opened, arguments, actor, operate.drop)
    return _done(arguments, state)


async def _settle(arguments: argparse.Namespace) -> int:
    async with open_gateway(arguments) as opened:
        actor = await act_as(opened, arguments, CHECKER)
        work = partial(operate.settle, state=arguments.state)
        await _act(opened, arguments, actor, work)
    return _done(arguments, arguments.state)


async def act_as_either(opened: Opened, arguments: argparse.Namespace) -> Operator:
    """The operator in whose name it is done, who may be maker or checker."""
    name: str | None = getattr(arguments, "operator", None)
    known = None
    if name is not None:
        known = await opened.store.read(partial(operators.get, name=name))
    roles = known.roles.split(",") if known is not None else [MAKER]
    return await act_as(opened, arguments, MAKER if MAKER in roles else CHECKER)


async def _act(
    opened: Opened,
    arguments: argparse.Namespace,
    actor: Operator,
    work: Callable[..., Awaitable[Any]],
) -> Any:
    reason = arguments.reason.strip()
    if not reason:
        raise CommandError("the reason is empty", where="--reason", do="say why")

    async def act(tx: Transaction) -> Any:
        return await work(
            tx, arguments.id, operator=actor.name, reason=reason, at=opened.clock.now_ms()
        )

    try:
        return await opened.store.transact(act)
    except NotPossible as refused:
        raise CommandError(
            str(refused),
            where=f"message {arguments.id}",
            do="see `nontax outbox list`",
            code=NOT_FINE,
        ) from None


def _done(arguments: argparse.Namespace, state: str) -> int:
    if wants_json(arguments):
        print_json({"id": arguments.id, "state": state})
    else:
        print(f"message {arguments.id} is {state}")
    return FINE
