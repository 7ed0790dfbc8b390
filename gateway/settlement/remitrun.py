"""One run of remittance: confirm what is ready, divide it, match what banks did, remit the rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from ..clock import Clock
from ..store import Store, income, remittance
from ..store.income import DueFilter, Income
from ..store.protocol import Transaction
from ..store.remittance import Remittance
from .acting import Acting
from .bankstarted import match
from .dues import DueFault, DueKey, Known, divide
from .income import AUTOMATIC, IncomeRules, confirm_ready
from .remittance import CannotRemit, Remitting, Step
from .remitted import issue_voucher

_DIVIDE_AT_ONCE: Final = 100
_PAGE: Final = 1000


@dataclass(slots=True)
class RunReport:
    """What a run did. Amounts in fen; `left_to_banks`: open dues that banks remit by themselves."""

    confirmed: int = 0
    divided: int = 0
    matched: int = 0
    made: list[Remittance] = field(default_factory=list)
    faults: list[DueFault] = field(default_factory=list)
    left_to_banks: int = 0

    @property
    def total(self) -> int:
        """The sum of the remittances that were made."""
        return sum(entry.total for entry in self.made)


class Run:
    """Settles income with one store; `progress` gets the number of what was just done."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        rules: IncomeRules,
        remitting: Remitting,
        progress: Callable[[int], None] = lambda count: None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._rules = rules
        self._remitting = remitting
        self._progress = progress

    async def confirm(self) -> int:
        """Confirm what is ready of units that have it automatically; how many."""

        def now() -> tuple[int, str]:
            return self._clock.now_ms(), self._clock.today()

        return await confirm_ready(self._store, self._rules, now, self._progress)

    async def remit(self, narrowed: DueFilter, operator: str) -> RunReport:
        """Confirm, then remit what is open and fits; may be repeated without harm."""
        report = RunReport(confirmed=await self.confirm())
        await self.divide(report)
        report.matched = await self.match_banks()
        for group in await self._store.scan(partial(income.groups, narrowed=narrowed)):
            if self._remitting.starts_itself(group):
                report.left_to_banks += len(
                    await self._store.scan(
                        partial(income.open_dues, narrowed=narrowed, group=group)
                    )
                )
                continue
            after: DueKey | None = None
            while True:
                acting = Acting(operator, narrowed.units, self._clock.now_ms(), self._clock.today())
                work = partial(
                    self._remitting.step,
                    group=group,
                    narrowed=narrowed,
                    acting=acting,
                    after=after,
                )
                try:
                    step: Step = await self._store.transact(work)
                except CannotRemit as refused:
                    subject = f"{group.bank_code} to {group.target}"
                    report.faults.append(DueFault(subject, str(refused)))
                    break
                if step.made is not None:
                    report.made.append(step.made)
                    self._progress(len(report.made))
                if step.after is None:
                    break
                after = step.after
        await self.issue_vouchers()
        return report

    async def divide(self, report: RunReport) -> None:
        """Divide what is confirmed and not yet divided; what cannot be is tried again next time."""
        known, after = Known(), 0
        while True:
            waiting: list[Income] = await self._store.scan(
                partial(income.unjudged, after=after, limit=_DIVIDE_AT_ONCE)
            )
            if not waiting:
                return
            after = waiting[-1].payment_id
            faults = await self._store.transact(partial(_divide, waiting=waiting, known=known))
            report.faults += faults
            report.divided += len(waiting) - len(faults)
            self._progress(report.divided)

    async def match_banks(self) -> int:
        """Try again to match what banks remitted by themselves; how many now are."""
        done, after = 0, 0
        while True:
            page = await self._store.scan(
                partial(remittance.page, state="unmatched", after=after, limit=_PAGE)
            )
            if not page:
                return done
            after = page[-1].id
            for entry in page:
                done += await self._store.transact(
                    partial(self._match, remit_id=entry.id, at=self._clock.now_ms())
                )

    async def _match(self, tx: Transaction, remit_id: int, at: int) -> bool:
        found = await remittance.get(tx, remit_id, lock=True)
        if found is None or found.state != "unmatched":
            return False
        return await match(
            tx,
            found,
            found.node[-4:],
            node_name=self._rules.node_name,
            actor=AUTOMATIC,
            at=at,
        )

    async def issue_vouchers(self) -> None:
        """Vouchers of remittances that succeeded by a person's word."""
        for remit_id in await self._store.scan(remittance.without_voucher):
            await self._store.transact(
                partial(
                    issue_voucher,
                    remit_id=remit_id,
                    node_name=self._rules.node_name,
                    at=self._clock.now_ms(),
                )
            )


async def _divide(tx: Transaction, waiting: list[Income], known: Known) -> list[DueFault]:
    faults = [await divide(tx, entry, known) for entry in waiting]
    return [fault for fault in faults if fault is not None]
