"""Invoices that units signed by themselves (8981): what came is checked, then kept as it came."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from ...einvoice.algorithms import algorithm_named
from ...einvoice.certificates import Certificate, CertificateSet
from ...einvoice.document import read_signed
from ...einvoice.envelope import UNIT_REFERENCE, Signature, civil_moment
from ...einvoice.errors import DocumentError, UnknownAlgorithm
from ...einvoice.fields import DETACHED, EInvoice
from ...einvoice.numbering import NumberingError, parse_code, split_bill_no
from ...einvoice.pipeline import (
    Expected,
    SignatureRefused,
    check_contents,
    check_unit,
    last_signing,
    received_element,
)
from ...einvoice.trust import TrustPolicy
from ...messages.codes import Result
from ..store import einvoices
from ..store.einvoice_records import Invoice, InvoiceBytes, InvoiceNumber
from ..store.protocol import Transaction
from .basis import basis_of
from .building import reversible
from .numbers import kind_of
from .refusals import IssueRefused, bad_document

SKEW_MINUTES: Final = 10
"""A unit's clock may be ahead of ours by so much."""
_MOMENT: Final = "%Y%m%d%H%M%S"
_NUMBER_BUSY: Final = "票据号码已使用"
_REASON_RED: Final = "单位冲红"


@dataclass(frozen=True, slots=True)
class SignedByUnit:
    """What 8981 brings.

    units: those that the node may act for. bill_type and bill_no as the message says them (4, 6 or
    8 digits; 10 or 18 digits). time: 14 digits, or 19 with the offset. serial and issuer: as
    Key_Info says them, '' where it does not; the only certificate of the unit is meant then.
    """

    node: str
    units: frozenset[str]
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


# -- without the books -----------------------------------------------------------------------------


def open_received(
    received: SignedByUnit, certificates: CertificateSet, policy: TrustPolicy, now: str
) -> tuple[EInvoice, bytes]:
    """The invoice that was signed, and the unit's Signature element for the document.

    The signature is verified over the received bytes, for the moment of issue that they say; that
    moment must be near `now` (``yyyymmddHHMMSS``, civil time). Raises IssueRefused.
    """
    try:
        invoice = read_signed(received.data)
        moment = civil_moment(received.time)
    except DocumentError as error:
        raise bad_document(error) from None
    _check_names(received, invoice)
    _check_moments(invoice, moment, now)
    if received.format != DETACHED:
        raise _refused("Format is not DETACH", "签名格式应为DETACH", Result.BAD_PARAMETER)
    try:
        algorithm = algorithm_named(received.algorithm)
    except UnknownAlgorithm as error:
        raise _refused(f"Algorithm: {error}", "不支持的签名算法", Result.BAD_PARAMETER) from None
    certificate = _certificate(received, invoice, certificates, policy)
    signature = Signature(
        reference=UNIT_REFERENCE,
        algorithm=algorithm,
        time=received.time,
        value=received.signature,
        serial=certificate.serial,
        issuer=certificate.issuer,
    )
    try:
        check_unit(received.data, signature, invoice, certificates, policy)
        element = received_element(algorithm, received.time, received.signature, certificate)
    except SignatureRefused as refused:
        raise _refused(str(refused), refused.information) from None
    except DocumentError as error:
        raise bad_document(error) from None
    return invoice, element


def _certificate(
    received: SignedByUnit,
    invoice: EInvoice,
    certificates: CertificateSet,
    policy: TrustPolicy,
) -> Certificate:
    """The certificate that Key_Info names, else the unit's only one. Raises IssueRefused."""
    if received.serial:
        named = certificates.find(received.serial, received.issuer, exact=False)
        if named is not None:
            return named
    else:
        unit = invoice.main.invoicing_party.InvoicingPartyCode
        own = [one for one in certificates if unit in policy.units_of(one)]
        if len(own) == 1:
            return own[0]
    raise _refused("the signer's certificate is not configured", "签名证书未在财政登记或无法确定")


def _check_names(received: SignedByUnit, invoice: EInvoice) -> None:
    """BillNo and BillTypeCode of the message name the invoice that was signed."""
    try:
        code, number = split_bill_no(received.bill_no)
    except NumberingError as error:
        raise _refused(
            f"BillNo: {error}", "BillNo应为10位号码或18位代码加号码", Result.BAD_PARAMETER
        ) from None
    if code not in {"", invoice.code} or number != invoice.number:
        raise _refused(
            "BillNo is not the number in Invoice_Data",
            "BillNo与票面的票据代码、号码不一致",
            Result.BAD_PARAMETER,
        )
    if kind_of(received.bill_type) != parse_code(invoice.code).bill_type:
        raise _refused(
            "BillTypeCode is not the kind of the code in Invoice_Data",
            "BillTypeCode与票面的票据代码不一致",
            Result.BAD_PARAMETER,
        )


def _check_moments(invoice: EInvoice, signed_at: str, now: str) -> None:
    # Civil times have one zone.
    latest = datetime.strptime(now, _MOMENT) + timedelta(minutes=SKEW_MINUTES)  # noqa: DTZ007
    if max(invoice.issued_at, signed_at) > latest.strftime(_MOMENT):
        raise _refused("issue or signature lie in the future", "开票时间或签名时间晚于财政当前时间")
    if now > last_signing(invoice.issued_at):
        raise _refused("it was issued too long ago", "开票时间过早,应在开票后7天内换开")


def _refused(what: str, chinese: str, result: Result = Result.FAILURE) -> IssueRefused:
    return IssueRefused(what, result=result, information=chinese)


# -- with the books --------------------------------------------------------------------------------


async def archived_before(tx: Transaction, received: SignedByUnit) -> Invoice | None:
    """The archived invoice of the bill that is just these bytes, if there is one."""
    try:
        _, number = split_bill_no(received.bill_no)
    except NumberingError:
        return None
    for invoice in await einvoices.by_number(tx, number):
        if invoice.pay_code == received.pay_code and invoice.is_archived:
            kept = await einvoices.data(tx, invoice.code, invoice.number)
            if kept is not None and kept.signed == received.data:
                return invoice
    return None


async def keep_blue(
    tx: Transaction, *, received: SignedByUnit, invoice: EInvoice, element: bytes, at: int
) -> Invoice:
    """Hold a blue invoice against bill and number, and keep it; the living one where there is one.

    Raises IssueRefused.
    """
    living = await einvoices.living(tx, received.pay_code)
    if living is not None:
        return living
    basis = await basis_of(tx, received.pay_code)
    bill = basis.bill
    expected = Expected(
        code=invoice.code,
        number=invoice.number,
        region=bill.region,
        unit_code=bill.unit_code,
        pay_code=bill.pay_code,
        amt=basis.amt,
        items=basis.sums,
        item_codes=basis.codes,
    )
    _hold_against(invoice, expected)
    number = await _reserved(tx, invoice, bill.unit_code)
    checked = _Checked(received, invoice, element, number, basis.payment.id)
    return await _keep(tx, checked, at)


async def keep_red(
    tx: Transaction, *, received: SignedByUnit, invoice: EInvoice, element: bytes, at: int
) -> Invoice:
    """The same for a red one, which is held against its original."""
    red = await einvoices.red_of(tx, *invoice.related)
    if red is not None:
        return red
    original = await reversible(tx, *invoice.related)
    kept = await einvoices.data(tx, original.code, original.number)
    if original.pay_code != received.pay_code or kept is None:
        raise _refused("the original is another bill's", "原票据不属于该缴款书")
    sums: Counter[str] = Counter()
    for item in read_signed(kept.signed).items:
        sums[item.ItemCode] -= item.ItemAmount
    expected = Expected(
        code=invoice.code,
        number=invoice.number,
        region=original.region,
        unit_code=original.unit_code,
        pay_code=original.pay_code,
        amt=-original.amt,
        items=dict(sums),
        item_codes=frozenset(sums),
        related=(original.code, original.number),
    )
    _hold_against(invoice, expected)
    number = await _reserved(tx, invoice, original.unit_code)
    checked = _Checked(received, invoice, element, number, original.payment_id)
    return await _keep(tx, checked, at)


def _hold_against(invoice: EInvoice, expected: Expected) -> None:
    try:
        check_contents(invoice, expected)
    except DocumentError as error:
        refusal = bad_document(error)
        if error.tag in {"TotalAmount", "ItemAmount"}:
            refusal.result = Result.ITEMS_SUM
        raise refusal from None


async def _reserved(tx: Transaction, invoice: EInvoice, unit_code: str) -> InvoiceNumber:
    """The number that the unit reserved for it, locked. Raises IssueRefused."""
    number = await einvoices.number(tx, invoice.code, invoice.number, lock=True)
    if number is None or number.unit_code != unit_code:
        raise _refused("the number was not reserved for the unit", "票据号码不是该单位预留的号码")
    if number.state == "voided":
        raise _refused(f"the number is void: {number.why}", "票据号码已作废,请重新获取号码")
    if number.state == "issued" or number.pay_code:
        raise _refused("the number is used", _NUMBER_BUSY)
    return number


@dataclass(frozen=True, slots=True)
class _Checked:
    """What was received and found to be right."""

    received: SignedByUnit
    invoice: EInvoice
    element: bytes
    number: InvoiceNumber
    payment_id: int


async def _keep(tx: Transaction, checked: _Checked, at: int) -> Invoice:
    received, signed, number = checked.received, checked.invoice, checked.number
    code, text = signed.related
    main = signed.main
    invoice = Invoice(
        code=signed.code,
        number=signed.number,
        kind="red" if signed.is_red else "blue",
        state="unit_signed",
        pay_code=received.pay_code,
        payment_id=checked.payment_id,
        unit_code=number.unit_code,
        region=main.SupervisorAreaCode,
        payer_name=main.payer_party.PayerPartyName,
        amt=main.TotalAmount,
        issue_date=main.IssueDate,
        issue_time=main.IssueTime,
        random=main.RandomNumber,
        related_code=code,
        related_number=text,
        source="8981",
        actor=received.node,
        reason=(main.Remark or _REASON_RED) if signed.is_red else "",
        email=received.email,
        telephone=received.telephone,
        trade_id="",
        created_at=at,
        changed_at=at,
    )
    data = InvoiceBytes(received.data, checked.element, received.seal_picture)
    if not await einvoices.insert(tx, invoice, data):
        raise _refused("another invoice of it is just being made", "该缴款书正在开票,请稍后重发")
    await einvoices.settle_number(
        tx, invoice.code, invoice.number, "reserved", at=at, pay_code=received.pay_code
    )
    await einvoices.add_event(
        tx, invoice.code, invoice.number, "unit_signed", at=at, actor=received.node
    )
    return invoice
