"""`nontax message`: messages received and sent, as the archive keeps them, masked."""

from __future__ import annotations

import argparse
from base64 import b64decode

from ...codecs import ProtocolError, parse_xml
from ...mac import SealError
from ...messages import MessageSpec, find, masked, read
from ...messages.record import Masked
from ..archiving import BASE64, SEALED
from ..clock import civil_from_ms
from ..config import Config
from ..store import archive
from ..store.records import ArchivedMessage
from ..tokens import Sealer
from .common import (
    FINE,
    CommandError,
    Json,
    Subparsers,
    add_actions,
    add_command,
    add_limit,
    count_argument,
    print_facts,
    print_json,
    print_table,
    wants_json,
)
from .opening import Opened, open_gateway

LIMITS_CHARSET = "GBK"


def register(subparsers: Subparsers) -> None:
    """Add the command and its actions."""
    parser = add_command(subparsers, "message", None, "list and show received and sent messages")
    actions = add_actions(parser)
    listing = add_command(
        actions, "list", _list, "list messages of the archive, the newest first", reads=True
    )
    listing.add_argument("--peer", default="", metavar="CODE", help="only to or from this node")
    listing.add_argument("--number", default="", metavar="NUMBER", help="only messages like 2612")
    listing.add_argument(
        "--subject", default="", metavar="TEXT", help="only about this pay code, refund or batch"
    )
    listing.add_argument(
        "--direction", choices=("in", "out"), default="", help="only received or only sent ones"
    )
    listing.add_argument(
        "--before", type=count_argument, metavar="ID", help="only messages older than this one"
    )
    add_limit(listing)
    show = add_command(actions, "show", _show, "show one message, masked", reads=True)
    show.add_argument("id", type=count_argument, metavar="ID", help="number in the list")


async def _list(arguments: argparse.Namespace) -> int:
    async with open_gateway(arguments) as opened:
        found = await opened.store.scan(
            lambda tx: archive.page(
                tx,
                peer=arguments.peer,
                number=arguments.number,
                subject=arguments.subject,
                direction=arguments.direction,
                before=arguments.before,
                limit=arguments.limit,
            )
        )
    if wants_json(arguments):
        print_json({"messages": [_row(message) for message in found]})
        return FINE
    print_table(
        ("id", "time", "way", "peer", "number", "subject", "result"),
        [
            (
                str(m.id),
                f"{civil_from_ms(m.at):%F %T}",
                m.direction,
                m.peer,
                m.number,
                m.subject,
                m.result,
            )
            for m in found
        ],
        right="id",
    )
    return FINE


def _row(message: ArchivedMessage) -> dict[str, Json]:
    return {
        "id": message.id,
        "at": civil_from_ms(message.at).isoformat(timespec="milliseconds"),
        "direction": message.direction,
        "peer": message.peer,
        "number": message.number,
        "MsgID": message.msg_id,
        "MsgRef": message.msg_ref,
        "subject": message.subject,
        "result": message.result,
    }


async def _show(arguments: argparse.Namespace) -> int:
    async with open_gateway(arguments) as opened:
        found = await opened.store.read(lambda tx: archive.get(tx, arguments.id))
        if found is None:
            raise CommandError(
                "there is no such message",
                where=str(arguments.id),
                do="see `nontax message list`; old messages are removed",
            )
        fields = _fields(found, opened)
    if wants_json(arguments):
        print_json({**_row(found), "voucher": _plain(fields)})
        return FINE
    print_facts((name, str(value)) for name, value in _row(found).items())
    print()
    _print_fields(fields, "")
    return FINE


def _fields(message: ArchivedMessage, opened: Opened) -> dict[str, Masked]:
    """The voucher's fields, masked; an unreadable voucher is said to be so."""
    spec = _spec(message, opened.config)
    if spec is None:
        return {"voucher": "(no message of the catalogue)"}
    try:
        voucher = _voucher(message, opened.sealer)
        return masked(read(spec, parse_xml(voucher, default_encoding=LIMITS_CHARSET)))
    except SealError:
        return {"voucher": "(sealed under another master key)"}
    except (ProtocolError, ValueError):
        return {"voucher": "(cannot be read)"}


def _spec(message: ArchivedMessage, config: Config) -> MessageSpec | None:
    """The catalogue's row: the peer's kind says which interface it speaks."""
    peer = config.peer(message.peer)
    kinds = ("unit", "bank") if peer is not None and peer.kind == "unit" else ("bank", "unit")
    return find(kinds[0], message.number) or find(kinds[1], message.number)


def _voucher(message: ArchivedMessage, sealer: Sealer) -> bytes:
    text = message.voucher
    if text.startswith(SEALED):
        text = sealer.open(text.removeprefix(SEALED), f"archive/{message.peer}")
    if text.startswith(BASE64):
        return b64decode(text.removeprefix(BASE64))
    return text.encode("gb18030")


def _plain(fields: Masked) -> Json:
    if isinstance(fields, dict):
        return {name: _plain(value) for name, value in fields.items()}
    if isinstance(fields, list):
        return [_plain(value) for value in fields]
    return fields


def _print_fields(fields: dict[str, Masked], indent: str) -> None:
    for name, value in fields.items():
        if isinstance(value, str):
            print(f"{indent}{name:<18}{value}")
            continue
        print(f"{indent}{name}")
        for inner in value if isinstance(value, list) else [value]:
            if isinstance(inner, dict):
                _print_fields(inner, indent + "  ")
