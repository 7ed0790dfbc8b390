"""Rows of e-invoices (财政电子票据) as frozen records, fields in the order of the columns.

Codes and numbers are texts of 8 and 10 digits, as documents carry them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

NumberState = Literal["reserved", "issued", "voided"]
InvoiceKind = Literal["blue", "red"]
InvoiceState = Literal[
    "built", "unit_signed", "countersigning", "archived", "reversed", "abandoned"
]
InvoiceSource = Literal["8981", "held"]


@dataclass(frozen=True, slots=True)
class InvoiceNumber:
    """A number that was taken from stock, and its fate; `why` says why it was voided.

    `pay_code` is '' while it is only reserved; `reserved_by` is a node or an operator.
    """

    code: str
    number: str
    range_id: int
    unit_code: str
    region: str
    state: NumberState
    pay_code: str
    reserved_by: str
    reserved_at: int
    changed_at: int
    why: str = ""


@dataclass(frozen=True, slots=True)
class Invoice:
    """An e-invoice but its bytes. Amount in fen, of a red one below 0; issue_time HH:MM:SS.

    `source`: the unit signed by itself (`8981`), or with the key that this gateway holds (`held`).
    `trade_id` is the countersigner's number (票据服务平台流水号).
    """

    code: str
    number: str
    kind: InvoiceKind
    state: InvoiceState
    pay_code: str
    payment_id: int
    unit_code: str
    region: str
    payer_name: str = field(repr=False)
    amt: int
    issue_date: str
    issue_time: str
    random: str = field(repr=False)
    related_code: str
    related_number: str
    source: InvoiceSource
    actor: str
    reason: str = field(repr=False)
    email: str = field(repr=False)
    telephone: str = field(repr=False)
    trade_id: str
    created_at: int
    changed_at: int
    why: str = ""

    @property
    def is_red(self) -> bool:
        """Whether it reverses another one (红字)."""
        return self.kind == "red"

    @property
    def is_archived(self) -> bool:
        """Whether its document is final and can be handed out."""
        return self.state in {"archived", "reversed"}


@dataclass(frozen=True, slots=True)
class InvoiceBytes:
    """What was signed, the unit's Signature element (empty before), the unit's seal (PNG)."""

    signed: bytes = field(repr=False)
    unit_element: bytes = field(repr=False)
    seal_picture: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Archived:
    """A document as it is handed out, and its link in the chain."""

    seq: int
    code: str
    number: str
    archived_at: int
    document: bytes = field(repr=False)
    sha256: str
    prev_hash: str
    hash: str


@dataclass(frozen=True, slots=True)
class InvoiceEvent:
    """Something that happened to a number or its invoice."""

    id: int
    code: str
    number: str
    at: int
    event: str
    actor: str
    detail: str
