"""What stands on an e-invoice that this gateway builds, taken from the bill.

A unit that signs by itself builds its own; see `basis` for what both are held against.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from typing import Final

from ...codecs import RuleError, parse_yuan
from ...einvoice.fields import (
    EInvoice,
    InvoicingParty,
    Item,
    Main,
    MainExt,
    PayerParty,
    header_for,
    split_quantity,
)
from ...einvoice.numbering import parse_code
from ..store.records import Bill, BillItem
from .basis import Basis

ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
"""What a RandomNumber is made of: 32 characters that nobody takes for each other."""
RANDOM_BYTES: Final = 6
_SPECIMEN: Final = "01"
_PERSON: Final = "1"
_ORGANISATION: Final = "2"
_IDENTITY = re.compile(r"[1-9]\d{5}(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])\d{3}[\dXx]")
_NAME_CHARACTERS: Final = 20
_REMARK_CHARACTERS: Final = 1000


@dataclass(frozen=True, slots=True)
class Draft:
    """What an invoice gets from outside the books: the moment, randomness, who makes it.

    at: the instant in milliseconds; moment: the same as ``yyyymmddHHMMSS``, civil time. random: its
    RandomNumber (校验码). handling, checker: HandlingPerson (开票人) where the bill names none,
    Checker (复核人).
    """

    at: int
    moment: str
    random: str = field(repr=False)
    actor: str
    handling: str
    checker: str

    @property
    def date(self) -> str:
        """IssueDate."""
        return self.moment[:8]

    @property
    def time(self) -> str:
        """IssueTime, HH:MM:SS."""
        return f"{self.moment[8:10]}:{self.moment[10:12]}:{self.moment[12:]}"


def random_number(random: Callable[[int], bytes]) -> str:
    """A RandomNumber (校验码): six characters of 5 unpredictable bits each."""
    return "".join(ALPHABET[byte & 31] for byte in random(RANDOM_BYTES))


def blue_invoice(basis: Basis, code: str, number: str, draft: Draft) -> EInvoice:
    """The invoice of a paid bill."""
    bill, payment = basis.bill, basis.payment
    main = Main(
        EInvoiceName=invoice_name(code),
        EInvoiceCode=code,
        EInvoiceNumber=number,
        RandomNumber=draft.random,
        EInvoiceSpecimenCode=code + _SPECIMEN,
        SupervisorAreaCode=bill.region,
        TotalAmount=basis.amt,
        IssueDate=draft.date,
        IssueTime=draft.time,
        invoicing_party=InvoicingParty(
            InvoicingPartyCode=bill.unit_code,
            InvoicingPartyName=bill.unit_name,
            RecName=bill.rec_name,
            RecAcct=bill.rec_acct_real or bill.rec_acct,
            RecOpBk=bill.rec_op_bk,
        ),
        payer_party=PayerParty(
            PayerPartyType=_payer_type(bill),
            PayerPartyCode=bill.payer_credit_code or bill.id_number,
            PayerPartyName=bill.payer_name,
            PayerAcct=bill.payer_acct or payment.payer_acct,
            PayerOpBk=bill.payer_op_bk or payment.payer_op_bk,
        ),
        PayMode=payment.pay_mode,
        BizCode=payment.tra_no_bus,
        Remark=bill.memo[:_REMARK_CHARACTERS],
        HandlingPerson=_person(bill.operator_name or draft.handling),
        Checker=_person(draft.checker),
        ext=MainExt(PayCode=bill.pay_code),
    )
    items = tuple(_item(line) for line in basis.lines)
    return EInvoice(header=header_for(code, number), main=main, items=items)


def red_invoice(original: EInvoice, code: str, number: str, reason: str, draft: Draft) -> EInvoice:
    """The red invoice (红字) of an original: the same with negative amounts."""
    main = replace(
        original.main,
        EInvoiceCode=code,
        EInvoiceNumber=number,
        RandomNumber=draft.random,
        EInvoiceSpecimenCode=code + original.main.EInvoiceSpecimenCode[8:],
        TotalAmount=-original.main.TotalAmount,
        IssueDate=draft.date,
        IssueTime=draft.time,
        Remark=f"冲红原因:{reason}"[:_REMARK_CHARACTERS],
        HandlingPerson=_person(draft.handling),
        Checker=_person(draft.checker),
        ext=replace(
            original.main.ext,
            RelatedInvoiceCode=original.code,
            RelatedInvoiceNumber=original.number,
        ),
    )
    items = tuple(replace(item, ItemAmount=-item.ItemAmount) for item in original.items)
    return replace(original, header=header_for(code, number), main=main, items=items)


def invoice_name(code: str) -> str:
    """EInvoiceName: that of the class (票据大类)."""
    return parse_code(code).class_name or "财政电子票据"


def _item(line: BillItem) -> Item:
    quantity, extension = split_quantity(_decimal(line.quantity))
    return Item(
        ItemCode=line.code,
        ItemName=line.name,
        ItemAmount=line.amt,
        ItemUnit=line.unit,
        ItemQuantity=quantity,
        ItemStd=_yuan(line.standard),
        ext=extension,
    )


def _decimal(text: str) -> Decimal | None:
    try:
        value = Decimal(text) if text else None
    except InvalidOperation:
        return None
    return value if value is None or value.is_finite() else None


def _yuan(text: str) -> int | None:
    """A standard as an amount; None for one that is no amount (a range, a rate)."""
    try:
        return parse_yuan(text) if text else None
    except RuleError:
        return None


def _payer_type(bill: Bill) -> str:
    """PayerPartyType of the bill; where it says none, that of its identity number."""
    if bill.payer_type in {_PERSON, _ORGANISATION}:
        return bill.payer_type
    code = bill.payer_credit_code
    return _ORGANISATION if code and not _IDENTITY.fullmatch(code) else _PERSON


def _person(name: str) -> str:
    return name.strip()[:_NAME_CHARACTERS]
