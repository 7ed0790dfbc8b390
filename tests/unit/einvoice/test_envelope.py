"""The whole document: put together, taken apart, and refused where a byte could hide."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from dataclasses import replace

import pytest
from lxml import etree

from nontax.einvoice.algorithms import SignatureAlgorithm, digest
from nontax.einvoice.document import signed_bytes
from nontax.einvoice.envelope import (
    Signature,
    assemble,
    civil_moment,
    countersign_input,
    decode_value,
    open_document,
    signature_element,
)
from nontax.einvoice.errors import DocumentError

from .documents import FINANCE, FULL, INVOICE, UNIT, document, edited

DOCUMENT = document()
SIGNED = signed_bytes(INVOICE)
UNIT_ELEMENT = signature_element(UNIT)
FINANCE_ELEMENT = signature_element(FINANCE)


def refused(data: bytes) -> DocumentError:
    with pytest.raises(DocumentError) as caught:
        open_document(data)
    return caught.value


def test_the_written_form_of_a_signature_is_exact() -> None:
    value = b64encode(FINANCE.value).decode()
    assert FINANCE_ELEMENT.decode() == (
        "<Signature><SignedInfo><Reference>HASH(/EInvoice/Header|/EInvoice/EInvoiceData)"
        "|/EInvoice/EInvoiceSignature/Signature[1]</Reference>"
        "<SignatureAlgorithm>SHA256withECDSA</SignatureAlgorithm>"
        "<SignatureFormat>DETACH</SignatureFormat>"
        "<SignatureTime>20261122093002+0800</SignatureTime>"
        f"<SignatureValue>{value}</SignatureValue></SignedInfo>"
        "<KeyInfo><SerialNumber>1A2C</SerialNumber>"
        "<X509IssuerName>CN=测试财政CA,O=测试 &amp; 财政,C=CN</X509IssuerName></KeyInfo>"
        "</Signature>"
    )


def test_a_document_is_taken_apart_into_its_own_bytes() -> None:
    for invoice in (INVOICE, FULL):
        opened = open_document(document(invoice))
        assert opened.signed == signed_bytes(invoice)
        assert opened.unit_element == UNIT_ELEMENT
        assert opened.finance_element == FINANCE_ELEMENT
        assert (opened.unit, opened.finance) == (UNIT, FINANCE)
        assert opened.invoice == invoice


def test_the_document_is_what_the_specification_draws() -> None:
    root = etree.fromstring(DOCUMENT)
    assert root.tag == "EInvoice"
    assert [child.tag for child in root] == ["Header", "EInvoiceData", "EInvoiceSignature"]
    assert [child.tag for child in root[2]] == ["Signature", "Signature"]
    assert [child.tag for child in root[2][0]] == ["SignedInfo", "KeyInfo"]
    assert DOCUMENT.startswith(b'<?xml version="1.0" encoding="UTF-8"?><EInvoice><Header>')


def test_a_signed_part_is_not_larger_than_a_unit_can_send() -> None:
    signed = edited(SIGNED, "</Main>", " " * 4_500_000 + "</Main>")
    assert "4500000 bytes" in str(refused(assemble(signed, UNIT_ELEMENT, FINANCE_ELEMENT)))


def test_what_the_unit_wrote_is_kept_byte_for_byte() -> None:
    signed = signed_bytes(INVOICE).replace(b"><", b">\r\n<").replace(b"80.00", b"80.0")
    unit = UNIT_ELEMENT.replace(b"><", b"> <").replace(b"SM3withSM2", b"SM2")
    opened = open_document(assemble(signed, unit, FINANCE_ELEMENT))
    assert opened.signed == signed
    assert opened.unit_element == unit
    assert opened.unit == UNIT
    assert opened.invoice == INVOICE


def test_finance_signs_the_hash_and_the_units_element() -> None:
    signed = signed_bytes(INVOICE)
    sha256 = countersign_input(SignatureAlgorithm.SHA256_WITH_RSA, signed, UNIT_ELEMENT)
    assert sha256 == hashlib.sha256(signed).hexdigest().encode() + UNIT_ELEMENT
    sm3 = countersign_input(SignatureAlgorithm.SM3_WITH_SM2, signed, UNIT_ELEMENT)
    assert sm3[:64] == digest(SignatureAlgorithm.SM3_WITH_SM2, signed).hex().encode()
    assert sm3[:64] == sm3[:64].lower() != sha256[:64]
    assert sm3[64:] == UNIT_ELEMENT


WRAPPED = {
    "no declaration": DOCUMENT.partition(b"?>")[2],
    "another declaration": DOCUMENT.replace(b"UTF-8", b"utf-8", 1),
    "a byte order mark": b"\xef\xbb\xbf" + DOCUMENT,
    "a line end behind": DOCUMENT + b"\n",
    "a second document": DOCUMENT + DOCUMENT.partition(b"?>")[2],
    "white space in the root": edited(DOCUMENT, "<EInvoice>", "<EInvoice> "),
    "white space in the root's tag": edited(DOCUMENT, "<EInvoice>", "<EInvoice >"),
    "white space before the signatures": edited(
        DOCUMENT, "<EInvoiceSignature>", "\n<EInvoiceSignature>"
    ),
    "white space between the signatures": DOCUMENT.replace(
        b"</Signature><Signature>", b"</Signature> <Signature>"
    ),
    "white space behind the signatures": edited(
        DOCUMENT, "</EInvoiceSignature>", " </EInvoiceSignature>"
    ),
    "a comment": edited(DOCUMENT, "</EInvoiceData>", "</EInvoiceData><!-- x -->"),
    "CDATA": edited(DOCUMENT, "李四", "<![CDATA[</Header>]]>"),
    "a second header": edited(DOCUMENT, "<Header>", "<Header></Header><Header>"),
    "another signed part in front": DOCUMENT.replace(b"<EInvoice>", b"<EInvoice>" + SIGNED, 1),
    "another signed part behind": edited(
        DOCUMENT, "<EInvoiceSignature>", SIGNED.decode() + "<EInvoiceSignature>"
    ),
    "the parts in another order": edited(
        DOCUMENT.replace(SIGNED, b""),
        "</EInvoiceSignature>",
        "</EInvoiceSignature>" + SIGNED.decode(),
    ),
    "no signature": assemble(SIGNED, b"", b""),
    "one signature": assemble(SIGNED, UNIT_ELEMENT, b""),
    "three signatures": assemble(SIGNED, UNIT_ELEMENT * 2, FINANCE_ELEMENT),
    "signatures out of order": assemble(SIGNED, FINANCE_ELEMENT, UNIT_ELEMENT),
    "a namespace": edited(DOCUMENT, "<EInvoice>", '<EInvoice xmlns="urn:x">'),
    "another root": DOCUMENT.replace(b"EInvoice>", b"Invoice>"),
    "nothing": b"",
    "only a declaration": DOCUMENT[: DOCUMENT.index(b"?>") + 2],
    "far too much": DOCUMENT + b" " * 5_000_000,
}


@pytest.mark.parametrize("data", WRAPPED.values(), ids=WRAPPED.keys())
def test_a_byte_outside_the_parts_is_refused(data: bytes) -> None:
    assert refused(data)


ELEMENT = FINANCE_ELEMENT.decode()
VALUE = b64encode(FINANCE.value).decode()
NOT_CANONICAL = {
    "white space": ELEMENT.replace("><KeyInfo", "> <KeyInfo"),
    "a tag with a space": ELEMENT.replace("<KeyInfo>", "<KeyInfo >"),
    "fields in another order": ELEMENT.replace("<SerialNumber>1A2C</SerialNumber>", "").replace(
        "</KeyInfo>", "<SerialNumber>1A2C</SerialNumber></KeyInfo>"
    ),
    "a reference for a letter": ELEMENT.replace("1A2C", "1A2&#67;"),
    "another reference": ELEMENT.replace("HASH(", "(("),
    "another name of the algorithm": ELEMENT.replace("SHA256withECDSA", "SM2"),
    "an unknown algorithm": ELEMENT.replace("SHA256withECDSA", "MD5withRSA"),
    "another format": ELEMENT.replace("DETACH", "ATTACH"),
    "no date": ELEMENT.replace("20261122093002", "20261322093002"),
    "no time": ELEMENT.replace("20261122093002", "20261122243002"),
    "no offset": ELEMENT.replace("+0800", "+0860"),
    "base64 without padding": ELEMENT.replace(VALUE, VALUE.rstrip("=")),
    "base64 with spare bits": ELEMENT.replace(VALUE, VALUE[:-2] + "1="),
    "base64 with a line end": ELEMENT.replace(VALUE, VALUE[:8] + "\n" + VALUE[8:]),
    "base64 with other characters": ELEMENT.replace(VALUE, "-_" + VALUE[2:]),
    "base64 that is Chinese": ELEMENT.replace(VALUE, "签名"),
    "no value": ELEMENT.replace(VALUE, ""),
    "no key": ELEMENT.partition("<KeyInfo>")[0] + "</Signature>",
    "a field more": ELEMENT.replace("<KeyInfo>", "<KeyInfo><X509SubjectName>x</X509SubjectName>"),
    "a field twice": ELEMENT.replace("<KeyInfo>", "<KeyInfo><SerialNumber>1A2C</SerialNumber>"),
    "empty": "<Signature/>",
}


@pytest.mark.parametrize("element", NOT_CANONICAL.values(), ids=NOT_CANONICAL.keys())
def test_the_canonical_form_of_finances_element_is_insisted_on(element: str) -> None:
    assert element != ELEMENT
    assert refused(assemble(SIGNED, UNIT_ELEMENT, element.encode()))


def test_a_signature_without_value_or_time_is_not_written() -> None:
    for wrong in (
        replace(UNIT, value=b""),
        replace(UNIT, time="2026"),
        replace(UNIT, time=""),
        replace(UNIT, serial=""),
        replace(UNIT, issuer="x" * 1001),
        replace(UNIT, format="ATTACH"),
    ):
        with pytest.raises(DocumentError):
            signature_element(wrong)


def test_the_bytes_of_a_value_are_not_shown() -> None:
    assert "value" not in repr(UNIT)
    assert VALUE not in str(
        refused(assemble(SIGNED, UNIT_ELEMENT, ELEMENT.replace(VALUE, VALUE[:-2]).encode()))
    )
    assert b64encode(UNIT.value).decode() not in repr(open_document(DOCUMENT))


def test_a_value_is_canonical_base64() -> None:
    assert decode_value("AAE=") == b"\x00\x01"
    for wrong in ("", "AAE", "AAF=", "AA E=", "AAE=\n", "AAE==", "签", "=AAE"):
        with pytest.raises(DocumentError):
            decode_value(wrong)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("20261122093000", "20261122093000"),
        ("20261122093000+0800", "20261122093000"),
        ("20261122013000+0000", "20261122093000"),
        ("20261231203000-0530", "20270101100000"),
        ("20240228235959+0759", "20240229000059"),
        ("00010101120000+0730", "00010101123000"),
    ],
)
def test_moments_are_civil_time(text: str, moment: str) -> None:
    assert civil_moment(text) == moment
    assert replace(UNIT, time=text).moment == moment


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026112209300",
        "202611220930000",
        "20260229093000",
        "20261122096000",
        "20261122093000Z",
        "20261122093000+08:00",
        "20261122093000+1500",
        "20261122093000 0800",
        "00010101000000+1400",
        "99991231235959-1400",
        "２0261122093000",
    ],
)
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(DocumentError):
        civil_moment(text)


def test_signatures_that_differ_are_different() -> None:
    assert UNIT != FINANCE
    assert isinstance(UNIT, Signature)
