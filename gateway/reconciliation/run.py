"""A run of reconciliation (对账): what every node listed of a day against the books.

In phases that can be repeated, so that a run may be killed anywhere and is finished by running it
again: one look at the books in which everything is matched; the differences in small transactions,
repaired by policy; what reconciled money leads to; and at last the states of the statements, the
stored result and the messages, together. The same inputs give the stored result again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

from ...reconcile.kinds import Kind
from ...reconcile.ports import TooManyDifferences
from ...reconcile.sides import Difference, Met
from ..peers import Peer
from ..store import reconciliation, reconleases, reconprogress, statements
from ..store.journal import Fact
from ..store.protocol import Transaction, Work
from ..store.reconciliation import DifferenceRow, Run
from . import effects
from .books import collectors
from .closing import Closings
from .leases import hold, lease_name
from .parts import (
    CannotRunError,
    DayOutcome,
    LeaseLostError,
    NodeOutcome,
    NodeState,
    ReconcileParts,
)
from .repair import REPAIRABLE, Moment, Repairs
from .results import Result, Results
from .revisions import Summary, begin, counts_of, repaired_payments
from .rows import AT_ONCE, Applied, Rows, journal_run, settle_unseen
from .snapshot import Found, Funds, Inputs, find, find_money, read_inputs

__all__ = [
    "CannotRunError",
    "DayOutcome",
    "LeaseLostError",
    "NodeOutcome",
    "ReconcileParts",
    "Summary",
    "reconcile_day",
]

T = TypeVar("T")
_ACTOR: Final = "gateway"


async def reconcile_day(
    parts: ReconcileParts, date: str, node: str | None = None, *, dry_run: bool = False
) -> DayOutcome:
    """Reconcile a day (yyyymmdd) of one node, or of all that collect or sent statements.

    Today may be run: what comes for it later makes the next revision. Raises CannotRunError for a
    day that has not come and for an unknown node, StoreError. Of several nodes, those that cannot
    be run are named in the outcome.
    """
    if date > parts.clock.today():
        raise CannotRunError("the day is in the future", "name a day that has come")
    if node is not None and parts.peers.get(node) is None:
        raise CannotRunError(f"{node} is no node of the configuration", "see `nontax peer list`")
    codes = [node] if node is not None else await parts.store.scan(partial(_nodes, parts, date))
    outcomes: list[NodeOutcome] = []
    failed: dict[str, CannotRunError] = {}
    for code in codes:
        peer = parts.peers.get(code)
        if peer is None:
            what = "it has payments and is no node of the configuration"
            failed[code] = CannotRunError(what, "configure it, disabled if it is gone")
            continue
        try:
            outcomes.append(await _NodeRun(parts, peer, date).outcome(dry_run=dry_run))
        except CannotRunError as error:
            failed[code] = error
    outcome = DayOutcome(date, tuple(outcomes), failed, dry_run)
    for one in outcomes if not dry_run else ():
        _count(parts, one)
    return outcome


async def _nodes(parts: ReconcileParts, date: str, tx: Transaction) -> list[str]:
    """Nodes that may owe a list, sent a statement, or have payments of the day in the books."""
    found = {peer.code for peer in parts.peers if peer.enabled and peer.owes_2555}
    rows = await tx.all("SELECT DISTINCT src FROM statement_batches WHERE check_date = ?1", date)
    found |= {str(row[0]) for row in rows}
    for code in await collectors(tx, parts.peers):
        peer = parts.peers.get(code)
        if peer is not None and not peer.owes_2555:
            continue  # its payments are in the banks' lists
        row = await tx.one(
            "SELECT 1 FROM payments WHERE src = ?1 AND cfm_date = ?2 LIMIT 1", code, date
        )
        if row is not None:
            found.add(code)
    return sorted(found)


@dataclass(frozen=True, slots=True)
class _Ready:
    """What the last transaction of a run writes, as it was AFTER an action: by its id."""

    results: Sequence[Result]
    waiting: int
    after: int


class _NodeRun:
    """The run of one node's day."""

    def __init__(self, parts: ReconcileParts, peer: Peer, date: str) -> None:
        self._parts = parts
        self._peer = peer
        self._date = date
        self._lease = lease_name(peer.code, date)
        self._results = Results(parts.enqueuer, parts.peers, parts.rules.result_pack_size)
        self._closings = Closings(self._results)
        self._repairs = Repairs(parts.booking, parts.lookups, parts.peers, parts.rules)
        self._done = 0

    async def outcome(self, *, dry_run: bool) -> NodeOutcome:
        """Run, or look only. Raises CannotRunError."""
        if dry_run:
            return await self._look()
        await self._leased(_nothing)
        try:
            return await self._run()
        finally:
            release = partial(reconleases.release_lease, name=self._lease, owner=self._parts.owner)
            await self._parts.store.transact(release)

    # -- looking ------------------------------------------------------------------------------

    async def _read(self) -> tuple[Inputs, Found | None]:
        """One look at the books; nothing is matched where the result is stored already."""
        now = self._now()

        async def look(tx: Transaction) -> tuple[Inputs, Found | None]:
            inputs = await read_inputs(tx, self._parts.peers, self._peer, self._date)
            if _replays(inputs):
                return inputs, None
            return inputs, await self._find(tx, inputs, now)

        try:
            return await self._parts.store.scan(look)
        except TooManyDifferences as error:
            raise CannotRunError(
                str(error), "see that the day's lists are there and are this node's"
            ) from None

    async def _find(self, tx: Transaction, inputs: Inputs, now: Moment) -> Found:
        return await find(
            tx,
            inputs,
            peers=self._parts.peers,
            lookups=self._parts.lookups,
            rules=self._parts.rules,
            now=now,
        )

    async def _find_money_again(self, inputs: Inputs, found: Found) -> None:
        """Payments were made of lines (补单): their money is expected now, too."""

        async def look(tx: Transaction) -> None:
            await find_money(tx, inputs, found, self._parts.rules)

        try:
            await self._parts.store.scan(look)
        except TooManyDifferences as error:
            raise CannotRunError(str(error), "see that the day's lists are there") from None

    async def _look(self) -> NodeOutcome:
        """What a run would find, and what it would repair; nothing is written."""
        now = self._now()

        async def look(tx: Transaction) -> tuple[Inputs, Found, int]:
            inputs = await read_inputs(tx, self._parts.peers, self._peer, self._date)
            found = await self._find(tx, inputs, now)
            repaired = 0
            for difference in found.differences:
                repaired += await self._would_repair(tx, difference, now)
            return inputs, found, repaired

        try:
            inputs, found, repaired = await self._parts.store.scan(look)
        except TooManyDifferences as error:
            raise CannotRunError(str(error), "see that the day's lists are there") from None
        differences = tuple(found.differences)
        waiting = sum(1 for one in differences if one.kind.code or one.kind == Kind.NOT_DELIVERED)
        state: NodeState = "open" if waiting - repaired else "reconciled"
        if not inputs.batches and not any(one.count for one in found.owed):
            state = "nothing"
        return NodeOutcome(
            self._peer.code,
            state,
            totals=found.totals(),
            open=waiting - repaired,
            owed=tuple(found.owed),
            found=differences,
            would_repair=repaired,
        )

    async def _would_repair(self, tx: Transaction, found: Difference, now: Moment) -> bool:
        if found.held:
            return False
        if found.kind == Kind.DATE and found.payment_id is not None:
            return self._parts.rules.carry_dates
        if found.kind not in REPAIRABLE or found.line is None:
            return False
        line = await statements.payment_line(tx, found.line)
        if line is None:
            return False
        judged = await self._repairs.judge(tx, self._peer, line, now, lock=False)
        return self._repairs.allows(judged)

    # -- running ------------------------------------------------------------------------------

    async def _run(self) -> NodeOutcome:
        await self._settle_known()
        inputs, found = await self._read()
        if found is None and inputs.known is not None:
            return await self._stored(inputs.known)
        assert found is not None  # noqa: S101 - only a stored result is not matched again
        if not inputs.batches and not any(one.count for one in found.owed):
            return NodeOutcome(self._peer.code, "nothing", owed=tuple(found.owed))
        run = await self._leased(partial(begin, inputs=inputs, at=self._at()))
        applied = await self._apply(run, found.of_payments)
        if await self._parts.store.scan(partial(repaired_payments, run=run)):
            await self._find_money_again(inputs, found)
        applied.add(await self._apply(run, found.of_money))
        while await self._leased(partial(settle_unseen, run=run, at=self._at())):
            pass
        await self._arrive(found)
        marked = await self._mark(run, found)
        wake = await self._finish(run, inputs, found, applied, marked)
        self._parts.wake(sorted(applied.wake | wake))
        return await self._ended(run, found, applied)

    async def _settle_known(self) -> None:
        """Rows of funds whose money has come to its end since the last run."""
        after: int | None = 0
        while after is not None:
            after, wake = await self._leased(partial(self._settle_page, after=after))
            self._parts.wake(sorted(wake))

    async def _settle_page(self, tx: Transaction, *, after: int) -> tuple[int | None, set[str]]:
        following, settled = await effects.settle_known(
            tx, self._peer.code, self._date, self._at(), after=after
        )
        return following, await self._close(tx, settled)

    async def _close(self, tx: Transaction, settled: Sequence[DifferenceRow]) -> set[str]:
        """Close the statements of settled rows of which nothing waits; the peers to be woken."""
        wake: set[str] = set()
        for row in settled:
            wake |= set(await self._closings.close(tx, row, self._at()))
        return wake

    async def _apply(self, run: Run, differences: Sequence[Difference]) -> Applied:
        applied = Applied()
        rows = Rows(self._repairs, self._parts.rules, self._closings)
        for chunk in _chunks(differences, AT_ONCE):
            work = partial(rows.apply, run=run, peer=self._peer, found=chunk, now=self._now())
            done = await self._leased(work)
            applied.add(done)
            self._parts.wake(sorted(done.wake))
            self._progress(len(chunk))
        return applied

    async def _arrive(self, found: Found) -> None:
        """Money that the lists of arrived funds show, and money that nobody expects."""
        for one in found.funds:
            for chunk in _chunks(one.matched.met, effects.AT_ONCE):
                await self._meet(one, chunk)
            unknown = [
                difference.line
                for difference in one.matched.differences
                if difference.kind == Kind.FUNDS_UNKNOWN and difference.line is not None
            ]
            for lines in _chunks(unknown, effects.AT_ONCE):
                keep = partial(
                    effects.keep_unknown, batch=one.day.batch, lines=lines, at=self._at()
                )
                await self._leased(keep)

    async def _meet(self, funds: Funds, met: Sequence[Met]) -> None:
        at = self._at()

        async def work(tx: Transaction) -> set[str]:
            settled = await effects.meet_funds(tx, funds.day, met, funds.expected, at)
            return await self._close(tx, settled)

        self._parts.wake(sorted(await self._leased(work)))
        self._progress(len(met))

    async def _mark(self, run: Run, found: Found) -> int:
        """Payments that the lists have count as reconciled, those in a difference excepted."""
        apart = {
            difference.payment_id
            for difference in (found.payments.differences if found.payments else ())
            if difference.payment_id is not None and difference.kind.code
        }
        ids = sorted(payment for payment in found.payment_ids if payment not in apart)
        ids += await self._parts.store.scan(partial(repaired_payments, run=run))
        marked = 0
        for chunk in _chunks(ids, effects.MARKED_AT_ONCE):
            work = partial(effects.mark_reconciled, payment_ids=chunk, check_date=self._date)
            marked += await self._leased(work)
            self._progress(len(chunk))
        return marked

    async def _finish(
        self, run: Run, inputs: Inputs, found: Found, applied: Applied, marked: int
    ) -> set[str]:
        """The end of the run in one transaction: states, results, stored result, journal."""
        summary = Summary(found.totals(), tuple(found.owed), applied.carried)
        facts: dict[str, Fact] = {
            "statements": len(inputs.batches),
            "differences": len(found.differences),
            "repaired": applied.repaired,
            "reconciled": marked,
        }
        while True:
            ready = await self._parts.store.scan(
                partial(self._prepare, inputs=inputs, summary=summary)
            )
            end = partial(self._end, run=run, ready=ready, summary=summary, facts=facts)
            wake = await self._leased(end)
            if wake is not None:
                return wake

    async def _prepare(self, tx: Transaction, *, inputs: Inputs, summary: Summary) -> _Ready:
        """The results, written while nobody who writes has to wait for it."""
        results: list[Result] = []
        for batch in inputs.batches:
            matched = summary.matched(batch.kind, batch.scope)
            results.append(await self._results.prepare(tx, batch, matched=matched))
        waiting = await reconciliation.open_count(tx, self._peer.code, self._date)
        return _Ready(results, waiting, await reconprogress.last_action(tx))

    async def _end(
        self,
        tx: Transaction,
        *,
        run: Run,
        ready: _Ready,
        summary: Summary,
        facts: Mapping[str, Fact],
    ) -> set[str] | None:
        """End the run with what was prepared; None where somebody has decided a row since."""
        if await reconprogress.acted_since(tx, ready.after, run.node, run.check_date):
            return None
        wake: set[str] = set()
        at = self._at()
        for result in ready.results:
            wake |= set(await self._results.tell(tx, result, at))
        await reconciliation.finish_run(tx, run.id, summary.write(), at=at)
        await journal_run(tx, run, {**facts, "open": ready.waiting}, _ACTOR, at)
        return wake

    # -- what it came to ----------------------------------------------------------------------

    async def _stored(self, run: Run) -> NodeOutcome:
        """The result as it was stored; what was decided since shows in the states of its rows."""
        summary = Summary.read(run.summary)
        return await self._told(run, summary, replayed=True)

    async def _ended(self, run: Run, found: Found, applied: Applied) -> NodeOutcome:
        summary = Summary(found.totals(), tuple(found.owed), applied.carried)
        return await self._told(run, summary, replayed=False)

    async def _told(self, run: Run, summary: Summary, *, replayed: bool) -> NodeOutcome:
        counts = await self._parts.store.scan(partial(counts_of, node=run.node, date=self._date))
        waiting = sum(one.number for one in counts if one.state == "open")
        return NodeOutcome(
            run.node,
            "open" if waiting else "reconciled",
            totals=summary.totals,
            counts=counts,
            open=waiting,
            repaired=sum(one.number for one in counts if one.state == "repaired"),
            carried=summary.carried,
            owed=summary.owed,
            run_id=run.id,
            revision=run.revision,
            replayed=replayed,
        )

    # -- tools --------------------------------------------------------------------------------

    async def _leased(self, work: Work[T]) -> T:
        """Do one step in a transaction that prolongs the lease. Raises LeaseLostError."""
        now = self._at()

        async def step(tx: Transaction) -> T:
            await hold(tx, self._lease, self._parts.owner, now=now)
            return await work(tx)

        return await self._parts.store.transact(step)

    def _at(self) -> int:
        return self._parts.clock.now_ms()

    def _now(self) -> Moment:
        return Moment(self._parts.clock.now_ms(), self._parts.clock.today())

    def _progress(self, count: int) -> None:
        self._done += count
        self._parts.progress(self._done)


def _replays(inputs: Inputs) -> bool:
    done = inputs.known is not None and inputs.known.state == "done"
    return done and inputs.current and inputs.ended


async def _nothing(_: Transaction) -> None:
    """Only take the lease."""


def _chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _count(parts: ReconcileParts, outcome: NodeOutcome) -> None:
    if outcome.state != "nothing" and not outcome.replayed:
        parts.count("reconciliations", outcome.node, outcome.state)
        parts.count("reconciliation_repairs", outcome.node, by=outcome.repaired)
