"""Issuing many invoices: each on its own, several at a time, and again without harm.

A bill that has its invoice is passed by, so that a run that was interrupted is continued by running
it again. What is refused is told with its reason and holds up nobody else.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from ..clock import Clock
from ..settlement.acting import Acting
from ..store import Store, einvoicewaiting
from ..store.einvoicewaiting import Waiting
from .issue import IssueDelayed, IssueRefused, Issuing

AT_ONCE: Final = 32
"""Invoices on their way at the same time; the store commits them in groups."""
_PAGE: Final = 500


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A bill that got no invoice, and why."""

    pay_code: str
    what: str
    do: str = ""


@dataclass(slots=True)
class BatchReport:
    """What a run did; `repeated` had their invoices before, `delayed` are finished later.

    resumed: invoices that another run had begun.
    """

    issued: int = 0
    repeated: int = 0
    resumed: int = 0
    amt: int = 0
    delayed: list[LeftOut] = field(default_factory=list)
    refused: list[LeftOut] = field(default_factory=list)

    @property
    def done(self) -> int:
        """How many bills were looked at."""
        return self.issued + self.repeated + len(self.delayed) + len(self.refused)


class Batch:
    """Issues with keys that are kept here; `progress` gets the number of bills looked at."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        issuing: Issuing,
        *,
        operator: str,
        units: frozenset[str] = frozenset(),
        bill_type: str = "",
        others_ms: int = 0,
        progress: Callable[[int], None] = lambda count: None,
    ) -> None:
        """`operator` may act for `units`, for all where there are none.

        others_ms: an invoice that was begun so recently is left to whoever began it.
        """
        self._store = store
        self._clock = clock
        self._issuing = issuing
        self._operator = operator
        self._units = units
        self._bill_type = bill_type
        self._others_ms = others_ms
        self._progress = progress

    async def issue(self, pay_codes: Iterable[str]) -> BatchReport:
        """Issue the invoices of these bills."""

        async def given() -> AsyncIterator[str]:
            for pay_code in pay_codes:
                yield pay_code

        return await self._run(given())

    async def issue_waiting(
        self, units: Iterable[str], *, after: int = 0
    ) -> tuple[BatchReport, int]:
        """Issue the invoices of all paid bills of these units that never had one.

        after: only bills whose payment has a greater id; what was looked at last is returned.
        """
        wanted = tuple(sorted(units))

        async def waiting() -> AsyncIterator[str]:
            nonlocal after
            while wanted:
                page: list[Waiting] = await self._store.scan(
                    partial(einvoicewaiting.waiting, units=wanted, after=after, limit=_PAGE)
                )
                for one in page:
                    after = one.payment_id
                    yield one.pay_code
                if len(page) < _PAGE:
                    return

        report = await self._run(waiting())
        return report, after

    async def _run(self, pay_codes: AsyncIterator[str]) -> BatchReport:
        report = BatchReport()
        lock = asyncio.Lock()  # an async generator is asked by one at a time

        async def worker() -> None:
            while True:
                async with lock:
                    pay_code = await anext(pay_codes, None)
                if pay_code is None:
                    return
                await self._one(pay_code, report)
                self._progress(report.done)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(AT_ONCE):
                    group.create_task(worker())
        except ExceptionGroup as several:
            raise several.exceptions[0] from None  # they all met the same store
        return report

    async def _one(self, pay_code: str, report: BatchReport) -> None:
        acting = Acting(self._operator, self._units, self._clock.now_ms(), self._clock.today())
        try:
            issued = await self._issuing.issue(
                pay_code, acting, bill_type=self._bill_type, others_ms=self._others_ms
            )
        except IssueRefused as refused:
            report.refused.append(LeftOut(pay_code, refused.what, refused.do))
        except IssueDelayed as delayed:
            report.delayed.append(LeftOut(pay_code, delayed.what))
        else:
            if issued.repeated:
                report.repeated += 1
            else:
                report.issued += 1
                report.amt += issued.invoice.amt
