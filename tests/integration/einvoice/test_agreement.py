"""What the books say of e-invoices in several places is held together."""

from __future__ import annotations

import pytest

from nontax.gateway.store.einvoiceagreement import disagreements
from nontax.gateway.store.einvoices import verify_archive

from ..flows.conftest import Office
from .issuing import CODE, attempt, issued, issuing_at, paid, reserved, who


async def books_with_invoices(office: Office) -> None:
    """Two blue ones, one of them reversed, and a number that is only reserved."""
    done = await issued(office, await paid(office))
    await issued(office, await paid(office))
    await issuing_at(office).reverse(CODE, done.invoice.number, "错开", who(office))
    await reserved(office)
    assert await office.gateway.store.scan(disagreements) == []


WRONG = {
    "UPDATE einvoices SET state = 'archived' WHERE number = '0000000001'": (
        "0000000001 is reversed without an archived red invoice, or has one and is not reversed"
    ),
    "UPDATE einvoices SET state = 'reversed' WHERE number = '0000000002'": (
        "0000000002 is reversed without an archived red invoice, or has one and is not reversed"
    ),
    "UPDATE einvoices SET state = 'countersigning' WHERE number = '0000000002'": (
        "0000000002 has a document and is not archived"
    ),
    "UPDATE einvoice_numbers SET state = 'reserved' WHERE number = '0000000002'": (
        "0000000002 is in another state than its number"
    ),
    "UPDATE einvoice_numbers SET state = 'issued', pay_code = 'x' WHERE number = '0000000004'": (
        "0000000004 is a number that counts as issued, without an invoice"
    ),
    "UPDATE einvoice_archive SET sha256 = '" + "0" * 64 + "' WHERE seq = 2": (
        "the archive of e-invoices is not what the journal says, from 32010126-0000000002 on"
    ),
}


@pytest.mark.parametrize("sql", WRONG)
async def test_what_was_changed_in_one_place_is_found(office: Office, sql: str) -> None:
    await books_with_invoices(office)
    for name in office.books.rows("sqlite_master", type="trigger"):
        attempt(office, f'DROP TRIGGER "{name["name"]}"')
    attempt(office, sql)
    found = await office.gateway.store.scan(disagreements)
    assert WRONG[sql] in found[0]


async def test_an_archive_that_was_cut_and_closed_again_is_found(office: Office) -> None:
    await books_with_invoices(office)
    for name in office.books.rows("sqlite_master", type="trigger"):
        attempt(office, f'DROP TRIGGER "{name["name"]}"')
    attempt(office, "DELETE FROM einvoice_notices WHERE seq = 3")
    attempt(office, "DELETE FROM einvoice_archive WHERE seq = 3")
    attempt(
        office,
        "UPDATE einvoice_archive_head SET seq = 2,"
        " hash = (SELECT hash FROM einvoice_archive WHERE seq = 2)",
    )
    assert (await office.gateway.store.scan(verify_archive)).ok
    assert await office.gateway.store.scan(disagreements) == [
        f"e-invoice {CODE}-0000000003 is archived, its document is missing",
        f"the archive of e-invoices is not what the journal says, from {CODE}-0000000003 on",
    ]
