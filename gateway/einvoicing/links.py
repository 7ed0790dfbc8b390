"""Where citizens see their invoice: the address that ``[einvoice] url`` describes."""

from __future__ import annotations

from urllib.parse import quote


def invoice_url(template: str, code: str, number: str, random: str) -> str:
    """The address of an invoice; {code}, {number} and {random} are put in, '' stays ''."""
    link = template
    for name, value in (("code", code), ("number", number), ("random", random)):
        link = link.replace(f"{{{name}}}", quote(value, safe=""))
    return link
