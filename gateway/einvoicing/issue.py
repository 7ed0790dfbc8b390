"""Issuing e-invoices (开具电子票据): from the paid bill to the archived document.

Every way ends in the same steps: with the unit's key that is kept here (托管), with the unit's own
signature (8981), and in red (红字). Any of them may be asked for again at any time, by several
processes at once: the books decide, and the answer is the first one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from ...einvoice.document import read_signed
from ...einvoice.errors import DocumentError
from ...einvoice.numbering import NumberingError, bill_type_of, parse_code, split_bill_no
from ...einvoice.pipeline import SignatureRefused
from ...messages.codes import Result
from ..settlement.acting import Acting
from ..store import bills, einvoices
from ..store.einvoice_records import Invoice
from ..store.protocol import Transaction
from ..store.records import Bill
from .basis import paid_bill
from .building import build_blue, build_red
from .content import Draft, random_number
from .numbers import reserve
from .receiving import SignedByUnit, archived_before, keep_blue, keep_red, open_received
from .refusals import IssueDelayed, IssueRefused
from .steps import IssueParts, Steps

__all__ = [
    "IssueDelayed",
    "IssueParts",
    "IssueRefused",
    "Issued",
    "Issuing",
    "SignedByUnit",
    "find",
    "reserve",
]

_THREAD_BYTES: Final = 65_536
_RED_MARKS: Final = (b"<TotalAmount>-", b"<RelatedInvoiceCode>")


@dataclass(frozen=True, slots=True)
class Issued:
    """An archived invoice; `repeated`: it had been issued before."""

    invoice: Invoice
    repeated: bool


async def find(tx: Transaction, bill_no: str, bill_type: str = "") -> list[Invoice]:
    """The invoices that a BillNo names (10 digits, or 18 with the code), newest code first.

    bill_type: BillTypeCode that the code must have, '' for any. None is found for texts that can
    be none of these.
    """
    try:
        code, number = split_bill_no(bill_no)
        kind = bill_type_of(bill_type) if bill_type else ""
    except NumberingError:
        return []
    return [
        invoice
        for invoice in await einvoices.by_number(tx, number)
        if code in {"", invoice.code} and kind in {"", parse_code(invoice.code).bill_type}
    ]


class Issuing:
    """Issues invoices with one store; stateless, and safe beside others."""

    def __init__(self, parts: IssueParts) -> None:
        self._parts = parts
        self._steps = Steps(parts)

    # -- with a key that is kept here --------------------------------------------------------------

    async def issue(
        self, pay_code: str, acting: Acting, *, bill_type: str = "", others_ms: int = 0
    ) -> Issued:
        """Issue the blue invoice of a paid bill with the unit's key that is kept here (托管).

        bill_type: the kind of invoice, where it shall not be the bill's own or the unit's first
        with numbers left. others_ms: an invoice that was begun so recently is left to whoever began
        it. A bill that has an invoice gives that one. Raises IssueRefused, IssueDelayed.
        """
        store = self._parts.store

        async def look(tx: Transaction) -> tuple[Bill, Invoice | None]:
            return await paid_bill(tx, pay_code), await einvoices.living(tx, pay_code)

        bill, living = await store.read(look)
        _check_scope(bill, acting)
        if living is None:
            self._check_key(bill.unit_code)
            self._steps.countersigner(self._steps.now())
            draft = self._draft(acting.name)
            work = partial(build_blue, pay_code=pay_code, bill_type=bill_type, draft=draft)
            living = await store.transact(work)
        elif others_ms and not living.is_archived and living.created_at > acting.at - others_ms:
            raise IssueDelayed(living, "another process is just issuing it")
        return await self._advanced(living, acting.name)

    def _draft(self, actor: str) -> Draft:
        """What the next invoice gets from outside: moment, randomness, names."""
        parts = self._parts
        return Draft(
            at=parts.clock.now_ms(),
            moment=self._steps.now(),
            random=random_number(parts.random),
            actor=actor,
            handling=parts.handling,
            checker=parts.checker,
        )

    def _check_key(self, unit_code: str) -> None:
        """Refuse before a number is taken what the unit's key cannot sign. Raises IssueRefused."""
        signer = self._steps.signer(unit_code)
        try:
            self._steps.held.check(signer.certificate, unit_code, self._steps.now())
        except SignatureRefused as refused:
            raise IssueRefused(
                str(refused),
                information=refused.information,
                do="see `nontax check` and [einvoice.units]",
            ) from None

    async def _advanced(self, invoice: Invoice, actor: str) -> Issued:
        if invoice.is_archived:
            return Issued(invoice, repeated=True)
        return Issued(await self._steps.advance(invoice, actor), repeated=False)

    # -- with the unit's own signature -------------------------------------------------------------

    async def accept_signed(self, received: SignedByUnit) -> Issued:
        """Check, countersign and archive what a unit signed by itself (8981).

        What was archived is the answer to the same bytes again, however late and also when it was
        reversed since; the bill's living invoice to any other blue one. A red document reverses its
        original. Raises IssueRefused, IssueDelayed.
        """
        store = self._parts.store
        at = self._parts.clock.now_ms()

        async def look(tx: Transaction) -> tuple[Bill, Invoice | None, Invoice | None]:
            known = await bills.get(tx, received.pay_code)
            if known is not None and known.unit_code not in received.units:
                # before anything that would tell what became of it
                raise IssueRefused(
                    f"{received.node} may not act for unit {known.unit_code}",
                    result=Result.NO_UNIT_RIGHT,
                )
            bill = await paid_bill(tx, received.pay_code)
            living = await einvoices.living(tx, received.pay_code)
            return bill, living, await archived_before(tx, received)

        bill, living, before = await store.read(look)
        if bill.region != received.region:
            raise IssueRefused(
                "AdmDivCode is not the bill's region",
                result=Result.BAD_PARAMETER,
                information=f"AdmDivCode与缴款书的区划{bill.region}不一致",
            )
        if before is not None:
            return Issued(before, repeated=True)
        work = partial(
            open_received, received, self._parts.certificates, self._parts.policy, self._steps.now()
        )
        if living is not None and not await self._says_red(received):
            return await self._advanced(living, received.node)
        large = len(received.data) > _THREAD_BYTES
        invoice, element = await asyncio.to_thread(work) if large else work()
        self._steps.countersigner(invoice.issued_at)
        keep = keep_red if invoice.is_red else keep_blue
        begun = await store.transact(
            partial(keep, received=received, invoice=invoice, element=element, at=at)
        )
        return await self._advanced(begun, received.node)

    async def _says_red(self, received: SignedByUnit) -> bool:
        """Whether the document is a red one, or was to be one and breaks a rule."""

        def read() -> bool:
            try:
                return read_signed(received.data).is_red
            except DocumentError:  # what is wrong with it is the better answer then
                return any(mark in received.data for mark in _RED_MARKS)

        large = len(received.data) > _THREAD_BYTES
        return await asyncio.to_thread(read) if large else read()

    # -- red ---------------------------------------------------------------------------------------

    async def reverse(self, code: str, number: str, reason: str, acting: Acting) -> Issued:
        """Issue the red invoice (红字) of an archived one with the unit's key that is kept here.

        One that was reversed gives its red one. Raises IssueRefused, IssueDelayed.
        """
        store = self._parts.store
        original = await store.read(partial(einvoices.get, code=code, number=number))
        if original is None:
            raise IssueRefused("there is no such invoice", do="check it", wrong_input=True)
        if not acting.may_act_for(original.unit_code):
            raise _not_in_scope(acting, original.unit_code)
        red = await store.read(partial(einvoices.red_of, code=code, number=number))
        if red is None:
            self._check_key(original.unit_code)
            self._steps.countersigner(self._steps.now())
            work = partial(
                build_red, code=code, number=number, reason=reason, draft=self._draft(acting.name)
            )
            red = await store.transact(work)
        return await self._advanced(red, acting.name)

    # -- what was left behind ----------------------------------------------------------------------

    async def resume(
        self, actor: str, *, older_ms: int, delayed: Callable[[IssueDelayed], None]
    ) -> int:
        """Finish what was begun more than `older_ms` ago and left; how many were finished."""
        done, after = 0, ("", "")
        before = self._parts.clock.now_ms() - older_ms
        while page := await self._parts.store.scan(
            partial(einvoices.under_way, before=before, after=after)
        ):
            after = (page[-1].code, page[-1].number)
            for invoice in page:
                try:
                    await self._steps.advance(invoice, actor)
                except IssueRefused:
                    continue  # it was given up: its number and the journal say why
                except IssueDelayed as why:
                    delayed(why)
                    continue
                done += 1
        return done


def _check_scope(bill: Bill, acting: Acting) -> None:
    if not acting.may_act_for(bill.unit_code):
        raise _not_in_scope(acting, bill.unit_code)


def _not_in_scope(acting: Acting, unit_code: str) -> IssueRefused:
    return IssueRefused(
        f"{acting.name} may not act for unit {unit_code}",
        do="name an operator of that unit",
        wrong_input=True,
    )
