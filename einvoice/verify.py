"""Whether an e-invoice is what it says: intact, valid, trusted; and what exactly was signed.

Intact: the document is in its one form, and both signatures match the bytes that it carries.
Valid: besides, each signature names its key's algorithm and was made in time. Trusted: besides,
each signer's certificate leads to a configured root, held when the invoice was issued, and is that
of the party whose signature it bears. Whoever uses the contents takes them from the answer, for
they are read from the bytes that were verified.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from .certificates import Certificate, CertificateSet
from .envelope import Opened, Signature, countersign_input, open_document
from .errors import DocumentError, EInvoiceError
from .fields import EInvoice
from .trust import TrustPolicy, judge

SIGNING_DAYS: Final = 7
"""A signature is made within so many days after the issue."""
_MOMENT: Final = "%Y%m%d%H%M%S"


class Party(StrEnum):
    """Whose signature."""

    UNIT = "unit"
    FINANCE = "finance"


class Aspect(StrEnum):
    """What a reason speaks against."""

    INTACT = "intact"
    VALID = "valid"
    TRUSTED = "trusted"


_Against = Callable[[Aspect, str, str], None]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a document is not fine. party: None for the document as a whole."""

    party: Party | None
    aspect: Aspect
    rule: str
    text: str

    def __str__(self) -> str:
        place = "document" if self.party is None else f"{self.party.value}'s signature"
        return f"{place}: {self.rule}: {self.text}"


@dataclass(frozen=True, slots=True)
class Examined:
    """One signature. certificate: None where it is not known; chain: up to the root, if any."""

    party: Party
    signature: Signature
    certificate: Certificate | None = None
    chain: tuple[Certificate, ...] = ()
    reasons: tuple[Reason, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def is_fine(self) -> bool:
        """Whether nothing speaks against the signature."""
        return not self.reasons


@dataclass(frozen=True, slots=True)
class Verification:
    """The three answers, each including the one before; why not; and what was signed.

    signed, invoice, unit, finance: None for a document that cannot be taken apart. Content of a
    document that is not fine is what it says, not what anybody signed.
    """

    intact: bool
    valid: bool
    trusted: bool
    reasons: tuple[Reason, ...] = ()
    notes: tuple[str, ...] = ()
    signed: bytes | None = field(default=None, repr=False)
    invoice: EInvoice | None = None
    unit: Examined | None = None
    finance: Examined | None = None

    @property
    def is_fine(self) -> bool:
        """Whether it is intact, valid and trusted."""
        return self.intact and self.valid and self.trusted


def verify(data: bytes, certificates: CertificateSet, policy: TrustPolicy) -> Verification:
    """Verify a whole document as it was received; never raises for what is in it."""
    try:
        opened = open_document(data)
    except EInvoiceError as error:
        rule = "form" if isinstance(error, DocumentError) else "algorithm"
        reason = Reason(None, Aspect.INTACT, rule, str(error))
        return Verification(intact=False, valid=False, trusted=False, reasons=(reason,))
    return verify_opened(opened, certificates, policy)


def verify_opened(
    opened: Opened, certificates: CertificateSet, policy: TrustPolicy
) -> Verification:
    """The same for a document that was taken apart already."""
    invoice = opened.invoice
    unit = examine_unit(opened.signed, opened.unit, invoice, certificates, policy)
    covered = countersign_input(opened.finance.algorithm, opened.signed, opened.unit_element)
    finance = examine_finance(covered, opened.finance, invoice, certificates, policy)
    reasons = unit.reasons + finance.reasons
    against = {reason.aspect for reason in reasons}
    intact = Aspect.INTACT not in against
    valid = intact and Aspect.VALID not in against
    return Verification(
        intact=intact,
        valid=valid,
        trusted=valid and Aspect.TRUSTED not in against,
        reasons=reasons,
        notes=tuple(dict.fromkeys(unit.notes + finance.notes)),
        signed=opened.signed,
        invoice=invoice,
        unit=unit,
        finance=finance,
    )


def examine_unit(
    signed: bytes,
    signature: Signature,
    invoice: EInvoice,
    certificates: CertificateSet,
    policy: TrustPolicy,
) -> Examined:
    """Examine the unit's signature over the signed part, which `invoice` was read from."""
    return _examine(
        Party.UNIT, signed, signature, invoice, certificates=certificates, policy=policy
    )


def examine_finance(
    covered: bytes,
    signature: Signature,
    invoice: EInvoice,
    certificates: CertificateSet,
    policy: TrustPolicy,
) -> Examined:
    """Examine finance's signature over what `countersign_input` gives."""
    return _examine(
        Party.FINANCE, covered, signature, invoice, certificates=certificates, policy=policy
    )


def _examine(
    party: Party,
    data: bytes,
    signature: Signature,
    invoice: EInvoice,
    *,
    certificates: CertificateSet,
    policy: TrustPolicy,
) -> Examined:
    reasons: list[Reason] = []

    def against(aspect: Aspect, rule: str, text: str) -> None:
        reasons.append(Reason(party, aspect, rule, text))

    issued = invoice.issued_at
    if not issued <= signature.moment <= _latest(issued):
        against(
            Aspect.VALID,
            "SignatureTime",
            f"{signature.moment} is not within {SIGNING_DAYS} days after the issue, {issued}",
        )
    certificate = certificates.find(signature.serial, signature.issuer)
    if certificate is None:
        against(
            Aspect.INTACT,
            "certificate",
            f"none is configured with serial number {signature.serial} of {signature.issuer}, so"
            " nothing can be said of the signature",
        )
        return Examined(party, signature, reasons=tuple(reasons))
    _match(certificate, data, signature, against)
    judgement = judge(certificate, issued, policy)
    for rule, text in judgement.problems:
        against(Aspect.TRUSTED, rule, text)
    problem = _stranger(party, certificate, invoice, policy)
    if problem:
        against(Aspect.TRUSTED, "party", problem)
    return Examined(party, signature, certificate, judgement.chain, tuple(reasons), judgement.notes)


def _match(certificate: Certificate, data: bytes, signature: Signature, against: _Against) -> None:
    """Whether the certificate's key made the signature, under the name of its own algorithm."""
    try:
        key = certificate.key
        matches = key.verify(data, signature.value)
    except EInvoiceError as error:
        against(Aspect.INTACT, "key", f"the signature cannot be verified: {error}")
        return
    if not matches:
        against(
            Aspect.INTACT,
            "SignatureValue",
            "it is not the signature of the certificate's key over these bytes",
        )
    if key.algorithm is not signature.algorithm:
        against(
            Aspect.VALID,
            "SignatureAlgorithm",
            f"{signature.algorithm} is not that of the certificate's key, {key.algorithm}",
        )


def _stranger(
    party: Party, certificate: Certificate, invoice: EInvoice, policy: TrustPolicy
) -> str:
    """Why the certificate is not that of the party; '' where it is."""
    if party is Party.FINANCE:
        if policy.is_finance(certificate):
            return ""
        return f"{certificate.subject} is not among the certificates of finance"
    code = invoice.main.invoicing_party.InvoicingPartyCode
    if code in policy.units_of(certificate):
        return ""
    return f"{certificate.subject} is not a certificate of the unit {code}"


def _latest(issued: str) -> str:
    try:
        end = datetime.strptime(issued, _MOMENT) + timedelta(days=SIGNING_DAYS)  # noqa: DTZ007
    except OverflowError:
        return issued
    return f"{end.year:04d}{end:%m%d%H%M%S}"
