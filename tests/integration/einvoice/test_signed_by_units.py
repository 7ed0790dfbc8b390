"""Invoices that units signed by themselves: verified as received, held against bill and number."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from nontax.einvoice.certificates import parse_certificates
from nontax.einvoice.document import signed_bytes
from nontax.einvoice.envelope import open_document
from nontax.einvoice.errors import DocumentError
from nontax.einvoice.fields import EInvoice, Item, MainExt, header_for
from nontax.einvoice.keys import PrivateKey, load_private_key
from nontax.gateway.einvoicing.basis import basis_of
from nontax.gateway.einvoicing.content import Draft, blue_invoice, red_invoice
from nontax.gateway.einvoicing.issue import Issued, IssueRefused, SignedByUnit, find
from nontax.gateway.einvoicing.numbers import void_expired

from ..flows.conftest import ESTATE, REGION, TODAY, UNIT, Office
from .issuing import CODE, LAND, document, issuing_at, judged, paid, reserved

NOW = f"{TODAY}100000"
OWN = f"{LAND}-own"


def key_of(office: Office, name: str = OWN) -> PrivateKey:
    """The unit's own key, which the gateway does not know."""
    return load_private_key((office.config.directory / f"einvoice/keys/{name}.key").read_bytes())


async def drawn(office: Office, pay_code: str, number: str, **main: Any) -> EInvoice:
    """The invoice that a unit's system draws up for a bill, with other values where given."""
    basis = await office.transact(partial(basis_of, pay_code=pay_code))
    draft = Draft(0, NOW, "ab12cd", UNIT, "李四", "王五")
    made = blue_invoice(basis, CODE, number, draft)
    items = main.pop("items", made.items)
    return replace(made, main=replace(made.main, **main), items=items)


def sent(office: Office, pay_code: str, invoice: EInvoice, **changes: Any) -> SignedByUnit:
    """What 8981 brings of it."""
    data = changes.pop("data", None) or signed_bytes(invoice)
    key = changes.pop("key", None) or key_of(office)
    fields: dict[str, Any] = {
        "node": UNIT,
        "units": frozenset({LAND}),
        "pay_code": pay_code,
        "bill_no": invoice.number,
        "bill_type": "0101",
        "region": REGION,
        "data": data,
        "signature": key.sign(data),
        "algorithm": "SM2" if "SM2" in key.algorithm else key.algorithm.value,
        "format": "DETACH",
        "time": NOW,
        "serial": serial_of(office, changes.pop("by", OWN)),
        "email": "a@example.cn",
        "telephone": "13000000000",
    }
    return SignedByUnit(**(fields | changes))


def serial_of(office: Office, name: str) -> str:
    pem = (office.config.directory / f"einvoice/certificates/{name}.pem").read_bytes()
    return parse_certificates(pem)[0].serial


async def accepted(office: Office, received: SignedByUnit) -> Issued:
    return await issuing_at(office).accept_signed(received)


async def test_what_the_unit_signed_is_archived_byte_for_byte(office: Office) -> None:
    pay_code = await paid(office)
    number = await reserved(office)
    invoice = await drawn(office, pay_code, number.number)
    # A unit's own program writes it in its own way.
    with pytest.raises(IssueRefused, match="around its parts"):
        await accepted(office, sent(office, pay_code, invoice, data=signed_bytes(invoice) + b"\n"))
    data = signed_bytes(invoice).replace(b"<Main>", b"\n  <Main>").replace(b":00:00<", b"0000<")
    done = await accepted(office, sent(office, pay_code, invoice, data=data))
    assert not done.repeated
    archived = await document(office, CODE, number.number)
    opened = open_document(archived)
    assert opened.signed == data
    verdict = judged(office, archived)
    assert verdict.is_fine, verdict.reasons
    assert opened.unit.algorithm == key_of(office).algorithm
    row = office.books.one("einvoices")
    assert (row["source"], row["actor"], row["email"]) == ("8981", UNIT, "a@example.cn")
    assert office.books.one("einvoice_numbers")["state"] == "issued"
    [found] = await office.transact(partial(find, bill_no=number.number, bill_type="320101"))
    assert found == done.invoice
    assert await office.transact(partial(find, bill_no=CODE + number.number)) == [found]
    for other in ("9999999999", "12", CODE[:-1] + "0" + number.number):
        assert await office.transact(partial(find, bill_no=other)) == []
    assert await office.transact(partial(find, bill_no=number.number, bill_type="0202")) == []


async def test_a_repeated_request_is_answered_with_the_first_invoice(office: Office) -> None:
    pay_code = await paid(office)
    one, other = await reserved(office), await reserved(office)
    first = sent(office, pay_code, await drawn(office, pay_code, one.number))
    second = sent(office, pay_code, await drawn(office, pay_code, other.number))
    several = [accepted(office, first) for _ in range(5)] + [accepted(office, second)]
    done = await asyncio.gather(*several)
    assert len({issued.invoice.number for issued in done}) == 1
    assert len(office.books.rows("einvoice_archive")) == 1
    again = await accepted(office, second)
    assert (again.repeated, again.invoice) == (True, done[0].invoice)
    states = [row["state"] for row in office.books.rows("einvoice_numbers")]
    assert sorted(states) == ["issued", "reserved"]


Change = Callable[[EInvoice], EInvoice]


def with_main(**changes: Any) -> Change:
    return lambda invoice: replace(invoice, main=replace(invoice.main, **changes))


def with_party(code: str) -> Change:
    return lambda invoice: replace(
        invoice,
        main=replace(
            invoice.main,
            invoicing_party=replace(invoice.main.invoicing_party, InvoicingPartyCode=code),
        ),
    )


def with_items(*items: tuple[str, int]) -> Change:
    made = tuple(Item(ItemCode=code, ItemName="收费", ItemAmount=amt) for code, amt in items)
    total = sum(amt for _, amt in items)
    return lambda invoice: replace(with_main(TotalAmount=total)(invoice), items=made)


def with_number(number: str) -> Change:
    return lambda invoice: replace(
        with_main(EInvoiceNumber=number)(invoice), header=header_for(CODE, number)
    )


WRONG: dict[str, tuple[Change, str]] = {
    "amount": (with_items(("103043211", 7900)), "TotalAmount"),
    "item": (with_items(("320600000001", 8000)), "is not on the bill"),
    "items": (with_items(("103043211", 9000), ("320600000001", -1000)), "is not on the bill"),
    "unit": (with_party(ESTATE), "is not a certificate of the unit"),
    "region": (with_main(SupervisorAreaCode="320699"), "SupervisorAreaCode"),
    "pay code": (with_main(ext=MainExt(PayCode="32068226000000000999")), "PayCode"),
    "no pay code": (with_main(ext=MainExt()), "PayCode"),
    "number of nobody": (with_number("0000000077"), "BillNo is not the number"),
    "yesterday": (with_main(IssueDate="20260220"), "too long ago"),
    "tomorrow": (with_main(IssueDate="20260303"), "in the future"),
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_what_differs_from_the_books_is_refused(office: Office, wrong: str) -> None:
    pay_code = await paid(office)
    number = await reserved(office)
    change, text = WRONG[wrong]
    invoice = change(await drawn(office, pay_code, number.number))
    with pytest.raises(IssueRefused, match=text) as caught:
        await accepted(office, sent(office, pay_code, invoice, bill_no=number.number))
    assert caught.value.information
    assert office.books.rows("einvoices") == []
    assert office.books.one("einvoice_numbers")["pay_code"] == ""
    # The number is still the unit's, for the right one.
    right = await drawn(office, pay_code, number.number)
    assert (await accepted(office, sent(office, pay_code, right))).invoice.number == number.number


FORGED: dict[str, tuple[dict[str, Any], str]] = {
    "other bytes": ({"signature": b"0"}, "is not the signature"),
    "format": ({"format": "ATTACH"}, "DETACH"),
    "algorithm": ({"algorithm": "MD5withRSA"}, "Algorithm"),
    "another algorithm": ({"algorithm": "SHA256withRSA"}, "not that of the certificate's key"),
    "time before": ({"time": f"{TODAY}095959"}, "not within 7 days"),
    "time ahead": ({"time": f"{TODAY}101500"}, "in the future"),
    "no time": ({"time": "20260230100000"}, "calendar"),
    "unknown certificate": ({"serial": "AB"}, "certificate is not configured"),
    "two certificates": ({"serial": ""}, "certificate is not configured"),
    "finance's certificate": ({"by": "finance"}, "is not the signature"),
    "kind": ({"bill_type": "0202"}, "BillTypeCode"),
    "kind's form": ({"bill_type": "x"}, "kind of invoice"),
    "number's form": ({"bill_no": "12"}, "BillNo"),
    "region": ({"region": "320699"}, "AdmDivCode"),
    "no document": ({"data": b"<Header></Header>"}, "Header"),
    "another node": ({"units": frozenset({ESTATE})}, "may not act"),
}


@pytest.mark.parametrize("forged", FORGED)
async def test_what_is_not_signed_as_it_should_be_is_refused(office: Office, forged: str) -> None:
    pay_code = await paid(office)
    number = await reserved(office)
    changes, text = FORGED[forged]
    received = sent(office, pay_code, await drawn(office, pay_code, number.number), **changes)
    with pytest.raises(IssueRefused, match=text):
        await accepted(office, received)
    assert office.books.rows("einvoices") == []


async def test_a_key_signs_for_its_own_unit_alone(office: Office) -> None:
    """Finance's key is no unit's, though its certificate is trusted."""
    pay_code = await paid(office)
    number = await reserved(office)
    invoice = await drawn(office, pay_code, number.number)
    received = sent(office, pay_code, invoice, key=key_of(office, "finance"), by="finance")
    with pytest.raises(IssueRefused, match=f"not a certificate of the unit {LAND}"):
        await accepted(office, received)


async def test_a_bill_of_another_unit_is_not_spoken_of(office: Office) -> None:
    """Neither whether it was paid, nor whether it is void."""
    pay_code, unpaid = await paid(office), await office.bill()
    number = await reserved(office)
    received = sent(office, pay_code, await drawn(office, pay_code, number.number))
    for bill in (pay_code, unpaid):
        with pytest.raises(IssueRefused, match="may not act for unit"):
            await accepted(office, replace(received, pay_code=bill, units=frozenset({ESTATE})))


async def test_a_number_serves_once_and_in_time(office: Office) -> None:
    pay_code, other = await paid(office), await paid(office)
    number = await reserved(office)
    invoice = await drawn(office, pay_code, number.number)
    await accepted(office, sent(office, pay_code, invoice))
    again = await drawn(office, other, number.number)
    with pytest.raises(IssueRefused, match="the number is used"):
        await accepted(office, sent(office, other, again))
    late = await reserved(office)
    office.tomorrow(31)
    await void_expired(office.gateway.store, office.clock, 30, by="system")
    office.tomorrow(-31)
    with pytest.raises(IssueRefused, match="the number is void"):
        await accepted(office, sent(office, other, await drawn(office, other, late.number)))
    foreign = await drawn(office, other, "0000000009")
    with pytest.raises(IssueRefused, match="not reserved for the unit"):
        await accepted(office, sent(office, other, foreign))


async def test_a_unit_reverses_by_its_own_signature(office: Office) -> None:
    pay_code = await paid(office)
    blue, red = await reserved(office), await reserved(office)
    original = await drawn(office, pay_code, blue.number)
    await accepted(office, sent(office, pay_code, original))
    draft = Draft(0, NOW, "ef34gh", UNIT, "李四", "王五")
    document_ = red_invoice(original, CODE, red.number, "单位冲红", draft)
    wrong = replace(document_, items=(replace(document_.items[0], ItemAmount=-100),))
    wrong = replace(wrong, main=replace(wrong.main, TotalAmount=-100))
    with pytest.raises(IssueRefused, match="TotalAmount"):
        await accepted(office, sent(office, pay_code, wrong))
    done = await accepted(office, sent(office, pay_code, document_))
    assert (done.invoice.kind, done.invoice.related_number) == ("red", blue.number)
    states = {row["number"]: row["state"] for row in office.books.rows("einvoices")}
    assert states == {blue.number: "reversed", red.number: "archived"}
    again = await accepted(office, sent(office, pay_code, document_))
    assert again.repeated
    anew = await reserved(office)
    after = await accepted(
        office, sent(office, pay_code, await drawn(office, pay_code, anew.number))
    )
    assert after.invoice.number == anew.number


async def test_what_is_wrong_with_a_red_document_is_told(office: Office) -> None:
    """And not that the bill has its blue one, which everybody knows."""
    pay_code = await paid(office)
    blue, red = await reserved(office), await reserved(office)
    original = await drawn(office, pay_code, blue.number)
    await accepted(office, sent(office, pay_code, original))
    draft = Draft(0, NOW, "ef34gh", UNIT, "李四", "王五")
    document_ = red_invoice(original, CODE, red.number, "单位冲红", draft)
    data = signed_bytes(document_).replace(b"<Version>1.1.0<", b"<Version>1.1<")
    with pytest.raises(IssueRefused, match="Version"):
        await accepted(office, sent(office, pay_code, document_, data=data))
    blue_again = signed_bytes(original).replace(b"<Version>1.1.0<", b"<Version>1.1<")
    again = await accepted(office, sent(office, pay_code, original, data=blue_again))
    assert again.repeated


async def test_the_same_bytes_are_answered_as_the_first_time_however_late(office: Office) -> None:
    pay_code = await paid(office)
    blue, red = await reserved(office), await reserved(office)
    original = await drawn(office, pay_code, blue.number)
    first = sent(office, pay_code, original)
    await accepted(office, first)
    draft = Draft(0, NOW, "ef34gh", UNIT, "李四", "王五")
    second = sent(office, pay_code, red_invoice(original, CODE, red.number, "单位冲红", draft))
    await accepted(office, second)
    office.tomorrow(8)
    for received, number in ((first, blue.number), (second, red.number)):
        again = await accepted(office, received)
        assert (again.repeated, again.invoice.number) == (True, number)
    with pytest.raises(IssueRefused, match="may not act for unit"):
        await accepted(office, replace(first, units=frozenset({ESTATE})))
    other = await paid(office)
    with pytest.raises(IssueRefused, match="too long ago"):
        await accepted(office, replace(first, pay_code=other))


async def test_a_document_that_breaks_its_own_rules_is_never_built(office: Office) -> None:
    pay_code = await paid(office)
    number = await reserved(office)
    invoice = await drawn(office, pay_code, number.number, TotalAmount=7999)
    with pytest.raises(DocumentError, match="TotalAmount"):
        signed_bytes(invoice)
