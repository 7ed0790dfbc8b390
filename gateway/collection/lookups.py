"""Catalogue rows that every query and confirmation needs, remembered for a second.

A change of the catalogue is thus in force in every process within a second. Entries are values of
the books; the unit of work that finds one missing or old reads it in its own transaction.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from ..store import catalogue
from ..store.protocol import Transaction
from ..store.records import Account

FRESH_MS = 1000
_MOST = 10_000
K = TypeVar("K")
V = TypeVar("V")


class Remembered(Generic[K, V]):
    """Values by key, each read again when it is older than a second.

    Used by the event loop's thread and the store's writer: a race only reads a value twice.
    """

    def __init__(self, read: Callable[[Transaction, K], Awaitable[V]]) -> None:
        self._read = read
        self._values: dict[K, tuple[int, V]] = {}

    async def get(self, tx: Transaction, key: K, now_ms: int) -> V:
        """The value of KEY, at most a second old at the instant NOW_MS."""
        known = self._values.get(key)
        if known is not None and 0 <= now_ms - known[0] < FRESH_MS:
            return known[1]
        value = await self._read(tx, key)
        if len(self._values) >= _MOST:
            self._values.clear()
        self._values[key] = (now_ms, value)
        return value


class Lookups:
    """What collecting asks of the catalogue again and again."""

    def __init__(self) -> None:
        self._accounts = Remembered(_accounts)
        self._banks = Remembered(_may_collect)

    async def accounts(
        self, tx: Transaction, region: str, today: str, now_ms: int
    ) -> list[Account]:
        """The accounts that a region's payments may arrive on today."""
        return await self._accounts.get(tx, (region, today), now_ms)

    async def bank_may_collect(
        self, tx: Transaction, unit_code: str, bank_code: str, now_ms: int
    ) -> bool:
        """Whether a bank may collect a unit's bills; "" (platform, units) always may."""
        return not bank_code or await self._banks.get(tx, (unit_code, bank_code), now_ms)


async def _accounts(tx: Transaction, key: tuple[str, str]) -> list[Account]:
    return await catalogue.collection_accounts(tx, *key)


async def _may_collect(tx: Transaction, key: tuple[str, str]) -> bool:
    return await catalogue.bank_may_collect(tx, *key)
