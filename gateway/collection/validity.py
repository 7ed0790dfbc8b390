"""How long a bill may be paid (缴款书有效期)."""

from __future__ import annotations

from ..clock import add_days
from ..workdays import Workdays


def expiry(bill_date: str, given: str, days: int | None, workdays: Workdays) -> str:
    """The last day of a bill's validity, yyyymmdd; '' when it has no end.

    The bill's own ExpiryDate, as it is; else DAYS counted from BillDate and moved to the next
    working day. The whole day counts.
    """
    if given or days is None:
        return given
    return workdays.on_or_after(add_days(bill_date, days))


def expired(expiry_date: str, today: str) -> bool:
    """Whether the last day of validity is over."""
    return bool(expiry_date) and expiry_date < today
