"""Money that moves or arrives: 2613, 2615, 2616, 2619, 2581 → 5001 (spec: business, section 5)."""

from __future__ import annotations

from typing import TypeVar

from ...messages import Result
from ...messages.record import Voucher
from ...messages.statements import SupervisedBalances
from ...messages.transfer import (
    FundsArrival,
    InterbankTransfer,
    InTransitArrival,
    VirtualAccountArrival,
)
from ..collection.booking import Booking
from ..settlement import arrivals, supervision, transfers
from ..settlement.arrivals import Reporting, as_arrival
from ..settlement.transfers import Fault
from ..settlement.verdict import Verdict
from ..store import MAX_FEN
from ..store.protocol import Transaction
from .base import Answer, Decision, Flow, Request, general

M = TypeVar("M", bound=Voucher)
A = TypeVar("A", FundsArrival, VirtualAccountArrival, InTransitArrival)


class _Report(Flow[M]):
    """What these messages have in common: the answer is 5001."""

    def _fault(self, fault: Fault | None) -> Answer | None:
        return None if fault is None else general(self.number, fault.result, fault.information)

    def _decision(self, verdict: Verdict) -> Decision:
        return Decision(
            general(self.number, verdict.result, verdict.information),
            archived=verdict.changed,
            replayed=verdict.replayed,
            subject=verdict.subject,
            wake=verdict.wake,
            notes=verdict.notes,
            region=verdict.region,
        )


class ReceiveTransfer(_Report[InterbankTransfer]):
    """2613 行间划转: a batch of collected payments moved to another bank."""

    number = "2613"

    def validate(self, request: Request, message: InterbankTransfer) -> Answer | None:
        """Sums, amounts, details that come twice."""
        del request
        return self._fault(transfers.check(message))

    async def decide(
        self, tx: Transaction, request: Request, message: InterbankTransfer
    ) -> Decision:
        return self._decision(await transfers.receive(tx, request.peer, message, request.now_ms))


class _Arrival(_Report[A]):
    """Money that has arrived: each transfer once."""

    def validate(self, request: Request, message: A) -> Answer | None:
        """No money is nothing, or more than the books hold."""
        del request
        if 0 < message.Amt <= MAX_FEN:
            return None
        return self._fault(Fault("Amt", Result.BAD_PARAMETER, "金额应大于0且不超过10万亿元"))


class ReceiveFunds(_Arrival[FundsArrival]):
    """2615 行间划转及清分资金到账."""

    number = "2615"

    async def decide(self, tx: Transaction, request: Request, message: FundsArrival) -> Decision:
        arrival = as_arrival(message, request.peer, request.now_ms)
        return self._decision(await arrivals.receive_funds(tx, _by(request), arrival))


class ReceiveVirtual(_Arrival[VirtualAccountArrival]):
    """2616 虚拟账号资金到账: may pay the bill that owns the account."""

    number = "2616"

    def __init__(self, booking: Booking) -> None:
        self._booking = booking

    async def decide(
        self, tx: Transaction, request: Request, message: VirtualAccountArrival
    ) -> Decision:
        arrival = as_arrival(message, request.peer, request.now_ms)
        by = _by(request)
        return self._decision(await arrivals.receive_virtual(tx, by, arrival, self._booking))


class ReceiveInTransit(_Arrival[InTransitArrival]):
    """2619 同行在途资金到账."""

    number = "2619"

    async def decide(
        self, tx: Transaction, request: Request, message: InTransitArrival
    ) -> Decision:
        arrival = as_arrival(message, request.peer, request.now_ms)
        return self._decision(await arrivals.receive_in_transit(tx, _by(request), arrival))


class ReceiveBalances(_Report[SupervisedBalances]):
    """2581 单位监管账户收支余."""

    number = "2581"

    def validate(self, request: Request, message: SupervisedBalances) -> Answer | None:
        """Balances and movements that do not add up."""
        del request
        return self._fault(supervision.check(message))

    async def decide(
        self, tx: Transaction, request: Request, message: SupervisedBalances
    ) -> Decision:
        return self._decision(await supervision.receive(tx, request.peer, message, request.now_ms))


def _by(request: Request) -> Reporting:
    return Reporting(request.peer, request.now_ms, request.today)
