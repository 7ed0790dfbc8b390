"""The printable page (票面) of an e-invoice: one self-contained Chinese HTML file.

It prints on half a sheet of A4; what has no room goes on to further half sheets (清单). All values
are shown in full, for the page is handed to the invoice's owner. Nothing is fetched, no script
runs, and whatever the document says is escaped. A page is a picture: what counts is the signed
document.
"""

from __future__ import annotations

from html import escape

from ..fields import EInvoice
from .annex import annex
from .face import face
from .style import RUNNING, STYLE
from .values import Checked, SignedBy, Standing
from .verdict import checked_of

__all__ = ["Checked", "SignedBy", "Standing", "checked_of", "page"]


def page(
    invoice: EInvoice, *, checked: Checked | None = None, standing: Standing | None = None
) -> str:
    """The page of an invoice.

    checked: what verification found, None for a document whose signatures were not looked at;
    standing: what became of the invoice since.
    """
    front = face(invoice, checked, standing or Standing())
    lists = annex(invoice, front, checked)
    running = RUNNING.format(left=f"{invoice.code} {invoice.number}") if lists else ""
    title = f"{invoice.main.EInvoiceName} {invoice.code}-{invoice.number}"
    return (
        '<!DOCTYPE html>\n<html lang="zh-CN"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}{running}</style></head>\n"
        f"<body>\n{front.html}\n{lists}</body></html>\n"
    )
