"""Handing out archived e-invoices: the document byte for byte, or its page for people."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum
from hmac import compare_digest
from typing import Final

from ...einvoice.certificates import CertificateSet
from ...einvoice.envelope import open_document
from ...einvoice.numbering import NumberingError, bill_type_of, parse_code, split_bill_no
from ...einvoice.render import Standing, checked_of, page
from ...einvoice.trust import TrustPolicy
from ...einvoice.verify import verify
from ..store import einvoices
from ..store.einvoice_records import Invoice
from ..store.protocol import Transaction
from .links import invoice_url

_CODE_DIGITS: Final = 8
_WHOLE: Final = 18
_NOTHING: Final = "------"
"""What a check code is compared with where there is no invoice; no RandomNumber is like it."""


class Form(StrEnum):
    """What is handed out: the document with both signatures, or the page (票面)."""

    XML = "XML"
    HTML = "HTML"


def form_of(hold: str) -> Form:
    """The form that Hold1 of 8982 asks for: ``HTML`` is the page, all else the document."""
    return Form.HTML if hold.strip().upper() == Form.HTML else Form.XML


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks over the wire.

    units: what a unit's node speaks for; their invoices need no check code, all others do.
    only_units: nothing else is handed out at all (a unit's node).
    """

    regions: Collection[str]
    units: Collection[str] = ()
    only_units: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """What 8982 names. bill_type: 4, 6 or 8 digits; bill_no: 10 digits, or 18 with the code."""

    bill_type: str
    bill_no: str
    region: str
    crc: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class HandOut:
    """An archived invoice. reversed_by: the archived red invoice of a blue one, if any."""

    invoice: Invoice
    document: bytes = field(repr=False)
    sha256: str
    archived_at: int
    reversed_by: tuple[str, str] | None = None


# -- finding ---------------------------------------------------------------------------------------


async def archived(tx: Transaction, code: str, number: str) -> HandOut | None:
    """The archived invoice of a code and number; None while it is not archived."""
    invoice = await einvoices.get(tx, code, number)
    return None if invoice is None else await _with_document(tx, invoice)


async def of_bill(tx: Transaction, pay_code: str) -> HandOut | None:
    """The archived blue invoice of a bill that is not reversed."""
    invoice = await einvoices.living(tx, pay_code)
    return None if invoice is None else await _with_document(tx, invoice)


async def find(tx: Transaction, name: str) -> HandOut | None:
    """What a person names: CODE-NUMBER (also without the hyphen), or a pay code (缴款码)."""
    code, number = split_name(name)
    if number:
        return await archived(tx, code, number)
    return await of_bill(tx, name)


def split_name(name: str) -> tuple[str, str]:
    """Code and number of CODE-NUMBER, with or without the hyphen; both '' for anything else."""
    text = name.replace("-", "", 1) if name[_CODE_DIGITS : _CODE_DIGITS + 1] == "-" else name
    if len(text) == _WHOLE:
        try:
            return split_bill_no(text)
        except NumberingError:
            pass
    return "", ""


async def hand_out(tx: Transaction, wanted: Wanted, asker: Asker) -> HandOut | None:
    """What 8982 is answered with; None, whatever the reason, for what is not handed out.

    A check code (CrcCode) that is given must be the invoice's RandomNumber; one is needed unless
    the asker is the node of the invoice's own unit. Reasons are not told apart, so that nobody can
    find out which numbers exist, nor guess a check code faster than by asking for each.
    """
    found: Invoice | None = None
    candidates = await _candidates(tx, wanted, asker)
    if not candidates:
        _same(wanted.crc, _NOTHING)
    for invoice in candidates:
        entitled = not wanted.crc and invoice.unit_code in asker.units
        matches = _same(wanted.crc, invoice.random)
        if found is None and (matches or entitled):
            found = invoice
    return None if found is None else await _with_document(tx, found)


async def _candidates(tx: Transaction, wanted: Wanted, asker: Asker) -> list[Invoice]:
    """Archived invoices that the number may mean, newest code first."""
    try:
        code, number = split_bill_no(wanted.bill_no)
        kind = bill_type_of(wanted.bill_type)
    except NumberingError:
        return []
    if not code and len(wanted.bill_type) == _CODE_DIGITS:
        code = wanted.bill_type
    if code:
        one = await einvoices.get(tx, code, number)
        among = [] if one is None else [one]
    else:
        among = await einvoices.by_number(tx, number)
    return [
        invoice
        for invoice in among
        if invoice.is_archived
        and parse_code(invoice.code).bill_type == kind
        and invoice.region == wanted.region
        and invoice.region in asker.regions
        and (not asker.only_units or invoice.unit_code in asker.units)
    ]


def _same(given: str, expected: str) -> bool:
    """Whether two check codes are equal, in the same time wherever they differ."""
    return compare_digest(given.encode(), expected.encode())


async def _with_document(tx: Transaction, invoice: Invoice) -> HandOut | None:
    row = await einvoices.archived(tx, invoice.code, invoice.number)
    if row is None:
        return None
    by: tuple[str, str] | None = None
    if invoice.state == "reversed":
        red = await einvoices.red_of(tx, invoice.code, invoice.number)
        by = None if red is None else (red.code, red.number)
    return HandOut(invoice, row.document, row.sha256, row.archived_at, by)


# -- showing ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Showing:
    """What pages are made with: certificates, whom we believe, where invoices can be looked at."""

    certificates: CertificateSet
    policy: TrustPolicy
    url: str

    def page(self, given: HandOut) -> str:
        """The page (票面) of an invoice as HTML, with what verification finds now.

        Verifying takes about a millisecond, and making the page of 999 items some more: call it in
        a thread. Raises DocumentError for an archive that was damaged.
        """
        found = verify(given.document, self.certificates, self.policy)
        invoice = found.invoice or open_document(given.document).invoice
        main = invoice.main
        link = invoice_url(self.url, main.EInvoiceCode, main.EInvoiceNumber, main.RandomNumber)
        standing = Standing(reversed_by=given.reversed_by, inspect_url=link)
        return page(invoice, checked=checked_of(found), standing=standing)

    def content(self, given: HandOut, form: Form) -> bytes:
        """The bytes that are handed out in a form; of XML exactly those of the archive."""
        return given.document if form is Form.XML else self.page(given).encode()
