"""Finance signs nothing that nobody would believe: its own certificate is judged, too."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from nontax.einvoice.certificates import parse_certificates
from nontax.einvoice.hierarchy import Holder, make_revocation_list, marked_name
from nontax.einvoice.keys import load_private_key
from nontax.gateway.einvoicing.issue import IssueDelayed
from nontax.gateway.store import einvoices

from ..flows.conftest import Office
from .issuing import CODE, issued, issuing_at, judged, paid, refused, reserved, who
from .test_signed_by_units import accepted, drawn, sent

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def revoke(office: Office, *names: str) -> None:
    """The authority's list names these certificates from now on, as revoked long ago."""
    folder = office.config.directory / "einvoice"
    certificates = folder / "certificates"

    def read(name: str) -> bytes:
        return (certificates / f"{name}.pem").read_bytes()

    [authority] = parse_certificates(read("intermediate"))
    key = load_private_key((folder / "keys" / "test-ca.key").read_bytes())
    holder = Holder(authority, key, marked_name("测试电子票据CA"))
    serials = [int(parse_certificates(read(name))[0].serial, 16) for name in names]
    der = make_revocation_list(
        holder,
        [(serial, LONG_AGO) for serial in serials],
        number=2,
        this_update=LONG_AGO,
        next_update=datetime(2036, 1, 1, tzinfo=UTC),
    )
    (folder / "test.crl").write_bytes(der)


async def test_a_revoked_certificate_of_finance_issues_nothing(office: Office) -> None:
    first, second = await paid(office), await paid(office)
    done = await issued(office, first)
    number = await reserved(office)
    received = sent(office, second, await drawn(office, second, number.number))
    revoke(office, "finance")
    with refused(office, "finance's certificate: revocation"):
        await issued(office, second)
    with refused(office, "finance's certificate: revocation"):
        await issuing_at(office).reverse(CODE, done.invoice.number, "错开", who(office))
    with refused(office, "finance's certificate: revocation"):
        await accepted(office, received)
    revoke(office)
    answer = await accepted(office, received)
    row = await office.gateway.store.read(lambda tx: einvoices.archived(tx, CODE, number.number))
    assert row is not None
    assert judged(office, row.document).is_fine
    assert answer.invoice.number == number.number


async def test_what_was_begun_waits_for_a_certificate_that_is_believed(office: Office) -> None:
    pay_code = await paid(office)

    class Stopped:
        is_remote = False

        async def countersign(self, wanted: object) -> object:
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await issuing_at(office, countersigner=Stopped()).issue(pay_code, who(office))
    revoke(office, "finance")
    with pytest.raises(IssueDelayed, match="finance's certificate: revocation"):
        await issued(office, pay_code)
    assert office.books.one("einvoices")["state"] == "built"
    revoke(office)
    done = await issued(office, pay_code)
    assert (done.invoice.number, done.repeated) == ("0000000001", False)
