"""`nontax reconcile run` and `show`: compare a day with the banks' lists, look at what differs."""

from __future__ import annotations

import argparse
import json
import secrets
from functools import partial
from typing import Final, cast

from ...codecs import format_yuan
from ...reconcile.kinds import Kind, Statement
from ...reconcile.sides import Difference
from ..clock import date_from_ms, parse_date
from ..peers import PeerDirectory
from ..reconciliation.parts import (
    CannotRunError,
    DayOutcome,
    NodeOutcome,
    Owed,
    ReconcileParts,
    process_owner,
)
from ..reconciliation.revisions import Summary, counts_of
from ..reconciliation.run import reconcile_day
from ..store import reconciliation
from ..store.protocol import Transaction
from ..store.reconciliation import DifferenceFilter, DifferenceRow
from .common import (
    FINE,
    INPUT,
    NOT_FINE,
    CommandError,
    Json,
    Progress,
    Subparsers,
    add_command,
    add_limit,
    date_argument,
    print_json,
    print_table,
    show_date,
    wants_json,
)
from .issuing import make_booking, make_enqueuer
from .opening import Opened, open_gateway

MOST_SHOWN: Final = 100
_TEXTS: Final = {kind.value: kind.text for kind in Kind}
_NAMES: Final[dict[Statement, str]] = {
    "2555": "payments (2555)",
    "2557": "arrived funds (2557)",
    "2556": "account (2556)",
}


def register(actions: Subparsers) -> None:
    """Add the actions."""
    run = add_command(
        actions,
        "run",
        _run,
        "reconcile a day",
        reads=True,
        description=(
            "Compare a day's payments, arrived funds and account movements with what the nodes "
            "listed, repair what policy allows, and send the results. It can be repeated: the same "
            "inputs give the stored result, other inputs a new revision; a run that was killed is "
            "finished. Exit 0 when no row is open, 1 when rows wait for somebody, 2 when nothing "
            "could be run."
        ),
    )
    _date(run)
    run.add_argument("--node", metavar="CODE", help="only what this node listed")
    run.add_argument(
        "--dry-run", action="store_true", help="only say what would be found and repaired"
    )
    show = add_command(
        actions,
        "show",
        _show,
        "show what a day's reconciliation has found",
        reads=True,
        description=(
            "Show a reconciled day as the books are now: both sides, numbers of differences, the "
            "differences with reasons and age, who has not delivered. Exit 0 when no row is open, "
            "1 when rows wait, 2 when the day was not run."
        ),
    )
    _date(show)
    show.add_argument("--node", default="", metavar="CODE", help="only what this node listed")
    show.add_argument("--open", action="store_true", help="only rows that wait for somebody")
    show.add_argument(
        "--kind", action="append", choices=tuple(_TEXTS), help="only this kind; may be given again"
    )
    add_limit(show)


def _date(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--date", required=True, type=date_argument, metavar="D", help="CheckDate, YYYY-MM-DD"
    )


def make_parts(opened: Opened, progress: Progress | None = None) -> ReconcileParts:
    """Reconciliation as a command runs it; the running service delivers what it queues."""
    peers = PeerDirectory.from_config(opened.config)
    return ReconcileParts(
        store=opened.store,
        clock=opened.clock,
        peers=peers,
        enqueuer=make_enqueuer(opened, peers),
        booking=make_booking(opened),
        rules=opened.config.reconciliation,
        owner=process_owner(secrets.token_bytes),
        progress=progress.at if progress is not None else lambda _: None,
    )


# -- run ------------------------------------------------------------------------------------------


async def _run(arguments: argparse.Namespace) -> int:
    date: str = arguments.date
    async with open_gateway(arguments) as opened:
        progress = Progress("rows")
        try:
            outcome = await reconcile_day(
                make_parts(opened, progress), date, arguments.node, dry_run=arguments.dry_run
            )
        except CannotRunError as error:
            raise CommandError(error.what, where=show_date(date), do=error.do) from None
        finally:
            progress.done()
        rows = [] if arguments.dry_run else await _open_rows(opened, outcome)
        today = opened.clock.today()
    if wants_json(arguments):
        print_json(_outcome_json(outcome))
    else:
        _print_outcome(outcome)
        _print_rows(rows, today)
    if outcome.exit_code == INPUT and not outcome.failed:
        raise CommandError(
            "no node has a statement or a payment of that day", where=show_date(date)
        )
    for node, refused in outcome.failed.items():
        raise CommandError(refused.what, where=node, do=refused.do)
    return outcome.exit_code


async def _open_rows(opened: Opened, outcome: DayOutcome) -> list[DifferenceRow]:
    """The rows that wait, the first ones."""
    found: list[DifferenceRow] = []
    for node in outcome.nodes:
        if node.open and len(found) < MOST_SHOWN:
            narrowed = DifferenceFilter(
                node=node.node,
                date_from=outcome.date,
                date_to=outcome.date,
                states=("open",),
            )
            found += await opened.store.scan(
                partial(reconciliation.differences, narrowed=narrowed, limit=MOST_SHOWN)
            )
    return found[:MOST_SHOWN]


def _outcome_json(outcome: DayOutcome) -> dict[str, Json]:
    return {
        "date": show_date(outcome.date),
        "dry_run": outcome.dry_run,
        "open": outcome.open,
        "nodes": [_node_json(node, dry_run=outcome.dry_run) for node in outcome.nodes],
        "failed": {node: error.what for node, error in outcome.failed.items()},
    }


def _node_json(node: NodeOutcome, *, dry_run: bool) -> dict[str, Json]:
    shown: dict[str, Json] = {
        "node": node.node,
        "state": node.state,
        "revision": node.revision,
        "replayed": node.replayed,
        "open": node.open,
        "repaired": node.would_repair if dry_run else node.repaired,
        "carried": node.carried,
        "totals": _totals_json(node),
        "differences": [
            {
                "statement": one.statement,
                "scope": one.scope,
                "kind": one.kind,
                "state": one.state,
                "count": one.number,
            }
            for one in node.counts
        ],
        "not_delivered": [
            {"PayMode": one.scope, "count": one.count, "Amt": format_yuan(one.amt)}
            for one in node.owed
        ],
    }
    if dry_run:
        shown["found"] = [_found_json(one) for one in node.found]
    return shown


def _totals_json(node: NodeOutcome) -> list[dict[str, Json]]:
    return [
        {
            "statement": statement,
            "scope": one.scope,
            "ours": {"count": one.ours.count, "Amt": format_yuan(one.ours.amt)},
            "theirs": {"count": one.theirs.count, "Amt": format_yuan(one.theirs.amt)},
            "matched": {"count": one.matched.count, "Amt": format_yuan(one.matched.amt)},
        }
        for statement, scopes in node.totals.items()
        for one in scopes
    ]


def _found_json(found: Difference) -> dict[str, Json]:
    return {
        "statement": found.statement,
        "scope": found.scope,
        "kind": found.kind.value,
        "Code": found.kind.code,
        "PayCode": found.pay_code,
        "TraNo": found.tra_no,
        "FinAmt": _yuan(found.ours_amt) or None,
        "Amt": _yuan(found.theirs_amt) or None,
        "reason": found.reason,
    }


def _print_outcome(outcome: DayOutcome) -> None:
    for node in outcome.nodes:
        if node.state == "nothing":
            print(f"{node.node}: nothing of {show_date(outcome.date)}, neither list nor payment")
            continue
        if outcome.dry_run:
            print(
                f"{node.node}: differences that would be found: {len(node.found)}, "
                f"{node.would_repair} of them repaired; nothing was written"
            )
        else:
            again = ", stored before" if node.replayed else ""
            print(
                f"{node.node}: {node.state}, revision {node.revision}{again}; "
                f"{node.open} open, {node.repaired} repaired, {node.carried} carried forward"
            )
        _print_totals(node)
        _print_counts(node)
        _print_owed(node.owed)
        for found in node.found[:MOST_SHOWN]:
            amounts = f"{_yuan(found.ours_amt) or '-'} / {_yuan(found.theirs_amt) or '-'}"
            name = found.pay_code or found.tra_no or found.scope
            print(f"  {found.kind.text}: {name} {amounts} {found.reason}".rstrip())


def _print_totals(node: NodeOutcome) -> None:
    headings = ("list", "of", "ours", "amount", "theirs", "their-amount", "agreed")
    rows = [
        (
            _NAMES[cast("Statement", statement)],
            one.scope,
            str(one.ours.count),
            format_yuan(one.ours.amt),
            str(one.theirs.count),
            format_yuan(one.theirs.amt),
            str(one.matched.count),
        )
        for statement, scopes in node.totals.items()
        for one in scopes
    ]
    if rows:
        print_table(headings, rows, right="ours amount theirs their-amount agreed")


def _print_counts(node: NodeOutcome) -> None:
    for one in node.counts:
        text = _TEXTS[one.kind]
        print(f"  {one.number} {one.state}: {text} ({one.kind}), {one.statement} {one.scope}")


def _print_owed(owed: tuple[Owed, ...]) -> None:
    for one in owed:
        if one.count:
            print(
                f"  not delivered: channel {one.scope}, we have {one.count} payments, "
                f"{format_yuan(one.amt)} yuan"
            )
        else:
            print("  not delivered: no list, and no payment of ours")


# -- show -----------------------------------------------------------------------------------------


async def _show(arguments: argparse.Namespace) -> int:
    date: str = arguments.date
    narrowed = DifferenceFilter(
        node=arguments.node,
        date_from=date,
        date_to=date,
        kinds=tuple(arguments.kind or ()),
        states=("open",) if arguments.open else (),
    )

    async def look(tx: Transaction) -> tuple[list[NodeOutcome], list[DifferenceRow]]:
        codes = [arguments.node] if arguments.node else await reconciliation.nodes_of_day(tx, date)
        nodes = [await _stored(tx, code, date) for code in codes]
        rows = await reconciliation.differences(tx, narrowed, limit=arguments.limit)
        return [node for node in nodes if node is not None], rows

    async with open_gateway(arguments) as opened:
        nodes, rows = await opened.store.scan(look)
        today = opened.clock.today()
    if not nodes:
        raise CommandError(
            "the day was not reconciled", where=show_date(date), do="run `nontax reconcile run`"
        )
    outcome = DayOutcome(date, tuple(nodes))
    if wants_json(arguments):
        shown = _outcome_json(outcome)
        print_json({**shown, "rows": [_row_json(row, today) for row in rows]})
    else:
        _print_outcome(outcome)
        _print_rows(rows, today)
    return NOT_FINE if outcome.open else FINE


async def _stored(tx: Transaction, node: str, date: str) -> NodeOutcome | None:
    """The last finished run of a node's day, with its rows as they are now."""
    run = await reconciliation.last_run(tx, node, date)
    if run is None:
        return None
    summary = Summary.read(run.summary)
    counts = await counts_of(tx, node=node, date=date)
    waiting = sum(one.number for one in counts if one.state == "open")
    return NodeOutcome(
        node,
        "open" if waiting else "reconciled",
        totals=summary.totals,
        counts=counts,
        open=waiting,
        repaired=sum(one.number for one in counts if one.state == "repaired"),
        carried=summary.carried,
        owed=summary.owed,
        run_id=run.id,
        revision=run.revision,
    )


def _row_json(row: DifferenceRow, today: str) -> dict[str, Json]:
    fields: list[list[str]] = json.loads(row.fields)
    return {
        "id": row.id,
        "node": row.node,
        "CheckDate": show_date(row.check_date),
        "statement": row.statement,
        "scope": row.scope,
        "kind": row.kind,
        "Code": row.code,
        "state": row.state,
        "PayCode": row.pay_code,
        "TraNo": row.tra_no,
        "FinAmt": _yuan(row.ours_amt) or None,
        "Amt": _yuan(row.theirs_amt) or None,
        "fields": [{"tag": tag, "ours": ours, "theirs": theirs} for tag, ours, theirs in fields],
        "reason": row.reason,
        "age_days": _age(row, today),
        "found": show_date(date_from_ms(row.found_at)),
    }


def _print_rows(rows: list[DifferenceRow], today: str) -> None:
    if not rows:
        return
    print()
    headings = (
        "id", "node", "list", "kind", "state", "pay code", "number", "ours", "theirs", "days",
        "reason",
    )  # fmt: skip
    lines = [
        (
            str(row.id),
            row.node,
            f"{row.statement} {row.scope}",
            _TEXTS[row.kind],
            row.state,
            row.pay_code,
            row.tra_no,
            _yuan(row.ours_amt),
            _yuan(row.theirs_amt),
            str(_age(row, today)),
            row.reason,
        )
        for row in rows
    ]
    print_table(headings, lines, right="id ours theirs days")


def _age(row: DifferenceRow, today: str) -> int:
    """Days since the day that the row belongs to."""
    return max(0, (parse_date(today) - parse_date(row.check_date)).days)


def _yuan(fen: int | None) -> str:
    return "" if fen is None else format_yuan(fen)
