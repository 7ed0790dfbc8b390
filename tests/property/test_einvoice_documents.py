"""E-invoices: read as written, whatever arrives; and no changed byte goes unnoticed."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from nontax.einvoice.algorithms import SignatureAlgorithm
from nontax.einvoice.document import read_signed, signed_bytes
from nontax.einvoice.envelope import (
    FINANCE_REFERENCE,
    UNIT_REFERENCE,
    Opened,
    Signature,
    assemble,
    open_document,
    signature_element,
)
from nontax.einvoice.errors import DocumentError
from nontax.einvoice.fields import (
    AuxItem,
    EInvoice,
    InvoicingParty,
    Item,
    Main,
    MainExt,
    PayerParty,
    Seal,
    header_for,
    split_quantity,
)
from nontax.einvoice.scan import Node, scan
from nontax.einvoice.table import CONTROL, Extension

from ..unit.einvoice.documents import FULL, document

# What a value may hold: any character but controls; blank texts are missing ones.
CHARACTERS = st.characters(exclude_categories=("Cs", "Cc"), include_characters="\t\r\n").filter(
    lambda c: CONTROL.search(c) is None
)
DIGITS = "0123456789"


def text(minimum: int, maximum: int) -> st.SearchStrategy[str]:
    return st.text(CHARACTERS, min_size=minimum, max_size=min(maximum, 40)).filter(
        lambda value: bool(value.strip())
    )


def optional(minimum: int, maximum: int) -> st.SearchStrategy[str]:
    return st.just("") | text(max(minimum, 1), maximum)


def digits(count: int) -> st.SearchStrategy[str]:
    return st.text(DIGITS, min_size=count, max_size=count)


numbers = st.integers(1, 9_999_999_999).map("{:010d}".format)
moments = st.datetimes().map(lambda value: f"{value.year:04d}{value:%m%d%H%M%S}")
names = st.from_regex(r"[A-Za-z_一-龥][A-Za-z0-9_.一-龥-]{0,8}", fullmatch=True)
leaves = st.builds(Extension, names, optional(1, 20))
extensions = st.lists(
    leaves
    | st.builds(
        lambda name, inside: Extension(name, "", tuple(inside)),
        names,
        st.lists(leaves, min_size=1, max_size=3),
    ),
    max_size=3,
).map(tuple)
seals = st.none() | st.builds(Seal, SealId=text(32, 32).filter(lambda t: len(t) == 32),
                              SealName=text(1, 100), SealHash=text(1, 256))  # fmt: skip


@st.composite
def items(draw: st.DrawFn) -> Item:
    quantity = draw(st.none() | st.decimals("-99999", "999999999999", places=3))
    whole, ext = split_quantity(quantity)
    return Item(
        ItemCode=draw(text(1, 30)),
        ItemName=draw(text(1, 100)),
        ItemAmount=draw(st.integers(-(10**14), 10**14)),
        ItemUnit=draw(optional(1, 30)),
        ItemQuantity=whole,
        ItemStd=draw(st.none() | st.integers(0, 10**17 - 1)),
        ext=ext + draw(extensions),
    )


@st.composite
def invoices(draw: st.DrawFn) -> EInvoice:
    code, number = draw(digits(8)), draw(numbers)
    details = tuple(draw(st.lists(items(), min_size=1, max_size=3)))
    total = sum(item.ItemAmount for item in details)
    moment = draw(moments)
    related = f"{int(number) % 9_999_999_999 + 1:010d}" if total < 0 else ""
    known = {"RelatedInvoiceCode", "RelatedInvoiceNumber", "PayCode"}
    main = Main(
        EInvoiceName=draw(text(1, 100)),
        EInvoiceCode=code,
        EInvoiceNumber=number,
        RandomNumber=draw(st.from_regex(r"[!-~]{6}", fullmatch=True)),
        EInvoiceSpecimenCode=draw(digits(10)),
        SupervisorAreaCode=draw(digits(6)),
        TotalAmount=total,
        IssueDate=moment[:8],
        IssueTime=f"{moment[8:10]}:{moment[10:12]}:{moment[12:]}",
        invoicing_party=InvoicingParty(
            InvoicingPartyCode=draw(text(1, 30)),
            InvoicingPartyName=draw(text(1, 100)),
            RecName=draw(optional(0, 100)),
            RecAcct=draw(optional(0, 50)),
        ),
        payer_party=PayerParty(
            PayerPartyType=draw(st.sampled_from("12")),
            PayerPartyCode=draw(optional(1, 30)),
            PayerPartyName=draw(text(1, 100)),
        ),
        PayMode=draw(optional(1, 2).filter(lambda mode: len(mode) < 3)),
        ExchangeRate=draw(st.none() | st.decimals(0, 1000, places=4).map(Decimal)),
        Remark=draw(optional(1, 40)),
        HandlingPerson=draw(text(1, 20).map(lambda name: name.strip()[:20])),
        Checker=draw(text(1, 20).map(lambda name: name.strip()[:20])),
        ext=MainExt(
            more=tuple(one for one in draw(extensions) if one.name not in known),
            RelatedInvoiceCode=code if related else "",
            RelatedInvoiceNumber=related,
            PayCode=draw(optional(1, 20).map(lambda value: value.strip()[:20])),
        ),
        invoicing_seal=draw(seals),
        supervisor_seal=draw(seals),
    )
    aux = st.lists(st.builds(AuxItem, fields=extensions), max_size=3)
    return EInvoice(
        header=header_for(code, number), main=main, items=details, aux_items=tuple(draw(aux))
    )


def signatures(reference: str) -> st.SearchStrategy[Signature]:
    return st.builds(
        Signature,
        reference=st.just(reference),
        algorithm=st.sampled_from(SignatureAlgorithm),
        time=st.just("20261122093000") | st.just("20261122093000-0130"),
        value=st.binary(min_size=1, max_size=80),
        serial=text(1, 60),
        issuer=text(1, 200),
    )


def leaves_of(nodes: list[Node], path: str = "") -> list[tuple[str, str]]:
    found = []
    for node in nodes:
        here = f"{path}/{node.name}"
        found += [(here, node.text)] if node.text is not None else leaves_of(node.children, here)
    return found


def leaves_of_lxml(elements: list[etree._Element], path: str = "") -> list[tuple[str, str]]:
    found = []
    for element in elements:
        here = f"{path}/{element.tag}"
        inside = list(element)
        found += leaves_of_lxml(inside, here) if inside else [(here, element.text or "")]
    return found


def check_against_lxml(data: bytes) -> None:
    """What our scanner reads, a parser of XML reads, too, and sees the same."""
    root = etree.fromstring(
        b"<r>" + data + b"</r>", etree.XMLParser(resolve_entities=False, huge_tree=True)
    )
    assert leaves_of(list(scan(data, max_bytes=10**7))) == leaves_of_lxml(list(root))


@given(invoices())
def test_an_invoice_is_read_as_written(invoice: EInvoice) -> None:
    data = signed_bytes(invoice)
    assert read_signed(data) == invoice
    assert signed_bytes(read_signed(data)) == data
    check_against_lxml(data)


@given(invoices(), signatures(UNIT_REFERENCE) | signatures("x"), signatures(FINANCE_REFERENCE))
def test_a_document_is_taken_apart_as_put_together(
    invoice: EInvoice, unit: Signature, finance: Signature
) -> None:
    parts = signed_bytes(invoice), signature_element(unit), signature_element(finance)
    opened = open_document(assemble(*parts))
    assert (opened.signed, opened.unit_element, opened.finance_element) == parts
    assert (opened.invoice, opened.unit, opened.finance) == (invoice, unit, finance)


# -- whatever arrives -----------------------------------------------------------------------------

DOCUMENT = document(FULL)
OPENED = open_document(DOCUMENT)
TAGS = (
    "EInvoice", "EInvoiceData", "EInvoiceSignature", "Header", "Main", "Details", "Item",
    "ItemExt", "MainExt", "Signature", "SignedInfo", "KeyInfo", "PayCode", "Checker", "病区",
)  # fmt: skip
PIECES = st.sampled_from(
    [
        *(f"<{tag}>".encode() for tag in TAGS),
        *(f"</{tag}>".encode() for tag in TAGS),
        *(f"<{tag}/>".encode() for tag in TAGS),
        b'<?xml version="1.0" encoding="UTF-8"?>', b"<EInvoice >", b"</Header >",
        b"<!--", b"-->", b"<![CDATA[", b"]]>", b"<!DOCTYPE a>", b"<?a?>", b" ", b"\r\n", b"&amp;",
        b"&#10;", b"&#x5f20;", b"&lt;/Header>", b"&", b"<", b">", b"80.00", "张".encode(), b"\xff",
        b"\x00", b"\xef\xbf\xbe", OPENED.signed, OPENED.unit_element, OPENED.finance_element,
    ]
)  # fmt: skip
garbage = st.binary(max_size=200) | st.lists(PIECES, max_size=12).map(b"".join)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """The document with a slice of it replaced by pieces of documents."""
    first = draw(st.integers(0, len(DOCUMENT)))
    last = draw(st.integers(first, min(len(DOCUMENT), first + 60)))
    return DOCUMENT[:first] + draw(garbage) + DOCUMENT[last:]


def opened_or_none(data: bytes) -> Opened | None:
    """What the document says; only DocumentError may leave."""
    try:
        return open_document(data)
    except DocumentError as caught:
        error = caught
    assert "\n" not in str(error)
    assert error.information
    return None


def check_noticed(data: bytes) -> None:
    """A document that is not the original shows it in a part that a signature or a field covers."""
    opened = opened_or_none(data)
    if opened is None:
        return
    assert assemble(opened.signed, opened.unit_element, opened.finance_element) == data
    assert (opened.signed, opened.unit_element, opened.finance) != (
        OPENED.signed,
        OPENED.unit_element,
        OPENED.finance,
    )


@given(garbage)
def test_only_document_errors_leave(data: bytes) -> None:
    opened_or_none(data)
    try:
        read_signed(data)
    except DocumentError:
        pass
    else:
        check_against_lxml(data)


@given(garbage)
def test_what_is_scanned_is_what_xml_says(data: bytes) -> None:
    try:
        scan(data, max_bytes=10**7)
    except DocumentError:
        return
    check_against_lxml(data)


@given(damaged())
def test_no_damage_goes_unnoticed(data: bytes) -> None:
    if data != DOCUMENT:
        check_noticed(data)


def test_no_changed_byte_goes_unnoticed() -> None:
    for offset, byte in enumerate(DOCUMENT):
        for mask in (0x01, 0x10, 0x20, 0x80):
            check_noticed(DOCUMENT[:offset] + bytes([byte ^ mask]) + DOCUMENT[offset + 1 :])


def test_no_added_or_missing_byte_goes_unnoticed() -> None:
    for offset in range(len(DOCUMENT) + 1):
        for byte in (b" ", b"\n", b"\r", b"=", b"0", b"\x00", b""):
            rest = DOCUMENT[offset + 1 :] if not byte else DOCUMENT[offset:]
            data = DOCUMENT[:offset] + byte + rest
            if data != DOCUMENT:
                check_noticed(data)


def test_finances_fields_say_every_change_of_its_element() -> None:
    """Beside the time, each has one value only, or is bound to the certificate."""
    start = DOCUMENT.index(OPENED.finance_element)
    changed = set()
    for offset in range(start, start + len(OPENED.finance_element)):
        for byte in b"0123456789ABCDEFabcdefz+/-":
            data = DOCUMENT[:offset] + bytes([byte]) + DOCUMENT[offset + 1 :]
            opened = opened_or_none(data)
            if opened is None or data == DOCUMENT:
                continue
            assert opened.finance != OPENED.finance
            for name in ("reference", "algorithm", "format", "time", "value", "serial", "issuer"):
                if getattr(opened.finance, name) != getattr(OPENED.finance, name):
                    changed.add(name)
    assert changed == {"time", "value", "serial", "issuer"}
    assert replace(OPENED.finance, time="x") != OPENED.finance
