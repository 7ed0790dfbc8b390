"""Building invoices in the books: a number is taken and what is to be signed is kept, at once."""

from __future__ import annotations

from ...einvoice.document import read_signed, signed_bytes
from ...einvoice.errors import DocumentError
from ...einvoice.fields import EInvoice
from ...messages.codes import Result
from ..store import catalogue, einvoices
from ..store.einvoice_records import Invoice, InvoiceBytes, InvoiceNumber
from ..store.protocol import Transaction
from ..store.records import Bill
from .basis import basis_of
from .content import Draft, blue_invoice, red_invoice
from .numbers import kind_of, reserve
from .refusals import IssueRefused, bad_document


async def build_blue(tx: Transaction, *, pay_code: str, bill_type: str, draft: Draft) -> Invoice:
    """Build the invoice of a paid bill; the living one where there is one. Raises IssueRefused."""
    living = await einvoices.living(tx, pay_code)
    if living is not None:
        return living
    basis = await basis_of(tx, pay_code)
    bill = basis.bill
    number = await _number_for(tx, bill, bill_type, draft)
    built = blue_invoice(basis, number.code, number.number, draft)
    return await _keep(tx, built, number, basis.payment.id, draft)


async def build_red(
    tx: Transaction, *, code: str, number: str, reason: str, draft: Draft
) -> Invoice:
    """Build the red invoice of an archived one; the one that there is. Raises IssueRefused."""
    red = await einvoices.red_of(tx, code, number)
    if red is not None:
        return red
    original = await reversible(tx, code, number)
    kept = await einvoices.data(tx, code, number)
    if kept is None:
        raise IssueRefused("its bytes are not in the books", do="see `nontax check`")
    taken = await reserve(
        tx,
        unit_code=original.unit_code,
        bill_type=code,
        by=draft.actor,
        at=draft.at,
        pay_code=original.pay_code,
        is_red=True,
    )
    built = red_invoice(read_signed(kept.signed), taken.code, taken.number, reason, draft)
    return await _keep(tx, built, taken, original.payment_id, draft, reason=reason)


async def reversible(tx: Transaction, code: str, number: str) -> Invoice:
    """An invoice that can be reversed, locked. Raises IssueRefused."""
    original = await einvoices.get(tx, code, number, lock=True)
    if original is None:
        raise IssueRefused(
            "there is no such invoice",
            information="原票据不存在",
            do="see `nontax einvoice show`",
            wrong_input=True,
        )
    if original.is_red:
        raise IssueRefused(
            f"{code}-{number} is a red invoice, which is never reversed",
            information="红字票据不能再冲红",
            do="issue a new invoice of the bill",
            wrong_input=True,
        )
    if original.state != "archived":
        raise IssueRefused(
            f"{code}-{number} is {original.state}",
            information="原票据未开具或已冲红",
            do="see `nontax einvoice show`",
        )
    return original


async def _keep(
    tx: Transaction,
    built: EInvoice,
    number: InvoiceNumber,
    payment_id: int,
    draft: Draft,
    *,
    reason: str = "",
) -> Invoice:
    """Keep a built invoice and what is to be signed."""
    try:
        signed = signed_bytes(built)
    except DocumentError as error:
        raise bad_document(error) from None
    code, text = built.related
    invoice = Invoice(
        code=number.code,
        number=number.number,
        kind="red" if built.is_red else "blue",
        state="built",
        pay_code=number.pay_code,
        payment_id=payment_id,
        unit_code=number.unit_code,
        region=built.main.SupervisorAreaCode,
        payer_name=built.main.payer_party.PayerPartyName,
        amt=built.main.TotalAmount,
        issue_date=draft.date,
        issue_time=draft.time,
        random=draft.random,
        related_code=code,
        related_number=text,
        source="held",
        actor=draft.actor,
        reason=reason,
        email="",
        telephone="",
        trade_id="",
        created_at=draft.at,
        changed_at=draft.at,
    )
    if not await einvoices.insert(tx, invoice, InvoiceBytes(signed, b"", b"")):
        raise IssueRefused("another invoice of it is just being made", do="ask again")
    await einvoices.add_event(
        tx, invoice.code, invoice.number, "built", at=draft.at, actor=draft.actor
    )
    return invoice


async def _number_for(tx: Transaction, bill: Bill, bill_type: str, draft: Draft) -> InvoiceNumber:
    """A number of the kind asked for; else of the bill's own, else of the unit's first that has."""
    unit = await catalogue.unit(tx, bill.unit_code)
    kinds = list(filter(None, unit.bill_kinds.split(","))) if unit is not None else []
    if bill_type:
        kinds = [kind_of(bill_type)]
    elif bill.bill_type_code in kinds:
        kinds.sort(key=lambda kind: kind != bill.bill_type_code)
    why: IssueRefused | None = None
    for kind in kinds:
        try:
            return await reserve(
                tx,
                unit_code=bill.unit_code,
                bill_type=kind,
                by=draft.actor,
                at=draft.at,
                pay_code=bill.pay_code,
            )
        except IssueRefused as refused:  # nothing was taken: try the next kind
            why = why or refused
    raise why or IssueRefused(
        f"unit {bill.unit_code} has no right to any kind of invoice",
        result=Result.NO_BILL_KIND_RIGHT,
        do="enter the kinds into the unit's bill_kinds in the catalogue",
    )
