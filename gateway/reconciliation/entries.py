"""One line of a list of payments (2555) by itself: made a payment by hand, or judged again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from ...codecs import format_yuan
from ...reconcile.kinds import Kind, State
from ...reconcile.sides import LineRef
from ..collection import early_money
from ..peers import Peer, PeerDirectory
from ..settlement.acting import Acting, SettlementRefused
from ..store import bills, funds, statements
from ..store.protocol import Transaction
from ..store.reconciliation import DifferenceRow
from ..store.statements import PaymentRow
from .books import carriers_of, collectors
from .repair import Judged, Moment, Repairs

_FORCED: Final = frozenset(
    {Kind.BANK_ONLY, Kind.BILL_PAID, Kind.BILL_ACCOUNT, Kind.REFUSED, Kind.DATE}
)
"""What a line may be on the live books when a person makes a payment of it."""


@dataclass(frozen=True, slots=True)
class Forced:
    """The payment that was made; `reference` names it, and the refund of a duplicate."""

    payment_id: int
    reference: str
    wake: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class JudgedAgain:
    """What an entry is now, and what that led to."""

    kind: Kind
    state: State
    reason: str
    what: str
    payment_id: int | None = None
    reference: str = ""
    wake: tuple[str, ...] = ()


class Entries:
    """Judges and books single lines; stateless but for the parts it is made of."""

    def __init__(self, repairs: Repairs, peers: PeerDirectory) -> None:
        self._repairs = repairs
        self._peers = peers

    def sources_of(self, node: str) -> tuple[str, ...]:
        """The nodes whose payments a node's lists have: its own, and those that it carries."""
        peer = self._peers.get(node)
        return (node,) if peer is None else (node, *carriers_of(self._peers, peer))

    async def collecting(self, tx: Transaction) -> list[str]:
        """Every node that collects, or did."""
        return await collectors(tx, self._peers)

    async def check_force(self, tx: Transaction, row: DifferenceRow, acting: Acting) -> Judged:
        """Whether a payment may be made of the row's line. Raises SettlementRefused."""
        peer, line = await self._line(tx, row)
        judged = await self._repairs.judge(tx, peer, line, Moment(acting.at, acting.today))
        if judged.payment is not None:
            raise SettlementRefused(
                f"the books have it as payment {judged.payment.id}", "link it to that payment"
            )
        bill = await bills.face(tx, line.pay_code, lock=True)
        if judged.kind not in _FORCED or bill is None or bill.region not in peer.regions:
            raise SettlementRefused(
                f"it cannot become a payment: {judged.kind.value} ({judged.reason})",
                "correct what is wrong and have it judged again (rerun), or accept it",
            )
        if bill.state == "void":
            raise SettlementRefused("its bill is void", "accept it, and have the money paid back")
        if bill.state == "unpaid" and bill.amt != line.amt:
            raise SettlementRefused(
                f"the line says {format_yuan(line.amt)}, the bill {format_yuan(bill.amt)}",
                "accept it, and have the money paid back",
            )
        for src in self.sources_of(peer.code):
            identity = (src, line.cfm_date, line.tra_no)
            early = await early_money.find(tx, identity, line.pay_code, line.amt)
            if early is not None and early.state == "returned":
                raise SettlementRefused(
                    f"its money was given back (arrival {early.id})", "accept it"
                )
        return judged

    async def force(self, tx: Transaction, row: DifferenceRow, acting: Acting) -> Forced:
        """Make a payment of the row's line, of a paid bill's line a duplicate with its refund."""
        judged = await self.check_force(tx, row, acting)
        peer, line = await self._line(tx, row)
        now = Moment(acting.at, acting.today)
        booked = await self._repairs.book(tx, peer, line, now, src=judged.src)
        if booked is None:
            raise SettlementRefused(
                "the books have a payment under its number", "link it to that payment"
            )
        await funds.reconciled(tx, booked.payment_id, row.check_date)
        reference = f"payment:{booked.payment_id}"
        if booked.refund_no:
            reference += f" refund:{booked.refund_no}"
        return Forced(booked.payment_id, reference, booked.wake)

    async def judge_again(self, tx: Transaction, row: DifferenceRow, acting: Acting) -> JudgedAgain:
        """What the row's line is on the books as they are now; repaired where policy allows it."""
        peer, line = await self._line(tx, row)
        now = Moment(acting.at, acting.today)
        judged = await self._repairs.judge(tx, peer, line, now)
        same = replace_reason(judged, row)
        if judged.deed == "link" and judged.payment is not None:
            return await self._found(tx, row, judged, same)
        if row.held or not judged.deed or not self._repairs.allows(judged):
            return same
        booked = await self._repairs.book(tx, peer, line, now, src=judged.src)
        if booked is None:  # judged under the bill's lock: the number is another line's
            return same
        await funds.reconciled(tx, booked.payment_id, row.check_date)
        what, reason = f"payment {booked.payment_id} was made of it", "已补单"
        if booked.refund_no:
            what += f", refund {booked.refund_no}"
            reason = f"重复缴款,已登记技术性退付 {booked.refund_no}"
        return replace(
            same,
            state="repaired",
            reason=reason,
            what=what,
            payment_id=booked.payment_id,
            reference=f"payment:{booked.payment_id}",
            wake=booked.wake,
        )

    async def _found(
        self, tx: Transaction, row: DifferenceRow, judged: Judged, same: JudgedAgain
    ) -> JudgedAgain:
        """The payment was booked meanwhile; it belongs to this line unless it has another."""
        assert judged.payment is not None  # noqa: S101 - the caller has looked
        payment = judged.payment
        if row.held or (await funds.of_payment(tx, payment.id)).reconciled_on:
            return replace(same, what=f"payment {payment.id} belongs to another line")
        await funds.reconciled(tx, payment.id, row.check_date)
        return replace(
            same,
            state="settled",
            reason=judged.reason,
            what=f"payment {payment.id} is in the books",
            payment_id=payment.id,
            reference=f"payment:{payment.id}",
        )

    async def _line(self, tx: Transaction, row: DifferenceRow) -> tuple[Peer, PaymentRow]:
        """The node and the whole line of a row. Raises SettlementRefused."""
        peer = self._peers.get(row.node)
        if peer is None:
            raise SettlementRefused(f"there is no peer {row.node}", "see [[peers]]")
        line: PaymentRow | None = None
        if row.batch_id is not None and row.pack_no is not None and row.line_no is not None:
            batch = await statements.get(tx, row.batch_id)
            if batch is not None and batch.state in statements.USABLE:
                ref = LineRef(row.batch_id, row.pack_no, row.line_no)
                line = await statements.payment_line(tx, ref)
        if line is None:
            raise SettlementRefused(
                "its list does not stand any more", "run `nontax reconcile run` for its day"
            )
        return peer, line


def replace_reason(judged: Judged, row: DifferenceRow) -> JudgedAgain:
    """A verdict that changes nothing but the row's kind and reason."""
    changed = judged.kind.value != row.kind
    return JudgedAgain(
        kind=judged.kind,
        state="open",
        reason=judged.reason or row.reason,
        what=f"it is {judged.kind.value} now" if changed else "nothing has changed",
        payment_id=row.payment_id,
    )
