"""`nontax reconcile import`: a statement from a file, where a node cannot send its messages."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import cast

from ...codecs import format_yuan
from ...reconcile.csvlines import head_value
from ...reconcile.kinds import Statement
from ..collection.operators import MAKER
from ..peers import PeerDirectory
from ..reconciliation.csvimport import Imported, ImportRefused, Source, import_statement
from ..reconciliation.intake import shown_scope
from .common import (
    FINE,
    INPUT,
    NOT_FINE,
    CommandError,
    Progress,
    Subparsers,
    add_command,
    date_argument,
    print_json,
    show_date,
    wants_json,
)
from .issuing import acting_as
from .opening import act_as, open_gateway

_SHOWN = 10
_OPTIONS = {
    "pay_mode": {"2555": "PayMode"},
    "account": {"2557": "RecAcct", "2556": "Acct"},
    "account_type": {"2557": "RecAcctType", "2556": "AcctType"},
    "begin_balance": {"2556": "BeginBal"},
    "end_balance": {"2556": "EndBal"},
}


def register(actions: Subparsers) -> None:
    """Add `reconcile import`."""
    parser = add_command(
        actions,
        "import",
        _import,
        "import a node's statement from a CSV file (对账单导入)",
        reads=True,
        operator=True,
        description="Import a node's statement of a day from a CSV file whose columns have the"
        " names of the wire. All of it or nothing; the same file again is nothing new. Lines that"
        " break the rules are kept and reported when the day is reconciled.",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="CSV file, UTF-8 or GBK")
    parser.add_argument(
        "--kind",
        required=True,
        choices=("2555", "2557", "2556"),
        help="2555 payments, 2557 arrived funds, 2556 movements and balances",
    )
    parser.add_argument("--node", required=True, metavar="CODE", help="node whose statement it is")
    parser.add_argument(
        "--date",
        type=date_argument,
        default="",
        metavar="YYYY-MM-DD",
        help="day of the statement (default: #CheckDate of the file)",
    )
    parser.add_argument("--pay-mode", metavar="CODE", help="channel of a 2555 (收款渠道)")
    parser.add_argument("--account", metavar="NUMBER", help="account of a 2557 or 2556")
    parser.add_argument("--account-type", metavar="CODE", help="its type (default: 1)")
    parser.add_argument("--begin-balance", metavar="YUAN", help="balance before the day (2556)")
    parser.add_argument("--end-balance", metavar="YUAN", help="balance after the day (2556)")


async def _import(arguments: argparse.Namespace) -> int:
    """Import the file and say what is there now."""
    source = Source(arguments.file, cast("Statement", arguments.kind), _said(arguments))
    async with open_gateway(arguments) as opened:
        operator = await act_as(opened, arguments, MAKER)
        if operator.units:
            raise CommandError(
                f"{operator.name} may act for some units only, a statement is nobody's",
                do="name an operator without units",
            )
        peer = PeerDirectory.from_config(opened.config).get(arguments.node)
        if peer is None or peer.kind not in _senders(arguments.kind):
            raise CommandError(
                f"{arguments.node} is no node that sends {arguments.kind}",
                where="--node",
                do="see `nontax peer list`",
            )
        progress = Progress("lines")
        try:
            imported = await import_statement(
                opened.store, source, peer, acting_as(opened, operator), progress.at
            )
        except ImportRefused as error:
            place = f"{source.path}:{error.line}" if error.line else str(source.path)
            raise CommandError(
                error.what,
                where=place,
                do=error.do or "correct it; nothing was imported",
                code=INPUT if error.wrong_input else NOT_FINE,
            ) from None
        finally:
            progress.done()
    _print(arguments, imported)
    return FINE


def _senders(kind: str) -> frozenset[str]:
    return frozenset({"bank", "platform"} if kind == "2555" else {"bank"})


def _said(arguments: argparse.Namespace) -> dict[str, str | int]:
    """What the options say of the batch, by the wire's tags."""
    said: dict[str, str | int] = {"CheckDate": arguments.date} if arguments.date else {}
    kind = cast("Statement", arguments.kind)
    for name, tags in _OPTIONS.items():
        text = getattr(arguments, name)
        if text is None:
            continue
        option = f"--{name.replace('_', '-')}"
        tag = tags.get(kind)
        if tag is None:
            raise CommandError(f"says nothing of a {kind}", where=option, do="leave it out")
        try:
            said[tag] = head_value(kind, tag, text)
        except ValueError as error:
            raise CommandError(str(error), where=option, do="correct it") from None
    return said


def _print(arguments: argparse.Namespace, imported: Imported) -> None:
    batch = imported.batch
    scope = shown_scope(batch.kind, batch.scope)
    if wants_json(arguments):
        print_json(
            {
                "kind": batch.kind,
                "node": batch.src,
                "CheckDate": batch.check_date,
                "scope": scope,
                "BatchNo": batch.batch_no,
                "lines": batch.lines,
                "Amt": format_yuan(batch.lines_amt),
                "digest": batch.digest,
                "state": batch.state,
                "replayed": imported.replayed,
                "malformed": imported.bad,
                "faults": [{"line": line, "fault": text} for line, text in imported.malformed],
            }
        )
        return
    what = f"{batch.kind} of {batch.src}, {show_date(batch.check_date)}, {scope}"
    if imported.replayed:
        print(f"{what}: was there already with the same content ({batch.state}), nothing changed")
        return
    print(f"{what}: {batch.lines} lines, {format_yuan(batch.lines_amt)} yuan imported")
    for line, text in imported.malformed[:_SHOWN]:
        print(f"{arguments.file}:{line}: {text}")
    if imported.bad:
        print(f"lines that break the rules, reported when the day is reconciled: {imported.bad}")
