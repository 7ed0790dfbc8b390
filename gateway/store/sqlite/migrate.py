"""Numbered migrations: ``migrations/NNNN_name.sql``, applied in one transaction, never undone."""

from __future__ import annotations

import os
import sqlite3
import time
import uuid
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from ..protocol import SchemaTooNew, StoreCorrupt, StoreFailed
from .connection import APPLICATION_ID, SqliteOptions, connect, translate


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered script."""

    version: int
    name: str
    script: str


def migrations() -> tuple[Migration, ...]:
    """All migrations of this gateway, in order; their numbers have no gaps."""
    found = []
    for entry in resources.files(__package__).joinpath("migrations").iterdir():
        if entry.name.endswith(".sql"):
            number, _, name = entry.name.removesuffix(".sql").partition("_")
            found.append(Migration(int(number), name, entry.read_text(encoding="utf-8")))
    found.sort(key=lambda migration: migration.version)
    if [migration.version for migration in found] != list(range(1, len(found) + 1)):
        raise StoreFailed("the migrations of this installation are incomplete")
    return tuple(found)


def prepare(path: Path, options: SqliteOptions, *, create: bool, now_ms: int | None = None) -> None:
    """Make or upgrade the database file; safe when several processes start together.

    Raises SchemaTooNew, StoreCorrupt (another kind of file), StoreBusy or StoreFailed (missing,
    read-only, disk full).
    """
    if create:
        _create_file(path)
    elif not path.exists():
        raise StoreFailed(f"{path}: there is no such database (nontax init makes one)")
    connection = connect(path, mode="rw", options=options, same_thread=True)
    try:
        _recognise(connection, path)
        connection.execute("PRAGMA journal_mode = WAL").fetchone()
        connection.execute("PRAGMA synchronous = FULL")
        if _version(connection, path) < len(migrations()):
            _upgrade(connection, path, int(time.time() * 1000) if now_ms is None else now_ms)
    except sqlite3.Error as error:
        problem = translate(error)
        raise type(problem)(f"{path}: {problem}") from error
    finally:
        connection.close()


def _create_file(path: Path) -> None:
    # Made before SQLite sees it so that the books are readable by their owner alone; the WAL
    # takes over the mode of the main file. A file that exists is left alone: closing a second
    # descriptor on it would drop the locks that a connection of this process holds.
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        return
    except OSError as error:
        raise StoreFailed(f"{path}: the database cannot be made: {error.strerror}") from error


def _recognise(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse a SQLite file that belongs to another program."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if tables and application != APPLICATION_ID:
        raise StoreCorrupt(f"{path}: this SQLite file was not made by the gateway")


def _version(connection: sqlite3.Connection, path: Path) -> int:
    """The schema's version, 0 for an empty file; SchemaTooNew above what we know."""
    known = connection.execute(
        "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'schema_version'"
    ).fetchone()
    if not known[0]:
        return 0
    (version,) = connection.execute(
        "SELECT coalesce(max(version), 0) FROM schema_version"
    ).fetchone()
    newest = len(migrations())
    if version > newest:
        raise SchemaTooNew(
            f"{path}: the store has schema {version}, this gateway knows {newest}: "
            "upgrade the gateway"
        )
    return int(version)


def _upgrade(connection: sqlite3.Connection, path: Path, now_ms: int) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Looked at again under the lock: another process may have been faster.
        version = _version(connection, path)
        for migration in migrations()[version:]:
            for statement in statements(migration.script):
                connection.execute(statement)
            connection.execute(
                "INSERT INTO schema_version (version, name, applied_at) VALUES (?1, ?2, ?3)",
                (migration.version, migration.name, now_ms),
            )
        if version == 0:
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID:d}")
            connection.executemany(
                "INSERT INTO meta (name, value) VALUES (?1, ?2)",
                [("store_id", uuid.uuid4().hex), ("created_at", str(now_ms))],
            )
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def statements(script: str) -> list[str]:
    """Cut a script into statements; a trigger's body stays in one piece."""
    found: list[str] = []
    pending = ""
    for line in script.splitlines(keepends=True):
        if not pending and (not line.strip() or line.lstrip().startswith("--")):
            continue
        pending += line
        if line.rstrip().endswith(";") and sqlite3.complete_statement(pending):
            found.append(pending.strip())
            pending = ""
    if pending.strip():
        raise StoreFailed("a migration ends in the middle of a statement")
    return found
