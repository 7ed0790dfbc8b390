"""Repairs by policy: what only the bank's list has becomes a payment (补单), where that is safe.

A line is judged on the live books in the transaction that repairs it. Nothing is ever made of a
line whose confirmation was refused, or whose money was given back: the payer has it again (spec:
business, section 9).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from ...messages.codes import RecAcctType
from ...reconcile.judging import AWAITED
from ...reconcile.kinds import Kind
from ..collection import early_money
from ..collection.accounts import acceptable
from ..collection.booking import Booked, Booking, Received
from ..collection.lookups import Lookups
from ..config.sections import ReconciliationConfig
from ..peers import Peer, PeerDirectory
from ..store import MAX_FEN, bills, funds, payments
from ..store.protocol import Transaction
from ..store.records import BillFace, Payment
from ..store.statements import PaymentRow
from .books import (
    THIRD_PARTY,
    around,
    awaits_list,
    carriers_of,
    held_by_another,
    was_refused,
    within,
)

Deed = Literal["payment", "duplicate", "link", ""]

REPAIRABLE: Final = frozenset({Kind.BANK_ONLY, Kind.BILL_PAID})
"""Kinds of which a machine may make something."""

_NO_NAME: Final = "未提供"
_MIDNIGHT: Final = "000000"


class Moment(NamedTuple):
    """When something is done: milliseconds UTC and the civil date."""

    at: int
    today: str


@dataclass(frozen=True, slots=True)
class Judged:
    """What a line of the bank alone is, on the live books.

    `deed`: what can be made of it: a payment, a duplicate with technical refund, a link to the
    `payment` that the books have by now, or '' nothing, for the Chinese `reason`. `src` is the node
    that collected it: of third-party money the platform whose payments the bank's list carries.
    """

    kind: Kind
    deed: Deed
    reason: str
    src: str
    payment: Payment | None = None


class Repairs:
    """Judges lines of 2555 that no payment was found for, and books them."""

    def __init__(
        self, booking: Booking, lookups: Lookups, peers: PeerDirectory, rules: ReconciliationConfig
    ) -> None:
        self._booking = booking
        self._lookups = lookups
        self._peers = peers
        self._rules = rules

    def allows(self, judged: Judged) -> bool:
        """Whether the site's policy lets a machine do what could be done."""
        if judged.deed == "payment":
            return self._rules.repair_missing_payment
        if judged.deed == "duplicate":
            return self._rules.repair_duplicate_payment
        return judged.deed == "link"

    async def judge(
        self, tx: Transaction, peer: Peer, line: PaymentRow, now: Moment, *, lock: bool = True
    ) -> Judged:
        """What a line of PEER's list is. LOCK keeps its bill as it is until the commit."""
        bill = None if line.fault else await bills.face(tx, line.pay_code, lock=lock)
        if bill is not None and bill.region not in peer.regions:
            bill = None
        sources = [peer.code, *carriers_of(self._peers, peer)]
        src = self._collector(peer, line, bill)

        def nothing(kind: Kind, reason: str) -> Judged:
            return Judged(kind, "", reason, src)

        if line.fault:
            return nothing(Kind.MALFORMED, line.fault)
        if not 0 < line.amt <= MAX_FEN:
            return nothing(Kind.MALFORMED, "金额应大于0")
        known = await self._known(tx, peer, sources, line)
        if known is not None:
            return known
        for code in sources:
            if await was_refused(tx, code, line.cfm_date, line.tra_no, line.pay_code):
                return nothing(Kind.REFUSED, "该笔缴款曾被拒绝,款项应已退还缴款人")
        if not within(line.cfm_date, line.check_date, self._rules.window_days):
            return nothing(Kind.DATE, "缴款日期不在对账日期前后")
        if bill is None:
            return nothing(Kind.BILL_UNKNOWN, "缴款书不存在")
        return await self._of_bill(tx, peer, bill, line, src=src, now=now)

    async def _of_bill(
        self,
        tx: Transaction,
        peer: Peer,
        bill: BillFace,
        line: PaymentRow,
        *,
        src: str,
        now: Moment,
    ) -> Judged:
        """The order is that of a confirmation: void, returned, paid, account, amount."""
        if bill.state == "void":
            return Judged(Kind.BILL_VOID, "", "缴款书已作废", src)
        for code in {src, peer.code}:
            identity = (code, line.cfm_date, line.tra_no)
            early = await early_money.find(tx, identity, line.pay_code, line.amt)
            if early is not None and early.state == "returned":
                return Judged(Kind.REFUSED, "", "该笔资金已按未明资金退回", src)
        if bill.state != "unpaid":
            dates = around(line.check_date, self._rules.window_days)
            sources = (peer.code, *carriers_of(self._peers, peer))
            if await awaits_list(tx, peer, sources, line.pay_code, dates=dates):
                return Judged(Kind.BILL_PAID, "", AWAITED, src)
            return Judged(Kind.BILL_PAID, "duplicate", "缴款书已缴,重复缴款", src)
        if not await self._account_fits(tx, peer, bill, line, now):
            return Judged(Kind.BILL_ACCOUNT, "", "收款账户与缴款书不一致", src)
        if line.amt != bill.amt:
            return Judged(Kind.BILL_AMOUNT, "", "金额与缴款书不一致", src)
        return Judged(Kind.BANK_ONLY, "payment", "财政无此缴款", src)

    async def _known(
        self, tx: Transaction, peer: Peer, sources: list[str], line: PaymentRow
    ) -> Judged | None:
        """The payment that the books have under the line's number; it links, or contradicts."""
        for code in sources:
            payment = await payments.by_identity(tx, code, line.cfm_date, line.tra_no)
            if payment is None:
                continue
            if (payment.pay_code, payment.amt) == (line.pay_code, line.amt):
                return await self._same(tx, peer, line, payment)
            if code == sources[0]:
                kind = Kind.PAY_CODE if payment.pay_code != line.pay_code else Kind.AMOUNT
                return Judged(kind, "", "该流水号已用于另一笔缴款", code, payment)
        # The same number, bill and amount under another date is a repetition, no second payment.
        for payment in await payments.of_bill(tx, line.pay_code):
            key = (payment.tra_no_bus, payment.amt)
            if payment.src in sources and key == (line.tra_no, line.amt):
                return Judged(Kind.DATE, "", "财政缴款日期与银行不一致", payment.src, payment)
        # The platform's own list has it, and the bank's list has it besides: the money came once.
        for code in self._platforms(sources):
            payment = await payments.by_identity(tx, code, line.cfm_date, line.tra_no)
            key = (line.pay_code, line.amt)
            if payment is not None and (payment.pay_code, payment.amt) == key:
                return await self._same(tx, peer, line, payment)
        return None

    async def _same(
        self, tx: Transaction, peer: Peer, line: PaymentRow, payment: Payment
    ) -> Judged:
        """A line of a payment in the books: of this bank, and told of by no other day's list."""
        if payment.src != peer.code and await held_by_another(tx, peer, payment.rec_acct):
            reason = "缴款已入账,收款账户不在该银行"
            return Judged(Kind.BILL_ACCOUNT, "", reason, payment.src, payment)
        told = (await funds.of_payment(tx, payment.id)).reconciled_on
        if told not in {"", line.check_date}:
            return Judged(Kind.DUPLICATE, "", f"缴款已在{told}核对一致", payment.src, payment)
        return Judged(Kind.BANK_ONLY, "link", "缴款已入账", payment.src, payment)

    def _platforms(self, sources: list[str]) -> list[str]:
        return [p.code for p in self._peers if p.kind == "platform" and p.code not in sources]

    async def _account_fits(
        self, tx: Transaction, peer: Peer, bill: BillFace, line: PaymentRow, now: Moment
    ) -> bool:
        if not line.rec_acct:
            return line.rec_acct_type == RecAcctType.SUBJECT
        accounts = await self._lookups.accounts(tx, bill.region, now.today, now.at)
        return line.rec_acct in await acceptable(tx, bill, peer.bank_code or "", accounts)

    def _collector(self, peer: Peer, line: PaymentRow, bill: BillFace | None) -> str:
        """Who collected it: a refund is asked of that node, and it clears it where it does so."""
        if line.pay_mode not in THIRD_PARTY or bill is None:
            return peer.code
        others = [
            code
            for code in carriers_of(self._peers, peer)
            if (other := self._peers.get(code)) is not None
            and other.enabled
            and bill.region in other.regions
        ]
        return others[0] if len(others) == 1 else peer.code

    async def book(
        self, tx: Transaction, peer: Peer, line: PaymentRow, now: Moment, *, src: str = ""
    ) -> Booked | None:
        """Make a payment of a line, or a duplicate with technical refund when its bill is paid.

        No policy is asked: the caller has judged. None, and nothing is written, when there is no
        such bill, it is void, or the books hold a payment under this identity.
        """
        bill = await bills.face(tx, line.pay_code, lock=True)
        if bill is None or bill.state == "void":
            return None
        collector = src or self._collector(peer, line, bill)
        received = as_received(line, bill, collector, now)
        identity = (collector, line.cfm_date, line.tra_no)
        early = await early_money.find(tx, identity, line.pay_code, line.amt)
        if bill.state == "unpaid":
            return await self._booking.payment(tx, bill, received, early)
        return await self._booking.duplicate(tx, bill, received, early)


def as_received(line: PaymentRow, bill: BillFace, src: str, now: Moment) -> Received:
    """The payment as a list tells it; what 5996 must say has a fallback where it is blank."""
    return Received(
        src=src,
        cfm_date=line.cfm_date,
        cfm_time=line.cfm_time or _MIDNIGHT,
        tra_no_bus=line.tra_no,
        amt=line.amt,
        pay_mode=line.pay_mode,
        rec_acct_type=line.rec_acct_type or RecAcctType.OTHER.value,
        rec_acct=line.rec_acct,
        bank_outlet=line.bank_outlet,
        operator="",
        payer_name=line.payer_name or bill.payer_name or _NO_NAME,
        payer_acct=line.payer_acct,
        payer_op_bk="",
        payer_op_bk_no="",
        channel="repair",
        at=now.at,
        today=now.today,
    )
