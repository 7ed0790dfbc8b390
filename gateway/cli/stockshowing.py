"""What there is of a stock of numbers, what was done to it, and who may act for whom."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from functools import partial
from pathlib import Path

from ..clock import civil_from_ms
from ..einvoicing import stock as upward
from ..einvoicing.stockstatistics import StockFigures, statistics, statistics_csv
from ..store import catalogue, stock, stockledger, stockuses
from ..store.entries import BillKind, Unit
from ..store.protocol import Transaction
from ..store.stock import Medium, StockRange
from ..store.stockledger import Authorisation
from .common import (
    FINE,
    CommandError,
    Subparsers,
    add_command,
    add_limit,
    date_argument,
    print_json,
    print_table,
    show_date,
    wants_json,
)
from .opening import open_gateway
from .stockcommon import application_json, do, number_argument, range_json


def register_showing(actions: Subparsers, medium: Medium) -> None:
    """Add what shows a stock to a command's actions."""
    add_command(
        actions,
        "kinds",
        _kinds,
        "list the kinds (票据种类) of the catalogue and the units that hold them",
        reads=True,
    )
    listing = add_command(
        actions, "list", partial(_list, medium), "list ranges or applications", reads=True
    )
    listing.add_argument("--kind", default="", metavar="TYPE", help="only this kind")
    listing.add_argument("--unit", metavar="CODE", help="only this unit's; '' is finance")
    listing.add_argument(
        "--state", choices=("received", "stock", "offered"), default="", help="only such ranges"
    )
    listing.add_argument(
        "--applications", action="store_true", help="applications (申领) instead of ranges"
    )
    if medium == "paper":
        listing.add_argument(
            "--write-offs", action="store_true", help="writings off (核销) instead of ranges"
        )
    add_limit(listing)
    telling = add_command(
        actions, "history", partial(_history, medium), "every step, oldest first", reads=True
    )
    telling.add_argument("--kind", default="", metavar="TYPE", help="only this kind")
    telling.add_argument("--code", default="", metavar="CODE", help="only this code or version")
    telling.add_argument(
        "--number", type=number_argument, default=0, metavar="N", help="only steps of this number"
    )
    telling.add_argument("--unit", default="", metavar="CODE", help="only this unit's")
    add_limit(telling, 1000)
    summing = add_command(
        actions,
        "statistics",
        partial(_statistics, medium),
        "stock and use by unit, kind and code over a period",
        reads=True,
        description=(
            "Show what a period brought by unit, kind and code: opening, received, recovered from "
            "below, distributed, returned upward, used, void, closing; void paper turned in and "
            "numbers written off beside it."
        ),
    )
    summing.add_argument(
        "--from", dest="since", type=date_argument, metavar="D", help="first day (default: all)"
    )
    summing.add_argument(
        "--to", dest="until", type=date_argument, metavar="D", help="last day (default: today)"
    )
    summing.add_argument("--kind", default="", metavar="TYPE", help="only this kind")
    summing.add_argument(
        "--unit", action="append", default=[], metavar="CODE", help="only this unit; repeatable"
    )
    summing.add_argument("--csv", type=Path, metavar="FILE", help="write CSV to a file")


def register_authorisations(actions: Subparsers) -> None:
    """Add `authorise`, which is for both media."""
    granting = add_command(
        actions,
        "authorise",
        _authorise,
        "let a unit draw (代领) or issue (代开) for another",
        reads=True,
        operator=True,
        description=(
            "Let one unit draw stock for another (代领), or issue for it from its own stock "
            "(代开); for electronic and paper numbers. With --end, end an authorisation; with "
            "--list, list them."
        ),
    )
    granting.add_argument("--scope", choices=("draw", "issue"), help="代领 or 代开")
    granting.add_argument("--unit", default="", metavar="CODE", help="for whom")
    granting.add_argument("--agent", default="", metavar="CODE", help="who acts")
    granting.add_argument("--kind", default="", metavar="TYPE", help="only this kind")
    granting.add_argument(
        "--from", dest="since", type=date_argument, default="", metavar="D", help="first day"
    )
    granting.add_argument(
        "--until", type=date_argument, default="", metavar="D", help="last day (default: open)"
    )
    granting.add_argument("--reason", default="", metavar="TEXT", help="why; kept for ever")
    granting.add_argument("--end", default="", metavar="NO", help="end this authorisation")
    granting.add_argument("--list", action="store_true", help="list them")


# -- ranges ---------------------------------------------------------------------------------------


async def _kinds(arguments: argparse.Namespace) -> int:
    async def read(tx: Transaction) -> list[tuple[BillKind, list[str]]]:
        units = await catalogue.entries(tx, Unit)
        return [
            (kind, [unit.code for unit in units if kind.code in unit.bill_kinds.split(",")])
            for kind in await catalogue.entries(tx, BillKind)
        ]

    async with open_gateway(arguments) as opened:
        found = await opened.store.scan(read)
    if wants_json(arguments):
        print_json({"kinds": [asdict(kind) | {"units": units} for kind, units in found]})
        return FINE
    print_table(
        ("kind", "name", "version", "from", "to", "units"),
        [
            (
                kind.code,
                kind.name,
                kind.version,
                show_date(kind.start_date),
                show_date(kind.stop_date),
                " ".join(units),
            )
            for kind, units in found
        ],
    )
    return FINE


async def _list(medium: Medium, arguments: argparse.Namespace) -> int:
    if arguments.applications:
        return await _applications(medium, arguments)
    if medium == "paper" and arguments.write_offs:
        return await _write_offs(arguments)

    async def read(tx: Transaction) -> list[StockRange]:
        units = () if not arguments.unit else (arguments.unit,)
        holder = "" if arguments.unit == "" else None
        return await stock.page(
            tx,
            medium=medium,
            kind=arguments.kind,
            state=arguments.state,
            holder=holder,
            units=units,
            limit=arguments.limit,
        )

    async with open_gateway(arguments) as opened:
        found = await opened.store.scan(read)
    if wants_json(arguments):
        print_json({"ranges": [range_json(held) for held in found]})
        return FINE
    left = "next" if medium == "electronic" else ""
    print_table(
        ("id", "holder", "kind", "code", "first", "last", *filter(None, [left]), "state", "to"),
        [
            (
                str(held.id),
                held.holder or "finance",
                held.kind,
                held.code,
                f"{held.first:010d}",
                f"{held.last:010d}",
                *([f"{held.next:010d}" if held.left else "-"] if left else []),
                held.state,
                held.offered_to,
            )
            for held in found
        ],
        right="id",
    )
    return FINE


async def _applications(medium: Medium, arguments: argparse.Namespace) -> int:
    only = [] if arguments.unit is None else [arguments.unit]
    async with open_gateway(arguments) as opened:
        found = await opened.store.scan(
            lambda tx: stockledger.applications(tx, medium=medium, applicants=only)
        )
    if wants_json(arguments):
        print_json({"applications": [application_json(made) for made in found]})
        return FINE
    print_table(
        ("application", "applicant", "kind", "count", "delivered", "state", "reason"),
        [
            (
                made.no,
                made.applicant or "finance",
                made.kind,
                f"{made.count:,}",
                f"{made.delivered:,}",
                made.state,
                made.reason,
            )
            for made in found
        ],
        right="count delivered",
    )
    return FINE


async def _write_offs(arguments: argparse.Namespace) -> int:
    async with open_gateway(arguments) as opened:
        found = await opened.store.scan(lambda tx: stockuses.write_offs(tx, limit=arguments.limit))
    if wants_json(arguments):
        print_json({"write_offs": [asdict(one) for one in found]})
        return FINE
    print_table(
        ("no", "holder", "kind", "version", "first", "last", "state", "by", "decided by", "reason"),
        [
            (
                one.no,
                one.holder or "finance",
                one.kind,
                one.code,
                f"{one.first:010d}",
                f"{one.last:010d}",
                one.state,
                one.proposed_by,
                one.decided_by,
                one.reason,
            )
            for one in found
        ],
    )
    return FINE


async def _history(medium: Medium, arguments: argparse.Namespace) -> int:
    async with open_gateway(arguments) as opened:
        found = await opened.store.scan(
            lambda tx: stockledger.steps(
                tx,
                medium=medium,
                kind=arguments.kind,
                code=arguments.code,
                number=arguments.number,
                unit=arguments.unit,
                limit=arguments.limit,
            )
        )
    if wants_json(arguments):
        print_json({"steps": [asdict(step) for step in found]})
        return FINE
    print_table(
        ("no", "when", "step", "kind", "numbers", "holder", "other", "reference", "by", "reason"),
        [
            (
                str(step.seq),
                civil_from_ms(step.at).strftime("%Y-%m-%d %H:%M:%S"),
                step.step,
                step.kind,
                f"{step.code} {step.first:010d}-{step.last:010d}" if step.code else "",
                step.holder or "finance",
                step.other,
                step.reference,
                step.operator,
                step.reason,
            )
            for step in found
        ],
        right="no",
    )
    return FINE


async def _statistics(medium: Medium, arguments: argparse.Namespace) -> int:
    async def read(tx: Transaction) -> list[StockFigures]:
        since, until = arguments.since or "00000000", arguments.until or opened.clock.today()
        return await statistics(
            tx, since, until, medium=medium, kind=arguments.kind, units=arguments.unit
        )

    async with open_gateway(arguments) as opened:
        figures = await opened.store.scan(read)
    if arguments.csv is not None:
        arguments.csv.write_text(statistics_csv(figures), "utf-8-sig", newline="")
        return FINE
    if wants_json(arguments):
        print_json({"figures": [asdict(one) for one in figures]})
        return FINE
    numbers = [name for name in StockFigures.__slots__ if name not in _NAMES]
    print_table(
        ("holder", "kind", "code", *numbers),
        [
            (
                one.holder or "finance",
                one.kind,
                one.code,
                *(f"{getattr(one, name):,}" for name in numbers),
            )
            for one in figures
        ],
        right=" ".join(numbers),
    )
    return FINE


_NAMES = frozenset({"holder", "medium", "kind", "code"})


# -- authorisations -------------------------------------------------------------------------------


async def _authorise(arguments: argparse.Namespace) -> int:
    if arguments.list:
        return await _list_authorisations(arguments)
    reason: str = arguments.reason
    if arguments.end:
        no: str = arguments.end
        await do(arguments, lambda tx, acting: upward.end_authorisation(tx, no, reason, acting), no)
        text = f"authorisation {no} has ended"
    else:
        if arguments.scope is None or not arguments.unit or not arguments.agent:
            raise CommandError("give --scope, --unit and --agent", do="or --list, or --end NO")
        wish = Authorisation(
            no="",
            scope=arguments.scope,
            unit_code=arguments.unit,
            agent=arguments.agent,
            kind=arguments.kind,
            start_date=arguments.since,
            stop_date=arguments.until,
            granted_by="",
            granted_at=0,
            ended_by="",
            ended_at=0,
            reason=reason,
        )
        granted = await do(
            arguments, lambda tx, acting: upward.authorise(tx, wish, acting), arguments.unit
        )
        no = text = granted.no
    if wants_json(arguments):
        print_json({"no": no})
    else:
        print(text)
    return FINE


async def _list_authorisations(arguments: argparse.Namespace) -> int:
    async with open_gateway(arguments) as opened:
        found = await opened.store.scan(
            lambda tx: stockledger.authorisations(tx, unit=arguments.unit)
        )
    if wants_json(arguments):
        print_json({"authorisations": [asdict(one) for one in found]})
        return FINE
    print_table(
        ("no", "scope", "for", "by", "kind", "from", "to", "ended", "reason"),
        [
            (
                one.no,
                one.scope,
                one.unit_code,
                one.agent,
                one.kind or "all",
                show_date(one.start_date),
                show_date(one.stop_date),
                one.ended_by,
                one.reason,
            )
            for one in found
        ],
    )
    return FINE
