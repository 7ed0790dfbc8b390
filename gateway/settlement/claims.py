"""What operators do with unidentified money (未明资金): claim it for a bill, or return it.

Claiming (transfer first, bill later) makes an unpaid bill paid with the transfer's payer, date and
number. Both name who and why, and are never undone; each raises SettlementRefused and leaves no
trace where the books forbid it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from ...codecs import format_yuan
from ...messages import PayMode
from ..collection.booking import Booking, Received
from ..store import arrivals, bills, confirmations, funds, journal, virtual_accounts
from ..store.arrivals import Arrival
from ..store.protocol import Transaction
from ..store.records import BillFace
from .acting import Acting, SettlementRefused
from .reporters import regions_of


@dataclass(frozen=True, slots=True)
class Claim:
    """Which money is claimed for which bill, and why.

    `despite_refusal`: although the gateway refused the confirmation of this very transfer, so that
    the teller may have given the money back.
    """

    arrival_id: int
    pay_code: str
    reason: str
    despite_refusal: bool = False


class Claimed(NamedTuple):
    """The payment that a claim made; `wake`: peers whose outbox has a new message."""

    payment_id: int
    arrival: Arrival
    wake: tuple[str, ...]


async def claim(tx: Transaction, claimed: Claim, acting: Acting, booking: Booking) -> Claimed:
    """Make an unpaid bill paid with unidentified money of the same amount."""
    arrival = await _unidentified(tx, claimed.arrival_id)
    bill = await bills.face(tx, claimed.pay_code, lock=True)
    if bill is None:
        raise SettlementRefused(
            f"there is no bill {claimed.pay_code}", "check the pay code", wrong_input=True
        )
    if not acting.may_act_for(bill.unit_code):
        raise SettlementRefused(
            f"{acting.name} may not act for unit {bill.unit_code}",
            "name an operator of that unit",
            wrong_input=True,
        )
    acct_no = await _check(tx, arrival, bill, claimed)
    booked = await booking.payment(tx, bill, _received(arrival, bill, acct_no, acting))
    if booked is None:
        raise SettlementRefused(
            "a payment was confirmed under the number of this transfer",
            "see the payments of its node for that day",
        )
    await arrivals.end(
        tx,
        arrival.id,
        "claimed",
        actor=acting.name,
        reason=claimed.reason,
        at=acting.at,
        payment_id=booked.payment_id,
        pay_code=bill.pay_code,
    )
    await funds.arrived(tx, booked.payment_id, arrival.arr_date, arrival.id)
    facts: dict[str, journal.Fact] = {"PayCode": bill.pay_code, "payment": booked.payment_id}
    if claimed.despite_refusal:
        facts["despite_refusal"] = 1
    await _journal(
        tx, "arrival.claimed", arrival, reason=claimed.reason, acting=acting, facts=facts
    )
    return Claimed(booked.payment_id, arrival, booked.wake)


async def _check(tx: Transaction, arrival: Arrival, bill: BillFace, claimed: Claim) -> str:
    """Whether the money may pay the bill; returns the account that it really is on."""
    if bill.state == "void":
        raise SettlementRefused("the bill is void", "see `nontax bill show`")
    if bill.state != "unpaid":
        raise SettlementRefused(
            "the bill is paid: the money stays unidentified", "see `nontax bill show`"
        )
    if bill.amt != arrival.amt:
        raise SettlementRefused(
            f"the money is {format_yuan(arrival.amt)}, the bill {format_yuan(bill.amt)}",
            "claim it for a bill of its amount, or return it",
        )
    pool = await virtual_accounts.pool_of(tx, arrival.rec_acct)
    acct_no = pool.acct_no if pool and arrival.kind == "2616" else arrival.rec_acct
    regions = await regions_of(tx, acct_no, arrival.arr_date)
    # An account that the catalogue does not know as one of ours (科目, shares) has no region.
    if regions and bill.region not in regions:
        raise SettlementRefused(
            f"the money is on an account of region {', '.join(sorted(regions))},"
            f" the bill is of {bill.region}",
            "claim it for a bill of its region",
        )
    refused = await confirmations.refused(tx, arrival.src, arrival.arr_date, arrival.tra_no)
    if refused and not claimed.despite_refusal:
        raise SettlementRefused(
            "the confirmation of this transfer was refused: its payer may have the money back",
            "ask the bank; then return it, or claim it with --despite-refusal",
        )
    return acct_no


def _received(arrival: Arrival, bill: BillFace, acct_no: str, acting: Acting) -> Received:
    mode = PayMode.VIRTUAL_ACCOUNT if arrival.kind == "2616" else PayMode.OTHER
    return Received(
        src=arrival.src,
        cfm_date=arrival.arr_date,
        cfm_time=arrival.arr_time,
        tra_no_bus=arrival.tra_no,
        amt=arrival.amt,
        pay_mode=mode.value,
        rec_acct_type=arrival.rec_acct_type,
        rec_acct=acct_no,
        bank_outlet="",
        operator="",
        # A transfer may come without its payer, a notice of payment cannot.
        payer_name=arrival.payer_name or bill.payer_name,
        payer_acct=arrival.payer_acct,
        payer_op_bk=arrival.payer_op_bk,
        payer_op_bk_no="",
        channel="claim",
        at=acting.at,
        today=acting.today,
    )


async def give_back(tx: Transaction, arrival_id: int, reason: str, acting: Acting) -> Arrival:
    """Note that unidentified money is returned to its payer, by an order outside the interface."""
    arrival = await _unidentified(tx, arrival_id)
    if acting.units:
        raise SettlementRefused(
            f"{acting.name} may act for some units only, unidentified money is nobody's",
            "name an operator without units",
            wrong_input=True,
        )
    await arrivals.end(tx, arrival.id, "returned", actor=acting.name, reason=reason, at=acting.at)
    await _journal(tx, "arrival.returned", arrival, reason=reason, acting=acting, facts={})
    return arrival


async def _unidentified(tx: Transaction, arrival_id: int) -> Arrival:
    arrival = await arrivals.get(tx, arrival_id, lock=True)
    if arrival is None:
        raise SettlementRefused(
            f"there is no arrival {arrival_id}", "see `nontax arrival list`", wrong_input=True
        )
    if arrival.state != "unidentified":
        raise SettlementRefused(
            f"the money is {arrival.state} already", f"see `nontax arrival show {arrival_id}`"
        )
    return arrival


async def _journal(
    tx: Transaction,
    kind: str,
    arrival: Arrival,
    *,
    reason: str,
    acting: Acting,
    facts: dict[str, journal.Fact],
) -> None:
    await journal.append(
        tx,
        at=acting.at,
        kind=kind,
        subject=f"arrival:{arrival.id}",
        actor=acting.name,
        facts={
            "SRC": arrival.src,
            "TraNo": arrival.tra_no,
            "Amt": arrival.amt,
            "reason": reason,
            **facts,
        },
    )
