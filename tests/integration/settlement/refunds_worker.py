"""A process that asks for refunds, for the test with several: CONFIG PAYCODE FEN TIMES."""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
from pathlib import Path

from nontax.gateway.clock import SystemClock
from nontax.gateway.config import load_config
from nontax.gateway.identifiers import MessageIds
from nontax.gateway.outbox import Enqueuer
from nontax.gateway.peers import PeerDirectory
from nontax.gateway.settlement.acting import Acting, SettlementRefused
from nontax.gateway.settlement.refunds import Refunds
from nontax.gateway.settlement.wishes import Wish
from nontax.gateway.store import open_store


async def main() -> None:
    file, pay_code, amt, times = sys.argv[1:]
    config = load_config(Path(file))
    store = await open_store(config.store.url, config.directory)
    peers, clock = PeerDirectory.from_config(config), SystemClock()
    ids = MessageIds(clock, secrets.randbits(20))
    refunds = Refunds(Enqueuer(config.outbox, peers, ids.next), peers)
    wish = Wish(pay_code, int(amt), "多缴")
    os.write(1, b"ready\n")
    sys.stdin.readline()

    async def one() -> str:
        acting = Acting("maker1", frozenset(), clock.now_ms(), clock.today())
        try:
            await store.transact(lambda tx: refunds.request(tx, wish, acting))
        except SettlementRefused:
            return "refused"
        return "asked"

    for said in await asyncio.gather(*(one() for _ in range(int(times)))):
        os.write(1, said.encode() + b"\n")
    await store.close()


if __name__ == "__main__":
    asyncio.run(main())
