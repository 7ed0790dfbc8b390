"""A process that takes numbers of a stock: ``stock_worker.py URL DIR UNIT COUNT``.

It waits for a line on stdin, then tells every number once it is durable. Every fifth unit of work
fails after it took its number.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from nontax.gateway.store import Transaction, open_store, stock

AT = 1_772_416_800_000
AT_ONCE = 8


class Given(Exception):
    """A unit of work that gives its number up."""


async def main() -> None:
    url, directory, unit, count = sys.argv[1:]
    store = await open_store(url, Path(directory))

    async def take(turn: int) -> None:
        async def work(tx: Transaction) -> int:
            taken = await stock.take_next(tx, unit, "electronic", "0101", AT)
            assert taken is not None
            if turn % 5 == 0:
                raise Given
            return taken.number

        try:
            number = await store.transact(work)
        except Given:
            return
        os.write(1, f"{number}\n".encode())

    os.write(1, b"ready\n")
    sys.stdin.readline()
    for start in range(0, int(count), AT_ONCE):
        await asyncio.gather(*(take(turn) for turn in range(start, start + AT_ONCE)))
    await store.close()


if __name__ == "__main__":
    asyncio.run(main())
