"""Reconciles one node's day in a process of its own, and kills that process at a given step.

    python crash_worker.py CONFIG DATE NODE STEP WHEN

STEP counts transactions from 1; 0: run to the end. WHEN is `inside` (before the commit) or `after`
(it is durable, and nobody has heard). Prints the number of transactions of a run that ended.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from nontax.gateway.cli.opening import Opened
from nontax.gateway.cli.reconcilerun import make_parts
from nontax.gateway.clock import SystemClock
from nontax.gateway.config import load_config
from nontax.gateway.reconciliation.run import reconcile_day
from nontax.gateway.store import open_store
from nontax.gateway.store.protocol import Transaction, Work
from nontax.gateway.tokens import Sealer


class Dying:
    """A store whose process dies at one of its transactions."""

    def __init__(self, store: Any, step: int, when: str) -> None:
        self._store = store
        self._step = step
        self._when = when
        self.count = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def transact(self, work: Work[Any]) -> Any:
        self.count += 1
        dies = self.count == self._step

        async def dying(tx: Transaction) -> Any:
            result = await work(tx)
            if dies and self._when == "inside":
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        result = await self._store.transact(dying)
        if dies:
            os.kill(os.getpid(), signal.SIGKILL)
        return result


async def main(config_file: str, date: str, node: str, step: str, when: str) -> int:
    config = load_config(Path(config_file))
    store = await open_store(config.store.url, config.directory)
    dying: Any = Dying(store, int(step), when)
    sealer = Sealer(config.master_key, secrets.token_bytes)
    parts = make_parts(Opened(config, store, SystemClock(), sealer))
    outcome = await reconcile_day(replace(parts, store=dying), date, node)
    await store.close()
    sys.stdout.write(f"{dying.count}\n")
    return outcome.exit_code


if __name__ == "__main__":
    sys.exit(asyncio.run(main(*sys.argv[1:])))
