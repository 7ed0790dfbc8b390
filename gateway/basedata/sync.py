"""Telling nodes of base data by itself when the catalogue changes (`sync_catalogue`).

The books are looked at when it begins, when the journal has a change of the catalogue, whoever made
it, and on each new day, because entries begin and end. What a node refused is not told again by
itself: that takes a change, or `nontax catalogue push`.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from ..clock import Clock
from ..observe.log import Log
from ..store import Store, StoreClosed, StoreError, basedata, journal
from ..wakeup import Wakeup
from .entries import EntryFault
from .following import GATEWAY
from .push import BaseData, Outcome, PushRefused, Target, targets

_POLL_SECONDS: Final = 2.0


class CatalogueSync:
    """Queues what is new for the nodes that are told by themselves; `run` goes on until `stop`."""

    def __init__(
        self, *, data: BaseData, store: Store, clock: Clock, log: Log, wakeup: Wakeup
    ) -> None:
        self._data = data
        self._store = store
        self._clock = clock
        self._log = log
        self._wakeup = wakeup
        self._listener = wakeup.listen()
        self._targets = targets(peer for peer in data.peers if peer.sync_catalogue)
        self._stopping = False
        self._row = 0  # of the journal, as far as it was looked at
        self._day = ""  # that was looked at last; '' before the first look
        self._refused: dict[Target, tuple[EntryFault, ...]] = {}  # as last reported

    async def run(self) -> None:
        """Queue what is new until `stop`: when woken and at every poll."""
        while not self._stopping and self._targets:
            try:
                await self.look()
            except StoreClosed:
                break
            except StoreError as error:
                self._log.event("error", "base_data_store", reason=str(error))
            await self._listener.wait(_POLL_SECONDS)
        self._wakeup.forget(self._listener)

    async def stop(self) -> None:
        """Begin nothing further."""
        self._stopping = True
        self._listener.notify()

    async def look(self) -> int:
        """Queue what is new if the catalogue, or the day, has changed; how many batches."""
        today = self._clock.today()
        if not self._day:
            # Everything is looked at; what the whole journal says is no matter.
            row, changed = (await self._store.read(journal.head))[0], True
        else:
            look = partial(basedata.catalogue_changed, after=self._row)
            row, changed = await self._store.scan(look)
        made = 0
        if changed or today != self._day:
            for target in self._targets:
                if self._stopping:
                    return made
                made += await self._tell(target)
        # Only now: after an error everything is looked at again.
        self._row, self._day = row, today
        return made

    async def _tell(self, target: Target) -> int:
        plan = await self._data.plan(target, again=False)
        if plan.faults:
            self._report(target, plan.faults)
            return 0
        self._refused.pop(target, None)
        try:
            outcome = await self._data.queue(plan, again=False, actor=GATEWAY)
        except PushRefused as refused:
            self._report(target, refused.faults)
            return 0
        if outcome.batch is None:
            return 0
        self._queued(outcome)
        return 1

    def _queued(self, outcome: Outcome) -> None:
        batch = outcome.batch
        assert batch is not None  # noqa: S101 - something was queued
        self._log.event(
            "info",
            "base_data_queued",
            peer=batch.peer,
            kind=batch.kind,
            number=batch.number,
            mode=batch.mode,
            subject=batch.batch_no,
            entries=batch.entries,
            packs=batch.packs,
        )
        self._wakeup.wake((batch.peer,))

    def _report(self, target: Target, faults: tuple[EntryFault, ...]) -> None:
        if self._refused.get(target) == faults:
            return
        self._refused[target] = faults
        self._log.event(
            "warning",
            "base_data_refused",
            peer=target.peer.code,
            kind=target.kind.value,
            entries=len(faults),
            reason=str(faults[0]) if faults else "told by somebody else at the same time",
        )
