"""The whole e-invoice: the signed part and two signatures, put together and taken apart."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from .algorithms import SignatureAlgorithm
from .fields import EInvoice

UNIT_REFERENCE: Final = "/EInvoice/Header|/EInvoice/EInvoiceData"
"""Reference (签名原文引用) of the unit's signature."""
FINANCE_REFERENCE: Final = f"HASH({UNIT_REFERENCE})|/EInvoice/EInvoiceSignature/Signature[1]"
"""Reference of finance's signature, the only one that is accepted, for nothing signs it."""
DETACHED: Final = "DETACH"


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
        raise NotImplementedError


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
    raise NotImplementedError


def decode_value(text: str) -> bytes:
    """The bytes of a SignatureValue in canonical base64. Raises DocumentError."""
    raise NotImplementedError


def signature_element(signature: Signature) -> bytes:
    """The Signature element in its canonical written form. Raises DocumentError."""
    raise NotImplementedError


def countersign_input(algorithm: SignatureAlgorithm, signed: bytes, unit_element: bytes) -> bytes:
    """What finance signs: lower-case hex of `algorithm`'s digest over `signed`, then the element.

    algorithm: of finance's signature.
    """
    raise NotImplementedError


def assemble(signed: bytes, unit_element: bytes, finance_element: bytes) -> bytes:
    """The whole document: XML declaration, EInvoice, the signed part, both signatures."""
    raise NotImplementedError


def open_document(data: bytes) -> Opened:
    """Take a document apart. Raises DocumentError, and nothing else."""
    raise NotImplementedError
