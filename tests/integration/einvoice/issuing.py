"""Issuing at an office: paid bills, keys of the sample, documents as they were archived."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from nontax.einvoice.certificates import CertificateSet
from nontax.einvoice.trust import TrustPolicy
from nontax.einvoice.verify import Verification, verify
from nontax.gateway.einvoicing.issue import Issued, IssueRefused, Issuing
from nontax.gateway.einvoicing.keys import EInvoiceKeys, load_keys
from nontax.gateway.einvoicing.numbers import Fate, fates, reserve
from nontax.gateway.einvoicing.serving import make_issuing
from nontax.gateway.settlement.acting import Acting
from nontax.gateway.store import einvoices
from nontax.gateway.store.einvoice_records import InvoiceNumber

from ..flows.conftest import BANK, LAND, Office
from ..settlement.paying_back import paid

__all__ = ["BANK", "LAND", "paid"]

CODE = "32010126"


def who(office: Office, name: str = "maker1", *units: str) -> Acting:
    return Acting(name, frozenset(units), office.clock.now_ms(), office.clock.today())


def keys_of(office: Office) -> EInvoiceKeys:
    return load_keys(office.config)


def issuing_at(office: Office, **more: Any) -> Issuing:
    """Issuing with the sample's keys on the office's first store."""
    return make_issuing(office.config, office.gateway.store, office.clock, os.urandom, **more)


async def issued(office: Office, pay_code: str, **more: Any) -> Issued:
    return await issuing_at(office).issue(pay_code, who(office), **more)


async def document(office: Office, code: str, number: str) -> bytes:
    row = await office.gateway.store.read(partial(einvoices.archived, code=code, number=number))
    assert row is not None
    return row.document


def judged(office: Office, data: bytes) -> Verification:
    keys = keys_of(office)
    certificates: CertificateSet = keys.certificates
    policy: TrustPolicy = keys.policy
    return verify(data, certificates, policy)


async def fates_of(office: Office, code: str = CODE) -> list[Fate]:
    return await office.gateway.store.scan(partial(fates, code=code))


async def reserved(office: Office, unit: str = LAND, by: str = "K3206820002") -> InvoiceNumber:
    """A number that a unit reserved, as 8999 does."""
    number: InvoiceNumber = await office.transact(
        lambda tx: reserve(tx, unit_code=unit, bill_type="320101", by=by, at=office.clock.now_ms())
    )
    return number


@contextlib.contextmanager
def refused(office: Office, text: str) -> Iterator[None]:
    """What happens inside is refused with this text, and leaves no invoice and no number."""
    before = [len(office.books.rows(name)) for name in ("einvoices", "einvoice_numbers")]
    with pytest.raises(IssueRefused, match=text):
        yield
    after = [len(office.books.rows(name)) for name in ("einvoices", "einvoice_numbers")]
    assert before == after


def attempt(office: Office, sql: str, *arguments: object) -> None:
    """Write into the books past the gateway."""
    with contextlib.closing(sqlite3.connect(office.installation.store_file)) as books, books:
        books.execute(sql, arguments)
