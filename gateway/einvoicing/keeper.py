"""What the service does for e-invoices by itself: finish what was left, void, issue."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from functools import partial
from typing import Final

from ..clock import Clock
from ..observe.log import Log
from ..store import Store, einvoices
from .batch import Batch
from .issue import IssueDelayed, Issuing
from .numbers import name_of, void_expired

ACTOR: Final = "system"
LEFT_BEHIND_MS: Final = 60_000
"""What was begun so long ago has lost its process, or waits for a signer."""
_WHOLE_EVERY: Final = 60
"""Every so many rounds all paid bills are looked at, else those that were paid since."""


@dataclass(frozen=True, slots=True)
class KeeperRules:
    """Days until a reserved number is void; units that are issued for without being asked."""

    reserve_days: int
    automatic_units: Collection[str] = ()


class EInvoiceKeeper:
    """One round after the other. Several processes may do so side by side."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        log: Log,
        rules: KeeperRules,
        issuing: Callable[[], Awaitable[Issuing]],
    ) -> None:
        """`issuing` is asked at every round; it may raise ConfigError, OSError."""
        self._store = store
        self._clock = clock
        self._log = log
        self._rules = rules
        self._issuing = issuing
        self._round = 0
        self._seen = 0

    async def once(self) -> None:
        """One round. Raises StoreError, ConfigError, OSError."""
        for number in await void_expired(
            self._store, self._clock, self._rules.reserve_days, by=ACTOR
        ):
            self._log.event(
                "warning",
                "einvoice_number_voided",
                number=name_of(number),
                unit=number.unit_code,
                reason=number.why,
            )
        before = self._clock.now_ms() - LEFT_BEHIND_MS
        left = await self._store.scan(partial(einvoices.under_way, before=before, limit=1))
        if not left and not self._rules.automatic_units:
            return  # and no key needs to be read
        issuing = await self._issuing()
        finished = await issuing.resume(ACTOR, older_ms=LEFT_BEHIND_MS, delayed=self._delayed)
        if finished:
            self._log.event("info", "einvoices_finished", count=finished)
        if self._rules.automatic_units:
            await self._issue(issuing, self._rules.automatic_units)

    def _delayed(self, why: IssueDelayed) -> None:
        name = f"{why.invoice.code}-{why.invoice.number}"
        self._log.event("warning", "einvoice_delayed", number=name, reason=why.what)

    async def _issue(self, issuing: Issuing, units: Collection[str]) -> None:
        """Invoice what was paid since the last round; now and then, what was refused before."""
        if self._round % _WHOLE_EVERY == 0:
            self._seen = 0
        self._round += 1
        batch = Batch(self._store, self._clock, issuing, operator=ACTOR, others_ms=LEFT_BEHIND_MS)
        report, self._seen = await batch.issue_waiting(units, after=self._seen)
        if report.done:
            self._log.event(
                "info",
                "einvoices_issued",
                count=report.issued,
                refused=len(report.refused),
                delayed=len(report.delayed),
                reasons=sorted({one.what for one in report.refused})[:5],
            )
