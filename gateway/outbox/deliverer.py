"""Delivers the outbox: which messages now, by whom, how many at once, until told to stop.

Several processes may deliver from the same books. A message belongs to whoever holds its lease;
leases are renewed while a message is under way, given back at a stop, and run out after a crash.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Final

from ..clock import Clock
from ..config import Config
from ..framing import FrameWriter
from ..net.client import CallLimits
from ..observe.log import Log
from ..observe.metrics import Metrics
from ..peers import PeerDirectory
from ..store import Store, StoreClosed, StoreError, outbox
from ..store.protocol import Transaction
from ..store.records import OutboxMessage
from ..tokens import TokenKeeper
from ..wakeup import Wakeup
from .answers import MOST_ANSWER_BYTES
from .attempt import Attempts
from .followers import moved
from .lines import Lines
from .policy import Backoff, Terms

# Messages under way at once: of this process, and to one peer (its lanes go side by side). A silent
# peer holds its own places only.
MOST_AT_ONCE: Final = 64
MOST_PER_PEER: Final = 4
_HEADS: Final = 1000
_EXPIRING: Final = 200
_SHORTEST_WAIT_SECONDS: Final = 0.001


class Deliverer:
    """Sends what is due. `run` goes on until `stop`; `deliver_due` is one pass over what is due."""

    def __init__(
        self,
        *,
        config: Config,
        store: Store,
        peers: PeerDirectory,
        tokens: TokenKeeper,
        frames: FrameWriter,
        clock: Clock,
        random: Callable[[int], bytes],
        log: Log,
        metrics: Metrics,
        wakeup: Wakeup,
    ) -> None:
        settings = config.outbox
        self._store = store
        self._peers = peers
        self._clock = clock
        self._log = log
        self._metrics = metrics
        self._wakeup = wakeup
        self._listener = wakeup.listen()
        self._lease_ms = round(settings.lease_seconds * 1000)
        self._poll_seconds = settings.poll_seconds
        self._grace_seconds = config.listen.shutdown_grace_seconds
        self._owner = random(8).hex()
        self._attempts = Attempts(
            owner=self._owner,
            node=config.node.code,
            store=store,
            tokens=tokens,
            frames=frames,
            lines=Lines(
                CallLimits(
                    connect_timeout_seconds=settings.connect_timeout_seconds,
                    answer_timeout_seconds=settings.answer_timeout_seconds,
                    max_frame_bytes=MOST_ANSWER_BYTES,
                )
            ),
            backoff=Backoff.from_config(settings),
            terms=Terms.from_config(settings),
            clock=clock,
            random=random,
            log=log,
            metrics=metrics,
        )
        self._under_way: dict[int, asyncio.Task[None]] = {}
        self._busy: Counter[str] = Counter()  # messages under way by peer
        self._stopping = False
        self._ended: asyncio.Event | None = None  # set when `run` has ended

    # -- the loop -------------------------------------------------------------------------

    async def run(self) -> None:
        """Deliver until `stop`: when woken, when something is due, and at every poll."""
        self._ended = asyncio.Event()
        # Leases are renewed while draining, too.
        heartbeat = asyncio.create_task(self._renew_leases(), name="outbox-leases")
        try:
            while not self._stopping:
                await self._listener.wait(await self._turn())
            await self._drain()
        except StoreClosed:
            self._log.event("warning", "outbox_store", reason="the store is closed")
        finally:
            heartbeat.cancel()
            for task in self._under_way.values():  # none, unless we are cancelled ourselves
                task.cancel()
            self._wakeup.forget(self._listener)
            self._ended.set()

    async def stop(self) -> None:
        """Begin nothing new, let what is under way end within the grace; leases are given back."""
        self._stopping = True
        self._listener.notify()
        if self._ended is not None:
            await self._ended.wait()

    async def deliver_due(self) -> int:
        """Deliver all that is due now and that becomes due by it; the number of attempts."""
        attempts = 0
        while True:
            attempts += await self._begin_due()
            if not self._under_way:
                return attempts
            await asyncio.wait(self._under_way.values(), return_when=asyncio.FIRST_COMPLETED)

    async def _turn(self) -> float:
        """One turn of the loop; the seconds to wait for the next."""
        try:
            await self._begin_due()
            due = await self._store.read(outbox.next_due)
        except StoreClosed:
            raise
        except StoreError as error:
            self._log.event("error", "outbox_store", reason=str(error))
            return self._poll_seconds
        if due is None:
            return self._poll_seconds
        wait = (due - self._clock.now_ms()) / 1000
        if wait <= 0:  # due, but its peer is disabled or has no place: ends and polls look again
            return self._poll_seconds
        return min(self._poll_seconds, max(_SHORTEST_WAIT_SECONDS, wait))

    async def _begin_due(self) -> int:
        """Expire what is over, lease what may go now, begin to deliver it; how many."""
        now = self._clock.now_ms()
        await self._expire(now)

        async def look(tx: Transaction) -> list[OutboxMessage]:
            return await outbox.due(tx, now=now, limit=_HEADS)

        chosen = self._choose(await self._store.read(look))
        if not chosen or self._stopping:
            return 0
        until = now + self._lease_ms

        async def take(tx: Transaction) -> list[OutboxMessage]:
            return [
                row
                for row in chosen
                if await outbox.lease(tx, row.id, self._owner, now=now, until=until)
            ]

        leased = await self._store.transact(take)
        for row in leased:
            self._busy[row.peer] += 1
            self._under_way[row.id] = asyncio.create_task(
                self._deliver(row), name=f"outbox-{row.id}"
            )
        return len(leased)

    def _choose(self, heads: list[OutboxMessage]) -> list[OutboxMessage]:
        """Those heads that may go now: peer known, enabled, with an address, a place free."""
        chosen: list[OutboxMessage] = []
        places = Counter(self._busy)
        free = MOST_AT_ONCE - len(self._under_way)
        for row in heads:
            peer = self._peers.get(row.peer)
            if peer is None or not peer.enabled or peer.address is None:
                continue  # waited for, until its messages expire
            if row.id in self._under_way or places[row.peer] >= MOST_PER_PEER:
                continue
            if len(chosen) == free:
                break
            places[row.peer] += 1
            chosen.append(row)
        return chosen

    async def _expire(self, now: int) -> None:
        """Give up on what was not delivered in time."""
        if not await self._store.read(lambda tx: outbox.has_expired(tx, now=now)):
            return

        async def work(tx: Transaction) -> list[OutboxMessage]:
            given_up = await outbox.expire(tx, now=now, limit=_EXPIRING)
            for row in given_up:
                await moved(tx, row, row.state, now, row.last_result or row.last_error)
            return given_up

        for row in await self._store.transact(work):
            self._metrics.count(f"outbox_{row.state}", row.number)
            self._log.event(
                "error",
                f"outbox_{row.state}",
                peer=row.peer,
                number=row.number,
                subject=row.subject,
                msg_id=row.msg_id,
                attempts=row.attempts,
                ever_sent=bool(row.ever_sent),
            )

    # -- one message ----------------------------------------------------------------------

    async def _deliver(self, row: OutboxMessage) -> None:
        """One attempt; whatever happens, the place is freed and the loop looks again."""
        peer = self._peers.get(row.peer)
        try:
            if peer is not None:
                await self._attempts.make(row, peer)
        except asyncio.CancelledError:
            await self._release(row)
            raise
        except StoreError as error:
            # What the peer answered could not be kept. The lease runs out, the message goes again.
            self._log.event("error", "outbox_store", msg_id=row.msg_id, reason=str(error))
        except Exception as error:  # noqa: BLE001 - one message must not stop all others
            self._log.event(
                "error", "outbox_internal", msg_id=row.msg_id, error=type(error).__name__
            )
        finally:
            del self._under_way[row.id]
            self._busy[row.peer] -= 1
            if not self._busy[row.peer]:
                del self._busy[row.peer]
            self._listener.notify()

    async def _release(self, row: OutboxMessage) -> None:
        """Give a lease back, so that whoever starts next need not wait for its end."""
        try:
            await self._store.transact(lambda tx: outbox.release(tx, row.id, self._owner))
        except StoreError as error:
            self._log.event("warning", "outbox_store", msg_id=row.msg_id, reason=str(error))

    async def _renew_leases(self) -> None:
        """Keep what is under way ours; goes on while draining."""
        while True:
            await asyncio.sleep(self._lease_ms / 3000)
            under_way = list(self._under_way)
            if not under_way:
                continue
            until = self._clock.now_ms() + self._lease_ms

            async def renew(tx: Transaction, ids: list[int] = under_way, until: int = until) -> int:
                return sum([await outbox.renew(tx, id_, self._owner, until=until) for id_ in ids])

            try:
                await self._store.transact(renew)
            except StoreClosed:
                return
            except StoreError as error:
                self._log.event("error", "outbox_store", reason=str(error))

    async def _drain(self) -> None:
        """Wait for what is under way, at most the grace; then cut it off."""
        tasks = list(self._under_way.values())
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=self._grace_seconds)
        for task in late:
            task.cancel()
        if late:
            self._log.event("warning", "outbox_cut", messages=len(late))
            await asyncio.wait(late)
