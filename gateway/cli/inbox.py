"""`nontax inbox`: authentic messages that were malformed, corrected by two people."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from ..archiving import Archivist
from ..collection.operators import CHECKER
from ..config import Config
from ..flows import flow_parts, make_flows
from ..inbox import correcting
from ..inbox.contents import Difference
from ..inbox.correcting import Correction, Corrector, look
from ..peers import PeerDirectory
from ..settlement.acting import SettlementRefused
from ..store import inbox
from ..store.inbox import InboxMessage
from ..store.protocol import Transaction
from .common import (
    FINE,
    NOT_FINE,
    CommandError,
    Json,
    Subparsers,
    add_actions,
    add_command,
    add_limit,
    count_argument,
    print_json,
    print_table,
    wants_json,
)
from .inboxshowing import (
    STATES,
    as_json,
    cells,
    compared,
    difference_json,
    in_utf8,
    print_differences,
    print_shown,
    readable,
    show,
)
from .issuing import acting_as, make_enqueuer, refused
from .opening import Opened, act_as, open_gateway
from .outbox import act_as_either

T = TypeVar("T")
HEADINGS = ("id", "time", "peer", "number", "MsgID", "copies", "state", "result", "information")


def register(subparsers: Subparsers) -> None:
    """Add the command and its actions."""
    parser = add_command(
        subparsers,
        "inbox",
        None,
        "authentic but malformed messages (问题凭证): look, correct, drop",
    )
    actions = add_actions(parser)
    _register_looking(actions)
    proposing = add_command(
        actions,
        "propose",
        _propose,
        "propose a corrected voucher, for another operator to accept",
        reads=True,
        operator=True,
        description=(
            "Propose a corrected voucher for another operator to accept. It is checked as the "
            "message would be; the fields in which it differs from what came are printed, masked."
        ),
    )
    _id(proposing)
    proposing.add_argument("file", type=Path, metavar="FILE", help="the corrected voucher, XML")
    proposing.add_argument("--reason", required=True, metavar="TEXT", help="why; kept for good")
    accepting = add_command(
        actions,
        "accept",
        _accept,
        "process a corrected voucher that another operator proposed",
        reads=True,
        operator=True,
        description=(
            "Process a corrected voucher as if its node had sent it now; needs a checker who did "
            "not propose it. What the node has meanwhile sent right is not done twice. Exit 1 when "
            "it is answered anything but 00000: it stays proposed."
        ),
    )
    _id(accepting)
    accepting.add_argument(
        "--proposal",
        type=count_argument,
        default=0,
        metavar="N",
        help="only this proposal, as `show` numbers it, and none that took its place",
    )
    dropping = add_command(
        actions, "drop", _drop, "decide that nothing is done about it", reads=True, operator=True
    )
    _id(dropping)
    dropping.add_argument("--reason", required=True, metavar="TEXT", help="why; kept for good")


def _register_looking(actions: Subparsers) -> None:
    listing = add_command(
        actions,
        "list",
        _list,
        "list malformed messages",
        reads=True,
        description=(
            "List malformed messages by id: those that wait for a person (new, proposed), or those "
            "of the states given."
        ),
    )
    listing.add_argument("--peer", default="", metavar="CODE", help="only from this node")
    listing.add_argument("--number", default="", metavar="NUMBER", help="only messages like 2612")
    listing.add_argument(
        "--state", action="append", choices=STATES, help="only this state; may be given again"
    )
    listing.add_argument(
        "--after", type=int, default=0, metavar="ID", help="only messages that follow this one"
    )
    add_limit(listing)
    showing = add_command(
        actions,
        "show",
        _show,
        "show one with its fields as far as they can be read, masked, and what was done",
        reads=True,
    )
    _id(showing)
    exporting = add_command(
        actions,
        "export",
        _export,
        "write the voucher that came to standard output, unmasked, to be corrected",
        operator=True,
        description=(
            "Write the voucher that came to standard output, unmasked, to be corrected: in UTF-8 "
            "and declared so where it can be read. Who did it is journaled."
        ),
    )
    _id(exporting)
    exporting.add_argument("--raw", action="store_true", help="exactly the bytes that came")
    exporting.add_argument(
        "--proposed", action="store_true", help="the correction that is proposed instead"
    )


def _id(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", type=count_argument, metavar="ID", help="number in the list")


# -- looking --------------------------------------------------------------------------------------


async def _list(arguments: argparse.Namespace) -> int:
    states = tuple(arguments.state or ("new", "proposed"))
    async with open_gateway(arguments) as opened:
        rows = await opened.store.scan(
            partial(
                inbox.page,
                peer=arguments.peer,
                number=arguments.number,
                states=states,
                after=arguments.after,
                limit=arguments.limit,
            )
        )
    if wants_json(arguments):
        print_json({"messages": [as_json(row) for row in rows]})
    else:
        print_table(HEADINGS, map(cells, rows), right="id copies")
    return FINE


async def _show(arguments: argparse.Namespace) -> int:
    number: int = arguments.id
    async with open_gateway(arguments) as opened:
        shown = await _scan(opened, number, lambda tx: show(tx, number, opened))
    if wants_json(arguments):
        print_json(shown.as_json())
    else:
        print_shown(shown)
    return FINE


async def _export(arguments: argparse.Namespace) -> int:
    number: int = arguments.id
    what = "proposed" if arguments.proposed else "received"
    async with open_gateway(arguments) as opened:
        acting = acting_as(opened, await act_as_either(opened, arguments))

        async def work(tx: Transaction) -> tuple[InboxMessage, bytes]:
            row = await look(tx, number)
            content = await readable(tx, row, opened.sealer, proposed=arguments.proposed)
            await correcting.exported(tx, number, what, acting)
            return row, content

        row, content = await _do(opened, number, work)
        if not arguments.raw:
            form = "voucher" if arguments.proposed else row.form
            content = in_utf8(content, form, charset_of(opened.config, row.peer))
    sys.stdout.flush()
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()
    return FINE


# -- acting ---------------------------------------------------------------------------------------


async def _propose(arguments: argparse.Namespace) -> int:
    number: int = arguments.id
    async with open_gateway(arguments) as opened:
        acting = acting_as(opened, await act_as(opened, arguments))
        data = _read(arguments.file, opened.config.listen.max_frame_bytes)
        corrector = make_corrector(opened)
        row = await _scan(opened, number, lambda tx: look(tx, number))
        try:
            correction = corrector.read(row, data, acting.at, acting.today)
        except SettlementRefused as error:
            raise refused(error, str(arguments.file)) from None
        sealed = corrector.seal(row, correction)
        row = await _do(
            opened,
            number,
            lambda tx: corrector.propose(
                tx, number, correction, sealed, reason=arguments.reason.strip(), acting=acting
            ),
        )
        found = compared(row, correction.voucher, opened.sealer, corrector.peer(row).charset)
    return _proposed(arguments, row, correction, found)


def _proposed(
    arguments: argparse.Namespace,
    row: InboxMessage,
    correction: Correction,
    found: list[Difference] | None,
) -> int:
    if wants_json(arguments):
        print_json(
            {
                "id": row.id,
                "state": row.state,
                "proposal": row.proposal,
                "differences": None if found is None else [*map(difference_json, found)],
                "unknown": list(correction.unknown),
            }
        )
        return FINE
    print(f"message {row.id} is {row.state}, by proposal {row.proposal}")
    if correction.unknown:
        print(f"elements that no table has are left out: {', '.join(correction.unknown)}")
    print_differences(found)
    return FINE


async def _accept(arguments: argparse.Namespace) -> int:
    number: int = arguments.id
    async with open_gateway(arguments) as opened:
        acting = acting_as(opened, await act_as(opened, arguments, CHECKER))
        corrector = make_corrector(opened)
        done = await _do(
            opened,
            number,
            lambda tx: corrector.accept(tx, number, acting=acting, proposal=arguments.proposal),
        )
    if wants_json(arguments):
        notes: Json = list(done.notes)
        print_json(
            {
                "id": number,
                "state": done.row.state,
                "Result": done.result,
                "Information": done.information,
                "replayed": done.replayed,
                "notes": notes,
            }
        )
    else:
        again = ": it had been done before, nothing was done now" if done.replayed else ""
        print(f"message {number} is {done.row.state}{again}")
        print(f"{done.result} {done.information}")
        for note in done.notes:
            print(f"note: {note}")
    return FINE if done.done else NOT_FINE


async def _drop(arguments: argparse.Namespace) -> int:
    number, reason = arguments.id, arguments.reason.strip()
    async with open_gateway(arguments) as opened:
        acting = acting_as(opened, await act_as_either(opened, arguments))
        row = await _do(opened, number, lambda tx: correcting.drop(tx, number, reason, acting))
    if wants_json(arguments):
        print_json({"id": number, "state": row.state})
    else:
        print(f"message {number} is {row.state}")
    return FINE


# -- helpers --------------------------------------------------------------------------------------


def make_corrector(opened: Opened) -> Corrector:
    """What corrects messages, with the flows that the service has."""
    config = opened.config
    peers = PeerDirectory.from_config(config)
    parts = flow_parts(config, peers, opened.sealer, make_enqueuer(opened, peers))
    return Corrector(
        node=config.node.code,
        peers=peers,
        flows=make_flows(parts),
        sealer=opened.sealer,
        archivist=Archivist(opened.sealer),
    )


def charset_of(config: Config, code: str) -> str:
    """The charset of a node; GBK of one that is not configured any more."""
    peer = config.peer(code)
    return "GBK" if peer is None else peer.charset


async def _do(opened: Opened, number: int, work: Callable[[Transaction], Awaitable[T]]) -> T:
    try:
        return await opened.store.transact(work)
    except SettlementRefused as error:
        raise refused(error, f"message {number}") from None


async def _scan(opened: Opened, number: int, work: Callable[[Transaction], Awaitable[T]]) -> T:
    try:
        return await opened.store.scan(work)
    except SettlementRefused as error:
        raise refused(error, f"message {number}") from None


def _read(file: Path, limit: int) -> bytes:
    with file.open("rb") as opened:
        data = opened.read(limit + 1)
    if len(data) > limit:
        raise CommandError(
            f"it has more than {limit} bytes, as no message may", where=str(file), do="correct it"
        )
    return data
