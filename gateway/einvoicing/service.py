"""E-invoices within the running service: keys are read when they are first needed.

Certificates and signing take a good part of a start's time to load, and nothing here is wanted
before the service listens; so this module imports none of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..clock import Clock
from ..config import Config, ConfigError
from ..observe.log import Log
from ..store import Store, StoreClosed, StoreError

if TYPE_CHECKING:
    from .issue import Issuing
    from .keeper import EInvoiceKeeper


class EInvoiceService:
    """Issuing for flows, and the keeper's rounds until `stop`."""

    def __init__(
        self,
        *,
        config: Config,
        store: Store,
        clock: Clock,
        random: Callable[[int], bytes],
        log: Log,
    ) -> None:
        self._config = config
        self._store = store
        self._clock = clock
        self._random = random
        self._log = log
        self._stopping = asyncio.Event()
        self._loading = asyncio.Lock()
        self._issuing: Issuing | None = None
        self._keeper: EInvoiceKeeper | None = None

    async def issuing(self) -> Issuing:
        """Issuing with the configured keys. Raises ConfigError when they cannot be used."""
        if self._issuing is None:
            async with self._loading:
                if self._issuing is None:
                    self._issuing = await asyncio.to_thread(self._load)
        return self._issuing

    def _load(self) -> Issuing:
        from .serving import make_issuing  # noqa: PLC0415 - see above

        # A request waits for the centre no longer than its answer may take; the keeper goes on.
        wait = self._config.listen.handler_timeout_seconds / 2
        return make_issuing(self._config, self._store, self._clock, self._random, most_seconds=wait)

    async def run(self) -> None:
        """Wait, work, and so on until `stop`."""
        while not self._stopping.is_set():
            try:
                async with asyncio.timeout(self._config.einvoice.keep_seconds):
                    await self._stopping.wait()
            except TimeoutError:
                try:
                    await self.once()
                except StoreClosed:
                    return
                except (StoreError, ConfigError, OSError) as error:
                    self._log.event("error", "einvoice_keeper", reason=str(error))

    async def once(self) -> None:
        """One round of the keeper. Raises StoreError, ConfigError, OSError."""
        if self._keeper is None:
            self._keeper = await asyncio.to_thread(self._make_keeper)
        await self._keeper.once()

    def _make_keeper(self) -> EInvoiceKeeper:
        from .keeper import EInvoiceKeeper, KeeperRules  # noqa: PLC0415 - see above

        section = self._config.einvoice
        units = [code for code, unit in section.units.items() if unit.signs]
        automatic = units if section.issue_automatically else []
        return EInvoiceKeeper(
            store=self._store,
            clock=self._clock,
            log=self._log,
            rules=KeeperRules(section.reserve_days, automatic),
            issuing=self.issuing,
        )

    async def stop(self) -> None:
        """Begin nothing new."""
        self._stopping.set()
