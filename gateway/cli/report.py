"""`nontax report`: daily figures, posting files and monthly statements."""

from __future__ import annotations

import argparse
import re
from functools import partial
from pathlib import Path

from ...codecs import format_yuan
from ...reconcile.figures.daily import Daily, daily_document
from ...reconcile.figures.model import Category, Correction
from ...reconcile.figures.monthly import KINDS, Statement, statement_document
from ..figures.closing import Closed, close_day
from ..figures.files import FORMATS, Format, closed_at, write_daily, write_statement
from ..figures.monthly import statement
from ..figures.reading import daily
from ..peers import Peer, PeerDirectory
from ..settlement.acting import SettlementRefused
from .common import (
    FINE,
    CommandError,
    Json,
    Parser,
    Progress,
    Subparsers,
    add_actions,
    add_command,
    date_argument,
    print_json,
    print_table,
    show_date,
    wants_json,
)
from .issuing import acting_as, refused
from .opening import Opened, act_as, open_gateway
from .reportposting import register_postings


def register(subparsers: Subparsers) -> None:
    """Add the command and its actions."""
    parser = add_command(
        subparsers,
        "report",
        None,
        "daily figures, postings and statements (日报, 机制凭证, 对账单)",
    )
    actions = add_actions(parser)
    day = add_command(
        actions,
        "daily",
        _daily,
        "the day's income and deposits (非税收入日报, 非税暂存日报)",
        reads=True,
        operator=True,
        description=(
            "Show the income of a day and the money on temporary deposit, by unit, item, fund "
            "nature and account. With --close, close the day and every earlier one that is open; "
            "needs a maker. A closed day never changes: what is found out later is registered as "
            "numbered corrections when a day is closed, and is contained in the next opening. "
            "Reading needs no operator."
        ),
    )
    day.add_argument(
        "--date", required=True, type=date_argument, metavar="D", help="the day, YYYY-MM-DD"
    )
    day.add_argument("--close", action="store_true", help="close the day first; needs an operator")
    _add_files(day)
    register_postings(actions)
    month = add_command(
        actions,
        "monthly",
        _monthly,
        "a bank's month, day by day (对账单)",
        reads=True,
        description=(
            "Show the monthly statement of each agent bank: payments, duplicates, refunds, "
            "arrivals, clearing and remittances by day, and the differences of reconciliation "
            "that were open at the month's end."
        ),
    )
    month.add_argument("--month", required=True, type=_month, metavar="YYYY-MM", help="the month")
    month.add_argument(
        "--bank",
        default="",
        metavar="CODE",
        help="only this one: a node, or the 4 digits of a bank (default: every agent bank)",
    )
    _add_files(month)


def _add_files(parser: Parser) -> None:
    parser.add_argument("--out", type=Path, metavar="DIR", help="write files into this folder")
    parser.add_argument(
        "--format",
        choices=FORMATS,
        action="append",
        help="only files of this kind; may be repeated (default: all)",
    )


def _month(text: str) -> str:
    if re.fullmatch(r"[0-9]{4}-(0[1-9]|1[0-2])", text) is None or text < "1900":
        raise argparse.ArgumentTypeError(f"{text!r} is no month YYYY-MM")
    return text.replace("-", "")


def _formats(arguments: argparse.Namespace) -> tuple[Format, ...]:
    """The kinds of files that are wanted."""
    if arguments.format and arguments.out is None:
        raise CommandError("--format is for files", where="--format", do="give --out DIR, too")
    return tuple(arguments.format or FORMATS)


# -- daily ----------------------------------------------------------------------------------------


async def _daily(arguments: argparse.Namespace) -> int:
    formats = _formats(arguments)
    date: str = arguments.date
    async with open_gateway(arguments) as opened:
        if not arguments.close and date > opened.clock.today():
            raise CommandError(
                "the day is in the future", where=show_date(date), do="name a day that has come"
            )
        try:
            closed = await _close(opened, arguments) if arguments.close else None
            work = partial(
                daily,
                date=date,
                today=opened.clock.today(),
                node_name=opened.config.node.name,
            )
            found = await opened.store.scan(work)
        except SettlementRefused as error:
            raise refused(error, show_date(date)) from None
    written = write_daily(arguments.out, found, formats) if arguments.out is not None else []
    if wants_json(arguments):
        document: dict[str, Json] = {**daily_document(found, closed_at(found))}
        if closed is not None:
            document["closing"] = {
                "days": list(closed.days),
                "corrections": closed.corrections,
            }
        print_json(document | {"files": [str(path) for path in written]})
    else:
        _print_daily(found, closed)
        for path in written:
            print(f"written: {path}")
    return FINE


async def _close(opened: Opened, arguments: argparse.Namespace) -> Closed:
    acting = acting_as(opened, await act_as(opened, arguments))
    progress = Progress("entered")
    try:
        return await close_day(opened.store, arguments.date, acting, progress.at)
    finally:
        progress.done()


def _print_daily(found: Daily, closed: Closed | None) -> None:
    if closed is not None:
        days = ", ".join(map(show_date, closed.days)) or "none, it was closed before"
        print(f"closed: {days}; {closed.corrections} corrections registered")
    state = f"closed by {found.closed_by} {closed_at(found)}" if found.closed_at else found.state
    print(f"{show_date(found.day)}: {state}\n\nincome (非税收入日报)")
    print_table(
        ("region", "unit", "item", "fund nature", "account", "confirmed", "refunded", "income"),
        [
            (
                *(row.region, row.unit_code, row.item_code, row.fund_nature, row.account),
                *map(format_yuan, (row.confirmed, row.income_refunded, row.income)),
            )
            for row in found.income_rows
        ],
        right="confirmed refunded income",
    )
    print(f"{found.income.count} rows, {format_yuan(found.income.amt)}, {found.income.digest}")
    print("\ndeposits (非税暂存日报)")
    amounts = ("opening", "collected", "confirmed", "refunded", "claimed", "closing")
    print_table(
        ("kind", "unit", "item", "fund nature", "account", *amounts),
        [
            (
                f"{row.category} ({Category(row.category).text})",
                *(row.unit_code, row.item_code, row.fund_nature, row.account),
                *(format_yuan(getattr(row, name)) for name in amounts),
            )
            for row in found.deposit_rows
        ],
        right=" ".join(amounts),
    )
    deposits = found.deposits
    print(f"{deposits.count} rows, {format_yuan(deposits.amt)}, {deposits.digest}")
    _print_corrections("corrections of this day", (*found.corrections, *found.pending))
    _print_corrections("corrections of earlier days in its opening", found.carried)


def _print_corrections(heading: str, corrections: tuple[Correction, ...]) -> None:
    if not corrections:
        return
    print(f"\n{heading}")
    print_table(
        ("no", "day", "what", "unit", "item", "amount", "cause", "reference", "found"),
        [
            (
                str(one.no or "-"),
                show_date(one.day),
                f"{one.measure} ({one.measure.text})",
                one.unit_code,
                one.item_code,
                format_yuan(one.amt),
                f"{one.cause} ({one.cause.text})",
                one.reference,
                show_date(one.found_on) if one.no else "not registered",
            )
            for one in corrections
        ],
        right="no amount",
    )


# -- monthly --------------------------------------------------------------------------------------


async def _monthly(arguments: argparse.Namespace) -> int:
    formats = _formats(arguments)
    month: str = arguments.month
    found: list[Statement] = []
    async with open_gateway(arguments) as opened:
        name = opened.config.node.name
        if month > opened.clock.today()[:6]:
            raise CommandError(
                "the month is in the future",
                where=f"{month[:4]}-{month[4:]}",
                do="name a month that has come",
            )
        for bank in _banks(PeerDirectory.from_config(opened.config), arguments.bank):
            work = partial(statement, month=month, bank=bank, finance_name=name)
            found.append(await opened.store.scan(work))
    written = []
    if arguments.out is not None:
        for one in found:
            written += write_statement(arguments.out, one, formats)
    if wants_json(arguments):
        print_json(
            {
                "month": month,
                "statements": [statement_document(one) for one in found],
                "files": [str(path) for path in written],
            }
        )
        return FINE
    for one in found:
        _print_statement(one)
    for path in written:
        print(f"written: {path}")
    return FINE


def _banks(peers: PeerDirectory, wanted: str) -> list[Peer]:
    if not wanted:
        return [peer for peer in peers if peer.kind == "bank"]
    found = [peer for peer in peers if wanted == peer.code]
    found = found or [peer for peer in peers if peer.kind == "bank" and wanted == peer.bank_code]
    if not found or found[0].kind == "unit":
        raise CommandError(f"{wanted} is no bank", where="--bank", do="see `nontax peer list`")
    return found


def _print_statement(one: Statement) -> None:
    print(f"{one.month[:4]}-{one.month[4:]}, {one.node} {one.bank_name}")
    rows = [(show_date(day.day), day.moved) for day in one.days]
    print_table(
        ("day", *KINDS),
        [
            (day, *(format_yuan(moved.amt) if moved.count else "-" for moved in all_moved))
            for day, all_moved in [*rows, ("total", one.totals)]
        ],
        right=" ".join(KINDS),
    )
    print(f"open at the month's end: {len(one.open)} differences")
    for difference in one.open:
        print(f"  {' '.join(filter(None, difference.cells()))}")
    print()
