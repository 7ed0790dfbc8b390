"""E-invoices within the running service: keys are read when they are first needed.

Certificates and signing take a good part of a start's time to load, and nothing here is wanted
before the service listens; so this module imports none of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from ..clock import Clock
from ..config import Config, ConfigError
from ..observe.log import Log
from ..store import Store, StoreClosed, StoreError
from ..store.einvoice_records import Invoice

if TYPE_CHECKING:
    from .handout import Asker, Form, Wanted
    from .issue import Issuing
    from .keeper import EInvoiceKeeper
    from .keys import EInvoiceKeys


class Given(NamedTuple):
    """An invoice and what is handed out of it."""

    invoice: Invoice
    content: bytes


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
        self._loaded: tuple[EInvoiceKeys, Issuing] | None = None
        self._keeper: EInvoiceKeeper | None = None

    @property
    def url(self) -> str:
        """The template of where citizens see an invoice."""
        return self._config.einvoice.url

    async def issuing(self) -> Issuing:
        """Issuing with the configured keys. Raises ConfigError when they cannot be used."""
        return (await self._load())[1]

    async def handed_out(self, wanted: Wanted, asker: Asker, form: Form) -> Given | None:
        """The bytes of an invoice in a form; None for what is not handed out.

        Raises ConfigError, and DocumentError for an archive that was damaged.
        """
        keys, _ = await self._load()
        from .handout import Showing, hand_out  # noqa: PLC0415 - see above

        found = await self._store.read(partial(hand_out, wanted=wanted, asker=asker))
        if found is None:
            return None
        showing = Showing(keys.certificates, keys.policy, self.url)
        content = await asyncio.to_thread(showing.content, found, form)
        return Given(found.invoice, content)

    async def _load(self) -> tuple[EInvoiceKeys, Issuing]:
        if self._loaded is None:
            async with self._loading:
                if self._loaded is None:
                    self._loaded = await asyncio.to_thread(self._read)
        return self._loaded

    def _read(self) -> tuple[EInvoiceKeys, Issuing]:
        from .keys import load_keys  # noqa: PLC0415 - see above
        from .remote import remote_signer  # noqa: PLC0415 - see above
        from .serving import make_issuing  # noqa: PLC0415 - see above

        keys = load_keys(self._config, service=remote_signer)
        # A request waits for the centre no longer than its answer may take; the keeper goes on.
        wait = self._config.listen.handler_timeout_seconds / 2
        issuing = make_issuing(
            self._config, self._store, self._clock, self._random, keys=keys, most_seconds=wait
        )
        return keys, issuing

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
