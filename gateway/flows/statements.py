"""Statements of the day (对账单): 2555, 2557, 2556 → 5001 at once (spec: business, section 9)."""

from __future__ import annotations

from typing import TypeVar

from ...messages.statements import AccountStatement, FundsStatement, PaymentStatement
from ..reconciliation import intake
from ..reconciliation.received import Pack, check, received
from ..store.protocol import Transaction
from .base import Answer, Decision, Flow, Request, general

M = TypeVar("M", PaymentStatement, FundsStatement, AccountStatement)


class _ReceivePack(Flow[M]):
    """A pack of a statement; its lines are made ready where the message is read."""

    def prepare(self, message: M) -> Pack:
        """The lines as the store takes them, with their digest."""
        return received(message)

    def validate(self, request: Request, message: M) -> Answer | None:
        """Dates, numbers of packs, balances."""
        fault = check(_pack(request, message), request.today)
        return None if fault is None else general(self.number, fault.result, fault.information)

    async def decide(self, tx: Transaction, request: Request, message: M) -> Decision:
        pack = _pack(request, message)
        verdict = await intake.receive(tx, request.peer, pack, request.now_ms)
        return Decision(
            general(self.number, verdict.result, verdict.information),
            archived=verdict.changed,
            replayed=verdict.replayed,
            subject=verdict.subject,
            notes=verdict.notes,
        )


class ReceivePayments(_ReceivePack[PaymentStatement]):
    """2555 交易流水对账: the day's payments of a channel."""

    number = "2555"


class ReceiveArrivedFunds(_ReceivePack[FundsStatement]):
    """2557 到账资金对账: the day's arrived funds of an account."""

    number = "2557"


class ReceiveAccount(_ReceivePack[AccountStatement]):
    """2556 账户资金对账: the day's movements and balances of an account."""

    number = "2556"


def _pack(request: Request, message: M) -> Pack:
    pack = request.prepared
    return pack if isinstance(pack, Pack) else received(message)
