"""What the service reconciles by itself: after a civil time of every working day (对账日程).

A date is reconciled on the first working day after it: the days of a weekend or of holidays
together, all of them. What was missed while the service was down is caught up with, so many days
back, and said where it is further back. A day is reconciled again when a list of it has come since,
or a payment. Several processes share one lease; a run itself is finished by whoever comes next.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Final

from ..clock import Clock, add_days
from ..observe.log import Log, innermost
from ..store import Store, StoreClosed, StoreError, reconduties, reconleases
from ..store.protocol import Transaction
from ..workdays import Workdays

LEASE: Final = "schedule"
_LEASE_MS: Final = 180_000
_RENEW_SECONDS: Final = 45.0
_AGAIN_MS: Final = 600_000
"""A day is not run again sooner than this after its last run, however much comes for it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """When the service reconciles: from `at` (HH:MM, civil time) on, on working days."""

    at: str
    workdays: Workdays
    catch_up_days: int

    def dates(self, now: datetime) -> list[str]:
        """The dates that may be reconciled at a civil time, the oldest first; [] before its hour.

        All since the last working day before today, and what can be caught up with.
        """
        today = now.strftime("%Y%m%d")
        if not self.workdays.is_working(today) or now.strftime("%H:%M") < self.at:
            return []
        first = add_days(today, -1)
        while not self.workdays.is_working(first):
            first = add_days(first, -1)
        first = min(first, add_days(today, -self.catch_up_days))
        dates = [first]
        while (following := add_days(dates[-1], 1)) < today:
            dates.append(following)
        return dates


@dataclass(frozen=True, slots=True)
class Told:
    """What reconciling a date came to, for the log. `finished`: nothing of it has to be repeated.

    `ran`: there was something to reconcile.
    """

    finished: bool
    ran: bool = False
    replayed: bool = False
    open: int = 0
    repaired: int = 0
    undelivered: int = 0


@dataclass(slots=True)
class _Memory:
    """What this process remembers between its rounds: nothing that a new one would miss."""

    ran_at: dict[str, int] = field(default_factory=dict)
    lists: dict[str, tuple[int, int]] = field(default_factory=dict)
    gap: str = ""


class ReconciliationKeeper:
    """Reconciles what is due until `stop`. `run` looks every so many seconds."""

    def __init__(
        self,
        *,
        store: Store,
        plan: Plan,
        reconcile: Callable[[str], Awaitable[Told]],
        owner: str,
        clock: Clock,
        log: Log,
        every_seconds: float = 60.0,
    ) -> None:
        """`reconcile` runs one date over all nodes; `owner` tells this process from others."""
        self._store = store
        self._plan = plan
        self._reconcile = reconcile
        self._owner = owner
        self._clock = clock
        self._log = log
        self._every = every_seconds
        self._memory = _Memory()
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Wait, work, and so on until `stop`; nothing that goes wrong ends it."""
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
                    self._log.event("error", "reconciliation_store", reason=str(error))

    async def stop(self) -> None:
        """Begin no further date."""
        self._stopping.set()

    async def once(self) -> list[str]:
        """Reconcile what is due now; the dates that were run. Raises StoreError."""
        dates = self._plan.dates(self._clock.civil())
        if not dates:
            return []
        async with self._leased() as mine:
            return await self._work(dates) if mine else []

    async def _work(self, dates: Sequence[str]) -> list[str]:
        first, last = dates[0], dates[-1]

        async def look(tx: Transaction) -> _Duties:
            done = await reconduties.done_to(tx)
            latest = await reconduties.latest_payment(tx)
            seen = await reconduties.seen_payment(tx)
            late: list[str] = []
            if seen is not None:
                late = await reconduties.paid_late(tx, first, last, after=seen, up_to=latest)
            return _Duties(done, latest, await reconduties.news(tx, first, last), late)

        duties = await self._store.scan(look)
        self._tell_gap(duties.done_to, first)
        lists = {new.check_date: (new.lists, new.latest) for new in duties.news}
        ran: list[str] = []
        contiguous = complete = True
        for date in dates:
            due = date > duties.done_to
            again = date in duties.late or lists.get(date) not in {
                None,
                self._memory.lists.get(date),
            }
            if not (due or again):
                continue
            if self._stopping.is_set() or not self._rested(date):
                contiguous = complete = False
                continue
            finished = await self._one(date)
            ran.append(date)
            if finished and date in lists:
                self._memory.lists[date] = lists[date]
            complete = complete and finished
            contiguous = contiguous and finished
            if due and contiguous:
                await self._store.transact(partial(reconduties.set_done_to, date=date))
        if complete:
            note = partial(reconduties.set_seen_payment, payment_id=duties.latest_payment)
            await self._store.transact(note)
        self._forget(first)
        return ran

    async def _one(self, date: str) -> bool:
        """Reconcile a date and tell the log; False when it has to be repeated."""
        self._memory.ran_at[date] = self._clock.now_ms()
        try:
            told = await self._reconcile(date)
        except (StoreClosed, asyncio.CancelledError):
            raise
        except Exception as error:  # noqa: BLE001 - other dates, and the service, go on
            self._log.event(
                "error",
                "reconciliation_failed",
                date=date,
                error=type(error).__name__,
                at=innermost(error),
            )
            return False
        if told.ran and not told.replayed:
            self._log.event(
                "warning" if told.open or not told.finished else "info",
                "reconciled",
                date=date,
                open=told.open,
                repaired=told.repaired,
                undelivered=told.undelivered,
                unfinished=None if told.finished else True,
            )
        return told.finished

    def _rested(self, date: str) -> bool:
        """Whether the last run of a date is long enough ago."""
        last = self._memory.ran_at.get(date)
        return last is None or not 0 <= self._clock.now_ms() - last < _AGAIN_MS

    def _tell_gap(self, done_to: str, first: str) -> None:
        """Say, once, that dates are too far back to be caught up with."""
        missed = add_days(done_to, 1) if done_to else first
        if missed < first and self._memory.gap != first:
            self._memory.gap = first
            self._log.event(
                "error",
                "reconciliation_missed",
                first=missed,
                last=add_days(first, -1),
                do="nontax reconcile run --date",
            )

    def _forget(self, first: str) -> None:
        """Remember nothing of dates that are past catching up with."""
        for known in (self._memory.ran_at, self._memory.lists):
            for date in [date for date in known if date < first]:
                del known[date]

    # -- the lease ----------------------------------------------------------------------------

    @asynccontextmanager
    async def _leased(self) -> AsyncIterator[bool]:
        """Have the lease, prolonged until the end; False where another process has it."""
        if not await self._take():
            yield False
            return
        renewing = asyncio.create_task(self._renew(), name="reconciliation-lease")
        try:
            yield True
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)
            give_back = partial(reconleases.release_lease, name=LEASE, owner=self._owner)
            await self._store.transact(give_back)

    async def _take(self) -> bool:
        now = self._clock.now_ms()
        take = partial(
            reconleases.take_lease,
            name=LEASE,
            owner=self._owner,
            now=now,
            until=now + _LEASE_MS,
        )
        return await self._store.transact(take)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(_RENEW_SECONDS)
            try:
                kept = await self._take()
            except StoreClosed:
                return
            except StoreError as error:
                self._log.event("error", "reconciliation_store", reason=str(error))
            else:
                if not kept:  # a run has a lease of its own: nothing is done twice
                    self._log.event("warning", "reconciliation_lease_lost")
                    return


@dataclass(frozen=True, slots=True)
class _Duties:
    """What the books say about what is to be done."""

    done_to: str
    latest_payment: int
    news: Sequence[reconduties.News]
    late: Sequence[str]
