"""A process that works on a store, for the tests with several processes.

``worker.py pay URL DIR NODE COUNT``: takes COUNT serials, and tries to pay COUNT bills with each.
``worker.py write URL DIR FIRST``: writes numbered units without end, telling each on stdout once
it is durable; is meant to be killed.
``worker.py full URL DIR BYTES``: the same, but no file may grow above BYTES.
``worker.py open URL DIR``: opens, waits for a line on stdin, closes.
"""

from __future__ import annotations

import asyncio
import os
import resource
import sys
from pathlib import Path

from nontax.gateway.store import (
    Store,
    StoreError,
    Transaction,
    bills,
    journal,
    meta,
    open_store,
    payments,
    serials,
)
from nontax.gateway.store.records import Payment

WRITERS = 8


def tell(line: str) -> None:
    """One line to the parent, unbuffered, so that a kill loses nothing that was told."""
    os.write(1, (line + "\n").encode())


def payment(node: str, number: int, pay_code: str) -> Payment:
    return Payment(0, node, "20261123", f"T{number}", pay_code, 8000, "1", "1", "", "2612", 1)


async def pay(store: Store, node: str, count: int) -> None:
    """Race for bills 0…COUNT-1 with the other processes."""

    def one(index: int):
        async def work(tx: Transaction) -> tuple[int, bool]:
            number = await serials.next_number(tx, "race")
            pay_code = f"{index:020d}"
            new = await payments.try_insert(tx, payment(node, number, pay_code))
            if new is None:
                return number, False
            await bills.set_state(tx, pay_code, expected="unpaid", state="paid", changed_at=2)
            await journal.append(
                tx, at=2, kind="payment", subject=pay_code, actor=node, facts={"id": new}
            )
            return number, True

        return work

    tell("ready")
    sys.stdin.readline()
    for start in range(0, count, WRITERS):
        results = await asyncio.gather(
            *(store.transact(one(i)) for i in range(start, min(count, start + WRITERS)))
        )
        for number, won in results:
            tell(f"{number} {int(won)}")


async def write(store: Store, first: int) -> None:
    """Write and tell until killed, or until the store fails."""
    numbers = iter(range(first, 10**9))

    def one(number: int):
        async def work(tx: Transaction) -> None:
            await meta.put(tx, f"unit-{number}", "x" * 100)
            await journal.append(
                tx, at=1, kind="unit", subject=str(number), actor="worker", facts={}
            )

        return work

    async def writer() -> None:
        for number in numbers:
            await store.transact(one(number))
            tell(str(number))

    await asyncio.gather(*(writer() for _ in range(WRITERS)))


async def main() -> None:
    mode, url, directory, *rest = sys.argv[1:]
    store = await open_store(url, Path(directory), create=True)
    if mode == "pay":
        await pay(store, rest[0], int(rest[1]))
    elif mode == "write":
        await write(store, int(rest[0]))
    elif mode == "full":
        limit = int(rest[0])
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        try:
            await write(store, 0)
        except StoreError as error:
            tell(f"{type(error).__name__}: {error}")
    else:
        tell("ready")
        sys.stdin.readline()
    await store.close()


if __name__ == "__main__":
    asyncio.run(main())
