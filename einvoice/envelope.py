"""The whole e-invoice: the signed part and two signatures, put together and taken apart.

::

    <?xml version="1.0" encoding="UTF-8"?><EInvoice>
      <Header>…</Header><EInvoiceData>…</EInvoiceData>            what the unit signed
      <EInvoiceSignature>
        <Signature>…</Signature>                                  the unit's
        <Signature>…</Signature>                                  finance's
      </EInvoiceSignature>
    </EInvoice>

without the white space. A document that has a byte more than these parts is refused, and the parts
are handed out as the bytes that they are in it. The unit's signature protects the signed part;
finance's protects both the signed part and the unit's element. Nothing protects finance's own
element but its form, which is therefore the one canonical form or refused: whatever is changed in
it changes a field, and each field but the time is bound to the certificate or has one value only.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import Final

from ..codecs.types import is_date, is_time
from .algorithms import SignatureAlgorithm, algorithm_named, digest
from .document import PARTS, invoice_of
from .fields import DETACHED, EInvoice, KeyInfo, SignatureFields, SignedInfo
from .records import inside, read_record, write_record
from .rules import DocumentRule, broken
from .scan import MAX_DOCUMENT_BYTES, MAX_SIGNED_BYTES, Node, scan
from .table import declared_row

UNIT_REFERENCE: Final = "/EInvoice/Header|/EInvoice/EInvoiceData"
"""Reference (签名原文引用) of the unit's signature."""
FINANCE_REFERENCE: Final = f"HASH({UNIT_REFERENCE})|/EInvoice/EInvoiceSignature/Signature[1]"
"""Reference of finance's signature, the only one that is accepted, for nothing signs it."""

_CIVIL: Final = timezone(timedelta(hours=8))
_OFFSET = re.compile(r"(?:[+-](?:0[0-9]|1[0-4])[0-5][0-9])?")
_VALUE: Final = declared_row(SignedInfo, "SignatureValue")
_DECLARATION: Final = b'<?xml version="1.0" encoding="UTF-8"?>'
_OPENING: Final = b"<EInvoice>"
_PARTS: Final = (*PARTS, "EInvoiceSignature")
_EXPECTED: Final = "Header, EInvoiceData and EInvoiceSignature"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """One Signature element (数字签名).

    time: ``yyyymmddHHMMSS``, civil time, or with an offset ``±hhmm``; serial and issuer: as the
    certificate says them in their canonical form.
    """

    reference: str
    algorithm: SignatureAlgorithm
    time: str
    value: bytes = field(repr=False)
    serial: str
    issuer: str
    format: str = DETACHED

    @property
    def moment(self) -> str:
        """The time as ``yyyymmddHHMMSS`` of civil time (+08:00): these compare as text."""
        return civil_moment(self.time)


@dataclass(frozen=True, slots=True)
class Opened:
    """A document taken apart; the bytes are slices of it as received."""

    signed: bytes = field(repr=False)
    unit_element: bytes = field(repr=False)
    finance_element: bytes = field(repr=False)
    unit: Signature
    finance: Signature
    invoice: EInvoice


def civil_moment(text: str) -> str:
    """A UTCDateTime (14 digits, or 19 with its offset) as ``yyyymmddHHMMSS`` of civil time.

    Raises DocumentError.
    """
    clock, offset = text[:14], text[14:]
    if is_date(clock[:8]) and is_time(clock[8:]) and _OFFSET.fullmatch(offset):
        if offset in ("", "+0800"):
            return clock
        try:
            moment = datetime.strptime(text, "%Y%m%d%H%M%S%z").astimezone(_CIVIL)
        except OverflowError:  # the first or the last day of the calendar
            pass
        else:
            return f"{moment.year:04d}{moment:%m%d%H%M%S}"
    raise broken("SignatureTime", DocumentRule.MOMENT, value=text)


def decode_value(text: str) -> bytes:
    """The bytes of a SignatureValue in canonical base64. Raises DocumentError."""
    try:
        value = b64decode(text.encode("ascii"), validate=True)
    except ValueError:
        value = b""
    if not value or b64encode(value) != text.encode("ascii"):
        raise broken("SignatureValue", DocumentRule.BASE64)
    return value


def signature_element(signature: Signature) -> bytes:
    """The Signature element in its canonical written form. Raises DocumentError."""
    civil_moment(signature.time)
    if not signature.value:
        raise broken("SignatureValue", DocumentRule.EMPTY)
    value = _VALUE.write("SignatureValue", b64encode(signature.value).decode())
    before = _before_time(signature.reference, signature.algorithm, signature.format)
    return (
        f"<Signature>{before}<SignatureTime>{signature.time}</SignatureTime>"
        f"<SignatureValue>{value}</SignatureValue></SignedInfo>"
        f"{_key_info(signature.serial, signature.issuer)}</Signature>"
    ).encode()


# A node signs with few keys: what is the same in all their signatures is written once.
@lru_cache(maxsize=64)
def _before_time(reference: str, algorithm: SignatureAlgorithm, form: str) -> str:
    """SignedInfo up to SignatureTime. Raises DocumentError."""
    info = SignedInfo(
        Reference=reference,
        SignatureAlgorithm=algorithm.value,
        SignatureFormat=form,
        SignatureTime="20000101000000",
        SignatureValue="AA==",
    )
    rows: list[str] = []
    write_record(info, rows)
    return "<SignedInfo>" + "".join(rows[:3])


@lru_cache(maxsize=1024)
def _key_info(serial: str, issuer: str) -> str:
    """The KeyInfo element. Raises DocumentError."""
    rows: list[str] = []
    write_record(KeyInfo(SerialNumber=serial, X509IssuerName=issuer), rows)
    return f"<KeyInfo>{''.join(rows)}</KeyInfo>"


def countersign_input(algorithm: SignatureAlgorithm, signed: bytes, unit_element: bytes) -> bytes:
    """What finance signs: lower-case hex of `algorithm`'s digest over `signed`, then the element.

    algorithm: of finance's signature.
    """
    return digest(algorithm, signed).hex().encode() + unit_element


def assemble(signed: bytes, unit_element: bytes, finance_element: bytes) -> bytes:
    """The whole document: XML declaration, EInvoice, the signed part, both signatures.

    The parts are taken as they are; `open_document` gives them back.
    """
    return b"%b%b%b<EInvoiceSignature>%b%b</EInvoiceSignature></EInvoice>" % (
        _DECLARATION,
        _OPENING,
        signed,
        unit_element,
        finance_element,
    )


def open_document(data: bytes) -> Opened:
    """Take a document apart. Raises DocumentError, and nothing else."""
    if len(data) > MAX_DOCUMENT_BYTES:
        raise broken("", DocumentRule.SIZE, limit=MAX_DOCUMENT_BYTES)
    if not data.startswith(_DECLARATION):
        raise broken("", DocumentRule.PROLOGUE, expected=_DECLARATION.decode())
    nodes = scan(data, len(_DECLARATION), max_bytes=MAX_DOCUMENT_BYTES)
    if [node.name for node in nodes] != ["EInvoice"]:
        raise broken("", DocumentRule.PARTS, expected="EInvoice")
    parts = inside(nodes[0])
    if tuple(node.name for node in parts) != _PARTS:
        raise broken("EInvoice", DocumentRule.PARTS, expected=_EXPECTED)
    header, content, signatures = parts
    elements = inside(signatures)
    if [node.name for node in elements] != ["Signature", "Signature"]:
        raise broken("EInvoiceSignature", DocumentRule.PARTS, expected="two Signature")
    signed = data[header.start : content.end]
    if len(signed) > MAX_SIGNED_BYTES:
        raise broken("", DocumentRule.SIZE, limit=MAX_SIGNED_BYTES)
    unit_element, finance_element = (data[node.start : node.end] for node in elements)
    if assemble(signed, unit_element, finance_element) != data:
        raise broken("", DocumentRule.BETWEEN)
    unit, finance = (_signature(node) for node in elements)
    if finance.reference != FINANCE_REFERENCE:
        raise broken("Reference", DocumentRule.CODE, expected=FINANCE_REFERENCE)
    if signature_element(finance) != finance_element:
        raise broken("Signature", DocumentRule.CANONICAL)
    invoice = invoice_of((header, content))
    return Opened(signed, unit_element, finance_element, unit, finance, invoice)


def _signature(node: Node) -> Signature:
    record = read_record(SignatureFields, inside(node))
    info, key = record.signed_info, record.key_info
    civil_moment(info.SignatureTime)
    return Signature(
        reference=info.Reference,
        algorithm=algorithm_named(info.SignatureAlgorithm),
        format=info.SignatureFormat,
        time=info.SignatureTime,
        value=decode_value(info.SignatureValue),
        serial=key.SerialNumber,
        issuer=key.X509IssuerName,
    )
