"""What is written down about a difference or a statement: who, when, why, before and after."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..settlement.acting import Acting, SettlementRefused
from ..store import bills, journal, reconciliation
from ..store.journal import Fact
from ..store.protocol import Transaction
from ..store.reconciliation import Action, ActionName, DifferenceRow


@dataclass(frozen=True, slots=True)
class Proposal:
    """What waits for another operator's approval."""

    name: str
    actor: str
    reason: str
    reference: str


def pending(actions: Iterable[Action]) -> Proposal | None:
    """What was proposed and is neither approved nor rejected, of all ACTIONS in order."""
    found: Proposal | None = None
    for action in actions:
        if action.action == "propose":
            name = str(json.loads(action.after)["action"])
            found = Proposal(name, action.actor, action.reason, action.reference)
        elif action.action not in {"comment", "rerun", "carry"}:
            found = None
    return found


def shown_name(name: str) -> str:
    """A decision as people write it."""
    return name.replace("_", "-")


def facts_of(row: DifferenceRow) -> dict[str, Fact]:
    """What may change of a row, for before and after."""
    return {
        "state": row.state,
        "kind": row.kind,
        "reason": row.reason,
        "payment": row.payment_id,
    }


def action_of(
    row: DifferenceRow,
    name: ActionName,
    acting: Acting,
    reason: str,
    *,
    after: Mapping[str, Fact] | None = None,
) -> Action:
    """An action about a row, not yet written."""
    before = facts_of(row)
    return Action(
        id=0,
        difference_id=row.id,
        batch_id=None,
        action=name,
        actor=acting.name,
        reason=reason,
        before=as_json(before),
        after=as_json(before if after is None else after),
        reference="",
        at=acting.at,
    )


def as_json(facts: Mapping[str, Fact]) -> str:
    return json.dumps(facts, ensure_ascii=False, sort_keys=True)


async def row_of(tx: Transaction, difference_id: int) -> DifferenceRow:
    row = await reconciliation.get(tx, difference_id, lock=True)
    if row is None:
        raise SettlementRefused(
            f"there is no difference {difference_id}", "see `reconcile show`", wrong_input=True
        )
    return row


def must_be_open(row: DifferenceRow) -> None:
    if row.state != "open":
        raise SettlementRefused(
            f"it is {row.state} already", "only open rows are decided on; comment is possible"
        )


async def check_scope(tx: Transaction, row: DifferenceRow, acting: Acting) -> None:
    """An operator of some units acts for rows of their bills only."""
    if not acting.units:
        return
    bill = await bills.face(tx, row.pay_code) if row.pay_code else None
    if bill is None or not acting.may_act_for(bill.unit_code):
        unit = f"unit {bill.unit_code}" if bill else "what belongs to no unit"
        raise SettlementRefused(
            f"{acting.name} may not act for {unit}",
            "name an operator without units" if bill is None else "name an operator of that unit",
            wrong_input=True,
        )


async def note(
    tx: Transaction,
    row: DifferenceRow,
    what: str,
    acting: Acting,
    *,
    reason: str,
    reference: str = "",
    proposed_by: str = "",
) -> None:
    facts: dict[str, Fact] = {
        "node": row.node,
        "CheckDate": row.check_date,
        "statement": row.statement,
        "kind": row.kind,
        "state": row.state,
        "reason": reason,
    }
    optional = {"PayCode": row.pay_code, "reference": reference, "proposed_by": proposed_by}
    facts.update({name: value for name, value in optional.items() if value})
    await journal.append(
        tx,
        at=acting.at,
        kind=f"difference.{what}",
        subject=f"difference:{row.id}",
        actor=acting.name,
        facts=facts,
    )
