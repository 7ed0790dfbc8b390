"""Books with archived e-invoices, written by the repositories alone, and really signed."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nontax.einvoice.fields import EInvoice, header_for
from nontax.gateway.store import Store, bills, einvoices, open_store
from nontax.gateway.store.einvoice_records import Invoice, InvoiceBytes, InvoiceNumber
from nontax.gateway.store.protocol import Transaction
from nontax.gateway.store.records import Bill, BillItem

from ...unit.einvoice import documents, signing

PAY_CODE = "32068226000000000019"
CODE = documents.CODE
AT = 1_795_311_000_000
RANDOM = documents.MAIN.RandomNumber
Sign = Callable[[EInvoice], bytes]


def signed_by_test_hierarchy(invoice: EInvoice) -> bytes:
    return signing.signed_document(signing.world(), invoice)


@dataclass(frozen=True)
class Desk:
    """A store, and how its documents are signed."""

    store: Store
    sign: Sign = signed_by_test_hierarchy

    async def bill(self, pay_code: str = PAY_CODE, **changes: Any) -> None:
        bill = Bill(
            pay_code=pay_code,
            region="320682",
            bill_date="20261122",
            unit_code="0104901",
            unit_name="示例市自然资源局",
            payer_name="张三",
            amt=8000,
            ori_amt=8000,
            delay_amt=0,
            source="import",
            maker="maker1",
            created_at=1,
            changed_at=1,
            state="paid",
            mobile="13000000000",
        )
        item = BillItem(pay_code, 1, "103043211", "不动产登记费", 8000)
        await self.store.transact(lambda tx: bills.insert(tx, replace(bill, **changes), [item]))

    async def invoice(
        self,
        number: int = 17,
        *,
        pay_code: str = PAY_CODE,
        code: str = CODE,
        archive: bool = True,
        document: EInvoice | None = None,
        **changes: Any,
    ) -> bytes:
        """Write an invoice, archived with its document, which is returned."""
        digits = f"{number:010d}"
        red = changes.get("kind") == "red"
        row = Invoice(
            code=code,
            number=digits,
            kind="blue",
            state="unit_signed",
            pay_code=pay_code,
            payment_id=1,
            unit_code="0104901",
            region="320682",
            payer_name="张三",
            amt=-8000 if red else 8000,
            issue_date="20261122",
            issue_time="09:30:00",
            random=RANDOM,
            related_code="",
            related_number="",
            source="held",
            actor="maker1",
            reason="开错" if red else "",
            email="",
            telephone="",
            trade_id="",
            created_at=AT,
            changed_at=AT,
        )
        row = replace(row, **changes)
        data = self.sign(document or document_of(row))

        async def work(tx: Transaction) -> None:
            await einvoices.insert_number(
                tx,
                InvoiceNumber(
                    code, digits, 1, row.unit_code, row.region, "reserved", pay_code, "x", AT, AT
                ),
            )
            assert await einvoices.insert(tx, row, InvoiceBytes(b"s", b"u", b""))
            if archive:
                await einvoices.settle_number(tx, code, digits, "issued", at=AT, pay_code=pay_code)
                digest = hashlib.sha256(data).hexdigest()
                await einvoices.archive(tx, code, digits, data, sha256=digest, at=AT)
                await _move(tx, code, digits, "unit_signed", "archived")
                if red:
                    await _move(tx, row.related_code, row.related_number, "archived", "reversed")

        await self.store.transact(work)
        return data

    async def red(self, number: int, original: int, **changes: Any) -> bytes:
        """Reverse an invoice of CODE."""
        return await self.invoice(
            number,
            kind="red",
            related_code=CODE,
            related_number=f"{original:010d}",
            **changes,
        )

    async def voided(self, number: int, at: int = AT, unit: str = "0104901") -> None:
        digits = f"{number:010d}"
        row = InvoiceNumber(CODE, digits, 1, unit, "320682", "reserved", "", "x", at, at)

        async def work(tx: Transaction) -> None:
            await einvoices.insert_number(tx, row)
            await einvoices.settle_number(tx, CODE, digits, "voided", at=at, why="expired")

        await self.store.transact(work)


async def _move(tx: Transaction, code: str, number: str, old: Any, new: Any) -> None:
    assert await einvoices.set_state(tx, code, number, expected=(old,), state=new, at=AT)


def document_of(row: Invoice) -> EInvoice:
    """The document that says what a row says."""
    main = replace(
        documents.MAIN,
        EInvoiceCode=row.code,
        EInvoiceNumber=row.number,
        RandomNumber=row.random,
        TotalAmount=row.amt,
        IssueDate=row.issue_date,
        IssueTime=row.issue_time,
        ext=replace(
            documents.MAIN.ext,
            PayCode=row.pay_code,
            RelatedInvoiceCode=row.related_code,
            RelatedInvoiceNumber=row.related_number,
        ),
    )
    items = (replace(documents.ITEM, ItemAmount=row.amt),)
    return replace(
        documents.INVOICE, header=header_for(row.code, row.number), main=main, items=items
    )


@asynccontextmanager
async def desk_at(
    file: Path, sign: Sign = signed_by_test_hierarchy, *, create: bool = True
) -> AsyncIterator[Desk]:
    """A desk over a new SQLite file, or one that exists."""
    store = await open_store(f"sqlite:///{file}", file.parent, create=create)
    try:
        yield Desk(store, sign)
    finally:
        await store.close()
