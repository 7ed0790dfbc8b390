"""The embedded store on SQLite."""

from .connection import SqliteOptions
from .store import SqliteStore

__all__ = ["SqliteOptions", "SqliteStore"]
