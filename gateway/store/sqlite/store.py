"""The embedded store: one SQLite file in WAL mode, one writer thread, readers beside it."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ..protocol import StoreClosed, StoreFailed, StoreStats, T, Transaction, Work
from .connection import SqliteOptions, connect, translate
from .migrate import prepare
from .transaction import SqliteTransaction, step
from .writer import Writer


class _Reader:
    """A read-only connection and its transaction object."""

    __slots__ = ("connection", "transaction")

    def __init__(self, path: Path, options: SqliteOptions) -> None:
        self.connection = connect(path, mode="ro", options=options, same_thread=False)
        self.transaction = SqliteTransaction(self.connection, guarded=False)


class SqliteStore:
    """``Store`` over one file. Make it after a fork: connections do not survive one."""

    def __init__(self, path: Path, options: SqliteOptions, *, create: bool = True) -> None:
        """Open (and make or upgrade) the file; blocking, meant for start-up.

        Raises SchemaTooNew, StoreCorrupt, StoreBusy, StoreFailed.
        """
        prepare(path, options, create=create)
        self._path = path
        self._options = options
        self._stats = StoreStats()
        self._writer = Writer(path, options, self._stats)
        self._local = threading.local()
        self._lock = threading.Lock()
        self._readers: list[_Reader] = []
        self._closed = False
        self._pool = ThreadPoolExecutor(options.readers, thread_name_prefix="store-reader")

    @property
    def path(self) -> Path:
        """The database file."""
        return self._path

    @property
    def stats(self) -> StoreStats:
        """Counters for metrics."""
        self._stats.waiting = self._writer.waiting
        return self._stats

    async def transact(self, work: Work[T]) -> T:
        """Run a writing unit of work; durable when this returns. See ``Store.transact``."""
        return await self._writer.submit(work)

    async def read(self, work: Work[T]) -> T:
        """Run point look-ups at once on this thread. See ``Store.read``."""
        return step(work, self._reader().transaction)

    async def scan(self, work: Work[T]) -> T:
        """Run a long read on a reader thread over one snapshot. See ``Store.scan``."""
        self._check_open()
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._scan, work)

    async def backup(self, target: Path) -> None:
        """Write a consistent copy to a new file. See ``Store.backup``."""
        self._check_open()
        await asyncio.get_running_loop().run_in_executor(self._pool, self._backup, target)

    async def verify(self) -> tuple[str, ...]:
        """Check pages, indexes, constraints and references. See ``Store.verify``."""
        return await self.scan(_verify)

    async def close(self) -> None:
        """Finish what is queued, checkpoint and close; idempotent."""
        with self._lock:
            first, self._closed = not self._closed, True
            for reader in self._readers:
                # A long scan ends at its next statement.
                reader.transaction.refuse(StoreClosed("the store is closed"))
                reader.connection.interrupt()
        if first:
            await asyncio.get_running_loop().run_in_executor(None, self._shut)

    def _shut(self) -> None:
        self._pool.shutdown(wait=True)
        with self._lock:
            for reader in self._readers:
                reader.connection.close()
            self._readers.clear()
        self._writer.close()

    def _check_open(self) -> None:
        if self._closed:
            raise StoreClosed("the store is closed")

    def _reader(self) -> _Reader:
        self._check_open()
        reader: _Reader | None = getattr(self._local, "reader", None)
        if reader is None:
            reader = _Reader(self._path, self._options)
            with self._lock:
                self._readers.append(reader)
            self._local.reader = reader
        return reader

    def _scan(self, work: Work[T]) -> T:
        reader = self._reader()
        transaction = reader.transaction
        try:
            transaction.control("BEGIN")
        except sqlite3.Error as error:
            raise translate(error) from error
        try:
            result = step(work, transaction)
        finally:
            transaction.end()
            if reader.connection.in_transaction:
                transaction.control("ROLLBACK")
        return result

    def _backup(self, target: Path) -> None:
        if target.exists():
            raise FileExistsError(f"{target} exists already")
        part = target.with_name(target.name + ".part")
        part.unlink(missing_ok=True)
        try:
            os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
            copy = sqlite3.connect(part, isolation_level=None)
            try:
                self._reader().connection.backup(copy, pages=2000)
                # A copy travels as one file: no WAL beside it.
                copy.execute("PRAGMA journal_mode = DELETE").fetchone()
            finally:
                copy.close()
            _sync(part)
            part.rename(target)
            _sync(target.parent)
        except OSError as error:
            raise StoreFailed(f"{target}: the copy cannot be written: {error.strerror}") from error
        except sqlite3.Error as error:
            raise translate(error) from error
        finally:
            part.unlink(missing_ok=True)


async def _verify(tx: Transaction) -> tuple[str, ...]:
    pages = [str(row[0]) for row in await tx.all("PRAGMA integrity_check(100)")]
    faults = [] if pages == ["ok"] else pages
    for table, _, parent, _ in await tx.all("PRAGMA foreign_key_check"):
        faults.append(f"{table}: a row refers to a missing row of {parent}")
    return tuple(faults)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
