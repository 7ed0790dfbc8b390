"""`nontax einvoice export`, `page`, `inspect`, `stats`, `notify`: handing out and looking up."""

from __future__ import annotations

import argparse
import secrets
import sys
from pathlib import Path
from typing import Final

from ...codecs import RuleError, format_yuan, parse_yuan, shown
from ...einvoice.errors import DocumentError
from ..einvoicing.handout import HandOut, Showing, find
from ..einvoicing.inspection import Inspected, Inspection, Question
from ..einvoicing.keys import load_keys
from ..einvoicing.notify import InvoiceTexts, Notifier
from ..einvoicing.statistics import (
    DIMENSIONS,
    IssueFigures,
    IssueSpan,
    issue_statistics,
    total_of,
)
from ..settlement.spool import put, put_bytes
from ..store import einvoicenotices, einvoices
from .common import (
    FINE,
    NOT_FINE,
    CommandError,
    Json,
    Subparsers,
    add_command,
    date_argument,
    print_facts,
    print_json,
    print_table,
    show_date,
    wants_json,
)
from .opening import Opened, open_gateway

_OWNER_BYTES: Final = 6
_NAME_HELP: Final = "pay code (缴款码) of a bill with an invoice, or CODE-NUMBER (票据代码-号码)"


def register(actions: Subparsers) -> None:
    """Add the actions."""
    export = add_command(
        actions,
        "export",
        _export,
        "write an archived invoice, byte for byte",
        description=(
            "Write the archived document, exactly its bytes, to stdout or to a file that only its "
            "owner can read. Of a pay code it is the bill's invoice that is not reversed."
        ),
    )
    export.add_argument("name", metavar="INVOICE", help=_NAME_HELP)
    export.add_argument(
        "--page", action="store_true", help="the printable page (票面) instead of the document"
    )
    export.add_argument("--out", type=Path, metavar="FILE", help="write to FILE")
    page = add_command(
        actions,
        "page",
        _page,
        "write the printable page of an invoice (票面)",
        description=(
            "Write one Chinese HTML page of half an A4 sheet, with everything the invoice says in "
            "full and with what verification finds now; what has no room follows on lists."
        ),
    )
    page.add_argument("name", metavar="INVOICE", help=_NAME_HELP)
    page.add_argument("--out", type=Path, metavar="FILE", help="write to FILE")
    _register_inspect(actions)
    _register_stats(actions)
    add_command(
        actions,
        "notify",
        _notify,
        "write the notices of new invoices into the spool now",
        reads=True,
        description=(
            "Write the notices (SMS, e-mail) of archived invoices that nobody was told of yet into "
            "[spool] notices, as `serve` does by itself."
        ),
    )


def _register_inspect(actions: Subparsers) -> None:
    inspect = add_command(
        actions,
        "inspect",
        _inspect,
        "inspect an invoice by what stands on its face (查验)",
        reads=True,
        description=(
            "Look an invoice up by code, number, check code, date and amount. Exit 0 when it is "
            "valid, 1 when it is reversed or anything is wrong: what, is not told."
        ),
    )
    inspect.add_argument("code", metavar="CODE", help="EInvoiceCode (票据代码), 8 digits")
    inspect.add_argument("number", metavar="NUMBER", help="EInvoiceNumber (票据号码), 10 digits")
    inspect.add_argument("random", metavar="RANDOM", help="RandomNumber (校验码), 6 characters")
    inspect.add_argument(
        "--date", type=date_argument, required=True, metavar="D", help="IssueDate, YYYY-MM-DD"
    )
    inspect.add_argument(
        "--amount",
        required=True,
        metavar="YUAN",
        help="TotalAmount, such as 80.00; of a red invoice --amount=-80.00",
    )


def _register_stats(actions: Subparsers) -> None:
    stats = add_command(
        actions,
        "stats",
        _stats,
        "count what was issued, reversed and voided",
        reads=True,
        description=(
            "Invoices and amounts by unit, kind, code and day of issue: blue, red, reversed since, "
            "and numbers that were voided on the day."
        ),
    )
    stats.add_argument(
        "--from", dest="date_from", type=date_argument, default="", metavar="D", help="first day"
    )
    stats.add_argument(
        "--to", dest="date_to", type=date_argument, default="", metavar="D", help="last day"
    )
    stats.add_argument("--unit", default="", metavar="CODE", help="only this unit's")
    stats.add_argument(
        "--by",
        type=_dimensions,
        default="unit,code",
        metavar="LIST",
        help="what is told apart: unit, kind, code, day (default: %(default)s)",
    )


def _dimensions(text: str) -> tuple[str, ...]:
    asked = {name.strip() for name in text.split(",") if name.strip()}
    unknown = sorted(asked - set(DIMENSIONS))
    if unknown:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(DIMENSIONS)}")
    return tuple(name for name in DIMENSIONS if name in asked)


# -- handing out ----------------------------------------------------------------------------------


async def _export(arguments: argparse.Namespace) -> int:
    if arguments.page:
        return await _page(arguments)
    async with open_gateway(arguments) as opened:
        given = await _find(opened, arguments.name)
    out: Path | None = arguments.out
    if out is None:
        sys.stdout.buffer.write(given.document)
        sys.stdout.buffer.flush()
    else:
        put_bytes(_folder_of(out), out.name, given.document)
        print(f"written to {out}")
    return FINE


async def _page(arguments: argparse.Namespace) -> int:
    async with open_gateway(arguments) as opened:
        given = await _find(opened, arguments.name)
        keys = load_keys(opened.config)
        url = opened.config.einvoice.url
    try:
        text = Showing(keys.certificates, keys.policy, url).page(given)
    except DocumentError as error:
        raise CommandError(
            f"the archived document is damaged: {error}",
            where=arguments.name,
            do="see `nontax journal verify`, and restore a backup",
            code=NOT_FINE,
        ) from None
    out: Path | None = arguments.out
    if out is None:
        sys.stdout.write(text)
    else:
        put(_folder_of(out), out.name, text)
        print(f"written to {out}")
    return FINE


def _folder_of(out: Path) -> Path:
    if not out.parent.is_dir():
        raise CommandError("there is no such folder", where=str(out.parent), do="make it")
    return out.parent


async def _find(opened: Opened, name: str) -> HandOut:
    given = await opened.store.scan(lambda tx: find(tx, name))
    if given is not None:
        return given
    others = await opened.store.scan(lambda tx: einvoices.of_bill(tx, name))
    numbers = [f"{one.code}-{one.number} ({one.state})" for one in others]
    if numbers:
        raise CommandError(
            "has no archived invoice that is not reversed",
            where=shown(name),
            do=f"name one of {', '.join(numbers)}",
        )
    raise CommandError(
        "there is no such archived invoice",
        where=shown(name),
        do="give a pay code or CODE-NUMBER; `nontax einvoice issue PAYCODE` issues one",
    )


# -- inspection -----------------------------------------------------------------------------------


async def _inspect(arguments: argparse.Namespace) -> int:
    try:
        amt = parse_yuan(arguments.amount, negative=True)
    except RuleError as error:
        raise CommandError(
            f"{shown(arguments.amount)!r}: the amount {error.english}",
            where="--amount",
            do="write 80.00",
        ) from None
    question = Question(arguments.code, arguments.number, arguments.random, arguments.date, amt)
    async with open_gateway(arguments) as opened:
        found = await Inspection(opened.store, opened.clock).ask("command line", question)
    if wants_json(arguments):
        print_json(inspected_json(found))
    elif found is None:
        print("there is no invoice with these details (查无此票)")
    else:
        _print_inspected(found)
    return FINE if found is not None and found.standing != "reversed" else NOT_FINE


def inspected_json(found: Inspected | None) -> dict[str, Json]:
    """The answer for programs; personal data is masked."""
    if found is None:
        return {"found": False}
    by = found.reversed_by
    return {
        "found": True,
        "state": found.standing.value,
        "reversed_by": None if by is None else f"{by[0]}-{by[1]}",
        "sha256": found.given.sha256,
        "content": found.content,
    }


def _print_inspected(found: Inspected) -> None:
    invoice, by = found.given.invoice, found.reversed_by
    words = {"valid": "有效", "red": "红字票据", "reversed": "已冲红"}
    print_facts(
        [
            ("invoice 票据", f"{invoice.code}-{invoice.number}"),
            ("state 状态", f"{found.standing.value} ({words[found.standing]})"),
            ("reversed by 红字票据", "" if by is None else f"{by[0]}-{by[1]}"),
            ("original 原票据", f"{invoice.related_code} {invoice.related_number}".strip()),
            ("issued 开票日期", f"{show_date(invoice.issue_date)} {invoice.issue_time}"),
            ("unit 开票单位", invoice.unit_code),
            ("amount 金额", format_yuan(invoice.amt)),
            ("sha256", found.given.sha256),
        ]
    )


# -- statistics and notices -----------------------------------------------------------------------


async def _stats(arguments: argparse.Namespace) -> int:
    span = IssueSpan(arguments.date_from, arguments.date_to, arguments.unit)
    by: tuple[str, ...] = arguments.by
    async with open_gateway(arguments) as opened:
        groups = await opened.store.scan(lambda tx: issue_statistics(tx, span, by))
    total = total_of(groups)
    if wants_json(arguments):
        rows = [{**dict(zip(by, one.key, strict=True)), **_figures(one)} for one in groups]
        print_json({"by": list(by), "groups": rows, "total": _figures(total)})
        return FINE
    headings = (*by, "blue", "amount", "red", "negative", "net", "reversed", "voided")
    lines = [(*_key(by, one), *_cells(one)) for one in groups]
    if len(lines) > 1 and by:
        lines.append(("total", *("" for _ in by[1:]), *_cells(total)))
    print_table(headings, lines, right="blue amount red negative net reversed voided")
    return FINE


def _key(by: tuple[str, ...], one: IssueFigures) -> tuple[str, ...]:
    pairs = zip(by, one.key, strict=True)
    return tuple(show_date(value) if name == "day" else value for name, value in pairs)


def _cells(one: IssueFigures) -> tuple[str, ...]:
    return (
        str(one.blue),
        _yuan(one.blue_amt),
        str(one.red),
        _yuan(one.red_amt),
        _yuan(one.net_amt),
        str(one.reversed_count),
        str(one.voided),
    )


def _figures(one: IssueFigures) -> dict[str, Json]:
    return {
        "blue": one.blue,
        "blue_amount": _yuan(one.blue_amt),
        "red": one.red,
        "red_amount": _yuan(one.red_amt),
        "net_amount": _yuan(one.net_amt),
        "reversed": one.reversed_count,
        "reversed_amount": _yuan(one.reversed_amt),
        "voided": one.voided,
    }


def _yuan(fen: int) -> str:
    """Yuan of any size: sums may be longer than an amount can be."""
    sign, whole = "-" if fen < 0 else "", abs(fen)
    return f"{sign}{whole // 100}.{whole % 100:02d}"


async def _notify(arguments: argparse.Namespace) -> int:
    async with open_gateway(arguments) as opened:
        config = opened.config
        notifier = Notifier(
            opened.store,
            InvoiceTexts(config.node.name, config.einvoice.url),
            config.spool.notices,
            owner=f"cli-{secrets.token_hex(_OWNER_BYTES)}",
            clock=opened.clock,
        )
        files = await notifier.write_waiting()
        waiting = await opened.store.scan(einvoicenotices.waiting)
    if wants_json(arguments):
        print_json({"files": files, "waiting": waiting, "folder": str(config.spool.notices)})
    else:
        print(f"{files} files written to {config.spool.notices}, {waiting} invoices wait")
    return FINE
