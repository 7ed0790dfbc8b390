"""When collected money may go on: to clearing, income confirmation, remittance (business, 6, 7)."""

from __future__ import annotations

from typing import Literal

from ..store.funds import Funds

WaitFor = Literal["reconciliation", "arrival", "confirmation"]


def ready(wait_for: WaitFor, funds: Funds) -> bool:
    """Whether money may go on by `[settlement] wait_for`: reconciled, arrived, or at once."""
    if wait_for == "reconciliation":
        return funds.reconciled_on != ""
    if wait_for == "arrival":
        return funds.arrived_on != ""
    return True
