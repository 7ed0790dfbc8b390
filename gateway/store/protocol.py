"""What the rest of the gateway knows of a database: transactions, the store, its errors.

A *unit of work* is a coroutine function over a ``Transaction``. It awaits nothing but that
transaction, reads no clock and draws no random number: it is a function of the database's state and
of the values it was made with. A driver may therefore run it again when the first run was rolled
back (another unit of the same group commit failed, or the server reported a serialisation failure),
and the embedded driver can step it to completion on its writer thread.

A unit does not catch the errors of its own statements: PostgreSQL refuses every further statement
of a transaction that had an error. What may collide is written with ``ON CONFLICT DO NOTHING``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

SqlValue = str | int | bytes | None
Row = tuple[Any, ...]
T = TypeVar("T")

MAX_FEN: Final = 10**15
"""The largest amount of a bill or payment, in fen (10^13 yuan)."""


class StoreError(Exception):
    """Something is wrong with the store; the text never contains stored values."""


class StoreBusy(StoreError):
    """Too much work is waiting, or another process held the write lock too long: try later."""


class StoreClosed(StoreError):
    """The store is closing or closed."""


class StoreFailed(StoreError):
    """The database cannot be read or written (disk full, I/O, read-only); nothing was kept."""


class StoreCorrupt(StoreError):
    """The file is damaged or is no store of the gateway."""


class SchemaTooNew(StoreError):
    """The store was written by a newer gateway; this one refuses to touch it."""


class ConstraintViolated(StoreError):
    """A constraint of the schema refused a row; names table and columns, never values."""


class UnitSuspended(StoreError):
    """A unit of work awaited something else than its transaction: a programming error."""


class Transaction(Protocol):
    """One transaction. Placeholders are ``?1 ?2 …``; rows are tuples in the columns' order."""

    @property
    def for_update(self) -> str:
        """Row lock clause to append to a SELECT: empty on SQLite, `` FOR UPDATE`` elsewhere."""

    async def run(self, sql: str, *args: SqlValue) -> int:
        """Execute one statement and return the number of rows it changed."""

    async def one(self, sql: str, *args: SqlValue) -> Row | None:
        """Return the first row, or None."""

    async def all(self, sql: str, *args: SqlValue) -> list[Row]:
        """Return all rows; page long results by key."""

    async def many(self, sql: str, rows: Iterable[tuple[SqlValue, ...]]) -> None:
        """Execute one statement for every tuple of arguments."""


Work = Callable[[Transaction], Awaitable[T]]


@dataclass(slots=True)
class StoreStats:
    """Counters of one open store since it was opened; ``waiting`` is the present queue length."""

    units: int = 0
    batches: int = 0
    commits: int = 0
    reruns: int = 0
    busy_waits: int = 0
    failures: int = 0
    waiting: int = 0
    largest_batch: int = 0


class Store(Protocol):
    """A database of the gateway. Safe for several event loops, threads and processes."""

    @property
    def stats(self) -> StoreStats:
        """Counters for metrics."""

    async def transact(self, work: Work[T]) -> T:
        """Run a writing unit of work; when this returns, its effects are durable.

        Raises what the unit raised (nothing of it is kept), StoreBusy, StoreClosed or StoreFailed.
        Cancelling the caller drops a unit that has not started; a started one may still be kept.
        """

    async def read(self, work: Work[T]) -> T:
        """Run point look-ups by key at once on the calling thread (microseconds each).

        Every statement sees all commits before it; two statements may see different states.
        """

    async def scan(self, work: Work[T]) -> T:
        """Run a long read on a reader thread, all of it over one snapshot."""

    async def backup(self, target: Path) -> None:
        """Write a consistent copy to a new file; FileExistsError when ``target`` exists."""

    async def verify(self) -> tuple[str, ...]:
        """Check the database's own consistency; the faults found, empty when sound."""

    async def close(self) -> None:
        """Finish what is queued, then close; idempotent. New work is refused with StoreClosed."""
