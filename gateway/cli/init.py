"""`nontax init`: a folder with configuration, secrets and books, with a sample if wanted."""

from __future__ import annotations

import argparse
import secrets
from dataclasses import dataclass
from pathlib import Path

from ...einvoice.algorithms import SignatureAlgorithm
from ..clock import SystemClock
from ..collection.billfiles import FileRefused
from ..collection.billrules import BillRules
from ..collection.bills import Making
from ..collection.catalogue_import import CatalogueRefused, import_catalogue
from ..collection.importing import ImportRefused, import_bills
from ..config import load_config
from ..sample import InitError, Initialised, init_directory
from ..sample.stock import NUMBERS, UNIT, fill_stock
from .common import FINE, CommandError, Subparsers, add_command, print_json, wants_json
from .opening import Opened, open_gateway

SET_UP = "set-up"
"""Actor of the journal for what the sample brings."""


@dataclass(frozen=True, slots=True)
class _Filled:
    """What the sample put into the books."""

    entries: int = 0
    pay_codes: tuple[str, ...] = ()


def register(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "init",
        run,
        "make a folder with configuration, secrets and books",
        config=False,
        reads=True,
        description=(
            "Write DIR/nontax.toml with a comment beside every key, new secrets in DIR/secret, and "
            "the books DIR/nontax.db. With --sample also peers, a catalogue, operators and bills, "
            "so that the gateway can be tried at once."
        ),
    )
    parser.add_argument("directory", type=Path, metavar="DIR", help="a new or an empty folder")
    parser.add_argument(
        "--sample", action="store_true", help="with peers, catalogue, operators and bills"
    )


async def run(arguments: argparse.Namespace) -> int:
    """Make the folder and say what to do next."""
    clock = SystemClock()
    try:
        made = init_directory(
            arguments.directory,
            sample=arguments.sample,
            random=secrets.token_bytes,
            today=clock.today(),
        )
    except InitError as error:
        raise CommandError(str(error), where="DIR") from None
    config = load_config(made.config)
    async with open_gateway(arguments, config=config, create=True) as opened:
        filled = await _fill(opened, made)
    if wants_json(arguments):
        print_json(
            {
                "directory": str(made.directory),
                "config": str(made.config),
                "operators": [operator.name for operator in made.operators],
                "catalogue": filled.entries,
                "pay_codes": list(filled.pay_codes),
            }
        )
    else:
        _explain(made, filled)
    return FINE


async def _fill(opened: Opened, made: Initialised) -> _Filled:
    """Put the sample into the books."""
    if made.catalogue is None or made.bills is None:
        return _Filled()
    for operator in made.operators:
        password = operator.password_file.read_text("ascii").strip()
        # These passwords are random already and nobody has seen them: no change at first use.
        await opened.operators.add(
            operator.name, password, [operator.role], [], actor=SET_UP, must_change=False
        )
    try:
        done = await import_catalogue(
            opened.store, [made.catalogue], actor=SET_UP, clock=opened.clock
        )
        at, today = opened.clock.now_ms(), opened.clock.today()
        await opened.store.transact(lambda tx: fill_stock(tx, at=at, today=today))
        making = Making("import", SET_UP, at, today)
        bills = await import_bills(
            opened.store, made.bills, BillRules(opened.config), making, lambda _: None
        )
    except CatalogueRefused as refused:
        raise CommandError(str(refused.faults[0]), do="the installation is broken") from None
    except (ImportRefused, FileRefused) as refused:
        what = f"the sample's bills are refused: {refused}"
        raise CommandError(what, do="the installation is broken") from None
    return _Filled(done.entries, tuple(bills.pay_codes))


def _explain(made: Initialised, filled: _Filled) -> None:
    config = made.config
    print(f"made {made.directory}:")
    print(f"  {config.name:<16} configuration, a comment beside every key")
    print("  secret/          secrets; keep them from others, back them up")
    print("  nontax.db        the books")
    if made.catalogue is not None:
        names = ", ".join(operator.name for operator in made.operators)
        print(f"  catalogue.toml   {filled.entries} entries, imported")
        print(f"  bills.jsonl      bills, imported: {', '.join(filled.pay_codes)}")
        print(f"  operators        {names}; passwords in secret/NAME.password")
        print(f"  stock            {NUMBERS:,} numbers of e-invoices and of paper bills for {UNIT}")
        print("  einvoice/        certificates and keys of a test hierarchy (测试), worth nothing")
        if made.algorithm is not SignatureAlgorithm.SM3_WITH_SM2:
            print(f"                   of {made.algorithm}: this system's libcrypto has no SM2")
        steps: tuple[str, ...] = (f"nontax check -c {config}", f"nontax serve -c {config}")
    else:
        steps = (
            f"edit {config}: [node] and [[peers]]",
            f"nontax check -c {config}",
            f"nontax operator add NAME --role checker -c {config}",
            f"nontax catalogue import FILE -c {config}",
            f"nontax serve -c {config}",
        )
    print("next:")
    for step in steps:
        print(f"  {step}")
