"""Faults planted into banks' statements from a seed, and the differences that must be found.

A fault changes what a bank delivers, never what it did: payments stand in the gateway's books as
they were confirmed. No two faults touch one line, so that every fault has differences of its own.
`plant` is a function of its arguments alone; the list is for machines, `Planted.as_json` one row.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ..reconcile.kinds import Kind
from .drafts import Drafts
from .moneyfaults import MoneyFaults
from .paymentfaults import PaymentFaults
from .planted import Planted, Policy, Spare
from .statements import Statement

KINDS: Final = tuple(Kind)
"""Every kind there is can be planted."""


def plant(
    statements: Iterable[Statement],
    seed: int,
    kinds: Iterable[Kind] = KINDS,
    *,
    spare: Spare | None = None,
    policy: Policy | None = None,
) -> tuple[list[Statement], list[Planted]]:
    """One fault of each kind (a kind may be named several times) where there is place for it.

    Returns what is delivered, and the differences that must be found.
    """
    spare = spare or Spare()
    drafts = Drafts(statements, seed, spare.avoid)
    payments = PaymentFaults(drafts, spare, policy or Policy())
    methods = payments.methods() | MoneyFaults(drafts, spare.reported).methods()
    for kind in kinds:
        methods[kind](kind)
    return drafts.finish()


__all__ = ["KINDS", "plant"]
