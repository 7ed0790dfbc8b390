"""`nontax einvoice show, list, numbers`: invoices and the fate of every number."""

from __future__ import annotations

import argparse
from functools import partial
from typing import Final, get_args

from ...codecs import format_yuan, mask
from ...einvoice.numbering import NumberingError, split_bill_no
from ..clock import civil_from_ms
from ..einvoicing.numbers import Fate, fates
from ..store import einvoices, stock
from ..store.einvoice_records import Invoice, InvoiceEvent, InvoiceNumber, InvoiceState
from ..store.einvoices import InvoiceFilter, NumberCount
from ..store.protocol import Transaction
from .common import (
    FINE,
    NOT_FINE,
    CommandError,
    Json,
    Subparsers,
    add_command,
    add_limit,
    date_argument,
    print_facts,
    print_json,
    print_table,
    show_date,
    wants_json,
)
from .opening import Opened, open_gateway

_NOTHING: Final = "see `nontax einvoice list`"


def register_showing(actions: Subparsers) -> None:
    """Add the actions that only read."""
    show = add_command(
        actions,
        "show",
        _show,
        "show an e-invoice, or what became of a number",
        reads=True,
        description=(
            "Show the e-invoices of a bill, or one invoice with everything that happened to it. A "
            "number without an invoice is shown with its fate. Personal data is masked."
        ),
    )
    show.add_argument("invoice", metavar="INVOICE", help="pay code of a bill, or CODE-NUMBER")
    listing = add_command(actions, "list", _list, "list e-invoices", reads=True)
    listing.add_argument(
        "--state", choices=get_args(InvoiceState), default="", help="only in this state"
    )
    listing.add_argument("--red", action="store_true", help="only red ones")
    listing.add_argument("--unit", default="", metavar="CODE", help="only of this unit")
    listing.add_argument(
        "--from", dest="date_from", type=date_argument, default="", metavar="D", help="IssueDate"
    )
    listing.add_argument(
        "--to", dest="date_to", type=date_argument, default="", metavar="D", help="IssueDate"
    )
    add_limit(listing)
    numbers = add_command(
        actions,
        "numbers",
        _numbers,
        "tell what became of every number that was taken from stock",
        reads=True,
        description=(
            "Count the numbers that were taken, by code; with --code, tell the fate of every "
            "number of a code in runs: issued, reserved, voided (and why), still in stock. Exit 1 "
            "when a number was taken and nobody knows why."
        ),
    )
    numbers.add_argument("--code", default="", metavar="CODE", help="invoice code, 8 digits")


async def chosen(opened: Opened, text: str) -> tuple[str, str]:
    """Code and number that a text names: CODE-NUMBER, or the pay code of an invoiced bill.

    Raises CommandError.
    """
    named = _code_and_number(text)
    if named is not None:
        return named
    found = await opened.store.read(partial(einvoices.living, pay_code=text))
    if found is None:
        raise CommandError(
            "the bill has no living e-invoice", where=text, do="see `nontax einvoice show`"
        )
    return found.code, found.number


def _code_and_number(text: str) -> tuple[str, str] | None:
    """CODE-NUMBER, or the same 18 digits without the hyphen."""
    digits = text.replace("-", "", 1) if text[8:9] == "-" else text
    if len(digits) != 18:
        return None
    try:
        return split_bill_no(digits)
    except NumberingError as error:
        raise CommandError(str(error), where=text, do="check it") from None


# -- show ------------------------------------------------------------------------------------------


async def _show(arguments: argparse.Namespace) -> int:
    text: str = arguments.invoice
    async with open_gateway(arguments) as opened:
        named = _code_and_number(text)
        if named is None:
            found = await opened.store.read(partial(einvoices.of_bill, pay_code=text))
            if not found:
                raise CommandError("the bill has no e-invoice", where=text, do=_NOTHING)
            if len(found) > 1:
                return _print_list(found, as_json=wants_json(arguments))
            named = (found[0].code, found[0].number)
        code, number = named

        async def look(
            tx: Transaction,
        ) -> tuple[InvoiceNumber | None, Invoice | None, list[InvoiceEvent], str, Invoice | None]:
            row = await einvoices.archived(tx, code, number)
            return (
                await einvoices.number(tx, code, number),
                await einvoices.get(tx, code, number),
                await einvoices.events(tx, code, number),
                "" if row is None else row.sha256,
                await einvoices.red_of(tx, code, number),
            )

        taken, invoice, events, sha256, red = await opened.store.scan(look)
        held = await opened.store.read(
            partial(stock.range_of, medium="electronic", code=code, number=int(number))
        )
    if taken is None:
        if held is None:
            raise CommandError("nobody has such a number", where=text, do=_NOTHING)
        state = "in stock" if int(number) >= held.next else "unexplained"
        facts: dict[str, str] = {"number": f"{code}-{number}", "state": state}
        facts["unit"] = held.holder or "finance"
        if wants_json(arguments):
            print_json(facts)
        else:
            print_facts(facts.items())
        return FINE if state == "in stock" else NOT_FINE
    facts = _facts(taken, invoice, red, sha256)
    if wants_json(arguments):
        print_json({**facts, "events": [_event_json(event) for event in events]})
        return FINE
    print_facts(facts.items())
    for event in events:
        print(f"{_moment(event.at)}  {event.event}  {event.actor}  {event.detail}".rstrip())
    return FINE


def _facts(
    taken: InvoiceNumber, invoice: Invoice | None, red: Invoice | None, sha256: str
) -> dict[str, str]:
    facts = {
        "number": f"{taken.code}-{taken.number}",
        "unit": taken.unit_code,
        "fate": taken.state,
        "why": taken.why,
        "reserved by": taken.reserved_by,
        "reserved": _moment(taken.reserved_at),
    }
    if invoice is None:
        return facts
    return facts | {
        "kind": invoice.kind,
        "state": invoice.state,
        "bill": invoice.pay_code,
        "amount": format_yuan(invoice.amt),
        "payer": mask("name", invoice.payer_name),
        "issued": f"{show_date(invoice.issue_date)} {invoice.issue_time}",
        "signed by": "the unit itself (8981)" if invoice.source == "8981" else "the key kept here",
        "trade id": invoice.trade_id,
        "reverses": f"{invoice.related_code}-{invoice.related_number}" if invoice.is_red else "",
        "reversed by": f"{red.code}-{red.number}" if red is not None else "",
        "reason": invoice.reason,
        "sha256": sha256,
    }


def _event_json(event: InvoiceEvent) -> dict[str, Json]:
    return {
        "at": _moment(event.at),
        "event": event.event,
        "actor": event.actor,
        "detail": event.detail,
    }


def _moment(at: int) -> str:
    return civil_from_ms(at).strftime("%Y-%m-%d %H:%M:%S")


# -- lists -----------------------------------------------------------------------------------------


async def _list(arguments: argparse.Namespace) -> int:
    narrowed = InvoiceFilter(
        state=arguments.state,
        kind="red" if arguments.red else "",
        units=(arguments.unit,) if arguments.unit else (),
        date_from=arguments.date_from,
        date_to=arguments.date_to,
    )
    async with open_gateway(arguments) as opened:
        found = await opened.store.scan(
            partial(einvoices.page, narrowed=narrowed, limit=arguments.limit)
        )
    return _print_list(found, as_json=wants_json(arguments))


def _print_list(found: list[Invoice], *, as_json: bool) -> int:
    if as_json:
        print_json(
            [
                {
                    "code": one.code,
                    "number": one.number,
                    "kind": one.kind,
                    "state": one.state,
                    "PayCode": one.pay_code,
                    "unit": one.unit_code,
                    "Amt": format_yuan(one.amt),
                    "IssueDate": one.issue_date,
                    "IssueTime": one.issue_time,
                }
                for one in found
            ]
        )
        return FINE
    headings = ("invoice", "kind", "state", "bill", "unit", "amount", "issued")
    rows = [
        (
            f"{one.code}-{one.number}",
            one.kind,
            one.state,
            one.pay_code,
            one.unit_code,
            format_yuan(one.amt),
            f"{show_date(one.issue_date)} {one.issue_time}",
        )
        for one in found
    ]
    print_table(headings, rows, right="amount")
    return FINE


async def _numbers(arguments: argparse.Namespace) -> int:
    as_json = wants_json(arguments)
    async with open_gateway(arguments) as opened:
        if not arguments.code:
            counts = await opened.store.scan(einvoices.number_counts)
            return _print_counts(counts, as_json=as_json)
        found = await opened.store.scan(partial(fates, code=arguments.code))
    if not found:
        raise CommandError(
            "no such numbers were ever in stock", where=arguments.code, do="see --help"
        )
    if as_json:
        print_json([_fate_json(fate) for fate in found])
    else:
        headings = ("first", "last", "count", "fate", "unit", "why")
        rows = [
            (
                fate.first,
                fate.last,
                str(fate.count),
                fate.state,
                fate.holder or "finance",
                fate.why,
            )
            for fate in found
        ]
        print_table(headings, rows, right="count")
    return NOT_FINE if any(fate.state == "unexplained" for fate in found) else FINE


def _fate_json(fate: Fate) -> dict[str, Json]:
    return {
        "first": fate.first,
        "last": fate.last,
        "count": fate.count,
        "fate": fate.state,
        "unit": fate.holder,
        "why": fate.why,
    }


def _print_counts(counts: list[NumberCount], *, as_json: bool) -> int:
    if as_json:
        print_json(
            [
                {
                    "code": one.code,
                    "fate": one.state,
                    "count": one.count,
                    "first": one.first,
                    "last": one.last,
                }
                for one in counts
            ]
        )
        return FINE
    headings = ("code", "fate", "count", "first", "last")
    rows = [(one.code, one.state, str(one.count), one.first, one.last) for one in counts]
    print_table(headings, rows, right="count")
    return FINE
