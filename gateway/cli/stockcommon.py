"""What the commands on stocks of numbers share: numbers, operators, output."""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable
from typing import TypeVar

from ...einvoice.numbering import MOST_NUMBER, NumberingError, Range
from ...einvoice.stock import StockError
from ..collection.operators import MAKER
from ..settlement.acting import Acting
from ..store.protocol import Transaction
from ..store.stock import Medium, StockRange
from ..store.stockledger import Application
from .common import FINE, INPUT, NOT_FINE, CommandError, Json, Parser, print_json, wants_json
from .issuing import acting_as
from .opening import act_as, open_gateway

T = TypeVar("T")


def number_argument(text: str) -> int:
    """A number of a bill or invoice, leading zeros or not."""
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= MOST_NUMBER):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of 1 to 10 digits")
    return int(text)


def stock_refused(error: StockError, where: str) -> CommandError:
    """A step that is not possible as a command says it."""
    code = INPUT if error.wrong_input else NOT_FINE
    return CommandError(error.what, where=where, do=error.do, code=code)


async def do(
    arguments: argparse.Namespace,
    work: Callable[[Transaction, Acting], Awaitable[T]],
    where: str,
    role: str = MAKER,
) -> T:
    """Authenticate the operator and do a step in one transaction."""
    async with open_gateway(arguments) as opened:
        acting = acting_as(opened, await act_as(opened, arguments, role))
        try:
            return await opened.store.transact(lambda tx: work(tx, acting))
        except StockError as error:
            raise stock_refused(error, where) from None


def add_numbers(parser: Parser, medium: Medium, *, required: bool) -> None:
    """Add `--code`, `--first` and `--last`."""
    what = "version (BillVerCode)" if medium == "paper" else "invoice code (票据代码), 8 digits"
    parser.add_argument("--code", required=required, default="", metavar="CODE", help=what)
    parser.add_argument(
        "--first", type=number_argument, required=required, metavar="N", help="first number"
    )
    parser.add_argument(
        "--last", type=number_argument, metavar="N", help="last number (default: the first)"
    )


def numbers_from(arguments: argparse.Namespace) -> Range | None:
    """The numbers that are named, None for none."""
    if arguments.first is None:
        if arguments.last is not None:
            raise CommandError("--last needs --first", do="give both")
        return None
    if not arguments.code:
        raise CommandError("--first needs --code", do="say of which code the numbers are")
    try:
        return Range(arguments.code, arguments.first, arguments.last or arguments.first)
    except NumberingError as error:
        raise CommandError(str(error), where="--last", do="correct it") from None


def add_reason(parser: Parser) -> None:
    """Add `--reason`, which is always given."""
    parser.add_argument("--reason", required=True, metavar="TEXT", help="why; kept for ever")


def numbers_json(numbers: Range) -> dict[str, Json]:
    """A range for programs."""
    return {
        "code": numbers.code,
        "first": f"{numbers.first:010d}",
        "last": f"{numbers.last:010d}",
        "count": numbers.count,
    }


def range_json(held: StockRange) -> dict[str, Json]:
    """A range of the books for programs; `holder` "" is finance."""
    return {
        "id": held.id,
        "medium": held.medium,
        "BillTypeCode": held.kind,
        "code": held.code,
        "first": f"{held.first:010d}",
        "last": f"{held.last:010d}",
        "next": f"{held.next:010d}" if held.left else "",
        "left": held.left,
        "holder": held.holder,
        "state": held.state,
        "offered_to": held.offered_to,
    }


def told_ranges(arguments: argparse.Namespace, held: list[StockRange], text: str) -> int:
    """Say what became of ranges."""
    if wants_json(arguments):
        print_json({"ranges": [range_json(one) for one in held]})
    else:
        print(text)
    return FINE


def application_json(made: Application) -> dict[str, Json]:
    """An application for programs; `applicant` "" is finance."""
    return {
        "no": made.no,
        "medium": made.medium,
        "BillTypeCode": made.kind,
        "applicant": made.applicant,
        "count": made.count,
        "delivered": made.delivered,
        "state": made.state,
        "made_by": made.made_by,
        "reason": made.reason,
    }
