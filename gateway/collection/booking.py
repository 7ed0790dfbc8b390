"""Booking a payment, by whichever way it came: 2612, 2607, 2616, a claim or a repair.

Every way in which a bill becomes paid goes through here, so that the notice 5996 and the journal
row belong to the payment and not to the message that brought it (spec: business, section 3).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from ...messages.confirm import PaymentNotice
from ...messages.refund import RefundOrder
from ..outbox import Enqueuer
from ..store import bill_sync, bills, journal, payments, refunds, serials
from ..store.arrivals import Arrival
from ..store.protocol import Transaction
from ..store.records import BillFace, Channel, Payment, Refund
from .accounts import end_virtual
from .early_money import recognise

TECHNICAL = "1"  # RefundType 技术性差错
OTHER = "2"


class Received(NamedTuple):
    """A collected payment, before it is booked. Amount in fen; `at` in milliseconds UTC."""

    src: str
    cfm_date: str
    cfm_time: str
    tra_no_bus: str
    amt: int
    pay_mode: str
    rec_acct_type: str
    rec_acct: str
    bank_outlet: str
    operator: str
    payer_name: str
    payer_acct: str
    payer_op_bk: str
    payer_op_bk_no: str
    channel: Channel
    at: int
    today: str

    def __repr__(self) -> str:
        return f"Received({self.src}, {self.cfm_date}, {self.tra_no_bus})"  # the rest is personal


@dataclass(frozen=True, slots=True)
class Booked:
    """What booking did: the payment, the refund of a duplicate, the peers to be told."""

    payment_id: int
    refund_no: str = ""
    wake: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NoticeTexts:
    """What 5996 says where the message that brought the payment names no outlet or operator."""

    bank_outlet: str
    operator: str


class Booking:
    """Books payments; stateless but for configured texts and the outbox."""

    def __init__(
        self, outbox: Enqueuer, texts: NoticeTexts, told: Callable[[str], tuple[str, ...]]
    ) -> None:
        """`told`: the platforms that are told of a region's bills when they change (5954)."""
        self._outbox = outbox
        self._texts = texts
        self._told = told

    async def payment(
        self, tx: Transaction, bill: BillFace, received: Received, early: Arrival | None = None
    ) -> Booked | None:
        """Make an unpaid bill paid, in the transaction that found it unpaid.

        EARLY is its money where that was reported before (`early_money.find`). None, and nothing is
        written, when the books hold a payment under this identity already.
        """
        payment_id = await payments.try_insert(tx, _payment(bill, received, duplicate=False))
        if payment_id is None:
            return None
        await bills.set_state(
            tx, bill.pay_code, expected="unpaid", state="paid", changed_at=received.at
        )
        await end_virtual(tx, bill, received.today)
        await bill_sync.note(tx, self._told(bill.region), (bill.pay_code,), received.at)
        await self._journal(tx, "payment.booked", bill, received, payment_id)
        await _join_money(tx, bill, received, payment_id, early, effective=True)
        wake: tuple[str, ...] = ()
        if bill.notify and bill.notify_node:
            await self._outbox.enqueue(
                tx,
                self._notice(bill, received),
                peer=bill.notify_node,
                subject=bill.pay_code,
                region=bill.region,
                at=received.at,
            )
            wake = (bill.notify_node,)
        return Booked(payment_id, wake=wake)

    async def duplicate(
        self, tx: Transaction, bill: BillFace, received: Received, early: Arrival | None = None
    ) -> Booked | None:
        """Record money for a bill that is paid already, and order its technical refund (5617).

        None, and nothing is written, when the books hold a payment under this identity already.
        """
        payment_id = await payments.try_insert(tx, _payment(bill, received, duplicate=True))
        if payment_id is None:
            return None
        await self._journal(tx, "payment.duplicate", bill, received, payment_id)
        await _join_money(tx, bill, received, payment_id, early, effective=False)
        number = await serials.next_number(tx, f"refund:{received.today}")
        refund_no = f"TF{received.today}{number:08d}"
        refund = Refund(
            refund_no=refund_no,
            kind=1,
            payment_id=payment_id,
            pay_code=bill.pay_code,
            src=received.src,
            ori_tra_no_bus=received.tra_no_bus,
            ori_cfm_date=received.cfm_date,
            ori_amt=received.amt,
            amt=received.amt,
            state="queued",
            created_at=received.at,
            changed_at=received.at,
            rec_name=received.payer_name,
            rec_acct=received.payer_acct,
            rec_op_bk=received.payer_op_bk,
            rec_op_bk_no=received.payer_op_bk_no,
            reason="重复缴款技术性退付",
            requested_by="gateway",
        )
        await refunds.insert(tx, refund)
        await journal.append(
            tx,
            at=received.at,
            kind="refund.queued",
            subject=refund_no,
            actor="gateway",
            facts={"PayCode": bill.pay_code, "Amt": received.amt, "payment": payment_id},
        )
        await self._outbox.enqueue(
            tx,
            refund_order(refund, received.today),
            peer=received.src,
            subject=refund_no,
            region=bill.region,
            at=received.at,
        )
        return Booked(payment_id, refund_no, (received.src,))

    def _notice(self, bill: BillFace, received: Received) -> PaymentNotice:
        return PaymentNotice(
            PayCode=bill.pay_code,
            CfmDate=received.cfm_date,
            CfmTime=received.cfm_time,
            Amt=received.amt,
            BankOutlet=received.bank_outlet or self._texts.bank_outlet,
            Operator=received.operator or self._texts.operator,
            PayMode=received.pay_mode,
            TraNoBus=received.tra_no_bus,
            PayerName=received.payer_name,
            PayerAcct=received.payer_acct,
            PayerOpBk=received.payer_op_bk,
            PayerOpBkNo=received.payer_op_bk_no,
            RecAcctType=received.rec_acct_type,
            RecAcct=received.rec_acct,
        )

    @staticmethod
    async def _journal(
        tx: Transaction, kind: str, bill: BillFace, received: Received, payment_id: int
    ) -> None:
        await journal.append(
            tx,
            at=received.at,
            kind=kind,
            subject=bill.pay_code,
            actor=received.src,
            facts={
                "payment": payment_id,
                "CfmDate": received.cfm_date,
                "TraNoBus": received.tra_no_bus,
                "Amt": received.amt,
                "PayMode": received.pay_mode,
                "channel": received.channel,
            },
        )


async def _join_money(
    tx: Transaction,
    bill: BillFace,
    received: Received,
    payment_id: int,
    early: Arrival | None,
    *,
    effective: bool,
) -> None:
    """Its money may have been reported before; a payment made from an arrival brings its own."""
    if received.channel in {"2616", "claim"}:
        return
    await recognise(
        tx,
        payment_id,
        pay_code=bill.pay_code,
        src=received.src,
        amt=received.amt,
        at=received.at,
        early=early,
        effective=effective,
    )


def refund_order(refund: Refund, today: str) -> RefundOrder:
    """The 5617 that asks the collecting node to pay money back to its payer."""
    return RefundOrder(
        RefundNo=refund.refund_no,
        RefundDate=today,
        RefundType=str(refund.kind),
        PayCode=refund.pay_code,
        OriTraNoBus=refund.ori_tra_no_bus,
        OriCfmDate=refund.ori_cfm_date,
        OriAmt=refund.ori_amt,
        Amt=refund.amt,
        PayAcctName=refund.pay_acct_name,
        PayAcct=refund.pay_acct,
        RecName=refund.rec_name,
        RecAcct=refund.rec_acct,
        RecOpBk=refund.rec_op_bk,
        RecOpBkNo=refund.rec_op_bk_no,
        Reason=refund.reason,
    )


def _payment(bill: BillFace, received: Received, *, duplicate: bool) -> Payment:
    return Payment(
        id=0,
        src=received.src,
        cfm_date=received.cfm_date,
        tra_no_bus=received.tra_no_bus,
        pay_code=bill.pay_code,
        amt=received.amt,
        pay_mode=received.pay_mode,
        rec_acct_type=received.rec_acct_type,
        rec_acct=received.rec_acct,
        channel=received.channel,
        received_at=received.at,
        cfm_time=received.cfm_time,
        bank_outlet=received.bank_outlet,
        operator=received.operator,
        payer_name=received.payer_name,
        payer_acct=received.payer_acct,
        payer_op_bk=received.payer_op_bk,
        payer_op_bk_no=received.payer_op_bk_no,
        duplicate=int(duplicate),
        after_expiry=int(bool(bill.expiry_date) and received.cfm_date > bill.expiry_date),
        before_bill=int(received.cfm_date < bill.bill_date),
    )
