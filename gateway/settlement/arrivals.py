"""Money that is reported as arrived: 2615, 2616, 2619 (spec: business, 5).

A transfer of money is known by (SRC, TraNo), whatever message tells of it. Reported again it gets
its success again, or is refused when it contradicts what stands. What cannot be joined with
anything that the books expect is unidentified money (未明资金): an operator claims or returns it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final, NamedTuple

from ...messages import PayMode, RecAcctType, Result
from ...messages.transfer import FundsArrival, InTransitArrival, VirtualAccountArrival
from ..collection.booking import Booked, Booking, Received
from ..peers import Peer
from ..store import (
    arrivals,
    bills,
    catalogue,
    confirmations,
    funds,
    instructions,
    journal,
    payments,
    reconmet,
    virtual_accounts,
)
from ..store.arrivals import Arrival, ArrivalKind
from ..store.protocol import Transaction
from ..store.records import BillFace, Payment
from .reporters import may_report, reported_regions
from .transfers import batch_arrived, batch_of_arrival
from .verdict import Verdict

Report = FundsArrival | VirtualAccountArrival | InTransitArrival

_SEVERAL_TOLD: Final = "2557"
# What a repeated report must say again, by its tags; the ones that matter most come first.
_COMPARED: Final[tuple[tuple[str, str], ...]] = (
    ("PayCode", "pay_code"),
    ("Amt", "amt"),
    ("ArrDate", "arr_date"),
    ("ArrTime", "arr_time"),
    ("BatchNo", "batch_no"),
    ("RecAcctType", "rec_acct_type"),
    ("RecAcct", "rec_acct"),
    ("RecName", "rec_name"),
    ("PayerName", "payer_name"),
    ("PayerAcct", "payer_acct"),
    ("PayerOpBk", "payer_op_bk"),
    ("AddWord", "add_word"),
)
# What the line of a day's list (2557) says of the same transfer.
_COMPARED_WITH_LIST: Final = (("Amt", "amt"), ("RecAcct", "rec_acct"))


class Reporting(NamedTuple):
    """Who reports, and when: an instant in milliseconds UTC, the civil date yyyymmdd."""

    peer: Peer
    at: int
    today: str


def as_arrival(message: Report, peer: Peer, at: int) -> Arrival:
    """What a message tells, not yet judged."""
    kind: ArrivalKind = "2619"
    batch_no = pay_code = rec_name = ""
    payer = ("", "", "", "")
    if isinstance(message, InTransitArrival):
        pay_code = message.PayCode
    else:
        payer = (message.PayerName, message.PayerAcct, message.PayerOpBk, message.AddWord)
        kind = "2616"
    if isinstance(message, FundsArrival):
        kind, batch_no, rec_name = "2615", message.BatchNo, message.RecName
    return Arrival(
        id=0,
        kind=kind,
        src=peer.code,
        tra_no=message.TraNo,
        arr_date=message.ArrDate,
        arr_time=message.ArrTime,
        rec_acct_type=message.RecAcctType,
        rec_acct=message.RecAcct,
        amt=message.Amt,
        received_at=at,
        changed_at=at,
        batch_no=batch_no,
        pay_code=pay_code,
        rec_name=rec_name,
        payer_name=payer[0],
        payer_acct=payer[1],
        payer_op_bk=payer[2],
        add_word=payer[3],
    )


# -- the same transfer again ----------------------------------------------------------------------


async def again(tx: Transaction, arrival: Arrival, differs: Result) -> Verdict | None:
    """The answer to a transfer that the books have; None for a new one.

    DIFFERS is the code for other content: 13001, of in-transit money 14001.
    """
    stored = await arrivals.by_number(tx, arrival.src, arrival.tra_no)
    if stored is None:
        return await _listed_before(tx, arrival, differs)
    text = _contradiction(arrival, stored)
    subject = stored.pay_code or stored.tra_no
    if not text:
        return Verdict(Result.SUCCESS, replayed=True, subject=subject)
    await _journal(tx, "arrival.contradicted", stored, arrival.received_at)
    return Verdict(
        differs,
        text,
        changed=True,
        subject=subject,
        notes=(f"contradicts arrival {stored.id}",),
    )


async def _listed_before(tx: Transaction, arrival: Arrival, differs: Result) -> Verdict | None:
    """A day's list (2557) has shown the transfer as the sum of a channel: no arrival stands for it.

    Told once more it is nothing new, and not unidentified.
    """
    met = await reconmet.met_by_number(tx, arrival.src, arrival.tra_no)
    if met is None or not met.expected.startswith("channel:"):
        return None
    if (met.scope, met.amt) == (arrival.rec_acct, arrival.amt):
        return Verdict(Result.SUCCESS, replayed=True, subject=arrival.tra_no)
    tag = "Amt" if met.amt != arrival.amt else "RecAcct"
    return Verdict(differs, f"{tag}: 与已登记的到账不一致", changed=True, subject=arrival.tra_no)


def _contradiction(arrival: Arrival, stored: Arrival) -> str:
    """What is told otherwise than before; '' for nothing."""
    compared = _COMPARED
    if arrival.kind != stored.kind:
        if stored.kind != _SEVERAL_TOLD:
            return f"TraNo: 该流水号的到账已由报文{stored.kind}登记"
        compared = _COMPARED_WITH_LIST
    for tag, name in compared:
        if getattr(arrival, name) != getattr(stored, name):
            return f"{tag}: 与已登记的到账不一致"
    return ""


# -- 2615 -----------------------------------------------------------------------------------------


async def receive_funds(tx: Transaction, by: Reporting, arrival: Arrival) -> Verdict:
    """2615: money of a batch (2613), of a clearing instruction (5614), or unidentified."""
    known = await again(tx, arrival, Result.ARRIVAL_DIFFERS)
    if known is not None:
        return known
    regions = await may_report(
        tx, by.peer, arrival.rec_acct_type, arrival.rec_acct, arrival.arr_date
    )
    if regions is None:
        return _foreign_account()
    region = min(regions)
    payment = await _payment_of_number(tx, arrival)
    if payment is not None and payment.amt == arrival.amt:
        return await _paid(tx, arrival, payment, region=region)
    if payment is not None:
        why = "its number is that of a payment of another amount"
    elif not arrival.batch_no:
        why = "no batch is named"
    else:
        transfer, why = await batch_of_arrival(tx, arrival)
        if transfer is not None:
            found = replace(arrival, state="identified", transfer_id=transfer.id)
            verdict, arrival_id = await _keep(tx, found, region=region)
            date, at = arrival.arr_date, arrival.received_at
            notes = await batch_arrived(tx, transfer, arrival_id, date, at)
            return verdict._replace(notes=notes)
        if await instructions.get(tx, arrival.batch_no) is not None:
            line = await _instructed_line(tx, arrival)
            if line is not None:
                found = replace(
                    arrival, state="identified", instr_no=arrival.batch_no, instr_line=line
                )
                return (await _keep(tx, found, region=region))[0]
            why = "the instruction has no such line under way"
    return (await _keep(tx, replace(arrival, why=why), region=region))[0]


async def _instructed_line(tx: Transaction, arrival: Arrival) -> int | None:
    """The line of the clearing instruction whose money it is: account and amount as instructed."""
    for line in await instructions.lines(tx, arrival.batch_no):
        wanted = (line.acct_no, line.amt) == (arrival.rec_acct, arrival.amt)
        # What was not sent, or failed, moved nothing.
        if not wanted or line.state in {"queued", "failed"}:
            continue
        if not await arrivals.instruction_line_arrived(tx, line.instr_no, line.line_no):
            return line.line_no
    return None


# -- 2616 -----------------------------------------------------------------------------------------


async def receive_virtual(
    tx: Transaction, by: Reporting, arrival: Arrival, booking: Booking
) -> Verdict:
    """2616: the unpaid bill that owns the account and the amount becomes paid."""
    known = await again(tx, arrival, Result.ARRIVAL_DIFFERS)
    if known is not None:
        return known
    account = await virtual_accounts.get(tx, arrival.rec_acct)
    pool = await virtual_accounts.pool_of(tx, arrival.rec_acct)
    if account is None or pool is None or account.bank_code != by.peer.bank_code:
        return _foreign_account()
    regions = await reported_regions(tx, by.peer, pool.acct_no, arrival.arr_date)
    if regions is None:
        return _foreign_account()
    region = min(regions)
    pay_code = virtual_accounts.owner(account, by.today)
    bill = await bills.face(tx, pay_code, lock=True) if pay_code else None
    payment = await _payment_of_number(tx, arrival, pay_code)
    if payment is not None and payment.amt == arrival.amt:
        return await _paid(tx, arrival, payment, region=region)
    why = await _not_payable(tx, arrival, bill, payment)
    if why or bill is None:
        return (await _keep(tx, replace(arrival, why=why), region=region))[0]
    booked = await booking.payment(tx, bill, _received(arrival, by, pool.acct_no))
    assert booked is not None  # noqa: S101 - nothing was found under its identity
    payment_id = booked.payment_id
    found = replace(arrival, state="identified", payment_id=payment_id)
    verdict, arrival_id = await _keep(tx, found, region=bill.region)
    await funds.arrived(tx, payment_id, arrival.arr_date, arrival_id)
    return _with(verdict, bill, booked)


async def _not_payable(
    tx: Transaction, arrival: Arrival, bill: BillFace | None, payment: Payment | None
) -> str:
    """Why money on a virtual account pays no bill; '' when it does."""
    if payment is not None:
        return "its number is that of a payment of another amount"
    if bill is None:
        return "the virtual account belongs to no bill"
    if bill.state != "unpaid":
        return "the bill is void" if bill.state == "void" else "the bill is paid"
    if bill.amt != arrival.amt:
        return "the bill has another amount"
    if await confirmations.refused(tx, arrival.src, arrival.arr_date, arrival.tra_no):
        return "its confirmation was refused"
    return ""


def _received(arrival: Arrival, by: Reporting, acct_no: str) -> Received:
    """The payment that money on a virtual account is; ACCT_NO is the account behind it."""
    return Received(
        src=arrival.src,
        cfm_date=arrival.arr_date,
        cfm_time=arrival.arr_time,
        tra_no_bus=arrival.tra_no,
        amt=arrival.amt,
        pay_mode=PayMode.VIRTUAL_ACCOUNT.value,
        rec_acct_type=arrival.rec_acct_type,
        rec_acct=acct_no,
        bank_outlet="",
        operator="",
        payer_name=arrival.payer_name,
        payer_acct=arrival.payer_acct,
        payer_op_bk=arrival.payer_op_bk,
        payer_op_bk_no="",
        channel="2616",
        at=by.at,
        today=by.today,
    )


def _with(verdict: Verdict, bill: BillFace, booked: Booked) -> Verdict:
    return verdict._replace(subject=bill.pay_code, wake=booked.wake)


# -- 2619 -----------------------------------------------------------------------------------------


async def receive_in_transit(tx: Transaction, by: Reporting, arrival: Arrival) -> Verdict:
    """2619: the money of a payment that its bank confirmed before it had it."""
    known = await again(tx, arrival, Result.IN_TRANSIT_DIFFERS)
    if known is not None:
        return known
    bill = await bills.face(tx, arrival.pay_code, lock=True)
    if bill is None or bill.region not in by.peer.regions or not by.peer.collects:
        return Verdict(Result.NO_SUCH_BILL)
    region = bill.region
    if arrival.amt != bill.amt:
        return Verdict(Result.IN_TRANSIT_AMOUNT, region=region)
    if not await _same_bank(tx, by.peer, arrival, bill):
        return Verdict(Result.ACCOUNT_DIFFERS, region=region)
    payment = await payments.effective(tx, bill.pay_code)
    if payment is None:
        why = "the bill is void" if bill.state == "void" else "the bill is not paid"
    elif not await _in_hands_of(tx, by.peer, payment):
        why = "the bill was paid through another node"
    else:
        return await _paid(tx, arrival, payment, region=region)
    return (await _keep(tx, replace(arrival, why=why), region=region))[0]


async def _same_bank(tx: Transaction, peer: Peer, arrival: Arrival, bill: BillFace) -> bool:
    """Whether the account is the bill's, or one of the region's that the sender holds."""
    if not arrival.rec_acct:
        return arrival.rec_acct_type == RecAcctType.SUBJECT
    own = {bill.rec_acct, bill.rec_acct_real, bill.virtual_acct}
    if arrival.rec_acct in own:
        return True
    regions = await reported_regions(tx, peer, arrival.rec_acct, arrival.arr_date)
    return regions is not None and bill.region in regions


async def _in_hands_of(tx: Transaction, peer: Peer, payment: Payment) -> bool:
    """Whether a node can have a payment's money: its own, or one on an account that it holds."""
    if payment.src == peer.code:
        return True
    held = await catalogue.account(tx, payment.rec_acct, payment.cfm_date)
    return any(entry.bank_code == peer.bank_code for entry in held)


# -- what is common to them -----------------------------------------------------------------------


async def _payment_of_number(
    tx: Transaction, arrival: Arrival, pay_code: str = ""
) -> Payment | None:
    """The payment that was confirmed under the number of a transfer: it is the same money.

    Under the same date whatever it paid; under another date only for the bill PAY_CODE and the same
    amount.
    """
    found = await payments.by_identity(tx, arrival.src, arrival.arr_date, arrival.tra_no)
    if found is not None or not pay_code:
        return found
    key = (arrival.src, arrival.tra_no, arrival.amt)
    for payment in await payments.of_bill(tx, pay_code):
        if (payment.src, payment.tra_no_bus, payment.amt) == key:
            return payment
    return None


async def _paid(tx: Transaction, arrival: Arrival, payment: Payment, *, region: str) -> Verdict:
    """The money of a payment that the books have: it arrives once, what comes again is nobody's."""
    there = await funds.of_payment(tx, payment.id)
    if there.arrived_on or await arrivals.of_payment(tx, payment.id) is not None:
        why = "the money of the payment had arrived before"
        return (await _keep(tx, replace(arrival, why=why), region=region))[0]
    found = replace(arrival, state="identified", payment_id=payment.id)
    verdict, arrival_id = await _keep(tx, found, region=region)
    await funds.arrived(tx, payment.id, arrival.arr_date, arrival_id)
    return verdict._replace(subject=payment.pay_code)


async def _keep(tx: Transaction, arrival: Arrival, *, region: str) -> tuple[Verdict, int]:
    """Write a new arrival; the verdict is a success, the money is here whatever it is."""
    arrival_id = await arrivals.insert(tx, arrival)
    kept = replace(arrival, id=arrival_id)
    await _journal(tx, f"arrival.{arrival.state}", kept, arrival.received_at)
    notes = (f"unidentified: {arrival.why}",) if arrival.state == "unidentified" else ()
    verdict = Verdict(
        Result.SUCCESS,
        changed=True,
        subject=arrival.pay_code or arrival.tra_no,
        notes=notes,
        region=region,
    )
    return verdict, arrival_id


def _foreign_account() -> Verdict:
    """One answer for an account that nobody has and for one that is another's."""
    return Verdict(Result.NO_UNIT_ACCOUNT, "RecAcct: 不是该节点可报送的财政账户")


async def _journal(tx: Transaction, kind: str, arrival: Arrival, at: int) -> None:
    facts: dict[str, journal.Fact] = {
        "MsgNo": arrival.kind,
        "TraNo": arrival.tra_no,
        "ArrDate": arrival.arr_date,
        "Amt": arrival.amt,
    }
    more: dict[str, journal.Fact] = {
        "BatchNo": arrival.batch_no,
        "PayCode": arrival.pay_code,
        "why": arrival.why,
        "payment": arrival.payment_id,
        "transfer": arrival.transfer_id,
        "line": arrival.instr_line,
    }
    facts |= {name: value for name, value in more.items() if value not in {"", None}}
    await journal.append(
        tx,
        at=at,
        kind=kind,
        subject=f"arrival:{arrival.id}",
        actor=arrival.src,
        facts=facts,
    )
