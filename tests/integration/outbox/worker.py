"""A process that delivers the outbox of a configuration until its standard input ends.

Usage: worker.py CONFIG. Prints one line when it has begun.
"""

from __future__ import annotations

import asyncio
import secrets
import sys
from pathlib import Path

from nontax.gateway.clock import SystemClock
from nontax.gateway.config import load_config
from nontax.gateway.framing import FrameWriter
from nontax.gateway.identifiers import MessageIds
from nontax.gateway.observe.log import Log
from nontax.gateway.observe.metrics import Metrics
from nontax.gateway.outbox import Deliverer
from nontax.gateway.peers import PeerDirectory
from nontax.gateway.store import open_store
from nontax.gateway.tokens import Sealer, TokenKeeper
from nontax.gateway.wakeup import Wakeup


async def main(file: Path) -> None:
    config = load_config(file)
    store = await open_store(config.store.url, config.directory)
    clock = SystemClock()
    peers = PeerDirectory.from_config(config)
    sealer = Sealer(config.master_key, secrets.token_bytes)
    deliverer = Deliverer(
        config=config,
        store=store,
        peers=peers,
        tokens=TokenKeeper(store, sealer, peers, confirm_seconds=60, grace_seconds=60),
        frames=FrameWriter(
            config.node.code, "320682", MessageIds(clock, secrets.randbits(20)), clock
        ),
        clock=clock,
        random=secrets.token_bytes,
        log=Log(sys.stderr, clock.now_ms, level="error"),
        metrics=Metrics(),
        wakeup=Wakeup(),
    )
    running = asyncio.create_task(deliverer.run())
    print("delivering", flush=True)  # noqa: T201
    await asyncio.to_thread(sys.stdin.read)
    await deliverer.stop()
    await running
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
