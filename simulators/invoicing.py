"""A unit that issues e-invoices by itself, with a key of its own: 8999, 8981, 8982.

After a bill was paid the unit reserves a number, builds the invoice from its own records, signs it
and sends it; what it downloads it verifies by itself.
"""

from __future__ import annotations

import secrets
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from ..einvoice.certificates import Certificate, CertificateSet
from ..einvoice.document import signed_bytes
from ..einvoice.fields import (
    EInvoice,
    InvoicingParty,
    Item,
    Main,
    MainExt,
    PayerParty,
    header_for,
)
from ..einvoice.keys import PrivateKey
from ..einvoice.numbering import code_of
from ..einvoice.trust import TrustPolicy
from ..einvoice.verify import Verification, verify
from ..messages.invoice import (
    InvoiceAnswer,
    InvoiceFileAnswer,
    InvoiceFileRequest,
    InvoiceNumberRequest,
    InvoiceRequest,
    KeyInfo,
    SignInfo,
)
from .executing import SUCCESS
from .identity import Received
from .unit import Charge, UnitSystem

ALPHABET: Final = "23456789abcdefghjkmnpqrstuvwxyz"
KIND: Final = "0101"
_NAMES: Final[dict[str, Any]] = {
    "BillTypeName": "非税收入一般缴款书",
    "BillVerCode": "2020",
    "BillVerName": "2020版",
}


@dataclass(frozen=True, slots=True)
class PaidBill:
    """What the unit knows of a bill that was paid; amounts in fen."""

    pay_code: str
    payer: str
    charges: Sequence[Charge]

    @property
    def amt(self) -> int:
        """The sum."""
        return sum(charge.amt for charge in self.charges)


@dataclass(frozen=True, slots=True)
class Made:
    """An invoice as the unit built and signed it."""

    invoice: EInvoice
    request: InvoiceRequest

    @property
    def name(self) -> str:
        """``CODE-NUMBER``."""
        return f"{self.invoice.code}-{self.invoice.number}"


class InvoiceDesk:
    """Makes a unit's invoices. draw(n): one of n at random, for the check code (校验码)."""

    def __init__(
        self,
        unit: UnitSystem,
        key: PrivateKey,
        certificate: Certificate,
        *,
        draw: Callable[[int], int] = secrets.randbelow,
    ) -> None:
        self.unit = unit
        self._key = key
        self._certificate = certificate
        self._draw = draw
        self.issued: dict[str, Made] = {}
        """By pay code: what the gateway took."""
        # Who downloads documents cannot take the first 4,096 bytes for the answer.
        identity = unit.node.identity
        identity.habits = replace(identity.habits, reads="eof")

    async def reserve(self, unit_code: str = "", kind: str = KIND) -> Received:
        """Ask for the next number (8999); success has it in Information. Raises NoAnswerError."""
        request = InvoiceNumberRequest(
            BillTypeCode=kind, ChgAgenCode=unit_code or self.unit.unit_code, **_NAMES
        )
        return await self.unit.node.ask(request)

    def make(self, paid: PaidBill, number: str) -> Made:
        """Build the invoice of a paid bill under a reserved number, and sign it."""
        clock, unit = self.unit.node.identity.clock(), self.unit
        region = unit.node.identity.region
        code = code_of(region, KIND, clock.year)
        main = Main(
            EInvoiceName="非税收入通用票据",
            EInvoiceCode=code,
            EInvoiceNumber=number,
            RandomNumber="".join(ALPHABET[self._draw(len(ALPHABET))] for _ in range(6)),
            EInvoiceSpecimenCode=f"{code}01",
            SupervisorAreaCode=region,
            TotalAmount=paid.amt,
            IssueDate=clock.strftime("%Y%m%d"),
            IssueTime=clock.strftime("%H:%M:%S"),
            invoicing_party=InvoicingParty(
                InvoicingPartyCode=unit.unit_code, InvoicingPartyName=unit.unit_name
            ),
            payer_party=PayerParty(PayerPartyType="1", PayerPartyName=paid.payer),
            HandlingPerson="op1",
            Checker="op2",
            ext=MainExt(PayCode=paid.pay_code),
        )
        items = tuple(
            Item(ItemCode=c.code, ItemName=c.name, ItemAmount=c.amt, ItemUnit=c.unit)
            for c in paid.charges
        )
        return self.signed(EInvoice(header=header_for(code, number), main=main, items=items))

    def red(self, original: Made, number: str, why: str) -> Made:
        """The red invoice (红字) of one that was issued, under another reserved number."""
        clock, first = self.unit.node.identity.clock(), original.invoice
        ext = replace(
            first.main.ext, RelatedInvoiceCode=first.code, RelatedInvoiceNumber=first.number
        )
        main = replace(
            first.main,
            EInvoiceNumber=number,
            RandomNumber="".join(ALPHABET[self._draw(len(ALPHABET))] for _ in range(6)),
            TotalAmount=-first.main.TotalAmount,
            IssueDate=clock.strftime("%Y%m%d"),
            IssueTime=clock.strftime("%H:%M:%S"),
            Remark=why,
            ext=ext,
        )
        items = tuple(replace(item, ItemAmount=-item.ItemAmount) for item in first.items)
        header = header_for(first.code, number)
        return self.signed(replace(first, header=header, main=main, items=items))

    def numbered(self, invoice: EInvoice, number: str) -> EInvoice:
        """The same invoice under another reserved number, issued now."""
        clock = self.unit.node.identity.clock()
        main = replace(
            invoice.main,
            EInvoiceNumber=number,
            IssueDate=clock.strftime("%Y%m%d"),
            IssueTime=clock.strftime("%H:%M:%S"),
        )
        return replace(invoice, header=header_for(invoice.code, number), main=main)

    @staticmethod
    def reworded(invoice: EInvoice) -> EInvoice:
        """The same invoice with another remark, and therefore other bytes."""
        return replace(invoice, main=replace(invoice.main, Remark="备注"))

    def signed(self, invoice: EInvoice) -> Made:
        """Sign an invoice as it is and put it into 8981."""
        data = signed_bytes(invoice)
        at = self.unit.node.identity.clock().strftime("%Y%m%d%H%M%S")
        request = InvoiceRequest(
            PayCode=invoice.pay_code,
            BillNo=invoice.number,
            AdmDivCode=invoice.main.SupervisorAreaCode,
            BillTypeCode=KIND,
            Version="1.0",
            Invoice_Data=b64encode(data).decode(),
            Sign_Info=SignInfo(
                Value=b64encode(self._key.sign(data)).decode(),
                Format="DETACH",
                Algorithm=self._key.algorithm.value,
                Time=at,
                Key_Info=KeyInfo(Number=self._certificate.serial, Issuer=self._certificate.issuer),
            ),
            **_NAMES,
        )
        return Made(invoice, request)

    async def send(self, made: Made) -> Received:
        """Send what was signed (8981); the answer is 5981, or 5001. Raises NoAnswerError."""
        answer = await self.unit.node.ask(made.request)
        if isinstance(answer.message, InvoiceAnswer) and answer.message.Result == SUCCESS:
            self.issued[made.invoice.pay_code] = made
        return answer

    async def issue(self, paid: PaidBill) -> Received:
        """Reserve, build, sign, send; the answer to the step that came last."""
        reserved = await self.reserve()
        if reserved.result != SUCCESS:
            return reserved
        return await self.send(self.make(paid, reserved.information))

    async def download(self, made: Made, *, check_code: str = "", page: bool = False) -> bytes:
        """The invoice as it was archived (8982), or its page; empty where it is refused."""
        answer = await self.unit.node.ask(
            InvoiceFileRequest(
                BillNo=made.invoice.number,
                AdmDivCode=made.invoice.main.SupervisorAreaCode,
                BillTypeCode=KIND,
                Version="1.0",
                CrcCode=check_code,
                Hold1="HTML" if page else "",
                **_NAMES,
            )
        )
        message = answer.message
        if not isinstance(message, InvoiceFileAnswer) or message.Result != SUCCESS:
            return b""
        return b64decode(message.Invoicefiledata, validate=True)

    @staticmethod
    def verified(
        document: bytes, made: Made, certificates: CertificateSet, policy: TrustPolicy
    ) -> Verification | None:
        """What the unit finds in its download; None when it is not what was signed here."""
        found = verify(document, certificates, policy)
        return found if found.signed == b64decode(made.request.Invoice_Data) else None


__all__ = ["KIND", "InvoiceDesk", "Made", "PaidBill"]
