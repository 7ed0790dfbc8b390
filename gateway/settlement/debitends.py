"""What becomes of direct debits (划缴, 代扣): their money booked, or their end noted by a person.

Everything here runs in the caller's transaction and raises SettlementRefused when it cannot be
done, so that nothing of it is kept.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...messages.codes import PayMode, Result
from ..collection.booking import Booking, Received
from ..collection.early_money import find
from ..store import bills, debits, journal, outbox, payments
from ..store.debits import Debit, DebitEnd
from ..store.protocol import Transaction
from ..store.records import Payment
from .acting import Acting, SettlementRefused
from .debits import check_open, locked_bill, note


@dataclass(frozen=True, slots=True)
class Collected:
    """A debit that took the money: the payment, the refund of a duplicate, peers to be told."""

    payment_id: int
    region: str = ""
    refund_no: str = ""
    wake: tuple[str, ...] = ()
    linked: bool = False


async def collect(
    tx: Transaction, booking: Booking, debit: Debit, end: DebitEnd, *, at: int, today: str
) -> Collected | Result:
    """Book what a debit took; its bill becomes paid, or the money a duplicate to be paid back.

    A payment that the books have under the bank's number already is this one. The code that refuses
    it otherwise: 11004 for a void bill, 10005 where the number paid something else.
    """
    bill = await bills.face(tx, debit.pay_code, lock=True)
    if bill is None:  # foreign keys say that it cannot be
        return Result.NO_SUCH_BILL
    known = await _booked(tx, debit, end)
    if known is not None:
        if (known.pay_code, known.amt) != (debit.pay_code, debit.amt):
            return Result.CONFLICT
        return Collected(known.id, bill.region, linked=True)
    if bill.state == "void":
        return Result.BILL_VOID
    money = _received(debit, end, at, today)
    book = booking.payment if bill.state == "unpaid" else booking.duplicate
    identity = (money.src, money.cfm_date, money.tra_no_bus)
    booked = await book(tx, bill, money, await find(tx, identity, bill.pay_code, money.amt))
    if booked is None:
        return Result.CONFLICT
    return Collected(booked.payment_id, bill.region, booked.refund_no, booked.wake)


async def _booked(tx: Transaction, debit: Debit, end: DebitEnd) -> Payment | None:
    """The payment that 2612 or another way has booked under the bank's number of the debit."""
    payment = await payments.by_identity(tx, debit.node, end.tra_date, end.tra_no)
    if payment is not None:
        return payment
    key = (debit.node, end.tra_no, debit.amt)
    for other in await payments.of_bill(tx, debit.pay_code):
        if (other.src, other.tra_no_bus, other.amt) == key:
            return other
    return None


def _received(debit: Debit, end: DebitEnd, at: int, today: str) -> Received:
    return Received(
        src=debit.node,
        cfm_date=end.tra_date,
        cfm_time=end.tra_time,
        tra_no_bus=end.tra_no,
        amt=debit.amt,
        pay_mode=PayMode.DEBIT.value,
        rec_acct_type=debit.rec_acct_type,
        rec_acct=debit.rec_acct,
        bank_outlet="",
        operator="",
        payer_name=debit.payer_name,
        payer_acct=debit.payer_acct,
        payer_op_bk=debit.payer_op_bk,
        payer_op_bk_no="",
        channel="2607",
        at=at,
        today=today,
    )


async def ended(
    tx: Transaction, debit: Debit, end: DebitEnd, payment_id: int | None, at: int
) -> None:
    """Note the end of a debit and of its message: a success with its payment, else a failure."""
    await debits.set_state(
        tx,
        debit.debit_no,
        expected=(debit.state,),
        state="failed" if payment_id is None else "succeeded",
        changed_at=at,
        end=end,
        payment_id=payment_id,
    )
    state: outbox.LaterResult = "failed" if payment_id is None else "succeeded"
    await outbox.resolve(tx, debit.outbox_id, state, at=at, result=end.result)


@dataclass(frozen=True, slots=True)
class Found:
    """What a person found out at the bank about a debit, and how; no number: nothing was taken."""

    reason: str
    tra_no: str = ""
    tra_date: str = ""
    tra_time: str = ""


async def settle(
    tx: Transaction, booking: Booking, debit_no: str, found: Found, acting: Acting
) -> Debit:
    """End a debit that is unknown, or whose last date passed without a result."""
    debit = await debits.get(tx, debit_no, lock=True)
    if debit is None:
        raise SettlementRefused(
            "there is no such debit", "see `nontax debit list`", wrong_input=True
        )
    await locked_bill(tx, debit.pay_code, acting)
    late = debit.state == "acknowledged" and debit.overdue(acting.today)
    if debit.state != "unknown" and not late:
        raise SettlementRefused(
            f"it is {debit.state}", "only an unknown or an overdue one is ended by hand"
        )
    if found.tra_date > acting.today:
        raise SettlementRefused("the date has not come yet", "correct it", wrong_input=True)
    # Without a result of its own: a 2607 that comes later completes it.
    end = DebitEnd("", f"settled by {acting.name}", found.tra_no, found.tra_date, found.tra_time)
    payment_id = None
    if found.tra_no:
        taken = await collect(tx, booking, debit, end, at=acting.at, today=acting.today)
        if isinstance(taken, Result):
            raise SettlementRefused(
                f"it cannot be booked: {taken.value} {taken.meaning}", "see `nontax bill show`"
            )
        payment_id = taken.payment_id
    await ended(tx, debit, end, payment_id, acting.at)
    facts: dict[str, journal.Fact] = {
        "debit": debit_no,
        "was": debit.state,
        "state": "succeeded" if found.tra_no else "failed",
        "TraNo": found.tra_no,
        "TraDate": found.tra_date,
        "reason": found.reason,
    }
    await note(tx, "debit.settled", debit.pay_code, acting, facts)
    after = await debits.get(tx, debit_no)
    return after or debit


async def may_go_again(tx: Transaction, debit: Debit, today: str) -> None:
    """Refuse to send a failed request again where it would not be made now."""
    bill = await bills.get(tx, debit.pay_code, lock=True)
    if bill is None:
        raise SettlementRefused("there is no such bill")
    await check_open(tx, bill, today)
    known = await debits.protocol(tx, debit.node, debit.payer_no, debit.protocol_no)
    if known is None or not known.holds(today):
        raise SettlementRefused("its protocol does not hold any more")
    if debit.last_date < today:
        raise SettlementRefused("its last date has passed")
