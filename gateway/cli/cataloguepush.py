"""`nontax catalogue push`: base data to banks and the platform (5952, 5953, 5955, 5981)."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from ..basedata.entries import Kind
from ..basedata.push import BaseData, Outcome, Plan, PushRefused, targets
from ..basedata.resend import overdue, resend
from ..clock import civil_from_ms
from ..outbox import Terms
from ..peers import PeerDirectory
from ..store import basedata
from ..store.basedata import Batch, Line
from ..store.protocol import Transaction
from .common import (
    FINE,
    INPUT,
    NOT_FINE,
    CommandError,
    Json,
    Progress,
    Subparsers,
    add_command,
    print_json,
    print_table,
    wants_json,
)
from .issuing import make_enqueuer
from .opening import Opened, act_as, open_gateway

_MAX_SHOWN = 100
_REASON_CHARACTERS = 200


def register(actions: Subparsers) -> None:
    """Add the action to those of `nontax catalogue`."""
    push = add_command(
        actions,
        "push",
        _push,
        "tell banks and the platform of base data",
        reads=True,
        operator=True,
        description=(
            "Queue what is new in the catalogue for the nodes that are told of it: to banks the "
            "regions of this node (5953), the fiscal accounts of their regions (5952) and the "
            "supervised unit accounts that they keep (5981); to the platform units, items, "
            "accounts and clearing banks (5955). The running service delivers it. Nothing is sent "
            "where nothing has changed since the node was told last."
        ),
    )
    push.add_argument("--full", action="store_true", help="everything, whatever was told before")
    push.add_argument("--node", default="", metavar="CODE", help="only this node")
    push.add_argument("--kind", choices=[*Kind], type=str, help="only this kind of base data")
    push.add_argument(
        "--resend",
        metavar="BATCHNO",
        help="send a batch again that failed, or whose receipt (2952) is overdue",
    )
    push.add_argument("--reason", default="", metavar="TEXT", help="why; with --resend")
    push.add_argument(
        "--status", action="store_true", help="show what each node was told last; send nothing"
    )


async def _push(arguments: argparse.Namespace) -> int:
    _check(arguments)
    async with open_gateway(arguments) as opened:
        try:
            if arguments.status:
                return await _status(opened, arguments)
            if arguments.resend is not None:
                return await _resend(opened, arguments)
            return await _queue(opened, arguments)
        except PushRefused as refused:
            raise _refused(refused, arguments) from None


def _check(arguments: argparse.Namespace) -> None:
    """Refuse options that say nothing together."""
    if arguments.status and (arguments.full or arguments.resend is not None):
        raise CommandError("sends nothing", where="--status", do="leave the other option out")
    if arguments.resend is not None and (arguments.full or arguments.node or arguments.kind):
        raise CommandError(
            "a batch has its node and kind", where="--resend", do="leave the other options out"
        )
    reason: str = arguments.reason
    if reason and arguments.resend is None:
        raise CommandError("belongs to --resend", where="--reason", do="leave it out")
    if len(reason) > _REASON_CHARACTERS or not reason.isprintable():
        raise CommandError(
            f"the reason has at most {_REASON_CHARACTERS} printable characters", where="--reason"
        )


def _refused(refused: PushRefused, arguments: argparse.Namespace) -> CommandError:
    if refused.faults:
        first, *others = listed = [str(fault) for fault in refused.faults][:_MAX_SHOWN]
        return CommandError(
            first,
            do="correct the catalogue; nothing was sent",
            more=others,
            total=len(refused.faults),
            details={"faults": listed, "total": len(refused.faults)},
        )
    code = INPUT if refused.wrong_input else NOT_FINE
    return CommandError(refused.what, where=arguments.resend or "", do=refused.do, code=code)


def _data(opened: Opened) -> BaseData:
    peers = PeerDirectory.from_config(opened.config)
    return BaseData(
        config=opened.config,
        store=opened.store,
        peers=peers,
        enqueuer=make_enqueuer(opened, peers),
        clock=opened.clock,
    )


def _kind(arguments: argparse.Namespace) -> Kind | None:
    return None if arguments.kind is None else Kind(arguments.kind)


# -- push -----------------------------------------------------------------------------------------


async def _queue(opened: Opened, arguments: argparse.Namespace) -> int:
    data = _data(opened)
    wanted = targets(data.peers, node=arguments.node, kind=_kind(arguments))
    actor = await act_as(opened, arguments)
    progress = Progress("lists compared")
    try:
        outcomes = await data.push(
            wanted, full=arguments.full, actor=actor.name, progress=progress.at
        )
    finally:
        progress.done()
    queued = [outcome.batch for outcome in outcomes if outcome.batch is not None]
    if wants_json(arguments):
        print_json(
            {
                "queued": [_batch_json(batch) for batch in queued],
                "unchanged": [
                    {"node": outcome.target.peer.code, "kind": outcome.target.kind.value}
                    for outcome in outcomes
                    if outcome.batch is None
                ],
            }
        )
    elif not outcomes:
        print("no node is told of it")
    else:
        headings = ("node", "kind", "message", "batch", "mode", "entries", "packs", "")
        print_table(headings, map(_outcome_cells, outcomes), right="entries packs")
    return FINE


def _outcome_cells(outcome: Outcome) -> tuple[str, ...]:
    target, batch = outcome.target, outcome.batch
    about = (target.peer.code, target.kind.value, target.number)
    if batch is None:
        said = "nothing new" if outcome.listed else "nothing in the catalogue"
        return (*about, "", "", "", "", said)
    return (*about, batch.batch_no, batch.mode, str(batch.entries), str(batch.packs), "queued")


async def _resend(opened: Opened, arguments: argparse.Namespace) -> int:
    actor = await act_as(opened, arguments)
    batch = await resend(
        _data(opened),
        opened.store,
        arguments.resend,
        terms=Terms.from_config(opened.config.outbox),
        actor=actor.name,
        reason=arguments.reason or "sent again",
        at=opened.clock.now_ms(),
    )
    if wants_json(arguments):
        print_json(_batch_json(batch) | {"resent": arguments.resend})
    elif batch.batch_no == arguments.resend:
        print(f"{batch.batch_no} is {batch.state}")
    else:
        print(f"{batch.batch_no} is queued in place of {arguments.resend}")
    return FINE


def _batch_json(batch: Batch) -> dict[str, Json]:
    return {
        "node": batch.peer,
        "kind": batch.kind,
        "number": batch.number,
        "BatchNo": batch.batch_no,
        "mode": batch.mode,
        "entries": batch.entries,
        "packs": batch.packs,
        "state": batch.state,
        "digest": batch.digest,
    }


# -- status ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Row:
    """What a node was told last of a kind, and what a push would tell it now.

    No `plan`: the node cannot be told any more.
    """

    node: str
    kind: str
    number: str
    batch: Batch | None
    late: bool
    refused: list[Line]
    plan: Plan | None


async def _status(opened: Opened, arguments: argparse.Namespace) -> int:
    rows = await _rows(opened, arguments)
    if wants_json(arguments):
        print_json({"nodes": [_row_json(row) for row in rows]})
        return FINE
    headings = ("node", "kind", "message", "batch", "told", "entries", "state", "failed", "new")
    print_table(headings, map(_row_cells, rows), right="entries failed new")
    for row in rows:
        told = f"{row.node}: {row.kind}"
        if row.batch is not None and row.batch.information:
            print(f"{told}: {row.batch.information}")
        for line in row.refused[:_MAX_SHOWN]:
            print(f"{told} {line.entry}: {line.code} {line.message}".rstrip())
        for fault in row.plan.faults[:_MAX_SHOWN] if row.plan else ():
            print(f"cannot be told: {fault}")
    return FINE


async def _rows(opened: Opened, arguments: argparse.Namespace) -> list[_Row]:
    data, now = _data(opened), opened.clock.now_ms()
    kind = _kind(arguments)
    wanted = targets((peer for peer in data.peers if arguments.node in {"", peer.code}), kind=kind)
    plans = {
        (plan.target.peer.code, plan.target.kind.value): plan
        for plan in [await data.plan(target) for target in wanted]
    }

    async def look(tx: Transaction) -> list[_Row]:
        batches = {
            (batch.peer, batch.kind): batch
            for batch in await basedata.page(tx, peer=arguments.node, kind=kind or "")
        }
        rows = []
        for node, name in [*plans, *(key for key in batches if key not in plans)]:
            batch, plan = batches.get((node, name)), plans.get((node, name))
            number = plan.target.number if plan else batch.number if batch else ""
            late = batch is not None and await overdue(tx, batch, now)
            refused = [] if batch is None else await basedata.refused_lines(tx, batch.id)
            rows.append(_Row(node, name, number, batch, late, refused, plan))
        return rows

    rows = await opened.store.scan(look)
    if arguments.node and not rows:
        targets(data.peers, node=arguments.node, kind=kind)  # says why there is none
    return rows


def _row_cells(row: _Row) -> tuple[str, ...]:
    batch, plan = row.batch, row.plan
    new = "" if plan is None else str(len(plan.entries))
    about = (row.node, row.kind, row.number)
    if batch is None:
        return (*about, "", "", "", "never told", "", new)
    return (
        *about,
        batch.batch_no,
        _time(batch.created_at),
        str(batch.entries),
        f"{batch.state}, overdue" if row.late else batch.state,
        str(batch.failed or ""),
        new,
    )


def _row_json(row: _Row) -> dict[str, Json]:
    shown: dict[str, Json] = {"node": row.node, "kind": row.kind, "number": row.number}
    if row.batch is not None:
        shown |= _batch_json(row.batch) | {
            "overdue": row.late,
            "queued_at": _time(row.batch.created_at),
            "changed_at": _time(row.batch.changed_at),
            "by": row.batch.made_by,
            "information": row.batch.information,
            "receipt_at": _time(row.batch.receipt_at),
            "succeeded": row.batch.succeeded,
            "failed": row.batch.failed,
            "failures": [
                {"AcctNo": line.entry, "Code": line.code, "Msg": line.message}
                for line in row.refused
            ],
        }
    else:
        shown["state"] = ""
    if row.plan is not None:
        shown["new"] = len(row.plan.entries)
        shown["faults"] = [str(fault) for fault in row.plan.faults]
    return shown


def _time(ms: int) -> str:
    return civil_from_ms(ms).isoformat(sep=" ", timespec="seconds")[:19] if ms else ""
