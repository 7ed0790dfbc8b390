"""The end of a run: short for those who write meanwhile, and true at the moment it is told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from nontax.gateway.reconciliation.parts import ReconcileParts
from nontax.gateway.reconciliation.rows import AT_ONCE
from nontax.gateway.reconciliation.run import reconcile_day
from nontax.gateway.store.protocol import Transaction, Work

from ..flows.conftest import BANK, TODAY, Office, office, offices
from .desk import Desk

__all__ = ["office", "offices"]

MANY = 3 * AT_ONCE


class Counted:
    """A transaction that counts the rows it reads."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self.rows = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tx, name)

    async def all(self, sql: str, *args: Any) -> list[Any]:
        rows = await self._tx.all(sql, *args)
        self.rows += len(rows)
        return rows


class Watched:
    """A store that tells how many rows each of its transactions has read, and of each look."""

    def __init__(self, store: Any, looked: Callable[[Any], Awaitable[None]] | None = None) -> None:
        self._store = store
        self._looked = looked
        self.read: list[int] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def transact(self, work: Work[Any]) -> Any:
        async def counted(tx: Transaction) -> Any:
            counting: Any = Counted(tx)
            result = await work(counting)
            self.read.append(counting.rows)
            return result

        return await self._store.transact(counted)

    async def scan(self, work: Work[Any]) -> Any:
        result = await self._store.scan(work)
        if self._looked is not None:
            await self._looked(result)
        return result


def watched(desk: Desk, store: Watched) -> ReconcileParts:
    stood_in: Any = store
    return replace(desk.parts, store=stood_in)


async def test_no_transaction_of_a_run_reads_all_of_its_differences(office: Office) -> None:
    desk = Desk(office, result_pack_size=50)
    unknown = "32068226300000099999"
    await desk.lists(*(desk.line(unknown, f"X{number}") for number in range(MANY)))
    office.tomorrow()
    store = Watched(office.gateway.store)

    outcome = await reconcile_day(watched(desk, store), TODAY, BANK)

    assert outcome.open == MANY
    assert len(desk.results()) == MANY // 50
    assert max(store.read) <= AT_ONCE


async def test_what_people_decide_while_the_result_is_written_is_told(office: Office) -> None:
    desk = Desk(office)
    await desk.lists(desk.line(await desk.paid("T1"), "T1", 8001))
    office.tomorrow()
    looks = 0

    async def decide(result: object) -> None:
        nonlocal looks
        if type(result).__name__ == "_Ready":
            looks += 1
            if looks == 1:
                await desk.decide(desk.row()["id"], "accept")

    store = Watched(office.gateway.store, decide)

    outcome = await reconcile_day(watched(desk, store), TODAY, BANK)

    assert looks == 2
    assert (outcome.open, desk.results(), desk.batch_states()) == (0, ["1"], ["reconciled"])
    [entry] = office.books.rows("journal", kind="reconciliation.done")
    assert '"open":0' in entry["facts"].replace(" ", "")
