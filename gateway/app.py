"""The composition root: makes the parts of one gateway process and joins them.

Everything that is not a function of its arguments, the clock, randomness, sockets, the store, is
made here and handed in, so that simulations and tests drive the same objects.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from .access import Access, FailureLimiter
from .archiving import Archivist
from .basedata.push import BaseData
from .basedata.sync import CatalogueSync
from .billsync import BillSync
from .clock import Clock
from .collection.booking import Booking
from .config import Config
from .einvoicing.notify import InvoiceTexts, NoticeKeeper, Notifier
from .einvoicing.service import EInvoiceService
from .exchange import Exchanges
from .flows import flow_parts, make_flows
from .framing import FrameWriter
from .identifiers import PROCESS_BITS, MessageIds, process_owner
from .inbox.keeping import InboxKeeper
from .net.limits import ServerLimits
from .net.server import FrameServer
from .observe.log import Log
from .observe.metrics import Metrics
from .outbox import Deliverer, Enqueuer
from .peers import PeerDirectory
from .settlement.income import IncomeRules
from .settlement.keeper import IncomeKeeper
from .store import Store
from .tokens import Sealer, TokenKeeper
from .wakeup import Wakeup

if TYPE_CHECKING:
    from .reconciliation.schedule import ReconciliationKeeper


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What one process gets from outside: time, randomness (N bytes), where its log goes."""

    clock: Clock
    random: Callable[[int], bytes]
    log: Log


class Background(Protocol):
    """What a gateway does besides answering, until it is told to stop."""

    async def run(self) -> None:
        """Work until `stop`."""

    async def stop(self) -> None:
        """Begin nothing new; what is under way ends or is taken up again."""


class Gateway:
    """One process of the gateway: the listening server, and what goes on in the background."""

    def __init__(self, config: Config, store: Store, surroundings: Surroundings) -> None:
        """Make the parts; nothing runs before `start`."""
        clock, random, log = surroundings.clock, surroundings.random, surroundings.log
        self.config = config
        self.store = store
        self.log = log
        self.metrics = Metrics()
        self.wakeup = Wakeup()
        self.peers = PeerDirectory.from_config(config)
        self.sealer = Sealer(config.master_key, random)
        self.tokens = TokenKeeper(
            store,
            self.sealer,
            self.peers,
            confirm_seconds=config.collection.token_confirm_seconds,
            grace_seconds=config.collection.token_grace_seconds,
        )
        process = int.from_bytes(random(4), "big") % (1 << PROCESS_BITS)
        node = config.node
        self.frames = FrameWriter(node.code, node.regions[0], MessageIds(clock, process), clock)
        self.enqueuer = Enqueuer(config.outbox, self.peers, self.frames.next_id)
        self.inbox = InboxKeeper(
            store=store,
            sealer=self.sealer,
            log=log,
            metrics=self.metrics,
            limit=config.reconciliation.inbox_limit_per_peer,
        )
        self.einvoices = EInvoiceService(
            config=config, store=store, clock=clock, random=random, log=log
        )
        parts = flow_parts(config, self.peers, self.sealer, self.enqueuer, self.einvoices)
        exchanges = Exchanges(
            node=node.code,
            access=Access(self.peers, self.tokens, clock),
            limiter=FailureLimiter(config.listen.auth_failures_per_minute),
            frames=self.frames,
            archivist=Archivist(self.sealer),
            flows=make_flows(parts),
            inbox=self.inbox,
            store=store,
            clock=clock,
            log=log,
            metrics=self.metrics,
            wakeup=self.wakeup,
            thread_bytes=config.listen.thread_parse_bytes,
        )
        self.server = FrameServer(exchanges, _limits(config))
        self.deliverer = self._make_deliverer(clock, random)
        self.bill_sync = BillSync(
            store=store,
            peers=self.peers,
            enqueuer=self.enqueuer,
            clock=clock,
            log=log,
            wakeup=self.wakeup,
        )
        self.catalogue_sync = self._make_catalogue_sync(clock)
        self.reconciliation = self._make_reconciliation(clock, random, parts.booking)
        self._background: dict[str, Background] = {
            "outbox": self.deliverer,
            "bill-sync": self.bill_sync,
            "catalogue-sync": self.catalogue_sync,
            "income": _income_keeper(config, store, clock, log),
            "notices": _notice_keeper(config, store, surroundings),
            "einvoices": self.einvoices,
        }
        if self.reconciliation is not None:
            self._background["reconciliation"] = self.reconciliation
        self._tasks: list[asyncio.Task[None]] = []

    def _make_deliverer(self, clock: Clock, random: Callable[[int], bytes]) -> Deliverer:
        return Deliverer(
            config=self.config,
            store=self.store,
            peers=self.peers,
            tokens=self.tokens,
            frames=self.frames,
            clock=clock,
            random=random,
            log=self.log,
            metrics=self.metrics,
            wakeup=self.wakeup,
        )

    def _make_catalogue_sync(self, clock: Clock) -> CatalogueSync:
        data = BaseData(
            config=self.config,
            store=self.store,
            peers=self.peers,
            enqueuer=self.enqueuer,
            clock=clock,
        )
        return CatalogueSync(
            data=data, store=self.store, clock=clock, log=self.log, wakeup=self.wakeup
        )

    def _make_reconciliation(
        self, clock: Clock, random: Callable[[int], bytes], booking: Booking
    ) -> ReconciliationKeeper | None:
        if self.config.reconciliation.schedule is None:
            return None
        # It takes a fifth of the start's time: loaded only where a schedule asks for it.
        from .reconciliation.serving import scheduled  # noqa: PLC0415 - see above

        return scheduled(
            self.config,
            store=self.store,
            clock=clock,
            random=random,
            log=self.log,
            metrics=self.metrics,
            peers=self.peers,
            enqueuer=self.enqueuer,
            booking=booking,
            wakeup=self.wakeup,
        )

    async def start(self, listening: socket.socket | None = None) -> None:
        """Listen (on a given socket, else on the configured address) and deliver."""
        listen = self.config.listen
        tls = server_tls(self.config)
        if listening is not None:
            await self.server.start(sock=listening, tls=tls)
        else:
            await self.server.start(host=listen.host, port=listen.port, tls=tls)
        self._tasks = [
            asyncio.create_task(worker.run(), name=name)
            for name, worker in self._background.items()
        ]
        for task in self._tasks:
            task.add_done_callback(self._ended)

    async def stop(self) -> None:
        """Stop accepting, let what is under way finish within the grace, close the store."""
        grace = self.config.listen.shutdown_grace_seconds
        stopping = [worker.stop() for worker in self._background.values()]
        *_, cut = await asyncio.gather(*stopping, self.server.close(grace))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.inbox.settle()
        await self.store.close()
        self.log.event("info", "stopped", cut_connections=cut, counts=self.metrics.snapshot())

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A background task must not end by itself; say so loudly when it does."""
        if not task.cancelled() and task.exception() is not None:
            name = type(task.exception()).__name__
            self.log.event("error", "task_failed", task=task.get_name(), error=name)


def _income_keeper(config: Config, store: Store, clock: Clock, log: Log) -> IncomeKeeper:
    return IncomeKeeper(
        store=store,
        rules=IncomeRules(config.settlement.wait_for, config.node.name),
        vouchers=config.spool.vouchers,
        every_seconds=config.settlement.keep_seconds,
        clock=clock,
        log=log,
    )


def _notice_keeper(config: Config, store: Store, surroundings: Surroundings) -> NoticeKeeper:
    notifier = Notifier(
        store,
        InvoiceTexts(config.node.name, config.einvoice.url),
        config.spool.notices,
        owner=process_owner(surroundings.random),
        clock=surroundings.clock,
    )
    return NoticeKeeper(
        notifier, every_seconds=config.settlement.keep_seconds, log=surroundings.log
    )


def _limits(config: Config) -> ServerLimits:
    listen = config.listen
    return ServerLimits(
        max_frame_bytes=listen.max_frame_bytes,
        max_connections=listen.max_connections,
        first_frame_timeout_seconds=listen.first_frame_timeout_seconds,
        idle_timeout_seconds=listen.idle_timeout_seconds,
        handler_timeout_seconds=listen.handler_timeout_seconds,
        write_timeout_seconds=listen.write_timeout_seconds,
        linger_seconds=listen.linger_seconds,
        linger_bytes=listen.linger_bytes,
    )


def server_tls(config: Config) -> ssl.SSLContext | None:
    """The TLS context of the listening socket; None where the configuration has no [listen.tls].

    Raises OSError and ssl.SSLError for files that cannot be used.
    """
    tls = config.listen.tls
    if tls is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(tls.certificate, tls.key)
    if tls.client_ca is not None:
        context.load_verify_locations(tls.client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context
