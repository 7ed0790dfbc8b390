"""Two gateway processes on one store, under load: nothing is lost, doubled or numbered twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from nontax.mac import Secret
from nontax.messages.query import DueBill
from nontax.messages.unit import UnitBill
from nontax.simulators.bank import Bank
from nontax.simulators.books import Books, differences, read_books
from nontax.simulators.county import County
from nontax.simulators.link import Address
from nontax.simulators.peer import Node, Patience
from nontax.simulators.process import GatewayProcess
from nontax.simulators.unit import Charge

AT_ONCE = 16


@pytest.fixture
async def both(town: County) -> AsyncIterator[tuple[Address, Address]]:
    """The addresses of two processes; every node calls them in turn."""
    for node in town.nodes:
        node.patience = Patience(attempts=40, pause_seconds=0.05)
    first = await town.open()
    async with GatewayProcess(town.installation, "second") as second:
        for node in town.nodes:
            node.gateways = [first, second.address]
        yield first, second.address
        assert await town.gateway.stop() == 0
        assert await second.stop() == 0


async def books_of(town: County) -> Books:
    return await read_books(town.installation.config().store.url, town.installation.directory)


async def made(town: County, count: int) -> list[UnitBill]:
    """Bills that the unit has sent (8994), to both processes in turn."""
    gate = asyncio.Semaphore(AT_ONCE)
    bills = [
        town.unit.make("张三", [Charge("103043211", "不动产登记费", 8000)], notify=False)
        for _ in range(count)
    ]

    async def send(bill: UnitBill) -> None:
        async with gate:
            assert (await town.unit.send(bill)).result == "00000"

    await asyncio.gather(*(send(bill) for bill in bills))
    return bills


def due(bill: UnitBill) -> DueBill:
    tags = DueBill.plan.tags - {"Hold1", "Hold2"}
    return DueBill(**{tag: getattr(bill, tag) for tag in tags}, Hold1=bill.RecBankNo)


def verify(town: County, books: Books) -> None:
    assert differences(books, {c.node.code: c.ledger for c in town.collectors}) == []


async def test_one_bill_confirmed_at_both_at_the_same_instant(
    town: County, both: tuple[Address, Address]
) -> None:
    bills = await made(town, 60)
    banks = town.banks
    for bank, address in zip(banks, both, strict=True):
        bank.node.gateways = [address]
    results: Counter[tuple[str, ...]] = Counter()
    for bill in bills:
        entries = await asyncio.gather(*(bank.pay(due(bill)) for bank in banks))
        results[tuple(sorted(entry.result for entry in entries))] += 1
    assert results == {("00000", "12001"): 60}
    books = await books_of(town)
    verify(town, books)
    assert len(books.payments) == 60


async def test_one_confirmation_sent_to_both_at_the_same_instant(
    town: County, both: tuple[Address, Address]
) -> None:
    """A front end that sends everything twice, once to each process: booked once."""
    bank = town.banks[0]
    twin = Bank(Node(bank.node.identity, gateway=both[1], patience=bank.node.patience))
    bank.node.gateways = [both[0]]
    for number, bill in enumerate(await made(town, 60)):
        entries = await asyncio.gather(
            *(b.pay(due(bill), tra_no_bus=f"SAME{number:06d}") for b in (bank, twin))
        )
        assert [entry.result for entry in entries] == ["00000", "00000"]
    books = await books_of(town)
    verify(town, books)
    assert len(books.payments) == 60


async def test_numbers_are_given_once_and_without_gaps(
    town: County, both: tuple[Address, Address], tmp_path: Path
) -> None:
    """Refunds ordered by both processes while a third one assigns pay codes (import)."""
    platform, bills = town.platform, await made(town, 40)
    line = (
        '{"AdmDivCode":"320682","BillDate":"20260302","ChgAgenCode":"0104901","PayerName":"李四",'
        '"OriAmt":"80.00","DelayAmt":"0.00","Items":[{"ItemCode":"103043211","Amt":"80.00",'
        '"ItemName":"不动产登记费","Unit":"次","Quantity":"1"}]}\n'
    )
    files = [tmp_path / f"{n}.jsonl" for n in range(4)]
    for file in files:
        file.write_text(line * 25, "utf-8")

    async def twice(bill: UnitBill) -> None:
        assert {(await platform.alipay(due(bill))).result for _ in range(2)} == {"00000"}

    gate = asyncio.Semaphore(AT_ONCE)

    async def gated(bill: UnitBill) -> None:
        async with gate:
            await twice(bill)

    imports = [
        town.installation.must("bill", "import", str(f), "--json", operator="maker1") for f in files
    ]
    *finished, _ = await asyncio.gather(*imports, asyncio.gather(*(gated(bill) for bill in bills)))
    await platform.node.wait_until(lambda: len(platform.refund_orders) == 40)
    await platform.executor.all_told()
    codes = [code for done in finished for code in done.json()["pay_codes"]]
    assert len(codes) == len(set(codes)) == 100
    books = await books_of(town)
    verify(town, books)
    assert len(books.refunds) == 40
    assert len(books.payments) == 80
    serials = sorted(int(code[11:19]) for code in codes)
    assert serials == list(range(serials[0], serials[0] + 100))
    numbers = sorted(refund.refund_no for refund in books.refunds)
    assert int(numbers[-1][-6:]) - int(numbers[0][-6:]) == 39
    assert {state for (number, state) in books.outbox if number == "5617"} == {"succeeded"}


async def test_nothing_is_lost_under_load(town: County, both: tuple[Address, Address]) -> None:
    """Bills, queries and payments mixed; one process is killed and the other goes on."""
    assert both[0] != both[1]
    bills = await made(town, 150)
    gate = asyncio.Semaphore(AT_ONCE)

    async def serve(index: int) -> None:
        async with gate:
            collector = town.collectors[index % 3]
            bill = bills[index % len(bills)]
            quote = await collector.query(bill.PayCode)
            assert quote.due is not None
            await collector.pay(quote.due, pay_mode="11")
            if index == 100:
                await town.gateway.kill()

    await asyncio.gather(*(serve(index) for index in range(300)))
    await town.gateway.start()
    books = await books_of(town)
    verify(town, books)
    results = Counter(e.result for c in town.collectors for e in c.ledger)
    assert results == {"00000": 150, "12001": 150}
    assert len(books.payments) == 150
    await town.installation.must("journal", "verify")


async def test_a_token_changed_at_one_is_known_to_the_other(
    town: County, both: tuple[Address, Address]
) -> None:
    for bank in town.banks:
        old = replace(bank.node.identity)
        bank.node.gateways = [both[0]]
        assert await bank.change_token(Secret("A" * 32)) == "00000"
        bank.node.gateways = [both[1]]
        assert await bank.link_test() == "00000"
        # The old one is still good for what was under way.
        stale = Bank(Node(old, gateway=both[1], patience=Patience(attempts=1)))
        assert await stale.link_test() == "00000"
