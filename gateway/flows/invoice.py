"""E-invoices over the wire: numbers (8999), issue with the unit's own signature (8981), download
(8982) (spec: einvoice).

8981 is signed for by finance between transactions, so the work is done before `decide`; what was
begun is in the books and the same message, sent again, goes on with it.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from ...codecs import gbk_length
from ...messages import Result
from ...messages.invoice import (
    InvoiceAnswer,
    InvoiceFileAnswer,
    InvoiceFileRequest,
    InvoiceNumberRequest,
    InvoiceRequest,
    KeyInfo,
    RecipientAddr,
)
from ..einvoicing.links import invoice_url
from ..einvoicing.numbers import kind_of, name_of, reserve
from ..einvoicing.refusals import IssueDelayed, IssueRefused
from ..store import archive, einvoices
from ..store.einvoice_records import Invoice, InvoiceNumber
from ..store.protocol import Transaction
from .base import Answer, Decision, Flow, Request, general

if TYPE_CHECKING:
    from ..einvoicing.inspection import RateLimit
    from ..einvoicing.service import EInvoiceService

SERVED: Final = "00000"
"""Svr_Code of what was done here."""
_MOST_TEXT: Final = 1024
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_BARE_SECOND = re.compile(r"[0-9]{14}")
_NOT_FOUND: Final = "电子票据不存在或校验码不符"
_TOO_OFTEN: Final = "校验码错误次数过多,请稍后再试"
_WRONG_PER_MINUTE: Final = 30
_NUMBER_DIGITS: Final = 10
_BASE64: Final = "不是规范的base64"


class ReserveNumber(Flow[InvoiceNumberRequest]):
    """8999: the next number of the unit's stock, in Information.

    Every message takes a number of its own, but the very same one (sender and MsgID) gets the same
    number again. A MsgID that is a time in whole seconds says nothing: units have been seen to use
    one several times within a second, for different requests.
    """

    number = "8999"

    async def decide(
        self, tx: Transaction, request: Request, message: InvoiceNumberRequest
    ) -> Decision:
        peer, unit = request.peer, message.ChgAgenCode
        if unit not in peer.units:
            return Decision(general(self.number, Result.NO_UNIT_RIGHT))
        try:
            kind = kind_of(message.BillTypeCode)
            earlier = await self._earlier(tx, request, unit, kind)
            if earlier is not None:
                return self._reserved(earlier, request)._replace(replayed=True)
            taken = await reserve(
                tx, unit_code=unit, bill_type=kind, by=peer.code, at=request.now_ms
            )
        except IssueRefused as refused:
            result = refused.result
            # a wrong field is named; the meaning of the other codes says all
            named = result is Result.BAD_PARAMETER
            text = f"BillTypeCode: {refused.information}" if named else None
            return Decision(general(self.number, result, text), region=self._region(request))
        return self._reserved(taken, request)._replace(archived=True)

    async def _earlier(
        self, tx: Transaction, request: Request, unit: str, kind: str
    ) -> InvoiceNumber | None:
        """The number that the same message was answered with before."""
        msg_id = request.head.msg_id
        if _BARE_SECOND.fullmatch(msg_id):
            return None
        subject = await archive.number_asked(tx, request.peer.code, msg_id)
        code, _, number = subject.partition("-")
        found = await einvoices.number(tx, code, number) if number else None
        same = found is not None and found.unit_code == unit and kind_of(found.code) == kind
        return found if same else None

    def _reserved(self, taken: InvoiceNumber, request: Request) -> Decision:
        return Decision(
            general(self.number, Result.SUCCESS, taken.number),
            subject=name_of(taken),
            region=taken.region if taken.region in request.peer.regions else "",
        )

    @staticmethod
    def _region(request: Request) -> str:
        return min(request.peer.regions) if len(request.peer.regions) == 1 else ""


# -- 8981 ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Signed:
    """What stands in base64 in 8981."""

    data: bytes = field(repr=False)
    signature: bytes = field(repr=False)
    seal: bytes = field(repr=False)


class _Fault(NamedTuple):
    """Why something is refused."""

    result: Result
    text: str


class _Issued(NamedTuple):
    """The bill's invoice, and where it can be looked at."""

    invoice: Invoice
    url: str
    repeated: bool


class IssueInvoice(Flow[InvoiceRequest]):
    """8981 → 5981: check what the unit signed, countersign, archive.

    Repeated, it is answered as the first time; other content for the same bill is 10005.
    """

    number = "8981"
    performs = True

    def __init__(self, service: EInvoiceService) -> None:
        self._service = service

    def prepare(self, message: InvoiceRequest) -> _Signed | _Fault:
        """Decode the base64 texts, which may be megabytes."""
        decoded: dict[str, bytes] = {}
        for tag, text in (
            ("Invoice_Data", message.Invoice_Data),
            ("Value", message.Sign_Info.Value),
            ("Seal_Pic", message.Seal_Pic),
        ):
            data = _decoded(text)
            if data is None:
                return _Fault(Result.BAD_PARAMETER, f"{tag}: {_BASE64}")
            decoded[tag] = data
        seal = decoded["Seal_Pic"]
        if seal and not seal.startswith(_PNG):
            return _Fault(Result.BAD_PARAMETER, "Seal_Pic: 不是PNG图片")
        return _Signed(decoded["Invoice_Data"], decoded["Value"], seal)

    def validate(self, request: Request, message: InvoiceRequest) -> Answer | None:
        del message
        fault = request.prepared
        return _refused(request, fault) if isinstance(fault, _Fault) else None

    async def perform(self, request: Request, message: InvoiceRequest) -> _Issued | _Fault:
        """Issue it, or find out why not; the books have it when this returns."""
        issuing = await self._service.issuing()
        # Loaded by now; at the start of the service it would be a good part of its time.
        from ..einvoicing.receiving import SignedByUnit  # noqa: PLC0415 - see above

        signed = request.prepared
        assert isinstance(signed, _Signed)  # noqa: S101 - `validate` refused everything else
        sign, key = message.Sign_Info, message.Sign_Info.Key_Info or KeyInfo()
        told = message.Recipient_Addr or RecipientAddr()
        try:
            issued = await issuing.accept_signed(
                SignedByUnit(
                    node=request.peer.code,
                    units=request.peer.units,
                    pay_code=message.PayCode,
                    bill_no=message.BillNo,
                    bill_type=message.BillTypeCode,
                    region=message.AdmDivCode,
                    data=signed.data,
                    signature=signed.signature,
                    algorithm=sign.Algorithm,
                    format=sign.Format,
                    time=sign.Time,
                    serial=key.Number,
                    issuer=key.Issuer,
                    seal_picture=signed.seal,
                    email=told.Email,
                    telephone=told.Telephone,
                )
            )
        except IssueRefused as refused:
            return _Fault(refused.result, refused.information)
        except IssueDelayed:
            return _Fault(Result.BUSY, "电子票据正在开具,请稍后重发")
        found = issued.invoice
        url = invoice_url(self._service.url, found.code, found.number, found.random)
        return _Issued(found, url, issued.repeated)

    async def decide(self, tx: Transaction, request: Request, message: InvoiceRequest) -> Decision:
        region = message.AdmDivCode if message.AdmDivCode in request.peer.regions else ""
        done, signed = request.performed, request.prepared
        if isinstance(done, _Fault):
            return Decision(_refused(request, done), subject=message.PayCode, region=region)
        assert isinstance(done, _Issued)  # noqa: S101 - what `perform` gives
        assert isinstance(signed, _Signed)  # noqa: S101 - what `prepare` gives
        invoice = done.invoice
        kept = await einvoices.data(tx, invoice.code, invoice.number)
        if kept is None or kept.signed != signed.data:
            text = f"Invoice_Data: 该缴款书已开具电子票据{invoice.code}-{invoice.number},内容不一致"
            answer = _refused(request, _Fault(Result.CONFLICT, text))
            return Decision(answer, subject=message.PayCode, region=region)
        answer = Answer(
            InvoiceAnswer(
                Result=Result.SUCCESS.value,
                Svr_Code=SERVED,
                Trade_Id=invoice.trade_id,
                Issue_Date=invoice.issue_date,
                Invoice_Url=done.url,
            )
        )
        return Decision(
            answer,
            archived=not done.repeated,
            replayed=done.repeated,
            subject=message.PayCode,
            region=region,
        )


def _refused(request: Request, fault: _Fault) -> Answer:
    return Answer(InvoiceAnswer(Result=fault.result.value, Msg=_told(request, fault.text)))


def _decoded(text: str) -> bytes | None:
    """The bytes of canonical base64, None for any other text."""
    try:
        data = b64decode(text.encode("ascii"), validate=True)
    except ValueError:
        return None
    return data if b64encode(data) == text.encode("ascii") else None


def _told(request: Request, text: str) -> str:
    """A text as this peer can read it: parts of it may come from a document or from the centre."""
    known = text.encode(request.peer.charset, "replace").decode(request.peer.charset)
    while gbk_length(known) > _MOST_TEXT:
        known = known[: -max(1, (gbk_length(known) - _MOST_TEXT) // 2)]
    return known


# -- 8982 ------------------------------------------------------------------------------------------


class HandOutInvoice(Flow[InvoiceFileRequest]):
    """8982 → 5982: the document with both signatures, byte for byte, or its page (Hold1 ``HTML``).

    One answer for all that is not handed out: nobody learns which numbers exist. A node that tries
    check codes of one number has to wait, whether or not there is such an invoice.
    """

    number = "8982"
    writes = False
    performs = True

    def __init__(self, service: EInvoiceService) -> None:
        self._service = service
        self._wrong: RateLimit | None = None

    async def perform(self, request: Request, message: InvoiceFileRequest) -> InvoiceFileAnswer:
        """Find it, and make the page where that is wanted."""
        # Not at the start of the service: it would be a good part of its time.
        from ..einvoicing.handout import Asker, Wanted, form_of  # noqa: PLC0415 - see above
        from ..einvoicing.inspection import RateLimit  # noqa: PLC0415 - see above

        peer = request.peer
        self._wrong = wrong = self._wrong or RateLimit(_WRONG_PER_MINUTE)
        tried = (peer.code, message.BillNo[-_NUMBER_DIGITS:])
        if message.CrcCode and wrong.wait(tried, request.now_ms):
            return InvoiceFileAnswer(Result=Result.BUSY.value, Msg=_TOO_OFTEN)
        given = await self._service.handed_out(
            Wanted(message.BillTypeCode, message.BillNo, message.AdmDivCode, message.CrcCode),
            Asker(peer.regions, peer.units, only_units=peer.kind == "unit"),
            form_of(message.Hold1),
        )
        if given is None:
            if message.CrcCode:
                wrong.take(tried, request.now_ms)
            return InvoiceFileAnswer(Result=Result.FAILURE.value, Msg=_NOT_FOUND)
        return InvoiceFileAnswer(
            Result=Result.SUCCESS.value,
            Svr_Code=SERVED,
            Trade_Id=given.invoice.trade_id,
            Invoicefiledata=b64encode(given.content).decode(),
        )

    async def decide(
        self, tx: Transaction, request: Request, message: InvoiceFileRequest
    ) -> Decision:
        del tx
        answer = request.performed
        assert isinstance(answer, InvoiceFileAnswer)  # noqa: S101 - what `perform` gives
        region = message.AdmDivCode if message.AdmDivCode in request.peer.regions else ""
        return Decision(Answer(answer), region=region)
