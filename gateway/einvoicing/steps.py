"""From the built invoice to the archived one, step by step, each repeatable after a crash.

What a step needs is in the books before it begins; signing and countersigning happen between
transactions. An invoice that cannot be finished in time is given up and its number voided.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, NoReturn

from ...einvoice.certificates import Certificate, CertificateSet
from ...einvoice.pipeline import (
    Finished,
    HeldKeys,
    SignatureRefused,
    check_finished,
    finished,
    last_signing,
    unit_element,
)
from ...einvoice.ports import (
    Countersigner,
    Countersigning,
    CountersignRefused,
    Signer,
    SigningUnavailable,
)
from ...einvoice.trust import TrustPolicy
from ..clock import Clock
from ..store import Store, einvoices, journal
from ..store.einvoice_records import Invoice, InvoiceBytes, InvoiceState
from ..store.protocol import Transaction
from .numbers import void
from .refusals import IssueDelayed, IssueRefused

Random = Callable[[int], bytes]

UNDER_WAY: Final[tuple[InvoiceState, ...]] = ("built", "unit_signed", "countersigning")
_MOMENT: Final = "%Y%m%d%H%M%S"


@dataclass(frozen=True, slots=True)
class IssueParts:
    """What issuing works with. `held` gives the key of a unit that is kept here (托管), or None.

    finance: the certificate of finance's own key, None where the centre signs.
    handling, checker: HandlingPerson and Checker where nobody else is known.
    """

    store: Store
    clock: Clock
    random: Random
    held: Callable[[str], Signer | None]
    countersigner: Countersigner | None
    finance: Certificate | None
    certificates: CertificateSet
    policy: TrustPolicy
    handling: str
    checker: str


class Steps:
    """Brings invoices to their archive."""

    def __init__(self, parts: IssueParts) -> None:
        self._parts = parts
        self.held = HeldKeys(parts.policy)

    def now(self) -> str:
        """The moment as documents say it: ``yyyymmddHHMMSS``, civil time."""
        return self._parts.clock.civil().strftime(_MOMENT)

    def signer(self, unit_code: str) -> Signer:
        """The unit's key that is kept here. Raises IssueRefused."""
        signer = self._parts.held(unit_code)
        if signer is None:
            raise IssueRefused(
                f"the key of unit {unit_code} is not kept here",
                information="单位签名密钥未托管,应由单位自行签名",
                do="the unit signs by itself and sends 8981, or enter [einvoice.units.CODE]",
            )
        return signer

    def countersigner(self, issued: str) -> Countersigner:
        """Who signs for finance what is issued then (``yyyymmddHHMMSS``). Raises IssueRefused."""
        found = self._parts.countersigner
        if found is None:
            raise IssueRefused(
                "nobody is configured to sign for finance",
                information="财政签名未配置",
                do="enter [einvoice.finance] with a key, or [einvoice.centre]",
            )
        if self._parts.finance is not None:
            try:
                self.held.check_finance(self._parts.finance, issued)
            except SignatureRefused as refused:
                raise IssueRefused(
                    str(refused),
                    information=refused.information,
                    do="see `nontax check` and [einvoice.finance]",
                ) from None
        return found

    async def advance(self, invoice: Invoice, actor: str) -> Invoice:
        """Bring an invoice to its archive from wherever it is; the archived one.

        Raises IssueRefused for one that had to be abandoned, IssueDelayed for one that is finished
        later.
        """
        code, number = invoice.code, invoice.number
        kept = await self._parts.store.read(partial(einvoices.data, code=code, number=number))
        if kept is None:
            raise IssueRefused("there is no such invoice", wrong_input=True)
        issued = invoice.issue_date + invoice.issue_time.replace(":", "")
        moment = max(self.now(), issued)
        if moment > last_signing(issued):
            await self.abandon(invoice, "it was not signed within 7 days after its issue", actor)
        try:
            countersigner = self.countersigner(issued)
        except IssueRefused as refused:  # what was begun waits until a person has mended that
            raise IssueDelayed(invoice, refused.what) from None
        try:
            element = kept.unit_element or await self._sign(
                invoice, kept, moment, keep=countersigner.is_remote
            )
            wanted = Countersigning(code, number, kept.signed, element, moment)
            document, trade_id = await self._countersign(invoice, wanted, countersigner)
        except (SignatureRefused, CountersignRefused) as refused:
            await self.abandon(invoice, str(refused), actor, refused.information)
        except SigningUnavailable as unavailable:
            raise IssueDelayed(invoice, str(unavailable)) from unavailable
        work = partial(
            _archive,
            invoice=invoice,
            element=element,
            document=document,
            trade_id=trade_id or code + number,
            actor=actor,
            at=self._parts.clock.now_ms(),
        )
        return await self._parts.store.transact(work)

    async def _sign(
        self, invoice: Invoice, kept: InvoiceBytes, moment: str, *, keep: bool
    ) -> bytes:
        """The unit's signature with the key that is kept here; `keep` it in the books at once."""
        signer = self._parts.held(invoice.unit_code)
        if signer is None:
            raise SigningUnavailable(f"the key of unit {invoice.unit_code} is not kept here now")
        issued = invoice.issue_date + invoice.issue_time.replace(":", "")
        self.held.check(signer.certificate, invoice.unit_code, issued)
        element = await unit_element(kept.signed, signer, moment)
        if keep:
            # What was sent away once is what is asked for again.
            await self._parts.store.transact(
                partial(
                    _keep_signature,
                    invoice=invoice,
                    element=element,
                    at=self._parts.clock.now_ms(),
                )
            )
            again = await self._parts.store.read(
                partial(einvoices.data, code=invoice.code, number=invoice.number)
            )
            element = again.unit_element if again is not None else element
        return element

    async def _countersign(
        self, invoice: Invoice, wanted: Countersigning, countersigner: Countersigner
    ) -> tuple[Finished, str]:
        """Finance's signature and the whole document; one from elsewhere is verified."""
        if countersigner.is_remote:
            await self._parts.store.transact(
                partial(
                    einvoices.set_state,
                    code=wanted.code,
                    number=wanted.number,
                    expected=("unit_signed",),
                    state="countersigning",
                    at=self._parts.clock.now_ms(),
                )
            )
        answer = await countersigner.countersign(wanted)
        document = finished(wanted.signed, wanted.unit_element, answer.element)
        if countersigner.is_remote:
            try:
                check_finished(document, self._parts.certificates, self._parts.policy)
            except SignatureRefused as refused:
                # Asked again it would say the same, and it may have counted the invoice: a person
                # has to look, and until then nothing is handed out.
                raise IssueDelayed(invoice, str(refused)) from refused
        return document, answer.trade_id

    async def abandon(
        self, invoice: Invoice, why: str, actor: str, information: str = ""
    ) -> NoReturn:
        """Give an invoice up and void its number. Raises IssueRefused, always."""
        at = self._parts.clock.now_ms()
        await self._parts.store.transact(
            partial(_abandon, invoice=invoice, why=why, actor=actor, at=at)
        )
        raise IssueRefused(
            f"{invoice.code}-{invoice.number} was given up: {why}",
            information=information or "开票未能按时完成,票据号码已作废",
            do="issue it again; the number is void",
        )


async def _keep_signature(tx: Transaction, invoice: Invoice, element: bytes, at: int) -> None:
    await einvoices.unit_signed(tx, invoice.code, invoice.number, element, at=at)


async def _archive(
    tx: Transaction,
    *,
    invoice: Invoice,
    element: bytes,
    document: Finished,
    trade_id: str,
    actor: str,
    at: int,
) -> Invoice:
    """Keep the final document; that of another process, where one was faster."""
    code, number = invoice.code, invoice.number
    if not await einvoices.finish(tx, code, number, element, trade_id, at=at):
        found = await einvoices.get(tx, code, number)
        if found is None or not found.is_archived:
            raise IssueRefused(f"{code}-{number} was given up meanwhile", do="issue it again")
        return found
    row = await einvoices.archive(
        tx, code, number, document.document, sha256=document.sha256, at=at
    )
    if not await einvoices.settle_number(tx, code, number, "issued", at=at):
        raise IssueRefused(f"the number {code}-{number} is not reserved any more")
    await einvoices.add_event(tx, code, number, "archived", at=at, actor=actor)
    facts: dict[str, journal.Fact] = {
        "PayCode": invoice.pay_code,
        "unit": invoice.unit_code,
        "kind": invoice.kind,
        "Amt": invoice.amt,
        "source": invoice.source,
        "seq": row.seq,
        "sha256": row.sha256,
    }
    if invoice.is_red:
        facts["related"] = f"{invoice.related_code}-{invoice.related_number}"
        facts["reason"] = invoice.reason
        await _mark_reversed(tx, invoice, actor, at)
    await journal.append(
        tx, at=at, kind="einvoice.issued", subject=f"{code}-{number}", actor=actor, facts=facts
    )
    return replace(invoice, state="archived", trade_id=trade_id, changed_at=at)


async def _mark_reversed(tx: Transaction, red: Invoice, actor: str, at: int) -> None:
    code, number = red.related_code, red.related_number
    if not await einvoices.set_state(
        tx, code, number, expected=("archived",), state="reversed", at=at
    ):
        raise IssueRefused(f"{code}-{number} cannot be reversed any more")
    by = f"{red.code}-{red.number}"
    await einvoices.add_event(tx, code, number, "reversed", at=at, actor=actor, detail=by)
    await journal.append(
        tx,
        at=at,
        kind="einvoice.reversed",
        subject=f"{code}-{number}",
        actor=actor,
        facts={"PayCode": red.pay_code, "by": by, "reason": red.reason},
    )


async def _abandon(tx: Transaction, *, invoice: Invoice, why: str, actor: str, at: int) -> None:
    code, number = invoice.code, invoice.number
    if not await einvoices.set_state(
        tx, code, number, expected=UNDER_WAY, state="abandoned", at=at, why=why
    ):
        return
    taken = await einvoices.number(tx, code, number)
    if taken is not None:
        await void(tx, taken, why=why, by=actor, at=at)
