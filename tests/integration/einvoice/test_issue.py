"""E-invoices of paid bills: what stands on them, one living one a bill, red ones, refunds."""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
from dataclasses import replace
from functools import partial

import pytest

from nontax.einvoice.envelope import open_document
from nontax.einvoice.pipeline import LocalCountersigner
from nontax.einvoice.ports import Countersigned, Countersigning
from nontax.gateway.einvoicing.batch import Batch
from nontax.gateway.outbox import Terms, operate
from nontax.gateway.outbox.operate import NotPossible
from nontax.gateway.settlement.acting import SettlementRefused
from nontax.gateway.store import catalogue, einvoices
from nontax.gateway.store.einvoices import verify_archive

from ..flows.conftest import ESTATE, LAND_FEE, PAPER, TODAY, UNIT, Office
from ..settlement.paying_back import approved, ask, reported, state
from .issuing import (
    CODE,
    LAND,
    attempt,
    document,
    fates_of,
    issued,
    issuing_at,
    judged,
    keys_of,
    paid,
    refused,
    reserved,
    who,
)


async def test_a_paid_bill_gets_an_invoice_that_everybody_can_verify(office: Office) -> None:
    pay_code = await paid(office)
    done = await issued(office, pay_code)
    assert not done.repeated
    invoice = done.invoice
    assert (invoice.code, invoice.number, invoice.kind) == (CODE, "0000000001", "blue")
    data = await document(office, CODE, "0000000001")
    verdict = judged(office, data)
    assert verdict.is_fine, verdict.reasons
    said = open_document(data).invoice
    assert said.header.EInvoiceTag == "CZ-EI-32"
    assert said.header.EInvoiceID == "1000000000-62101023"
    main = said.main
    assert (main.EInvoiceName, main.EInvoiceSpecimenCode) == ("非税收入通用票据", CODE + "01")
    assert (main.SupervisorAreaCode, main.TotalAmount, said.pay_code) == ("320682", 8000, pay_code)
    assert (main.IssueDate, main.IssueTime) == (TODAY, "10:00:00")
    assert main.invoicing_party.InvoicingPartyCode == LAND
    assert main.payer_party.PayerPartyName == "张三"
    assert (main.PayMode, main.BizCode) == ("11", "T1")
    [item] = said.items
    assert (item.ItemCode, item.ItemAmount, item.ItemQuantity) == (LAND_FEE, 8000, 1)
    row = office.books.one("einvoice_archive")
    assert row["sha256"] == hashlib.sha256(data).hexdigest()
    assert office.books.one("einvoice_numbers")["state"] == "issued"
    assert office.books.kinds(f"{CODE}-0000000001") == ["einvoice.issued"]
    assert "张三" not in str(office.books.rows("journal", kind="einvoice.issued"))


async def test_asked_again_it_is_the_same_invoice(office: Office) -> None:
    pay_code = await paid(office)
    first = await issued(office, pay_code)
    again = await issued(office, pay_code)
    assert again.repeated
    assert again.invoice == first.invoice
    assert len(office.books.rows("einvoice_numbers")) == 1


async def test_asked_ten_times_at_once_it_is_one_invoice(office: Office) -> None:
    pay_code = await paid(office)
    done = await asyncio.gather(*(issued(office, pay_code) for _ in range(10)))
    assert len({one.invoice.number for one in done}) == 1
    assert len(office.books.rows("einvoice_numbers")) == 1
    assert len(office.books.rows("einvoice_archive")) == 1


async def test_the_books_themselves_allow_one_living_invoice(office: Office) -> None:
    pay_code = await paid(office)
    await issued(office, pay_code)
    number = await reserved(office)
    columns = [name for name in office.books.one("einvoices") if name != "number"]
    names = ", ".join(columns)
    with pytest.raises(sqlite3.IntegrityError, match=r"einvoices\.pay_code"):
        attempt(
            office,
            f"INSERT INTO einvoices (number, {names}) SELECT ?, {names} FROM einvoices",  # noqa: S608
            number.number,
        )


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE einvoices SET amt = 1",
        "UPDATE einvoices SET signed = x'00'",
        "UPDATE einvoices SET unit_element = x'00'",
        "UPDATE einvoices SET state = 'built'",
        "DELETE FROM einvoices",
        "UPDATE einvoice_archive SET document = x'00'",
        "DELETE FROM einvoice_archive",
        "DELETE FROM einvoice_archive_head",
        "UPDATE einvoice_numbers SET state = 'reserved'",
        "UPDATE einvoice_numbers SET state = 'voided', why = 'x'",
        "DELETE FROM einvoice_numbers",
        "UPDATE einvoice_events SET actor = 'x'",
        "DELETE FROM einvoice_events",
    ],
)
async def test_what_was_archived_is_never_changed(office: Office, sql: str) -> None:
    await issued(office, await paid(office))
    with pytest.raises(sqlite3.IntegrityError):
        attempt(office, sql)


async def test_the_chain_shows_a_changed_document(office: Office) -> None:
    for _ in range(3):
        await issued(office, await paid(office))
    report = await office.gateway.store.scan(verify_archive)
    assert (report.ok, report.rows) == (True, 3)
    attempt(office, "DROP TRIGGER einvoice_archive_keeps_rows")
    attempt(office, "UPDATE einvoice_archive SET document = x'00' WHERE seq = 2")
    report = await office.gateway.store.scan(verify_archive)
    assert (report.ok, report.first_bad, report.fault) == (False, 2, "document 2 was changed")


async def test_only_paid_bills_of_units_with_right_stock_and_key(office: Office) -> None:
    with refused(office, "there is no such bill"):
        await issued(office, "32068226300000000099")
    unpaid = await office.bill()
    with refused(office, "was not paid"):
        await issued(office, unpaid)
    await office.void(unpaid)
    with refused(office, "is void"):
        await issued(office, unpaid)
    pay_code = await paid(office)
    with refused(office, "may not act for unit"):
        await issuing_at(office).issue(pay_code, who(office, "maker1", ESTATE))
    with refused(office, "no right to invoices of kind 0202"):
        await issued(office, pay_code, bill_type="0202")
    unit = await office.gateway.store.read(partial(catalogue.unit, code=LAND))
    assert unit is not None
    await office.catalogue(replace(unit, bill_kinds="0202"))
    with refused(office, "no numbers of kind 0202 left"):
        await issued(office, pay_code)
    await office.catalogue(replace(unit, bill_kinds=""))
    with refused(office, "no right to any kind"):
        await issued(office, pay_code)


async def test_a_bill_has_a_receipt_on_paper_or_an_invoice(office: Office) -> None:
    pay_code = await paid(office)
    fields = PAPER | {
        "PayCode": pay_code,
        "AdmDivCode": "320682",
        "ChgAgenCode": LAND,
        "BillNo": "0000000007",
        "Hold1": "",
        "Hold2": "",
    }
    answer = await office.call(UNIT, "8998", fields)
    assert answer.result == "00000", answer.message
    with refused(office, "changed into a paper receipt"):
        await issued(office, pay_code)


# -- red -------------------------------------------------------------------------------------------


async def test_a_red_invoice_takes_its_original_back(office: Office) -> None:
    pay_code = await paid(office)
    await issued(office, pay_code)
    office.clock.advance(seconds=3600)
    red = await issuing_at(office).reverse(CODE, "0000000001", "开票有误", who(office))
    assert (red.invoice.kind, red.invoice.number, red.invoice.amt) == ("red", "0000000002", -8000)
    data = await document(office, CODE, "0000000002")
    assert judged(office, data).is_fine
    said = open_document(data).invoice
    assert said.related == (CODE, "0000000001")
    assert [item.ItemAmount for item in said.items] == [-8000]
    assert (said.main.Remark, said.pay_code) == ("冲红原因:开票有误", pay_code)
    assert (
        said.main.RandomNumber
        != open_document(await document(office, CODE, "0000000001")).invoice.main.RandomNumber
    )
    states = {row["number"]: row["state"] for row in office.books.rows("einvoices")}
    assert states == {"0000000001": "reversed", "0000000002": "archived"}
    assert office.books.kinds(f"{CODE}-0000000001") == ["einvoice.issued", "einvoice.reversed"]
    again = await issuing_at(office).reverse(CODE, "0000000001", "再次", who(office))
    assert again.repeated
    assert again.invoice.number == "0000000002"
    with refused(office, "never reversed"):
        await issuing_at(office).reverse(CODE, "0000000002", "冲红", who(office))
    anew = await issued(office, pay_code)
    assert (anew.invoice.number, anew.repeated) == ("0000000003", False)
    assert [(fate.state, fate.count) for fate in await fates_of(office)] == [
        ("issued", 3), ("stock", 99_997),
    ]  # fmt: skip


async def test_ten_reversals_at_once_are_one(office: Office) -> None:
    await issued(office, await paid(office))
    issuing = issuing_at(office)
    done = await asyncio.gather(
        *(issuing.reverse(CODE, "0000000001", "重复", who(office)) for _ in range(10))
    )
    assert {one.invoice.number for one in done} == {"0000000002"}
    assert len(office.books.rows("einvoice_numbers")) == 2


# -- refunds ---------------------------------------------------------------------------------------


async def test_an_invoiced_payment_is_paid_back_after_its_red_invoice(office: Office) -> None:
    pay_code = await paid(office)
    await issued(office, pay_code)
    with pytest.raises(SettlementRefused, match=f"has the e-invoice {CODE}-0000000001") as caught:
        await ask(office, pay_code, 3000)
    assert "nontax einvoice reverse" in caught.value.do
    await issuing_at(office).reverse(CODE, "0000000001", "退费", who(office))
    refund = await approved(office, pay_code, 3000)
    with refused(office, f"refund {refund.refund_no} of it is queued"):
        await issued(office, pay_code)
    assert await reported(office, refund.refund_no) == "00000"
    rest = await issued(office, pay_code)
    assert rest.invoice.amt == 5000
    said = open_document(await document(office, CODE, rest.invoice.number)).invoice
    assert [(item.ItemAmount, item.ItemQuantity) for item in said.items] == [(5000, None)]


async def test_what_was_paid_back_in_full_is_not_invoiced(office: Office) -> None:
    pay_code = await paid(office)
    refund = await approved(office, pay_code, 8000)
    assert await reported(office, refund.refund_no) == "00000"
    with refused(office, "all of the payment was paid back"):
        await issued(office, pay_code)


async def test_a_duplicate_is_paid_back_beside_the_invoice(office: Office) -> None:
    pay_code = await paid(office, PayMode="51")
    await issued(office, pay_code)
    answer = await office.confirm(
        "D3206820301", pay_code, TraNoBus="X2", PayMode="51", RecAcct="32003000000000000026"
    )
    assert answer.result == "00000"
    [refund] = office.books.rows("refunds")
    assert refund["kind"] == 1
    assert (await issued(office, pay_code)).repeated


async def test_a_failed_refund_is_not_sent_again_over_an_invoice(office: Office) -> None:
    pay_code = await paid(office)
    refund = await approved(office, pay_code, 3000)
    [row] = office.books.queued("5617")
    office.clock.set(row["expires_at"])
    await office.gateway.deliverer.deliver_due()
    assert state(office, refund.refund_no) == "failed"
    await issued(office, pay_code)
    terms = Terms.from_config(office.config.outbox)
    with pytest.raises(NotPossible, match=f"has the e-invoice {CODE}-0000000001"):
        await office.transact(
            lambda tx: operate.requeue(
                tx, row["id"], operator="maker1", reason="x", at=office.clock.now_ms(), terms=terms
            )
        )


# -- many ------------------------------------------------------------------------------------------


async def test_a_batch_issues_what_is_waiting_and_tells_the_rest(office: Office) -> None:
    codes = [await paid(office) for _ in range(5)]
    await issued(office, codes[0])
    unpaid = await office.bill()
    batch = Batch(office.gateway.store, office.clock, issuing_at(office), operator="maker1")
    report = await batch.issue([*codes, unpaid])
    assert (report.issued, report.repeated, report.amt) == (4, 1, 32_000)
    assert [(one.pay_code, one.what) for one in report.refused] == [
        (unpaid, "the bill was not paid")
    ]
    more = [await paid(office) for _ in range(3)]
    report, _ = await batch.issue_waiting([LAND])
    assert (report.issued, report.repeated, report.refused) == (3, 0, [])
    report, _ = await batch.issue_waiting([LAND])
    assert report.done == 0
    assert {row["pay_code"] for row in office.books.rows("einvoices")} == {*codes, *more}


async def test_a_run_leaves_to_others_what_they_have_just_begun(office: Office) -> None:
    pay_code = await paid(office)
    waits, goes_on = asyncio.Event(), asyncio.Event()

    class Slow:
        is_remote = False

        async def countersign(self, wanted: Countersigning) -> Countersigned:
            waits.set()
            await goes_on.wait()
            return await own.countersign(wanted)

    finance = keys_of(office).finance
    assert finance is not None
    own = LocalCountersigner(finance)
    slow = asyncio.create_task(
        issuing_at(office, countersigner=Slow()).issue(pay_code, who(office))
    )
    await waits.wait()
    batch = Batch(
        office.gateway.store,
        office.clock,
        issuing_at(office),
        operator="system",
        others_ms=60_000,
    )
    report = await batch.issue([pay_code])
    assert [one.what for one in report.delayed] == ["another process is just issuing it"]
    office.clock.advance(seconds=61)
    report = await batch.issue([pay_code])
    assert (report.issued, report.delayed) == (1, [])
    goes_on.set()
    assert (await slow).invoice.number == "0000000001"
    assert len(office.books.rows("einvoice_archive")) == 1


async def test_the_service_issues_by_itself_where_it_may(office: Office) -> None:
    pay_code = await paid(office)
    await office.gateway.einvoices.once()
    assert office.books.rows("einvoices") == []
    await office.stop()
    office.installation.configure({"einvoice": {"issue_automatically": True}}, {})
    office.config = office.installation.config()
    await office.start()
    await office.gateway.einvoices.once()
    assert office.books.one("einvoices")["pay_code"] == pay_code
    later = await paid(office)
    await office.gateway.einvoices.once()
    await office.gateway.einvoices.once()
    assert [row["pay_code"] for row in office.books.rows("einvoices")] == [pay_code, later]
    # What a person reversed is not invoiced again by itself.
    await issuing_at(office).reverse(CODE, "0000000002", "开票有误", who(office))
    await office.gateway.einvoices.once()
    assert len(office.books.rows("einvoices")) == 3


# -- numbers ---------------------------------------------------------------------------------------


async def test_a_number_that_nobody_uses_is_voided_and_told(office: Office) -> None:
    async def take() -> str:
        return (await reserved(office)).number

    assert [await take(), await take()] == ["0000000001", "0000000002"]
    office.tomorrow(29)
    assert await take() == "0000000003"
    await office.gateway.einvoices.once()
    assert {row["state"] for row in office.books.rows("einvoice_numbers")} == {"reserved"}
    office.tomorrow(2)
    await office.gateway.einvoices.once()
    found = [(fate.first, fate.last, fate.state, fate.why) for fate in await fates_of(office)]
    assert found == [
        ("0000000001", "0000000002", "voided", "reserved and not used within 30 days"),
        ("0000000003", "0000000003", "reserved", ""),
        ("0000000004", "0000100000", "stock", ""),
    ]
    assert office.books.kinds(f"{CODE}-0000000001") == [
        "einvoice.number_reserved", "einvoice.number_voided",
    ]  # fmt: skip
    assert await take() == "0000000004"
    assert '"einvoice_number_voided"' in office.stream.getvalue()
    events = await office.gateway.store.read(
        partial(einvoices.events, code=CODE, number="0000000001")
    )
    assert [event.event for event in events] == ["reserved", "voided"]
