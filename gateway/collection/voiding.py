"""Voiding bills (作废), whoever asks for it: 8994, 8995 or the command line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ...messages import Result
from ..einvoicing import paper
from ..settlement.acting import Acting
from ..store import bill_sync, bills, journal, outbox
from ..store.protocol import Transaction
from .accounts import end_virtual
from .billrules import BillRules

LIVING_DEBIT: Final = frozenset({"queued", "sent", "acknowledged", "unknown"})
"""States of a 5604 that may still take the payer's money."""


@dataclass(frozen=True, slots=True)
class Voided:
    """What became of a wish to void a bill; `information` '' means the code's own text.

    `refusal` says in English why a bill that exists cannot be voided.
    """

    result: Result
    changed: bool = False
    information: str = ""
    refusal: str = ""

    @property
    def found(self) -> bool:
        """Whether there is such a bill."""
        return self.result is not Result.NO_SUCH_BILL


async def void(
    tx: Transaction,
    pay_code: str,
    rules: BillRules,
    *,
    actor: str,
    at: int,
    today: str,
    unit_code: str | None = None,
    reason: str = "",
) -> Voided:
    """Void an unpaid bill (作废); UNIT_CODE where only this unit's bills may be voided.

    A void bill is voided again with success, a paid one is refused, and so is one whose direct
    debit (5604) may still take the payer's money. A paper bill's number becomes void with it.
    """
    bill = await bills.get(tx, pay_code, lock=True)
    if bill is None or (unit_code is not None and bill.unit_code != unit_code):
        return Voided(Result.NO_SUCH_BILL)
    if bill.state == "void":
        return Voided(Result.SUCCESS)
    if rules.scope and bill.unit_code not in rules.scope:
        return Voided(Result.NO_UNIT_RIGHT, refusal="the operator may not act for its unit")
    if bill.state != "unpaid":
        text = "已缴款,不能作废"
        return Voided(Result.FAILURE, information=text, refusal="the bill is paid")
    debits = await outbox.of_subject(tx, pay_code, number="5604")
    if any(debit.state in LIVING_DEBIT for debit in debits):
        text = "划缴(代扣)处理中,不能作废"
        return Voided(
            Result.FAILURE, information=text, refusal="a direct debit (5604) is under way"
        )
    await bills.set_state(tx, pay_code, expected="unpaid", state="void", changed_at=at)
    await end_virtual(tx, bill, today)
    acting = Acting(actor, frozenset(), at, today)
    await paper.void_with_bill(tx, pay_code, reason or "缴款书作废", acting)
    await bill_sync.note(tx, rules.told_of(bill.region), [pay_code], at)
    facts: dict[str, journal.Fact] = {"ChgAgenCode": bill.unit_code, "Amt": bill.amt}
    if reason:
        facts["reason"] = reason
    await journal.append(tx, at=at, kind="bill.voided", subject=pay_code, actor=actor, facts=facts)
    return Voided(Result.SUCCESS, changed=True)
