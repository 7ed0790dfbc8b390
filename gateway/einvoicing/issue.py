"""Issuing e-invoices (开具电子票据): from the paid bill to the archived document."""

from __future__ import annotations

from dataclasses import dataclass, field

from ...messages.codes import Result
from ..settlement.acting import Acting
from ..store.einvoice_records import Invoice, InvoiceNumber
from ..store.protocol import Transaction


class IssueRefused(Exception):
    """An invoice cannot be issued; `result` is the code for the wire, `information` its Chinese.

    what, do: the same for operators, in English.
    """

    def __init__(
        self, what: str, *, result: Result = Result.FAILURE, information: str = "", do: str = ""
    ) -> None:
        super().__init__(what)
        self.what = what
        self.result = result
        self.information = information or result.meaning
        self.do = do


class IssueDelayed(Exception):
    """The invoice is on its way and will be finished later; the same request tells more then."""

    def __init__(self, invoice: Invoice, what: str) -> None:
        super().__init__(what)
        self.invoice = invoice
        self.what = what


@dataclass(frozen=True, slots=True)
class Issued:
    """An archived invoice; `repeated`: it had been issued before."""

    invoice: Invoice
    repeated: bool


@dataclass(frozen=True, slots=True)
class SignedByUnit:
    """What 8981 brings. `time` as the wire has it; serial and issuer '' where it names none.

    bill_type and bill_no as the message says them (4, 6 or 8 digits; 10 or 18 digits).
    """

    node: str
    pay_code: str
    bill_no: str
    bill_type: str
    region: str
    data: bytes = field(repr=False)
    signature: bytes = field(repr=False)
    algorithm: str
    format: str
    time: str
    serial: str = ""
    issuer: str = ""
    seal_picture: bytes = field(default=b"", repr=False)
    email: str = field(default="", repr=False)
    telephone: str = field(default="", repr=False)


async def reserve(
    tx: Transaction, *, unit_code: str, bill_type: str, by: str, at: int
) -> InvoiceNumber:
    """Reserve the next number of a unit's stock for a kind of invoice (8999).

    Raises IssueRefused: 16001 without the right, 16002 without stock.
    """
    raise NotImplementedError


async def find(tx: Transaction, bill_no: str, bill_type: str = "") -> list[Invoice]:
    """The invoices that a BillNo names (10 digits, or 18 with the code), newest code first."""
    raise NotImplementedError


class Issuing:
    """Issues invoices with one store."""

    async def issue(self, pay_code: str, acting: Acting) -> Issued:
        """Issue the blue invoice of a paid bill with the unit's key that is held here (托管).

        A bill that has one gives that. Raises IssueRefused, IssueDelayed.
        """
        raise NotImplementedError

    async def accept_signed(self, received: SignedByUnit) -> Issued:
        """Check, countersign and archive what a unit signed by itself (8981).

        The bill's living invoice is the answer to a repeated one. Raises IssueRefused, IssueDelayed.
        """
        raise NotImplementedError

    async def reverse(self, code: str, number: str, reason: str, acting: Acting) -> Issued:
        """Issue the red invoice (红字) of an archived one. Raises IssueRefused, IssueDelayed."""
        raise NotImplementedError
