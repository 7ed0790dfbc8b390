"""What the service does for income by itself: confirming what is ready, writing vouchers."""

from __future__ import annotations

import asyncio
from pathlib import Path

from ..clock import Clock
from ..observe.log import Log
from ..store import Store, StoreClosed, StoreError
from .income import IncomeRules, confirm_ready
from .voucherspool import spool_vouchers


class IncomeKeeper:
    """Works every so many seconds until `stop`. Several processes may do so side by side."""

    def __init__(
        self,
        *,
        store: Store,
        rules: IncomeRules,
        vouchers: Path,
        every_seconds: float,
        clock: Clock,
        log: Log,
    ) -> None:
        """`vouchers` is the spool folder of the voucher library."""
        self._store = store
        self._rules = rules
        self._vouchers = vouchers
        self._every = every_seconds
        self._clock = clock
        self._log = log
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Wait, work, and so on until `stop`."""
        while not self._stopping.is_set():
            try:
                async with asyncio.timeout(self._every):
                    await self._stopping.wait()
            except TimeoutError:
                try:
                    await self.once()
                except StoreClosed:
                    return
                except StoreError as error:
                    self._log.event("error", "income_store", reason=str(error))
                except OSError as error:
                    reason = error.strerror or type(error).__name__
                    self._log.event("error", "voucher_spool", reason=reason)

    async def once(self) -> None:
        """Confirm what is ready, write what waits. Raises OSError, StoreError."""

        def now() -> tuple[int, str]:
            return self._clock.now_ms(), self._clock.today()

        confirmed = await confirm_ready(self._store, self._rules, now)
        written = await spool_vouchers(self._store, self._vouchers, self._clock.now_ms)
        if confirmed or written:
            self._log.event("info", "income_confirmed", bills=confirmed, vouchers=written)

    async def stop(self) -> None:
        """Begin nothing new."""
        self._stopping.set()
