"""Connections to the SQLite file: pragmas, and SQLite's errors in the store's own words."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from ..protocol import (
    ConstraintViolated,
    StoreBusy,
    StoreClosed,
    StoreCorrupt,
    StoreError,
    StoreFailed,
)

MINIMUM_SQLITE: Final = (3, 37, 0)
"""STRICT tables (3.37) and RETURNING (3.35)."""

APPLICATION_ID: Final = 0x4E544158  # "NTAX"

_FAULTS: Final = {
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_IOERR: "input or output error",
    sqlite3.SQLITE_READONLY: "the file or its directory is read-only",
    sqlite3.SQLITE_CANTOPEN: "the file cannot be opened",
    sqlite3.SQLITE_NOMEM: "out of memory",
    sqlite3.SQLITE_PERM: "access is denied",
    sqlite3.SQLITE_AUTH: "access is denied",
    sqlite3.SQLITE_PROTOCOL: "the lock protocol of the file failed",
}
_BUSY: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


@dataclass(frozen=True, slots=True)
class SqliteOptions:
    """Limits of one open SQLite store.

    ``queue_limit`` units may wait (StoreBusy above); ``batch_limit`` units share one commit;
    ``busy_seconds`` bounds the wait for another process's write lock; ``readers`` is the number of
    scanning threads; ``checkpoint_pages`` the WAL size at which pages move to the main file;
    ``page_limit`` the largest database in pages (0: none). ``trace`` receives the statements that
    open and end write transactions, with no values in them.
    """

    queue_limit: int = 4096
    batch_limit: int = 128
    busy_seconds: float = 20.0
    readers: int = 2
    checkpoint_pages: int = 4000
    page_limit: int = 0
    trace: Callable[[str], None] | None = None


def primary_code(error: sqlite3.Error) -> int:
    """SQLite's primary result code of an error, 0 when Python itself raised it."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF


def translate(error: sqlite3.Error) -> StoreError:
    """The store's error for one of SQLite's."""
    code = primary_code(error)
    if code == sqlite3.SQLITE_CONSTRAINT:
        return ConstraintViolated(str(error))
    if code in _BUSY:
        return StoreBusy("another process holds the database's lock")
    if code in _DAMAGED:
        return StoreCorrupt(f"the database is damaged or is no SQLite file: {error}")
    if code == sqlite3.SQLITE_INTERRUPT:
        return StoreClosed("the store was closed meanwhile")
    fault = _FAULTS.get(code)
    if fault is not None:
        return StoreFailed(f"the database cannot be used, {fault}: {error}")
    return StoreError(f"statement refused: {error}")


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another connection's lock is the cause."""
    return primary_code(error) in _BUSY


def connect(
    path: Path, *, mode: str, options: SqliteOptions, same_thread: bool
) -> sqlite3.Connection:
    """Open a connection in autocommit mode with the gateway's pragmas; ``mode`` is ro or rw."""
    if sqlite3.sqlite_version_info < MINIMUM_SQLITE:
        raise StoreFailed(f"SQLite {sqlite3.sqlite_version} is too old, 3.37 or newer is needed")
    uri = f"file:{quote(str(path))}?mode={mode}"
    try:
        connection = sqlite3.connect(
            uri,
            uri=True,
            timeout=options.busy_seconds,
            isolation_level=None,
            cached_statements=256,
            check_same_thread=same_thread,
        )
    except sqlite3.Error as error:
        raise StoreFailed(f"{path}: {translate(error)}") from error
    try:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA temp_store = MEMORY")
        if mode == "ro":
            connection.execute("PRAGMA query_only = ON")
            connection.execute("PRAGMA cache_size = -8000")
    except sqlite3.Error as error:
        connection.close()
        raise translate(error) from error
    return connection
