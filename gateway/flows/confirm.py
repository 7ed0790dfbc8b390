"""2612 → 5001: a bank or the platform has collected a payment (spec: business, section 3).

Order: identity first, so that a repeated message gets its first answer whatever happened since;
then exists, not void, not paid, account, amount. A refusal is stored with its content for ever: the
teller has given the money back, and a late duplicate must never become a payment.
"""

from __future__ import annotations

from dataclasses import replace

from ...codecs import format_yuan
from ...messages.codes import RecAcctType, Result
from ...messages.confirm import Confirmation
from ..collection import early_money
from ..collection.accounts import acceptable
from ..collection.booking import Booking, Received
from ..collection.lookups import Lookups
from ..collection.rules import ConfirmRules
from ..store import MAX_FEN, confirmations, payments, queried
from ..store.protocol import Transaction
from ..store.records import BillFace, ConfirmationRow, Payment
from .base import Answer, Decision, Flow, Request, general, result_of
from .query import is_expired, visible_bill


class ConfirmPayment(Flow[Confirmation]):
    """First confirmed, first effective (先确认先生效); the database decides who was first."""

    number = "2612"

    def __init__(self, rules: ConfirmRules, booking: Booking, lookups: Lookups) -> None:
        self._rules = rules
        self._lookups = lookups
        self._booking = booking

    def validate(self, request: Request, message: Confirmation) -> Answer | None:
        """No payment is of nothing, or of more than the books hold."""
        del request
        if 0 < message.Amt <= MAX_FEN:
            return None
        value = format_yuan(message.Amt)
        information = f"Amt: 金额应大于0且不超过10万亿元(值 {value})"
        return general(self.number, Result.BAD_PARAMETER, information)

    async def decide(self, tx: Transaction, request: Request, message: Confirmation) -> Decision:
        bill = await visible_bill(tx, request.peer, message.PayCode, lock=True)
        decision = await self._decide(tx, request, message, bill)
        return decision if bill is None else decision._replace(region=bill.region)

    async def _decide(
        self, tx: Transaction, request: Request, message: Confirmation, bill: BillFace | None
    ) -> Decision:
        content = _content(request, message)
        related, number_used = await confirmations.related(
            tx,
            content.src,
            content.cfm_date,
            content.tra_no_bus,
            pay_code=content.pay_code,
            amt=content.amt,
        )
        stored = _repeated(content, related)
        if stored is not None:
            answer = general(self.number, result_of(stored.result), stored.information)
            notes = await _other_fields(tx, stored, message)
            return Decision(answer, replayed=True, subject=stored.pay_code, notes=notes)
        accepted = sorted(
            (row for row in related if row.accepted),
            key=lambda row: row.cfm_date != content.cfm_date,
        )
        if accepted:
            field = _first_difference(content, accepted[0])
            information = f"{field}: 与已入账的原报文不一致"
            conflict = general(self.number, Result.CONFLICT, information)
            return Decision(conflict, subject=content.pay_code)
        notes = ()
        if number_used:
            notes = ("number used before for something else",)
        return await self._judge(tx, request, message, bill, content=content, notes=notes)

    async def _judge(
        self,
        tx: Transaction,
        request: Request,
        message: Confirmation,
        bill: BillFace | None,
        *,
        content: ConfirmationRow,
        notes: tuple[str, ...],
    ) -> Decision:
        """Judge content that was never seen under this number, and store the verdict."""
        refusal = await self._refusal(tx, request, message, bill)
        if refusal is not None or (bill is not None and bill.state != "unpaid"):
            # Before it is refused or called a duplicate: it may be the very payment of the bill.
            payment = await _booked_otherwise(tx, content)
            if payment is not None:
                return await self._link(tx, content, payment)
        if refusal is not None:
            return await self._refuse(tx, content, refusal, notes)
        assert bill is not None  # noqa: S101 - no bill is a refusal
        identity = (content.src, content.cfm_date, content.tra_no_bus)
        early = await early_money.find(tx, identity, content.pay_code, content.amt)
        if early is not None and early.state == "returned":
            text = "该笔资金已按未明资金退回"
            return await self._refuse(tx, content, Result.DUPLICATE_PAYMENT, notes, text)
        if bill.state != "unpaid":
            if not self._rules.refunds_duplicates(message.PayMode):
                return await self._refuse(tx, content, Result.DUPLICATE_PAYMENT, notes)
            booked = await self._booking.duplicate(tx, bill, received(request, message), early)
        else:
            booked = await self._booking.payment(tx, bill, received(request, message), early)
            if is_expired(bill, message.CfmDate):
                notes += ("paid after expiry",)
        if booked is None:
            payment = await _booked_otherwise(tx, content)
            assert payment is not None  # noqa: S101 - it was what the booking collided with
            return await self._link(tx, content, payment)
        information = Result.SUCCESS.meaning
        if booked.refund_no:
            information = f"重复缴款,已登记技术性退付 {booked.refund_no}"
        await confirmations.insert(
            tx,
            replace(
                content,
                accepted=1,
                result=Result.SUCCESS.value,
                information=information,
                payment_id=booked.payment_id,
            ),
        )
        return Decision(
            general(self.number, Result.SUCCESS, information),
            archived=True,
            subject=bill.pay_code,
            wake=booked.wake,
            notes=notes,
        )

    async def _link(self, tx: Transaction, content: ConfirmationRow, payment: Payment) -> Decision:
        """The payment is in the books by another way: it is this one, or contradicts it."""
        if (payment.pay_code, payment.amt) != (content.pay_code, content.amt):
            field = "PayCode" if payment.pay_code != content.pay_code else "Amt"
            information = f"{field}: 与已入账的缴款不一致"
            return Decision(
                general(self.number, Result.CONFLICT, information), subject=content.pay_code
            )
        success = Result.SUCCESS
        linked = replace(
            content,
            accepted=1,
            result=success.value,
            information=success.meaning,
            payment_id=payment.id,
        )
        await confirmations.insert(tx, linked)
        notes = (f"linked to a payment by {payment.channel}",)
        return Decision(
            general(self.number, success), archived=True, subject=content.pay_code, notes=notes
        )

    async def _refusal(
        self, tx: Transaction, request: Request, message: Confirmation, bill: BillFace | None
    ) -> Result | None:
        """Why this confirmation cannot be booked; None when it can, or when the bill is paid."""
        if bill is None:
            return Result.NO_SUCH_BILL
        if bill.state == "void":
            return Result.BILL_VOID
        if bill.state != "unpaid":
            return None
        if not await self._account_fits(tx, request, message, bill):
            return Result.ACCOUNT_DIFFERS
        if message.Amt != bill.amt:
            return Result.AMOUNT_DIFFERS
        if self._rules.notes_queries:
            dates = await queried.dates(tx, request.peer.code, bill.pay_code)
            if not dates:
                if self._rules.must_be_queried:
                    return Result.NOT_QUERIED
                return Result.NOT_QUERIED_THAT_DAY
            within = min(dates) <= message.CfmDate <= request.today
            if self._rules.must_be_queried_that_day and not within:
                return Result.NOT_QUERIED_THAT_DAY
        return None

    async def _account_fits(
        self, tx: Transaction, request: Request, message: Confirmation, bill: BillFace
    ) -> bool:
        if not message.RecAcct:
            return message.RecAcctType == RecAcctType.SUBJECT
        bank = request.peer.bank_code or ""
        accounts = await self._lookups.accounts(tx, bill.region, request.today, request.now_ms)
        return message.RecAcct in await acceptable(tx, bill, bank, accounts)

    async def _refuse(
        self,
        tx: Transaction,
        content: ConfirmationRow,
        result: Result,
        notes: tuple[str, ...],
        text: str = "",
    ) -> Decision:
        row = replace(content, result=result.value, information=text or result.meaning)
        await confirmations.insert(tx, row)
        answer = general(self.number, result, row.information)
        return Decision(answer, archived=True, subject=content.pay_code, notes=notes)


def received(request: Request, message: Confirmation) -> Received:
    """The payment as the message tells it."""
    return Received(
        src=request.peer.code,
        cfm_date=message.CfmDate,
        cfm_time=message.CfmTime,
        tra_no_bus=message.TraNoBus,
        amt=message.Amt,
        pay_mode=message.PayMode,
        rec_acct_type=message.RecAcctType,
        rec_acct=message.RecAcct,
        bank_outlet=message.BankOutlet,
        operator=message.Operator,
        payer_name=message.PayerName,
        payer_acct=message.PayerAcct,
        payer_op_bk=message.PayerOpBk,
        payer_op_bk_no=message.PayerOpBkNo,
        channel="2612",
        at=request.now_ms,
        today=request.today,
    )


def _content(request: Request, message: Confirmation) -> ConfirmationRow:
    """Identity and content of a confirmation, without a verdict."""
    return ConfirmationRow(
        id=0,
        src=request.peer.code,
        cfm_date=message.CfmDate,
        tra_no_bus=message.TraNoBus,
        pay_code=message.PayCode,
        amt=message.Amt,
        pay_mode=message.PayMode,
        rec_acct_type=message.RecAcctType,
        rec_acct=message.RecAcct,
        accepted=0,
        result="",
        information="",
        payment_id=None,
        at=request.now_ms,
    )


# Content for comparison, by the tags of 2612; PayCode first, so that a conflict names it first.
_COMPARED = (
    ("PayCode", "pay_code"),
    ("Amt", "amt"),
    ("PayMode", "pay_mode"),
    ("RecAcctType", "rec_acct_type"),
    ("RecAcct", "rec_acct"),
)


# What a repetition may say otherwise; it is only remarked on.
_OTHERS = (
    ("CfmTime", "cfm_time"),
    ("BankOutlet", "bank_outlet"),
    ("Operator", "operator"),
    ("PayerName", "payer_name"),
    ("PayerAcct", "payer_acct"),
    ("PayerOpBk", "payer_op_bk"),
    ("PayerOpBkNo", "payer_op_bk_no"),
)


async def _other_fields(
    tx: Transaction, stored: ConfirmationRow, message: Confirmation
) -> tuple[str, ...]:
    """A remark on the fields in which a repetition differs; of a refusal only the date is known."""
    tags = [] if stored.cfm_date == message.CfmDate else ["CfmDate"]
    if stored.payment_id is not None:
        payment = await payments.get(tx, stored.payment_id)
        tags += [tag for tag, name in _OTHERS if getattr(message, tag) != getattr(payment, name)]
    return (f"repeated with another {', '.join(tags)}",) if tags else ()


async def _booked_otherwise(tx: Transaction, content: ConfirmationRow) -> Payment | None:
    """The payment that 2616, a claim or a repair (补单) has booked under this number.

    Under the same date whatever it paid; under another date only for the same bill and amount. What
    a bank's list was repaired by may be the platform's payment: the lists carry those, too.
    """
    payment = await payments.by_identity(tx, content.src, content.cfm_date, content.tra_no_bus)
    if payment is not None:
        return payment
    key = (content.tra_no_bus, content.amt)
    for other in await payments.of_bill(tx, content.pay_code):
        known = other.src == content.src or other.channel == "repair"
        if known and (other.tra_no_bus, other.amt) == key:
            return other
    return None


def _first_difference(one: ConfirmationRow, other: ConfirmationRow) -> str | None:
    for tag, name in _COMPARED:
        if getattr(one, name) != getattr(other, name):
            return tag
    return None


def _repeated(content: ConfirmationRow, known: list[ConfirmationRow]) -> ConfirmationRow | None:
    """The stored verdict that this message repeats, among those of its number, bill and amount.

    The same date first; under another date it is a repetition too.
    """
    same = [row for row in known if _first_difference(content, row) is None]
    same.sort(key=lambda row: (row.cfm_date != content.cfm_date, not row.accepted))
    return next(iter(same), None)
