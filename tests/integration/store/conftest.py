"""The store contract: one suite for every database, over the URL that ``store_url`` names."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nontax.gateway.store import Store, bills, open_store, payments
from nontax.gateway.store.records import (
    ArchivedMessage,
    Bill,
    BillItem,
    ConfirmationRow,
    Operator,
    OutboxMessage,
    Payment,
    Refund,
)


class Make:
    """Records with sensible values; keyword arguments replace them."""

    def bill(self, pay_code: str = "32068226000000000019", **changes: Any) -> Bill:
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
        )
        return replace(bill, **changes)

    def item(
        self, pay_code: str = "32068226000000000019", line: int = 1, **changes: Any
    ) -> BillItem:
        return replace(BillItem(pay_code, line, "103043211", "不动产登记费", 8000), **changes)

    def payment(self, tra_no_bus: str = "T1", **changes: Any) -> Payment:
        payment = Payment(
            id=0,
            src="D3206820105",
            cfm_date="20261123",
            tra_no_bus=tra_no_bus,
            pay_code="32068226000000000019",
            amt=8000,
            pay_mode="1",
            rec_acct_type="1",
            rec_acct="32001000000000000018",
            channel="2612",
            received_at=5,
            payer_name="李四",
        )
        return replace(payment, **changes)

    def confirmation(self, tra_no_bus: str = "T1", **changes: Any) -> ConfirmationRow:
        row = ConfirmationRow(
            id=0,
            src="D3206820105",
            cfm_date="20261123",
            tra_no_bus=tra_no_bus,
            pay_code="32068226000000000019",
            amt=8000,
            pay_mode="1",
            rec_acct_type="1",
            rec_acct="32001000000000000018",
            accepted=0,
            result="12003",
            information="账户不符",
            payment_id=None,
            at=5,
        )
        return replace(row, **changes)

    def refund(self, refund_no: str = "TF1", **changes: Any) -> Refund:
        refund = Refund(
            refund_no=refund_no,
            kind=1,
            payment_id=1,
            pay_code="32068226000000000019",
            src="D3206820105",
            ori_tra_no_bus="T1",
            ori_cfm_date="20261123",
            ori_amt=8000,
            amt=8000,
            state="requested",
            created_at=7,
            changed_at=7,
        )
        return replace(refund, **changes)

    def message(self, msg_id: str = "M1", **changes: Any) -> OutboxMessage:
        message = OutboxMessage(
            id=0,
            peer="K3206820002",
            lane="notice",
            number="5996",
            interface="unit",
            subject="32068226000000000019",
            msg_id=msg_id,
            voucher="<Voucher/>",
            adm_div_code="320682",
            next_at=100,
            expires_at=10_000,
            created_at=100,
            changed_at=100,
        )
        return replace(message, **changes)

    def archived(self, msg_id: str = "M1", **changes: Any) -> ArchivedMessage:
        message = ArchivedMessage(
            0, "in", "D3206820105", "2612", msg_id, msg_id, "subject", "00000", 9, "<Voucher/>"
        )
        return replace(message, **changes)

    def operator(self, name: str = "maker1", **changes: Any) -> Operator:
        return replace(Operator(name, "maker", "", "scrypt$…", 1, 1), **changes)


@pytest.fixture
def make() -> Make:
    return Make()


@pytest.fixture(params=["sqlite"])
def store_url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database of each kind, relative to ``tmp_path``."""
    assert request.param == "sqlite"
    return "sqlite:///books.db"


Opener = Callable[..., Awaitable[Store]]


@pytest.fixture
async def opener(store_url: str, tmp_path: Path) -> AsyncIterator[Opener]:
    """Opens the test's database, as often as wanted; all are closed at the end."""
    opened: list[Store] = []

    async def open_one(**options: Any) -> Store:
        store = await open_store(store_url, tmp_path, create=True, **options)
        opened.append(store)
        return store

    yield open_one
    for store in opened:
        await store.close()


@pytest.fixture
async def store(opener: Opener) -> Store:
    """An open, empty store."""
    return await opener()


@pytest.fixture
async def with_bill(store: Store, make: Make) -> Store:
    """A store with one unpaid bill."""
    assert await store.transact(lambda tx: bills.insert(tx, make.bill(), [make.item()]))
    return store


@pytest.fixture
async def with_payment(with_bill: Store, make: Make) -> Store:
    """A store with one bill and its effective payment, id 1."""
    assert await with_bill.transact(lambda tx: payments.insert(tx, make.payment())) == 1
    return with_bill
