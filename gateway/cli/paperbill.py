"""`nontax paperbill`: the stock of paper bills (票据领用 发放 缴回 作废 核销)."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from ...einvoice.numbering import Range
from ..collection.operators import CHECKER
from ..einvoicing import paper
from ..store import stockledger, stockuses
from ..store.protocol import Transaction
from ..store.stockledger import StockStep
from ..store.stockuses import StockUse, WriteOff
from .common import (
    FINE,
    NOT_FINE,
    CommandError,
    Parser,
    Subparsers,
    add_actions,
    add_command,
    print_facts,
    print_json,
    print_table,
    show_date,
    wants_json,
)
from .opening import open_gateway
from .stockacts import register_steps
from .stockcommon import (
    add_numbers,
    add_reason,
    do,
    number_argument,
    numbers_from,
    numbers_json,
)
from .stockshowing import register_showing


def register(subparsers: Subparsers) -> None:
    """Add the command and its actions."""
    parser = add_command(
        subparsers, "paperbill", None, "stock of paper bills (票据领用 发放 缴回 作废 核销)"
    )
    actions = add_actions(parser)
    register_showing(actions, "paper")
    register_steps(actions, "paper")
    voiding = add_command(
        actions,
        "void",
        _void,
        "make spoilt or lost paper void (作废)",
        reads=True,
        operator=True,
        description=(
            "Make unused paper, or the receipt of a paid bill, void for ever. The paper of a bill "
            "(8995) becomes void with the bill."
        ),
    )
    _add_paper(voiding)
    returning = add_command(
        actions,
        "return",
        _return,
        "return void paper to finance (缴回)",
        reads=True,
        operator=True,
        description=(
            "Note that void paper was returned to finance; unused numbers are given back with "
            "`give-back`. A unit that keeps void paper too long gets no new bills (16006)."
        ),
    )
    _add_paper(returning)
    _register_write_off(actions)
    showing = add_command(actions, "show", _show, "what became of a number", reads=True)
    showing.add_argument("number", type=number_argument, metavar="NUMBER", help="number (票据号码)")


def _register_write_off(actions: Subparsers) -> None:
    writing = add_command(
        actions,
        "write-off",
        _write_off,
        "write numbers off (核销); another operator decides",
        reads=True,
        operator=True,
        description=(
            "Propose to write off numbers that are used, void or returned, and print the number of "
            "the proposal. --approve or --reject decides one; that needs a checker who did not "
            "propose it."
        ),
    )
    writing.add_argument("--kind", default="", metavar="TYPE", help="kind of bill (BillTypeCode)")
    add_numbers(writing, "paper", required=False)
    writing.add_argument("--reason", default="", metavar="TEXT", help="why; kept for ever")
    deciding = writing.add_mutually_exclusive_group()
    deciding.add_argument("--approve", default="", metavar="NO", help="approve this proposal")
    deciding.add_argument("--reject", default="", metavar="NO", help="reject this proposal")


def _add_paper(parser: Parser) -> None:
    parser.add_argument(
        "--kind", required=True, metavar="TYPE", help="kind of bill (BillTypeCode), such as 0101"
    )
    add_numbers(parser, "paper", required=True)
    add_reason(parser)


def _named(arguments: argparse.Namespace) -> Range:
    numbers = numbers_from(arguments)
    if numbers is None or not arguments.kind:
        raise CommandError("no numbers are named", do="give --kind, --code and --first")
    return numbers


async def _void(arguments: argparse.Namespace) -> int:
    numbers, kind, reason = _named(arguments), arguments.kind, arguments.reason
    await do(
        arguments,
        lambda tx, acting: paper.void(tx, kind, numbers, reason, acting),
        str(numbers),
    )
    return _told(arguments, numbers, "void")


async def _return(arguments: argparse.Namespace) -> int:
    numbers, kind, reason = _named(arguments), arguments.kind, arguments.reason
    await do(
        arguments,
        lambda tx, acting: paper.turn_in(tx, kind, numbers, reason, acting),
        str(numbers),
    )
    return _told(arguments, numbers, "returned")


def _told(arguments: argparse.Namespace, numbers: Range, state: str) -> int:
    if wants_json(arguments):
        print_json(numbers_json(numbers) | {"state": state})
    else:
        print(f"{numbers} is {state}")
    return FINE


async def _write_off(arguments: argparse.Namespace) -> int:
    no = arguments.approve or arguments.reject
    if no:
        approve = bool(arguments.approve)
        decided = await do(
            arguments,
            lambda tx, acting: paper.decide_write_off(tx, no, approve=approve, acting=acting),
            no,
            CHECKER,
        )
        return _told_write_off(arguments, decided, f"writing off {no} is {decided.state}")
    numbers, kind, reason = _named(arguments), arguments.kind, arguments.reason
    proposed = await do(
        arguments,
        lambda tx, acting: paper.propose_write_off(tx, kind, numbers, reason, acting),
        str(numbers),
    )
    return _told_write_off(arguments, proposed, proposed.no)


def _told_write_off(arguments: argparse.Namespace, one: WriteOff, text: str) -> int:
    if wants_json(arguments):
        print_json(asdict(one))
    else:
        print(text)
    return FINE


async def _show(arguments: argparse.Namespace) -> int:
    number: int = arguments.number

    async def read(tx: Transaction) -> tuple[list[StockUse], list[StockStep]]:
        steps = await stockledger.steps(tx, medium="paper", number=number, limit=1000)
        return await stockuses.by_number(tx, number), steps

    async with open_gateway(arguments) as opened:
        uses, steps = await opened.store.scan(read)
    if not steps:
        raise CommandError(
            "no paper bill with this number was ever received",
            where=f"{number:010d}",
            do="see `nontax paperbill list`",
            code=NOT_FINE,
        )
    if wants_json(arguments):
        print_json({"uses": [asdict(use) for use in uses], "steps": [asdict(s) for s in steps]})
        return FINE
    for use in uses:
        print_facts(
            (
                ("number", f"{use.number:010d}"),
                ("kind", f"{use.kind}, version {use.code}"),
                ("state", use.state.replace("_", " ")),
                ("holder", use.holder or "finance"),
                ("for unit", use.unit_code),
                ("of", f"{use.use} {use.pay_code}" if use.use else ""),
                ("void since", show_date(use.void_day)),
                ("reason", use.reason),
            )
        )
        print()
    print_table(
        ("no", "day", "step", "kind", "version", "holder", "other", "reference", "by", "reason"),
        [
            (
                str(step.seq),
                show_date(step.day),
                step.step,
                step.kind,
                step.code,
                step.holder or "finance",
                step.other,
                step.reference,
                step.operator,
                step.reason,
            )
            for step in steps
        ],
        right="no",
    )
    return FINE
