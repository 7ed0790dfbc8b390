"""Whether what the books say of e-invoices in several places is the same: for `nontax check`."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Final

from .protocol import Transaction

_PAGE_ROWS: Final = 1000
_ENTRIES: Final = (
    "SELECT seq, subject, facts FROM journal WHERE kind = 'einvoice.issued' AND seq > ?1"
    " ORDER BY seq LIMIT ?2"
)
_DOCUMENTS: Final = (
    "SELECT seq, code, number, sha256 FROM einvoice_archive WHERE seq > ?1 ORDER BY seq LIMIT ?2"
)
# What an invoice is, and what then must be said of it elsewhere.
_RULES: Final = (
    (
        "is archived, its document is missing",
        (
            "SELECT e.code, e.number FROM einvoices AS e LEFT JOIN einvoice_archive AS a"
            " ON a.code = e.code AND a.number = e.number"
            " WHERE e.state IN ('archived', 'reversed') AND a.seq IS NULL"
        ),
    ),
    (
        "has a document and is not archived",
        (
            "SELECT e.code, e.number FROM einvoice_archive AS a JOIN einvoices AS e"
            " ON e.code = a.code AND e.number = a.number"
            " WHERE e.state NOT IN ('archived', 'reversed')"
        ),
    ),
    (
        "is in another state than its number",
        (
            "SELECT e.code, e.number FROM einvoices AS e LEFT JOIN einvoice_numbers AS n"
            " ON n.code = e.code AND n.number = e.number WHERE n.state IS NULL OR n.state <>"
            " CASE WHEN e.state IN ('archived', 'reversed') THEN 'issued'"
            " WHEN e.state = 'abandoned' THEN 'voided' ELSE 'reserved' END"
        ),
    ),
    (
        "is a number that counts as issued, without an invoice",
        (
            "SELECT n.code, n.number FROM einvoice_numbers AS n LEFT JOIN einvoices AS e"
            " ON e.code = n.code AND e.number = n.number"
            " WHERE n.state = 'issued' AND e.number IS NULL"
        ),
    ),
    (
        "is reversed without an archived red invoice, or has one and is not reversed",
        (
            "SELECT e.code, e.number FROM einvoices AS e LEFT JOIN einvoices AS r"
            " ON r.related_code = e.code AND r.related_number = e.number AND r.state = 'archived'"
            " WHERE e.kind = 'blue' AND (e.state = 'reversed') <> (r.number IS NOT NULL)"
        ),
    ),
)
_ORDER: Final = " ORDER BY 1, 2 LIMIT 1"


async def disagreements(tx: Transaction) -> list[str]:
    """What does not go together, the first of each kind; use it inside ``Store.scan``.

    The journal holds the digest of every document that was archived, so that an archive that was
    cut or written anew, with its own chain intact, is found too.
    """
    found = []
    for text, sql in _RULES:
        row = await tx.one(sql + _ORDER)
        if row is not None:
            found.append(f"e-invoice {row[0]}-{row[1]} {text}")
    fault = await _against_journal(tx)
    return [*found, fault] if fault else found


async def _against_journal(tx: Transaction) -> str:
    """The first difference of the archive from the journal, '' for none."""
    entries, documents = _entries(tx), _documents(tx)
    while True:
        said, kept = await anext(entries, None), await anext(documents, None)
        if said is None and kept is None:
            return ""
        if said != kept:
            name = (kept or said or ("",))[0]
            return f"the archive of e-invoices is not what the journal says, from {name} on"


async def _entries(tx: Transaction) -> AsyncIterator[tuple[str, str]]:
    """Name and digest of every document, as the journal has them."""
    after = 0
    while rows := await tx.all(_ENTRIES, after, _PAGE_ROWS):
        for _, subject, facts in rows:
            yield str(subject), str(json.loads(facts).get("sha256"))
        after = int(rows[-1][0])


async def _documents(tx: Transaction) -> AsyncIterator[tuple[str, str]]:
    """The same, as the archive has them."""
    after = 0
    while rows := await tx.all(_DOCUMENTS, after, _PAGE_ROWS):
        for _, code, number, digest in rows:
            yield f"{code}-{number}", str(digest)
        after = int(rows[-1][0])
