"""`nontax debit`: direct debits (划缴, 代扣) and the protocols that payers signed for them."""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import Final, TypeVar

from ...codecs import Sensitive, format_yuan, mask
from ..collection.operators import CHECKER
from ..peers import PeerDirectory
from ..settlement.acting import SettlementRefused
from ..settlement.debitends import Found, settle
from ..settlement.debits import Debits, Wish
from ..store import debits
from ..store.debits import LIVING, Debit, DebitProtocol
from ..store.protocol import Transaction
from .common import (
    FINE,
    CommandError,
    Json,
    Subparsers,
    add_actions,
    add_command,
    add_limit,
    date_argument,
    print_json,
    print_table,
    show_date,
    wants_json,
)
from .issuing import acting_as, make_booking, make_enqueuer, refused
from .opening import Opened, act_as, open_gateway

T = TypeVar("T")
_STATES: Final = (*LIVING, "succeeded", "failed")
_REASON_CHARACTERS: Final = 200


def register(subparsers: Subparsers) -> None:
    """Add the command and its actions."""
    parser = add_command(
        subparsers, "debit", None, "direct debits (划缴, 代扣) and the protocols for them"
    )
    actions = add_actions(parser)
    asking = add_command(
        actions,
        "request",
        _request,
        "have a bank debit the payer of a bill",
        reads=True,
        operator=True,
        description=(
            "Have a bank debit a bill by a protocol that the payer signed (5604). Its result "
            "(2607) makes the bill paid. Prints the number of the debit."
        ),
    )
    asking.add_argument("pay_code", metavar="PAYCODE", help="pay code (缴款识别码)")
    _protocol(asking)
    asking.add_argument(
        "--last-date",
        type=date_argument,
        metavar="YYYY-MM-DD",
        help="last day of debiting (default: the bill's last day, else 10 days from now)",
    )
    _register_ends(actions)
    protocols = add_actions(
        add_command(actions, "protocol", None, "protocols that payers signed (划缴协议)")
    )
    _register_protocols(protocols)


def _register_ends(actions: Subparsers) -> None:
    settling = add_command(
        actions,
        "settle",
        _settle,
        "end a debit on what was found out at the bank",
        reads=True,
        operator=True,
        description=(
            "End a debit that is unknown, or whose last date passed without a result. What was "
            "taken is booked with the bank's number. Needs a checker."
        ),
    )
    settling.add_argument("debit_no", metavar="NO", help="number of the debit")
    settling.add_argument("state", choices=("succeeded", "failed"), help="what became of it")
    settling.add_argument("--reason", required=True, metavar="TEXT", help="how that is known")
    settling.add_argument(
        "--number", default="", metavar="NUMBER", help="the bank's number (TraNo) of a success"
    )
    settling.add_argument(
        "--date",
        type=date_argument,
        metavar="YYYY-MM-DD",
        help="the bank's date of a success",
    )
    settling.add_argument(
        "--time",
        type=_time_argument,
        default="00:00:00",
        metavar="HH:MM:SS",
        help="the bank's time of a success",
    )
    listing = add_command(actions, "list", _list, "list debits", reads=True)
    listing.add_argument(
        "--state", action="append", choices=_STATES, help="only this state; may be given again"
    )
    listing.add_argument("--overdue", action="store_true", help="only those whose result is late")
    listing.add_argument(
        "--node", default="", metavar="CODE", help="only those of this bank's node"
    )
    listing.add_argument(
        "--unit", action="append", metavar="CODE", help="only this unit's; may be given again"
    )
    listing.add_argument("--after", default="", metavar="NO", help="only those after this number")
    add_limit(listing)


def _register_protocols(actions: Subparsers) -> None:
    adding = add_command(
        actions, "add", _add, "register a signed protocol", reads=True, operator=True
    )
    _protocol(adding)
    adding.add_argument("--payer", required=True, metavar="NAME", help="name of the account")
    adding.add_argument("--account", required=True, metavar="NUMBER", help="the payer's account")
    adding.add_argument("--account-bank", default="", metavar="NAME", help="bank of the account")
    adding.add_argument(
        "--from",
        dest="start",
        type=date_argument,
        metavar="YYYY-MM-DD",
        help="first day that it holds (default: today)",
    )
    adding.add_argument(
        "--to",
        dest="stop",
        type=date_argument,
        metavar="YYYY-MM-DD",
        help="last day that it holds (default: until further notice)",
    )
    ending = add_command(actions, "end", _end, "let a protocol end", reads=True, operator=True)
    _protocol(ending)
    ending.add_argument(
        "--on",
        dest="stop",
        type=date_argument,
        metavar="YYYY-MM-DD",
        help="last day that it holds (default: today)",
    )
    listing = add_command(actions, "list", _protocols, "list protocols", reads=True)
    listing.add_argument(
        "--node", default="", metavar="CODE", help="only those of this bank's node"
    )
    listing.add_argument("--payer-no", default="", metavar="NUMBER", help="only this payer's")
    add_limit(listing)


def _protocol(parser: argparse.ArgumentParser) -> None:
    """The options that name a protocol."""
    parser.add_argument(
        "--payer-no", required=True, metavar="NUMBER", help="payer's number (缴款人编号)"
    )
    parser.add_argument(
        "--protocol", required=True, metavar="NUMBER", help="number of the protocol (划缴协议号)"
    )
    parser.add_argument(
        "--bank", required=True, metavar="CODE", help="the bank: its node's code or its 4 digits"
    )


def _time_argument(text: str) -> str:
    try:
        parsed = datetime.strptime(text, "%H:%M:%S")  # noqa: DTZ007 - a time of day has no zone
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no time HH:MM:SS") from None
    return parsed.strftime("%H%M%S")


# -- debits ---------------------------------------------------------------------------------------


async def _request(arguments: argparse.Namespace) -> int:
    wish = Wish(
        arguments.pay_code,
        arguments.payer_no,
        arguments.protocol,
        arguments.bank,
        arguments.last_date or "",
    )
    async with open_gateway(arguments) as opened:
        acting = acting_as(opened, await act_as(opened, arguments))
        work = _debits(opened).request
        debit = await _do(opened, wish.pay_code, lambda tx: work(tx, wish, acting))
    return _told(arguments, debit, debit.debit_no)


async def _settle(arguments: argparse.Namespace) -> int:
    number: str = arguments.debit_no
    taken = arguments.state == "succeeded"
    if (bool(arguments.number), bool(arguments.date)) != (taken, taken):
        do = "give --number and --date" if taken else "leave --number and --date out"
        raise CommandError(
            "what was taken has the bank's number and date, what was not has none",
            where=arguments.state,
            do=do,
        )
    for option, text, most in (
        ("--number", arguments.number, 50),
        ("--reason", arguments.reason, _REASON_CHARACTERS),
    ):
        if (
            len(text) > most
            or not text.isprintable()
            or (option == "--reason" and not text.strip())
        ):
            raise CommandError(f"must have 1 to {most} printable characters", where=option)
    found = Found(
        arguments.reason, arguments.number, arguments.date or "", arguments.time if taken else ""
    )
    async with open_gateway(arguments) as opened:
        acting = acting_as(opened, await act_as(opened, arguments, CHECKER))
        booking = make_booking(opened)
        debit = await _do(opened, number, lambda tx: settle(tx, booking, number, found, acting))
    return _told(arguments, debit, f"debit {number} is {debit.state}")


async def _list(arguments: argparse.Namespace) -> int:
    async with open_gateway(arguments) as opened:
        today = opened.clock.today()
        states = tuple(arguments.state or (LIVING if arguments.overdue else ()))
        read = partial(
            debits.page,
            states=states,
            node=arguments.node,
            last_before=today if arguments.overdue else "",
            units=tuple(arguments.unit or ()),
            after=arguments.after,
            limit=arguments.limit,
        )
        found = await opened.store.scan(read)
    if wants_json(arguments):
        print_json({"debits": [_as_json(debit, today) for debit in found]})
        return FINE
    print_table(
        ("number", "pay code", "node", "payer no", "amount", "last date", "state", "result"),
        [
            (
                debit.debit_no,
                debit.pay_code,
                debit.node,
                mask(Sensitive.ACCOUNT, debit.payer_no),
                format_yuan(debit.amt),
                show_date(debit.last_date),
                debit.state + (", overdue" if debit.overdue(today) else ""),
                debit.result,
            )
            for debit in found
        ],
        right="amount",
    )
    return FINE


def _as_json(debit: Debit, today: str) -> dict[str, Json]:
    return {
        "debit": debit.debit_no,
        "PayCode": debit.pay_code,
        "node": debit.node,
        "PayerNo": mask(Sensitive.ACCOUNT, debit.payer_no),
        "ProtocolNo": mask(Sensitive.ACCOUNT, debit.protocol_no),
        "Amt": format_yuan(debit.amt),
        "LastDate": debit.last_date,
        "state": debit.state,
        "overdue": debit.overdue(today),
        "requested_by": debit.requested_by,
        "Result": debit.result,
        "Information": debit.information,
        "TraNo": debit.tra_no,
        "TraDate": debit.tra_date,
    }


def _told(arguments: argparse.Namespace, debit: Debit, text: str) -> int:
    if wants_json(arguments):
        print_json(
            {
                "debit": debit.debit_no,
                "PayCode": debit.pay_code,
                "Amt": format_yuan(debit.amt),
                "LastDate": debit.last_date,
                "state": debit.state,
            }
        )
    else:
        print(text)
    return FINE


# -- protocols ------------------------------------------------------------------------------------


async def _add(arguments: argparse.Namespace) -> int:
    async with open_gateway(arguments) as opened:
        acting = acting_as(opened, await act_as(opened, arguments))
        work = _debits(opened)
        try:
            node = work.bank(arguments.bank).code
        except SettlementRefused as error:
            raise refused(error, "--bank") from None
        entry = DebitProtocol(
            node=node,
            payer_no=arguments.payer_no,
            protocol_no=arguments.protocol,
            payer_name=arguments.payer,
            payer_acct=arguments.account,
            payer_op_bk=arguments.account_bank,
            start_date=arguments.start or acting.today,
            stop_date=arguments.stop or "",
            created_at=acting.at,
            created_by=acting.name,
        )
        added = await _do(opened, "protocol", lambda tx: work.add_protocol(tx, entry, acting))
    if wants_json(arguments):
        print_json({"node": node, "added": added})
    else:
        print("protocol registered" if added else "protocol was registered before")
    return FINE


async def _end(arguments: argparse.Namespace) -> int:
    async with open_gateway(arguments) as opened:
        acting = acting_as(opened, await act_as(opened, arguments))
        last = arguments.stop or acting.today
        wish = Wish("", arguments.payer_no, arguments.protocol, arguments.bank)
        work = _debits(opened).end_protocol
        entry = await _do(opened, "protocol", lambda tx: work(tx, wish, last, acting))
    if wants_json(arguments):
        print_json({"node": entry.node, "stop": last})
    else:
        print(f"protocol ends on {show_date(last)}")
    return FINE


async def _protocols(arguments: argparse.Namespace) -> int:
    read = partial(
        debits.protocols,
        node=arguments.node,
        payer_no=arguments.payer_no,
        limit=arguments.limit,
    )
    async with open_gateway(arguments) as opened:
        found = await opened.store.scan(read)
    rows = [
        (
            entry.node,
            mask(Sensitive.ACCOUNT, entry.payer_no),
            mask(Sensitive.ACCOUNT, entry.protocol_no),
            mask(Sensitive.NAME, entry.payer_name),
            mask(Sensitive.ACCOUNT, entry.payer_acct),
            show_date(entry.start_date),
            show_date(entry.stop_date),
        )
        for entry in found
    ]
    headings = ("node", "payer no", "protocol", "payer", "account", "from", "to")
    if wants_json(arguments):
        names = [heading.replace(" ", "_") for heading in headings]
        print_json({"protocols": [dict(zip(names, row, strict=True)) for row in rows]})
    else:
        print_table(headings, rows)
    return FINE


# -- helpers --------------------------------------------------------------------------------------


def _debits(opened: Opened) -> Debits:
    peers = PeerDirectory.from_config(opened.config)
    return Debits(make_enqueuer(opened, peers), peers)


async def _do(opened: Opened, where: str, work: Callable[[Transaction], Awaitable[T]]) -> T:
    try:
        return await opened.store.transact(work)
    except SettlementRefused as error:
        raise refused(error, where) from None
