"""`nontax report posting`, `posting-list` and `posting-ack`: files for the general ledger."""

from __future__ import annotations

import argparse
from functools import partial

from ...codecs import format_yuan
from ..clock import civil_from_ms
from ..figures.postings import (
    Made,
    acknowledge,
    find,
    load_templates,
    make_posting,
    write_posting,
)
from ..settlement.acting import SettlementRefused
from ..store import postings
from ..store.postings import PostingFile
from .common import (
    FINE,
    CommandError,
    Json,
    Subparsers,
    add_command,
    add_limit,
    count_argument,
    date_argument,
    print_json,
    print_table,
    show_date,
    wants_json,
)
from .issuing import acting_as, refused
from .opening import act_as, open_gateway

_NOTE_CHARACTERS = 200


def register_postings(actions: Subparsers) -> None:
    """Add the actions."""
    posting = add_command(
        actions,
        "posting",
        _posting,
        "make the posting file of a closed day (机制凭证)",
        reads=True,
        operator=True,
        description=(
            "Make the posting file of a closed day from the posting templates, and write it into "
            "the folder of [figures] as CSV and JSON; needs a maker. A day has one file for each "
            "set of templates; made again it is written again. Corrections of earlier days stand "
            "in the file of the day whose opening contains them. --again writes a file of any "
            "number again, byte for byte, and needs no operator."
        ),
    )
    which = posting.add_mutually_exclusive_group(required=True)
    which.add_argument("--date", type=date_argument, metavar="D", help="the closed day")
    which.add_argument("--again", type=count_argument, metavar="NO", help="write this file again")
    listing = add_command(actions, "posting-list", _list, "list posting files", reads=True)
    listing.add_argument("--date", type=date_argument, default="", metavar="D", help="of this day")
    listing.add_argument("--open", action="store_true", help="only those not acknowledged")
    add_limit(listing)
    ack = add_command(
        actions,
        "posting-ack",
        _ack,
        "note that the general ledger has a posting file",
        reads=True,
        operator=True,
    )
    ack.add_argument("no", type=count_argument, metavar="NO", help="number of the file")
    ack.add_argument(
        "--note", default="", metavar="TEXT", help="such as the ledger's voucher number"
    )


async def _posting(arguments: argparse.Namespace) -> int:
    async with open_gateway(arguments) as opened:
        try:
            if arguments.again is not None:
                made = Made(await opened.store.read(partial(find, no=arguments.again)), new=False)
            else:
                acting = acting_as(opened, await act_as(opened, arguments))
                work = partial(
                    make_posting,
                    date=arguments.date,
                    templates=load_templates(opened.config.figures.posting_templates),
                    node_name=opened.config.node.name,
                    acting=acting,
                )
                made = await opened.store.transact(work)
        except SettlementRefused as error:
            where = show_date(arguments.date or "") or f"posting {arguments.again}"
            raise refused(error, where) from None
        written = write_posting(opened.config.figures.postings, made.file)
    file = made.file
    if wants_json(arguments):
        paths = [str(path) for path in written]
        print_json({**_as_json(file), "new": made.new, "files": paths})
        return FINE
    how = "made" if made.new else "written again"
    print(
        f"posting {file.no} of {show_date(file.day)} {how}: {file.lines} lines,"
        f" {format_yuan(file.debit)} on either side"
    )
    for path in written:
        print(f"written: {path}")
    return FINE


async def _list(arguments: argparse.Namespace) -> int:
    work = partial(
        postings.page, day=arguments.date, open_only=arguments.open, limit=arguments.limit
    )
    async with open_gateway(arguments) as opened:
        found = await opened.store.scan(work)
    if wants_json(arguments):
        print_json({"postings": [_as_json(file) for file in found]})
        return FINE
    print_table(
        ("no", "day", "templates", "lines", "amount", "made", "acknowledged"),
        [
            (
                str(file.no),
                show_date(file.day),
                file.template_set,
                str(file.lines),
                format_yuan(file.debit),
                f"{file.made_by} {civil_from_ms(file.made_at):%F %T}",
                f"{file.acked_by} {civil_from_ms(file.acked_at):%F %T} {file.ack_note}"
                if file.acked_at
                else "-",
            )
            for file in found
        ],
        right="no lines amount",
    )
    return FINE


async def _ack(arguments: argparse.Namespace) -> int:
    note: str = " ".join(arguments.note.split())
    if len(note) > _NOTE_CHARACTERS:
        raise CommandError(
            f"is longer than {_NOTE_CHARACTERS} characters", where="--note", do="shorten it"
        )
    async with open_gateway(arguments) as opened:
        acting = acting_as(opened, await act_as(opened, arguments))
        work = partial(acknowledge, no=arguments.no, note=note, acting=acting)
        try:
            file = await opened.store.transact(work)
        except SettlementRefused as error:
            raise refused(error, f"posting {arguments.no}") from None
    if wants_json(arguments):
        print_json(_as_json(file))
    else:
        print(f"posting {file.no} of {show_date(file.day)}: acknowledged")
    return FINE


def _as_json(file: PostingFile) -> dict[str, Json]:
    return {
        "No": file.no,
        "Date": file.day,
        "TemplateSet": file.template_set,
        "Lines": file.lines,
        "Debit": format_yuan(file.debit),
        "Credit": format_yuan(file.credit),
        "Digest": file.digest,
        "MadeBy": file.made_by,
        "acknowledged": bool(file.acked_at),
        "AckBy": file.acked_by,
        "AckNote": file.ack_note,
    }
