"""`nontax clearing`: share collected money and instruct the banks that hold it (清分)."""

from __future__ import annotations

import argparse
from functools import partial
from typing import get_args

from ...codecs import format_yuan
from ..clock import civil_from_ms
from ..peers import PeerDirectory
from ..settlement.clearing import Report, Run
from ..settlement.entering import Entering
from ..settlement.instructions import Carried, Instructing, Refused, Unwritable
from ..store import clearing, instructions
from ..store.clearing_records import Bound, Instruction, InstructionLine, InstructionState
from ..store.protocol import Transaction
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
    print_facts,
    print_json,
    print_table,
    show_date,
    wants_json,
)
from .issuing import make_enqueuer
from .opening import act_as, open_gateway

STATES: tuple[InstructionState, ...] = get_args(InstructionState)
MOST_SHOWN = 100


def register(subparsers: Subparsers) -> None:
    """Add the command and its actions."""
    parser = add_command(subparsers, "clearing", None, "share collected money (清分, 5614)")
    actions = add_actions(parser)
    run = add_command(
        actions,
        "run",
        _run,
        "clear a day's payments",
        reads=True,
        operator=True,
        description=(
            "Clear the payments of a day: those that are ready and not yet cleared are shared by "
            "the rules of their items, less what was paid back, and each account that holds the "
            "money gets one instruction 5614. It can be repeated, and continues after it was "
            "interrupted. Exit 1 when payments were left out, each with its reason."
        ),
    )
    run.add_argument(
        "--date", required=True, type=date_argument, metavar="D", help="CfmDate, YYYY-MM-DD"
    )
    run.add_argument("--node", default="", metavar="CODE", help="only what this node collected")
    listing = add_command(actions, "list", _list, "list instructions by number", reads=True)
    listing.add_argument(
        "--date", type=date_argument, metavar="D", help="only of runs for this CfmDate"
    )
    listing.add_argument(
        "--node", default="", metavar="CODE", help="only of what this node collected"
    )
    listing.add_argument(
        "--state", action="append", choices=STATES, help="only this state; may be given again"
    )
    listing.add_argument("--overdue", action="store_true", help="only those whose result is late")
    add_limit(listing)
    show = add_command(actions, "show", _show, "show an instruction with its lines", reads=True)
    show.add_argument("instr_no", metavar="INSTRNO", help="number of the instruction")
    again = add_command(
        actions,
        "resend",
        _resend,
        "send the failed lines of an instruction again, under a new number",
        reads=True,
        operator=True,
        description=(
            "Send the failed lines of an instruction again, under a new number and to the targets' "
            "accounts as the catalogue has them now. A line that succeeded or that may have "
            "succeeded (unknown) is never sent again."
        ),
    )
    again.add_argument("instr_no", metavar="INSTRNO", help="number of the instruction")


# -- run ------------------------------------------------------------------------------------------


async def _run(arguments: argparse.Namespace) -> int:
    async with open_gateway(arguments) as opened:
        peers = PeerDirectory.from_config(opened.config)
        _check_node(peers, arguments.node)
        actor = await act_as(opened, arguments)
        progress = Progress("payments")
        run = Run(
            store=opened.store,
            clock=opened.clock,
            peers=peers,
            entering=Entering(peers, opened.config.settlement.wait_for),
            instructing=Instructing(make_enqueuer(opened, peers)),
            operator=actor.name,
            progress=progress.at,
        )
        try:
            report = await run(arguments.date, arguments.node)
        finally:
            progress.done()
    if wants_json(arguments):
        print_json(_report_json(report))
    else:
        _print_report(report)
    return NOT_FINE if report.left_out else FINE


def _check_node(peers: PeerDirectory, node: str) -> None:
    if not node:
        return
    peer = peers.get(node)
    if peer is None:
        raise CommandError(
            f"{node} is no node of the configuration", where="--node", do="see `nontax peer list`"
        )
    if peer.clears != "finance":
        raise CommandError(
            f"what {node} collected is cleared by the platform",
            where="--node",
            do='it is expected as 2615; set clears = "finance" if that is wrong',
        )


def _report_json(report: Report) -> dict[str, Json]:
    return {
        "date": show_date(report.date),
        "entered": report.entered,
        "refunds": report.refunds,
        "Amt": format_yuan(report.amt),
        "not_ready": report.not_ready,
        "held": sorted(report.held),
        "instructions": [_instruction_json(one) for one in report.instructions],
        "carried": [
            {
                "node": one.group.node,
                "peer": one.group.peer,
                "PayAcctType": one.group.acct_type,
                "PayAcct": one.group.acct_no,
                "target": one.target,
                "Amt": format_yuan(one.amt),
            }
            for one in report.carried
        ],
        "left_out": [
            {
                "node": one.node,
                "PayCode": one.pay_code,
                "TraNoBus": one.tra_no_bus,
                "Amt": format_yuan(one.amt),
                "reason": one.reason,
            }
            for one in report.left_out
        ],
    }


def _print_report(report: Report) -> None:
    print(
        f"{report.entered} payments and {report.refunds} refunds entered, "
        f"{format_yuan(report.amt)} yuan; {len(report.instructions)} instructions"
    )
    if report.instructions:
        headings = ("instruction", "collected by", "to", "lines", "total")
        rows = [
            (one.instr_no, one.node, one.peer, str(one.count), format_yuan(one.total))
            for one in report.instructions
        ]
        print_table(headings, rows, right="lines total")
    if report.not_ready:
        print(f"{report.not_ready} payments are not ready ([settlement] wait_for)")
    if report.held:
        print(f"{len(report.held)} payments are held back by a refund that is under way")
    for one in report.carried:
        print(f"carried to the next run: {_carried(one)}")
    for left in report.left_out[:MOST_SHOWN]:
        name = f"{left.pay_code} ({left.tra_no_bus}) at {left.node}" if left.pay_code else left.node
        print(f"left out: {name}: {left.reason}")
    if len(report.left_out) > MOST_SHOWN:
        print(f"left out: {len(report.left_out)} in all, the first are shown; --json has them all")


def _carried(one: Carried) -> str:
    what = f"target {one.target}" if one.target else "all of it"
    return f"{one.group.node} at {one.group.peer}: {what}, {format_yuan(one.amt)} yuan"


# -- list and show --------------------------------------------------------------------------------


async def _list(arguments: argparse.Namespace) -> int:
    states = tuple(arguments.state or ())
    if arguments.overdue:
        states = ("acknowledged",)

    async def look(tx: Transaction) -> tuple[list[Instruction], dict[str, int]]:
        found = await instructions.page(
            tx,
            node=arguments.node,
            run_date=arguments.date or "",
            states=states,
            overdue_at=opened.clock.now_ms() if arguments.overdue else None,
            limit=arguments.limit,
        )
        return found, await instructions.due_results(tx, [one.instr_no for one in found])

    async with open_gateway(arguments) as opened:
        found, due = await opened.store.scan(look)
        now = opened.clock.now_ms()
    late = {number for number, instant in due.items() if instant <= now}
    if wants_json(arguments):
        print_json(
            {
                "instructions": [
                    {**_instruction_json(one), "overdue": one.instr_no in late} for one in found
                ]
            }
        )
        return FINE
    headings = ("instruction", "date", "collected by", "to", "lines", "total", "state", "again")
    rows = [
        (
            one.instr_no,
            show_date(one.run_date),
            one.node,
            one.peer,
            str(one.count),
            format_yuan(one.total),
            f"{one.state}, overdue" if one.instr_no in late else one.state,
            one.resend_of,
        )
        for one in found
    ]
    print_table(headings, rows, right="lines total")
    return FINE


def _instruction_json(one: Instruction) -> dict[str, Json]:
    return {
        "InstrNo": one.instr_no,
        "InstrDate": show_date(one.instr_date),
        "CfmDate": show_date(one.run_date),
        "node": one.node,
        "peer": one.peer,
        "PayAcctType": one.acct_type,
        "PayAcctName": one.acct_name,
        "PayAcct": one.acct_no,
        "TotalAmt": format_yuan(one.total),
        "Count": one.count,
        "state": one.state,
        "resend_of": one.resend_of,
        "made_by": one.made_by,
        "information": one.information,
    }


async def _show(arguments: argparse.Namespace) -> int:
    number: str = arguments.instr_no

    async def look(
        tx: Transaction,
    ) -> tuple[Instruction | None, list[InstructionLine], dict[int, str], Bound, int | None]:
        return (
            await instructions.get(tx, number),
            await instructions.lines(tx, number),
            await instructions.sent_again(tx, number),
            await clearing.bound(tx, number),
            (await instructions.due_results(tx, [number])).get(number),
        )

    async with open_gateway(arguments) as opened:
        one, lines, again, bound, due = await opened.store.scan(look)
        overdue = due is not None and due <= opened.clock.now_ms()
    if one is None:
        raise CommandError(
            "there is no such instruction", where=number, do="see `nontax clearing list`"
        )
    if wants_json(arguments):
        print_json(
            {
                **_instruction_json(one),
                "overdue": overdue,
                "payments": bound.payments,
                "refunds": bound.refunds,
                "lines": [_line_json(line, again) for line in lines],
            }
        )
        return FINE
    _print_instruction(one, lines, again, bound, due=due, overdue=overdue)
    return FINE


def _print_instruction(
    one: Instruction,
    lines: list[InstructionLine],
    again: dict[int, str],
    bound: Bound,
    *,
    due: int | None,
    overdue: bool,
) -> None:
    print_facts(
        (
            ("instruction", one.instr_no),
            ("date", show_date(one.run_date)),
            ("collected by", one.node),
            ("to", one.peer),
            ("paying account", f"{one.acct_type} {one.acct_no} {one.acct_name}".strip()),
            ("total", format_yuan(one.total)),
            ("payments", str(bound.payments) if bound.payments else ""),
            ("refunds", str(bound.refunds) if bound.refunds else ""),
            ("state", f"{one.state}, overdue" if overdue else one.state),
            ("result due", _time(due)),
            ("sends again", one.resend_of),
            ("made by", one.made_by),
            ("information", one.information),
        )
    )
    print()
    headings = ("line", "level", "target", "account", "amount", "state", "result", "sent again as")
    rows = [
        (
            str(line.line_no),
            line.level,
            line.target,
            line.acct_no,
            format_yuan(line.amt),
            line.state,
            f"{line.result} {line.information}".strip(),
            again.get(line.line_no, ""),
        )
        for line in lines
    ]
    print_table(headings, rows, right="line amount")


def _time(ms: int | None) -> str:
    return civil_from_ms(ms).isoformat(sep=" ", timespec="seconds")[:19] if ms else ""


def _line_json(line: InstructionLine, again: dict[int, str]) -> dict[str, Json]:
    return {
        "LineNo": line.line_no,
        "target": line.target,
        "BgtLevel": line.level,
        "RecAcctType": line.acct_type,
        "RecAcct": line.acct_no,
        "RecName": line.acct_name,
        "Amt": format_yuan(line.amt),
        "state": line.state,
        "Result": line.result,
        "Information": line.information,
        "TraNo": line.tra_no,
        "TraDate": line.tra_date,
        "TraTime": line.tra_time,
        "sent_again_as": again.get(line.line_no, ""),
        "again_of_line": line.origin_line or None,
    }


# -- resend ---------------------------------------------------------------------------------------


async def _resend(arguments: argparse.Namespace) -> int:
    async with open_gateway(arguments) as opened:
        actor = await act_as(opened, arguments)
        work = partial(
            Instructing(make_enqueuer(opened)).resend,
            instr_no=arguments.instr_no,
            today=opened.clock.today(),
            at=opened.clock.now_ms(),
            operator=actor.name,
        )
        try:
            made = await opened.store.transact(work)
        except (Refused, Unwritable) as refused:
            raise CommandError(
                str(refused),
                where=arguments.instr_no,
                do="see `nontax clearing list`",
                code=NOT_FINE,
            ) from None
    if wants_json(arguments):
        print_json(_instruction_json(made))
    else:
        print(
            f"{made.count} lines, {format_yuan(made.total)} yuan, go out again as {made.instr_no}"
        )
    return FINE
