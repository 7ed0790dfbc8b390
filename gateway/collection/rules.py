"""What a site decides about collecting (configuration `[collection]`)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ConfirmRules:
    """Which duplicates are paid back by us, and the optional checks 12005 and 12006."""

    auto_refund_paymodes: frozenset[str]
    must_be_queried: bool = False  # 12005
    must_be_queried_that_day: bool = False  # 12006

    @property
    def notes_queries(self) -> bool:
        """Whether queries have to be remembered for the checks."""
        return self.must_be_queried or self.must_be_queried_that_day

    def refunds_duplicates(self, pay_mode: str) -> bool:
        """Whether the payer of this channel is gone, so that a duplicate is paid back by us."""
        return "*" in self.auto_refund_paymodes or pay_mode in self.auto_refund_paymodes
