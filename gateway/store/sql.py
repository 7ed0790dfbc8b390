"""Statements made from records, so that columns and fields cannot drift apart.

Table names and conditions come from the repositories' own source; values are always arguments.
"""

# ruff: noqa: S608 - the only place where statements are put together, and never from values

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any

from .protocol import SqlValue


def columns(record: type[Any], *, without: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Names of a record's fields, which are the table's columns, in order."""
    return tuple(field.name for field in fields(record) if field.name not in without)


def placeholders(count: int) -> str:
    """``?1, ?2, …``"""
    return ", ".join(f"?{number}" for number in range(1, count + 1))


def select_from(record: type[Any], table: str, rest: str = "") -> str:
    """``SELECT`` all columns of a record from a table, followed by ``rest``."""
    return f"SELECT {', '.join(columns(record))} FROM {table} {rest}".rstrip()


def insert_into(
    record: type[Any], table: str, rest: str = "", *, without: tuple[str, ...] = ()
) -> str:
    """``INSERT`` a record; its values are numbered from ?1 in the order of ``columns``."""
    names = columns(record, without=without)
    listed = ", ".join(names)
    return f"INSERT INTO {table} ({listed}) VALUES ({placeholders(len(names))}) {rest}".rstrip()


def values(
    record: type[Any], *, without: tuple[str, ...] = (), only: tuple[str, ...] = ()
) -> Callable[[Any], tuple[SqlValue, ...]]:
    """A fast function from a record to a tuple of its fields, as ``insert_into`` numbers them."""
    names = only or columns(record, without=without)
    getter: Callable[[Any], Any] = attrgetter(*names)
    if len(names) > 1:
        return getter
    return lambda entry: (getter(entry),)  # attrgetter of one name gives no tuple


def key_is(key: tuple[str, ...]) -> str:
    """``WHERE`` all columns of a key equal ?1, ?2, …"""
    return "WHERE " + " AND ".join(f"{name} = ?{at}" for at, name in enumerate(key, start=1))


class Conditions:
    """Collects the conditions of a filtered list; each ``{}`` is the next argument."""

    def __init__(self) -> None:
        """Start without a condition."""
        self.args: list[SqlValue] = []
        self._parts: list[str] = []

    def add(self, condition: str, *args: SqlValue) -> None:
        """Add a condition that holds for all rows listed."""
        marks = [self.mark(arg) for arg in args]
        self._parts.append(condition.format(*marks))

    def equal(self, column: str, value: SqlValue) -> None:
        """Add ``column = value`` unless the value is None or ''."""
        if value is not None and value != "":
            self.add(column + " = {}", value)

    def equal_always(self, column: str, value: SqlValue) -> None:
        """Add ``column = value`` whatever the value is."""
        self.add(column + " = {}", value)

    def one_of(self, column: str, among: Sequence[SqlValue]) -> None:
        """Add ``column IN (…)``."""
        self._parts.append(f"{column} IN ({', '.join(map(self.mark, among))})")

    def mark(self, arg: SqlValue) -> str:
        """Add an argument and return its placeholder."""
        self.args.append(arg)
        return f"?{len(self.args)}"

    def where(self) -> str:
        """``WHERE …``, or nothing."""
        return "WHERE " + " AND ".join(self._parts) if self._parts else ""

    def listed(self) -> str:
        """The conditions joined by commas, as the assignments of an UPDATE."""
        return ", ".join(self._parts)
