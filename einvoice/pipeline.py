"""The steps from an invoice's contents to its final document, one function each, without any I/O.

    contents -> `signed_bytes` -> `unit_element` -> `check_contents`, `check_unit` ->
    `countersigned` (finance) -> `finished`

Each step depends on what the step before left and on what is handed in, so that a process that
died may repeat it. What a unit signed by itself enters as its bytes and its Signature, and is read
from those bytes alone.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from .algorithms import SignatureAlgorithm
from .certificates import Certificate, CertificateSet
from .envelope import (
    FINANCE_REFERENCE,
    UNIT_REFERENCE,
    Signature,
    assemble,
    countersign_input,
    open_document,
    signature_element,
)
from .errors import DocumentError, EInvoiceError
from .fields import EInvoice
from .ports import Countersigned, Countersigning, Signer
from .trust import TrustPolicy, judge
from .verify import SIGNING_DAYS, Aspect, examine_unit, verify_opened

_MOMENT: Final = "%Y%m%d%H%M%S"
_MOST_REMEMBERED: Final = 256
_FINANCE: Final = ""
"""No unit is called so."""


class SignatureRefused(EInvoiceError):
    """A signature or its certificate cannot be accepted; the text says why.

    information: the same in Chinese, for the unit.
    """

    def __init__(self, what: str, information: str) -> None:
        super().__init__(what)
        self.information = information


@dataclass(frozen=True, slots=True)
class Expected:
    """What the books say that an invoice says. Amounts in fen, below 0 of a red one.

    items: item code to its sum; None where the books cannot say how an amount is spread over the
    items (late fees, what is left after a refund): then `item_codes` are those that may stand.
    related: code and number of a red one's original.
    """

    code: str
    number: str
    region: str
    unit_code: str
    pay_code: str
    amt: int
    items: Mapping[str, int] | None
    item_codes: frozenset[str]
    related: tuple[str, str] = ("", "")


@dataclass(frozen=True, slots=True)
class Finished:
    """A final document and its SHA-256 in lower-case hex."""

    document: bytes = field(repr=False)
    sha256: str


# -- contents --------------------------------------------------------------------------------------


def check_contents(invoice: EInvoice, expected: Expected) -> None:
    """Hold what an invoice says against the books. Raises DocumentError for the first difference.

    The document's own rules (identity, sum of its items) were checked when it was read.
    """
    main = invoice.main
    code, number = expected.related
    pairs = (
        ("EInvoiceCode", main.EInvoiceCode, expected.code, "票据代码与预留号码不一致"),
        ("EInvoiceNumber", main.EInvoiceNumber, expected.number, "票据号码与预留号码不一致"),
        ("SupervisorAreaCode", main.SupervisorAreaCode, expected.region, "与缴款书的区划不一致"),
        (
            "InvoicingPartyCode",
            main.invoicing_party.InvoicingPartyCode,
            expected.unit_code,
            "与缴款书的执收单位不一致",
        ),
        ("PayCode", main.ext.PayCode, expected.pay_code, "与缴款书的缴款码不一致"),
        ("RelatedInvoiceCode", main.ext.RelatedInvoiceCode, code, "与原票据代码不一致"),
        ("RelatedInvoiceNumber", main.ext.RelatedInvoiceNumber, number, "与原票据号码不一致"),
    )
    for tag, said, wanted, chinese in pairs:
        if said != wanted:
            raise DocumentError(tag, f"is {said!r}, the books say {wanted!r}", chinese)
    if main.TotalAmount != expected.amt:
        raise DocumentError(
            "TotalAmount",
            f"is {main.TotalAmount} fen, the books say {expected.amt} fen",
            "与应开票金额不一致",
        )
    sums: Counter[str] = Counter()
    for item in invoice.items:
        sums[item.ItemCode] += item.ItemAmount
    strange = sorted(sums.keys() - expected.item_codes)
    if strange:
        raise DocumentError("ItemCode", f"{strange[0]!r} is not on the bill", "不是缴款书的项目")
    if expected.items is not None and dict(sums) != dict(expected.items):
        raise DocumentError(
            "ItemAmount", "differs from the bill's items", "与缴款书的项目金额不一致"
        )


# -- the unit's signature --------------------------------------------------------------------------


async def unit_element(signed: bytes, signer: Signer, moment: str) -> bytes:
    """The unit's Signature element, made now (`moment`) with its key. Raises SigningUnavailable."""
    value = await signer.sign(signed)
    return _element(UNIT_REFERENCE, signer.algorithm, moment, value, signer.certificate)


def received_element(
    algorithm: SignatureAlgorithm, time: str, value: bytes, certificate: Certificate
) -> bytes:
    """The Signature element of a signature that the unit made. Raises DocumentError."""
    return _element(UNIT_REFERENCE, algorithm, time, value, certificate)


def check_unit(
    signed: bytes,
    signature: Signature,
    invoice: EInvoice,
    certificates: CertificateSet,
    policy: TrustPolicy,
) -> None:
    """Verify the unit's signature over the received bytes. Raises SignatureRefused.

    It must match, be made in time with its key's algorithm, by a certificate of the invoicing
    party that is trusted at the moment of issue.
    """
    reasons = examine_unit(signed, signature, invoice, certificates, policy).reasons
    if not reasons:
        return
    first = reasons[0]
    if first.rule == "certificate":
        chinese = "签名证书未在财政登记"
    elif first.aspect is Aspect.INTACT:
        chinese = "单位签名验证未通过"
    elif first.rule == "SignatureTime":
        chinese = f"签名时间应在开票时间之后{SIGNING_DAYS}天内"
    elif first.aspect is Aspect.VALID:
        chinese = "签名算法与证书不一致"
    else:
        chinese = "单位签名证书不可信"
    raise SignatureRefused(str(first), chinese)


def check_held(
    certificate: Certificate, unit_code: str, issued_at: str, policy: TrustPolicy
) -> None:
    """Whether a key that is held here may sign for a unit at a moment. Raises SignatureRefused.

    What it signs is not verified again: the key goes with the certificate, and signs here.
    """
    problems = judge(certificate, issued_at, policy).problems
    if problems:
        rule, text = problems[0]
        raise SignatureRefused(f"the unit's certificate: {rule}: {text}", "单位签名证书不可信")
    if unit_code not in policy.units_of(certificate):
        raise SignatureRefused(
            f"{certificate.subject} is not a certificate of the unit {unit_code}",
            "签名证书不是该单位的证书",
        )


class HeldKeys:
    """`check_held` and `check_finance` under one policy, which remembers whom it has found fine for
    a moment.

    An invoice asks twice, before its number is taken and before it is signed, and in a batch
    hundreds ask in one second.
    """

    def __init__(self, policy: TrustPolicy) -> None:
        self._policy = policy
        self._fine: set[tuple[str, str, str]] = set()

    def check(self, certificate: Certificate, unit_code: str, issued_at: str) -> None:
        """As `check_held`. Raises SignatureRefused."""
        asked = (certificate.fingerprint, unit_code, issued_at)
        if asked not in self._fine:
            check_held(certificate, unit_code, issued_at, self._policy)
            self._remember(asked)

    def check_finance(self, certificate: Certificate, issued_at: str) -> None:
        """As `check_finance`. Raises SignatureRefused."""
        asked = (certificate.fingerprint, _FINANCE, issued_at)
        if asked not in self._fine:
            check_finance(certificate, issued_at, self._policy)
            self._remember(asked)

    def _remember(self, asked: tuple[str, str, str]) -> None:
        if len(self._fine) >= _MOST_REMEMBERED:
            self._fine.clear()
        self._fine.add(asked)


def last_signing(issued_at: str) -> str:
    """The last moment at which an invoice can be signed; both ``yyyymmddHHMMSS``, civil time."""
    # Civil times are compared as texts and have one zone.
    end = datetime.strptime(issued_at, _MOMENT) + timedelta(days=SIGNING_DAYS)  # noqa: DTZ007
    return end.strftime(_MOMENT)


# -- finance ---------------------------------------------------------------------------------------


def check_finance(certificate: Certificate, issued_at: str, policy: TrustPolicy) -> None:
    """Whether finance's own key may sign what was issued then. Raises SignatureRefused.

    Its signature is not verified again; but one that nobody believes must not be archived.
    """
    problems = judge(certificate, issued_at, policy).problems
    if problems:
        rule, text = problems[0]
        raise SignatureRefused(f"finance's certificate: {rule}: {text}", "财政签名证书不可用")


class LocalCountersigner:
    """Countersigns with finance's own key."""

    is_remote = False

    def __init__(self, signer: Signer) -> None:
        self._signer = signer

    async def countersign(self, wanted: Countersigning) -> Countersigned:
        """Sign. Raises SigningUnavailable."""
        signer = self._signer
        covered = countersign_input(signer.algorithm, wanted.signed, wanted.unit_element)
        value = await signer.sign(covered)
        element = _element(
            FINANCE_REFERENCE, signer.algorithm, wanted.moment, value, signer.certificate
        )
        return Countersigned(element)


def finished(signed: bytes, unit: bytes, finance: bytes) -> Finished:
    """Put the document together."""
    document = assemble(signed, unit, finance)
    return Finished(document, hashlib.sha256(document).hexdigest())


def check_finished(finished_: Finished, certificates: CertificateSet, policy: TrustPolicy) -> None:
    """Verify a document whose countersignature came from elsewhere. Raises SignatureRefused."""
    try:
        opened = open_document(finished_.document)
    except EInvoiceError as error:
        raise SignatureRefused(
            f"what the countersigner gave is no Signature: {error}", "财政签名不符合规范"
        ) from None
    reasons = verify_opened(opened, certificates, policy).reasons
    if reasons:
        raise SignatureRefused(str(reasons[0]), "财政签名验证未通过")


def _element(
    reference: str,
    algorithm: SignatureAlgorithm,
    time: str,
    value: bytes,
    certificate: Certificate,
) -> bytes:
    return signature_element(
        Signature(
            reference=reference,
            algorithm=algorithm,
            time=time,
            value=value,
            serial=certificate.serial,
            issuer=certificate.issuer,
        )
    )
