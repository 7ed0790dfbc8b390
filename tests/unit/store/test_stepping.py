"""How a unit of work is stepped, and SQLite's errors in the store's words."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator

import pytest

from nontax.gateway.store import (
    ConstraintViolated,
    StoreBusy,
    StoreClosed,
    StoreCorrupt,
    StoreError,
    StoreFailed,
    UnitSuspended,
)
from nontax.gateway.store.sqlite.connection import is_busy, translate
from nontax.gateway.store.sqlite.transaction import SqliteTransaction, step


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    database = sqlite3.connect(":memory:", isolation_level=None)
    database.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT NOT NULL) STRICT")
    yield database
    database.close()


@pytest.fixture
def transaction(connection: sqlite3.Connection) -> SqliteTransaction:
    return SqliteTransaction(connection, guarded=False)


def test_a_unit_runs_to_its_end(transaction: SqliteTransaction) -> None:
    async def work(tx):
        assert await tx.run("INSERT INTO t VALUES (?1, ?2)", 1, "x") == 1
        await tx.many("INSERT INTO t VALUES (?1, ?2)", [(2, "y"), (3, "z")])
        assert await tx.run("UPDATE t SET b = 'w'") == 3
        assert await tx.one("SELECT b FROM t WHERE a = 9") is None
        return await tx.one("SELECT count(*) FROM t"), await tx.all("SELECT a FROM t ORDER BY a")

    assert step(work, transaction) == ((3,), [(1,), (2,), (3,)])


def test_a_unit_need_not_be_a_coroutine_function(transaction: SqliteTransaction) -> None:
    assert step(lambda tx: tx.one("SELECT ?2, ?1", 1, 2), transaction) == (2, 1)


def test_a_suspended_unit_is_closed(transaction: SqliteTransaction) -> None:
    ended = []

    async def work(tx):
        try:
            await asyncio.sleep(0)
        finally:
            ended.append(True)

    with pytest.raises(UnitSuspended):
        step(work, transaction)
    assert ended == [True]


def test_a_transaction_that_the_database_ended_takes_no_more(
    connection: sqlite3.Connection,
) -> None:
    """A unit that swallows an error must not go on statement by statement."""
    transaction = SqliteTransaction(connection, guarded=True)
    transaction.control("BEGIN IMMEDIATE")

    async def work(tx):
        await tx.run("INSERT INTO t VALUES (1, 'x')")
        with pytest.raises(ConstraintViolated):
            await tx.run("INSERT OR ROLLBACK INTO t VALUES (1, 'y')")
        for ask in (tx.run, tx.one, tx.all):
            with pytest.raises(StoreFailed, match="rolled"):
                await ask("INSERT INTO t VALUES (2, 'z')")
        with pytest.raises(StoreFailed, match="rolled"):
            await tx.many("INSERT INTO t VALUES (?1, ?2)", [(3, "z")])

    step(work, transaction)
    assert connection.execute("SELECT * FROM t").fetchall() == []
    transaction.control("BEGIN IMMEDIATE")
    step(lambda tx: tx.run("INSERT INTO t VALUES (4, 'x')"), transaction)
    transaction.control("COMMIT")
    assert connection.execute("SELECT a FROM t").fetchall() == [(4,)]


def test_a_refused_transaction_stays_refused(transaction: SqliteTransaction) -> None:
    transaction.refuse(StoreClosed("closed"))
    with pytest.raises(StoreClosed):
        step(lambda tx: tx.one("SELECT 1"), transaction)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (sqlite3.SQLITE_CONSTRAINT_UNIQUE, ConstraintViolated),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, StoreBusy),
        (sqlite3.SQLITE_LOCKED, StoreBusy),
        (sqlite3.SQLITE_CORRUPT_VTAB, StoreCorrupt),
        (sqlite3.SQLITE_NOTADB, StoreCorrupt),
        (sqlite3.SQLITE_FULL, StoreFailed),
        (sqlite3.SQLITE_IOERR_FSYNC, StoreFailed),
        (sqlite3.SQLITE_READONLY_DBMOVED, StoreFailed),
        (sqlite3.SQLITE_INTERRUPT, StoreClosed),
        (sqlite3.SQLITE_ERROR, StoreError),
        (None, StoreError),
    ],
)
def test_errors_in_the_stores_words(code: int | None, kind: type[StoreError]) -> None:
    error = sqlite3.OperationalError("what SQLite says")
    if code is not None:
        error.sqlite_errorcode = code
    assert type(translate(error)) is kind
    assert is_busy(error) is (kind is StoreBusy)
