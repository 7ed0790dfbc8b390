"""`nontax einvoice issue, reverse, void-expired`: e-invoices by an operator's hand."""

from __future__ import annotations

import argparse
import secrets
from pathlib import Path
from typing import Final

from ...codecs import format_yuan, gbk_length
from ..einvoicing.batch import Batch, BatchReport, LeftOut
from ..einvoicing.issue import Issued, IssueDelayed, IssueRefused, Issuing
from ..einvoicing.numbers import name_of, void_expired
from ..einvoicing.serving import make_issuing
from ..store.records import Operator
from .common import (
    FINE,
    NOT_FINE,
    CommandError,
    Json,
    Progress,
    Subparsers,
    add_command,
    print_json,
    wants_json,
)
from .einvoiceshowing import chosen, register_showing
from .issuing import acting_as
from .opening import Opened, act_as, open_gateway

MOST_SHOWN: Final = 100
_REASON_BYTES: Final = 200
_MOST_FILE_BYTES: Final = 64 * 1024 * 1024


def register(actions: Subparsers) -> None:
    """Add the actions."""
    issue = add_command(
        actions,
        "issue",
        _issue,
        "issue the e-invoices of paid bills with their units' keys",
        reads=True,
        operator=True,
        description=(
            "Issue e-invoices of paid bills, signed with the key of their unit that this gateway "
            "keeps, and countersigned. A bill that has its invoice keeps it; a run that was "
            "interrupted is continued by running it again. Exit 1 when a bill got none, with the "
            "reason."
        ),
    )
    issue.add_argument("pay_codes", nargs="*", metavar="PAYCODE", help="pay code (缴款识别码)")
    issue.add_argument(
        "--all",
        action="store_true",
        help="all paid bills that never had an invoice, of units whose keys are kept here",
    )
    issue.add_argument("--unit", default="", metavar="CODE", help="with --all: only of this unit")
    issue.add_argument("--file", type=Path, metavar="FILE", help="pay codes, one a line")
    issue.add_argument(
        "--kind",
        default="",
        metavar="TYPE",
        help="kind (BillTypeCode; default: the bill's, else the unit's first with numbers left)",
    )
    reverse = add_command(
        actions,
        "reverse",
        _reverse,
        "reverse an e-invoice by a red one (冲红)",
        reads=True,
        operator=True,
        description=(
            "Issue the red invoice of an e-invoice: a new number, negative amounts, the original "
            "named and marked as reversed. The bill can be invoiced again, or its payment be paid "
            "back: `nontax refund request`, which two operators decide."
        ),
    )
    reverse.add_argument(
        "invoice", metavar="INVOICE", help="pay code of its bill, or CODE-NUMBER of the invoice"
    )
    reverse.add_argument("--reason", required=True, metavar="TEXT", help="why (冲红原因)")
    register_showing(actions)
    add_command(
        actions,
        "void-expired",
        _void_expired,
        "void numbers that were reserved long ago and not used",
        reads=True,
        operator=True,
        description=(
            "Void the numbers that units reserved (8999) more than [einvoice] reserve_days ago "
            "and did not use; `nontax serve` does so by itself. They are never given again."
        ),
    )


def _issuing(opened: Opened) -> Issuing:
    return make_issuing(opened.config, opened.store, opened.clock, secrets.token_bytes)


# -- issue -----------------------------------------------------------------------------------------


async def _issue(arguments: argparse.Namespace) -> int:
    ways = [bool(arguments.pay_codes), arguments.all, arguments.file is not None]
    if sum(ways) != 1:
        raise CommandError(
            "name pay codes, or --all, or --file FILE", where="einvoice issue", do="name one"
        )
    if arguments.unit and not arguments.all:
        raise CommandError("--unit goes with --all", where="--unit", do="leave it out")
    pay_codes = arguments.pay_codes if arguments.file is None else _codes_in(arguments.file)
    async with open_gateway(arguments) as opened:
        actor = await act_as(opened, arguments)
        issuing = _issuing(opened)
        if len(arguments.pay_codes) == 1:
            return await _issue_one(opened, issuing, actor, arguments)
        progress = Progress("invoices")
        batch = Batch(
            opened.store,
            opened.clock,
            issuing,
            operator=actor.name,
            units=frozenset(filter(None, actor.units.split(","))),
            bill_type=arguments.kind,
            progress=progress.at,
        )
        try:
            if arguments.all:
                units = _units(opened, actor, arguments.unit)
                # What a run before this one has begun and not finished waits for nobody else.
                late: list[IssueDelayed] = []
                resumed = await issuing.resume(actor.name, older_ms=0, delayed=late.append)
                report, _ = await batch.issue_waiting(units)
                report.resumed = resumed
                report.delayed += [LeftOut(one.invoice.pay_code, one.what) for one in late]
            else:
                report = await batch.issue(dict.fromkeys(pay_codes))
        finally:
            progress.done()
    if wants_json(arguments):
        print_json(_report_json(report))
    else:
        _print_report(report)
    return NOT_FINE if report.refused or report.delayed else FINE


async def _issue_one(
    opened: Opened, issuing: Issuing, actor: Operator, arguments: argparse.Namespace
) -> int:
    pay_code: str = arguments.pay_codes[0]
    try:
        issued = await issuing.issue(pay_code, acting_as(opened, actor), bill_type=arguments.kind)
    except (IssueRefused, IssueDelayed) as error:
        raise _refused(error, pay_code) from None
    _tell(issued, as_json=wants_json(arguments))
    return FINE


def _units(opened: Opened, actor: Operator, wanted: str) -> list[str]:
    """Units whose keys are kept here, that the operator may act for, and that are wanted."""
    held = {code for code, unit in opened.config.einvoice.units.items() if unit.signs}
    own = set(filter(None, actor.units.split(",")))
    found = sorted(held & own if own else held)
    if wanted:
        if wanted not in found:
            raise CommandError(
                f"the key of unit {wanted} is not kept here, or {actor.name} may not act for it",
                where="--unit",
                do="see [einvoice.units] and `nontax operator list`",
            )
        return [wanted]
    if not found:
        raise CommandError(
            f"no unit's key is kept here that {actor.name} may use",
            do="enter [einvoice.units.CODE] with its key",
        )
    return found


def _codes_in(file: Path) -> list[str]:
    """The pay codes of a file, one a line; blank lines and lines from # on are passed by."""
    with file.open("rb") as opened:
        data = opened.read(_MOST_FILE_BYTES + 1)
    if len(data) > _MOST_FILE_BYTES:
        raise CommandError("is too large", where=str(file), do="divide it")
    try:
        lines = data.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise CommandError("is not UTF-8 text", where=str(file), do="correct it") from None
    found = [line.partition("#")[0].strip() for line in lines]
    for at, text in enumerate(found, 1):
        if text and not (text.isascii() and text.isalnum() and len(text) <= 20):
            raise CommandError(
                "is no pay code", where=f"{file}, line {at}", do="one pay code a line"
            )
    return [text for text in found if text]


def _tell(issued: Issued, *, as_json: bool) -> None:
    invoice = issued.invoice
    if as_json:
        print_json(
            {
                "code": invoice.code,
                "number": invoice.number,
                "kind": invoice.kind,
                "PayCode": invoice.pay_code,
                "Amt": format_yuan(invoice.amt),
                "IssueDate": invoice.issue_date,
                "repeated": issued.repeated,
            }
        )
        return
    word = "there is already" if issued.repeated else "issued"
    colour = "red invoice" if invoice.is_red else "invoice"
    print(
        f"{word} {colour} {invoice.code}-{invoice.number},"
        f" {format_yuan(invoice.amt)} yuan, of bill {invoice.pay_code}"
    )


def _report_json(report: BatchReport) -> dict[str, Json]:
    def listed(left_out: list[LeftOut]) -> list[Json]:
        return [{"PayCode": one.pay_code, "reason": one.what, "do": one.do} for one in left_out]

    return {
        "issued": report.issued,
        "repeated": report.repeated,
        "resumed": report.resumed,
        "Amt": format_yuan(report.amt),
        "refused": listed(report.refused),
        "delayed": listed(report.delayed),
    }


def _print_report(report: BatchReport) -> None:
    print(
        f"{report.issued} invoices issued, {format_yuan(report.amt)} yuan;"
        f" {report.repeated} bills had theirs"
    )
    if report.resumed:
        print(f"{report.resumed} invoices that were begun before were finished")
    for word, left_out in (("later", report.delayed), ("left out", report.refused)):
        for one in left_out[:MOST_SHOWN]:
            print(f"{word}: {one.pay_code}: {one.what}{f' - {one.do}' if one.do else ''}")
        if len(left_out) > MOST_SHOWN:
            print(f"{word}: {len(left_out)} in all, the first are shown; --json has them all")


def _refused(error: IssueRefused | IssueDelayed, where: str) -> CommandError:
    if isinstance(error, IssueDelayed):
        name = f"{error.invoice.code}-{error.invoice.number}"
        return CommandError(
            f"{name} is not finished: {error.what}",
            where=where,
            do="`nontax serve` goes on with it; the same command does, too",
            code=NOT_FINE,
        )
    code = 2 if error.wrong_input else NOT_FINE
    return CommandError(error.what, where=where, do=error.do, code=code)


# -- reverse, void ---------------------------------------------------------------------------------


async def _reverse(arguments: argparse.Namespace) -> int:
    reason: str = arguments.reason.strip()
    if not reason or not reason.isprintable() or gbk_length(reason) > _REASON_BYTES:
        raise CommandError(
            f"the reason must have 1 to {_REASON_BYTES} bytes of GBK without control characters",
            where="--reason",
            do="correct it",
        )
    async with open_gateway(arguments) as opened:
        actor = await act_as(opened, arguments)
        code, number = await chosen(opened, arguments.invoice)
        try:
            issued = await _issuing(opened).reverse(code, number, reason, acting_as(opened, actor))
        except (IssueRefused, IssueDelayed) as error:
            raise _refused(error, arguments.invoice) from None
    _tell(issued, as_json=wants_json(arguments))
    return FINE


async def _void_expired(arguments: argparse.Namespace) -> int:
    async with open_gateway(arguments) as opened:
        actor = await act_as(opened, arguments)
        progress = Progress("numbers")
        try:
            voided = await void_expired(
                opened.store,
                opened.clock,
                opened.config.einvoice.reserve_days,
                by=actor.name,
                progress=progress.at,
            )
        finally:
            progress.done()
    if wants_json(arguments):
        print_json(
            [{"code": one.code, "number": one.number, "unit": one.unit_code} for one in voided]
        )
    else:
        for one in voided[:MOST_SHOWN]:
            print(f"voided {name_of(one)} of unit {one.unit_code}")
        print(f"{len(voided)} numbers voided")
    return FINE
