"""The embedded store alone: its file, its commits, and what happens when it is hurt."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from nontax.gateway.store import (
    SchemaTooNew,
    SqliteOptions,
    Store,
    StoreBusy,
    StoreCorrupt,
    StoreFailed,
    journal,
    meta,
    open_store,
    outbox,
    serials,
)
from nontax.gateway.store.sqlite.connection import APPLICATION_ID
from nontax.gateway.store.sqlite.migrate import migrations, statements

WORKER = Path(__file__).with_name("worker.py")
URL = "sqlite:///books.db"


@pytest.fixture
def store_url() -> str:
    return URL


def raw(tmp_path: Path) -> sqlite3.Connection:
    """The file as somebody with a SQLite shell has it."""
    return sqlite3.connect(tmp_path / "books.db", isolation_level=None)


def modes(directory: Path) -> dict[str, int]:
    """The files of a directory with their permissions."""
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()}


async def hold(store: Store) -> tuple[asyncio.Future[None], threading.Event]:
    """Keep the writer busy with a unit until the event is set."""
    started, go_on = threading.Event(), threading.Event()

    async def holds(tx):
        started.set()
        assert go_on.wait(30)

    holding = asyncio.ensure_future(store.transact(holds))
    await asyncio.to_thread(started.wait, 30)
    return holding, go_on


# -- commits ------------------------------------------------------------------------------


async def test_waiting_units_share_one_commit(opener) -> None:
    trace: list[str] = []
    store = await opener(sqlite=SqliteOptions(trace=trace.append))
    holding, go_on = await hold(store)
    units = [
        asyncio.ensure_future(store.transact(lambda tx: serials.next_number(tx, "s")))
        for _ in range(100)
    ]
    await asyncio.sleep(0)
    trace.clear()
    go_on.set()
    assert sorted(await asyncio.gather(*units)) == list(range(1, 101))
    await holding
    assert trace == ["COMMIT", "BEGIN IMMEDIATE", "COMMIT"]
    stats = store.stats
    assert (stats.units, stats.commits, stats.largest_batch) == (101, 2, 100)
    assert (stats.waiting, stats.reruns, stats.failures) == (0, 0, 0)


async def test_a_batch_has_a_limit(opener) -> None:
    store = await opener(sqlite=SqliteOptions(batch_limit=8))
    holding, go_on = await hold(store)
    units = [
        asyncio.ensure_future(store.transact(lambda tx: serials.next_number(tx, "s")))
        for _ in range(20)
    ]
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(holding, *units)
    assert store.stats.largest_batch == 8
    assert store.stats.commits == 4


async def test_the_file_is_synced_at_every_commit(opener, tmp_path: Path) -> None:
    store = await opener()
    assert await store.transact(lambda tx: tx.one("PRAGMA synchronous")) == (2,)  # FULL
    assert await store.transact(lambda tx: tx.one("PRAGMA journal_mode")) == ("wal",)
    assert await store.transact(lambda tx: tx.one("PRAGMA foreign_keys")) == (1,)


async def test_more_than_the_limit_is_refused_at_once(opener) -> None:
    store = await opener(sqlite=SqliteOptions(queue_limit=3))
    holding, go_on = await hold(store)
    queued = [
        asyncio.ensure_future(store.transact(lambda tx: serials.next_number(tx, "s")))
        for _ in range(3)
    ]
    await asyncio.sleep(0)
    assert store.stats.waiting == 3
    with pytest.raises(StoreBusy):
        await store.transact(lambda tx: serials.next_number(tx, "s"))
    go_on.set()
    await holding
    assert sorted(await asyncio.gather(*queued)) == [1, 2, 3]
    assert await store.transact(lambda tx: serials.next_number(tx, "s")) == 4


async def test_another_process_may_hold_the_lock_for_a_while(opener, tmp_path: Path) -> None:
    store = await opener()
    with contextlib.closing(raw(tmp_path)) as other:
        other.execute("BEGIN IMMEDIATE")
        unit = asyncio.ensure_future(store.transact(lambda tx: serials.next_number(tx, "s")))
        while not store.stats.busy_waits:  # noqa: ASYNC110 - counted by the writer's thread
            await asyncio.sleep(0)
        assert not unit.done()
        other.execute("ROLLBACK")
        assert await unit == 1


async def test_another_process_that_never_lets_go_is_an_error(opener, tmp_path: Path) -> None:
    store = await opener(sqlite=SqliteOptions(busy_seconds=0.05))
    with contextlib.closing(raw(tmp_path)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreBusy, match="another process"):
            await store.transact(lambda tx: serials.next_number(tx, "s"))
        other.execute("ROLLBACK")
    assert await store.transact(lambda tx: serials.next_number(tx, "s")) == 1


# -- the disk -----------------------------------------------------------------------------


async def empty_size(folder: Path) -> tuple[int, int]:
    """Pages and bytes of a store with nothing in it: every migration makes it larger."""
    await asyncio.to_thread(folder.mkdir)
    await (await open_store(URL, folder, create=True)).close()
    with contextlib.closing(raw(folder)) as database:
        pages = int(database.execute("PRAGMA page_count").fetchone()[0])
        page_bytes = int(database.execute("PRAGMA page_size").fetchone()[0])
    return pages, pages * page_bytes


async def test_a_full_database_fails_clearly_and_keeps_nothing_of_the_batch(
    opener, tmp_path: Path
) -> None:
    pages, _ = await empty_size(tmp_path / "empty")
    store = await opener(sqlite=SqliteOptions(page_limit=pages + 50))
    holding, go_on = await hold(store)

    def unit(number: int):
        return lambda tx: meta.put(tx, f"unit-{number}", "x" * 30_000)

    units = [asyncio.ensure_future(store.transact(unit(n))) for n in range(30)]
    await asyncio.sleep(0)
    go_on.set()
    results = await asyncio.gather(holding, *units, return_exceptions=True)
    assert results[0] is None
    assert all(isinstance(result, StoreFailed) for result in results[1:])
    assert "disk is full" in str(results[1])
    assert results[1] is not results[2]
    rows = await store.read(lambda tx: tx.all("SELECT 1 FROM meta WHERE name LIKE 'unit%'"))
    assert rows == []
    await store.transact(unit(0))
    assert await store.verify() == ()


def test_a_full_disk_acknowledges_nothing_that_is_not_kept(tmp_path: Path) -> None:
    """The kernel refuses to let any file grow: what was told before is there, nothing else."""
    _, size = asyncio.run(empty_size(tmp_path / "empty"))
    limit = size + 100_000
    done = subprocess.run(
        [sys.executable, str(WORKER), "full", URL, str(tmp_path), str(limit)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    lines = done.stdout.splitlines()
    # A smaller batch of another writer may still fit after the first that does not.
    told = [line for line in lines if line.isdigit()]
    assert [line for line in lines if line.startswith("StoreFailed: ")], done.stderr
    assert told
    kept = _check_numbers(tmp_path)
    assert {int(number) for number in told} <= kept


def _check_numbers(tmp_path: Path) -> set[int]:
    """Reopen, check everything, and return the numbers of the units that are there."""

    async def look() -> set[int]:
        store = await open_store(URL, tmp_path)
        try:
            assert await store.verify() == ()
            report = await store.scan(journal.verify)
            assert report.ok, report
            rows = await store.read(
                lambda tx: tx.all("SELECT name FROM meta WHERE name LIKE 'unit-%'")
            )
            numbers = {int(row[0].removeprefix("unit-")) for row in rows}
            assert report.rows == len(numbers)  # a unit is there with its journal row or not at all
            return numbers
        finally:
            await store.close()

    return asyncio.run(look())


@pytest.mark.crash
def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    """kill -9 at different moments, again and again on the same file."""
    told: set[int] = set()
    for round_number, wanted in enumerate((1, 7, 60, 400, 25)):
        command = [sys.executable, str(WORKER), "write", URL, str(tmp_path)]
        process = subprocess.Popen(
            [*command, str(round_number * 1_000_000)], stdout=subprocess.PIPE
        )
        lines = [process.stdout.readline() for _ in range(wanted)]
        process.send_signal(signal.SIGKILL)
        lines += process.stdout.read().splitlines(keepends=True)
        process.stdout.close()
        assert process.wait() == -signal.SIGKILL
        told |= {int(line) for line in lines if line.endswith(b"\n")}
        kept = _check_numbers(tmp_path)
        assert told <= kept
        assert len(kept) >= len(told) >= wanted


# -- the file -----------------------------------------------------------------------------


async def test_the_books_are_readable_by_their_owner_alone(opener, tmp_path: Path) -> None:
    store = await opener()
    await store.transact(lambda tx: meta.put(tx, "a", "1"))
    await store.backup(tmp_path / "copy.db")
    assert set(modes(tmp_path).values()) == {0o600}
    assert {"books.db", "books.db-wal", "copy.db"} <= set(modes(tmp_path))


async def test_closing_leaves_one_file(opener, tmp_path: Path) -> None:
    store = await opener()
    await store.transact(lambda tx: meta.put(tx, "a", "1"))
    await store.read(lambda tx: meta.get(tx, "a"))
    await store.scan(lambda tx: meta.get(tx, "a"))
    await store.close()
    assert list(modes(tmp_path)) == ["books.db"]


async def test_a_missing_store_is_not_made_by_accident(tmp_path: Path) -> None:
    with pytest.raises(StoreFailed, match="no such database"):
        await open_store(URL, tmp_path)
    assert modes(tmp_path) == {}


async def test_a_directory_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreFailed, match="cannot be made"):
        await open_store("sqlite:///none/books.db", tmp_path, create=True)


async def test_a_file_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "books.db").mkdir()
    with pytest.raises(StoreFailed):
        await open_store(URL, tmp_path, create=True)


async def test_garbage_is_no_store(tmp_path: Path) -> None:
    (tmp_path / "books.db").write_bytes(b"no database at all, " * 100)
    with pytest.raises(StoreCorrupt):
        await open_store(URL, tmp_path)


async def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    with contextlib.closing(raw(tmp_path)) as other:
        other.execute("CREATE TABLE theirs (a)")
    with pytest.raises(StoreCorrupt, match="not made by the gateway"):
        await open_store(URL, tmp_path)
    with contextlib.closing(raw(tmp_path)) as other:
        assert other.execute("PRAGMA journal_mode").fetchone() == ("delete",)


async def test_damaged_pages_are_found(opener, tmp_path: Path) -> None:
    store = await opener()
    await store.transact(lambda tx: meta.put(tx, "a", "x" * 100_000))
    await store.close()
    path = tmp_path / "books.db"
    damaged = bytearray(path.read_bytes())
    middle = len(damaged) // 2
    damaged[middle : middle + 4096] = os.urandom(4096)
    path.write_bytes(damaged)
    with pytest.raises(StoreCorrupt):
        await _verify_all(tmp_path)


async def _verify_all(tmp_path: Path) -> None:
    store = await open_store(URL, tmp_path)
    try:
        faults = await store.verify()
        if faults:
            raise StoreCorrupt("; ".join(faults))
    finally:
        await store.close()


# -- the schema ---------------------------------------------------------------------------


async def test_a_new_file_gets_every_migration(opener) -> None:
    store = await opener()
    rows = await store.read(
        lambda tx: tx.all("SELECT version, name FROM schema_version ORDER BY version")
    )
    assert rows == [(migration.version, migration.name) for migration in migrations()]


async def test_an_older_store_is_upgraded_with_its_books(opener, tmp_path: Path) -> None:
    first = migrations()[0]
    with contextlib.closing(raw(tmp_path)) as other:
        for statement in statements(first.script):
            other.execute(statement)
        other.execute("INSERT INTO schema_version VALUES (1, 'initial', 1)")
        other.execute("INSERT INTO meta VALUES ('store_id', 'as before')")
        other.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    store = await opener()
    assert await store.read(lambda tx: meta.get(tx, "store_id")) == "as before"
    rows = await store.read(lambda tx: tx.all("SELECT version FROM schema_version"))
    assert rows == [(migration.version,) for migration in migrations()]
    assert await store.verify() == ()


async def test_an_older_gateway_refuses_a_newer_schema(opener, tmp_path: Path) -> None:
    store = await opener()
    await store.close()
    with contextlib.closing(raw(tmp_path)) as other:
        other.execute("INSERT INTO schema_version VALUES (9999, 'from_the_future', 1)")
    before = (tmp_path / "books.db").read_bytes()
    with pytest.raises(SchemaTooNew, match="schema 9999"):
        await open_store(URL, tmp_path)
    assert (tmp_path / "books.db").read_bytes() == before


def test_processes_that_start_together_make_one_schema(tmp_path: Path) -> None:
    command = [sys.executable, str(WORKER), "open", URL, str(tmp_path)]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.communicate("done\n")
        assert process.returncode == 0
    with contextlib.closing(raw(tmp_path)) as other:
        rows = other.execute("SELECT version FROM schema_version").fetchall()
        assert rows == [(migration.version,) for migration in migrations()]
        assert other.execute("SELECT count(*) FROM meta").fetchone() == (2,)


async def test_a_long_lane_does_not_make_claiming_slow(store: Store) -> None:
    """Finding the heads looks up the next lane in the index and never walks a lane."""
    rows = await store.read(lambda tx: tx.all("EXPLAIN QUERY PLAN " + outbox._DUE, 100, 10))
    steps = [row[3] for row in rows]
    assert "SEARCH n USING INDEX outbox_lanes (peer=? AND lane>?)" in steps
    assert "SEARCH n USING INDEX outbox_lanes (peer>?)" in steps
    assert "SEARCH outbox USING INTEGER PRIMARY KEY (rowid=?)" in steps
    scanned = [step for step in steps if step.startswith("SCAN") and "INDEX" not in step]
    assert set(scanned) <= {"SCAN heads", "SCAN CONSTANT ROW"}


async def test_a_busy_process_lets_others_in(opener) -> None:
    """Two stores on one file, one with a long queue: the other one's single unit comes soon."""
    busy, other = await opener(sqlite=SqliteOptions(batch_limit=5)), await opener()
    queue = [
        asyncio.ensure_future(busy.transact(lambda tx: serials.next_number(tx, "s")))
        for _ in range(500)
    ]
    await queue[0]
    mine = await other.transact(lambda tx: serials.next_number(tx, "s"))
    assert sorted([*await asyncio.gather(*queue), mine]) == list(range(1, 502))
    assert mine < 400
