"""A finance office's books whose days are closed: payments, income, refunds and early money."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from nontax.gateway.clock import CIVIL, add_days, midnight_ms, ms_from_civil
from nontax.gateway.figures.closing import Closed, close_day
from nontax.gateway.figures.reading import daily
from nontax.gateway.settlement.acting import Acting
from nontax.gateway.settlement.balances import balances
from nontax.gateway.store import arrivals, open_store, payments, refunds
from nontax.gateway.store.arrivals import Arrival
from nontax.gateway.store.protocol import Transaction
from nontax.gateway.store.records import Payment, Refund
from nontax.reconcile.figures.daily import Daily
from nontax.reconcile.figures.model import Row
from nontax.simulators.process import Installation

from ..settlement.remit_site import ACCOUNT, RemitSite

DAY, NEXT, THIRD = "20260302", "20260303", "20260304"


class Office(RemitSite):
    """The sample; its clock stands at nine o'clock of the day that is given to `at`."""

    def at(self, day: str) -> None:
        """It is nine o'clock of a day."""
        self.clock.set(midnight_ms(day) + 9 * 3_600_000)

    async def again(self, payment: Payment, day: str = DAY, **changes: Any) -> Payment:
        """A second payment of a bill: a duplicate."""
        self._count += 1
        facts: dict[str, Any] = {
            "id": 0,
            "src": payment.src,
            "cfm_date": day,
            "tra_no_bus": f"D{self._count}",
            "pay_code": payment.pay_code,
            "amt": payment.amt,
            "pay_mode": "5",
            "rec_acct_type": "1",
            "rec_acct": ACCOUNT,
            "channel": "2612",
            "received_at": self.clock.now_ms(),
            "duplicate": 1,
        } | changes
        made = Payment(**facts)
        number = await self.store.transact(partial(payments.insert, payment=made))
        return Payment(**facts | {"id": number})

    async def paid_back(self, payment: Payment, amt: int, day: str, **changes: Any) -> Refund:
        """A refund that succeeded on a day."""
        self._count += 1
        facts: dict[str, Any] = {
            "refund_no": f"R{self._count:08d}",
            "kind": 2,
            "payment_id": payment.id,
            "pay_code": payment.pay_code,
            "src": payment.src,
            "ori_tra_no_bus": payment.tra_no_bus,
            "ori_cfm_date": payment.cfm_date,
            "ori_amt": payment.amt,
            "amt": amt,
            "state": "succeeded",
            "created_at": self.clock.now_ms(),
            "changed_at": self.clock.now_ms(),
            "tra_date": day,
        } | changes
        made = Refund(**facts)
        await self.store.transact(partial(refunds.insert, refund=made))
        self.clock.advance(ms=1)
        return made

    async def unknown_money(self, amt: int, day: str, **changes: Any) -> int:
        """Money that arrived and that nobody knows; its id."""
        self._count += 1
        facts: dict[str, Any] = {
            "id": 0,
            "kind": "2615",
            "src": "D3206820105",
            "tra_no": f"A{self._count}",
            "arr_date": day,
            "arr_time": "101500",
            "batch_no": "",
            "pay_code": "",
            "rec_acct_type": "1",
            "rec_name": "示例市财政局",
            "rec_acct": ACCOUNT,
            "payer_name": "张三",
            "payer_acct": "6217000000000001",
            "payer_op_bk": "",
            "amt": amt,
            "add_word": "",
            "received_at": self.clock.now_ms(),
            "changed_at": self.clock.now_ms(),
        } | changes
        return await self.store.transact(partial(arrivals.insert, arrival=Arrival(**facts)))

    async def ended(self, arrival_id: int, action: Any, **changes: Any) -> None:
        """Unknown money is claimed, identified or returned."""

        async def work(tx: Transaction) -> bool:
            return await arrivals.end(
                tx,
                arrival_id,
                action,
                actor="maker1",
                reason="known now",
                at=self.clock.now_ms(),
                **changes,
            )

        assert await self.store.transact(work)

    async def close(self, day: str) -> Closed:
        """Close a day as an operator does."""
        return await close_day(self.store, day, self.acting())

    async def daily(self, day: str) -> Daily:
        """The figures of a day."""
        return await self.store.scan(
            partial(daily, date=day, today=self.clock.today(), node_name="示例市财政局")
        )

    async def expected(self, day: str) -> int:
        """What all accounts should hold by the books, without the reserves' openings."""
        found = await self.store.scan(partial(balances, peers=self.peers, date=day))
        return sum(one.expected - one.parts["opening"] for one in found)

    def run_sql(self, sql: str, *args: str) -> None:
        """Change the books past the gateway."""
        with sqlite3.connect(self.file, timeout=10) as connection:
            connection.execute(sql, args)
        connection.close()


def by_item(rows: list[Row]) -> dict[tuple[str, str, str], Row]:
    """Rows by category, unit and item."""
    return {(row.category, row.unit_code, row.item_code): row for row in rows}


def tomorrow(day: str) -> str:
    return add_days(day, 1)


@asynccontextmanager
async def opened_office(template: Path, directory: Path) -> AsyncIterator[Office]:
    """A copy of a sample whose clock stands on THIRD."""
    installation = Installation.copied(template, directory)
    config = installation.config()
    store = await open_store(config.store.url, installation.directory)
    office = Office(config, store, installation.store_file)
    office.clock.set(ms_from_civil(datetime(2026, 3, 4, 9, 0, tzinfo=CIVIL)))
    try:
        yield office
    finally:
        await store.close()


__all__ = ["DAY", "NEXT", "THIRD", "Acting", "Office", "by_item", "opened_office", "tomorrow"]
