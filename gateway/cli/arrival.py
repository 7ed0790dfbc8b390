"""`nontax arrival`: money that arrived; what is unidentified (未明资金) is claimed or returned."""

from __future__ import annotations

import argparse
from functools import partial
from typing import get_args

from ..collection.operators import MAKER
from ..settlement.acting import SettlementRefused
from ..settlement.claims import Claim, Claimed, claim, give_back
from ..settlement.transfers import cancel
from ..settlement.wishes import check_reason
from ..store.arrivals import Arrival, ArrivalState
from ..store.protocol import Transaction
from ..store.transfers import Transfer, TransferState
from .arrivalshowing import list_arrivals, list_transfers, show_arrival
from .common import (
    FINE,
    Subparsers,
    add_actions,
    add_command,
    add_limit,
    count_argument,
    date_argument,
    print_json,
    wants_json,
)
from .issuing import acting_as, make_booking, refused
from .opening import act_as, open_gateway

KINDS = ("2615", "2616", "2619", "2557")


def register(subparsers: Subparsers) -> None:
    """Add the command and its actions."""
    parser = add_command(
        subparsers, "arrival", None, "money that arrived; claim or return what is unidentified"
    )
    actions = add_actions(parser)
    _register_lists(actions)
    claiming = add_command(
        actions,
        "claim",
        _claim,
        "claim unidentified money for an unpaid bill (transfer first, bill later)",
        reads=True,
        operator=True,
        description=(
            "Claim unidentified money for an unpaid bill of the same amount: the bill becomes paid "
            "with the transfer's payer, date and number. A bill that was paid meanwhile leaves the "
            "money unidentified."
        ),
    )
    _id(claiming)
    claiming.add_argument("pay_code", metavar="PAYCODE", help="pay code (缴款识别码)")
    _reason(claiming)
    claiming.add_argument(
        "--despite-refusal",
        action="store_true",
        help="although the confirmation of this transfer was refused: the bank still has the money",
    )
    returning = add_command(
        actions,
        "return",
        _return,
        "note that unidentified money is returned to its payer",
        reads=True,
        operator=True,
        description=(
            "Note that unidentified money is returned to its payer. The order to the bank is given "
            "outside the interface, which has no message for it; a later confirmation of the same "
            "transfer is refused."
        ),
    )
    _id(returning)
    _reason(returning)
    cancelling = add_command(
        actions,
        "cancel-transfer",
        _cancel,
        "end a batch (2613) whose money came back to its sender",
        reads=True,
        operator=True,
    )
    cancelling.add_argument("node", metavar="NODE", help="node that sent the batch")
    cancelling.add_argument("batch_no", metavar="BATCHNO", help="number of the batch")
    _reason(cancelling)


def _register_lists(actions: Subparsers) -> None:
    listing = add_command(
        actions,
        "list",
        list_arrivals,
        "list unidentified money, or what arrived",
        reads=True,
        description=(
            "List unidentified money with its age, the oldest first, or the arrivals of another "
            "state. Personal data are masked."
        ),
    )
    listing.add_argument(
        "--state",
        choices=(*get_args(ArrivalState), "all"),
        default="unidentified",
        help="only this state (default: %(default)s)",
    )
    listing.add_argument("--node", default="", metavar="CODE", help="only from this node")
    listing.add_argument("--kind", choices=KINDS, default="", help="only by this message")
    for name, text in (
        ("--from", "only from this ArrDate on"),
        ("--to", "only up to this ArrDate"),
    ):
        listing.add_argument(
            name,
            dest="date_" + name.removeprefix("--"),
            type=date_argument,
            default="",
            metavar="YYYY-MM-DD",
            help=text,
        )
    add_limit(listing)
    showing = add_command(
        actions,
        "show",
        show_arrival,
        "show one arrival and what was done about it",
        reads=True,
        description=(
            "Show one arrival and what was done about it. Payer and postscript are printed in "
            "full, for whoever has to find out what the money is for."
        ),
    )
    _id(showing)
    batches = add_command(
        actions, "transfers", list_transfers, "list batches moved to other banks (2613)", reads=True
    )
    batches.add_argument(
        "--state",
        choices=(*get_args(TransferState), "all"),
        default="sent",
        help="only this state; sent has not arrived (default: %(default)s)",
    )
    batches.add_argument("--node", default="", metavar="CODE", help="only from this node")
    add_limit(batches)


def _id(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", type=count_argument, metavar="ID", help="id of the arrival")


def _reason(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--reason", required=True, metavar="TEXT", help="why; kept with the act and in the journal"
    )


# -- acts -----------------------------------------------------------------------------------------


async def _claim(arguments: argparse.Namespace) -> int:
    where = f"arrival {arguments.id}"
    wanted = Claim(
        arguments.id, arguments.pay_code, arguments.reason.strip(), arguments.despite_refusal
    )
    async with open_gateway(arguments) as opened:
        actor = await act_as(opened, arguments, MAKER)
        booking, acting = make_booking(opened), acting_as(opened, actor)

        async def work(tx: Transaction) -> Claimed:
            return await claim(tx, wanted, acting, booking)

        try:
            check_reason(wanted.reason)
            done = await opened.store.transact(work)
        except SettlementRefused as error:
            raise refused(error, where) from None
    if wants_json(arguments):
        print_json({"id": wanted.arrival_id, "state": "claimed", "PayCode": wanted.pay_code,
                    "TraNoBus": done.arrival.tra_no, "CfmDate": done.arrival.arr_date})  # fmt: skip
    else:
        print(f"arrival {wanted.arrival_id} is claimed: bill {wanted.pay_code} is paid")
    return FINE


async def _return(arguments: argparse.Namespace) -> int:
    reason = arguments.reason.strip()
    async with open_gateway(arguments) as opened:
        acting = acting_as(opened, await act_as(opened, arguments, MAKER))

        async def work(tx: Transaction) -> Arrival:
            return await give_back(tx, arguments.id, reason, acting)

        try:
            check_reason(reason)
            await opened.store.transact(work)
        except SettlementRefused as error:
            raise refused(error, f"arrival {arguments.id}") from None
    if wants_json(arguments):
        print_json({"id": arguments.id, "state": "returned"})
    else:
        print(f"arrival {arguments.id} is returned")
    return FINE


async def _cancel(arguments: argparse.Namespace) -> int:
    reason = arguments.reason.strip()
    async with open_gateway(arguments) as opened:
        acting = acting_as(opened, await act_as(opened, arguments, MAKER))
        work = partial(
            cancel, src=arguments.node, batch_no=arguments.batch_no, reason=reason, acting=acting
        )
        try:
            check_reason(reason)
            done: Transfer = await opened.store.transact(work)
        except SettlementRefused as error:
            raise refused(error, f"batch {arguments.batch_no}") from None
    if wants_json(arguments):
        print_json({"SRC": done.src, "BatchNo": done.batch_no, "state": "cancelled"})
    else:
        print(f"batch {done.batch_no} of {done.src} is cancelled")
    return FINE
