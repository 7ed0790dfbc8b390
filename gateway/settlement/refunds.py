"""Business refunds (退付): asked for, approved by somebody else, paid back (spec: business, 8).

A refund belongs to one payment. The sum of a payment's refunds that have not failed and were not
rejected never exceeds its amount; it is looked at in the transaction that adds to it, with the
payment locked. Everything here runs in the caller's transaction and raises SettlementRefused when
it cannot be done, so that nothing of it is kept.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

from ...codecs import LocalProtocolError, format_yuan
from ...messages.codes import RecAcctType
from ..collection.booking import OTHER, TECHNICAL, refund_order
from ..collection.operators import require_other
from ..outbox import Enqueuer, end_awaited
from ..peers import Peer, PeerDirectory
from ..store import bills, catalogue, clearing, journal, outbox, payments, refunds, serials
from ..store.protocol import Transaction
from ..store.records import Bill, Payment, Refund, RefundState
from ..store.refunds import Source
from .acting import Acting, SettlementRefused
from .reserves import reserve_of
from .wishes import (
    Wish,
    banks_of_account,
    check_reason,
    check_scope,
    check_sum,
    payee,
    payment_of,
    refuse_invoiced,
)

Place = Literal["no", "cleared", "remitted", "moving", "partly"]
"""Whether a payment's money has left the collection account.

`cleared`: to accounts that no treasury holds; `remitted`: to the treasury. `moving`: a remittance
is under way. `partly`: some of it is in the treasury, some is not.
"""

ORDER: Final = "5617"

LIVING: Final = ("requested", "approved", "queued", "sent", "acknowledged", "unknown")
"""States of a refund that has not come to an end."""


@dataclass(frozen=True, slots=True)
class Whole:
    """A refund with its payment and bill."""

    refund: Refund
    payment: Payment
    bill: Bill


class Refunds:
    """Asks for, approves and rejects refunds; stateless but for the outbox and the peers."""

    def __init__(self, outbox: Enqueuer, peers: PeerDirectory) -> None:
        self._outbox = outbox
        self._peers = peers

    async def request(self, tx: Transaction, wish: Wish, acting: Acting) -> Refund:
        """Register a refund, for another operator to approve. Raises SettlementRefused."""
        check_reason(wish.reason)
        bill = await bills.get(tx, wish.pay_code)
        if bill is None:
            raise SettlementRefused("there is no such bill", "check the pay code", wrong_input=True)
        check_scope(bill, acting)
        payment = await payment_of(tx, bill, wish.tra_no)
        await refuse_invoiced(tx, payment)
        await check_sum(tx, payment, wish.amt)
        node = await self._paying_node(tx, payment, bill)
        rec = await payee(tx, wish, payment, bill, acting.today)
        number = await serials.next_number(tx, f"refund:{acting.today}")
        refund = Refund(
            refund_no=f"YW{acting.today}{number:08d}",
            kind=int(TECHNICAL if wish.technical else OTHER),
            payment_id=payment.id,
            pay_code=bill.pay_code,
            src=node.code,
            ori_tra_no_bus=payment.tra_no_bus,
            ori_cfm_date=payment.cfm_date,
            ori_amt=payment.amt,
            amt=wish.amt,
            state="requested",
            created_at=acting.at,
            changed_at=acting.at,
            rec_name=rec.name,
            rec_acct=rec.acct,
            rec_op_bk=rec.op_bk,
            rec_op_bk_no=rec.op_bk_no,
            reason=wish.reason,
            requested_by=acting.name,
            receiver=wish.receiver,
        )
        self._check_sendable(refund, acting.today)
        await refunds.insert(tx, refund)
        await _journal(
            tx,
            refund,
            acting,
            "requested",
            {
                "PayCode": bill.pay_code,
                "payment": payment.id,
                "Amt": refund.amt,
                "RefundType": str(refund.kind),
                "receiver": refund.receiver,
            },
        )
        return refund

    async def approve(self, tx: Transaction, refund_no: str, acting: Acting) -> Whole:
        """Approve a refund that another operator asked for, and have it paid.

        It is queued as 5617 for the node that collected; of money that was remitted to the treasury
        it stays `approved`, for a treasury refund voucher. Raises SettlementRefused, and
        OperatorRefused for the operator who asked for it.
        """
        whole = await requested(tx, refund_no, acting)
        refund, payment, bill = whole.refund, whole.payment, whole.bill
        place = await money_has_left(tx, payment)
        source = await self._source(tx, whole, place, acting)
        state: RefundState = "approved" if source.paid_from == "treasury" else "queued"
        await refunds.decide(tx, refund_no, state, by=acting.name, at=acting.at, source=source)
        approved = await _get(tx, refund_no)
        facts: dict[str, journal.Fact] = {
            "PayCode": bill.pay_code,
            "Amt": refund.amt,
            "requested_by": refund.requested_by,
            "paid_from": source.paid_from,
        }
        await _journal(tx, refund, acting, "approved", facts)
        if state == "queued":
            node = await self._paying_node(tx, payment, bill)
            if node.code != refund.src:
                raise SettlementRefused(
                    f"{refund.src} is to pay it back and is not there any more",
                    "reject it and ask for it again",
                )
            self._check_sendable(approved, acting.today)
            await self._outbox.enqueue(
                tx,
                refund_order(approved, acting.today),
                peer=node.code,
                subject=refund_no,
                region=bill.region,
                at=acting.at,
            )
        return replace(whole, refund=approved)

    async def _source(self, tx: Transaction, whole: Whole, place: Place, acting: Acting) -> Source:
        """Where the refund is paid from. Raises SettlementRefused."""
        if place == "moving":
            raise SettlementRefused(
                "the payment's money is just being remitted", "approve it when the result is there"
            )
        if place == "partly":
            raise SettlementRefused(
                "only part of the payment's money is in the treasury",
                "reject it, and ask for it again when the rest was remitted, too",
            )
        if place == "no":
            return Source("collection")
        if place == "remitted":
            return Source("treasury")
        payment, bill, amt = whole.payment, whole.bill, whole.refund.amt
        bank = await self._reserve_bank(tx, whole.refund, payment, bill)
        reserve = await reserve_of(tx, bill.region, bank, acting.today, lock=True)
        if reserve is None:
            raise SettlementRefused(
                f"the money has left the collection account, and bank {bank or '?'} has no reserve"
                " account (退付备用金)",
                "enter one into the catalogue, or reject the refund",
            )
        if reserve.available < amt:
            raise SettlementRefused(
                f"the reserve (退付备用金) of bank {bank} does not suffice: "
                f"{format_yuan(reserve.available)} of {format_yuan(amt)} is available",
                "fill it up (a new entry of the account in the catalogue), then approve",
            )
        return Source("reserve", reserve.acct_no, reserve.name)

    async def _reserve_bank(
        self, tx: Transaction, refund: Refund, payment: Payment, bill: Bill
    ) -> str:
        """The bank whose reserve pays: the one that pays back, else the one that had the money."""
        node = self._peers.get(refund.src)
        if node is not None and node.kind == "bank":
            return node.bank_code or ""
        banks = await banks_of_account(tx, payment, bill)
        return min(banks, default="")

    async def _paying_node(self, tx: Transaction, payment: Payment, bill: Bill) -> Peer:
        """The node that collected; of money that a clearing bank reported, the account's bank."""
        collected = self._peers.get(payment.src)
        candidates: list[Peer] = []
        if collected is not None and collected.kind in {"bank", "platform"}:
            candidates = [collected]
        elif collected is not None:
            banks = await banks_of_account(tx, payment, bill)
            candidates = [p for p in self._peers if p.kind == "bank" and p.bank_code in banks]
        for peer in candidates:
            if peer.enabled and bill.region in peer.regions:
                return peer
        raise SettlementRefused(
            f"{payment.src}, which collected it, cannot be told to pay it back",
            "see [[peers]]: the node must be there, enabled and act for the bill's region",
        )

    def _check_sendable(self, refund: Refund, today: str) -> None:
        """Refuse what the order 5617 cannot say to its node, while it can be corrected."""
        try:
            self._outbox.check(refund_order(refund, today), refund.src)
        except LocalProtocolError as error:
            raise SettlementRefused(
                f"the order 5617 cannot be written: {error}", "correct the reason", wrong_input=True
            ) from None


async def money_has_left(tx: Transaction, payment: Payment) -> Place:
    """Where a payment's money is, seen from the account that it was collected on."""
    if payment.duplicate:
        return "no"  # 待退付: never cleared, never remitted
    if payment.rec_acct_type == RecAcctType.TREASURY:
        return "remitted"
    parts = await refunds.remitted(tx, payment.id)
    if not parts:
        return "cleared" if await clearing.has_left(tx, payment.id) else "no"
    if not all(part.arrived for part in parts):
        return "moving"
    in_treasury = {part.to_treasury for part in parts}
    if len(in_treasury) == 2 or await refunds.to_be_remitted(tx, payment.id):
        return "partly"
    return "remitted" if in_treasury == {True} else "cleared"


async def requested(tx: Transaction, refund_no: str, acting: Acting) -> Whole:
    """A refund that waits for this operator's decision, its payment locked.

    Raises SettlementRefused, and OperatorRefused when the operator asked for it himself.
    """
    refund = await _get(tx, refund_no, lock=True)
    payment = await payments.get(tx, refund.payment_id, lock=True)
    bill = await bills.get(tx, refund.pay_code)
    if payment is None or bill is None:  # foreign keys say that it cannot be
        raise SettlementRefused("its payment is not in the books", "see `nontax check`")
    check_scope(bill, acting)
    if refund.state != "requested":
        raise SettlementRefused(f"it is {refund.state}", "only requested ones are decided")
    require_other(refund.requested_by, acting.name)
    if await refunds.held(tx, payment.id) > payment.amt:
        raise SettlementRefused("the payment would be paid back more than once", "reject it")
    return Whole(refund, payment, bill)


async def reject(tx: Transaction, refund_no: str, reason: str, acting: Acting) -> Refund:
    """Reject a refund that another operator asked for. Raises as `requested` does."""
    check_reason(reason)
    whole = await requested(tx, refund_no, acting)
    await refunds.decide(tx, refund_no, "rejected", by=acting.name, at=acting.at)
    await _journal(
        tx,
        whole.refund,
        acting,
        "rejected",
        {"Amt": whole.refund.amt, "requested_by": whole.refund.requested_by, "reason": reason},
    )
    return await _get(tx, refund_no)


@dataclass(frozen=True, slots=True)
class Ending:
    """What a person found out about a refund at the bank or the treasury, and how."""

    state: Literal["succeeded", "failed"]
    reason: str
    tra_no: str = ""
    tra_date: str = ""
    tra_time: str = ""


async def settle(tx: Transaction, refund_no: str, ending: Ending, acting: Acting) -> Refund:
    """End a refund that no message will end: a treasury's, an unknown or an overdue one.

    Raises SettlementRefused for every other, and for a date that has not come.
    """
    check_reason(ending.reason)
    refund = await _get(tx, refund_no, lock=True)
    bill = await bills.get(tx, refund.pay_code)
    if bill is not None:
        check_scope(bill, acting)
    if not await _waits_for_a_person(tx, refund, acting.at):
        raise SettlementRefused(
            f"it is {refund.state}",
            "only a treasury's, an unknown or an overdue refund is ended by hand",
        )
    date = ending.tra_date or (acting.today if ending.state == "succeeded" else "")
    if date > acting.today:
        raise SettlementRefused("the date has not come yet", "correct it", wrong_input=True)
    outcome = refunds.RefundResult(
        result="",  # what a later 2617 says is compared with nothing of ours
        information=f"settled by {acting.name}",
        tra_no=ending.tra_no,
        tra_date=date,
        tra_time=ending.tra_time,
    )
    await refunds.set_state(
        tx,
        refund_no,
        expected=(refund.state,),
        state=ending.state,
        changed_at=acting.at,
        outcome=outcome,
    )
    await end_awaited(
        tx, subject=refund_no, number=ORDER, state=ending.state, at=acting.at, result=""
    )
    facts: dict[str, journal.Fact] = {
        "Amt": refund.amt,
        "state": ending.state,
        "was": refund.state,
        "paid_from": refund.paid_from,
        "TraNo": ending.tra_no,
        "TraDate": date,
        "reason": ending.reason,
    }
    await _journal(tx, refund, acting, "settled", facts)
    return await _get(tx, refund_no)


async def _waits_for_a_person(tx: Transaction, refund: Refund, now: int) -> bool:
    if refund.state == "approved":
        return refund.paid_from == "treasury"
    if refund.state == "acknowledged":
        orders = await outbox.of_subject(tx, refund.refund_no, number=ORDER)
        return any(
            order.result_deadline is not None and order.result_deadline <= now
            for order in orders
            if order.state == "acknowledged"
        )
    return refund.state == "unknown"


async def look(tx: Transaction, refund_no: str) -> Whole:
    """A refund with its payment and bill. Raises SettlementRefused when there is none."""
    refund = await _get(tx, refund_no)
    payment = await payments.get(tx, refund.payment_id)
    bill = await bills.get(tx, refund.pay_code)
    if payment is None or bill is None:  # foreign keys say that it cannot be
        raise SettlementRefused("its payment is not in the books", "see `nontax check`")
    return Whole(refund, payment, bill)


async def may_go_again(tx: Transaction, refund: Refund, payment: Payment, today: str) -> None:
    """Refuse to send the order of a failed refund again where its money is not where it was.

    Raises SettlementRefused.
    """
    await refuse_invoiced(tx, payment)
    if await refunds.held(tx, payment.id) + refund.amt > payment.amt:
        raise SettlementRefused("the payment is being paid back by another refund")
    left = await money_has_left(tx, payment)
    if left != ("cleared" if refund.paid_from == "reserve" else "no"):
        raise SettlementRefused(
            "the payment's money is not where the order takes it from: ask for a new refund"
        )
    if refund.paid_from == "reserve":
        for entry in await catalogue.account(tx, refund.pay_acct, today):
            if entry.purpose != "reserve":
                continue
            held = await reserve_of(tx, entry.region, entry.bank_code, today, lock=True)
            if held is not None and held.available >= refund.amt:
                return
        raise SettlementRefused("the reserve (退付备用金) does not suffice for it")


async def _get(tx: Transaction, refund_no: str, *, lock: bool = False) -> Refund:
    refund = await refunds.get(tx, refund_no, lock=lock)
    if refund is None:
        raise SettlementRefused(
            "there is no such refund", "see `nontax refund list`", wrong_input=True
        )
    return refund


async def _journal(
    tx: Transaction, refund: Refund, acting: Acting, what: str, facts: dict[str, journal.Fact]
) -> None:
    await journal.append(
        tx,
        at=acting.at,
        kind=f"refund.{what}",
        subject=refund.refund_no,
        actor=acting.name,
        facts=facts,
    )
