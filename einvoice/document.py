"""The signed part of an e-invoice: its exact bytes, written and read.

Nothing here ever normalises: what a unit signed is verified and archived as it came, and
`read_signed` only says what is in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from .fields import EInvoice
from .numbering import invoice_tag
from .records import inside, read_record, write_record
from .rules import DocumentRule, broken
from .scan import MAX_DEPTH, MAX_ELEMENTS, MAX_SIGNED_BYTES, Node, scan

PARTS: Final = ("Header", "EInvoiceData")
_EXPECTED: Final = "Header and EInvoiceData"


def signed_bytes(invoice: EInvoice) -> bytes:
    """What the unit signs: ``<Header>…</Header><EInvoiceData>…</EInvoiceData>`` in UTF-8.

    Raises DocumentError for an invoice that breaks a rule.
    """
    out: list[str] = []
    write_record(invoice, out)
    check(invoice)
    out.insert(out.index("</Header>") + 1, "<EInvoiceData>")
    out.append("</EInvoiceData>")
    data = "".join(out).encode()
    if len(data) > MAX_SIGNED_BYTES:
        raise broken("", DocumentRule.SIZE, limit=MAX_SIGNED_BYTES)
    if data.count(b"</") + data.count(b"/>") > MAX_ELEMENTS:
        raise broken("", DocumentRule.ELEMENTS, limit=MAX_ELEMENTS)
    return data


def read_signed(data: bytes) -> EInvoice:
    """The invoice that the signed bytes say. Raises DocumentError, and nothing else.

    White space may stand between elements, yet not around the two parts: the document could not
    hold such bytes.
    """
    nodes = scan(data, max_bytes=MAX_SIGNED_BYTES, max_depth=MAX_DEPTH - 1)
    if tuple(node.name for node in nodes) != PARTS:
        raise broken("", DocumentRule.PARTS, expected=_EXPECTED)
    if nodes[0].start or nodes[1].end != len(data):
        raise broken("", DocumentRule.BETWEEN)
    return invoice_of(nodes)


def invoice_of(parts: Sequence[Node]) -> EInvoice:
    """The invoice of the elements Header and EInvoiceData. Raises DocumentError."""
    header, content = parts
    invoice = read_record(EInvoice, [header, *inside(content)])
    check(invoice)
    return invoice


def check(invoice: EInvoice) -> None:
    """What no single field shows: identity, region, sum, related invoice. Raises DocumentError.

    The fields themselves are sound: they were read or written before.
    """
    header, main = invoice.header, invoice.main
    tag = invoice_tag(main.EInvoiceCode)
    if header.EInvoiceTag != tag:
        value = header.EInvoiceTag
        raise broken("EInvoiceTag", DocumentRule.REGION, value=value, expected=tag)
    if header.EInvoiceID != f"{invoice.code}-{invoice.number}"[::-1]:
        raise broken("EInvoiceID", DocumentRule.IDENTITY, value=header.EInvoiceID)
    total = sum(item.ItemAmount for item in invoice.items)
    if total != main.TotalAmount:
        value = str(_yuan(main.TotalAmount))
        raise broken("TotalAmount", DocumentRule.SUM, value=value, expected=_yuan(total))
    code, number = invoice.related
    for name, related in (("RelatedInvoiceCode", code), ("RelatedInvoiceNumber", number)):
        if invoice.is_red and not related:
            raise broken(name, DocumentRule.RED)
        if related and not invoice.is_red:
            raise broken(name, DocumentRule.BLUE, value=related)
    if (code, number) == (invoice.code, invoice.number):
        raise broken("RelatedInvoiceNumber", DocumentRule.ITSELF, value=number)


def _yuan(fen: int) -> Decimal:
    """An amount of any size; sums may be longer than a field's 15 digits."""
    return Decimal(fen).scaleb(-2)
