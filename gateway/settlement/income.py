"""Income confirmation (收入确认): collected money becomes income (spec: business, section 1).

When its funds are ready, automatically for units that have it so, else by an operator of the unit.
The electronic receipt (电子收据) is decided in the same transaction and spooled after it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from ..store import Store, bills, funds, income, journal, payments, serials, vouchers
from ..store.income import Income
from ..store.protocol import Transaction
from ..store.records import Bill, Payment
from ..store.vouchers import SpoolVoucher
from .acting import Acting, SettlementRefused
from .readiness import WaitFor, ready
from .voucherpages import receipt_document

AUTOMATIC: Final = "gateway"
_PAGE: Final = 1000
# So many confirmations are one transaction: whoever else writes waits for some milliseconds.
_AT_ONCE: Final = 50


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A confirmed bill; ``changed`` False: it was confirmed before."""

    pay_code: str
    receipt_no: str
    changed: bool = True


@dataclass(frozen=True, slots=True)
class IncomeRules:
    """`[settlement] wait_for`, and the name of this node as receipts show it."""

    wait_for: WaitFor
    node_name: str


async def confirm(tx: Transaction, pay_code: str, rules: IncomeRules, acting: Acting) -> Confirmed:
    """Confirm the income of a paid bill in an operator's name. Raises SettlementRefused."""
    bill = await bills.get(tx, pay_code, lock=True)
    if bill is None:
        raise SettlementRefused("there is no such bill", "check the pay code", wrong_input=True)
    if not acting.may_act_for(bill.unit_code):
        raise SettlementRefused(
            f"{acting.name} may not act for unit {bill.unit_code}",
            "name an operator of that unit",
            wrong_input=True,
        )
    return await _confirm(tx, bill, rules, acting)


async def _confirm(tx: Transaction, bill: Bill, rules: IncomeRules, acting: Acting) -> Confirmed:
    there = await income.of_bill(tx, bill.pay_code)
    if there is not None:
        return Confirmed(bill.pay_code, there.receipt_no, changed=False)
    payment = await _income_of(tx, bill, rules)
    number = await serials.next_number(tx, f"receipt:{acting.today}")
    confirmed = Income(
        payment_id=payment.id,
        pay_code=bill.pay_code,
        receipt_no=f"SJ{acting.today}{number:08d}",
        confirmed_on=acting.today,
        confirmed_at=acting.at,
        confirmed_by=acting.name,
    )
    await income.insert(tx, confirmed)
    await bills.set_state(
        tx, bill.pay_code, expected="paid", state="confirmed", changed_at=acting.at
    )
    document = receipt_document(
        confirmed,
        bill,
        await bills.items(tx, bill.pay_code),
        payment,
        refunded=await income.refunded(tx, payment.id),
        node_name=rules.node_name,
    )
    await vouchers.put(tx, SpoolVoucher(0, "receipt", confirmed.receipt_no, document, acting.at))
    await journal.append(
        tx,
        at=acting.at,
        kind="income.confirmed",
        subject=bill.pay_code,
        actor=acting.name,
        facts={
            "payment": payment.id,
            "Amt": payment.amt,
            "receipt": confirmed.receipt_no,
            "waited_for": rules.wait_for,
        },
    )
    return Confirmed(bill.pay_code, confirmed.receipt_no)


async def _income_of(tx: Transaction, bill: Bill, rules: IncomeRules) -> Payment:
    """The payment that may be confirmed, locked. Raises SettlementRefused."""
    if bill.state != "paid":
        raise SettlementRefused(f"the bill is {bill.state}", "only a paid bill brings income")
    effective = await payments.effective(tx, bill.pay_code)
    payment = effective and await payments.get(tx, effective.id, lock=True)
    if payment is None:
        raise SettlementRefused("the bill has no payment", "see `nontax check`")
    if not ready(rules.wait_for, await funds.of_payment(tx, payment.id)):
        lacking = "reconciled" if rules.wait_for == "reconciliation" else "shown to have arrived"
        raise SettlementRefused(
            f"its money is not yet {lacking}", "see [settlement] wait_for in the configuration"
        )
    if await income.refund_lives(tx, payment.id):
        raise SettlementRefused("a refund of it is under way", "confirm it when that has ended")
    if await income.refunded(tx, payment.id) >= payment.amt:
        raise SettlementRefused("it was paid back in full", "there is no income to confirm")
    return payment


async def confirm_ready(
    store: Store,
    rules: IncomeRules,
    now: Callable[[], tuple[int, str]],
    progress: Callable[[int], None] = lambda count: None,
) -> int:
    """Confirm whatever is ready of the units that have it automatically; how many.

    NOW gives the instant and the civil date. Several processes may do so at once: what one has
    confirmed is no candidate for the other.
    """
    done, after = 0, ""
    while True:
        look = partial(income.candidates, wait_for=rules.wait_for, after=after, limit=_PAGE)
        page = await store.scan(look)
        if not page:
            return done
        after = page[-1].pay_code
        due = [found.pay_code for found in page if ready(rules.wait_for, found.funds)]
        for start in range(0, len(due), _AT_ONCE):
            at, today = now()
            acting = Acting(AUTOMATIC, frozenset(), at, today)
            chunk = due[start : start + _AT_ONCE]
            work = partial(_all, pay_codes=chunk, rules=rules, acting=acting)
            done += await store.transact(work)
            progress(done)


async def _all(tx: Transaction, pay_codes: list[str], rules: IncomeRules, acting: Acting) -> int:
    """Confirm those that still can be; what has changed since it was looked up is left."""
    done = 0
    for code in pay_codes:
        bill = await bills.get(tx, code, lock=True)
        try:
            done += bill is not None and (await _confirm(tx, bill, rules, acting)).changed
        except SettlementRefused:  # raised before anything is written
            continue
    return done
