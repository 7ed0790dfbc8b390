"""`nontax reconcile report`: a reconciled day for people, as a page, files and text (对账报告)."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final, cast

from ...reconcile.report import RunReport, as_json, summary
from ..peers import PeerDirectory
from ..reconciliation.reporting import FORMATS, Format, ReportParts, gather, write
from .common import (
    FINE,
    NOT_FINE,
    CommandError,
    Subparsers,
    add_command,
    date_argument,
    print_json,
    show_date,
    wants_json,
)
from .opening import Opened, open_gateway

_TEXT: Final = "text"
_ALL: Final = (*FORMATS, _TEXT)


def register(actions: Subparsers) -> None:
    """Add the action."""
    report = add_command(
        actions,
        "report",
        _report,
        "write the report of a reconciled day (对账报告)",
        reads=True,
        description=(
            "Write the report of a day as the books are now: totals by node and channel, the day "
            "by hours, differences with their reasons and what was done about them, money in "
            "transit, refunds, open rows by age. The page is one Chinese HTML file that prints on "
            "A4; CSV and JSON have every row. Exit 0 when the day is closed, 1 when something "
            "waits, 2 when the day was not run."
        ),
    )
    report.add_argument(
        "--date",
        type=date_argument,
        required=True,
        metavar="D",
        help="the day that was reconciled (CheckDate), YYYY-MM-DD",
    )
    report.add_argument("--node", default="", metavar="CODE", help="only this node's lists")
    report.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="folder for reconcile-YYYYMMDD[-NODE].html, .csv and .json"
        " (default: [reconciliation] reports)",
    )
    report.add_argument(
        "--format",
        type=_formats,
        default=",".join(_ALL),
        metavar="LIST",
        help="html, csv and json files, text on the terminal (default: %(default)s)",
    )


def _formats(text: str) -> tuple[str, ...]:
    """The formats that a list separated by commas names, in our order."""
    asked = {name.strip() for name in text.split(",")}
    unknown = sorted(asked - set(_ALL))
    if unknown:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(_ALL)}")
    return tuple(name for name in _ALL if name in asked)


async def _report(arguments: argparse.Namespace) -> int:
    asked: tuple[str, ...] = arguments.format
    files = cast("tuple[Format, ...]", tuple(name for name in asked if name != _TEXT))
    async with open_gateway(arguments) as opened:
        _check_day(opened, arguments.date)
        peers = PeerDirectory.from_config(opened.config)
        node: str = arguments.node
        if node and peers.get(node) is None:
            raise CommandError("there is no such node", where=node, do="see `nontax peer list`")
        ours = opened.config.node
        parts = ReportParts(opened.store, peers, ours.code, ours.name)
        report = await gather(parts, arguments.date, node or None, now_ms=opened.clock.now_ms())
        folder: Path = arguments.out or opened.config.reconciliation.reports
    _require_run(report)
    written = write(report, folder, files)
    if wants_json(arguments):
        print_json({**as_json(report), "files": [str(path) for path in written]})
    else:
        if _TEXT in asked:
            print(summary(report), end="")
        for path in written:
            print(f"written: {path}")
    return FINE if report.closed else NOT_FINE


def _check_day(opened: Opened, date: str) -> None:
    if date > opened.clock.today():
        raise CommandError("is a day to come", where=show_date(date), do="give a past day")


def _require_run(report: RunReport) -> None:
    """Refuse a day that nobody reconciled."""
    if not any(node.state for node in report.header.nodes):
        date = show_date(report.header.check_date)
        raise CommandError(
            "the day was not reconciled", where=date, do=f"nontax reconcile run --date {date}"
        )
