"""Steps of a stock of numbers, the same for e-invoices and for paper bills."""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable
from functools import partial

from ...einvoice.numbering import Range
from ..collection.operators import CHECKER
from ..einvoicing import stock as upward
from ..einvoicing import stockmoves as downward
from ..einvoicing.stock import Need, Receipt
from ..einvoicing.stockmoves import Delivery, Rest
from ..settlement.acting import Acting
from ..store.protocol import Transaction
from ..store.stock import FINANCE, Medium
from ..store.stockledger import Application
from .common import (
    FINE,
    CommandError,
    Parser,
    Subparsers,
    add_command,
    count_argument,
    print_json,
    wants_json,
)
from .stockcommon import (
    add_numbers,
    add_reason,
    application_json,
    do,
    numbers_from,
    numbers_json,
    told_ranges,
)


def register_steps(actions: Subparsers, medium: Medium) -> None:
    """Add the steps of a stock to a command's actions."""
    _register_applications(actions, medium)
    _register_receipts(actions, medium)
    _register_moves(actions, medium)


def _register_applications(actions: Subparsers, medium: Medium) -> None:
    applying = add_command(
        actions,
        "apply",
        partial(_apply, medium),
        "apply for numbers (申领)",
        reads=True,
        operator=True,
        description=(
            "Submit an application: of finance to the body above it, with --unit of a unit to "
            "finance. Prints its number. `list --applications` tells what became of it."
        ),
    )
    _add_kind(applying)
    applying.add_argument(
        "--count", type=count_argument, required=True, metavar="N", help="how many numbers"
    )
    applying.add_argument("--unit", default=FINANCE, metavar="CODE", help="unit that applies")
    applying.add_argument("--reason", default="", metavar="TEXT", help="what for")
    for name, run, text in (
        ("cancel", _cancel, "withdraw an application (取消申领)"),
        ("refuse", _refuse, "refuse an application (拒绝); needs a checker of finance"),
    ):
        ending = add_command(actions, name, run, text, reads=True, operator=True)
        ending.add_argument("no", metavar="NO", help="number of the application")
        add_reason(ending)


def _register_receipts(actions: Subparsers, medium: Medium) -> None:
    receiving = add_command(
        actions,
        "receive",
        partial(_receive, medium),
        "enter a range (号段) that finance received",
        reads=True,
        operator=True,
        description=(
            "Enter a range that finance received from above. It is no stock before another "
            "operator confirms it. Prints the range's id."
        ),
    )
    _add_kind(receiving)
    add_numbers(receiving, medium, required=True)
    receiving.add_argument(
        "--application", default="", metavar="NO", help="the application that it answers"
    )
    dropping = add_command(
        actions,
        "drop",
        _drop,
        "take out a range that was entered in error and not confirmed",
        reads=True,
        operator=True,
    )
    _add_range(dropping)
    add_reason(dropping)
    confirming = add_command(
        actions,
        "confirm",
        _confirm,
        "confirm a received range into stock (入库)",
        reads=True,
        operator=True,
        description=(
            "Confirm a received range into finance's stock; needs a checker who did not enter it."
        ),
    )
    _add_range(confirming)


def _register_moves(actions: Subparsers, medium: Medium) -> None:
    giving = add_command(
        actions,
        "distribute",
        partial(_distribute, medium),
        "distribute numbers to a unit (发放)",
        reads=True,
        operator=True,
        description=(
            "Offer numbers to a unit, or with --from a supervising unit's to a unit below it. They "
            "stay the giver's until the unit accepts them. Prints the ids of the ranges."
        ),
    )
    _add_kind(giving)
    giving.add_argument("--to", required=True, metavar="UNIT", help="who gets them")
    giving.add_argument(
        "--from", dest="holder", default=FINANCE, metavar="UNIT", help="whose (default: finance's)"
    )
    giving.add_argument(
        "--count", type=count_argument, default=0, metavar="N", help="so many, the lowest first"
    )
    add_numbers(giving, medium, required=False)
    giving.add_argument("--application", default="", metavar="NO", help="what it answers")
    giving.add_argument("--reason", default="", metavar="TEXT", help="a remark")
    undoing = add_command(
        actions,
        "undo",
        _undo,
        "undo a distribution that is not accepted yet",
        reads=True,
        operator=True,
    )
    _add_range(undoing)
    add_reason(undoing)
    accepting = add_command(
        actions,
        "accept",
        _accept,
        "accept distributed numbers for the unit (接收, 代领)",
        reads=True,
        operator=True,
    )
    _add_range(accepting)
    for name, work, text in (
        ("take-back", downward.take_back, "take a unit's unused numbers back (收回)"),
        ("give-back", downward.give_back, "give a unit's unused numbers back (缴回)"),
    ):
        back = add_command(
            actions,
            name,
            partial(_return, medium, work),
            text,
            reads=True,
            operator=True,
            description=(
                f"{text[0].upper()}{text[1:]}: all unused ones of a kind, or those that are named. "
                "They go to where they came from. Used numbers never move."
            ),
        )
        _add_kind(back)
        back.add_argument("--unit", required=True, metavar="CODE", help="whose")
        add_numbers(back, medium, required=False)
        add_reason(back)


def _add_kind(parser: Parser) -> None:
    parser.add_argument(
        "--kind", required=True, metavar="TYPE", help="kind of bill (BillTypeCode), such as 0101"
    )


def _add_range(parser: Parser) -> None:
    parser.add_argument("id", type=count_argument, metavar="ID", help="id of the range, see list")


# -- steps ----------------------------------------------------------------------------------------


async def _apply(medium: Medium, arguments: argparse.Namespace) -> int:
    need = Need(medium, arguments.kind, arguments.count, arguments.unit, arguments.reason)
    made = await do(arguments, lambda tx, acting: upward.apply(tx, need, acting), "application")
    return _told_application(arguments, made, made.no)


async def _cancel(arguments: argparse.Namespace) -> int:
    no, reason = arguments.no, arguments.reason
    ended = await do(arguments, lambda tx, acting: upward.cancel(tx, no, reason, acting), no)
    return _told_application(arguments, ended, f"application {no} is cancelled")


async def _refuse(arguments: argparse.Namespace) -> int:
    no, reason = arguments.no, arguments.reason
    ended = await do(
        arguments, lambda tx, acting: upward.refuse(tx, no, reason, acting), no, CHECKER
    )
    return _told_application(arguments, ended, f"application {no} is refused")


async def _receive(medium: Medium, arguments: argparse.Namespace) -> int:
    numbers = numbers_from(arguments)
    if numbers is None:  # the parser asks for them
        raise CommandError("no numbers are named", where="--first")
    receipt = Receipt(medium, arguments.kind, numbers, arguments.application)
    held = await do(arguments, lambda tx, acting: upward.receive(tx, receipt, acting), str(numbers))
    return told_ranges(arguments, [held], str(held.id))


async def _drop(arguments: argparse.Namespace) -> int:
    range_id, reason = arguments.id, arguments.reason
    held = await do(
        arguments, lambda tx, acting: upward.drop(tx, range_id, reason, acting), str(range_id)
    )
    return told_ranges(arguments, [held], f"range {held.id} is taken out")


async def _confirm(arguments: argparse.Namespace) -> int:
    range_id = arguments.id
    held = await do(
        arguments, lambda tx, acting: upward.confirm(tx, range_id, acting), str(range_id), CHECKER
    )
    return told_ranges(arguments, [held], f"range {range_id} is in stock")


async def _distribute(medium: Medium, arguments: argparse.Namespace) -> int:
    numbers = numbers_from(arguments)
    if (numbers is None) == (arguments.count == 0):
        raise CommandError(
            "name the numbers, or how many", do="give --first and --code, or --count"
        )
    delivery = Delivery(
        medium,
        arguments.kind,
        arguments.to,
        numbers,
        arguments.count,
        arguments.holder,
        arguments.application,
        arguments.reason,
    )
    made = await do(
        arguments, lambda tx, acting: downward.distribute(tx, delivery, acting), arguments.to
    )
    return told_ranges(arguments, made, "\n".join(str(held.id) for held in made))


async def _undo(arguments: argparse.Namespace) -> int:
    range_id, reason = arguments.id, arguments.reason
    held = await do(
        arguments, lambda tx, acting: downward.undo(tx, range_id, reason, acting), str(range_id)
    )
    return told_ranges(arguments, [held], f"the distribution of range {range_id} is undone")


async def _accept(arguments: argparse.Namespace) -> int:
    range_id = arguments.id
    held = await do(
        arguments, lambda tx, acting: downward.accept(tx, range_id, acting), str(range_id)
    )
    return told_ranges(arguments, [held], f"range {range_id} is unit {held.holder}'s")


Returning = Callable[[Transaction, Rest, str, Acting], Awaitable[list[Range]]]


async def _return(medium: Medium, work: Returning, arguments: argparse.Namespace) -> int:
    rest = Rest(medium, arguments.kind, arguments.unit, arguments.code, numbers_from(arguments))
    reason = arguments.reason
    moved = await do(arguments, lambda tx, acting: work(tx, rest, reason, acting), rest.unit)
    if wants_json(arguments):
        print_json({"numbers": [numbers_json(one) for one in moved]})
    else:
        print("\n".join(map(str, moved)))
    return FINE


def _told_application(arguments: argparse.Namespace, made: Application, text: str) -> int:
    if wants_json(arguments):
        print_json(application_json(made))
    else:
        print(text)
    return FINE
