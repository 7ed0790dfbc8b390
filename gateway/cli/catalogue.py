"""`nontax catalogue`: units, items, accounts, sharing rules, virtual accounts; telling peers."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..collection.catalogue_fields import TABLES
from ..collection.catalogue_import import CatalogueRefused, import_catalogue
from ..store import catalogue
from ..store.entries import Account, UnitItem
from ..store.protocol import Transaction
from . import cataloguepush
from .common import (
    FINE,
    CommandError,
    Json,
    Subparsers,
    add_actions,
    add_command,
    print_json,
    print_table,
    wants_json,
)
from .opening import act_as, open_gateway

MAX_SHOWN = 100


def register(subparsers: Subparsers) -> None:
    """Add the command and its actions."""
    parser = add_command(
        subparsers,
        "catalogue",
        None,
        "units, items, accounts, sharing rules, virtual accounts (基础信息)",
    )
    actions = add_actions(parser)
    importing = add_command(
        actions,
        "import",
        _import,
        "import catalogue files, all or nothing",
        reads=True,
        operator=True,
        description=(
            "Import catalogue files: TOML with any tables, or CSV with the table that the file is "
            "named after (units.csv, items.csv, ...). Everything is checked before anything is "
            "kept; each change is journaled; what the files do not name stays as it is."
        ),
    )
    importing.add_argument("files", nargs="+", type=Path, metavar="FILE", help=".toml or .csv file")
    show = add_command(actions, "show", _show, "show the catalogue", reads=True)
    show.add_argument(
        "tables",
        nargs="*",
        metavar="TABLE",
        help=f"only these of: {', '.join(_SHOWN)} (default: all)",
    )
    cataloguepush.register(actions)


_SHOWN = (
    *(name for name in TABLES if name != "supervised_accounts"),
    "rights",
    "sharing_rules",
)


async def _import(arguments: argparse.Namespace) -> int:
    async with open_gateway(arguments) as opened:
        actor = await act_as(opened, arguments)
        try:
            done = await import_catalogue(
                opened.store, arguments.files, actor=actor.name, clock=opened.clock
            )
        except CatalogueRefused as refused:
            raise _refused(refused) from None
    if wants_json(arguments):
        print_json({"entries": done.entries, "changed": done.changed})
    else:
        print(f"{done.entries} entries read, {done.changed} changed the catalogue")
    return FINE


def _refused(refused: CatalogueRefused) -> CommandError:
    first, *others = map(str, refused.faults)
    listed = [first, *others][:MAX_SHOWN]
    return CommandError(
        first,
        do="correct the file; nothing was imported",
        more=listed[1:],
        total=len(refused.faults),
        details={"faults": listed, "total": len(refused.faults)},
    )


async def _show(arguments: argparse.Namespace) -> int:
    wanted = arguments.tables or list(_SHOWN)
    for name in wanted:
        if name not in _SHOWN:
            raise CommandError(
                f"{name} is no table of the catalogue",
                where="TABLE",
                do=f"choose of {', '.join(_SHOWN)}",
            )

    async def read(tx: Transaction) -> dict[str, list[dict[str, Any]]]:
        return {name: await _rows(tx, name) for name in wanted}

    async with open_gateway(arguments) as opened:
        tables = await opened.store.scan(read)
    if wants_json(arguments):
        shown: dict[str, Json] = {name: list(rows) for name, rows in tables.items()}
        print_json(shown)
        return FINE
    filled = {name: rows for name, rows in tables.items() if rows}
    for position, (name, rows) in enumerate(filled.items()):
        if position:
            print()
        print(f"{name}:")
        columns = [key for key in rows[0] if any(row[key] not in {"", None} for row in rows)]
        print_table(columns, [[_cell(row[key]) for key in columns] for row in rows])
    return FINE


def _cell(value: object) -> str:
    return "" if value is None else str(value)


async def _rows(tx: Transaction, name: str) -> list[dict[str, Any]]:
    """The entries of a table as dictionaries of their fields; amounts are fen."""
    if name == "rights":
        return [asdict(right) for right in await catalogue.entries(tx, UnitItem)]
    if name == "sharing_rules":
        return [asdict(share) for share in await catalogue.rules(tx)]
    entries = await catalogue.entries(tx, TABLES[name].kind)
    if name == "accounts":
        entries.sort(key=_account_order)
    return [asdict(entry) for entry in entries]


def _account_order(account: Account) -> tuple[str, str, str]:
    return account.region, account.purpose, account.acct_no
