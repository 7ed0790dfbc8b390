"""The writer thread: units of work, many to a commit.

While one commit waits for the disk, the next units queue up; they then share one transaction and
one fsync. Nothing is handed back before that commit returned. A unit that raises must not harm its
neighbours: when it changed nothing, the batch simply goes on without it; otherwise the whole batch
is rolled back and every unit is run again, each under a savepoint, so that only the faulty one
fails.
Units are functions of the database's state (see ``protocol``), so a second run is harmless.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final

from ..protocol import (
    StoreBusy,
    StoreClosed,
    StoreError,
    StoreFailed,
    StoreStats,
    T,
    Work,
)
from .connection import SqliteOptions, connect, is_busy, translate
from .gate import Gate
from .transaction import SqliteTransaction, step

_FIRST_WAIT: Final = 0.0002
_LONGEST_WAIT: Final = 0.002


class _Unit:
    """A unit of work with the future that waits for it."""

    __slots__ = ("error", "future", "loop", "result", "work")

    def __init__(
        self, work: Work[Any], loop: asyncio.AbstractEventLoop, future: asyncio.Future[Any]
    ) -> None:
        self.work = work
        self.loop = loop
        self.future = future
        self.result: object = None
        self.error: BaseException | None = None


class Writer:
    """Owns the only writing connection of this process and the thread that uses it."""

    def __init__(self, path: Path, options: SqliteOptions, stats: StoreStats) -> None:
        """Start the thread and open the connection; raises what opening raised."""
        self._path = path
        self._options = options
        self._stats = stats
        self._queue: SimpleQueue[_Unit | None] = SimpleQueue()
        self._door = threading.Lock()
        self._gate = Gate(path.parent)
        self._closing = False
        self._opened = threading.Event()
        self._refusal: StoreError | None = None
        self._connection: sqlite3.Connection
        self._transaction: SqliteTransaction
        self._thread = threading.Thread(target=self._main, name="store-writer", daemon=True)
        self._thread.start()
        self._opened.wait()
        if self._refusal is not None:
            raise self._refusal

    def submit(self, work: Work[T]) -> asyncio.Future[T]:
        """Queue a unit of work; the future belongs to the running event loop."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        with self._door:
            if self._closing:
                raise StoreClosed("the store is closed")
            if self._queue.qsize() >= self._options.queue_limit:
                raise StoreBusy(f"{self._options.queue_limit} units of work are waiting already")
            self._queue.put(_Unit(work, loop, future))
        return future

    @property
    def waiting(self) -> int:
        """Units in the queue."""
        return self._queue.qsize()

    def close(self) -> None:
        """Finish what is queued, checkpoint, close the connection and end the thread."""
        with self._door:
            if not self._closing:
                self._closing = True
                self._queue.put(None)
        self._thread.join()

    def _main(self) -> None:
        try:
            self._open()
        except StoreError as error:
            self._refusal = error
            self._gate.close()
            return
        finally:
            self._opened.set()
        try:
            more = True
            while more:
                batch, more = self._take()
                if batch:
                    self._process(batch)
        finally:
            self._shut()

    def _open(self) -> None:
        options = self._options
        self._connection = connect(self._path, mode="rw", options=options, same_thread=True)
        try:
            execute = self._connection.execute
            execute("PRAGMA synchronous = FULL")
            execute("PRAGMA cache_size = -32000")
            execute(f"PRAGMA wal_autocheckpoint = {options.checkpoint_pages:d}")
            execute("PRAGMA journal_size_limit = 67108864")
            if options.page_limit:
                execute(f"PRAGMA max_page_count = {options.page_limit:d}")
            # The wait for other processes is ours (see _begin): SQLite's own backs off to 100 ms.
            execute("PRAGMA busy_timeout = 0")
        except sqlite3.Error as error:
            self._connection.close()
            raise translate(error) from error
        self._transaction = SqliteTransaction(self._connection, guarded=True)

    def _shut(self) -> None:
        try:
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error:
            pass  # another process is reading or writing: its own close will do it
        finally:
            self._connection.close()
            self._gate.close()

    def _take(self) -> tuple[list[_Unit], bool]:
        """Wait for work and return what is there, up to the batch limit; False: the last batch."""
        queue = self._queue
        unit = queue.get()
        batch: list[_Unit] = []
        while unit is not None:
            batch.append(unit)
            if len(batch) >= self._options.batch_limit or queue.empty():
                return batch, True
            unit = queue.get()
        return batch, False

    def _process(self, batch: list[_Unit]) -> None:
        stats = self._stats
        try:
            ran = self._run_batch(batch)
        except BaseException as error:  # noqa: BLE001 - told to who waits; the thread goes on
            self._abandon()
            stats.failures += 1
            for unit in batch:
                unit.error = _told(error)
            ran = batch
        stats.batches += 1
        stats.units += len(ran)
        stats.largest_batch = max(stats.largest_batch, len(ran))
        _hand_back(ran)

    def _run_batch(self, batch: list[_Unit]) -> list[_Unit]:
        """Run and commit a batch; the units that were run. Raises when none of it was kept."""
        # A caller that gave up before its unit started gets nothing done.
        units = [unit for unit in batch if not unit.future.cancelled()]
        if not units:
            return units
        self._begin()
        if not self._run_together(units):
            self._stats.reruns += 1
            self._abandon()
            self._begin()
            self._run_apart(units)
        self._commit()
        return units

    def _run_together(self, units: list[_Unit]) -> bool:
        """Run the units in one go; False when one failed and left changes behind."""
        connection, transaction = self._connection, self._transaction
        for unit in units:
            before = connection.total_changes
            try:
                unit.result = step(unit.work, transaction)
            except BaseException as error:  # noqa: BLE001 - belongs to the waiting caller
                unit.error = error
                if connection.total_changes != before or not connection.in_transaction:
                    return False
        return True

    def _run_apart(self, units: list[_Unit]) -> None:
        """Run each unit under its own savepoint, so that a faulty one takes only itself back."""
        transaction = self._transaction
        for unit in units:
            unit.error = None
            self._control("SAVEPOINT unit")
            try:
                unit.result = step(unit.work, transaction)
            except BaseException as error:
                unit.error = error
                if not self._connection.in_transaction:
                    raise  # disk full, I/O error: nothing of the batch is left
                self._control("ROLLBACK TO unit")
            self._control("RELEASE unit")

    def _begin(self) -> None:
        """Take the write lock, waiting for other processes in short steps up to the bound."""
        deadline = time.monotonic() + self._options.busy_seconds
        wait = _FIRST_WAIT
        try:
            while not (self._gate.enter() and self._locked()):
                if time.monotonic() >= deadline:
                    raise StoreBusy("another process holds the database's lock")
                self._stats.busy_waits += 1
                time.sleep(wait)
                wait = min(wait * 1.2, _LONGEST_WAIT)
        finally:
            self._gate.leave()

    def _locked(self) -> bool:
        try:
            self._traced("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            if is_busy(error):
                return False
            raise translate(error) from error
        return True

    def _commit(self) -> None:
        try:
            self._traced("COMMIT")
        except sqlite3.Error as error:
            problem = translate(error)
            raise StoreFailed(f"commit failed, nothing of it was kept: {problem}") from error
        self._stats.commits += 1

    def _control(self, sql: str) -> None:
        try:
            self._transaction.control(sql)
        except sqlite3.Error as error:
            raise translate(error) from error

    def _traced(self, sql: str) -> None:
        self._transaction.control(sql)
        if self._options.trace is not None:
            self._options.trace(sql)

    def _abandon(self) -> None:
        if self._connection.in_transaction:
            try:
                self._traced("ROLLBACK")
            except sqlite3.Error:
                # The failed statement has rolled back already, or the disk is gone: reported by
                # the error that brought us here; the next BEGIN will say so again.
                return


def _told(error: BaseException) -> StoreError:
    """The failure of a whole batch, in an exception of its own for each that waits."""
    if isinstance(error, StoreError):
        return type(error)(str(error))
    return StoreFailed(f"the store's writer failed: {type(error).__name__}")


def _hand_back(units: list[_Unit]) -> None:
    """Give all results to their event loops, with one wake-up per loop."""
    loops: dict[asyncio.AbstractEventLoop, list[_Unit]] = {}
    for unit in units:
        loops.setdefault(unit.loop, []).append(unit)
    for loop, mine in loops.items():
        try:
            loop.call_soon_threadsafe(_settle, mine)
        except RuntimeError:
            continue  # that loop was closed: nobody waits any more


def _settle(units: list[_Unit]) -> None:
    for unit in units:
        if unit.future.done():
            continue
        if unit.error is not None:
            unit.future.set_exception(unit.error)
        else:
            unit.future.set_result(unit.result)
