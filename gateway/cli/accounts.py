"""`nontax accounts`: what every account should hold, and how an outside ledger compares."""

from __future__ import annotations

import argparse
import json
from functools import partial
from pathlib import Path
from typing import Any, Final

from ...codecs import format_yuan
from ..peers import PeerDirectory
from ..settlement.balances import COLUMNS, Compared, balances, compare
from .common import (
    FINE,
    NOT_FINE,
    CommandError,
    Json,
    Subparsers,
    add_command,
    date_argument,
    print_json,
    print_table,
    wants_json,
)
from .opening import open_gateway

_FILE_BYTES: Final = 64 * 1024 * 1024


def register(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "accounts",
        _accounts,
        "what every account should hold (账户余额核对)",
        reads=True,
        description=(
            "Print what every account should hold at the end of a day, from the gateway's own "
            "books: collected, arrived and unidentified money, less what was refunded, cleared and "
            "remitted. With --against, compare it with an outside ledger, account by account: exit "
            "1 when they differ."
        ),
    )
    parser.add_argument(
        "--date", required=True, type=date_argument, metavar="D", help="the day, YYYY-MM-DD"
    )
    parser.add_argument(
        "--against",
        type=Path,
        metavar="FILE",
        help='JSON of an outside ledger: {"ACCOUNT": fen, …}; an account that it lacks is empty',
    )


async def _accounts(arguments: argparse.Namespace) -> int:
    against: Path | None = arguments.against
    outside = None if against is None else read_ledger(against)
    async with open_gateway(arguments) as opened:
        peers = PeerDirectory.from_config(opened.config)
        work = partial(balances, peers=peers, date=arguments.date)
        expected = await opened.store.scan(work)
    rows = compare(expected, {} if outside is None else outside)
    different = [row for row in rows if row.difference] if outside is not None else []
    if wants_json(arguments):
        document: dict[str, Json] = {
            "date": arguments.date,
            "accounts": [_as_json(row, compared=outside is not None) for row in rows],
        }
        if outside is not None:
            document |= {"equal": not different, "differences": len(different)}
        print_json(document)
    else:
        _print(rows, compared=outside is not None)
        if outside is not None:
            text = f"{len(different)} of {len(rows)} accounts differ"
            print(text if different else f"all {len(rows)} accounts agree")
    return NOT_FINE if different else FINE


def read_ledger(path: Path) -> dict[str, int]:
    """An outside ledger: account to fen. Raises CommandError, OSError."""
    with path.open("rb") as file:
        data = file.read(_FILE_BYTES + 1)
    if len(data) > _FILE_BYTES:
        raise CommandError("is too large for a ledger", where=str(path), do="check the file")
    try:
        found: Any = json.loads(data, object_pairs_hook=_once)
    except ValueError as error:
        raise CommandError(f"is no ledger: {error}", where=str(path), do="correct it") from None
    good = isinstance(found, dict) and all(type(amt) is int for amt in found.values())
    if not good:
        raise CommandError(
            "is no ledger", where=str(path), do='write {"ACCOUNT": fen, …} with whole numbers'
        )
    return {str(account): int(amt) for account, amt in found.items()}


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose names differ: of two balances of one account none can be believed."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an account stands there twice")
    return found


def _as_json(row: Compared, *, compared: bool) -> dict[str, Json]:
    parts: dict[str, Json] = {name: row.balance.parts.get(name, 0) for name in COLUMNS}
    found: dict[str, Json] = {
        "account": row.balance.account,
        "name": row.balance.name,
        **parts,
        "expected": row.balance.expected,
    }
    if compared:
        found |= {"outside": row.outside, "difference": row.difference}
    return found


def _print(rows: list[Compared], *, compared: bool) -> None:
    more = ("outside", "difference") if compared else ()
    headings = ("account", "name", *COLUMNS, "expected", *more)
    lines = []
    for row in rows:
        amounts = [row.balance.parts.get(name, 0) for name in COLUMNS]
        amounts.append(row.balance.expected)
        if compared:
            amounts += [row.outside, row.difference]
        shown = (format_yuan(amount) if amount else "-" for amount in amounts)
        lines.append((row.balance.account, row.balance.name, *shown))
    print_table(headings, lines, right=" ".join(headings[2:]))
