"""The signed part of an e-invoice: its exact bytes, written and read."""

from __future__ import annotations

from .fields import EInvoice


def check(invoice: EInvoice) -> None:
    """Check what no single field shows: sum, identity, region, related invoice, number of items.

    Raises DocumentError.
    """
    raise NotImplementedError


def signed_bytes(invoice: EInvoice) -> bytes:
    """What the unit signs: ``<Header>…</Header><EInvoiceData>…</EInvoiceData>`` in UTF-8.

    Raises DocumentError for an invoice that breaks a rule.
    """
    raise NotImplementedError


def read_signed(data: bytes) -> EInvoice:
    """The invoice that the signed bytes say. Raises DocumentError, and nothing else."""
    raise NotImplementedError
