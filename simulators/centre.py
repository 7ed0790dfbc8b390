"""The province's e-invoice centre (电子票据中心): takes invoices, signs some time later, answers.

It keeps books of its own: an invoice that is submitted again is the same one, and another one under
the same number is refused. It signs after it was asked for the state so many times.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ..einvoice.certificates import Certificate, CertificateSet
from ..einvoice.document import read_signed
from ..einvoice.envelope import (
    FINANCE_REFERENCE,
    Signature,
    countersign_input,
    signature_element,
)
from ..einvoice.errors import EInvoiceError
from ..einvoice.keys import PrivateKey
from .identity import Clock, civil_now
from .jsonserver import Asked, Told

_PLACE: Final = "/invoices"
_UNREADABLE: Final = "票据内容不符合规范"
_NOT_KNOWN: Final = "单位证书未在中心登记"


@dataclass(slots=True)
class Job:
    """One invoice at the centre. waits: how often its state is asked for until it is signed."""

    signed: bytes
    unit_element: bytes
    waits: int
    trade: str
    element: bytes = b""
    refused: str = ""

    @property
    def state(self) -> str:
        """What the centre says of it."""
        if self.refused:
            return "refused"
        return "signed" if self.element else "signing"


class Centre:
    """The centre's key, certificate and books. Use `handle` with a `JsonServer`.

    units: certificates that it believes; None: it does not look. judge: a reason in Chinese to
    refuse an invoice, '' for none.
    """

    def __init__(
        self,
        key: PrivateKey,
        certificate: Certificate,
        *,
        units: CertificateSet | None = None,
        waits: int = 1,
        clock: Clock = civil_now,
        judge: Callable[[bytes], str] = lambda signed: "",
    ) -> None:
        self._key = key
        self._certificate = certificate
        self._units = units
        self._clock = clock
        self._judge = judge
        self.waits = waits
        self.jobs: dict[str, Job] = {}
        """By ``CODE-NUMBER``."""

    async def handle(self, asked: Asked) -> Told:
        """``POST /invoices``, ``GET /invoices/NAME``, ``GET /invoices/NAME/signature``."""
        if (asked.method, asked.path) == ("POST", _PLACE):
            return self._submitted(asked.content)
        name, _, what = asked.path.removeprefix(f"{_PLACE}/").partition("/")
        job = self.jobs.get(name)
        if asked.method != "GET" or job is None or what not in ("", "signature"):
            return Told(404, {"error": "no such invoice"})
        if not what:
            self._work(job)
            return Told(200, self._state(job))
        if not job.element:
            return Told(404, {"error": "not signed yet"})
        element = job.element
        if asked.behaviour.corrupt_mac:
            middle = len(element) // 2
            element = element[:middle] + bytes([element[middle] ^ 1]) + element[middle + 1 :]
        return Told(200, {"element": b64encode(element).decode(), "trade": job.trade})

    def _submitted(self, content: Mapping[str, Any]) -> Told:
        try:
            signed = b64decode(str(content.get("signed")), validate=True)
            element = b64decode(str(content.get("signature")), validate=True)
        except ValueError:
            return Told(400, {"error": "signed and signature are base64"})
        name = f"{content.get('code')}-{content.get('number')}"
        job = self.jobs.get(name)
        if job is not None:
            if (job.signed, job.unit_element) != (signed, element):
                return Told(409, {"error": "another invoice has this number"})
            return Told(200, self._state(job))
        refused = self._refusal(name, signed)
        if refused:
            return Told(422, {"error": "refused", "message": refused})
        trade = f"ZX{len(self.jobs) + 1:010d}"
        job = self.jobs[name] = Job(signed, element, self.waits, trade)
        if not job.waits:
            self._sign(job)
        return Told(202, self._state(job))

    def _refusal(self, name: str, signed: bytes) -> str:
        try:
            invoice = read_signed(signed)
        except EInvoiceError:
            return _UNREADABLE
        if f"{invoice.code}-{invoice.number}" != name:
            return _UNREADABLE
        unit = invoice.main.invoicing_party.InvoicingPartyCode
        if self._units is not None and not any(unit in one.unit_codes for one in self._units):
            return _NOT_KNOWN
        return self._judge(signed)

    def _work(self, job: Job) -> None:
        if job.waits:
            job.waits -= 1
        if not job.waits and not job.element and not job.refused:
            self._sign(job)

    def _sign(self, job: Job) -> None:
        covered = countersign_input(self._key.algorithm, job.signed, job.unit_element)
        job.element = signature_element(
            Signature(
                reference=FINANCE_REFERENCE,
                algorithm=self._key.algorithm,
                time=self._clock().strftime("%Y%m%d%H%M%S"),
                value=self._key.sign(covered),
                serial=self._certificate.serial,
                issuer=self._certificate.issuer,
            )
        )

    @staticmethod
    def _state(job: Job) -> dict[str, str]:
        return {"state": job.state, "trade": job.trade, "message": job.refused}


__all__ = ["Centre", "Job"]
