"""What can be wrong with an e-invoice, its signatures and the keys behind them.

The texts name fields, algorithms and files, never keys and never what a document says of a person.
"""

from __future__ import annotations


class EInvoiceError(ValueError):
    """Something about an e-invoice is wrong; the text says what, in English."""


class DocumentError(EInvoiceError):
    """The document breaks a rule; `tag` is the element, '' for the document itself.

    information: the same in Chinese, for the unit that sent it.
    """

    def __init__(self, tag: str, rule: str, chinese: str = "") -> None:
        self.tag = tag
        self.rule = rule
        self.information = f"电子票据{tag and ' ' + tag}: {chinese or '不符合规范'}"
        super().__init__(f"{tag}: {rule}" if tag else rule)


class UnknownAlgorithm(EInvoiceError):
    """A signature names an algorithm that fiscal e-invoices do not have."""


class KeyUnusable(EInvoiceError):
    """A key cannot be read or does not go with its algorithm or certificate."""


class CertificateError(EInvoiceError):
    """Bytes that are no certificate, or one that cannot be used."""


class LibraryMissing(EInvoiceError):
    """SM2 needs OpenSSL's libcrypto 1.1.1 or later, and it was not found."""
