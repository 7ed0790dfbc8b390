"""`nontax refund`: refunds (退付) asked for, approved by another operator, followed."""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from ...codecs import RuleError, format_yuan, parse_yuan, shown
from ..collection.operators import CHECKER
from ..peers import PeerDirectory
from ..settlement.acting import SettlementRefused
from ..settlement.refundpages import application, treasury_page
from ..settlement.refunds import Ending, Refunds, Whole, look, reject, settle
from ..settlement.spool import put
from ..settlement.treasury import TreasuryVoucher, treasury_json, treasury_voucher
from ..settlement.wishes import Wish
from ..store import bills
from ..store.protocol import Transaction
from ..store.records import BillItem, Refund
from .billshowing import write_page
from .common import (
    FINE,
    NOT_FINE,
    CommandError,
    Json,
    Subparsers,
    add_actions,
    add_command,
    date_argument,
    print_json,
    wants_json,
)
from .issuing import acting_as, make_enqueuer, refused
from .opening import Opened, act_as, open_gateway
from .refundshowing import list_options, list_refunds, show_refund, show_reserves

T = TypeVar("T")


def register(subparsers: Subparsers) -> None:
    """Add the command and its actions."""
    parser = add_command(
        subparsers, "refund", None, "refunds (退付): ask for, approve, follow, print"
    )
    actions = add_actions(parser)
    asking = add_command(
        actions,
        "request",
        _request,
        "ask for a refund of a payment, whole or in part",
        reads=True,
        operator=True,
        description=(
            "Ask for a refund, for another operator to approve. The money goes back to the "
            "original payer by the original channel, or to the unit. Prints its number."
        ),
    )
    asking.add_argument("pay_code", metavar="PAYCODE", help="pay code (缴款识别码)")
    asking.add_argument("--amount", required=True, metavar="YUAN", help="amount, such as 80.00")
    asking.add_argument("--reason", required=True, metavar="TEXT", help="why (退付原因)")
    asking.add_argument(
        "--to",
        choices=("payer", "unit"),
        default="payer",
        help="who gets the money (default: %(default)s)",
    )
    asking.add_argument(
        "--account",
        default="",
        metavar="NUMBER",
        help="with --to unit: which of the unit's accounts in the catalogue, where it has several",
    )
    asking.add_argument(
        "--payment",
        default="",
        metavar="NUMBER",
        help="number (TraNoBus) of the payment, where it is not the one that made the bill paid",
    )
    asking.add_argument("--technical", action="store_true", help="an error was found (技术性差错)")
    approving = add_command(
        actions,
        "approve",
        _approve,
        "approve a refund that another operator asked for",
        reads=True,
        operator=True,
        description=(
            "Approve a refund; needs a checker who did not ask for it. The order 5617 is queued "
            "for the node that collected; money that has left the collection account is paid from "
            "the bank's reserve (退付备用金); for money in the treasury a voucher (国库退库凭证) "
            "is written into the spool."
        ),
    )
    _number(approving)
    rejecting = add_command(
        actions,
        "reject",
        _reject,
        "reject a refund that another operator asked for",
        reads=True,
        operator=True,
    )
    _number(rejecting)
    rejecting.add_argument("--reason", required=True, metavar="TEXT", help="why")
    _register_ends(actions)


def _register_ends(actions: Subparsers) -> None:
    settling = add_command(
        actions,
        "settle",
        _settle,
        "end a refund on what the treasury did, or was found out at the bank",
        reads=True,
        operator=True,
        description=(
            "End a refund that no message will end: one by a treasury voucher, an unknown one, or "
            "one whose result is overdue. Needs a checker."
        ),
    )
    _number(settling)
    settling.add_argument("state", choices=("succeeded", "failed"), help="what became of it")
    settling.add_argument("--reason", required=True, metavar="TEXT", help="how that is known")
    settling.add_argument(
        "--number", default="", metavar="NUMBER", help="number of the treasury's or bank's transfer"
    )
    settling.add_argument(
        "--date",
        type=date_argument,
        metavar="YYYY-MM-DD",
        help="date of the transfer (default of a success: today)",
    )
    list_options(add_command(actions, "list", list_refunds, "list refunds", reads=True))
    _number(add_command(actions, "show", show_refund, "show a refund", reads=True))
    printing = add_command(
        actions,
        "notice",
        _notice,
        "print the application for a refund (非税收入退付申请凭证)",
        description=(
            "Print 《非税收入退付申请凭证》 as one self-contained HTML page of half an A4 sheet, "
            "to stdout or to a file. It holds names and accounts in full."
        ),
    )
    _number(printing)
    printing.add_argument(
        "--out", type=Path, metavar="FILE", help="file to write (default: stdout)"
    )
    again = add_command(
        actions,
        "voucher",
        _voucher,
        "write the treasury refund voucher (国库退库凭证) into the spool again",
        reads=True,
    )
    _number(again)
    add_command(
        actions, "reserves", show_reserves, "balances of the reserves (退付备用金)", reads=True
    )


def _number(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("refund_no", metavar="NO", help="number of the refund (退付单号)")


# -- acts -----------------------------------------------------------------------------------------


async def _request(arguments: argparse.Namespace) -> int:
    wish = Wish(
        pay_code=arguments.pay_code,
        amt=_amount(arguments.amount),
        reason=arguments.reason,
        receiver=arguments.to,
        account=arguments.account,
        tra_no=arguments.payment,
        technical=arguments.technical,
    )
    async with open_gateway(arguments) as opened:
        acting = acting_as(opened, await act_as(opened, arguments))
        work = _refunds(opened).request
        refund = await _do(opened, wish.pay_code, lambda tx: work(tx, wish, acting))
    return _told(arguments, refund, f"{refund.refund_no}")


async def _approve(arguments: argparse.Namespace) -> int:
    number: str = arguments.refund_no
    async with open_gateway(arguments) as opened:
        acting = acting_as(opened, await act_as(opened, arguments, CHECKER))
        work = _refunds(opened).approve
        whole = await _do(opened, number, lambda tx: work(tx, number, acting))
        refund = whole.refund
        files: list[Path] = []
        if refund.paid_from == "treasury":
            files = await _spool(opened, number)
    text = {
        "collection": f"refund {number} is {refund.state}",
        "reserve": f"refund {number} is {refund.state}, paid from the reserve",
        "treasury": f"refund {number} waits for the treasury: {', '.join(map(str, files))}",
    }[refund.paid_from]
    return _told(arguments, refund, text, files)


async def _reject(arguments: argparse.Namespace) -> int:
    number, reason = arguments.refund_no, arguments.reason
    async with open_gateway(arguments) as opened:
        acting = acting_as(opened, await act_as(opened, arguments, CHECKER))
        refund = await _do(opened, number, lambda tx: reject(tx, number, reason, acting))
    return _told(arguments, refund, f"refund {number} is {refund.state}")


async def _settle(arguments: argparse.Namespace) -> int:
    number: str = arguments.refund_no
    ending = Ending(arguments.state, arguments.reason, arguments.number, arguments.date or "")
    if len(ending.tra_no) > 50 or not ending.tra_no.isprintable():
        raise CommandError("the number has at most 50 printable characters", where="--number")
    async with open_gateway(arguments) as opened:
        acting = acting_as(opened, await act_as(opened, arguments, CHECKER))
        refund = await _do(opened, number, lambda tx: settle(tx, number, ending, acting))
    return _told(arguments, refund, f"refund {number} is {refund.state}")


async def _voucher(arguments: argparse.Namespace) -> int:
    number: str = arguments.refund_no
    async with open_gateway(arguments) as opened:
        whole = await _read(opened, number, lambda tx: look(tx, number))
        files = await _spool(opened, number)
    return _told(arguments, whole.refund, "\n".join(map(str, files)), files)


async def _notice(arguments: argparse.Namespace) -> int:
    number: str = arguments.refund_no

    async def read(tx: Transaction) -> tuple[Whole, list[BillItem]]:
        whole = await look(tx, number)
        return whole, await bills.items(tx, whole.bill.pay_code)

    async with open_gateway(arguments) as opened:
        whole, items = await _read(opened, number, read)
        name = opened.config.node.name
    write_page(application(whole, items, name), arguments.out)
    return FINE


# -- helpers --------------------------------------------------------------------------------------


def _refunds(opened: Opened) -> Refunds:
    peers = PeerDirectory.from_config(opened.config)
    return Refunds(make_enqueuer(opened, peers), peers)


async def _do(opened: Opened, where: str, work: Callable[[Transaction], Awaitable[T]]) -> T:
    try:
        return await opened.store.transact(work)
    except SettlementRefused as error:
        raise refused(error, where) from None


async def _read(opened: Opened, where: str, work: Callable[[Transaction], Awaitable[T]]) -> T:
    try:
        return await opened.store.scan(work)
    except SettlementRefused as error:
        raise refused(error, where) from None


async def _spool(opened: Opened, number: str) -> list[Path]:
    """Write the treasury voucher of a refund, as data and as a page."""

    async def read(tx: Transaction) -> TreasuryVoucher | None:
        whole = await look(tx, number)
        refund = whole.refund
        if refund.paid_from != "treasury" or not refund.decided_at:
            return None
        return await treasury_voucher(tx, whole)

    voucher = await opened.store.scan(read)
    if voucher is None:
        raise CommandError(
            "it is not paid by the treasury", where=number, do="see `refund show`", code=NOT_FINE
        )
    folder, node = opened.config.spool.vouchers, opened.config.node
    try:
        return [
            put(folder, f"{voucher.name}.json", treasury_json(voucher, node.code)),
            put(folder, f"{voucher.name}.html", treasury_page(voucher, node.name)),
        ]
    except OSError as error:
        raise CommandError(
            f"the voucher cannot be written: {error.strerror}",
            where=str(folder),
            do=f"correct that, then run `nontax refund voucher {number}`",
            code=NOT_FINE,
        ) from None


def _told(
    arguments: argparse.Namespace, refund: Refund, text: str, files: list[Path] | None = None
) -> int:
    if wants_json(arguments):
        facts: dict[str, Json] = {
            "RefundNo": refund.refund_no,
            "PayCode": refund.pay_code,
            "Amt": format_yuan(refund.amt),
            "state": refund.state,
            "paid_from": refund.paid_from,
        }
        if files:
            facts["files"] = [str(file) for file in files]
        print_json(facts)
    else:
        print(text)
    return FINE


def _amount(text: str) -> int:
    try:
        return parse_yuan(text)
    except RuleError as error:
        raise CommandError(
            f"{shown(text)!r}: the amount {error.english}", where="--amount", do="write 80.00"
        ) from None
