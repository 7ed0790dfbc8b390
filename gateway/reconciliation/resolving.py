"""Resolving differences: what people decide about rows that wait for them (spec: business, 9).

Every decision is appended with who, when, why, before and after; what it does to the books happens
in the same transaction. What moves money or gives it up is proposed by one operator and done when
another one approves it. Everything here raises SettlementRefused (or OperatorRefused) when it
cannot be done, and nothing of it is kept then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from ...reconcile.kinds import Kind
from ..collection.operators import CHECKER, MAKER, require_other
from ..settlement import refunds as settlement_refunds
from ..settlement.acting import Acting, SettlementRefused
from ..settlement.refunds import Refunds
from ..settlement.wishes import Wish, check_reason
from ..store import funds, payments, reconciliation, refunds
from ..store.journal import Fact
from ..store.protocol import Transaction
from ..store.reconciliation import ActionName, DifferenceRow
from .acts import (
    Proposal,
    action_of,
    check_scope,
    facts_of,
    must_be_open,
    note,
    pending,
    row_of,
    shown_name,
)
from .closing import Closings
from .decisions import PROPOSED, Decision, DecisionName, check_fits, check_form
from .entries import Entries
from .linking import find_link, join


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a decision: the row as it is now, and what it led to in words."""

    row: DifferenceRow
    what: str
    reference: str = ""
    wake: tuple[str, ...] = ()


def role_for(name: DecisionName) -> str:
    """The role that a decision needs."""
    return CHECKER if name in {"approve", "reject"} else MAKER


class Resolving:
    """Does what people decide; stateless but for the parts it is made of."""

    def __init__(self, entries: Entries, refunding: Refunds, closings: Closings) -> None:
        self._entries = entries
        self._refunding = refunding
        self._closings = closings

    async def decide(self, tx: Transaction, decision: Decision, acting: Acting) -> Done:
        """Do it, or propose it. The caller has seen to the operator's role (`role_for`)."""
        check_form(decision)
        if decision.name != "approve" or decision.reason:
            check_reason(decision.reason)
        row = await row_of(tx, decision.row)
        await check_scope(tx, row, acting)
        if decision.name == "comment":
            return await self._comment(tx, row, decision, acting)
        must_be_open(row)
        proposal = pending(await reconciliation.actions(tx, row.id))
        if decision.name in {"approve", "reject"}:
            if proposal is None:
                raise SettlementRefused("nothing is proposed for it", "see `nontax reconcile show`")
            require_other(proposal.actor, acting.name)
            if decision.name == "reject":
                return await self._reject(tx, row, proposal, decision, acting)
            return await self._approve(tx, row, proposal, decision, acting)
        if proposal is not None:
            raise SettlementRefused(
                f"{proposal.actor} has proposed to {shown_name(proposal.name)} it",
                "another operator has to approve or reject that first",
            )
        check_fits(row, decision.name)
        if decision.name in PROPOSED:
            return await self._propose(tx, row, decision, acting)
        if decision.name == "accept":
            return await self._accept(tx, row, decision, acting)
        if decision.name == "link":
            return await self._link(tx, row, decision, acting)
        return await self._rerun(tx, row, decision, acting)

    # -- one operator -------------------------------------------------------------------------

    async def _comment(
        self, tx: Transaction, row: DifferenceRow, decision: Decision, acting: Acting
    ) -> Done:
        await reconciliation.act(tx, action_of(row, "comment", acting, decision.reason))
        return Done(row, f"{row.state}: commented")

    async def _accept(
        self, tx: Transaction, row: DifferenceRow, decision: Decision, acting: Acting
    ) -> Done:
        """The books stay; a payment of theirs counts as seen by the bank."""
        if row.statement == "2555" and row.payment_id is not None:
            await funds.reconciled(tx, row.payment_id, row.check_date)
        return await self._end(tx, row, "accept", acting, reason=decision.reason)

    async def _link(
        self, tx: Transaction, row: DifferenceRow, decision: Decision, acting: Acting
    ) -> Done:
        linked = await find_link(tx, row, decision, self._entries)
        for other in linked.rows:
            await check_scope(tx, other, acting)
        if row.statement == "2555":
            row = replace(row, payment_id=int(linked.reference.partition(":")[2]))
        closed = [(row, linked.reference)]
        closed += [(other, f"difference:{row.id}") for other in linked.rows]
        done: list[Done] = []
        for one, reference in closed:
            ended = await self._end(
                tx, one, "link", acting, reason=decision.reason, reference=reference
            )
            done.append(ended)
        await join(tx, row, linked, self._entries, acting)
        wake = tuple(peer for ended in done for peer in ended.wake)
        return replace(done[0], what=f"linked with {linked.reference}", wake=wake)

    async def _rerun(
        self, tx: Transaction, row: DifferenceRow, decision: Decision, acting: Acting
    ) -> Done:
        judged = await self._entries.judge_again(tx, row, acting)
        after = replace(
            row,
            kind=judged.kind.value,
            code=judged.kind.code,
            reason=judged.reason,
            state=judged.state,
            payment_id=judged.payment_id,
            changed_at=acting.at,
        )
        await reconciliation.update(tx, after)
        action = replace(
            action_of(row, "rerun", acting, decision.reason, after=facts_of(after)),
            reference=judged.reference,
        )
        await reconciliation.act(tx, action)
        await note(tx, after, "rerun", acting, reason=decision.reason, reference=judged.reference)
        wake = judged.wake
        if after.state != "open":
            wake += await self._closings.close(tx, after, acting.at)
        return Done(after, f"{after.state}: {judged.what}", judged.reference, wake)

    # -- two operators ------------------------------------------------------------------------

    async def _propose(
        self, tx: Transaction, row: DifferenceRow, decision: Decision, acting: Acting
    ) -> Done:
        """Note what another operator is to approve, after everything that can be checked now."""
        reference = ""
        after: dict[str, Fact] = {"state": row.state, "action": decision.name}
        if decision.name == "force":
            await self._entries.check_force(tx, row, acting)
        elif decision.name == "refund":
            reference = await self._ask_refund(tx, row, decision, acting)
            after["refund"] = reference
        proposal = replace(
            action_of(row, "propose", acting, decision.reason, after=after), reference=reference
        )
        await reconciliation.act(tx, proposal)
        await note(
            tx,
            row,
            f"{decision.name}_proposed",
            acting,
            reason=decision.reason,
            reference=reference,
        )
        what = f"{shown_name(decision.name)} is proposed; another operator (checker) approves it"
        return Done(row, what, reference)

    async def _approve(
        self,
        tx: Transaction,
        row: DifferenceRow,
        proposal: Proposal,
        decision: Decision,
        acting: Acting,
    ) -> Done:
        check_fits(row, proposal.name)  # a run may have found another kind meanwhile
        reason = decision.reason or proposal.reason
        reference, wake = "", tuple[str, ...]()
        if proposal.name == "force":
            forced = await self._entries.force(tx, row, acting)
            row = replace(row, payment_id=forced.payment_id)
            reference, wake = forced.reference, forced.wake
        elif proposal.name == "refund":
            reference = proposal.reference
            wake = await self._order_refund(tx, reference, acting)
        done = await self._end(
            tx,
            row,
            _ACTIONS[proposal.name],
            acting,
            reason=reason,
            reference=reference,
            proposed_by=proposal.actor,
        )
        return replace(done, wake=done.wake + wake)

    async def _reject(
        self,
        tx: Transaction,
        row: DifferenceRow,
        proposal: Proposal,
        decision: Decision,
        acting: Acting,
    ) -> Done:
        if proposal.name == "refund":
            found = await refunds.get(tx, proposal.reference)
            if found is not None and found.state == "requested":
                await settlement_refunds.reject(tx, found.refund_no, decision.reason, acting)
            elif found is not None and found.state != "rejected":
                raise SettlementRefused(
                    f"its refund {found.refund_no} is {found.state}", "approve the proposal"
                )
        after: dict[str, Fact] = {"state": row.state, "rejected": proposal.name}
        rejection = replace(
            action_of(row, "reject", acting, decision.reason, after=after),
            reference=proposal.reference,
        )
        await reconciliation.act(tx, rejection)
        kind = f"{proposal.name}_rejected"
        await note(tx, row, kind, acting, reason=decision.reason, reference=proposal.reference)
        return Done(row, f"the proposal ({shown_name(proposal.name)}) is rejected")

    async def _ask_refund(
        self, tx: Transaction, row: DifferenceRow, decision: Decision, acting: Acting
    ) -> str:
        """Request the refund of the payment behind a row; its number."""
        assert row.payment_id is not None  # noqa: S101 - `check_fits` has seen to it
        payment = await payments.get(tx, row.payment_id, lock=True)
        if payment is None:  # a foreign key says that it cannot be
            raise SettlementRefused("its payment is not in the books", "see `nontax check`")
        left = payment.amt - await refunds.held(tx, payment.id)
        wish = Wish(
            pay_code=payment.pay_code,
            amt=left if decision.amt is None else decision.amt,
            reason=decision.reason,
            tra_no=payment.tra_no_bus,
            technical=bool(payment.duplicate) or row.kind in _TECHNICAL,
        )
        if left <= 0:
            raise SettlementRefused("all of its payment is paid back already", "accept it")
        return (await self._refunding.request(tx, wish, acting)).refund_no

    async def _order_refund(self, tx: Transaction, number: str, acting: Acting) -> tuple[str, ...]:
        """Approve the refund, unless that was done already by the refund's own command."""
        found = await refunds.get(tx, number)
        if found is None or found.state == "rejected":
            raise SettlementRefused(
                f"its refund {number} was rejected", "reject the proposal, then decide anew"
            )
        if found.state != "requested":
            return ()
        return ((await self._refunding.approve(tx, number, acting)).refund.src,)

    # -- ends ---------------------------------------------------------------------------------

    async def _end(
        self,
        tx: Transaction,
        row: DifferenceRow,
        name: ActionName,
        acting: Acting,
        *,
        reason: str,
        reference: str = "",
        proposed_by: str = "",
    ) -> Done:
        """Close an open row with the action that did it."""
        after = replace(row, state="resolved", changed_at=acting.at)
        facts = facts_of(after)
        if proposed_by:
            facts["proposed_by"] = proposed_by
        action = replace(action_of(row, name, acting, reason, after=facts), reference=reference)
        before = await reconciliation.get(tx, row.id)
        if before is not None and before.payment_id != row.payment_id:
            await reconciliation.update(tx, row)
        if not await reconciliation.set_state(tx, row, "resolved", action):
            raise SettlementRefused("it has just been changed", "look at it again")
        await note(
            tx, after, name, acting, reason=reason, reference=reference, proposed_by=proposed_by
        )
        wake = await self._closings.close(tx, after, acting.at)
        return Done(after, f"resolved: {shown_name(name)}", reference, wake)


_TECHNICAL: Final = frozenset({Kind.AMOUNT.value, Kind.PAY_CODE.value, Kind.DUPLICATE.value})
"""Differences that are an error found in a payment (技术性差错)."""
_ACTIONS: Final[Mapping[str, ActionName]] = {
    "write_off": "write_off",
    "force": "force",
    "refund": "refund",
}
