"""Composes the reconciliation that the service does by itself from what its process has."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ..clock import Clock
from ..collection.booking import Booking
from ..config import Config
from ..observe.log import Log
from ..observe.metrics import Metrics
from ..outbox import Enqueuer
from ..peers import PeerDirectory
from ..store import Store
from ..wakeup import Wakeup
from .parts import CannotRunError, DayOutcome, LeaseLostError, ReconcileParts, process_owner
from .reporting import ReportParts, reporter
from .run import reconcile_day
from .schedule import Plan, ReconciliationKeeper, Told

Reporter = Callable[[DayOutcome], Awaitable[None]]
"""Writes what is written of a day after its run."""


def scheduled(
    config: Config,
    *,
    store: Store,
    clock: Clock,
    random: Callable[[int], bytes],
    log: Log,
    metrics: Metrics,
    peers: PeerDirectory,
    enqueuer: Enqueuer,
    booking: Booking,
    wakeup: Wakeup,
) -> ReconciliationKeeper | None:
    """The keeper of a service that reconciles by `[reconciliation] schedule` and reports it."""
    parts = ReconcileParts(
        store=store,
        clock=clock,
        peers=peers,
        enqueuer=enqueuer,
        booking=booking,
        rules=config.reconciliation,
        owner=process_owner(random),
        log=log,
        metrics=metrics,
        wake=wakeup.wake,
    )
    books = ReportParts(store, peers, config.node.code, config.node.name)
    return make_keeper(config, parts, reporter(books, config.reconciliation.reports, clock))


def make_keeper(
    config: Config, parts: ReconcileParts, report: Reporter | None = None
) -> ReconciliationKeeper | None:
    """The keeper that `[reconciliation] schedule` asks for; None where it asks for none."""
    rules = config.reconciliation
    if rules.schedule is None or parts.log is None:
        return None
    day = _Day(parts, report)
    return ReconciliationKeeper(
        store=parts.store,
        plan=Plan(rules.schedule, config.collection.workdays(), rules.catch_up_days),
        reconcile=day.reconcile,
        owner=parts.owner,
        clock=parts.clock,
        log=parts.log,
    )


class _Day:
    """Runs one date over all nodes, and has it reported."""

    def __init__(self, parts: ReconcileParts, report: Reporter | None) -> None:
        self._parts = parts
        self._report = report

    async def reconcile(self, date: str) -> Told:
        """What the date came to. Raises StoreError."""
        try:
            outcome = await reconcile_day(self._parts, date)
        except CannotRunError as error:
            self._tell(date, "", error)
            return Told(finished=False)
        for node, reason in outcome.failed.items():
            self._tell(date, node, reason)
        told = _told(outcome)
        if self._report is not None and told.ran and not told.replayed:
            try:
                await self._report(outcome)
            except OSError as error:
                why = error.strerror or type(error).__name__
                self._parts.note("error", "reconciliation_report", date=date, reason=why)
        return told

    def _tell(self, date: str, node: str, error: CannotRunError) -> None:
        """Say why a node's day could not be run; one that somebody runs by hand is no fault."""
        level = "info" if isinstance(error, LeaseLostError) else "error"
        self._parts.note(
            level, "reconciliation_failed", date=date, node=node, reason=error.what, do=error.do
        )


def _told(outcome: DayOutcome) -> Told:
    ran = [node for node in outcome.nodes if node.state != "nothing"]
    return Told(
        # What cannot be run stays so until something comes for the day, which makes it run again.
        finished=not any(isinstance(why, LeaseLostError) for why in outcome.failed.values()),
        ran=bool(ran),
        replayed=all(node.replayed for node in ran),
        open=outcome.open,
        repaired=sum(node.repaired for node in ran),
        undelivered=sum(1 for node in outcome.nodes for owed in node.owed if owed.count),
    )
