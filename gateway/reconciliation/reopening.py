"""Reopening a closed statement: the bank may send it again (spec: business, 9).

One operator proposes it and another approves it. The old statement, its run and its result stay;
the next statement of the channel or account takes its place and is reconciled anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from ...reconcile.kinds import Statement
from ..collection.operators import require_other
from ..settlement.acting import Acting, SettlementRefused
from ..settlement.wishes import check_reason
from ..store import journal, reconciliation, statements
from ..store.journal import Fact
from ..store.protocol import Transaction
from ..store.reconciliation import Action, ActionName
from ..store.statements import BatchState, StatementBatch
from .acts import Proposal, as_json, pending

Step = Literal["propose", "approve", "reject"]
_SHUT: Final[tuple[BatchState, ...]] = ("reconciled",)
_NAMES: Final[Mapping[Step, ActionName]] = {
    "propose": "propose",
    "approve": "reopen",
    "reject": "reject",
}


@dataclass(frozen=True, slots=True)
class Closed:
    """Which closed statements are meant: of one channel or account, `scope` None: of all."""

    node: str
    check_date: str
    kind: Statement
    scope: str | None = None


async def reopen(
    tx: Transaction, closed: Closed, step: Step, reason: str, acting: Acting
) -> list[StatementBatch]:
    """Propose, approve or reject that statements are reopened; those that were meant.

    Raises SettlementRefused, and OperatorRefused for an operator who approves his own proposal.
    """
    if step != "approve" or reason:
        check_reason(reason)
    if acting.units:
        raise SettlementRefused(
            f"{acting.name} may act for some units only, a statement belongs to none",
            "name an operator without units",
            wrong_input=True,
        )
    done: list[StatementBatch] = []
    for batch in await _closed(tx, closed):
        proposal = pending(await reconciliation.batch_actions(tx, batch.id))
        if step == "propose":
            if proposal is None:
                await _act(tx, batch, step, acting, reason=reason)
                done.append(batch)
        elif proposal is not None:
            require_other(proposal.actor, acting.name)
            why = reason or proposal.reason
            await _act(tx, batch, step, acting, reason=why, proposal=proposal)
            done.append(batch)
    if not done:
        what = "is proposed already" if step == "propose" else "nobody has proposed to reopen it"
        do = "another operator approves it" if step == "propose" else "propose it first"
        raise SettlementRefused(what, do)
    return done


async def _closed(tx: Transaction, closed: Closed) -> Sequence[StatementBatch]:
    found = [
        batch
        for batch in await statements.of_day(tx, closed.node, closed.check_date)
        if batch.kind == closed.kind and closed.scope in {None, batch.scope}
    ]
    if not found:
        raise SettlementRefused(
            f"{closed.node} has no such statement of that day",
            "see `nontax reconcile show`",
            wrong_input=True,
        )
    shut = [batch for batch in found if batch.state == "reconciled"]
    if not shut:
        raise SettlementRefused(
            f"it is {found[0].state}, not closed", "the bank may send it again as it is"
        )
    return shut


async def _act(
    tx: Transaction,
    batch: StatementBatch,
    step: Step,
    acting: Acting,
    *,
    reason: str,
    proposal: Proposal | None = None,
) -> None:
    before: dict[str, Fact] = {"state": batch.state}
    after = dict(before)
    if step == "propose":
        after["action"] = "reopen"
    elif step == "reject":
        after["rejected"] = "reopen"
    else:
        after["state"] = "reopened"
        if not await statements.set_state(tx, batch.id, "reopened", at=acting.at, among=_SHUT):
            raise SettlementRefused("it has just been changed", "look at it again")
    if proposal is not None:
        after["proposed_by"] = proposal.actor
    action = Action(
        id=0,
        difference_id=None,
        batch_id=batch.id,
        action=_NAMES[step],
        actor=acting.name,
        reason=reason,
        before=as_json(before),
        after=as_json(after),
        reference="",
        at=acting.at,
    )
    await reconciliation.act(tx, action)
    done = {"propose": "reopen_proposed", "approve": "reopened", "reject": "reopen_rejected"}
    facts: dict[str, Fact] = {"kind": batch.kind, "scope": batch.scope, "reason": reason}
    if batch.kind != "2555":
        del facts["scope"]  # an account's number stands in full in no journal
    if proposal is not None:
        facts["proposed_by"] = proposal.actor
    await journal.append(
        tx,
        at=acting.at,
        kind=f"statement.{done[step]}",
        subject=f"statement:{batch.id}",
        actor=acting.name,
        facts={"node": batch.src, "CheckDate": batch.check_date, **facts},
    )
