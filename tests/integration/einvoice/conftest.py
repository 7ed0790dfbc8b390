"""The office of the flows' tests, with the sample's keys and stock of e-invoices."""

from __future__ import annotations

from ..flows.conftest import office, offices

__all__ = ["office", "offices"]
