"""The ``Transaction`` of a SQLite connection, and how a unit of work is stepped over it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Final

from ..protocol import Row, SqlValue, StoreError, StoreFailed, T, UnitSuspended, Work
from .connection import translate


class SqliteTransaction:
    """Statements on one connection through one cursor, so that each ends the one before it."""

    __slots__ = ("_connection", "_cursor", "_guarded", "_refusal")

    for_update: Final = ""

    def __init__(self, connection: sqlite3.Connection, *, guarded: bool) -> None:
        """Make one for a connection; ``guarded`` refuses statements outside a transaction."""
        self._connection = connection
        self._cursor = connection.cursor()
        self._guarded = guarded
        self._refusal: StoreError | None = None

    async def run(self, sql: str, *args: SqlValue) -> int:
        """Execute one statement and return the number of rows it changed."""
        if self._refusal is not None:
            raise self._refusal
        try:
            return self._cursor.execute(sql, args).rowcount
        except sqlite3.Error as error:
            self._check()
            raise translate(error) from error

    async def one(self, sql: str, *args: SqlValue) -> Row | None:
        """Return the first row, or None."""
        if self._refusal is not None:
            raise self._refusal
        try:
            row: Row | None = self._cursor.execute(sql, args).fetchone()
        except sqlite3.Error as error:
            self._check()
            raise translate(error) from error
        return row

    async def all(self, sql: str, *args: SqlValue) -> list[Row]:
        """Return all rows."""
        if self._refusal is not None:
            raise self._refusal
        try:
            return self._cursor.execute(sql, args).fetchall()
        except sqlite3.Error as error:
            self._check()
            raise translate(error) from error

    async def many(self, sql: str, rows: Iterable[tuple[SqlValue, ...]]) -> None:
        """Execute one statement for every tuple of arguments."""
        if self._refusal is not None:
            raise self._refusal
        try:
            self._cursor.executemany(sql, rows)
        except sqlite3.Error as error:
            self._check()
            raise translate(error) from error

    def control(self, sql: str) -> None:
        """Execute BEGIN, COMMIT, ROLLBACK or a savepoint; raises SQLite's own error."""
        self._cursor.execute(sql)
        if self._guarded:
            self._refusal = None

    def refuse(self, error: StoreError) -> None:
        """Let every further statement raise ``error``; safe from another thread."""
        self._refusal = error

    def end(self) -> None:
        """Reset a statement that still has rows, so that it holds no snapshot."""
        self._cursor.close()
        self._cursor = self._connection.cursor()

    def _check(self) -> None:
        # SQLite rolls the whole transaction back on some errors (disk full, I/O). A unit that went
        # on would then commit statement by statement.
        if self._guarded and not self._connection.in_transaction:
            self._refusal = StoreFailed("the database rolled the transaction back after an error")


def step(work: Work[T], transaction: SqliteTransaction) -> T:
    """Run a unit of work to its end at once; UnitSuspended when it awaits anything else."""
    steps = work(transaction).__await__()
    try:
        next(steps)
    except StopIteration as stop:
        result: T = stop.value
        return result
    close = getattr(steps, "close", None)
    if close is not None:
        close()
    raise UnitSuspended("a unit of work awaited something else than its transaction")
