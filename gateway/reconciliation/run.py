"""A run of reconciliation over a day (对账): published signature, see `reconcile_day`."""

from __future__ import annotations

from .parts import CannotRunError, DayOutcome, NodeOutcome, ReconcileParts

__all__ = ["CannotRunError", "DayOutcome", "NodeOutcome", "ReconcileParts", "reconcile_day"]


async def reconcile_day(
    parts: ReconcileParts, date: str, node: str | None = None, *, dry_run: bool = False
) -> DayOutcome:
    """Reconcile a day (yyyymmdd) of one node, or of all. Raises CannotRunError, StoreError."""
    raise CannotRunError("nothing to run", f"{date} {node} {dry_run} {parts.owner}")
