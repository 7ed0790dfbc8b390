"""Differences into the books: found again under their keys, repaired where policy allows it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from ...reconcile.kinds import NOTED, Kind, State
from ...reconcile.sides import Difference
from ..config.sections import ReconciliationConfig
from ..peers import Peer
from ..store import journal, reconciliation, statements
from ..store.protocol import Transaction
from ..store.reconciliation import GATEWAY, Action, ActionName, DifferenceFilter, DifferenceRow, Run
from .closing import Closings
from .repair import REPAIRABLE, Judged, Moment, Repairs

AT_ONCE: Final = 100
"""Differences in one transaction: whoever else writes waits for some milliseconds."""


@dataclass(slots=True)
class Applied:
    """What a chunk of differences came to; `wake` has the peers with something to be sent."""

    repaired: int = 0
    carried: int = 0
    wake: set[str] = field(default_factory=set)

    def add(self, other: Applied) -> None:
        """Count another chunk."""
        self.repaired += other.repaired
        self.carried += other.carried
        self.wake |= other.wake


@dataclass(frozen=True, slots=True)
class _Work:
    """What one chunk works with."""

    run: Run
    peer: Peer
    now: Moment
    applied: Applied


@dataclass(frozen=True, slots=True)
class _Deed:
    """What a machine has done about a difference."""

    action: ActionName
    reason: str
    reference: str
    payment_id: int | None
    kind: Kind | None = None


class Rows:
    """Writes what a run has found."""

    def __init__(self, repairs: Repairs, rules: ReconciliationConfig, closings: Closings) -> None:
        self._repairs = repairs
        self._closings = closings
        self._rules = rules

    async def apply(
        self, tx: Transaction, run: Run, peer: Peer, found: Sequence[Difference], now: Moment
    ) -> Applied:
        """Write differences of a run; those that it has written before are left alone."""
        work = _Work(run, peer, now, Applied())
        for difference in found:
            await self._one(tx, work, difference)
        return work.applied

    async def _one(self, tx: Transaction, work: _Work, found: Difference) -> None:
        run, at = work.run, work.now.at
        known = await reconciliation.by_key(
            tx,
            run.node,
            run.check_date,
            statement=found.statement,
            scope=found.scope,
            key=found.key,
        )
        if known is not None and known.last_run == run.id and known.changed_at >= run.started_at:
            return  # the run was killed after this, and taken up again
        if known is None and await _waits_already(tx, run, found):
            work.applied.carried += 1
            return
        row = as_row(run, found, at, known)
        if known is not None and _decided(known, row):
            kept = replace(row, state=known.state, reason=known.reason, payment_id=known.payment_id)
            await reconciliation.update(tx, kept)
            return
        deed = None
        if found.kind not in NOTED:
            deed, judged = await self._repair(tx, work, row, found)
            if judged is not None and (judged.kind != found.kind or not judged.deed):
                # The books have changed since they were read, or say why nothing is done.
                reason = judged.reason or row.reason
                row = replace(row, kind=judged.kind.value, code=judged.kind.code, reason=reason)
        if deed is not None:
            row = replace(row, state="repaired", reason=deed.reason, payment_id=deed.payment_id)
            work.applied.repaired += 1
        await _write(tx, row, known, deed, at)

    # -- what a machine may do ----------------------------------------------------------------

    async def _repair(
        self, tx: Transaction, work: _Work, row: DifferenceRow, found: Difference
    ) -> tuple[_Deed | None, Judged | None]:
        """What was done, or how the line was judged where nothing was."""
        if found.held:
            return None, None
        if found.kind == Kind.DATE and found.payment_id is not None:
            return await self._carry(tx, work, row), None
        if found.kind not in REPAIRABLE or found.line is None:
            return None, None
        line = await statements.payment_line(tx, found.line)
        if line is None:
            return None, None
        judged = await self._repairs.judge(tx, work.peer, line, work.now)
        if not self._repairs.allows(judged):
            return None, judged
        if judged.deed == "link":
            payment_id = judged.payment.id if judged.payment else None
            return _Deed("link", "缴款已入账", f"payment:{payment_id}", payment_id), None
        booked = await self._repairs.book(tx, work.peer, line, work.now, src=judged.src)
        if booked is None:
            return None, judged
        work.applied.wake |= set(booked.wake)
        if booked.refund_no:
            reason = f"重复缴款,已登记技术性退付 {booked.refund_no}"
            return _Deed("repair", reason, booked.refund_no, booked.payment_id), judged
        reference = f"payment:{booked.payment_id}"
        return _Deed("repair", "已补单", reference, booked.payment_id), None

    async def _carry(self, tx: Transaction, work: _Work, row: DifferenceRow) -> _Deed | None:
        """A payment that the neighbouring day's list has is listed: both days' rows are at rest."""
        if not self._rules.carry_dates:
            return None
        narrowed = DifferenceFilter(
            node=row.node, statement="2555", payment_id=row.payment_id, states=("open",)
        )
        for other in await reconciliation.differences(tx, narrowed):
            if other.check_date != row.check_date and other.kind in {Kind.OURS_ONLY, Kind.DATE}:
                reason = f"{row.check_date}的对账单有该笔缴款"
                at, reference = work.now.at, f"payment:{row.payment_id}"
                if await settle(tx, other, reason, at, reference=reference):
                    work.applied.wake |= set(await self._closings.close(tx, other, at))
        reason = row.reason or Kind.DATE.text
        return _Deed("carry", reason, f"payment:{row.payment_id}", row.payment_id)


def as_row(run: Run, found: Difference, at: int, known: DifferenceRow | None) -> DifferenceRow:
    """A difference as the books keep it, not yet repaired."""
    line = found.line
    fields = json.dumps([list(one) for one in found.fields], ensure_ascii=False)
    return DifferenceRow(
        id=known.id if known else 0,
        node=run.node,
        check_date=run.check_date,
        statement=found.statement,
        scope=found.scope,
        kind=found.kind.value,
        key=found.key,
        code=found.kind.code,
        state="noted" if found.kind in NOTED else "open",
        first_run=known.first_run if known else run.id,
        last_run=run.id,
        pay_code=found.pay_code,
        tra_no=found.tra_no,
        payment_id=found.payment_id,
        batch_id=line.batch_id if line else None,
        pack_no=line.pack_no if line else None,
        line_no=line.line_no if line else None,
        ours_amt=found.ours_amt,
        theirs_amt=found.theirs_amt,
        fields=fields,
        reason=found.reason,
        expected=found.expected,
        held=int(found.held),
        found_at=known.found_at if known else at,
        changed_at=at,
    )


def _decided(known: DifferenceRow, row: DifferenceRow) -> bool:
    """Whether what was decided about a row still is about the same: it stays decided."""
    if known.state == "repaired":
        return (known.pay_code, known.tra_no) == (row.pay_code, row.tra_no)
    if known.state != "resolved":
        return False
    facts = (known.kind, known.pay_code, known.tra_no, known.ours_amt, known.theirs_amt)
    return facts == (row.kind, row.pay_code, row.tra_no, row.ours_amt, row.theirs_amt)


def action_of(
    number: int, action: ActionName, reason: str, states: tuple[State, State], at: int
) -> Action:
    """What the gateway itself has done about a row: from the one state to the other."""
    before, after = states
    return Action(
        id=0,
        difference_id=number,
        batch_id=None,
        action=action,
        actor=GATEWAY,
        reason=reason,
        before=json.dumps({"state": before}),
        after=json.dumps({"state": after}),
        reference="",
        at=at,
    )


async def _write(
    tx: Transaction,
    row: DifferenceRow,
    known: DifferenceRow | None,
    deed: _Deed | None,
    at: int,
) -> None:
    """Write a row as it is now, and what led to that where it was otherwise before."""
    if known is None:
        number = await reconciliation.insert(tx, row)
        if number is None:
            raise RuntimeError("the difference was written meanwhile")
    else:
        number = known.id
        await reconciliation.update(tx, row)
    states: tuple[State, State] = (known.state if known else "open", row.state)
    if deed is not None:
        action = action_of(number, deed.action, deed.reason, states, at)
        await reconciliation.act(tx, replace(action, reference=deed.reference))
    elif known is not None and known.state != row.state:
        await reconciliation.act(tx, action_of(number, "rerun", row.reason, states, at))


async def _waits_already(tx: Transaction, run: Run, found: Difference) -> bool:
    """Whether a row of an earlier day waits for the same money, or has the same line."""
    if found.statement == "2555":
        return False
    if found.line is not None:
        batch = await statements.get(tx, found.line.batch_id)
        return batch is not None and batch.check_date < run.check_date
    if not found.expected:  # a balance or a total is this day's own
        return False
    rows = await reconciliation.of_expected(
        tx, found.expected, node=run.node, statement=found.statement, scope=found.scope
    )
    return any(row.state == "open" and row.check_date < run.check_date for row in rows)


async def settle(
    tx: Transaction, row: DifferenceRow, reason: str, at: int, *, reference: str = ""
) -> bool:
    """An open or noted row has found its other side, or is no more; False: it changed meanwhile."""
    action = action_of(row.id, "settle", reason, (row.state, "settled"), at)
    return await reconciliation.set_state(tx, row, "settled", replace(action, reference=reference))


async def settle_unseen(tx: Transaction, run: Run, at: int) -> int:
    """Settle a chunk of rows that the run did not find again; how many, 0 when none is left."""
    rows = await reconciliation.not_seen(tx, run, limit=AT_ONCE)
    for row in rows:
        await settle(tx, row, "本次对账未再发现", at, reference=f"run:{run.id}")
    return len(rows)


async def journal_run(
    tx: Transaction, run: Run, facts: dict[str, journal.Fact], actor: str, at: int
) -> None:
    """Say in the journal that a run came to its end."""
    await journal.append(
        tx,
        at=at,
        kind="reconciliation.done",
        subject=f"{run.node}:{run.check_date}",
        actor=actor,
        facts={"revision": run.revision, "digest": run.inputs_digest, **facts},
    )
