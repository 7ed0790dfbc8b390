"""Contract: what a transaction promises, alone, among others, over threads and processes."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from nontax.gateway.store import (
    Store,
    StoreClosed,
    StoreError,
    StoreFailed,
    UnitSuspended,
    bills,
    journal,
    meta,
    open_store,
    payments,
    serials,
)

WORKER = Path(__file__).with_name("worker.py")


def start(*arguments: str) -> subprocess.Popen[str]:
    """A worker process, spoken to by lines."""
    command = [sys.executable, str(WORKER), *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


async def test_an_effect_is_seen_once_the_unit_returned(store: Store) -> None:
    await store.transact(lambda tx: meta.put(tx, "a", "1"))
    assert await store.read(lambda tx: meta.get(tx, "a")) == "1"
    assert await store.scan(lambda tx: meta.get(tx, "a")) == "1"


async def test_a_faulty_unit_takes_only_itself_back(store: Store) -> None:
    """A hundred units at once, every seventh fails after it wrote: the others stand."""

    def unit(number: int):
        async def work(tx):
            serial = await serials.next_number(tx, "s")
            await meta.put(tx, f"unit-{number}", str(serial))
            if number % 7 == 0:
                raise LookupError(number)
            return serial

        return work

    results = await asyncio.gather(
        *(store.transact(unit(n)) for n in range(100)), return_exceptions=True
    )
    failed = [n for n, result in enumerate(results) if isinstance(result, LookupError)]
    assert failed == list(range(0, 100, 7))
    assert sorted(r for r in results if isinstance(r, int)) == list(range(1, 101 - len(failed)))
    for number, result in enumerate(results):
        kept = await store.read(lambda tx, n=number: meta.get(tx, f"unit-{n}"))
        assert kept == (None if number in failed else str(result))
    assert await store.read(lambda tx: serials.last_number(tx, "s")) == 100 - len(failed)


async def test_a_unit_that_failed_before_writing_disturbs_nobody(store: Store) -> None:
    async def refuses(tx):
        if await meta.get(tx, "a") is None:
            raise LookupError

    results = await asyncio.gather(
        store.transact(lambda tx: serials.next_number(tx, "s")),
        store.transact(refuses),
        store.transact(lambda tx: serials.next_number(tx, "s")),
        return_exceptions=True,
    )
    assert results[0] == 1
    assert isinstance(results[1], LookupError)
    assert results[2] == 2


async def test_a_unit_may_only_await_its_transaction(store: Store) -> None:
    async def sleeps(tx):
        await meta.put(tx, "a", "1")
        await asyncio.sleep(0)

    with pytest.raises(UnitSuspended):
        await store.transact(sleeps)
    with pytest.raises(UnitSuspended):
        await store.read(sleeps_without_writing)
    assert await store.read(lambda tx: meta.get(tx, "a")) is None


async def sleeps_without_writing(tx) -> None:
    await asyncio.sleep(0)


async def test_reads_cannot_write(store: Store) -> None:
    for reads in (store.read, store.scan):
        with pytest.raises(StoreFailed, match="read-only"):
            await reads(lambda tx: meta.put(tx, "a", "1"))


async def test_a_wrong_statement_says_so(store: Store) -> None:
    for ask in (store.read, store.scan, store.transact):
        with pytest.raises(StoreError, match="no such table"):
            await ask(lambda tx: tx.one("SELECT 1 FROM nowhere"))
    with pytest.raises(StoreError):
        await store.transact(lambda tx: tx.all("SELECT ?1, ?2", 1))
    assert await store.transact(lambda tx: serials.next_number(tx, "s")) == 1


async def test_a_scan_sees_one_state(store: Store) -> None:
    """A commit between two statements of a scan is not seen by the second one."""
    first_read, written = threading.Event(), threading.Event()
    await store.transact(lambda tx: meta.put(tx, "a", "before"))

    async def twice(tx):
        first = await meta.get(tx, "a")
        first_read.set()
        assert written.wait(30)
        return first, await meta.get(tx, "a")

    scanning = asyncio.ensure_future(store.scan(twice))
    await asyncio.to_thread(first_read.wait, 30)
    await store.transact(lambda tx: meta.put(tx, "a", "after"))
    written.set()
    assert await scanning == ("before", "before")
    assert await store.scan(lambda tx: meta.get(tx, "a")) == "after"


async def test_a_unit_whose_caller_gave_up_before_it_started_is_not_run(store: Store) -> None:
    started, go_on = threading.Event(), threading.Event()

    async def holds(tx):
        started.set()
        assert go_on.wait(30)

    holding = asyncio.ensure_future(store.transact(holds))
    await asyncio.to_thread(started.wait, 30)
    dropped = asyncio.ensure_future(store.transact(lambda tx: meta.put(tx, "dropped", "1")))
    kept = asyncio.ensure_future(store.transact(lambda tx: meta.put(tx, "kept", "1")))
    await asyncio.sleep(0)  # both are queued now
    dropped.cancel()
    await asyncio.wait([dropped])
    go_on.set()
    await holding
    await kept
    assert dropped.cancelled()
    assert await store.read(lambda tx: meta.get(tx, "dropped")) is None
    assert await store.read(lambda tx: meta.get(tx, "kept")) == "1"


async def test_cancelling_a_started_unit_leaves_the_store_working(store: Store) -> None:
    started, go_on = threading.Event(), threading.Event()

    async def holds(tx):
        started.set()
        assert go_on.wait(30)
        await meta.put(tx, "a", "1")

    holding = asyncio.ensure_future(store.transact(holds))
    await asyncio.to_thread(started.wait, 30)
    holding.cancel()
    await asyncio.wait([holding])
    go_on.set()
    await store.transact(lambda tx: meta.put(tx, "b", "1"))
    assert await store.read(lambda tx: meta.get(tx, "a")) == "1"


async def test_closing_finishes_what_is_queued_and_refuses_more(opener) -> None:
    store = await opener()
    queued = [
        asyncio.ensure_future(store.transact(lambda tx: serials.next_number(tx, "s")))
        for _ in range(50)
    ]
    await asyncio.sleep(0)
    await store.close()
    assert sorted(await asyncio.gather(*queued)) == list(range(1, 51))
    await store.close()
    for ask in (store.read, store.scan, store.transact):
        with pytest.raises(StoreClosed):
            await ask(lambda tx: meta.get(tx, "a"))
    with pytest.raises(StoreClosed):
        await store.backup(Path("nowhere"))
    again = await opener()
    assert await again.read(lambda tx: serials.last_number(tx, "s")) == 50


async def test_a_long_scan_does_not_hold_up_closing(opener) -> None:
    store = await opener()
    started = threading.Event()

    async def endless(tx):
        while True:
            await meta.get(tx, "a")
            started.set()

    scanning = asyncio.ensure_future(store.scan(endless))
    await asyncio.to_thread(started.wait, 30)
    await store.close()
    with pytest.raises(StoreClosed):
        await scanning


async def test_event_loops_in_several_threads_share_a_store(store: Store) -> None:
    async def many() -> list[int]:
        return await asyncio.gather(
            *(store.transact(lambda tx: serials.next_number(tx, "s")) for _ in range(100))
        )

    found = await asyncio.gather(
        *(asyncio.to_thread(lambda: asyncio.run(many())) for _ in range(3)), many()
    )
    assert sorted(number for numbers in found for number in numbers) == list(range(1, 401))


async def test_processes_race_for_bills_and_serials(
    store: Store, store_url: str, tmp_path: Path, make
) -> None:
    """Two processes: no serial twice or lost, every bill paid once, the journal in one piece."""
    count = 200
    rows = [make.bill(f"{index:020d}") for index in range(count)]
    await store.transact(lambda tx: bills.insert_many(tx, rows, []))
    nodes = ("D3206820105", "D3206820301")
    processes = [start("pay", store_url, str(tmp_path), node, str(count)) for node in nodes]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    outputs = [(await asyncio.to_thread(process.communicate))[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    told = [tuple(map(int, line.split())) for text in outputs for line in text.splitlines()]
    assert sorted(number for number, _ in told) == list(range(1, 2 * count + 1))
    assert sum(won for _, won in told) == count
    states = await store.read(lambda tx: bills.totals(tx, bills.BillFilter()))
    assert [(total.state, total.count) for total in states] == [("paid", count)]
    for row in rows:
        assert await store.read(lambda tx, r=row: payments.effective(tx, r.pay_code))
    report = await store.scan(journal.verify)
    assert (report.ok, report.rows) == (True, count)


async def test_a_backup_is_a_store_of_its_own(
    with_payment: Store, store_url: str, tmp_path
) -> None:
    target = tmp_path / "copy" / "backup.db"
    target.parent.mkdir()
    await with_payment.backup(target)
    await with_payment.transact(lambda tx: meta.put(tx, "later", "1"))
    with pytest.raises(FileExistsError):
        await with_payment.backup(target)
    assert [path.name for path in target.parent.iterdir()] == ["backup.db"]
    copy = await open_store(f"sqlite:///{target.name}", target.parent)
    try:
        assert await copy.read(lambda tx: payments.get(tx, 1))
        assert await copy.read(lambda tx: meta.get(tx, "later")) is None
        assert await copy.verify() == ()
    finally:
        await copy.close()
