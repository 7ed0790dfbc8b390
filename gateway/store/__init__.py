"""The books: transactions over a database, and repositories of plain functions over them.

Every repository is a module (``bills``, ``payments``, ``confirmations``, ``refunds``, ``outbox``,
``journal``, ``serials``, ``catalogue``, ``operators``, ``tokens``, ``archive``, ``meta``) of
coroutine functions whose first argument is a ``Transaction``.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from .protocol import (
    MAX_FEN,
    ConstraintViolated,
    SchemaTooNew,
    Store,
    StoreBusy,
    StoreClosed,
    StoreCorrupt,
    StoreError,
    StoreFailed,
    StoreStats,
    Transaction,
    UnitSuspended,
    Work,
)
from .sqlite import SqliteOptions, SqliteStore

__all__ = [
    "MAX_FEN",
    "ConstraintViolated",
    "SchemaTooNew",
    "SqliteOptions",
    "SqliteStore",
    "Store",
    "StoreBusy",
    "StoreClosed",
    "StoreCorrupt",
    "StoreError",
    "StoreFailed",
    "StoreStats",
    "Transaction",
    "UnitSuspended",
    "Work",
    "open_store",
    "sqlite_path",
]


def sqlite_path(url: str, base_dir: Path) -> Path:
    """The file of a ``sqlite:///relative`` or ``sqlite:////absolute`` URL; StoreError otherwise."""
    scheme, mark, rest = url.partition(":///")
    if scheme != "sqlite" or not mark or not rest:
        raise StoreError(f"store.url: {scheme}: is unknown; write sqlite:///FILE")
    return base_dir / rest


async def open_store(
    url: str, base_dir: Path, *, create: bool = False, sqlite: SqliteOptions | None = None
) -> Store:
    """Open the store that a URL names, upgrading its schema; ``create`` makes a missing one.

    Raises StoreError for an unknown URL, SchemaTooNew, StoreCorrupt, StoreBusy, StoreFailed.
    """
    path = sqlite_path(url, base_dir)
    options = sqlite or SqliteOptions()
    return await asyncio.to_thread(SqliteStore, path, options, create=create)
