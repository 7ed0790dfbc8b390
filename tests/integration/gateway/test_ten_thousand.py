"""Ten thousand confirmations from three nodes while the gateway is killed three times."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path

import pytest

from nontax.messages.query import DueBill
from nontax.simulators.books import differences, read_books
from nontax.simulators.collector import Collector
from nontax.simulators.county import County
from nontax.simulators.peer import Patience

PAYMENTS = 10_000
AT_ONCE = 48
KILLS = (2_000, 5_000, 8_000)
ACCOUNT = "32001000000000000018"


def bill_line(number: int, day: str) -> str:
    return json.dumps(
        {
            "AdmDivCode": "320682", "BillDate": day, "ChgAgenCode": "0104901",
            "PayerName": "张三", "OriAmt": f"{80 + number % 7}.00", "DelayAmt": "0.00",
            "Items": [
                {"ItemCode": "103043211", "ItemName": "不动产登记费", "Unit": "次",
                 "Amt": f"{80 + number % 7}.00", "Quantity": "1"}
            ],
        },
        ensure_ascii=False,
    )  # fmt: skip


def due(pay_code: str, number: int, day: str) -> DueBill:
    """What a query would tell: the test is about confirmations."""
    amt = 8000 + number % 7 * 100
    return DueBill(
        PayCode=pay_code, BillDate=day, ChgAgenCode="0104901", ChgAgenName="示例市自然资源局",
        PayerName="张三", Amt=amt, OriAmt=amt, DelayAmt=0, PayStats="0", RecAcctType="1",
        RecName="示例市财政局", RecAcct=ACCOUNT, RecOpBk="中国建设银行示例支行", IsInterBank="0",
        Hold1="105306500018",
    )  # fmt: skip


class Crowd:
    """Payers in front of three nodes' counters, and a cleaner who trips over the plug."""

    def __init__(self, town: County, dues: list[DueBill]) -> None:
        self.town = town
        self.dues = dues
        self.acknowledged: set[tuple[str, str]] = set()
        self.kills: list[tuple[int, int]] = []
        self._next = iter(enumerate(dues))
        self._reached = {count: asyncio.Event() for count in KILLS}

    async def counter(self) -> None:
        """Serve one payer after another."""
        for index, bill in self._next:
            collector: Collector = self.town.collectors[index % 3]
            entry = await collector.pay(bill)
            assert entry.result == "00000"
            self.acknowledged.add((collector.node.code, entry.tra_no_bus))
            count = len(self.acknowledged)
            if count in self._reached:
                self._reached[count].set()

    async def cleaner(self) -> None:
        """Kill the gateway at the marks; what was acknowledged must be in the dead one's books."""
        installation = self.town.installation
        for count in KILLS:
            await self._reached[count].wait()
            await self.town.gateway.kill()
            acknowledged = set(self.acknowledged)
            books = await read_books(installation.config().store.url, installation.directory)
            booked = Counter((p.src, p.tra_no_bus) for p in books.payments)
            assert acknowledged <= booked.keys()
            assert set(booked.values()) == {1}
            self.kills.append((len(acknowledged), len(booked)))
            await self.town.open()


@pytest.mark.crash
@pytest.mark.slow
async def test_every_acknowledged_confirmation_is_booked_exactly_once(
    town: County, tmp_path: Path
) -> None:
    installation = town.installation
    day = town.banks[0].node.identity.clock().strftime("%Y%m%d")
    file = tmp_path / "bills.jsonl"
    file.write_text("".join(bill_line(n, day) + "\n" for n in range(PAYMENTS)), "utf-8")
    finished = await installation.must("bill", "import", str(file), "--json", operator="maker1")
    codes = finished.json()["pay_codes"]
    assert len(set(codes)) == PAYMENTS
    for node in town.nodes:
        node.patience = Patience(attempts=400, pause_seconds=0.05)
    await town.open()
    crowd = Crowd(town, [due(code, number, day) for number, code in enumerate(codes)])
    async with asyncio.TaskGroup() as group:
        group.create_task(crowd.cleaner())
        for _ in range(AT_ONCE):
            group.create_task(crowd.counter())
    assert len(crowd.acknowledged) == PAYMENTS
    assert [acknowledged >= count for (acknowledged, _), count in
            zip(crowd.kills, KILLS, strict=True)] == [True] * len(KILLS)  # fmt: skip
    assert await town.gateway.stop() == 0
    books = await read_books(installation.config().store.url, installation.directory)
    assert differences(books, {c.node.code: c.ledger for c in town.collectors}) == []
    assert len(books.payments) == PAYMENTS
    assert books.refunds == ()
    await installation.must("journal", "verify")
