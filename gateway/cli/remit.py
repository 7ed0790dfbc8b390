"""`nontax remit`: confirmed income goes on to treasuries and accounts (缴库, 缴户)."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import get_args

from ...codecs import format_yuan
from ..clock import date_from_ms
from ..collection.operators import CHECKER
from ..peers import PeerDirectory
from ..settlement.acting import SettlementRefused
from ..settlement.feedback import KINDS
from ..settlement.income import IncomeRules
from ..settlement.releasing import release
from ..settlement.remitrun import Run, RunReport
from ..settlement.remittance import RemitRules, Remitting
from ..settlement.voucherspool import spool_vouchers
from ..store.income import DueFilter
from ..store.remittance import Remittance, RemittanceState
from .common import (
    FINE,
    NOT_FINE,
    CommandError,
    Json,
    Progress,
    Subparsers,
    add_actions,
    add_command,
    add_limit,
    date_argument,
    print_json,
    print_table,
    wants_json,
)
from .issuing import acting_as, make_enqueuer, refused
from .opening import Opened, act_as, open_gateway
from .remitfeedback import import_feedback
from .remitshowing import list_remittances, show_remittance
from .remitslips import register_slips

MOST_SHOWN = 100
_REASON_CHARACTERS = 200


def register(subparsers: Subparsers) -> None:
    """Add the command and its actions."""
    parser = add_command(
        subparsers, "remit", None, "remit confirmed income to treasuries and accounts (缴库, 5618)"
    )
    actions = add_actions(parser)
    run = add_command(
        actions,
        "run",
        _run,
        "confirm what is ready, and remit what is confirmed",
        reads=True,
        operator=True,
        description=(
            "Confirm the income that is ready of units that have it automatically, divide what is "
            "confirmed by the sharing rules, and make remittances of what no living remittance "
            "has: one 5618 for each account that pays, target and mode. Each is one transaction; "
            "the command can be repeated, and continues after it was interrupted. Exit 1 when "
            "money was left out, with the reasons."
        ),
    )
    run.add_argument(
        "--date",
        type=date_argument,
        metavar="D",
        help="only payments of this CfmDate, YYYY-MM-DD (default: whatever is open)",
    )
    run.add_argument("--node", default="", metavar="CODE", help="only what this node collected")
    listing = add_command(
        actions,
        "list",
        list_remittances,
        "list remittances, and what waits for one",
        reads=True,
    )
    listing.add_argument(
        "--state",
        choices=get_args(RemittanceState),
        default=None,
        help="only this state; unmatched: of a bank that remits by itself, fitting no payments",
    )
    listing.add_argument("--node", default="", metavar="CODE", help="only of this bank")
    listing.add_argument("--date", type=date_argument, metavar="D", help="only of this RemitDate")
    add_limit(listing)
    show = add_command(
        actions, "show", show_remittance, "show a remittance with its lines", reads=True
    )
    show.add_argument("remit_no", metavar="REMITNO", help="number (缴库单号)")
    _register_release(actions)
    _register_feedback(actions)
    register_slips(actions)


def _register_release(actions: Subparsers) -> None:
    releasing = add_command(
        actions,
        "release",
        _release,
        "end a remittance that moved no money, so that its income can be remitted again",
        reads=True,
        operator=True,
        description=(
            "End a remittance that moved no money, as was found out at the bank; needs a checker. "
            "One that was never sent is not sent any more. One that was sent can be released when "
            "it is unknown or its result is overdue; one that a bank started by itself, when it "
            "fits no payments. Failed ones are released by themselves."
        ),
    )
    releasing.add_argument("remit_no", metavar="REMITNO", help="number (缴库单号)")
    releasing.add_argument("--reason", required=True, metavar="TEXT", help="why; kept for ever")


def _register_feedback(actions: Subparsers) -> None:
    feedback = add_command(
        actions,
        "import-feedback",
        import_feedback,
        "import what the treasury booked, and compare it with the remittances",
        reads=True,
        operator=True,
        description=(
            "Import a CSV file (UTF-8 or GBK) of what the treasury booked, and compare it, for "
            "every treasury and day in it, with the succeeded remittances by income subject and "
            "budget level. Columns: TreCode (国库代码), Date (日期), BgtLevel (预算级次), "
            "IncomeSortCode (科目代码), Amt (金额); of a flow also TraNo (流水号) and, where there "
            "is one, RemitNo (缴库单号). Exit 1 when something differs. The same file again "
            "changes nothing and compares again."
        ),
    )
    feedback.add_argument("file", type=Path, metavar="FILE", help=".csv file")
    feedback.add_argument(
        "--kind",
        choices=KINDS,
        required=True,
        help="flow: single bookings (入库流水); daily: the day's sums (收入日报)",
    )
    feedback.add_argument(
        "--replace", action="store_true", help="in place of what was imported for a day before"
    )
    feedback.add_argument(
        "--report", type=Path, metavar="CSV", help="write the comparison to a file, too"
    )


# -- run ------------------------------------------------------------------------------------------


async def _run(arguments: argparse.Namespace) -> int:
    async with open_gateway(arguments) as opened:
        peers = PeerDirectory.from_config(opened.config)
        if arguments.node and peers.get(arguments.node) is None:
            raise CommandError(
                f"{arguments.node} is no node of the configuration",
                where="--node",
                do="see `nontax peer list`",
            )
        actor = await act_as(opened, arguments)
        acting = acting_as(opened, actor)
        narrowed = DueFilter(cfm_date=arguments.date or "", src=arguments.node, units=acting.units)
        progress = Progress("done")
        run = make_run(opened, peers, progress)
        try:
            report = await run.remit(narrowed, actor.name)
            spooled = await spool(opened, progress)
        finally:
            progress.done()
    if wants_json(arguments):
        print_json(_report_json(report, spooled))
    else:
        _print_report(report, spooled)
    return NOT_FINE if report.faults else FINE


def make_run(opened: Opened, peers: PeerDirectory, progress: Progress) -> Run:
    """A run as the configuration has it."""
    config = opened.config
    rules = RemitRules(config.settlement.fin_org_code or config.node.code, config.node.name)
    return Run(
        opened.store,
        opened.clock,
        IncomeRules(config.settlement.wait_for, config.node.name),
        Remitting(make_enqueuer(opened, peers), peers, rules),
        progress.at,
    )


async def spool(opened: Opened, progress: Progress) -> int:
    """Write the vouchers that wait into the spool; how many."""
    return await spool_vouchers(
        opened.store, opened.config.spool.vouchers, opened.clock.now_ms, progress.at
    )


def _report_json(report: RunReport, spooled: int) -> dict[str, Json]:
    return {
        "confirmed": report.confirmed,
        "matched": report.matched,
        "remittances": [_brief(one) for one in report.made],
        "TotalAmt": format_yuan(report.total),
        "left_to_banks": report.left_to_banks,
        "vouchers": spooled,
        "left_out": [{"subject": one.subject, "reason": one.what} for one in report.faults],
    }


def _brief(one: Remittance) -> dict[str, Json]:
    return {
        "RemitNo": one.remit_no,
        "node": one.node,
        "RemitType": one.remit_type,
        "RemitMode": one.mode,
        "TreCode": one.tre_code,
        "BgtLevel": one.level,
        "RecAcct": one.rec_acct,
        "PayAcct": one.pay_acct,
        "TotalAmt": format_yuan(one.total),
        "Count": one.count,
    }


def _print_report(report: RunReport, spooled: int) -> None:
    print(
        f"{report.confirmed} bills confirmed; {len(report.made)} remittances,"
        f" {format_yuan(report.total)} yuan; {spooled} vouchers written"
    )
    if report.made:
        headings = ("remittance", "to", "treasury", "level", "mode", "lines", "total")
        rows = [
            (
                one.remit_no,
                one.node,
                one.tre_code or one.rec_acct,
                one.level,
                "direct" if one.mode == "1" else "consolidated",
                str(one.count),
                format_yuan(one.total),
            )
            for one in report.made
        ]
        print_table(headings, rows, right="lines total")
    if report.matched:
        print(f"{report.matched} remittances that banks made by themselves were matched")
    if report.left_to_banks:
        print(f"{report.left_to_banks} dues are left to banks that remit by themselves")
    for fault in report.faults[:MOST_SHOWN]:
        print(f"left out: {fault}")
    if len(report.faults) > MOST_SHOWN:
        print(f"left out: {len(report.faults)} in all, the first are shown; --json has them all")


# -- release --------------------------------------------------------------------------------------


async def _release(arguments: argparse.Namespace) -> int:
    reason: str = arguments.reason.strip()
    if not 0 < len(reason) <= _REASON_CHARACTERS or not reason.isprintable():
        raise CommandError(
            f"the reason must have 1 to {_REASON_CHARACTERS} printable characters", where="--reason"
        )
    number: str = arguments.remit_no
    async with open_gateway(arguments) as opened:
        acting = acting_as(opened, await act_as(opened, arguments, CHECKER))
        try:
            done = await opened.store.transact(lambda tx: release(tx, number, reason, acting))
        except SettlementRefused as error:
            raise refused(error, number) from None
    if wants_json(arguments):
        print_json({"RemitNo": number, "state": done.state})
    else:
        print(f"remittance {number} of {date_from_ms(done.created_at)} is {done.state}, released")
    return FINE
